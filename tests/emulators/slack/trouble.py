"""What a test lets go wrong."""

from tests.emulators.shared.errors import ControlError
from tests.emulators.shared.trouble import Troubles
from tests.emulators.slack.platform import Platform
from tests.emulators.slack.sockets import Farewell


class Trouble(Troubles):
    """As `Troubles`, and what only this platform has."""

    def __init__(self, platform: Platform) -> None:
        super().__init__(platform.faults, platform.world.clock)
        self._platform = platform
        self._world = platform.world

    async def limit_rates(self, *, on: bool = True) -> None:
        """Count calls by Slack's tiers, or stop."""
        self._platform.tiers.on = on

    async def redeliver(self, delivery: int, reason: str = "timeout") -> None:
        """Send what was delivered once more, as after an acknowledgement that Slack missed."""
        self._platform.outbox.again(delivery, reason)

    async def refresh_sockets(self, reason: Farewell = "refresh_requested") -> None:
        """Send a disconnect frame over every socket."""
        await self._platform.sockets.refresh(reason)

    async def drop_sockets(self) -> None:
        """End all sockets without a word."""
        self._platform.sockets.drop()

    async def babble(self, text: str) -> None:
        """A text frame that is none of Slack's comes over every socket."""
        await self._platform.sockets.babble(text)

    async def silence_sockets(self) -> None:
        """The open sockets stay open, and nothing more comes over them."""
        self._platform.sockets.silence()

    async def kill_stream(self, channel: str, message: str) -> None:
        """Slack ends a stream before its time."""
        self._platform.streams.end(self._world.find(channel, message), by_person=False)

    async def forge(self, *, secret: str | None = None, timestamp: str | None = None) -> int:
        """Send the last event again over HTTP, signed with another secret or time; the answer's status."""
        sent = [each for each in self._platform.outbox.deliveries if each.kind == "events_api"]
        if self._platform.callbacks is None or not sent:
            raise ControlError("there is no HTTP mode, or nothing was sent")
        return await self._platform.callbacks.forge(sent[-1].payload, secret=secret, timestamp=timestamp)
