"""A VectorIndex in memory: every vector of the audiences is looked at, with numpy.

The vectors of each audience stand in a matrix of their own, and a search reads only those that it was given.
They stay signed bytes, a quarter of the memory of floats, and are widened in pieces that fit a cache.
"""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet

import numpy as np
from numpy.typing import NDArray

from core.ports import Vector
from core.types import Audience, Document, Hit, Passage

_ROWS = 256
"""Vectors that are widened at a time, always into the same memory: getting more costs ten times the rest."""

Bytes = NDArray[np.int8]
Floats = NDArray[np.float32]


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
            self._tables.setdefault(document.audience, _Table()).put(document, rows)

    def remove(self, document_id: str, audience: Audience) -> None:
        """As `VectorIndex.remove`."""
        with self._lock:
            if table := self._tables.get(audience):
                table.remove(document_id)
                if not table.documents:
                    del self._tables[audience]

    def documents(self, audiences: Sequence[Audience]) -> AbstractSet[str]:
        """As `VectorIndex.documents`."""
        return {name for each in audiences if (table := self._tables.get(each)) for name in table.documents}

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


class _Table:
    """The documents of one audience."""

    def __init__(self) -> None:
        self.documents: dict[str, Document] = {}
        self._rows: dict[str, Bytes] = {}
        self._matrices: list[_Matrix] = []  # made when first needed after a change

    def put(self, document: Document, rows: Bytes) -> None:
        self.documents[document.id], self._rows[document.id] = document, rows
        self._matrices.clear()

    def remove(self, document_id: str) -> None:
        if self.documents.pop(document_id, None):
            del self._rows[document_id]
            self._matrices.clear()

    def nearest(self, sought: Floats, k: int, also: AbstractSet[str]) -> Iterator[Hit]:
        """The `k` passages with the largest cosine to a vector of length 1, and `also` these, in no order."""
        if not self._matrices:
            self._matrices = list(self._made())
        for matrix in self._matrices:
            if matrix.rows.shape[1] == len(sought):
                for number, cosine in matrix.nearest(sought, k, also):
                    yield Hit(matrix.passages[number], cosine)

    def _made(self) -> Iterator["_Matrix"]:
        """One matrix for each length that vectors have; the rows of documents become views of it."""
        for width in dict.fromkeys(rows.shape[1] for rows in self._rows.values()):
            of = [name for name, rows in self._rows.items() if rows.shape[1] == width]
            matrix = _Matrix(
                [passage for name in of for passage in self.documents[name].passages],
                np.concatenate([self._rows[name] for name in of]),
            )
            start = 0
            for name in of:
                end = start + len(self._rows[name])
                self._rows[name], start = matrix.rows[start:end], end
            yield matrix


class _Matrix:
    """Vectors of one length, with the passages that they stand for."""

    def __init__(self, passages: Sequence[Passage], rows: Bytes) -> None:
        self.passages = passages
        self.rows = rows
        self._numbers = {passage.id: number for number, passage in enumerate(passages)}
        self._lengths = np.concatenate([np.linalg.norm(part, axis=1) for part in self._parts()])
        self._lengths[self._lengths == 0] = 1  # no direction is near nothing

    def nearest(self, sought: Floats, k: int, also: AbstractSet[str]) -> Iterator[tuple[int, float]]:
        """Row and cosine of the `k` best and of `also` these, in no order."""
        cosines = np.concatenate([part @ sought for part in self._parts()]) / self._lengths
        best = np.argpartition(-cosines, k)[:k] if k < len(cosines) else np.arange(len(cosines))
        for number in {*best.tolist(), *(self._numbers[name] for name in also if name in self._numbers)}:
            yield number, float(cosines[number])

    def _parts(self) -> Iterator[Floats]:
        """All rows in order; what was given is overwritten by what comes next."""
        wide = np.empty((_ROWS, self.rows.shape[1]), np.float32)
        for start in range(0, len(self.rows), _ROWS):
            rows = self.rows[start : start + _ROWS]
            part = wide[: len(rows)]
            part[...] = rows
            yield part
