"""Rate limits as they were seen at Discord: a bucket per route and channel, and one for everything.

Discord promises no numbers, only headers: https://discord.com/developers/docs/topics/rate-limits
"""

import hashlib
import math
import re
from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.emulators.discord.clock import Clock, when
from tests.emulators.discord.errors import ApiError


class Limit(NamedTuple):
    """So many calls in so many seconds, per value of the group `major` in the route."""

    route: re.Pattern[str]
    calls: int
    seconds: float


LIMITS = (
    Limit(re.compile(r"POST /channels/(?P<major>\d+)/messages"), 5, 5.0),
    Limit(re.compile(r"PATCH /channels/(?P<major>\d+)/messages/\d+"), 5, 5.0),
    Limit(re.compile(r"DELETE /channels/(?P<major>\d+)/messages/\d+"), 5, 1.0),
    Limit(re.compile(r"POST /channels/(?P<major>\d+)/typing"), 5, 5.0),
    Limit(re.compile(r"(PUT|DELETE) /channels/(?P<major>\d+)/messages/\d+/reactions/.*"), 1, 0.25),
    Limit(re.compile(r"(POST|PATCH|GET|DELETE) /webhooks/(?P<major>\d+/[^/]+)(/.*)?"), 5, 2.0),
)
OLD_EDITS = Limit(re.compile(r"PATCH /channels/(?P<major>\d+)/messages/(?P<message>\d+)"), 3, 20.0)
"""Edits of messages that are older than an hour."""

EVERYTHING = Limit(re.compile(r"(?!POST /interactions/|\w+ /webhooks/).*"), 50, 1.0)
"""All calls of a bot but those of interactions."""


@dataclass(slots=True)
class Buckets:
    """The buckets of one bot; off until a test turns them on."""

    clock: Clock
    on: bool = False
    _spent: dict[tuple[int, str], deque[float]] = field(default_factory=dict)

    def take(self, call: str) -> dict[str, str]:
        """The headers of a call, or 429 as an ApiError."""
        if not self.on:
            return {}
        if EVERYTHING.route.match(call) and (wait := self._spend(-1, "", EVERYTHING)[1]) > 0:
            raise _too_fast(
                wait, {"X-RateLimit-Global": "true", "X-RateLimit-Scope": "global"}, everything=True
            )
        old = OLD_EDITS.route.fullmatch(call)
        if old and self.clock.now() - when(old["message"]) > 3600:
            wait = self._spend(-2, old["major"], OLD_EDITS)[1]
            if wait > 0:
                raise _too_fast(wait, {"X-RateLimit-Scope": "user"}, code=30046)
        for number, limit in enumerate(LIMITS):
            if found := limit.route.fullmatch(call):
                return self._limited(number, limit, found["major"])
        return {}

    def _limited(self, number: int, limit: Limit, major: str) -> dict[str, str]:
        left, wait = self._spend(number, major, limit)
        oldest = self._spent[number, major][0]
        again = max(0.0, oldest + limit.seconds - self.clock.now())
        headers = {
            "X-RateLimit-Limit": str(limit.calls),
            "X-RateLimit-Remaining": str(left),
            "X-RateLimit-Reset": f"{self.clock.now() + again:.3f}",
            "X-RateLimit-Reset-After": f"{again:.3f}",
            "X-RateLimit-Bucket": hashlib.md5(
                limit.route.pattern.encode(), usedforsecurity=False
            ).hexdigest(),
        }
        if wait > 0:
            raise _too_fast(wait, headers | {"X-RateLimit-Scope": "user"})
        return headers

    def _spend(self, number: int, major: str, limit: Limit) -> tuple[int, float]:
        """How many calls are left after this one, and how long it has to wait if there was none."""
        now, spent = self.clock.now(), self._spent.setdefault((number, major), deque())
        while spent and spent[0] <= now - limit.seconds:
            spent.popleft()
        if len(spent) >= limit.calls:
            return 0, spent[0] + limit.seconds - now
        spent.append(now)
        return limit.calls - len(spent), 0.0


def _too_fast(wait: float, headers: dict[str, str], *, everything: bool = False, code: int = 0) -> ApiError:
    message = "You are being rate limited."
    if code:
        message = "Maximum number of edits to messages older than 1 hour reached. Try again later"
    body = {"message": message, "retry_after": round(wait, 3), "global": everything} | (
        {"code": code} if code else {}
    )
    return ApiError(429, body, headers | {"Retry-After": str(math.ceil(wait)), "Via": "1.1 google"})
