"""A VectorIndex in memory: every vector of the audiences is looked at, with numpy.

The vectors of each audience stand in a matrix of their own, and a search reads only those that it was given.
They stay signed bytes, a quarter of the memory of floats, and are widened in pieces that fit a cache.

A section of several passages has a vector too, the mean direction of theirs: one passage of it may speak of a
detail in the words of a question, and all of them together tell what the section is about.
"""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.knowledge import section_of
from core.ports import Vector
from core.types import Audience, Document, Hit, Passage

_ROWS = 256
"""Vectors that are widened at a time, always into the same memory: getting more costs ten times the rest."""

Bytes = NDArray[np.int8]
Floats = NDArray[np.float32]
Numbers = NDArray[np.int32]


class NumpyVectors:
    """Finds the passages whose vectors have the smallest angle to another."""

    def __init__(self) -> None:
        self._tables: dict[Audience, _Table] = {}
        self._lock = threading.Lock()  # searches run in worker threads

    def put(self, document: Document, vectors: Sequence[Vector]) -> None:
        """As `VectorIndex.put`. Raises ValueError where passages and vectors do not match."""
        if len(vectors) != len(document.passages) or len({len(vector) for vector in vectors}) != 1:
            raise ValueError(f"{len(vectors)} vectors are none for {len(document.passages)} passages")
        rows = np.frombuffer(b"".join(vectors), np.int8).reshape(len(vectors), -1)
        with self._lock:
            self._tables.setdefault(document.audience, _Table()).put(document, _rows(document, rows))

    def remove(self, document_id: str, audience: Audience) -> None:
        """As `VectorIndex.remove`."""
        with self._lock:
            if table := self._tables.get(audience):
                table.remove(document_id)
                if not table.documents:
                    del self._tables[audience]

    def holds(self, audiences: Sequence[Audience]) -> bool:
        """As `VectorIndex.holds`."""
        return any(each in self._tables for each in audiences)

    async def nearest(
        self, vector: Vector, audiences: Sequence[Audience], k: int, also: Sequence[Passage] = ()
    ) -> list[Hit]:
        """As `VectorIndex.nearest`; vectors of another length than this one are not found."""
        return await asyncio.to_thread(self._nearest, vector, audiences, k, {each.id for each in also})

    def _nearest(
        self, vector: Vector, audiences: Sequence[Audience], k: int, also: AbstractSet[str]
    ) -> list[Hit]:
        sought = np.frombuffer(vector, np.int8).astype(np.float32)
        sought /= np.linalg.norm(sought) or 1
        with self._lock:
            tables = [self._tables[each] for each in dict.fromkeys(audiences) if each in self._tables]
            found = [hit for table in tables for hit in table.nearest(sought, k, also)]
        found.sort(key=lambda hit: -hit.score)
        return [hit for place, hit in enumerate(found) if place < k or hit.passage.id in also]


class _Rows(NamedTuple):
    """The vectors of passages, those of the sections that have several, and of each passage the number of its
    section among them; -1 where it is all of its section.
    """

    passages: Bytes
    sections: Bytes
    section: Numbers


def _rows(document: Document, passages: Bytes) -> _Rows:
    members: dict[tuple[object, ...], list[int]] = {}
    for number, passage in enumerate(document.passages):
        members.setdefault(section_of(passage), []).append(number)
    several = [each for each in members.values() if len(each) > 1]
    section = np.full(len(passages), -1, np.int32)
    sections = np.zeros((len(several), passages.shape[1]), np.int8)
    for number, each in enumerate(several):
        wide = passages[each].astype(np.float32)
        mean = (wide / _lengths(wide)[:, None]).sum(axis=0)
        section[each] = number
        sections[number] = np.rint(mean * (127 / (np.abs(mean).max() or 1)))
    return _Rows(passages, sections, section)


