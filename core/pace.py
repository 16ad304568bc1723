"""When a reply may write next: as slow as its platform is, and as many replies as share what it counts.

What was slow or refused makes a reply wait longer at once, what went well lets it go faster step by
step (additive increase/multiplicative decrease: Chiu and Jain, 1989). Nothing here reads a clock: times
are given in seconds of any clock that only goes forward.
"""

import math
from dataclasses import dataclass

from core.types import PageProfile

SLOW = 0.9
"""Seconds: a platform that takes longer for one write is holding us back."""
LONGEST = 6.0
"""Seconds between two writes of one bucket, however slow it is."""
LONGEST_REST = 60.0
"""Seconds: a platform that wants to be left alone for longer is asked again after this."""
_AFTER_REFUSAL = 0.5
"""Seconds: the least that is waited after something went wrong, also where there is no pace."""


@dataclass(slots=True)
class _Bucket:
    """What a platform counts together: how many replies write there, and when it takes the next write."""

    replies: int = 0
    free_at: float = -math.inf
    opens_at: float = -math.inf  # after what the platform itself asked for


class Paces:
    """The paces of all replies of one process, which share the buckets of their profiles."""

    def __init__(self) -> None:
        self._buckets: dict[str, _Bucket] = {}

    @property
    def buckets(self) -> frozenset[str]:
        """Those that some reply uses now."""
        return frozenset(self._buckets)

    def pace(self) -> "Pace":
        """The pace of one more reply."""
        return Pace(self._buckets)


class Pace:
    """The pace of one reply. It counts in the bucket of its profile from its first delay until `leave`."""

    def __init__(self, buckets: dict[str, _Bucket]) -> None:
        self._buckets = buckets
        self._name = ""
        self._bucket = _Bucket(replies=1)
        self._interval = 0.0  # between two writes of the bucket, as far as this reply knows
        self._wrote_at = -math.inf

    def delay(self, profile: PageProfile, now: float) -> float:
        """Seconds until the next write may begin: 0 for the first one where the bucket is idle."""
        bucket = self._enter(profile.bucket)
        interval = max(profile.pace, self._interval) * bucket.replies
        return max(0.0, bucket.free_at - now, bucket.opens_at - now, self._wrote_at + interval - now)

    def closed_for(self, profile: PageProfile, now: float) -> float:
        """Seconds until the platform takes a write at all: for one that keeps no other pace."""
        return max(0.0, self._enter(profile.bucket).opens_at - now)

    def began(self, profile: PageProfile, now: float) -> None:
        """A write begins; what it takes counts as time that was waited."""
        self._enter(profile.bucket).free_at = now + profile.pace
        self._wrote_at = now

    def ended(self, profile: PageProfile, took: float) -> None:
        """The write that began last stands, after so many seconds."""
        if took > SLOW:
            self._slow_down(profile)
        else:
            self._interval = max(profile.pace, self._interval * 0.9)

    def refused(self, profile: PageProfile, now: float, retry_after: float | None) -> None:
        """The write that began last failed; `retry_after` is how long the platform wants none, if it said."""
        self._slow_down(profile)
        bucket = self._enter(profile.bucket)
        bucket.opens_at = max(bucket.opens_at, now + min(retry_after or 0.0, LONGEST_REST))

    def leave(self) -> None:
        """The reply is done: it counts no more, and a bucket that nobody uses is forgotten."""
        self._bucket.replies -= 1
        if not self._bucket.replies and self._name:
            del self._buckets[self._name]
        self._name, self._bucket = "", _Bucket(replies=1)

    def _slow_down(self, profile: PageProfile) -> None:
        slower = max(profile.pace, self._interval) * 1.6
        self._interval = max(profile.pace, min(max(slower, _AFTER_REFUSAL), LONGEST))

    def _enter(self, name: str) -> _Bucket:
        if name != self._name:  # a fallback writes elsewhere
            self.leave()
            self._name = name
            if name:
                self._bucket = self._buckets.setdefault(name, _Bucket())
                self._bucket.replies += 1
        return self._bucket
