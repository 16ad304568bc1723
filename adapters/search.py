"""A WordIndex in memory: words of title, headings and text, ranked by BM25.

The documents of each audience stand in a table of their own, and a search reads only those that it was
given: no rank, score or spelling depends on what others may see.

A table is an inverted file: of each word, the passages that hold it and how often. A search adds up the
scores of every one of them, word by word: a question has few words that carry content, with short lists.

What is indexed are the stems of core.terms, so that the index, the evidence for a question and the support of
an answer mean the same by a word.
Zobel, Moffat: Inverted Files for Text Search Engines (ACM Computing Surveys 38, 2006).
"""

import asyncio
import heapq
import math
import threading
from array import array
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from core.indexed import indexed
from core.ports import IndexedWords, Vector
from core.terms import alike, terms
from core.types import Audience, Document, Hit, Passage, Spread

_TITLE, _HEADING = 2, 2
"""For how many words of the text one in the title and in the headings counts."""
_K1, _B = 1.2, 0.4
"""What a word counts that comes again, and how much the length of a passage matters: passages are cut to a
length, and a short one is mostly a remainder, so it matters less than among whole documents (0.75)."""
_NOWHERE = array("I")


class LexicalIndex:
    """Finds passages that share words with a query; a word typed wrong finds its nearest neighbours."""

    def __init__(self) -> None:
        self._tables: dict[Audience, _Table] = {}
        self._lock = threading.Lock()  # read and written in worker threads

    async def put(
        self, document: Document, vectors: Sequence[Vector] = (), words: IndexedWords | None = None
    ) -> None:
        """As `KnowledgeIndex.put`, by words alone. What is indexed already is left as it is."""
        table = self._tables.get(document.audience)
        if table is None or table.documents.get(document.id) != document:
            await asyncio.to_thread(self._put, document, words)

    async def remove(self, document_id: str, audience: Audience) -> None:
        """As `KnowledgeIndex.remove`."""
        with self._lock:
            if table := self._tables.get(audience):
                table.remove(document_id)
                if not table.documents:
                    del self._tables[audience]

    async def search(self, query: str, audiences: Sequence[Audience], k: int) -> list[Hit]:
        """As `KnowledgeIndex.search`; scores are BM25 over the passages of these audiences."""
        return await asyncio.to_thread(self._search, query, audiences, k)

    async def scores(
        self, query: str, audiences: Sequence[Audience], passages: Sequence[Passage]
    ) -> list[float]:
        """As `WordIndex.scores`."""
        return await asyncio.to_thread(self._scores, query, audiences, passages)

    async def spread(self, words: Sequence[str], audiences: Sequence[Audience]) -> Spread:
        """As `KnowledgeIndex.spread`."""
        return await asyncio.to_thread(self._spread, words, audiences)

    def _put(self, document: Document, words: IndexedWords | None) -> None:
        rows = (words or indexed(document)).rows
        with self._lock:
            self._tables.setdefault(document.audience, _Table()).put(document, rows)

    def _of(self, audiences: Sequence[Audience]) -> list["_Table"]:
        return [self._tables[each] for each in dict.fromkeys(audiences) if each in self._tables]

    def _spread(self, words: Sequence[str], audiences: Sequence[Audience]) -> Spread:
        with self._lock:
            tables = self._of(audiences)
            holding = {word: _holding(_spellings(word, tables), tables) for word in words}
            return Spread(sum(len(table.passages) for table in tables), holding)

    def _search(self, query: str, audiences: Sequence[Audience], k: int) -> list[Hit]:
        with self._lock:
            tables = self._of(audiences)
            weights = _weights(query, tables)
            found = [hit for table in tables for hit in table.best(weights, k)]
        return sorted(found, key=lambda hit: -hit.score)[:k]

    def _scores(self, query: str, audiences: Sequence[Audience], passages: Sequence[Passage]) -> list[float]:
        with self._lock:
            tables = self._of(audiences)
            weights = _weights(query, tables)
            scores = dict(chain.from_iterable(table.scores(weights, passages) for table in tables))
        return [scores.get(passage.id, 0.0) for passage in passages]


class _Weights(NamedTuple):
    """What BM25 asks of all tables: how rare each word is, and how many words a passage has."""

    rarity: Mapping[str, float]
    average: float


