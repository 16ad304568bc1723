"""Which parts of an answer stand on Slack: as the ledger knows, and as Slack shows."""

from adapters.slack.blocks import Content
from adapters.slack.sending import ThreadSender
from core.ports import FILE, Ledger

WAITING = -3
"""The part in which an asker reads their place; it stands until the answer does."""


class Parts:
    """The messages of one answer by part.

    `doubtful` parts were on their way and may stand. `taken_over` says that another worker began the answer.
    """

    def __init__(self, sender: ThreadSender, ledger: Ledger) -> None:
        self.ids: dict[int, str] = {}
        self.doubtful: set[int] = set()
        self.taken_over = False
        self._sender = sender
        self._ledger = ledger
        self._noted: set[int] = set()

    @property
    def last_page(self) -> int | None:
        """The last page that stands."""
        return max((part for part in self.ids if part >= 0), default=None)

    async def recall(self) -> None:
        """Learn what those who began the answer before have sent."""
        standing = await self._ledger.standing()
        self.ids = {part: known for part, known in standing.pages.items() if known is not None}
        self._noted = set(self.ids)
        self.doubtful = set(standing.pages) - self._noted
        self.taken_over = bool(standing.pages)

    async def settle(self, part: int) -> None:
        """If this part is doubtful, ask Slack which stand.

        A page that is none of those may be a stream that nobody came to mark. Files bear no mark.
        """
        if part not in self.doubtful:
            return
        found = await self._sender.parts()
        self.ids |= {each: ts for each, ts in found.parts.items() if each != WAITING}
        if part >= 0 and found.loose and found.loose not in self.ids.values():
            self.ids.setdefault(part, found.loose)
        self.doubtful &= {FILE}

    async def post(self, part: int, content: Content) -> None:
        """Let a part stand that did not."""
        self.doubtful.add(part)  # from here on, until Slack gives its id
        self.ids[part] = await self._sender.post(part, content)
        self.doubtful.discard(part)

    async def note(self, part: int) -> None:
        """Tell the ledger that a part is done; where nothing could be said it has no id."""
        if part not in self._noted:
            await self._ledger.sent(part, self.ids.get(part, ""))
            self._noted.add(part)
