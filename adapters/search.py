"""A KnowledgeIndex on SQLite FTS5, in memory: words of title, headings and text, ranked by BM25.

What is indexed are the stems of core.terms, not FTS5's own, so that the index, the evidence for a
question and the support of an answer mean the same by a word.
FTS5: https://www.sqlite.org/fts5.html
"""

import asyncio
import sqlite3
import threading
from collections.abc import Iterable, Sequence

from core.terms import STOP_WORDS, alike, stems, terms
from core.types import Audience, Document, Hit, Passage

_TITLE_WEIGHT, _HEADING_WEIGHT, _TEXT_WEIGHT = 2.0, 2.0, 1.0

_SCHEMA = """
CREATE TABLE passage (
    id INTEGER PRIMARY KEY, document TEXT NOT NULL, audience TEXT NOT NULL, number INTEGER NOT NULL
);
CREATE INDEX passage_of ON passage (document, audience);
CREATE VIRTUAL TABLE words USING fts5 (title, heading, text, tokenize = "unicode61 remove_diacritics 0");
CREATE VIRTUAL TABLE vocabulary USING fts5vocab (words, row);
"""

_SEARCH = """
SELECT passage.document, passage.audience, passage.number, bm25(words, ?, ?, ?) AS rank
FROM words JOIN passage ON passage.id = words.rowid
WHERE words MATCH ? AND passage.audience IN ({audiences})
ORDER BY rank, passage.id LIMIT ?
"""


class LexicalIndex:
    """Finds passages that share words with a query; a word typed wrong finds its nearest neighbours."""

    def __init__(self) -> None:
        self._database = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        self._database.executescript(_SCHEMA)
        self._documents: dict[tuple[str, str], Document] = {}
        self._vocabulary: list[str] | None = None  # as it is read when first needed after a change
        self._lock = threading.Lock()  # one connection, used from worker threads

    async def put(self, document: Document) -> None:
        """As `KnowledgeIndex.put`. What is indexed already is left as it is."""
        if self._documents.get(_key(document)) != document:
            await asyncio.to_thread(self._put, document)

    async def remove(self, document_id: str, audience: Audience) -> None:
        """As `KnowledgeIndex.remove`."""
        with self._lock:
            self._remove((document_id, str(audience)))

    async def search(self, query: str, audiences: Sequence[Audience], k: int) -> list[Hit]:
        """As `KnowledgeIndex.search`; scores are BM25, larger is better."""
        return await asyncio.to_thread(self._search, query, audiences, k)

    def close(self) -> None:
        self._database.close()

    def _put(self, document: Document) -> None:
        rows = [_row(passage) for passage in document.passages]
        with self._lock:
            self._remove(_key(document))
            self._vocabulary = None
            self._database.execute("BEGIN")
            for number, row in enumerate(rows):
                inserted = self._database.execute(
                    "INSERT INTO passage (document, audience, number) VALUES (?, ?, ?)",
                    (document.id, str(document.audience), number),
                )
                self._database.execute(
                    "INSERT INTO words (rowid, title, heading, text) VALUES (?, ?, ?, ?)",
                    (inserted.lastrowid, *row),
                )
            self._database.execute("COMMIT")
            self._documents[_key(document)] = document

    def _remove(self, key: tuple[str, str]) -> None:
        if self._documents.pop(key, None) is not None:
            self._database.execute(
                "DELETE FROM words WHERE rowid IN"
                " (SELECT id FROM passage WHERE document = ? AND audience = ?)",
                key,
            )
            self._database.execute("DELETE FROM passage WHERE document = ? AND audience = ?", key)
            self._vocabulary = None

    def _search(self, query: str, audiences: Sequence[Audience], k: int) -> list[Hit]:
        with self._lock:
            wanted = list(dict.fromkeys(w for term in terms(query) for w in self._spellings(term)))
            if not wanted or not audiences:
                return []
            statement = _SEARCH.format(audiences=", ".join("?" * len(audiences)))
            match = " OR ".join(f'"{term}"' for term in wanted)
            weights = (_TITLE_WEIGHT, _HEADING_WEIGHT, _TEXT_WEIGHT)
            rows = self._database.execute(statement, (*weights, match, *map(str, audiences), k))
            return [Hit(self._documents[d, a].passages[n], -rank) for d, a, n, rank in rows]

    def _spellings(self, term: str) -> list[str]:
        """The term if some passage holds it, else words of the vocabulary one typing slip away."""
        held = self._database.execute("SELECT 1 FROM vocabulary WHERE term = ?", (term,)).fetchone()
        if held or len(term) < 5:
            return [term]
        if self._vocabulary is None:  # reading it takes as long as many searches
            self._vocabulary = [word for (word,) in self._database.execute("SELECT term FROM vocabulary")]
        # One slip leaves the first or the last letter alone.
        near = (
            word
            for word in self._vocabulary
            if abs(len(word) - len(term)) < 2 and (word[0] == term[0] or word[-1] == term[-1])
        )
        return [other for other in near if alike(term, other)] or [term]


def _key(document: Document) -> tuple[str, str]:
    return document.id, str(document.audience)


def _row(passage: Passage) -> tuple[str, str, str]:
    return _words([passage.title]), _words(passage.heading), _words([passage.text])


def _words(texts: Iterable[str]) -> str:
    return " ".join(stem for text in texts for stem in stems(text) if stem not in STOP_WORDS)
