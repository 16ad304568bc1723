"""What people are called on Slack and where they work, remembered for a while."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass

import structlog

from adapters.slack.client import Slack
from core.errors import PlatformError

log = structlog.get_logger()

_KNOWN, _MANY = 3600.0, 10_000
"""Seconds for which people are remembered, and how many of them."""
_AT_ONCE = 20
"""People who are asked about at once. Others would wait for their turn; they are when they speak again."""
_PATIENCE = 0.5
"""Seconds for which a question waits for names."""


@dataclass(frozen=True, slots=True)
class _Person:
    """What somebody is called, and the workspace that they are of; known `until` this time."""

    name: str
    team: str
    until: float


class People:
    """Who people are; of those of whom Slack does not tell in time nothing is known."""

    def __init__(self, slack: Slack) -> None:
        self._slack = slack
        self._known: dict[str, _Person] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}

    async def names(self, people: Iterable[str]) -> dict[str, str]:
        """What these people are called, by their ids."""
        wanted, now = set(people), time.monotonic()
        known = {each for each in wanted if each in self._known and now < self._known[each].until}
        if asked := [task for each in sorted(wanted - known) if (task := self._asked(each))]:
            await asyncio.wait(asked, timeout=_PATIENCE)
        return {each: self._known[each].name for each in wanted if each in self._known}

    def team(self, person: str) -> str:
        """The workspace of a person, who in Slack Connect is of another one than we are; ours if in doubt."""
        return self._known[person].team if person in self._known else self._slack.us.team

    def _asked(self, person: str) -> "asyncio.Task[None] | None":
        """Slack is asked about a person, once at a time; None where too many are asked about already."""
        if person not in self._asking and len(self._asking) < _AT_ONCE:
            task = self._asking[person] = asyncio.create_task(self._ask(person))
            task.add_done_callback(lambda _: self._asking.pop(person))
        return self._asking.get(person)

    async def _ask(self, person: str) -> None:
        try:
            told = (await self._slack.call("users.info", user=person))["user"]
        except PlatformError as error:
            log.info("slack.person_not_read", error=str(error))
            return
        profile = told.get("profile") or {}
        name = profile.get("display_name") or profile.get("real_name") or told.get("name") or person
        if len(self._known) >= _MANY:
            self._known.pop(next(iter(self._known)))
        team = str(told.get("team_id") or self._slack.us.team)
        self._known[person] = _Person(str(name), team, time.monotonic() + _KNOWN)
