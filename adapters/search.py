"""A KnowledgeIndex on SQLite FTS5, in memory: words of title, headings and text, ranked by BM25.

The documents of each audience stand in a table of their own, and a search reads only those that it was
given: no rank, score or spelling depends on what others may see.

What is indexed are the stems of core.terms, not FTS5's own, so that the index, the evidence for a
question and the support of an answer mean the same by a word.
FTS5: https://www.sqlite.org/fts5.html
"""

import asyncio
import math
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from typing import NamedTuple

from core.indexed import indexed
from core.ports import IndexedWords, Vector
from core.terms import alike, terms
from core.types import Audience, Document, Hit, Passage, Spread

_WEIGHTS = (2.0, 2.0, 1.0)
"""What a word in the title, the headings and the text counts."""
_K1, _B = 1.2, 0.4
"""What a word counts that comes again, and how much the length of a passage matters: passages are cut to a
length, and a short one is mostly a remainder, so it matters less than among whole documents (0.75)."""
_CANDIDATES = 100
"""Passages of each audience that are ranked against those of the others, at least."""


class _Found(NamedTuple):
    """A passage that holds some of the words: how often it holds each, and how many words it has."""

    passage: Passage
    frequencies: Mapping[str, float]
    length: int


class LexicalIndex:
    """Finds passages that share words with a query; a word typed wrong finds its nearest neighbours."""

    def __init__(self) -> None:
        self._database = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        self._tables: dict[Audience, _Table] = {}
        self._numbers = count()
        self._lock = threading.Lock()  # one connection, used from worker threads

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
                    table.drop()
                    del self._tables[audience]

    async def search(self, query: str, audiences: Sequence[Audience], k: int) -> list[Hit]:
        """As `KnowledgeIndex.search`; scores are BM25 over the passages of these audiences."""
        return await asyncio.to_thread(self._search, query, audiences, k)

    async def spread(self, words: Sequence[str], audiences: Sequence[Audience]) -> Spread:
        """As `KnowledgeIndex.spread`."""
        return await asyncio.to_thread(self._spread, words, audiences)

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def _put(self, document: Document, words: IndexedWords | None) -> None:
        rows = (words or indexed(document)).rows
        with self._lock:
            if document.audience not in self._tables:
                self._tables[document.audience] = _Table(self._database, next(self._numbers))
            self._tables[document.audience].put(document, rows)

    def _of(self, audiences: Sequence[Audience]) -> list["_Table"]:
        return [self._tables[each] for each in dict.fromkeys(audiences) if each in self._tables]

    def _spread(self, words: Sequence[str], audiences: Sequence[Audience]) -> Spread:
        with self._lock:
            tables = self._of(audiences)
            spelt = {word: _spellings(word, tables) for word in words}
            holding = {
                word: sum(table.holding(each) for each in spellings for table in tables)
                for word, spellings in spelt.items()
            }
            return Spread(sum(table.passages for table in tables), holding)

    def _search(self, query: str, audiences: Sequence[Audience], k: int) -> list[Hit]:
        with self._lock:
            tables = self._of(audiences)
            wanted = list(dict.fromkeys(w for term in terms(query) for w in _spellings(term, tables)))
            if not wanted or not tables:
                return []
            found = [each for table in tables for each in table.find(wanted, max(k, _CANDIDATES))]
            scores = _scores(found, wanted, tables)
        best = sorted(range(len(found)), key=lambda n: -scores[n])[:k]
        return [Hit(found[n].passage, scores[n]) for n in best]


