"""Whose documents an answer on Slack may use: those that everyone may see who will see the answer."""

import time
from dataclasses import replace

from adapters.slack import places
from adapters.slack.people import People
from core.ports import Notes
from core.types import Message

_KNOWN, _NOTED_EVERY = 86_400.0, 3600.0
"""Seconds for which it is known whose a channel is, and after which that is noted anew."""
_OURS, _SHARED = "ours", "shared"


class Audiences:
    """What Slack told of channels and people. It fails closed: what it did not tell counts for nobody.

    In Slack Connect people of another workspace read an answer, so documents of ours come into none there.
    Only envelopes of events say whether a channel is shared; it is noted for what comes without one.
    """

    def __init__(self, people: People, team: str, notes: Notes) -> None:
        self._people = people
        self._team = team
        self._notes = notes
        self._noted: dict[str, tuple[str, float]] = {}

    async def heard(self, channel: str, shared: object) -> None:
        """An event told whether its channel is shared; anything but a bool says nothing."""
        if not isinstance(shared, bool):
            return
        whose, now = _SHARED if shared else _OURS, time.monotonic()
        known, until = self._noted.get(channel, ("", 0.0))
        if known == whose and now < until:
            return
        await self._notes.put(places.whose_note(channel), whose, seconds=_KNOWN)
        self._noted[channel] = whose, now + _NOTED_EVERY

    async def seen_by(self, message: Message) -> Message:
        """A question with `Message.seen_by`."""
        place = places.place(message)
        alone = place.is_direct or place.person is not None
        person = place.person or message.author
        whose = await self._notes.get(places.whose_note(place.channel))
        is_ours = whose == _OURS or (
            place.is_direct and whose is None
        )  # who asks is all there is of the others
        found = [f"channel:{places.NAME}:{place.channel}"]
        if is_ours and await self._is_member(person):
            found.append(f"workspace:{places.NAME}:{self._team}")
        if alone:
            found.append(f"person:{places.NAME}:{person}")
        return replace(message, seen_by=tuple(found))

    async def _is_member(self, person: str) -> bool:
        known = await self._people.person(person)
        return known is not None and known.is_member and known.team == self._team
