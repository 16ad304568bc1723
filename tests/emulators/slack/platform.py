"""All parts of the platform in one place, for those who answer calls and those who play people."""

from dataclasses import dataclass, field
from typing import Any

from tests.emulators.shared.faults import Faults
from tests.emulators.slack.callbacks import Callbacks
from tests.emulators.slack.errors import missing
from tests.emulators.slack.events import Events
from tests.emulators.slack.interactions import Interactions
from tests.emulators.slack.messages import Messages
from tests.emulators.slack.model import Json
from tests.emulators.slack.outbox import PATIENCE, Outbox
from tests.emulators.slack.sessions import Sessions
from tests.emulators.slack.sockets import Sockets
from tests.emulators.slack.streams import Streams
from tests.emulators.slack.surfaces import Surfaces
from tests.emulators.slack.tiers import Tiers
from tests.emulators.slack.world import World


@dataclass(slots=True)
class Call:
    """One HTTP call, without secrets: `name` is a Web API method or a path.

    `status` is None while it has no answer, and if it never gets one; `error` is Slack's, None if it was ok.
    """

    number: int
    name: str
    at: float
    args: Json = field(default_factory=dict)
    status: int | None = None
    error: str | None = None
    took: float | None = None
    sent: int = 0
    """Bytes of a file that were sent."""


class Platform:
    """The world, what may happen in it, and what did. `patience`: seconds that Slack waits for the app."""

    def __init__(self, *, patience: float = PATIENCE) -> None:
        self.world = World()
        self.faults = Faults()
        self.sockets = Sockets(self.world)
        self.outbox = Outbox(self.world.clock, self.faults, self.sockets, patience)
        self.events = Events(self.world, self.outbox)
        self.messages = Messages(self.world, self.events)
        self.streams = Streams(self.world, self.messages)
        self.sessions = Sessions(self.world)
        self.surfaces = Surfaces(self.world)
        self.interactions = Interactions(self.world, self.messages, self.outbox)
        self.tiers = Tiers(self.world.clock)
        self.callbacks: Callbacks | None = None
        self.calls: list[Call] = []

    async def close(self) -> None:
        """Send nothing more."""
        self.faults.clear()
        await self.outbox.close()
        await self.sockets.close()
        await self.close_callbacks()

    async def close_callbacks(self) -> None:
        """End HTTP mode."""
        if self.callbacks:
            await self.callbacks.close()
            self.callbacks = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What a call asks for."""

    args: Json

    def need(self, name: str) -> str:
        """An argument that must be there."""
        given: Any = self.args.get(name)
        if given in (None, ""):
            raise missing(name)
        return str(given)
