"""The buttons under an answer: stop it, have it again, see its sources, say what it was worth."""

import re
import time
from dataclasses import replace
from typing import Any, Self

import discord

from adapters.discord import buttons
from adapters.discord.buttons import Press
from adapters.discord.footer import quotes
from bots.discord_desk import Desk, Interaction, answering, tell
from bots.discord_forms import form
from core.types import Feedback

_THANKS = "Thank you. This helps whoever looks after the answers here."


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
        async with answering(interaction):
            if act:
                await act(interaction, interaction.client.desk, self._press)


async def _stop(interaction: Interaction, desk: Desk, press: Press) -> None:
    await desk.must_have_asked(interaction, press.message_id)
    await desk.inbox.stop(press.thread, press.message_id)
    await interaction.response.defer()


async def _again(interaction: Interaction, desk: Desk, press: Press) -> None:
    await desk.must_have_asked(interaction, press.message_id)
    await desk.ask_again(interaction, press.thread, press.message_id)


async def _sources(interaction: Interaction, desk: Desk, press: Press) -> None:
    turn = await desk.shown_turn(press.thread, press.message_id)
    cited = turn.citations if turn else ()
    await tell(interaction, quotes(cited) if cited else "No source of this answer is kept.")


async def _good(interaction: Interaction, desk: Desk, press: Press) -> None:
    await _keep(interaction, press, helped=True)
    await tell(interaction, _THANKS)


async def _bad(interaction: Interaction, desk: Desk, press: Press) -> None:
    await _keep(interaction, press, helped=False)
    why = replace(press, verb="reason")
    title = "What was wrong with this answer?"
    await interaction.response.send_modal(form(why, title, "In your words", most=1000, required=False))


_ACTS = {"stop": _stop, "again": _again, "sources": _sources, "good": _good, "bad": _bad}


async def _keep(interaction: Interaction, press: Press, *, helped: bool, reason: str = "") -> None:
    desk: Desk = interaction.client.desk
    feedback = Feedback(press.message_id, str(interaction.user.id), helped, time.time(), reason)
    await desk.feedbacks.put(press.thread, feedback)


async def keep_reason(interaction: Interaction, press: Press, typed: str) -> None:
    """Keep why an answer did not help; who closes the form has said so all the same."""
    await _keep(interaction, press, helped=False, reason=typed)
    await tell(interaction, _THANKS)
