"""Passages of one place that stand next to each other, read as one text.

An answer runs over from one passage into the next: where the window has room, a hit is read with them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from core.types import Document, Hit, Passage


class Stretch:
    """A hit, and what of the passages beside it is read with it.

    Only passages to which the same link leads are joined, so that a source still opens the very place.
    """

    def __init__(self, hit: Hit, documents: Iterable[Document]) -> None:
        self._hit = hit
        self._place, self._own = _around(hit.passage, documents)
        self._start, self._end = self._own, self._own + 1

    @property
    def passages(self) -> Sequence[Passage]:
        """What is read, in the order of the document."""
        return self._place[self._start : self._end]

    @property
    def hit(self) -> Hit:
        """All of it as one passage, with the id of the one that was found."""
        text = "\n\n".join(passage.text for passage in self.passages)
        return replace(self._hit, passage=replace(self._hit.passage, text=text))

    def holds(self, passage: Passage) -> bool:
        """Whether this passage is read here."""
        return any(passage.id == read.id for read in self.passages)

    def beside(self) -> list[Passage]:
        """The passages that could be joined next: the one behind first, where most answers go on."""
        return [*self._place[self._end : self._end + 1], *self._place[: self._start][-1:]]

    def join(self, passage: Passage) -> None:
        """Read a passage `beside` too."""
        if self._place[: self._start][-1:] == [passage]:
            self._start -= 1
        else:
            self._end += 1

    def narrow(self) -> bool:
        """Read only what was found; False where that is so."""
        wide = len(self.passages) > 1
        self._start, self._end = self._own, self._own + 1
        return wide


def _around(passage: Passage, documents: Iterable[Document]) -> tuple[list[Passage], int]:
    """The passages of the place where one stands, as far as they follow each other, and which it is."""
    found = next((each.passages for each in documents if each.id == passage.document), ())
    at = next((number for number, each in enumerate(found) if each.id == passage.id), None)
    if at is None:
        return [passage], 0
    start, end = at, at + 1
    while start and _place(found[start - 1]) == _place(passage):
        start -= 1
    while end < len(found) and _place(found[end]) == _place(passage):
        end += 1
    return list(found[start:end]), at - start


def _place(passage: Passage) -> tuple[int, str, int | None]:
    return passage.section, passage.anchor, passage.page
