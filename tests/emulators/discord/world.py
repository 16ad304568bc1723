"""All that stands on the platform, found by id, and the events that tell of changes."""

import base64
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from tests.emulators.discord.clock import Clock
from tests.emulators.discord.errors import refused
from tests.emulators.discord.model import Channel, File, Guild, Json, Message, Role, User

T = TypeVar("T")

GUILDS, GUILD_MEMBERS, PRESENCES = 1 << 0, 1 << 1, 1 << 8
GUILD_MESSAGES, GUILD_REACTIONS, GUILD_TYPING = 1 << 9, 1 << 10, 1 << 11
DM_MESSAGES, DM_REACTIONS, DM_TYPING = 1 << 12, 1 << 13, 1 << 14
MESSAGE_CONTENT = 1 << 15
"""Intents."""


@dataclass(frozen=True, slots=True)
class Event:
    """What gateways tell: to sessions that have one of `intents`, if any is named, on the guild's shard.

    `hidden` is what those without the message content intent are told instead.
    """

    name: str
    data: Json
    guild: str | None = None
    intents: int = 0
    hidden: Json | None = None


@dataclass(slots=True)
class Application:
    """The bot as its developer portal knows it.

    `commands` are those that were registered, by guild ("" for all guilds).
    """

    id: str
    bot: str
    owner: str
    token: str
    message_content: bool = True
    members_intent: bool = True
    presence_intent: bool = False
    commands: dict[str, list[Json]] = field(default_factory=dict)

    @property
    def flags(self) -> int:
        """The portal's switches as the API shows them, of a bot that is in few guilds."""
        return self.presence_intent << 13 | self.members_intent << 15 | self.message_content << 19


class World:
    """Everything there is. Lookups raise the API's own errors."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.users: dict[str, User] = {}
        self.guilds: dict[str, Guild] = {}
        self.channels: dict[str, Channel] = {}
        self.files: dict[str, File] = {}
        self.listeners: list[Callable[[Event], None]] = []
        self.address = ""
        """Where the CDN answers; known once the server listens."""
        self.links = 0
        """The generation of signed links; those of earlier ones are over."""
        bot, owner, application = (
            self.new_user("chasqui", bot=True),
            self.new_user("owner"),
            self.clock.snowflake(),
        )
        self.application = Application(application, bot.id, owner.id, _token(bot.id))

    def emit(self, event: Event) -> None:
        """Tell the gateways."""
        for listener in self.listeners:
            listener(event)

    def new_user(self, name: str, *, bot: bool = False) -> User:
        """Someone new."""
        user = User(self.clock.snowflake(), name, bot)
        self.users[user.id] = user
        return user

    def new_guild(self, name: str, owner: str, everyone: int) -> Guild:
        """A server in which everyone may do this."""
        guild = Guild(self.clock.snowflake(), name, owner)
        guild.roles[guild.id] = Role(guild.id, "@everyone", everyone)
        guild.members[owner] = []
        self.guilds[guild.id] = guild
        return guild

    def user(self, key: str) -> User:
        """The user of this id."""
        return _found(self.users.get(key), 10013)

    def guild(self, key: str) -> Guild:
        """The guild of this id."""
        return _found(self.guilds.get(key), 10004)

    def channel(self, key: str) -> Channel:
        """The channel of this id."""
        channel = _found(self.channels.get(key), 10003)
        if channel.deleted_at is not None:
            raise refused(10003)
        return channel

    def message(self, channel: str, key: str) -> Message:
        """The message of this id in this channel."""
        message = _found(self.channel(channel).messages.get(key), 10008)
        if message.deleted_at is not None:
            raise refused(10008)
        return message

    def parent(self, channel: Channel) -> Channel:
        """The channel whose permissions count: a thread's own are its parent's."""
        return self.channel(channel.thread.parent) if channel.thread else channel

    def channels_of(self, guild: Guild) -> list[Channel]:
        """The guild's channels and threads."""
        return [each for each in self.channels.values() if each.guild == guild.id and each.deleted_at is None]


def _found(thing: T | None, code: int) -> T:
    if thing is None:
        raise refused(code)
    return thing


def _token(bot: str) -> str:
    """A token of the form of real ones: the bot's id, then secrets."""
    first = base64.b64encode(bot.encode()).decode().rstrip("=")
    return f"{first}.{secrets.token_hex(3)}.{secrets.token_hex(14)}"