class _Table:
    """The documents of one audience. Their passages are numbered as they come, and no number comes again."""

    def __init__(self) -> None:
        self.documents: dict[str, Document] = {}
        self.passages: dict[int, Passage] = {}
        self.length = 0  # words of all passages
        self._lengths: dict[int, int] = {}
        # Of each word the numbers of passages, in order, and behind each one how often the word counts there.
        self._lists: dict[str, array[int]] = {}
        self._words: dict[str, str] = {}  # all that a document has, each once, with spaces between
        self._rows: dict[str, range] = {}
        self._next_row = 0
        # Words, as they are sorted when first needed after a change.
        self._by_length: dict[int, list[str]] = {}

    def put(self, document: Document, rows: Sequence[tuple[str, str, str]]) -> None:
        """Make a document findable by these words of its passages."""
        self.remove(document.id)
        words = set[str]()
        first, self._next_row = self._next_row, self._next_row + len(rows)
        for row, passage, texts in zip(range(first, self._next_row), document.passages, rows, strict=True):
            title, heading, text = map(str.split, texts)
            counted = Counter(title * _TITLE + heading * _HEADING + text)
            for word, often in counted.items():
                self._lists.setdefault(word, array("I")).extend((row, often))
            words.update(counted)
            self.passages[row] = passage
            self._lengths[row] = len(title) + len(heading) + len(text)
            self.length += self._lengths[row]
        self.documents[document.id], self._rows[document.id] = document, range(first, self._next_row)
        self._words[document.id] = " ".join(words)
        self._by_length.clear()

    def remove(self, document_id: str) -> None:
        """Make a document unfindable, if it is there."""
        if self.documents.pop(document_id, None) is None:
            return
        rows = self._rows.pop(document_id)
        for row in rows:
            del self.passages[row]
            self.length -= self._lengths.pop(row)
        for word in self._words.pop(document_id).split():
            held = self._lists[word]
            numbers = range(0, len(held), 2)
            first, last = (bisect_left(numbers, row, key=held.__getitem__) for row in (rows.start, rows.stop))
            del held[2 * first : 2 * last]
            if not held:
                del self._lists[word]
        self._by_length.clear()

    def best(self, weights: _Weights, k: int) -> Iterator[Hit]:
        """The `k` best passages, best first."""
        scores = self._scored(weights)
        for row in heapq.nlargest(k, scores, key=scores.__getitem__):
            yield Hit(self.passages[row], scores[row])

    def scores(self, weights: _Weights, passages: Sequence[Passage]) -> Iterator[tuple[str, float]]:
        """Of each of these passages that is here its id and its score."""
        wanted, documents = {each.id for each in passages}, {each.document for each in passages}
        rows = {
            row: passage.id
            for name in documents & self._rows.keys()
            for row, passage in zip(self._rows[name], self.documents[name].passages, strict=True)
            if passage.id in wanted
        }
        scores = self._scored(weights, rows)
        return ((rows[row], score) for row, score in scores.items())

    def _scored(self, weights: _Weights, rows: Iterable[int] | None = None) -> dict[int, float]:
        """BM25 of all passages that hold one of the words, or of these alone."""
        scores = defaultdict[int, float](float)
        flat, steep, lengths = _K1 * (1 - _B), _K1 * _B / weights.average, self._lengths
        for word, rare in weights.rarity.items():
            most = rare * (_K1 + 1)
            for row, often in self._held(word, rows):
                scores[row] += most * often / (often + flat + steep * lengths[row])
        return scores

    def _held(self, word: str, rows: Iterable[int] | None) -> Iterator[tuple[int, int]]:
        """Which passages hold a word, and how often: all, or which of these."""
        held = self._lists.get(word, _NOWHERE)
        if rows is None:
            yield from zip(held[::2], held[1::2], strict=True)
            return
        numbers = range(0, len(held), 2)
        for row in rows:
            at = 2 * bisect_left(numbers, row, key=held.__getitem__)
            if at < len(held) and held[at] == row:
                yield row, held[at + 1]

    def holding(self, word: str) -> int:
        """How many passages hold a word."""
        return len(self._lists.get(word, _NOWHERE)) // 2

    def near(self, term: str) -> Iterator[str]:
        """Words one typing slip away."""
        if not self._by_length:
            for word in self._lists:
                self._by_length.setdefault(len(word), []).append(word)
        half = (len(term) - 1) // 2  # one slip leaves so many letters alone, at the beginning or at the end
        begins, ends = term[:half], term[-half:]
        for length in (len(term) - 1, len(term), len(term) + 1):
            for word in self._by_length.get(length, ()):
                if (word.startswith(begins) or word.endswith(ends)) and alike(term, word):
                    yield word


def _weights(query: str, tables: Sequence[_Table]) -> _Weights:
    """Of the words of a query, as these tables spell them."""
    passages = sum(len(table.passages) for table in tables)
    rarity = {}
    for word in (each for term in terms(query) for each in _spellings(term, tables)):
        held = _holding([word], tables)
        rarity[word] = math.log(1 + (passages - held + 0.5) / (held + 0.5))
    length = sum(table.length for table in tables)
    # Where no passage has a word none is scored, whatever their average.
    return _Weights(rarity, length / passages if length else 1.0)


def _holding(words: Sequence[str], tables: Sequence[_Table]) -> int:
    """How many passages hold one of these words, counted for each."""
    return sum(table.holding(word) for word in words for table in tables)


def _spellings(term: str, tables: Sequence[_Table]) -> list[str]:
    """The term if some passage holds it, else words one typing slip away."""
    if len(term) < 5 or _holding([term], tables):
        return [term]
    return [word for table in tables for word in table.near(term)] or [term]
