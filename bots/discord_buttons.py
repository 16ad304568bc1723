"""The buttons under an answer: stop it, have it again, see its sources, say what it was worth."""

import re
from dataclasses import replace
from typing import Any, Self

import discord

from adapters.discord import buttons
from adapters.discord.buttons import Press
from adapters.discord.footer import quotes
from bots.desk import THANKS, Desk
from bots.discord_caller import DiscordCaller, Interaction, answering, tell
from bots.discord_forms import form


class AnswerButton(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]],
    template=re.compile(buttons.TEMPLATE, re.ASCII),
):
    """Any button of ours; what it does stands in its id, so that it works after every restart."""

    def __init__(self, item: discord.ui.Button[discord.ui.View], press: Press) -> None:
        super().__init__(item)
        self._press = press

    @classmethod
    async def from_custom_id(
        cls, interaction: Interaction, item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        press = Press.read(match.string)
        assert press, "the template has matched"
        assert isinstance(item, discord.ui.Button)
        return cls(item, press)

    async def callback(self, interaction: Interaction) -> Any:
        act = _ACTS.get(self._press.verb)
        async with answering(interaction) as caller:
            if act:
                await act(caller, interaction.client.desk, self._press)


async def _stop(caller: DiscordCaller, desk: Desk, press: Press) -> None:
    await desk.stop(caller, press.thread, press.message_id)
    await caller.interaction.response.defer()


async def _again(caller: DiscordCaller, desk: Desk, press: Press) -> None:
    await caller.answers(desk, await desk.ask_again(caller, press.thread, press.message_id))


async def _sources(caller: DiscordCaller, desk: Desk, press: Press) -> None:
    turn = await desk.shown_turn(press.thread, press.message_id)
    cited = turn.citations if turn else ()
    await tell(caller.interaction, quotes(cited) if cited else "No source of this answer is kept.")


async def _good(caller: DiscordCaller, desk: Desk, press: Press) -> None:
    await desk.judge(caller, press.thread, press.message_id, helped=True)
    await tell(caller.interaction, THANKS)


async def _bad(caller: DiscordCaller, desk: Desk, press: Press) -> None:
    await desk.judge(caller, press.thread, press.message_id, helped=False)
    why = replace(press, verb="reason")
    title = "What was wrong with this answer?"
    await caller.interaction.response.send_modal(form(why, title, "In your words", most=1000, required=False))


_ACTS = {"stop": _stop, "again": _again, "sources": _sources, "good": _good, "bad": _bad}


async def keep_reason(caller: DiscordCaller, desk: Desk, press: Press, typed: str) -> None:
    """Keep why an answer did not help; who closes the form has said so all the same."""
    await desk.judge(caller, press.thread, press.message_id, helped=False, reason=typed)
    await tell(caller.interaction, THANKS)
