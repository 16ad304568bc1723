"""What a test sees: messages with all that they ever were, interactions, calls and gateway sessions."""

import re
from dataclasses import dataclass

from tests.emulators.discord import commands
from tests.emulators.discord.interactions import FIRST_ANSWER
from tests.emulators.discord.model import EPHEMERAL, LOADING, Json, Message, Pinged, Version
from tests.emulators.discord.platform import Call, Platform
from tests.emulators.shared.errors import ControlError


@dataclass(frozen=True, slots=True)
class SeenFile:
    """A file under a message; `size` as its metadata says."""

    id: str
    name: str
    size: int


@dataclass(frozen=True, slots=True)
class SeenVersion:
    """What a message was from `at` on, in seconds since 1970 by the platform's clock."""

    at: float
    content: str
    embeds: tuple[Json, ...]
    components: tuple[Json, ...]
    files: tuple[SeenFile, ...]
    flags: int
    pinged: Pinged


@dataclass(frozen=True, slots=True)
class SeenMessage:
    """A message; `now` is its last version. `seen_by` is the one person who sees an ephemeral one."""

    id: str
    channel: str
    author: str
    type: int
    versions: tuple[SeenVersion, ...]
    nonce: str | None
    reply_to: str | None
    reactions: dict[str, list[str]]
    interaction: str | None
    seen_by: str | None
    edited_at: float | None
    deleted_at: float | None

    @property
    def now(self) -> SeenVersion:
        """What it is."""
        return self.versions[-1]

    @property
    def content(self) -> str:
        """Its text."""
        return self.now.content

    @property
    def loading(self) -> bool:
        """Whether people see "thinking" there."""
        return bool(self.now.flags & LOADING)

    @property
    def buttons(self) -> dict[str, str]:
        """The custom ids of its buttons that can be pressed, by label or emoji."""
        rows = [each for row in self.now.components for each in row.get("components", [])]
        pressable = [each for each in rows if "custom_id" in each and not each.get("disabled")]
        return {
            each.get("label") or each.get("emoji", {}).get("name", ""): each["custom_id"]
            for each in pressable
        }


@dataclass(frozen=True, slots=True)
class SeenInteraction:
    """What became of an interaction. `state`: "waiting", "thinking", "answered", "modal" or "failed".

    "failed" is what the person reads as "The application did not respond". `choices` are an autocompletion's.
    """

    id: str
    state: str
    answer: int | None
    answered_after: float | None
    original: str | None
    follow_ups: tuple[str, ...]
    ephemeral: bool
    choices: tuple[Json, ...]
    modal: Json | None


@dataclass(frozen=True, slots=True)
class SeenSession:
    """One session of the gateway."""

    shard: tuple[int, int]
    intents: int
    connected: bool
    events: int
    resumes: int
    heartbeats: int


@dataclass(frozen=True, slots=True)
class SeenGateway:
    """The gateway; `closes` are the codes with which it ended connections."""

    sessions: tuple[SeenSession, ...]
    identifies: int
    closes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SeenChannel:
    """A channel or a thread."""

    id: str
    type: int
    name: str
    parent: str | None
    owner: str
    archived: bool
    locked: bool
    tags: tuple[str, ...]
    deleted: bool


class Views:
    """Verbs that only look."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._world = platform.world

    async def messages(
        self, channel: str, *, by: str | None = None, deleted: bool = False
    ) -> list[SeenMessage]:
        """The channel's messages, oldest first, ephemeral ones too; only those `by` someone."""
        found = self._world.channels[channel].messages.values()
        return [
            seen(each)
            for each in found
            if (deleted or each.deleted_at is None) and (by is None or each.author == by)
        ]

    async def answers(self, channel: str) -> list[SeenMessage]:
        """What our bot says there, as it stands."""
        return await self.messages(channel, by=self._world.application.bot)

    async def message(self, channel: str, message: str) -> SeenMessage:
        """One message, deleted or not."""
        return seen(self._world.channels[channel].messages[message])

    async def typing(self, channel: str, user: str | None = None) -> list[float]:
        """The times at which someone, our bot if nobody is named, was seen typing."""
        who = user or self._world.application.bot
        return [at for at, each in self._world.channels[channel].typing if each == who]

    async def channel(self, channel: str) -> SeenChannel:
        """A channel or a thread, deleted or not."""
        found, thread = self._world.channels[channel], self._world.channels[channel].thread
        return SeenChannel(
            found.id,
            found.type,
            found.name,
            thread.parent if thread else None,
            found.owner,
            bool(thread and thread.archived),
            bool(thread and thread.locked),
            tuple(thread.tags if thread else found.tags.values()),
            found.deleted_at is not None,
        )

    async def threads(self, channel: str) -> list[str]:
        """The ids of a channel's threads or a forum's posts."""
        found = self._world.channels.values()
        return [
            each.id for each in found if each.thread and each.thread.parent == channel and not each.deleted_at
        ]

    async def interaction(self, interaction: str) -> SeenInteraction:
        """What became of an interaction."""
        known = self._platform.interactions.known.get(interaction)
        if known is None:
            raise ControlError(f"there is no interaction {interaction}")
        messages = self._world.channels[known.channel].messages
        original = messages.get(known.original or "")
        late = self._world.clock.now() - known.at > FIRST_ANSWER
        state = "failed" if late else "waiting"
        if known.answer is not None:
            state = "modal" if known.modal else "answered"
            if original and original.now.flags & LOADING:
                state = "thinking"
        return SeenInteraction(
            known.id,
            state,
            known.answer,
            known.answered_at - known.at if known.answered_at else None,
            known.original,
            tuple(known.follow_ups),
            bool(original and original.now.flags & EPHEMERAL),
            tuple(known.choices),
            known.modal,
        )

    async def commands(self, guild: str = "") -> list[Json]:
        """The commands that are registered in this guild alone, or in all."""
        return commands.known(self._world, guild)

    async def calls(self, route: str = "", *, since: int = 0) -> list[Call]:
        """The HTTP calls from number `since` on whose "METHOD /route" holds the expression."""
        found = self._platform.calls[since:]
        return [call for call in found if re.search(route, f"{call.method} {call.route}")]

    async def file(self, file: str) -> str:
        """What is in a file, if it is text."""
        return self._world.files[file].data.decode()

    async def gateway(self) -> SeenGateway:
        """The gateway's sessions and closes."""
        gateway = self._platform.gateway
        sessions = tuple(
            SeenSession(
                each.shard, each.intents, bool(each.connection), len(each.log), each.resumes, each.heartbeats
            )
            for each in gateway.sessions.values()
        )
        return SeenGateway(sessions, gateway.identifies, tuple(gateway.closes))


def seen(message: Message) -> SeenMessage:
    """A message as a test sees it."""
    reference = message.reference or {}
    return SeenMessage(
        message.id,
        message.channel,
        message.author,
        message.type,
        tuple(_version(each) for each in message.versions),
        message.nonce,
        reference.get("message_id"),
        {emoji: list(people) for emoji, people in message.reactions.items()},
        message.interaction,
        message.seen_by,
        message.edited_at,
        message.deleted_at,
    )


def _version(version: Version) -> SeenVersion:
    files = tuple(SeenFile(each.id, each.name, each.claims) for each in version.files)
    return SeenVersion(
        version.at, version.content, version.embeds, version.components, files, version.flags, version.pinged
    )
