"""The Slack bot: its gateway with commands, shortcuts, buttons, forms, the agent's pane and the home tab."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import structlog

from adapters.slack import buttons, places
from adapters.slack import web as slack_web
from adapters.slack.buttons import Press
from adapters.slack.client import Slack
from adapters.slack.gateway import Event, Gateway
from adapters.slack.login import logged_in
from adapters.slack.people import People
from adapters.slack.responding import respond
from adapters.slack.sending import insist
from adapters.slack.sockets import LAST_TAKEN, Sockets
from bots import (
    slack_adding,
    slack_buttons,
    slack_commands,
    slack_home,
    slack_settings,
    slack_shortcuts,
    wiring,
)
from bots.desk import EDITED, Desk
from bots.settings import SlackSettings
from bots.slack_caller import SlackCaller, told
from bots.slack_forms import notice, section
from bots.web import Web
from bots.wiring import Stores
from core.draining import unless
from core.errors import PlatformError
from core.types import Message

log = structlog.get_logger()

_PATIENCE = aiohttp.ClientTimeout(total=30.0)
"""Seconds for one call of the Web API."""

_WAITED_FOR = 2.0
"""Seconds before something is acknowledged: after three its author reads that we do not answer."""

Body = dict[str, Any]
Ack = Callable[..., Awaitable[Any]]


class SlackBot(Gateway):
    """Listens, and turns what people type, pick and press into what the desk can do."""

    def __init__(self, slack: Slack, people: People, desk: Desk, *, pane: bool) -> None:
        super().__init__(slack, desk.intake, people, pane=pane)
        self.desk = desk
        self._people = people
        self.handlers |= {"app_home_opened": self._on_home}
        self.app.command(re.compile(""))(self._on_command)
        self.app.action(buttons.ACTION)(self._on_press)
        self.app.action(slack_home.FORGET)(self._on_forget)
        for shortcut in (*slack_shortcuts.SHORTCUTS, slack_adding.ADD):
            self.app.shortcut(shortcut.callback_id)(self._on_shortcut)
            self.app.view(shortcut.callback_id)(self._on_form)
        self.app.view(slack_settings.NAME)(self._on_form)
        self.app.view(slack_buttons.REASON)(self._on_form)

    async def was_asked(self, asked: Message) -> None:
        """A thread of the pane is called by its first question."""
        place = places.place(asked)
        if self.pane and place.is_direct and place.root and place.root == place.question:
            self.later(slack_home.name_thread(self.slack, place.channel, place.root, asked.text))

    async def was_edited(self, asked: Message) -> None:
        """Offer another answer, once for each change, also while the first one is being made."""
        if offered := await self.desk.offered(asked):
            self.later(self._offer(offered))

    async def _offer(self, asked: Message) -> None:
        place = places.place(asked)
        thread: Body = {"thread_ts": place.root} if place.root else {}
        offer = [section(EDITED), buttons.row(asked, "again", block_id="chasqui:offer")]
        await self.slack.call(
            "chat.postEphemeral",
            channel=place.channel,
            user=asked.author,
            text=EDITED,
            blocks=offer,
            **thread,
        )

    # --- What people do -------------------------------------------------------------------------

    def _caller(self, body: Body) -> SlackCaller:
        return SlackCaller.of(self.slack, self.reader, self._people, body)

    async def _on_command(self, body: Body, ack: Ack) -> None:
        caller = self._caller(body)
        answer = asyncio.ensure_future(told(slack_commands.answer(self.desk, caller, body)))
        done, _ = await asyncio.wait({answer}, timeout=_WAITED_FOR)
        await ack(answer.result() if done else "")
        if not done:
            self.later(self._do(caller, answer))

    async def _on_press(self, body: Body, action: Body, ack: Ack) -> None:
        caller, press = self._caller(body), Press.read(action)
        if press:
            await self._in_time(self._do(caller, slack_buttons.pressed(self.desk, caller, press)))
        await ack()

    async def _on_forget(self, body: Body, ack: Ack) -> None:
        await self._in_time(self._forget(self._caller(body)))
        await ack()

    async def _forget(self, caller: SlackCaller) -> None:
        text = await told(slack_home.forget_me(self.desk, caller))
        await told(self._open(caller, notice(slack_home.FORGET_TITLE, text)))

    async def _on_shortcut(self, body: Body, ack: Ack) -> None:
        caller = self._caller(body)
        await self._in_time(self._do(caller, self._picked(caller, body["callback_id"], body["message"])))
        await ack()

    async def _picked(self, caller: SlackCaller, name: str, message: Body) -> str:
        if name == slack_adding.ADD.callback_id:
            return await slack_adding.open_form(self.desk, caller, message)
        return await slack_shortcuts.open_form(self.desk, caller, slack_shortcuts.named(name), message)

    async def _in_time(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it before it is acknowledged, or go on behind that where Slack would wait too long."""
        done, _ = await asyncio.wait({self.later(work)}, timeout=_WAITED_FOR)
        for task in done:
            task.result()  # what went wrong is not acknowledged, so its author reads that it did

    async def _do(self, caller: SlackCaller, work: Awaitable[str]) -> None:
        await self._tell(caller, await told(work))

    async def _on_form(self, body: Body, view: Body, ack: Ack) -> None:
        text = await told(self._filled(self._caller(body), view))
        if text:
            await ack(response_action="update", view=notice(view["title"]["text"], text))
        else:
            await ack()

    async def _filled(self, caller: SlackCaller, view: Body) -> str:
        match view["callback_id"]:
            case slack_settings.NAME:
                return await slack_settings.save(self.desk, caller, view)
            case slack_buttons.REASON:
                return await slack_buttons.reason(self.desk, caller, view)
            case slack_adding.ADD.callback_id:
                return await slack_adding.add(self.desk, caller, view)
            case name:
                asked = await slack_shortcuts.ask(self.desk, caller, slack_shortcuts.named(name), view)
                if asked and not places.place(asked).person:
                    self.later(slack_shortcuts.show(self.slack, asked))
                return ""

    async def _on_home(self, event: Event) -> None:
        """Somebody looks at the home tab, or at the agent's pane."""
        if event.get("tab") == "home":
            self.later(slack_home.publish(self.desk, self.slack, str(event["user"])))
        elif self.pane:
            self.later(slack_home.suggest(self.slack, str(event["channel"])))

    async def _open(self, caller: SlackCaller, view: Body) -> str:
        await self.slack.call("views.open", trigger_id=caller.trigger, view=view)
        return ""

    async def _tell(self, caller: SlackCaller, text: str) -> None:
        """Say something to who pressed or picked, which nobody else sees."""
        if not text:
            return
        try:
            await insist(respond, self.slack, caller.respond, text, root=caller.root)
        except PlatformError as error:
            log.warning("slack.not_told", error=type(error).__name__, detail=str(error))


