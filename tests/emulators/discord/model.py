"""What stands on the platform: people, guilds, channels, messages and their files, as plain values."""

import mimetypes
from dataclasses import dataclass, field
from typing import Any, Final

Json = dict[str, Any]

TEXT, DM, FORUM = 0, 1, 15
PUBLIC_THREAD, PRIVATE_THREAD = 11, 12
THREADS: Final = (PUBLIC_THREAD, PRIVATE_THREAD)
"""Types of channels."""

DEFAULT, THREAD_CREATED, REPLY, SLASH, STARTER, MENU = 0, 18, 19, 20, 21, 23
"""Types of messages."""

SUPPRESS_EMBEDS, HAS_THREAD, EPHEMERAL, LOADING = 1 << 2, 1 << 5, 1 << 6, 1 << 7
SILENT, VOICE, HAS_SNAPSHOT, COMPONENTS_V2 = 1 << 12, 1 << 13, 1 << 14, 1 << 15
"""Flags of messages."""


@dataclass(slots=True)
class User:
    """A person or a bot."""

    id: str
    name: str
    bot: bool = False
    accepts_dms: bool = True


@dataclass(slots=True)
class Role:
    """A role of a guild; the one with the guild's own id is everyone's, and a `bot` has one of its own."""

    id: str
    name: str
    permissions: int
    mentionable: bool = False
    bot: str | None = None


@dataclass(slots=True)
class Overwrite:
    """What one role or member may or may not do in one channel."""

    id: str
    for_member: bool
    allow: int = 0
    deny: int = 0


@dataclass(slots=True)
class Guild:
    """A server; `members` are the ids of roles by the id of the member."""

    id: str
    name: str
    owner: str
    roles: dict[str, Role] = field(default_factory=dict)
    members: dict[str, list[str]] = field(default_factory=dict)


@dataclass(slots=True)
class File:
    """An attachment. The metadata says that it has `claims` bytes; `serves` are sent (-1: without end)."""

    id: str
    channel: str
    name: str
    data: bytes
    content_type: str
    claims: int
    serves: int
    ephemeral: bool = False
    extra: Json = field(default_factory=dict)


def content_type(name: str) -> str:
    """The type that Discord gives to a file of this name."""
    kind, _ = mimetypes.guess_type(name)
    kind = kind or "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


@dataclass(frozen=True, slots=True)
class Pinged:
    """Whom a message notifies: what `allowed_mentions` left over of the mentions in its text."""

    users: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    everyone: bool = False


@dataclass(frozen=True, slots=True)
class Version:
    """What a message was from a time on."""

    at: float
    content: str = ""
    embeds: tuple[Json, ...] = ()
    components: tuple[Json, ...] = ()
    files: tuple[File, ...] = ()
    flags: int = 0
    pinged: Pinged = Pinged()


@dataclass(slots=True)
class Message:
    """A message with all that it ever was."""

    id: str
    channel: str
    author: str
    type: int
    versions: list[Version]
    nonce: str | None = None
    reference: Json | None = None
    snapshots: list[Json] = field(default_factory=list)
    poll: Json | None = None
    reactions: dict[str, list[str]] = field(default_factory=dict)
    webhook: str | None = None
    interaction: str | None = None
    seen_by: str | None = None
    """The only person who sees it, if it is ephemeral."""
    edited_at: float | None = None
    deleted_at: float | None = None

    @property
    def now(self) -> Version:
        """What it is."""
        return self.versions[-1]


@dataclass(slots=True)
class Thread:
    """What a channel has when it is a thread or a forum's post."""

    parent: str
    archived: bool = False
    locked: bool = False
    changed_at: float = 0.0
    auto_archive: int = 1440
    tags: list[str] = field(default_factory=list)
    joined: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Channel:
    """A place for messages; `people` are those of a DM."""

    id: str
    type: int
    name: str = ""
    guild: str | None = None
    owner: str = ""
    topic: str | None = None
    overwrites: dict[str, Overwrite] = field(default_factory=dict)
    people: list[str] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    thread: Thread | None = None
    messages: dict[str, Message] = field(default_factory=dict)
    typing: list[tuple[float, str]] = field(default_factory=list)
    deleted_at: float | None = None

    def standing(self) -> list[Message]:
        """The messages that everyone sees, oldest first."""
        return [each for each in self.messages.values() if each.deleted_at is None and each.seen_by is None]
