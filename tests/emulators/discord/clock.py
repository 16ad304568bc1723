"""The ids that are made of the platform's time."""

from datetime import UTC, datetime

from tests.emulators.shared.clock import Clock as SharedClock

EPOCH = 1_420_070_400.0
"""Seconds from 1970 to the first moment of 2015, from which Discord counts."""


class Clock(SharedClock):
    """The time, and ids."""

    def __init__(self) -> None:
        super().__init__()
        self._last = 0

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
