"""What people are called on Slack, remembered for a while."""

import asyncio
import time
from collections.abc import Iterable

import structlog

from adapters.slack.client import Slack
from core.errors import PlatformError

log = structlog.get_logger()

_KNOWN = 3600.0
"""Seconds for which a name is remembered; of so many people, and below, of so many asked at once."""
_MANY = 10_000
_AT_ONCE = 20
_PATIENCE = 1.0
"""Seconds for which a question waits for names."""


class People:
    """The names of people; who cannot be asked about in time has none."""

    def __init__(self, slack: Slack) -> None:
        self._slack = slack
        self._known: dict[str, tuple[str, float]] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}

    async def names(self, people: Iterable[str]) -> dict[str, str]:
        """What these people are called, by their ids."""
        wanted, now = set(people), time.monotonic()
        unknown = [each for each in sorted(wanted) if self._known.get(each, ("", 0.0))[1] <= now]
        if unknown:
            await asyncio.wait([self._asked(each) for each in unknown[:_AT_ONCE]], timeout=_PATIENCE)
        return {each: self._known[each][0] for each in wanted if each in self._known}

    def _asked(self, person: str) -> "asyncio.Task[None]":
        """Slack is asked about a person, once at a time."""
        if person not in self._asking:
            task = self._asking[person] = asyncio.create_task(self._ask(person))
            task.add_done_callback(lambda _: self._asking.pop(person))
        return self._asking[person]

    async def _ask(self, person: str) -> None:
        try:
            told = (await self._slack.call("users.info", user=person))["user"]
        except PlatformError as error:
            log.info("slack.name_not_read", error=str(error))
            return
        profile = told.get("profile") or {}
        name = profile.get("display_name") or profile.get("real_name") or told.get("name") or person
        if len(self._known) >= _MANY:
            self._known.pop(next(iter(self._known)))
        self._known[person] = (str(name), time.monotonic() + _KNOWN)