class _Table:
    """The documents of one audience."""

    def __init__(self, database: sqlite3.Connection, number: int) -> None:
        self.documents: dict[str, Document] = {}
        self.passages = 0
        self.length = 0  # words of all passages
        self._database = database
        self._words, self._vocabulary = f"words_{number}", f"vocabulary_{number}"
        self._rows: dict[str, range] = {}
        self._next_row = 1
        self._terms: dict[int, list[str]] = {}  # by length, as they are read when first needed after a change
        database.execute(
            f"CREATE VIRTUAL TABLE {self._words} USING fts5 (title, heading, text, document UNINDEXED,"
            ' number UNINDEXED, tokenize = "unicode61 remove_diacritics 0")'
        )
        # Sorted by `rank` only the rows that are wanted are read.
        ranked = f"bm25({', '.join(map(str, _WEIGHTS))})"
        database.execute(f"INSERT INTO {self._words} ({self._words}, rank) VALUES ('rank', ?)", (ranked,))  # noqa: S608 - our name
        database.execute(f"CREATE VIRTUAL TABLE {self._vocabulary} USING fts5vocab ({self._words}, row)")

    def put(self, document: Document, rows: Sequence[tuple[str, str, str]]) -> None:
        """Make a document findable by these words of its passages."""
        self.remove(document.id)
        first = self._next_row
        self._next_row += len(rows)
        self._database.execute("BEGIN")
        self._database.executemany(
            f"INSERT INTO {self._words} (rowid, title, heading, text, document, number)"  # noqa: S608 - our name
            " VALUES (?, ?, ?, ?, ?, ?)",
            ((first + number, *row, document.id, number) for number, row in enumerate(rows)),
        )
        self._database.execute("COMMIT")
        self.documents[document.id], self._rows[document.id] = document, range(first, self._next_row)
        self._counted(rows, 1)

    def remove(self, document_id: str) -> None:
        """Make a document unfindable, if it is there."""
        if self.documents.pop(document_id, None) is None:
            return
        rows = self._rows.pop(document_id)
        between = f"FROM {self._words} WHERE rowid >= ? AND rowid < ?"
        bounds = rows.start, rows.stop
        self._counted(self._database.execute(f"SELECT title, heading, text {between}", bounds), -1)
        self._database.execute(f"DELETE {between}", bounds)

    def drop(self) -> None:
        """Leave nothing of the table."""
        self._database.execute(f"DROP TABLE {self._vocabulary}")
        self._database.execute(f"DROP TABLE {self._words}")

    def find(self, wanted: Sequence[str], most: int) -> Iterator[_Found]:
        """The best passages by the table's own measure."""
        match = " OR ".join(f'"{term}"' for term in wanted)
        statement = (
            f"SELECT document, number, title, heading, text FROM {self._words}"  # noqa: S608 - our name
            f" WHERE {self._words} MATCH ? ORDER BY rank LIMIT ?"
        )
        for document, number, *texts in self._database.execute(statement, (match, most)):
            fields = [text.split() for text in texts]
            frequencies = dict.fromkeys(wanted, 0.0)
            for weight, field in zip(_WEIGHTS, fields, strict=True):
                for term in filter(frequencies.__contains__, field):
                    frequencies[term] += weight
            passage = self.documents[document].passages[number]
            yield _Found(passage, frequencies, sum(map(len, fields)))

    def holding(self, term: str) -> int:
        """How many passages hold a word."""
        found = self._database.execute(f"SELECT doc FROM {self._vocabulary} WHERE term = ?", (term,))  # noqa: S608 - our name
        return int((found.fetchone() or (0,))[0])

    def near(self, term: str) -> Iterator[str]:
        """Words one typing slip away."""
        if not self._terms:  # reading them takes as long as many searches
            for (word,) in self._database.execute(f"SELECT term FROM {self._vocabulary}"):  # noqa: S608 - our name
                self._terms.setdefault(len(word), []).append(word)
        half = (len(term) - 1) // 2  # one slip leaves so many letters alone, at the beginning or at the end
        begins, ends = term[:half], term[-half:]
        for length in (len(term) - 1, len(term), len(term) + 1):
            for word in self._terms.get(length, ()):
                if (word.startswith(begins) or word.endswith(ends)) and alike(term, word):
                    yield word

    def _counted(self, rows: Iterable[tuple[str, str, str]], sign: int) -> None:
        for row in rows:
            self.passages += sign
            self.length += sign * sum(len(text.split()) for text in row)
        self._terms.clear()


def _spellings(term: str, tables: Sequence[_Table]) -> list[str]:
    """The term if some passage holds it, else words one typing slip away."""
    if len(term) < 5 or any(table.holding(term) for table in tables):
        return [term]
    return [word for table in tables for word in table.near(term)] or [term]


def _scores(found: Sequence[_Found], wanted: Sequence[str], tables: Sequence[_Table]) -> list[float]:
    """BM25 of each passage, by what all `tables` together hold."""
    passages = sum(table.passages for table in tables)
    average = sum(table.length for table in tables) / max(passages, 1)
    held = {term: sum(table.holding(term) for table in tables) for term in wanted}
    rarity = {term: math.log(1 + (passages - each + 0.5) / (each + 0.5)) for term, each in held.items()}
    return [
        sum(
            rarity[term] * often * (_K1 + 1) / (often + _K1 * (1 - _B + _B * each.length / average))
            for term, often in each.frequencies.items()
            if often
        )
        for each in found
    ]
