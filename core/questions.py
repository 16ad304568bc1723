"""What is remembered of questions, so that every process of a platform knows whose they are."""

import asyncio

from core.ports import Notes
from core.types import Message, ThreadId

KNOWN = 30 * 86_400.0
"""Seconds: as long as history is kept."""


def again(message_id: str) -> str:
    """The id under which a question is asked once more: with ``+1`` behind it, then ``+2``, ..."""
    _, _, times = message_id.partition("+")
    return f"{first_id(message_id)}+{int(times or 0) + 1}"


def first_id(message_id: str) -> str:
    """The id under which a question was asked first."""
    return message_id.partition("+")[0]


class Questions:
    """Who asked what, and where it is answered; nobody's words.

    The key of a platform's thread begins with the channel in which it stands.
    """

    def __init__(self, platform: str, notes: Notes) -> None:
        self._platform = platform
        self._notes = notes

    async def remember(self, message: Message, *, about: str = "") -> None:
        """Note where a question is answered, who asks it, and which message of the platform it is `about`.

        It is its asker's last one there, unless it asks nothing, or is told again after a later one.
        """
        thread = message.thread.key
        last = self._last(thread.partition("/")[0], message.author)
        before, *_ = await asyncio.gather(
            self._notes.get(last),
            self._put(self._asked(message.id), f"{thread} {message.author}"),
            *([self._put(self._about(message.id), about)] if about else []),
        )
        *_, at = (before or "0").split(" ")[2:] or ["0"]
        if (message.text or message.attachments) and message.at >= float(at):
            await self._put(last, f"{thread} {message.id} {message.at}")

    async def of(self, message_id: str) -> tuple[ThreadId, str] | None:
        """The thread and the asker of a question."""
        return self._named(await self._notes.get(self._asked(message_id)))

    async def asked(self, message_id: str) -> list[str]:
        """The ids under which a question was asked, however often, oldest first; none if it is unknown."""
        found: list[str] = []
        while await self.of(message_id):
            found.append(message_id)
            message_id = again(message_id)
        return found

    async def last(self, channel: str, person: str) -> tuple[ThreadId, str] | None:
        """The thread and the id of what this person asked last in a channel."""
        return self._named(await self._notes.get(self._last(channel, person)))

    async def about(self, message_id: str) -> str | None:
        """The message that a question is about, however often it was asked, as its platform names it."""
        return await self._notes.get(self._about(message_id))

    async def _put(self, name: str, value: str) -> None:
        await self._notes.put(name, value, seconds=KNOWN)

    def _named(self, note: str | None) -> tuple[ThreadId, str] | None:
        if note is None:
            return None
        key, name, *_ = note.split(" ")
        return ThreadId(self._platform, key), name

    def _asked(self, message_id: str) -> str:
        return f"{self._platform}:asked:{message_id}"

    def _last(self, channel: str, person: str) -> str:
        return f"{self._platform}:last:{channel}:{person}"

    def _about(self, message_id: str) -> str:
        return f"{self._platform}:about:{first_id(message_id)}"