async def run(ours: SlackSettings, served: Web, kept: Stores, draining: asyncio.Event) -> None:
    """Listen until `draining` is set. Raises SettingsError for what only settings can mend.

    Where that happens before Slack was reached, it raises Drained.
    """
    assert ours.bot_token, "it was checked"
    token = ours.bot_token.get_secret_value()
    async with AsyncExitStack() as stack:
        login = logged_in(token, ours.api_url, kept.rates, patience=_PATIENCE)
        async with unless(draining):
            slack = await stack.enter_async_context(login)
        desk = wiring.desk(places.NAME, kept, ours)
        bot = SlackBot(slack, People(slack), desk, pane=slack.us.may("assistant:write"))
        if ours.mode == "http":
            assert ours.signing_secret, "it was checked"
            ours_web = slack_web.Web(ours.signing_secret.get_secret_value(), bot.take, kept.notes)
            async with served.mounted(slack_web.PATH, ours_web.take):
                served.watch(places.NAME, _well)
                log.info("slack.serving", path=slack_web.PATH)
                await draining.wait()
        else:
            assert ours.app_token, "it was checked"
            sockets = Sockets(slack.web, ours.app_token.get_secret_value(), bot.take)
            served.watch(places.NAME, sockets.wrong)
            await sockets.listen(draining)
        await bot.end(LAST_TAKEN)


async def _well() -> str:
    return ""
