"""Whether a replica is asked at all, by how it answered before."""

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

FAILURES = 5
"""Incidents in a row after which a replica is ejected."""
WINDOW = 30.0
"""Seconds in which nothing but failures, two at least, ejects it too."""
INCIDENT = 1.0
"""Seconds: a batch that fails takes all its streams along at once, and counts as one failure."""
EJECTED_FOR = 10.0
"""Seconds until an ejected replica is tried with one request; twice as long after each that fails."""
LONGEST_EJECTION = 160.0

State = Literal["well", "resting", "ejected", "on trial"]


class Asked(NamedTuple):
    """One request to the replica: its number, from 1, and when it began."""

    number: int
    began: float


class Breaker:
    """The state of one replica. `clock` tells the time in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._incidents = 0  # since it last answered
        self._first = self._last = -math.inf  # of them
        self._failed_at = -math.inf
        self._ejections = 0  # since it last answered
        self._until = -math.inf  # it rests, or is ejected
        self._asked = 0
        self._trial = 0  # the number of the request that tries it

    @property
    def state(self) -> State:
        """What is known of the replica now."""
        if self._clock() < self._until:
            return "ejected" if self._ejections else "resting"
        return "on trial" if self._ejections else "well"

    @property
    def lets_through(self) -> bool:
        """Whether it may be asked: while it is on trial, only by one request at a time."""
        return self._clock() >= self._until and not self._trial

    def begins(self) -> Asked:
        """Note that it is asked."""
        self._asked += 1
        if self.state == "on trial" and not self._trial:
            self._trial = self._asked
        return Asked(self._asked, self._clock())

    def succeeded(self, asked: Asked) -> None:
        """Note that it answered this: all that was before is forgotten.

        What it began before it failed tells nothing: a server that ends answers what it has, and no more.
        """
        if asked.began >= self._failed_at:
            self._incidents = self._ejections = self._trial = 0
            self._until = -math.inf

    def rests(self, seconds: float) -> None:
        """Note that it is away, or wants to be left alone for so long: it may just be loading."""
        self._failed_at = self._clock()
        self._until = max(self._until, self._failed_at + seconds)

    def failed(self, asked: Asked) -> bool:
        """Note that it failed at this; returns whether it is ejected by that.

        While it is tried only the trial counts: others that fail then began before it was ejected.
        """
        now, was_trial = self._clock(), asked.number == self._trial
        if self._trial and not was_trial:
            return False
        self._failed_at = now
        if not was_trial and (self.state == "ejected" or now < self._last + INCIDENT):
            return False
        self._first = now if not self._incidents else self._first
        self._incidents, self._last = self._incidents + 1, now
        for_long = self._incidents > 1 and now >= self._first + WINDOW
        if not (was_trial or for_long or self._incidents >= FAILURES):
            return False
        self.rests(min(EJECTED_FOR * 2**self._ejections, LONGEST_EJECTION))
        self._ejections += 1
        self._trial = 0
        return True

    def left(self, asked: Asked) -> None:
        """Note that nothing is known of how this request would have ended."""
        if asked.number == self._trial:
            self._trial = 0
