"""The Discord bot in simcord, a Discord that others wrote: the same client, without a change."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from adapters.discord import places
from adapters.discord.buttons import row
from bots.channels import Channels
from bots.desk import Desk
from bots.discord_bot import DiscordBot
from core.types import Feedback, Message, ThreadId, Turn
from tests.adapters.platform_parts import FakeNotes
from tests.fakes import FakeInbox

simcord: Any = pytest.importorskip("simcord", reason="it is in the dev group")


@dataclass
class Kept:
    """History and feedback in memory, as far as the bot asks for them."""

    turns_: dict[ThreadId, list[Turn]] = field(default_factory=dict)
    feedback: list[Feedback] = field(default_factory=list)

    async def turns(self, thread: ThreadId) -> list[Turn]:
        """As `History.turns`."""
        return self.turns_.get(thread, [])

    async def put(self, thread: ThreadId, feedback: Feedback) -> None:
        """As `Feedbacks.put`."""
        self.feedback.append(feedback)


@dataclass
class Place:
    """The bot among people."""

    bot: DiscordBot
    inbox: FakeInbox
    kept: Kept
    channel: Any
    ana: Any

    @property
    def asked(self) -> Message:
        """The last question."""
        return self.inbox.messages[-1]


@asynccontextmanager
async def a_place() -> AsyncIterator[Place]:
    """A server with a channel and somebody in it."""
    inbox, kept, notes = FakeInbox(), Kept(), FakeNotes()
    ports: dict[str, Any] = {"inbox": inbox, "history": kept, "people": None, "feedbacks": kept}
    channels = Channels("discord", notes, {})
    nobody: dict[str, Any] = {"curators": (), "moderators": (), "shelf": None, "team": None, "survey": None}
    bot = DiscordBot(
        Desk("discord", **ports, notes=notes, channels=channels, **nobody),
        content=False,
        shards=1,
    )
    async with simcord.run(bot) as env:
        guild = env.create_guild()
        channel = guild.create_text_channel("general")
        yield Place(bot, inbox, kept, channel, guild.add_member(env.create_user("ana")))


async def test_a_mention_is_a_question() -> None:
    """With the file that came with it."""
    async with a_place() as place:
        assert place.bot.user
        await place.ana.send(
            place.channel, f"{place.bot.user.mention} How far is it?", attachments=[("a.txt", b"abc")]
        )
        assert place.asked.text == "How far is it?"
        assert [file.name for file in place.asked.attachments] == ["a.txt"]


async def test_a_command_is_a_question_that_is_thinking() -> None:
    """Deferred, for everybody or for the asker alone."""
    async with a_place() as place:
        for private in (False, True):
            result = await place.ana.slash(place.channel, "ask", question="How far is it?", private=private)
            assert result.deferred
            assert place.asked.text == "How far is it?"
            assert places.place(place.asked).private == private


async def test_buttons_do_what_they_say_after_a_restart() -> None:
    """Nothing is kept of a button but its id: stop, and a thumb with a reason."""
    async with a_place() as place:
        await place.ana.slash(place.channel, "ask", question="How far is it?")
        view = row(place.asked.thread, place.asked.id, 0, "stop", "bad")
        channel = place.bot.get_partial_messageable(place.channel.id)
        message = await channel.send("It is", view=view)
        stop, bad = (item.custom_id for item in view.children)  # type: ignore[attr-defined] # they are buttons

        await place.ana.click(message, custom_id=stop)
        assert [thread for thread, _ in place.inbox.stopped] == [place.asked.thread]

        shown = await place.ana.click(message, custom_id=bad)
        await place.ana.submit_modal(shown, {"typed": "Too short."})
        assert [feedback.reason for feedback in place.kept.feedback] == ["", "Too short."]
