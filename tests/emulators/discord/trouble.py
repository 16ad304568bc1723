"""What a test lets go wrong."""

from tests.emulators.discord.platform import Platform
from tests.emulators.shared.trouble import Troubles


class Trouble(Troubles):
    """As `Troubles`, and what only this platform has."""

    def __init__(self, platform: Platform) -> None:
        super().__init__(platform.faults, platform.world.clock)
        self._platform = platform
        self._world = platform.world

    async def limit_rates(self, *, on: bool = True) -> None:
        """Count calls as Discord does, or stop."""
        self._platform.buckets.on = on

    async def expire_links(self) -> None:
        """All links to files that were given so far are over; new ones are good."""
        self._world.links += 1

    async def drop(self, code: int = 1006) -> None:
        """End all gateway connections, with this close code; 1006: without a word."""
        await self._platform.gateway.drop(code)

    async def ask_to_reconnect(self) -> None:
        """The gateway sends op 7."""
        self._platform.gateway.ask_to_reconnect()

    async def invalidate(self, *, resumable: bool = False, shard: int | None = None) -> None:
        """The gateway sends op 9, to one shard or to all."""
        self._platform.gateway.invalidate(resumable=resumable, shard=shard)

    async def silence(self) -> None:
        """The gateway's connections stay open and say nothing more: no events, no ACKs."""
        self._platform.gateway.silence()

    async def replay(self, events: int) -> None:
        """The gateway sends the last events of each session once more."""
        self._platform.gateway.replay(events)
