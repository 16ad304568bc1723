"""What commands, menus and buttons on Discord have in common: asking, and who may do what."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import astuple, dataclass, replace
from typing import Any

import discord
import structlog

from adapters.discord import inbound, places
from adapters.discord.errors import ACKNOWLEDGED, code_of, mapped
from adapters.discord.footer import whole_lines
from adapters.discord.gateway import Gateway
from adapters.discord.insisting import insist
from adapters.discord.questions import Asked
from adapters.discord.sending import Token
from bots.channels import Channels
from core.channels import ChannelSettings
from core.commands import Conversation
from core.errors import PlatformError, StoreError, UserError
from core.intake import UNREACHABLE
from core.ports import Feedbacks, History, Inbox, Notes, People
from core.questions import again
from core.types import Attachment, Message, ThreadId, Turn

log = structlog.get_logger()

Interaction = discord.Interaction[Any]

_TOKEN_LASTS = 14.5 * 60
"""Seconds for which an interaction can be answered, with some left for the last write."""
_FILES_LAST = 86_400.0
"""Seconds for which the files of a command are known, if it is asked again: Discord keeps them so long."""
_ACKNOWLEDGED_WITHIN = 2.5
"""Seconds for which an acknowledgement is tried: Discord waits for three."""
_LONGEST = 2000
"""Characters of a message."""
_NOT_HERE = "I do not answer in this channel, or not you. Ask a moderator of this server."
_LOOKS, _BETWEEN_LOOKS = 10, 0.1
"""How often a turn is looked for, and seconds between: an interaction has three."""
_NOT_KEPT = "That question is not kept any more. Ask it again."
_ASKED_AGAIN = "I was asked for that already: look for the newest answer below."
_NOT_EVERYWHERE = "Only who manages this server, or a moderator of the team, sets what counts in all of it."
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
    def questions(self) -> Asked:
        """What is remembered of questions."""
        return Asked(self.notes)

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
        settings = await self._must_answer(interaction)
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
        message = _seen(message, interaction)
        if attachments:
            files = json.dumps([astuple(each) for each in attachments])
            await self.notes.put(places.files_note(message.id), files, seconds=_FILES_LAST)
        await self._accept(interaction, message)
        await _acknowledge(interaction, message)

    async def ask_again(self, interaction: Interaction, thread: ThreadId, message_id: str) -> None:
        """A question is asked once more, by whoever asked it; then its turn goes. Raises as `ask`."""
        settings = await self._must_answer(interaction)
        asked = await self._as_it_stands(interaction, thread, message_id)
        if asked is None:
            asked = _seen(await self._as_it_was(thread, message_id, settings), interaction)
        asked = replace(asked, id=again(message_id), at=time.time())
        await self._accept(interaction, asked, instead_of=message_id)
        await _acknowledge(interaction, asked)

    async def _as_it_stands(
        self, interaction: Interaction, thread: ThreadId, message_id: str
    ) -> Message | None:
        """The question's message as it is on Discord now; None where it was none, or is gone."""
        number, _, _ = message_id.partition("+")
        gateway: Gateway = interaction.client
        return await gateway.read_again(thread, int(number)) if number.isdecimal() else None

    async def _as_it_was(self, thread: ThreadId, message_id: str, settings: ChannelSettings) -> Message:
        """A question that stands on Discord no more, or never did. Raises UserError where it is not kept."""
        turn = await self.shown_turn(thread, message_id)
        if turn is None:
            raise UserError(_NOT_KEPT)
        files = await self.notes.get(places.files_note(message_id.partition("+")[0]))
        return Message(
            message_id,
            thread,
            turn.author,
            turn.question,
            turn.at,
            author_name=turn.author_name,
            attachments=tuple(Attachment(*each) for each in json.loads(files or "[]")),
            persona=settings.persona or "",
            grounding=settings.grounding or "",
        )

    async def _accept(self, interaction: Interaction, message: Message, *, instead_of: str = "") -> None:
        """Put a question that this interaction answers. Raises UserError where it was put before.

        What it is asked `instead_of` goes behind that, and at once: its turn is not for the next prompt.
        """
        receipt = await self.inbox.put(message)
        if not receipt.accepted:
            raise UserError(_ASKED_AGAIN)
        if instead_of:
            await self.inbox.delete(message.thread, instead_of)
        token = Token(interaction.application_id, interaction.token)
        await self.notes.put(places.token_note(message.id), token.written(), seconds=_TOKEN_LASTS)
        await self.questions.remember(message)

    async def _must_answer(self, interaction: Interaction) -> ChannelSettings:
        """What counts here. Raises UserError where this person is not answered."""
        settings = await self.channels.of(*places_of(interaction))
        if not inbound.may_ask(settings, interaction.user):
            raise UserError(_NOT_HERE)
        return settings

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
        if isinstance(interaction.channel, discord.Thread):
            return inbound.of_channel(interaction.channel)
        return places.conversation(interaction.channel_id or 0) if interaction.guild_id is None else None

    async def last(self, interaction: Interaction) -> tuple[ThreadId, str]:
        """This person's last thread in this channel, and their last message there. Raises UserError."""
        last = await self.questions.last(str(interaction.channel_id or 0), str(interaction.user.id))
        if last is None:
            raise UserError(NOTHING_YET)
        return last

    async def must_own(self, interaction: Interaction, thread: ThreadId) -> None:
        """Raise UserError unless this person may change a thread: who began it, or a moderator."""
        if interaction.context.dm_channel:
            return
        owner = interaction.channel.owner_id if isinstance(interaction.channel, discord.Thread) else None
        if str(interaction.user.id) not in (str(owner), await self.questions.began(thread)):
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
        rights = interaction.permissions
        return self._is_named(interaction) or rights.manage_messages or rights.administrator

    def must_rule(self, interaction: Interaction) -> None:
        """Raise UserError unless this person may decide for a whole server, and not in one channel only."""
        person = interaction.user
        rights = person.guild_permissions if isinstance(person, discord.Member) else discord.Permissions()
        if not (self._is_named(interaction) or rights.manage_guild or rights.administrator):
            raise UserError(_NOT_EVERYWHERE)

    def _is_named(self, interaction: Interaction) -> bool:
        """Whether the team's settings name this person, or a role of theirs, as moderators."""
        person = interaction.user
        names = {str(person.id)}
        if isinstance(person, discord.Member):
            names |= {str(role.id) for role in person.roles} | {role.name for role in person.roles}
        return not names.isdisjoint(self.moderators)

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
    """Say something to the person who pressed or typed, which nobody else sees; whole lines that fit."""
    said = whole_lines(text, _LONGEST)
    try:
        await _respond(lambda: interaction.response.send_message(said, ephemeral=True, suppress_embeds=True))
    except PlatformError as error:
        log.warning("discord.not_told", error=type(error).__name__, detail=str(error))


