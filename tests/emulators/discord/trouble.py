"""What a test lets go wrong, and how it lets time pass."""

from tests.emulators.discord.faults import Fault
from tests.emulators.discord.platform import Platform


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
        """Count calls as Discord does, or stop."""
        self._platform.buckets.on = on

    async def advance(self, seconds: float) -> None:
        """Let time pass on the platform: for tokens, links, nonces and rate limits."""
        self._world.clock.advance(seconds)

    async def expire_links(self) -> None:
        """All links to files that were given so far are over; new ones are good."""
        self._world.links += 1

    async def drop(self, code: int = 1006) -> None:
        """End all gateway connections, with this close code; 1006: without a word."""
        await self._platform.gateway.drop(code)

    async def ask_to_reconnect(self) -> None:
        """The gateway sends op 7."""
        self._platform.gateway.ask_to_reconnect()

    async def invalidate(self, *, resumable: bool = False) -> None:
        """The gateway sends op 9."""
        self._platform.gateway.invalidate(resumable=resumable)

    async def silence(self) -> None:
        """The gateway's connections stay open and say nothing more: no events, no ACKs."""
        self._platform.gateway.silence()

    async def replay(self, events: int) -> None:
        """The gateway sends the last events of each session once more."""
        self._platform.gateway.replay(events)
