"""Who types, picks and presses on Discord, and how they are told what became of it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import discord
import structlog

from adapters.discord import inbound, places
from adapters.discord.errors import ACKNOWLEDGED, InteractionOver, code_of, mapped
from adapters.discord.files import text_of
from adapters.discord.footer import quotes, whole_lines
from adapters.discord.insisting import insist
from adapters.discord.markdown import literal
from adapters.discord.sending import ACKNOWLEDGED_WITHIN, Token
from bots.desk import Desk
from core.channels import ChannelSettings
from core.commands import Told
from core.errors import PlatformError, StoreError, UserError
from core.intake import UNREACHABLE
from core.types import Message, ThreadId

log = structlog.get_logger()

Interaction = discord.Interaction[Any]

_TOKEN_LASTS = 14.5 * 60
"""Seconds for which an interaction can be answered, with some left for the last write."""
_INSISTS = 2.5
"""Seconds for which an acknowledgement is tried: Discord waits for three."""
_LONGEST = 2000
"""Characters of a message."""


@dataclass(frozen=True, slots=True)
class DiscordCaller:
    """As `Caller`."""

    interaction: Interaction

    @property
    def person(self) -> str:
        """As `Caller.person`."""
        return str(self.interaction.user.id)

    @property
    def message_id(self) -> str:
        """As `Caller.message_id`."""
        return places.by_interaction(self.interaction.id)

    @property
    def names(self) -> set[str]:
        """As `Caller.names`: their roles, by id and by name."""
        person = self.interaction.user
        roles = person.roles if isinstance(person, discord.Member) else []
        return {self.person} | {str(role.id) for role in roles} | {role.name for role in roles}

    @property
    def channel(self) -> str:
        """As `Caller.channel`."""
        return str(self.interaction.channel_id or 0)

    @property
    def places(self) -> tuple[str, ...]:
        """As `Caller.places`: what counts in a thread is what counts in its channel."""
        return tuple(str(place) for place in (self.interaction.guild_id, self._channel) if place)

    @property
    def here(self) -> ThreadId | None:
        """As `Caller.here`."""
        if isinstance(self.interaction.channel, discord.Thread):
            return inbound.of_channel(self.interaction.channel)
        return places.conversation(int(self.channel)) if self.interaction.guild_id is None else None

    @property
    def alone(self) -> ThreadId:
        """As `Caller.alone`."""
        return places.private(int(self.channel), self.interaction.user.id)

    @property
    def rules(self) -> bool:
        """Whether they decide for a whole server, and not in one channel only."""
        person = self.interaction.user
        rights = person.guild_permissions if isinstance(person, discord.Member) else discord.Permissions()
        return rights.manage_guild or rights.administrator

    def may_ask(self, settings: ChannelSettings) -> bool:
        """As `Caller.may_ask`."""
        return inbound.may_ask(settings, self.interaction.user)

    async def moderates(self) -> bool:
        """As `Caller.moderates`, by their rights in this channel."""
        rights = self.interaction.permissions
        return rights.manage_messages or rights.administrator

    async def name(self) -> str:
        """As `Caller.name`."""
        return self.interaction.user.display_name if self.interaction.guild_id else ""

    async def seen_by(self, asked: Message) -> tuple[str, ...]:
        """As `Caller.seen_by`: in a direct conversation with the bot nobody else sees anything."""
        alone = places.place(asked).private or bool(self.interaction.context.dm_channel)
        return places.seen_by(self.interaction.guild_id, self._channel, int(asked.author), alone=alone)

    async def as_it_stands(self, thread: ThreadId, message_id: str) -> Message | None:
        """As `Caller.as_it_stands`."""
        number, _, _ = message_id.partition("+")
        found: Message | None = None
        if number.isdecimal():
            found = await self.interaction.client.read_again(thread, int(number))
        return found

    async def quoted(self, about: str) -> str | None:
        """As `Caller.quoted`; a message is named by its channel and its own number."""
        channel, _, number = about.partition(" ")
        try:
            with mapped():
                there = self.interaction.client.get_partial_messageable(int(channel))
                return quote(await there.fetch_message(int(number)))
        except PlatformError as error:
            log.info("discord.question_not_read", error=str(error))
            return None

    async def answers(self, desk: Desk, asked: Message) -> None:
        """Let this interaction be where a question is answered, and acknowledge it. Raises PlatformError."""
        token = Token(self.interaction.application_id, self.interaction.token)
        await desk.notes.put(places.token_note(asked.id), token.written(), seconds=_TOKEN_LASTS)
        try:
            await self.waits(private=places.place(asked).private)
        except InteractionOver:  # the worker need not wait for what will not come
            await desk.notes.put(places.late_note(asked.id), "late", seconds=ACKNOWLEDGED_WITHIN)
            raise

    async def waits(self, *, private: bool) -> None:
        """Acknowledge what takes longer than an interaction may. Raises PlatformError."""
        response = self.interaction.response
        await _respond(lambda: response.defer(ephemeral=private, thinking=True))

    @property
    def _channel(self) -> int | None:
        channel = self.interaction.channel
        return channel.parent_id if isinstance(channel, discord.Thread) else self.interaction.channel_id


def desk_of(interaction: Interaction) -> Desk:
    """The desk of the bot to which somebody speaks."""
    desk: Desk = interaction.client.desk
    return desk


def quote(message: discord.Message) -> str:
    """What a message says, with its author's name."""
    text = text_of(message)
    return f"{message.author.display_name}: {text}" if text else ""


@asynccontextmanager
async def answering(interaction: Interaction) -> AsyncIterator[DiscordCaller]:
    """Whoever did this; they are told in one sentence why what they wanted is not done.

    Where Discord heard from us too late, it has told them so itself, and takes nothing more.
    """
    try:
        yield DiscordCaller(interaction)
    except InteractionOver as error:
        _not_acknowledged(interaction, error)
    except UserError as error:
        await tell(interaction, error.sentence)
    except StoreError as error:
        log.error("discord.not_accepted", error=str(error))  # noqa: TRY400 - where it arose says no more
        await tell(interaction, UNREACHABLE)
    except PlatformError as error:
        _not_acknowledged(interaction, error)


def _not_acknowledged(interaction: Interaction, error: PlatformError) -> None:
    about = places.by_interaction(interaction.id)
    log.warning("discord.not_acknowledged", message_id=about, error=type(error).__name__, detail=str(error))


async def tell(interaction: Interaction, said: str | Told) -> None:
    """Say something to the person who pressed or typed, which nobody else sees; whole lines that fit."""
    text = whole_lines(said if isinstance(said, str) else _shown(said), _LONGEST)
    response = interaction.response
    try:
        if response.is_done():
            await _respond(lambda: interaction.edit_original_response(content=text))
        else:
            await _respond(lambda: response.send_message(text, ephemeral=True, suppress_embeds=True))
    except PlatformError as error:
        log.warning("discord.not_told", error=type(error).__name__, detail=str(error))


def _shown(told: Told) -> str:
    """What a command says, as `content` of a message."""
    return "\n".join(filter(None, (told.text, quotes(told.citations), *map(literal, told.lines))))


async def _respond(call: Callable[[], Awaitable[object]]) -> None:
    """Answer an interaction, for which there are three seconds; raises PlatformError."""

    async def respond() -> None:
        try:
            with mapped():
                await call()
        except PlatformError as error:
            if code_of(error) != ACKNOWLEDGED:  # as it is when only Discord's answer got lost
                raise

    await insist(respond, patience=_INSISTS, event="discord.not_answered_yet")