class _Table:
    """The documents of one audience."""

    def __init__(self) -> None:
        self.documents: dict[str, Document] = {}
        self._rows: dict[str, _Rows] = {}
        self._matrices: list[_Matrix] = []  # made when first needed after a change

    def put(self, document: Document, rows: _Rows) -> None:
        self.documents[document.id], self._rows[document.id] = document, rows
        self._matrices.clear()

    def remove(self, document_id: str) -> None:
        if self.documents.pop(document_id, None):
            del self._rows[document_id]
            self._matrices.clear()

    def nearest(self, sought: Floats, k: int, also: AbstractSet[str]) -> Iterator[Hit]:
        """The `k` passages nearest to a vector of length 1, and `also` these, in no order."""
        if not self._matrices:
            self._matrices = list(self._made())
        for matrix in self._matrices:
            if matrix.width == len(sought):
                yield from matrix.nearest(sought, k, also)

    def _made(self) -> Iterator["_Matrix"]:
        """One matrix for each length that vectors have; the rows of documents become views of it."""
        for width in dict.fromkeys(rows.passages.shape[1] for rows in self._rows.values()):
            of = [name for name, rows in self._rows.items() if rows.passages.shape[1] == width]
            rows = _joined([self._rows[name] for name in of])
            yield _Matrix([passage for name in of for passage in self.documents[name].passages], rows)
            start = begin = 0
            for name in of:
                _, sections, section = self._rows[name]
                end, stop = start + len(section), begin + len(sections)
                self._rows[name] = _Rows(rows.passages[start:end], rows.sections[begin:stop], section)
                start, begin = end, stop


def _joined(rows: Sequence[_Rows]) -> _Rows:
    begins = np.cumsum([0, *(len(each.sections) for each in rows[:-1])])
    moved = (np.where(each.section < 0, -1, each.section + n) for each, n in zip(rows, begins, strict=True))
    return _Rows(
        np.concatenate([each.passages for each in rows]),
        np.concatenate([each.sections for each in rows]),
        np.concatenate(list(moved)).astype(np.int32),
    )


class _Matrix:
    """Vectors of one length, with the passages that they stand for."""

    def __init__(self, passages: Sequence[Passage], rows: _Rows) -> None:
        self.width = int(rows.passages.shape[1])
        self._passages = passages
        self._vectors, self._sections = _Directions(rows.passages), _Directions(rows.sections)
        self._section = rows.section
        self._several = np.flatnonzero(rows.section >= 0)
        self._numbers = {passage.id: number for number, passage in enumerate(passages)}

    def nearest(self, sought: Floats, k: int, also: AbstractSet[str]) -> Iterator[Hit]:
        """The `k` best and `also` these, in no order."""
        cosines = self._vectors.cosines(sought)
        scores = cosines.copy()
        of_sections = self._sections.cosines(sought)[self._section[self._several]]
        scores[self._several] = (cosines[self._several] + of_sections) / 2
        best = np.argpartition(-scores, k)[:k] if k < len(scores) else np.arange(len(scores))
        for number in {*best.tolist(), *(self._numbers[name] for name in also if name in self._numbers)}:
            yield Hit(self._passages[number], float(scores[number]), float(cosines[number]))


class _Directions:
    """Vectors as signed bytes, of which only where they point counts."""

    def __init__(self, rows: Bytes) -> None:
        self.rows = rows
        self._lengths = np.empty(len(rows), np.float32)
        for start, part in self._parts():
            self._lengths[start : start + len(part)] = _lengths(part)

    def cosines(self, sought: Floats) -> Floats:
        """Of the angle of each to a vector of length 1."""
        found = np.empty(len(self.rows), np.float32)
        for start, part in self._parts():
            np.dot(part, sought, out=found[start : start + len(part)])
        return found / self._lengths

    def _parts(self) -> Iterator[tuple[int, Floats]]:
        """All rows in order, from where; what was given is overwritten by what comes next."""
        wide = np.empty((_ROWS, self.rows.shape[1]), np.float32)
        for start in range(0, len(self.rows), _ROWS):
            rows = self.rows[start : start + _ROWS]
            part = wide[: len(rows)]
            part[...] = rows
            yield start, part


def _lengths(rows: Floats) -> Floats:
    lengths: Floats = np.linalg.norm(rows, axis=1)
    lengths[lengths == 0] = 1  # no direction is near nothing
    return lengths
