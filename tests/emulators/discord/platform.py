"""All parts of the platform in one place, for those who answer calls and those who play people."""

from dataclasses import dataclass, field
from typing import Any

from tests.emulators.discord.buckets import Buckets
from tests.emulators.discord.channels import Channels
from tests.emulators.discord.gateway import Gateway
from tests.emulators.discord.interactions import Interactions
from tests.emulators.discord.messages import Messages
from tests.emulators.discord.model import File, Json, content_type
from tests.emulators.discord.world import World
from tests.emulators.shared.faults import Faults


@dataclass(slots=True)
class Call:
    """One HTTP call, without secrets. `status` is None while it has no answer, and if it never gets one."""

    number: int
    method: str
    route: str
    path: str
    at: float
    headers: dict[str, str]
    body: Any = None
    status: int | None = None
    took: float | None = None
    sent: int = 0
    """Bytes of a file that were sent."""


@dataclass(slots=True)
class Platform:
    """The world, what may happen in it, and what did."""

    world: World
    gateway: Gateway
    messages: Messages = field(init=False)
    channels: Channels = field(init=False)
    interactions: Interactions = field(init=False)
    faults: Faults = field(default_factory=Faults)
    buckets: Buckets = field(init=False)
    calls: list[Call] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.messages = Messages(self.world)
        self.channels = Channels(self.world, self.messages)
        self.interactions = Interactions(self.world, self.messages)
        self.buckets = Buckets(self.world.clock)

    def file(
        self,
        channel: str,
        name: str,
        data: bytes,
        *,
        claims: int | None = None,
        serves: int | None = None,
        **extra: Any,
    ) -> File:
        """A new file on the CDN."""
        size = len(data)
        kind = extra.pop("content_type", None) or content_type(name)
        file = File(
            self.world.clock.snowflake(),
            channel,
            name,
            data,
            kind,
            size if claims is None else claims,
            size if serves is None else serves,
            extra=extra,
        )
        self.world.files[file.id] = file
        return file


@dataclass(frozen=True, slots=True)
class Asked:
    """What a call asks for: the parts of its path, its query, its JSON, and files by their number."""

    path: dict[str, str]
    query: dict[str, str]
    body: Any
    uploads: dict[str, tuple[str, bytes]] = field(default_factory=dict)

    def files(self, platform: Platform, channel: str, described: Json) -> list[File]:
        """The uploaded files, with what the message's `attachments` say of them."""
        about = {str(each.get("id")): each for each in described.get("attachments") or ()}
        found = []
        for number, (name, data) in self.uploads.items():
            extra = {
                key: value for key, value in about.get(number, {}).items() if key == "description" and value
            }
            found.append(platform.file(channel, about.get(number, {}).get("filename") or name, data, **extra))
        return found
