"""The platform's time, which a test may let pass, and the ids that are made of it."""

import time
from datetime import UTC, datetime

EPOCH = 1_420_070_400.0
"""Seconds from 1970 to the first moment of 2015, from which Discord counts."""


class Clock:
    """Real time, plus what a test let pass on top."""

    def __init__(self) -> None:
        self._ahead = 0.0
        self._last = 0

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time() + self._ahead

    def advance(self, seconds: float) -> None:
        """Let this time pass at once."""
        self._ahead += seconds

    def snowflake(self) -> str:
        """A new id: unique, and greater than all before it."""
        self._last = max(self._last + 1, int((self.now() - EPOCH) * 1000) << 22)
        return str(self._last)


def when(snowflake: str) -> float:
    """The time of an id, in seconds since 1970."""
    return (int(snowflake) >> 22) / 1000 + EPOCH


def iso(seconds: float) -> str:
    """A time as Discord writes it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()
