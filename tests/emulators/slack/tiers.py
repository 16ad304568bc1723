"""Rate limits: per method, workspace and app, in a window of a minute. https://docs.slack.dev/apis/web-api/rate-limits.

Slack promises at least so many calls; here a call more is refused.
"""

import math
from collections import deque
from dataclasses import dataclass, field

from tests.emulators.slack.clock import Clock
from tests.emulators.slack.errors import limited
from tests.emulators.slack.model import Json

MINUTE = 60.0
PER_MINUTE = {1: 1, 2: 20, 3: 50, 4: 100}
"""Calls by tier."""

TIER = {
    "agents.sessions.rename": 3,
    "agents.sessions.setStatus": 3,
    "assistant.threads.setStatus": 4,
    "assistant.threads.setSuggestedPrompts": 3,
    "assistant.threads.setTitle": 3,
    "chat.appendStream": 4,
    "chat.delete": 3,
    "chat.getPermalink": 4,
    "chat.postEphemeral": 4,
    "chat.startStream": 2,
    "chat.stopStream": 2,
    "chat.update": 3,
    "conversations.history": 3,
    "conversations.info": 3,
    "conversations.open": 3,
    "conversations.replies": 3,
    "files.completeUploadExternal": 4,
    "files.getUploadURLExternal": 4,
    "files.info": 4,
    "reactions.add": 3,
    "reactions.remove": 2,
    "users.info": 4,
    "views.open": 4,
    "views.publish": 4,
    "views.update": 4,
}
POSTS = (3, 3.0)
"""Messages to one channel in so many seconds: one a second, with short bursts."""

ALL_POSTS = 300
"""Messages to all channels in a minute."""


@dataclass(slots=True)
class Tiers:
    """The calls of one app in one workspace; off until a test turns it on."""

    clock: Clock
    on: bool = False
    _spent: dict[str, deque[float]] = field(default_factory=dict)

    def take(self, method: str, args: Json) -> None:
        """Count a call, or raise `ratelimited` with the seconds to wait."""
        if not self.on:
            return
        if method == "chat.postMessage":
            self._spend(f"{method} {args.get('channel')}", *POSTS)
            self._spend(method, ALL_POSTS, MINUTE)
        elif method in TIER:
            self._spend(method, PER_MINUTE[TIER[method]], MINUTE)

    def _spend(self, key: str, calls: int, seconds: float) -> None:
        now, spent = self.clock.now(), self._spent.setdefault(key, deque())
        while spent and spent[0] <= now - seconds:
            spent.popleft()
        if len(spent) >= calls:
            raise limited(max(1, math.ceil(spent[0] + seconds - now)))
        spent.append(now)
