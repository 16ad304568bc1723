"""What stands on the platform: people, channels, messages, streams, files and views, as plain values."""

import mimetypes
from dataclasses import dataclass, field
from typing import Any, Literal

Json = dict[str, Any]

ChannelKind = Literal["channel", "group", "im", "mpim"]
"""A public channel, a private one, a direct message, and one of several people."""


@dataclass(frozen=True, slots=True)
class Team:
    """A workspace."""

    id: str
    name: str
    domain: str


@dataclass(slots=True)
class User:
    """A person or a bot; an `admin` of their own workspace, or a `guest` there."""

    id: str
    name: str
    team: str
    bot: bool = False
    guest: bool = False
    admin: bool = False


@dataclass(slots=True)
class File:
    """A file. The metadata says that it has `claims` bytes; `serves` are sent (-1: without end).

    `withheld`: events name only its id, and `files.info` has the rest, as in Slack Connect.
    """

    id: str
    name: str
    user: str
    data: bytes
    mimetype: str
    claims: int
    serves: int
    title: str = ""
    created: float = 0.0
    withheld: bool = False
    uploaded: bool = True
    channels: list[str] = field(default_factory=list)
    deleted: bool = False


def content_type(name: str) -> str:
    """The type that Slack gives to a file of this name."""
    kind, _ = mimetypes.guess_type(name)
    return kind or "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Version:
    """What a message was from a time on."""

    at: float
    text: str = ""
    blocks: tuple[Json, ...] = ()
    attachments: tuple[Json, ...] = ()
    metadata: Json | None = None


StreamState = Literal["in_progress", "completed", "stopped", "died"]
"""A stream is written, was ended by its app, by a person, or by Slack."""

StreamMode = Literal["markdown_text", "chunks"]
"""How the first words of a stream came, and so all others."""


@dataclass(slots=True)
class Stream:
    """What a message has that is, or was, written bit by bit."""

    started: float
    recipient: str | None
    team: str | None
    mode: StreamMode | None = None
    state: StreamState = "in_progress"
    text: str = ""
    tasks: list[Json] = field(default_factory=list)


@dataclass(slots=True)
class Message:
    """A message with all that it ever was. `seen_by` is the one person who sees an ephemeral one."""

    ts: str
    channel: str
    author: str
    versions: list[Version]
    thread_ts: str | None = None
    subtype: str | None = None
    files: list[str] = field(default_factory=list)
    options: Json = field(default_factory=dict)
    reactions: dict[str, list[str]] = field(default_factory=dict)
    stream: Stream | None = None
    seen_by: str | None = None
    edited_at: float | None = None
    deleted_at: float | None = None

    @property
    def now(self) -> Version:
        """What it is."""
        return self.versions[-1]

    @property
    def root(self) -> str:
        """The timestamp of the thread that it is in or would start."""
        return self.thread_ts or self.ts


@dataclass(slots=True)
class Channel:
    """A place for messages; `shared`: people of another workspace are in it too."""

    id: str
    kind: ChannelKind
    name: str = ""
    members: set[str] = field(default_factory=set)
    shared: bool = False
    archived: bool = False
    messages: dict[str, Message] = field(default_factory=dict)

    def standing(self) -> list[Message]:
        """The messages that everyone sees, oldest first."""
        return [each for each in self.messages.values() if each.deleted_at is None and each.seen_by is None]


@dataclass(slots=True)
class View:
    """A modal, or somebody's home tab; `content` is what the app gave."""

    id: str
    user: str
    content: Json
    hash: str
    open: bool = True
    errors: Json = field(default_factory=dict)