async def _acknowledge(interaction: Interaction, message: Message) -> None:
    """Show that the answer to a message is being thought of; raises PlatformError."""
    private = places.place(message).private
    await _respond(lambda: interaction.response.defer(ephemeral=private, thinking=True))


async def _respond(call: Callable[[], Awaitable[object]]) -> None:
    """Answer an interaction, for which there are three seconds; raises PlatformError."""

    async def respond() -> None:
        try:
            with mapped():
                await call()
        except PlatformError as error:
            if code_of(error) != ACKNOWLEDGED:  # as it is when only Discord's answer got lost
                raise

    await insist(respond, patience=_ACKNOWLEDGED_WITHIN, event="discord.not_answered_yet")


def places_of(interaction: Interaction) -> tuple[str, ...]:
    """The guild and the channel of an interaction, as `Channels.of` takes them."""
    return tuple(str(place) for place in (interaction.guild_id, _channel(interaction)) if place)


def _channel(interaction: Interaction) -> int | None:
    channel = interaction.channel
    return channel.parent_id if isinstance(channel, discord.Thread) else interaction.channel_id


def _seen(message: Message, interaction: Interaction) -> Message:
    """With `Message.seen_by`: in a direct conversation with the bot nobody else sees anything either."""
    alone = places.place(message).private or bool(interaction.context.dm_channel)
    seen_by = places.seen_by(interaction.guild_id, _channel(interaction), int(message.author), alone=alone)
    return replace(message, seen_by=seen_by)
