"""What is remembered of questions on Discord, and of the pages that answer them."""

from adapters.discord import places
from core.ports import Notes
from core.questions import KNOWN, Questions
from core.types import ThreadId


class Asked(Questions):
    """As on every platform, and to which thread a page of ours belongs, which Discord does not tell."""

    def __init__(self, notes: Notes) -> None:
        super().__init__(places.NAME, notes)

    async def answered(self, message: int, thread: ThreadId) -> None:
        """Note that a page belongs to a thread, so that a reply to it goes on there."""
        await self._notes.put(places.page_note(message), thread.key, seconds=KNOWN)

    async def is_page(self, message: int) -> bool:
        """Whether a message is a page of ours."""
        return await self._notes.get(places.page_note(message)) is not None

    async def thread_of(self, message: int) -> ThreadId | None:
        """The thread to which a message belongs that is a question, or a page of ours; None for others."""
        known = await self.of(str(message))
        if known is not None:
            return known[0]
        key = await self._notes.get(places.page_note(message))
        return ThreadId(places.NAME, key) if key else None
