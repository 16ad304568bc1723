"""What is remembered of questions on Discord, and of the pages that answer them."""

import core.questions
from adapters.discord import places
from core.ports import Notes
from core.types import ThreadId


class Questions(core.questions.Questions):
    """As on every platform, and to which thread a page of ours belongs, which Discord does not tell."""

    def __init__(self, notes: Notes) -> None:
        super().__init__(places.NAME, notes)

    async def answered_by(self, message: int) -> ThreadId | None:
        """The thread to which a page of ours belongs; None where it is none."""
        key = await self._notes.get(places.page_note(message))
        return ThreadId(places.NAME, key) if key else None
