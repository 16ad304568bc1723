"""What a test lets go wrong, and how it lets time pass."""

from tests.emulators.discord.faults import Fault
from tests.emulators.slack.errors import ControlError
from tests.emulators.slack.platform import Platform
from tests.emulators.slack.sockets import Farewell


class Trouble:
    """Verbs that disturb. Faults are made by the functions of the module `faults`."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._world = platform.world

    async def fault(self, fault: Fault) -> int:
        """Arm a fault; its number."""
        return self._platform.faults.add(fault)

    async def held(self, fault: int) -> int:
        """How many calls a fault holds."""
        return self._platform.faults.armed[fault].waiting

    async def release(self, fault: int) -> None:
        """Let the calls that a fault holds go on."""
        self._platform.faults.release(fault)

    async def clear_faults(self) -> None:
        """Take all faults away."""
        self._platform.faults.clear()

    async def limit_rates(self, *, on: bool = True) -> None:
        """Count calls by Slack's tiers, or stop."""
        self._platform.tiers.on = on

    async def advance(self, seconds: float) -> None:
        """Let time pass on the platform: for retries, streams, statuses, triggers and rate limits."""
        self._world.clock.advance(seconds)

    async def redeliver(self, delivery: int, reason: str = "timeout") -> None:
        """Send what was delivered once more, as after an acknowledgement that Slack missed."""
        self._platform.outbox.again(delivery, reason)

    async def refresh_sockets(self, reason: Farewell = "refresh_requested") -> None:
        """Send a disconnect frame over every socket."""
        await self._platform.sockets.refresh(reason)

    async def drop_sockets(self) -> None:
        """End all sockets without a word."""
        self._platform.sockets.drop()

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
