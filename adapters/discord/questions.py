"""What is remembered of questions on Discord, so that every process knows whose they are."""

from adapters.discord import places
from core.ports import Notes
from core.types import Message, ThreadId

_KNOWN = 30 * 86_400.0
"""Seconds: as long as history is kept."""


class Questions:
    """Who asked what, and where it is answered; nobody's words."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes

    async def remember(self, message: Message) -> None:
        """Note where a question is answered and who asks it, and that it is their last one there."""
        thread, channel = message.thread.key, places.place(message).channel
        await self._put(_asked(message.id), f"{thread} {message.author}")
        await self._put(_last(channel, message.author), f"{thread} {message.id}")

    async def of(self, message_id: str) -> tuple[ThreadId, str] | None:
        """The thread and the asker of a question."""
        return _named(await self._notes.get(_asked(message_id)))

    async def last(self, channel: int, person: str) -> tuple[ThreadId, str] | None:
        """The thread and the id of what this person asked last in a channel."""
        return _named(await self._notes.get(_last(channel, person)))

    async def answered_by(self, message: int) -> ThreadId | None:
        """The thread to which a page of ours belongs; None where it is none."""
        key = await self._notes.get(places.page_note(message))
        return ThreadId(places.NAME, key) if key else None

    async def _put(self, name: str, value: str) -> None:
        await self._notes.put(name, value, seconds=_KNOWN)


def _named(note: str | None) -> tuple[ThreadId, str] | None:
    if note is None:
        return None
    key, _, name = note.partition(" ")
    return ThreadId(places.NAME, key), name


def _asked(message_id: str) -> str:
    return f"{places.NAME}:asked:{message_id}"


def _last(channel: int, person: str) -> str:
    return f"{places.NAME}:last:{channel}:{person}"
