"""What a workspace does not offer, as its refusals have shown."""

import time

import structlog

from adapters.slack import places
from core.errors import PlatformError
from core.ports import Notes

log = structlog.get_logger()

STATUS, PANE_STREAMS, CHANNEL_STREAMS = "status", "streams in the pane", "streams in channels"
_ALL = (STATUS, PANE_STREAMS, CHANNEL_STREAMS)
_LACKED_FOR = 86_400.0
"""Seconds until it is tried again."""


class Abilities:
    """What can be done in a workspace. What one worker finds missing is noted for those that start later."""

    def __init__(self, notes: Notes, team: str) -> None:
        self._notes = notes
        self._team = team
        self._lacking: dict[str, float] = {}

    async def load(self) -> None:
        """Read what was noted."""
        for ability in _ALL:
            if await self._notes.get(self._note(ability)) is not None:
                self._lacks(ability)

    def has(self, ability: str, channel: str) -> bool:
        """Whether this can be done in a channel, as far as is known."""
        now = time.monotonic()
        return all(now >= self._lacking.get(each, 0.0) for each in (ability, _in(channel, ability)))

    async def missing(self, ability: str, error: PlatformError) -> None:
        """Slack refused this: remember it."""
        log.warning("slack.not_offered", ability=ability, detail=str(error))
        self._lacks(ability)
        await self._notes.put(self._note(ability), "", seconds=_LACKED_FOR)

    def missing_in(self, channel: str, ability: str) -> None:
        """Slack refused this for a channel: each worker finds that out by itself."""
        self._lacks(_in(channel, ability))

    def rest(self, ability: str, seconds: float) -> None:
        """Slack wants this not to be done for so long, which each worker hears by itself."""
        self._lacking[ability] = time.monotonic() + seconds

    def _lacks(self, ability: str) -> None:
        self.rest(ability, _LACKED_FOR)

    def _note(self, ability: str) -> str:
        return places.lacking_note(self._team, ability)


def _in(channel: str, ability: str) -> str:
    return f"{ability} of {channel}"
