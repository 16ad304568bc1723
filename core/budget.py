"""How many requests may be sent a second time, so that trying again never becomes the load itself."""

from collections import deque
from collections.abc import Callable

WINDOW = 60.0
"""Seconds that are looked back on."""
SHARE = 0.1
"""Of the requests of that time."""
ALWAYS = 20
"""Retries that are granted however few requests there were: all that one replica had may fail at once."""


class RetryBudget:
    """The retries of one process. `clock` tells the time in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._requests: deque[float] = deque()
        self._retries: deque[float] = deque()

    def requested(self) -> None:
        """Note a request that is no retry."""
        self._requests.append(self._now(self._requests))

    def grants(self) -> bool:
        """Whether one more retry is left, which then is spent."""
        now = self._now(self._requests, self._retries)
        if len(self._retries) >= max(ALWAYS, SHARE * len(self._requests)):
            return False
        self._retries.append(now)
        return True

    def _now(self, *noted: deque[float]) -> float:
        """The time, when what is too old is forgotten."""
        now = self._clock()
        for times in noted:
            while times and times[0] <= now - WINDOW:
                times.popleft()
        return now
