"""Slack's gateway: listens, and puts what people ask into the inbox, or says why it does not."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from typing import Any, Generic, TypeVar
from weakref import WeakValueDictionary

import structlog
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.authorization.async_authorize import AsyncAuthorize
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack import inbound, logs, places
from adapters.slack.client import Bot, Slack
from adapters.slack.errors import Unreachable
from adapters.slack.inbound import Said
from adapters.slack.people import People
from adapters.slack.reading import Reader
from adapters.slack.sending import insist, tell_directly
from core.channels import ChannelSettings
from core.errors import InboxFull, PlatformError, StoreError
from core.intake import UNREACHABLE, Intake
from core.questions import Questions, again
from core.types import Message, ThreadId

log = structlog.get_logger()

Event = Mapping[str, Any]
T = TypeVar("T")

_LAST_TRY = 3
"""How often Slack tells a thing again that is not acknowledged: at once, in a minute and in five."""
_AT_ONCE = ("0", "1")
_TOLD = 3600.0
"""Seconds for which it is known that a sentence was said."""


class _Known(AsyncAuthorize):
    """Who we are. Bolt would ask Slack, and acknowledge what comes while Slack cannot be asked."""

    def __init__(self, us: Bot) -> None:
        self._us = AuthorizeResult(enterprise_id=None, team_id=us.team, bot_user_id=us.user, bot_id=us.bot)

    async def __call__(self, **_: Any) -> AuthorizeResult:
        return self._us


class Joint(Generic[T]):
    """Work that is done once at a time under a name: who wants it meanwhile waits for the same."""

    def __init__(self) -> None:
        self._doing: dict[str, asyncio.Task[T]] = {}

    @property
    def tasks(self) -> Collection["asyncio.Task[T]"]:
        """What is being done."""
        return self._doing.values()

    async def join(self, name: str, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The result of this work, which goes on also where who waits for it does not."""
        if name not in self._doing:
            task = self._doing[name] = asyncio.create_task(work())
            task.add_done_callback(lambda _: self._doing.pop(name))
        return await asyncio.shield(self._doing[name])


