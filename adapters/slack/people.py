"""What people are called on Slack and where they work, remembered for a while."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

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
class Person:
    """What somebody is called, and the workspace that they are of, as far as Slack says; known `until`.

    A guest is no member of it. An admin is one of that workspace, which need not be ours.
    """

    name: str
    team: str
    is_member: bool
    is_admin: bool
    until: float

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> Self:
        """Somebody as `users.info` tells: https://docs.slack.dev/reference/objects/user-object."""
        profile = told.get("profile") or {}
        name = profile.get("display_name") or profile.get("real_name") or told.get("name") or ""
        less = ("is_restricted", "is_ultra_restricted", "is_stranger", "is_bot", "deleted")
        return cls(
            str(name),
            str(told.get("team_id") or ""),
            is_member=not any(told.get(each) for each in less),
            is_admin=bool(told.get("is_admin") or told.get("is_owner")),
            until=time.monotonic() + _KNOWN,
        )


class People:
    """Who people are; of those of whom Slack does not tell in time nothing is known."""

    def __init__(self, slack: Slack) -> None:
        self._slack = slack
        self._known: dict[str, Person] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}

    async def names(self, people: Iterable[str]) -> dict[str, str]:
        """What these people are called, by their ids."""
        wanted = set(people)
        await self._know(wanted)
        return {each: self._known[each].name for each in wanted if each in self._known}

    async def person(self, person: str) -> Person | None:
        """Somebody as Slack tells of them now, or told within the hour; None where it does not in time."""
        await self._know({person})
        known = self._known.get(person)
        return known if known and time.monotonic() < known.until else None

    def team(self, person: str) -> str:
        """The workspace of a person, who in Slack Connect is of another one than we are; ours if in doubt."""
        known = self._known.get(person)
        return (known.team if known else "") or self._slack.us.team

    async def _know(self, wanted: set[str]) -> None:
        now = time.monotonic()
        known = {each for each in wanted if each in self._known and now < self._known[each].until}
        if asked := [task for each in sorted(wanted - known) if (task := self._asked(each))]:
            await asyncio.wait(asked, timeout=_PATIENCE)

    def _asked(self, person: str) -> "asyncio.Task[None] | None":
        """Slack is asked about a person, once at a time; None where too many are asked about already."""
        if person not in self._asking and len(self._asking) < _AT_ONCE:
            task = self._asking[person] = asyncio.create_task(self._ask(person))
            task.add_done_callback(lambda _: self._asking.pop(person))
        return self._asking.get(person)

    async def _ask(self, person: str) -> None:
        try:
            found = Person.read((await self._slack.call("users.info", user=person))["user"])
        except PlatformError as error:
            log.info("slack.person_not_read", error=str(error))
            return
        if len(self._known) >= _MANY:
            self._known.pop(next(iter(self._known)))
        self._known[person] = found
