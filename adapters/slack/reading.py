"""Making questions of what people say on Slack: with names, files, and what stands before them."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import structlog

from adapters.slack import files, inbound, places, threads
from adapters.slack.audiences import Audiences
from adapters.slack.client import Slack
from adapters.slack.inbound import Said
from adapters.slack.people import People
from core.channels import ChannelSettings
from core.errors import PlatformError
from core.intake import Intake
from core.questions import KNOWN
from core.types import Message, ThreadId

log = structlog.get_logger()

_EARLIER = 1000
"""Messages of a thread that go with a question."""
_LOOK = 1.5
"""Seconds for one message: who presses a button waits for it."""
_READ_IN = 8.0
"""Seconds in which a thread is read, or is not. Who is acknowledged late is told again, and taken once."""


class Reader:
    """Reads what a question needs, of Slack and of the settings."""

    def __init__(self, slack: Slack, intake: Intake, people: People) -> None:
        self.audiences = Audiences(people, slack.us.team, intake.notes)
        self._slack = slack
        self._intake = intake
        self._people = people

    async def question(self, said: Said, thread: ThreadId, settings: ChannelSettings) -> Message:
        """The question that a message asks in a thread, by the settings of its channel."""
        earlier = await self._earlier(said, thread, settings)
        everybody = {person for each in (*earlier, said) for person in each.people}
        names = await self._people.names(everybody - {self._slack.us.user})
        if (team := self._people.team(said.author)) != self._slack.us.team:
            note = places.team_note(said.author)  # for who begins the stream of the answer
            await self._intake.notes.put(note, team, seconds=places.MAY_WAIT)
        asked = inbound.question(said, thread, self._slack.us.user, settings, names, earlier)
        described = await asyncio.gather(*(files.described(self._slack, each) for each in asked.attachments))
        return await self.audiences.seen_by(replace(asked, attachments=tuple(described)))

    async def as_it_stands(self, thread: ThreadId, message_id: str) -> Message | None:
        """A question as its message asks it now; None where it was none, is gone, or cannot be read."""
        place = places.place_of(thread, message_id)
        if place.question is None:
            return None
        try:
            async with asyncio.timeout(_LOOK):
                said = await self.read(place.channel, place.root or place.question, place.question)
        except (PlatformError, TimeoutError) as error:
            log.info("slack.question_not_read", error=str(error) or type(error).__name__)
            return None
        if said is None or self._is_ours(said):
            return None
        return await self.question(said, thread, await self.settings(said.channel))

    def _is_ours(self, said: Said) -> bool:
        return said.author in (self._slack.us.user, self._slack.us.bot)

    async def read(self, channel: str, root: str, ts: str) -> Said | None:
        """A message as it stands now; None where it is gone, or says nothing. Raises PlatformError."""
        message = await threads.one(self._slack, channel, root, ts)
        return inbound.by_anybody(message, channel) if message else None

    async def settings(self, channel: str) -> ChannelSettings:
        """What counts in a channel of this workspace."""
        return await self._intake.settings(self._slack.us.team, channel)

    async def _earlier(self, said: Said, thread: ThreadId, settings: ChannelSettings) -> Sequence[Said]:
        """What people said in a thread of their own, without what they asked us: no turn holds it."""
        if said.thread in (None, said.ts):
            return ()
        first = await self._intake.notes.get(_first_note(thread)) or said.ts
        if first == said.thread:
            return ()  # it began with a question to us, and all that follows is one

        def is_asked(each: Said) -> bool:
            return float(each.ts) >= float(first) and (
                bool(settings.every_message) or inbound.mentions(each, self._slack.us.user)
            )

        found: list[Said] = []
        try:
            async with asyncio.timeout(_READ_IN):
                before = await threads.read(
                    self._slack, said.channel, said.root, most=_EARLIER, until=said.ts
                )
        except (PlatformError, TimeoutError) as error:
            log.warning("slack.thread_not_read", error=str(error) or type(error).__name__)
            return ()
        for message in before.messages:
            each = inbound.by_anybody(message, said.channel)
            if each is None or self._is_ours(each):
                continue
            if is_asked(each):  # what was attached before came with that question
                found = [replace(one, attachments=()) for one in found]
            else:
                found.append(each)
        return found

    async def was_asked(self, said: Said, thread: ThreadId) -> None:
        """A question was accepted: what was said in its thread before the first one is no turn."""
        note = _first_note(thread)
        if await self._intake.notes.get(note) is None:
            await self._intake.notes.put(note, said.ts, seconds=KNOWN)


def _first_note(thread: ThreadId) -> str:
    """The note that tells which message of a thread was the first question to us."""
    return f"{places.NAME}:first:{thread.key}"