class Gateway:
    """The bot as Slack sees it. What comes is acknowledged once it was taken, and not before."""

    def __init__(self, slack: Slack, intake: Intake, people: People, *, pane: bool) -> None:
        """`pane`: direct messages stand in the pane of an agent, where each begins a thread."""
        logs.forward()
        self.slack = slack
        self.intake = intake
        self.pane = pane
        self.questions = Questions(places.NAME, intake.notes)
        self.reader = Reader(slack, intake, people)
        self.app = AsyncApp(
            name="chasqui",
            client=AsyncWebClient(),
            authorize=_Known(slack.us),
            process_before_response=True,
            request_verification_enabled=False,  # `web` does it, and minds what Bolt falls over
            attaching_function_token_enabled=False,
            attaching_conversation_kwargs_enabled=False,
        )
        self.app.error(self._failed)
        self.app.event(re.compile(""))(self._on_event)
        self.app.use(self._limited)
        self.handlers: dict[str, Callable[[Event], Awaitable[None]]] = {}
        self._taking, self._saying = Joint[str](), Joint[None]()
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._later: set[asyncio.Task[None]] = set()

    async def take(self, payload: Any, headers: Mapping[str, str]) -> BoltResponse:
        """As `Dispatch`, for what Socket Mode brings and for the body of a request."""
        mode = "http" if isinstance(payload, str) else "socket_mode"
        try:
            request = AsyncBoltRequest(mode=mode, body=payload, headers=dict(headers))
            return await self.app.async_dispatch(request)
        except Exception as error:  # noqa: BLE001 - Bolt falls over shapes that Slack does not document
            return await self._failed(error, payload if isinstance(payload, dict) else {})

    def later(self, work: Coroutine[Any, Any, object]) -> asyncio.Task[None]:
        """Do what nobody waits for, behind the acknowledgement; where Slack refuses it is left."""
        task = asyncio.create_task(self._left(work))
        self._later.add(task)
        task.add_done_callback(self._was_later)
        return task

    def _was_later(self, task: asyncio.Task[None]) -> None:
        self._later.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("slack.later_failed", exc_info=error)

    async def end(self, patience: float) -> None:
        """Let end what was begun, and what was left for later."""
        if tasks := [*self._taking.tasks, *self._saying.tasks, *self._later]:
            await asyncio.wait(tasks, timeout=patience)

    async def was_asked(self, asked: Message) -> None:
        """A question was accepted: `bots` says what else is done."""

    async def was_edited(self, asked: Message) -> None:
        """A question says something else now, and its answer was begun: `bots` says what is offered."""

    # --- What Slack tells -----------------------------------------------------------------------

    async def _limited(self, body: dict[str, Any], next_: Callable[[], Awaitable[Any]]) -> Any:
        """Where events are too many Slack leaves some out, and tells that by what is no event itself."""
        if body.get("type") != "app_rate_limited":
            return await next_()
        log.warning("slack.events_left_out", minute=body.get("minute_rate_limited"))
        return BoltResponse(status=200)

    async def _on_event(self, event: dict[str, Any], request: AsyncBoltRequest) -> None:
        kind = event.get("type")
        [told, *_] = request.headers.get("x-slack-retry-num") or ["0"]  # Socket Mode says 0 of the first one
        if kind in ("app_mention", "message"):
            shared = request.body.get("is_ext_shared_channel")
            await self._on_message(event, shared=shared, last_try=told == str(_LAST_TRY))
        elif kind == "agent_session_stopped":
            await self._stopped(event, late=told not in _AT_ONCE)
        elif handle := self.handlers.get(str(kind)):
            await handle(event)

    async def _on_message(self, event: Event, *, shared: object, last_try: bool) -> None:
        """Accept a question. Whatever is wrong with it, its author hears why."""
        channel, subtype = str(event.get("channel")), event.get("subtype")
        if subtype == "message_changed":
            await self._changed(channel, event)
        elif subtype == "message_deleted":
            await self._deleted(channel, places.by_message(channel, str(event.get("deleted_ts"))))
        elif said := inbound.by_person(event, channel):
            # In a channel a mention comes twice, also as a message: sentences are said to one of them.
            names_us = inbound.mentions(said, self.slack.us.user)
            speak = event["type"] == "app_mention" or said.direct or not names_us
            with structlog.contextvars.bound_contextvars(message_id=said.id):
                try:
                    await self.reader.audiences.heard(channel, shared)
                    refusal = await self._taken(said)
                    if refusal and speak:
                        await self._say_once(said, refusal)
                except StoreError:
                    if last_try and speak:
                        await self.say(said, UNREACHABLE)
                    raise

    async def _changed(self, channel: str, event: Event) -> None:
        """A question that waits is answered as it stands now; one that was answered may be so again."""
        message, before = event["message"], event.get("previous_message") or {}
        if message.get("subtype") == "tombstone":  # it is gone, and there are replies to it
            await self._deleted(channel, places.by_message(channel, str(message["ts"])))
            return
        said = inbound.by_person(message, channel)
        if said is None or message.get("text") == before.get("text"):
            return
        note, at = places.edited_note(said.id), str((message.get("edited") or {}).get("ts") or 0)
        if float(at) < float(await self.intake.notes.get(note) or 0):
            return  # it is told again, and something else was said since
        await self.intake.notes.put(note, at, seconds=places.TOLD_AGAIN)
        if known := await self.questions.of(said.id):
            asked = await self.reader.question(said, known[0], await self.reader.settings(channel))
            if not await self.intake.inbox.edit(asked):
                await self.was_edited(asked)

    async def _deleted(self, channel: str, message_id: str) -> None:
        """A question that is taken back is not answered, however often it was asked, and its turns go."""
        await self.intake.notes.put(places.gone_note(message_id), "", seconds=places.TOLD_AGAIN)
        while known := await self.questions.of(message_id):
            await self.intake.inbox.delete(known[0], message_id)
            if place := await self.intake.notes.get(places.waiting_note(message_id)):
                self.later(self.slack.call("chat.delete", channel=channel, ts=place))
            message_id = again(message_id)

    async def _stopped(self, event: Event, *, late: bool) -> None:
        """Who asked pressed Slack's own Stop; the streams have ended already.

        It may be told after that answer has ended, in the midst of the next one: it is for what grew then.
        Before anything grows it is for what is answered now, unless it is told late.
        """
        thread = places.in_thread(str(event["channel"]), str(event["thread_ts"]))
        growing = await self.intake.notes.get(places.stream_note(thread))
        streams: Collection[str] = event.get("streaming_message_ts") or ()
        if growing is None:
            if not streams and not late:
                await self.intake.inbox.stop(thread)
            return
        ts, _, message_id = growing.partition(" ")
        known = await self.questions.of(message_id)
        is_theirs = known is None or known[1] == event.get("user")
        is_it = ts in streams if streams else float(ts) <= float(event.get("event_ts") or "inf")
        if is_it and is_theirs:
            await self.intake.inbox.stop(thread, message_id)

    async def _failed(self, error: Exception, body: dict[str, Any]) -> BoltResponse:
        """One thing that cannot be taken stops no other; Slack tells it again."""
        event = body.get("event")
        kind = (event if isinstance(event, dict) else body).get("type")
        if isinstance(error, StoreError):
            log.error("slack.not_accepted", kind=kind, error=str(error))
        elif isinstance(error, PlatformError):
            log.warning("slack.not_said", kind=kind, error=str(error))
        else:
            log.error("slack.event_failed", kind=kind, exc_info=error)
        return BoltResponse(status=503)

    # --- Accepting ------------------------------------------------------------------------------

    async def _taken(self, said: Said) -> str:
        """Take a message, once also where it is told again meanwhile; a sentence for what is not accepted."""
        return await self._taking.join(said.id, lambda: self._take(said))

    async def _take(self, said: Said) -> str:
        """Accept what is for us, in the order in which it was said in its thread."""
        settings = await self.reader.settings(said.channel)
        if not inbound.may_ask(settings, said.author) or not await self._is_for_us(said, settings):
            return ""
        thread = inbound.thread_of(said, pane=self.pane)
        async with self._turns.setdefault(thread.key, asyncio.Lock()):
            return await self._accept(said, thread, settings)

    async def _accept(self, said: Said, thread: ThreadId, settings: ChannelSettings) -> str:
        asked = await self.reader.question(said, thread, settings)
        await self.questions.remember(asked)
        if not asked.text and not asked.attachments:
            return inbound.NOTHING_ASKED
        try:
            receipt = await self.intake.inbox.put(asked)
        except InboxFull as error:
            return error.sentence
        await self._changed_meanwhile(asked)
        await self.reader.was_asked(said, thread)
        if receipt.accepted:
            await self.was_asked(asked)
        return ""

    async def _changed_meanwhile(self, asked: Message) -> None:
        """What was taken back or edited while it was being read was not known to be a question."""
        notes = self.intake.notes
        gone, edited = await asyncio.gather(
            notes.get(places.gone_note(asked.id)), notes.get(places.edited_note(asked.id))
        )
        if gone is not None:
            await self.intake.inbox.delete(asked.thread, asked.id)
        elif edited is not None:
            now = await self.reader.as_it_stands(asked.thread, asked.id)
            if now and now.text != asked.text:
                await self.intake.inbox.edit(now)

    async def _is_for_us(self, said: Said, settings: ChannelSettings) -> bool:
        """Whether a message is for the bot: said to it, or in a thread that began with a question to it."""
        if said.direct or inbound.mentions(said, self.slack.us.user):
            return True
        if settings.every_message is False or inbound.names_others(said):
            return False
        began = said.thread and await self.questions.of(places.by_message(said.channel, said.thread))
        return bool(settings.every_message or began)

    # --- Saying ---------------------------------------------------------------------------------

    async def say(self, said: Said, text: str) -> None:
        """Reply to a message with a sentence; where that cannot be done its author is told directly.

        Raises PlatformError where neither can be: Slack tells the message again, and so perhaps later.
        """
        in_thread = not said.direct or self.pane or said.thread
        thread = {"thread_ts": said.root} if in_thread else {}
        try:
            await insist(self.tell, said.channel, text, **thread)
        except Unreachable:
            await insist(tell_directly, self.slack, said.author, text)

    async def tell(self, channel: str, text: str, **more: Any) -> None:
        """Say something in a channel. Raises PlatformError."""
        quiet = {"unfurl_links": False, "unfurl_media": False}
        await self.slack.call("chat.postMessage", channel=channel, text=text, **quiet, **more)

    async def _say_once(self, said: Said, text: str) -> None:
        """As `say`, once for each message, however often it is told."""
        await self._saying.join(said.id, lambda: self._say_unless_said(said, text))

    async def _say_unless_said(self, said: Said, text: str) -> None:
        note = f"{places.NAME}:told:{said.id}"
        if await self.intake.notes.get(note) is None:
            await self.say(said, text)
            await self.intake.notes.put(note, "told", seconds=_TOLD)

    async def _left(self, work: Coroutine[Any, Any, object]) -> None:
        try:
            await work
        except PlatformError as error:
            log.info("slack.left", error=str(error))
