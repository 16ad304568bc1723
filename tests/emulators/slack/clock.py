"""The platform's time, which a test may let pass, and the timestamps that name messages."""

import asyncio
import contextlib
import time


class Clock:
    """Real time, plus what a test let pass on top."""

    def __init__(self) -> None:
        self._ahead = 0.0
        self._last = 0
        self._moved = asyncio.Event()

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time() + self._ahead

    def advance(self, seconds: float) -> None:
        """Let this time pass at once, for those who wait too."""
        self._ahead += seconds
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
