"""The timestamps that name messages, and waiting by the platform's time."""

import asyncio
import contextlib

from tests.emulators.shared.clock import Clock as SharedClock


class Clock(SharedClock):
    """The time, for those who wait too, and timestamps."""

    def __init__(self) -> None:
        super().__init__()
        self._last = 0
        self._moved = asyncio.Event()

    def advance(self, seconds: float) -> None:
        """Let this time pass at once, for those who wait too."""
        super().advance(seconds)
        self._moved.set()
        self._moved = asyncio.Event()

    async def wait(self, seconds: float) -> None:
        """Come back when so much time has passed here."""
        until = self.now() + seconds
        while (left := until - self.now()) > 0:
            moved = self._moved
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(moved.wait(), left)

    def ts(self) -> str:
        """A new timestamp, as messages have: unique, and greater than all before it."""
        self._last = max(self._last + 1, int(self.now() * 1e6))
        return f"{self._last // 1_000_000}.{self._last % 1_000_000:06d}"
