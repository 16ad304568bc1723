"""What a test sees: messages with all that they ever were, sessions, views, deliveries and calls."""

import re
from dataclasses import dataclass
from typing import Any

from tests.emulators.shared.errors import ControlError
from tests.emulators.slack import blocks
from tests.emulators.slack.blocks import elements_of
from tests.emulators.slack.model import Json, Message, Stream, StreamState, Version
from tests.emulators.slack.outbox import Delivery
from tests.emulators.slack.platform import Call, Platform


@dataclass(frozen=True, slots=True)
class SeenVersion:
    """What a message was from `at` on, in seconds since 1970 by the platform's clock.

    `text` is the notification's, `shown` what people read.
    """

    at: float
    text: str
    shown: str
    blocks: tuple[Json, ...]
    metadata: Json | None


@dataclass(frozen=True, slots=True)
class SeenStream:
    """A message that is or was written bit by bit."""

    state: StreamState
    started: float
    recipient: str | None
    team: str | None
    tasks: tuple[Json, ...]


@dataclass(frozen=True, slots=True)
class SeenFile:
    """A file; `size` as its metadata says."""

    id: str
    name: str
    title: str
    size: int
    user: str


@dataclass(frozen=True, slots=True)
class SeenMessage:
    """A message; `now` is its last version. `seen_by` is the one person who sees an ephemeral one.

    `options` are those of `unfurl_links`, `unfurl_media` and `username` that were given.
    """

    ts: str
    channel: str
    author: str
    thread: str | None
    subtype: str | None
    versions: tuple[SeenVersion, ...]
    files: tuple[SeenFile, ...]
    options: Json
    reactions: dict[str, list[str]]
    stream: SeenStream | None
    seen_by: str | None
    edited_at: float | None
    deleted_at: float | None

    @property
    def now(self) -> SeenVersion:
        """What it is."""
        return self.versions[-1]

    @property
    def text(self) -> str:
        """Its text in notifications."""
        return self.now.text

    @property
    def shown(self) -> str:
        """What people read."""
        return self.now.shown

    @property
    def actions(self) -> list[str]:
        """The action ids of what can be pressed."""
        return [str(each.get("action_id")) for block in self.now.blocks for each in elements_of(block)]


@dataclass(frozen=True, slots=True)
class SeenStatus:
    """A status line; `by` "assistant" (threads.setStatus), "session", or "reply" where an answer ended it."""

    at: float
    text: str
    loading: tuple[str, ...]
    by: str


@dataclass(frozen=True, slots=True)
class SeenSession:
    """What people see at a thread. `state` is of agents.sessions; `status` the line that is shown now."""

    state: str | None
    title: str
    prompts: tuple[Json, ...]
    prompts_title: str
    status: SeenStatus | None
    statuses: tuple[SeenStatus, ...]


@dataclass(frozen=True, slots=True)
class SeenInteraction:
    """What became of an interaction. `state`: "waiting", "acknowledged" or "failed".

    `opened` are views, `replies` the messages that came as its answer or over its response URL.
    """

    id: str
    kind: str
    state: str
    answer: Any
    opened: tuple[str, ...]
    replies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SeenView:
    """A modal or a home tab; `errors` are what the app found wrong in a form."""

    id: str
    user: str
    content: Json
    open: bool
    errors: Json

    @property
    def shown(self) -> str:
        """What people read."""
        return blocks.shown("", self.content["blocks"])


@dataclass(frozen=True, slots=True)
class SeenSockets:
    """The connections that are open, by number, and how many envelopes each was sent."""

    envelopes: dict[int, int]


class Sights:
    """Verbs that only look."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._world = platform.world

    async def messages(
        self, channel: str, *, by: str | None = None, thread: str | None = None, deleted: bool = False
    ) -> list[SeenMessage]:
        """The channel's messages, oldest first, ephemeral ones too; only `by` someone, or in a `thread`."""
        self._platform.streams.expire()
        return [
            self._seen(each)
            for each in self._world.place(channel).messages.values()
            if (deleted or each.deleted_at is None)
            and (by is None or each.author == by)
            and (thread is None or each.root == thread)
        ]

    async def answers(self, channel: str, thread: str | None = None) -> list[SeenMessage]:
        """What our bot says there, as it stands."""
        return await self.messages(channel, by=self._world.application.bot, thread=thread)

    async def message(self, channel: str, message: str) -> SeenMessage:
        """One message, deleted or not."""
        self._platform.streams.expire()
        return self._seen(self._world.find(channel, message))

    async def session(self, channel: str, thread: str = "") -> SeenSession:
        """Status, title and prompts of a thread, or of a whole pane."""
        known = self._platform.sessions.of(channel, thread)
        shown = self._platform.sessions.shown(channel, thread)
        statuses = tuple(SeenStatus(each.at, each.text, each.loading, each.by) for each in known.statuses)
        now = SeenStatus(shown.at, shown.text, shown.loading, shown.by) if shown else None
        prompts = tuple(known.prompts)
        return SeenSession(known.state, known.title, prompts, known.prompts_title, now, statuses)

    async def interaction(self, interaction: str) -> SeenInteraction:
        """What became of an interaction."""
        known = self._platform.interactions.known.get(interaction)
        if known is None:
            raise ControlError(f"there is no interaction {interaction}")
        opened, replies = tuple(known.opened), tuple(known.replies)
        return SeenInteraction(known.id, known.kind, known.state, known.answer, opened, replies)

    async def view(self, view: str) -> SeenView:
        """A modal or a home tab."""
        found = self._world.views[view]
        return SeenView(found.id, found.user, found.content, found.open, found.errors)

    async def home(self, user: str) -> SeenView | None:
        """Somebody's home tab."""
        key = self._platform.surfaces.homes.get(user)
        return await self.view(key) if key else None

    async def file(self, file: str) -> str:
        """What is in a file, if it is text."""
        return self._world.files[file].data.decode()

    async def deliveries(self, name: str = "") -> list[Delivery]:
        """What was sent to the app, with every try; only of this event, command or kind of interaction."""
        return [each for each in self._platform.outbox.deliveries if not name or each.name == name]

    async def calls(self, name: str = "", *, since: int = 0) -> list[Call]:
        """The HTTP calls from number `since` on whose name holds the expression."""
        return [call for call in self._platform.calls[since:] if re.search(name, call.name)]

    async def sockets(self) -> SeenSockets:
        """The connections of Socket Mode."""
        return SeenSockets({each.number: each.envelopes for each in self._platform.sockets.open})

    def _seen(self, message: Message) -> SeenMessage:
        files = [self._world.files[key] for key in message.files]
        return SeenMessage(
            message.ts,
            message.channel,
            message.author,
            message.thread_ts,
            message.subtype,
            tuple(_version(each) for each in message.versions),
            tuple(SeenFile(each.id, each.name, each.title, each.claims, each.user) for each in files),
            message.options,
            {name: list(people) for name, people in message.reactions.items()},
            _stream(message.stream) if message.stream else None,
            message.seen_by,
            message.edited_at,
            message.deleted_at,
        )


def _stream(stream: Stream) -> SeenStream:
    return SeenStream(stream.state, stream.started, stream.recipient, stream.team, tuple(stream.tasks))


def _version(version: Version) -> SeenVersion:
    shown = blocks.shown(version.text, version.blocks)
    return SeenVersion(version.at, version.text, shown, version.blocks, version.metadata)
