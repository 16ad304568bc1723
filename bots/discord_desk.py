"""What commands, menus and buttons on Discord have in common: asking, and who may do what."""

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import discord
import structlog

from adapters.discord import inbound, places
from adapters.discord.errors import mapped
from adapters.discord.inbound import Quoted
from adapters.discord.questions import Questions
from adapters.discord.sending import Token
from bots.channels import Channels
from core.channels import ChannelSettings
from core.commands import Conversation
from core.errors import PlatformError, StoreError, UserError
from core.intake import UNREACHABLE
from core.ports import Feedbacks, History, Inbox, Notes, People
from core.types import Attachment, Message, ThreadId, Turn

log = structlog.get_logger()

Interaction = discord.Interaction[Any]

_TOKEN_LASTS = 14.5 * 60
"""Seconds for which an interaction can be answered, with some left for the last write."""
_NOT_HERE = "I do not answer in this channel, or not you. Ask a moderator of this server."
_LOOKS, _BETWEEN_LOOKS = 10, 0.1
"""How often a turn is looked for, and seconds between: an interaction has three."""
NOT_YOURS = "Only whoever asked, or a moderator, can do this."
NOTHING_YET = "You have asked nothing here yet, or it is not kept any more."


@dataclass(frozen=True, slots=True)
class Desk:
    """Where people's presses and commands are turned into what chasqui can do."""

    inbox: Inbox
    history: History
    people: People
    feedbacks: Feedbacks
    notes: Notes
    channels: Channels
    moderators: Collection[str]

    @property
    def questions(self) -> Questions:
        """What is remembered of questions."""
        return Questions(self.notes)

    async def ask(
        self,
        interaction: Interaction,
        thread: ThreadId,
        text: str,
        *,
        attachments: Sequence[Attachment] = (),
        quoted: str = "",
    ) -> None:
        """Accept a question that came by an interaction, and acknowledge it behind that.

        Raises UserError where it is not accepted, and StoreError.
        """
        settings = await self.settings(interaction)
        if not inbound.may_ask(settings, interaction.user):
            raise UserError(_NOT_HERE)
        message = Message(
            places.by_interaction(interaction.id),
            thread,
            str(interaction.user.id),
            text,
            time.time(),
            author_name=interaction.user.display_name if interaction.guild_id else "",
            attachments=tuple(attachments),
            quoted=quoted,
            persona=settings.persona or "",
            grounding=settings.grounding or "",
        )
        token = Token(interaction.application_id, interaction.token)
        await self.notes.put(places.token_note(interaction.id), token.written(), seconds=_TOKEN_LASTS)
        await self.questions.remember(message)
        await self.inbox.put(message)
        with mapped():
            await interaction.response.defer(ephemeral=places.place(message).private, thinking=True)

    async def ask_again(self, interaction: Interaction, thread: ThreadId, message_id: str) -> None:
        """The turn of a question goes, and it is asked as it stands now. Raises as `ask`."""
        turn = await self.turn(thread, message_id)
        asked = await self._as_it_stands(interaction, thread, message_id)
        text = asked.text if asked else turn.question if turn else ""
        if not text and not (asked and asked.attachments):
            raise UserError("That question is not kept any more. Ask it again.")
        await self.inbox.delete(thread, message_id)
        files, quoted = (asked.attachments, asked.quoted) if asked else ((), "")
        await self.ask(interaction, thread, text, attachments=files, quoted=quoted)

    async def _as_it_stands(
        self, interaction: Interaction, thread: ThreadId, message_id: str
    ) -> Message | None:
        """The question's message as it is on Discord now; None where it was none, or is gone."""
        if not message_id.isdecimal():
            return None
        channel = await self.notes.get(places.opens_note(int(message_id))) or thread.key.partition("/")[0]
        try:
            with mapped():
                there = interaction.client.get_partial_messageable(int(channel))
                message = await there.fetch_message(int(message_id))
        except PlatformError:
            return None
        us = interaction.client.user.id if interaction.client.user else 0
        return inbound.question(message, us, ChannelSettings(), Quoted(thread=thread))

    def conversation(self, interaction: Interaction, thread: ThreadId) -> Conversation:
        """A thread as commands take it."""
        return Conversation(thread, str(interaction.user.id), self.history, self.people, self.inbox)

    async def thread(self, interaction: Interaction) -> ThreadId:
        """The thread in which a command is given: the one that its channel is, or this person's last one.

        Raises UserError where there is none.
        """
        here = self.here(interaction)
        return here or (await self.last(interaction))[0]

    def here(self, interaction: Interaction) -> ThreadId | None:
        """The thread that a channel is; None in an ordinary channel, which holds many."""
        if interaction.guild_id is None or isinstance(interaction.channel, discord.Thread):
            return places.conversation(interaction.channel_id or 0)
        return None

    async def last(self, interaction: Interaction) -> tuple[ThreadId, str]:
        """This person's last thread in this channel, and their last message there. Raises UserError."""
        last = await self.questions.last(str(interaction.channel_id or 0), str(interaction.user.id))
        if last is None:
            raise UserError(NOTHING_YET)
        return last

    async def must_own(self, interaction: Interaction, thread: ThreadId) -> None:
        """Raise UserError unless this person may change a thread: who began it, or a moderator."""
        if interaction.guild_id is None or thread != self.here(interaction):
            return  # a direct conversation, or one's own last thread
        began = await self.questions.of(thread.key)  # a thread has the id of its question
        owner = interaction.channel.owner_id if isinstance(interaction.channel, discord.Thread) else None
        if interaction.user.id != owner and (began is None or began[1] != str(interaction.user.id)):
            self.must_moderate(interaction)

    async def must_have_asked(self, interaction: Interaction, message_id: str) -> None:
        """Raise UserError unless this person asked that message, or may act for whoever did."""
        known = await self.questions.of(message_id)
        if known is None or known[1] != str(interaction.user.id):
            self.must_moderate(interaction)

    def must_moderate(self, interaction: Interaction) -> None:
        """Raise UserError unless this person may act for others, by the settings or by their rights here."""
        if not self.moderates(interaction):
            raise UserError(NOT_YOURS)

    def moderates(self, interaction: Interaction) -> bool:
        """Whether this person may act for others, by the team's settings or by their rights here."""
        person = interaction.user
        names = {str(person.id)}
        if isinstance(person, discord.Member):
            names |= {str(role.id) for role in person.roles} | {role.name for role in person.roles}
        rights = interaction.permissions
        return not names.isdisjoint(self.moderators) or rights.manage_messages or rights.administrator

    async def settings(self, interaction: Interaction) -> ChannelSettings:
        """What counts where an interaction came from."""
        return await self.channels.of(*places_of(interaction))

    async def turn(self, thread: ThreadId, message_id: str) -> Turn | None:
        """The turn of a message, while it is kept."""
        turns = await self.history.turns(thread)
        return next((turn for turn in turns if turn.message_id == message_id), None)

    async def shown_turn(self, thread: ThreadId, message_id: str) -> Turn | None:
        """As `turn`, of an answer whose end stands: it is kept a moment later."""
        for _ in range(_LOOKS):
            if turn := await self.turn(thread, message_id):
                return turn
            await asyncio.sleep(_BETWEEN_LOOKS)
        return None


@asynccontextmanager
async def answering(interaction: Interaction) -> AsyncIterator[None]:
    """Tell the person in one sentence why what they wanted is not done."""
    try:
        yield
    except UserError as error:
        await tell(interaction, error.sentence)
    except StoreError as error:
        log.error("discord.not_accepted", error=str(error))  # noqa: TRY400 - where it arose says no more
        await tell(interaction, UNREACHABLE)
    except PlatformError as error:
        log.warning("discord.not_acknowledged", error=type(error).__name__, detail=str(error))


async def tell(interaction: Interaction, text: str) -> None:
    """Say something to the person who pressed or typed, which nobody else sees."""
    try:
        with mapped():
            await interaction.response.send_message(text[:2000], ephemeral=True, suppress_embeds=True)
    except PlatformError as error:
        log.warning("discord.not_told", error=type(error).__name__, detail=str(error))


def places_of(interaction: Interaction) -> tuple[str, ...]:
    """The guild and the channel of an interaction, as `Channels.of` takes them."""
    channel = interaction.channel
    number = channel.parent_id if isinstance(channel, discord.Thread) else interaction.channel_id
    return tuple(str(place) for place in (interaction.guild_id, number) if place)
