"""A text-embeddings-inference server that serves a reranker.

API: https://huggingface.github.io/text-embeddings-inference (`POST /rerank`).
"""

import contextlib
import math
from collections.abc import AsyncIterator, Sequence
from typing import Any

import aiohttp

from adapters.embeddings.asking import Unusable, asked
from core.errors import RerankerUnavailable


class TeiReranker:
    """As `Reranker`. It is asked once: whoever waits for an order has another one at hand."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http = http
        self._url = url

    async def scores(self, query: str, texts: Sequence[str]) -> list[float]:
        """As `Reranker.scores`, between 0 and 1. A server takes 32 texts unless it is told otherwise."""
        body = {"query": query, "texts": list(texts), "truncate": True}
        try:
            answer = await asked(self._http, "POST", f"{self._url}/rerank", body)
        except Unusable as why:
            raise RerankerUnavailable(f"The reranker cannot be used: {why}.") from None
        return _in_order(answer, len(texts))


@contextlib.asynccontextmanager
async def reranker(url: str, api_key: str = "") -> AsyncIterator[TeiReranker]:
    """The server at `url`."""
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    async with aiohttp.ClientSession(headers=headers) as http:
        yield TeiReranker(http, url.rstrip("/"))


def _in_order(answer: Any, number: int) -> list[float]:
    """The scores in the order of the texts: a list of ``{"index": 2, "score": 0.9}``, best first."""
    try:
        scores = {each["index"]: float(each["score"]) for each in answer}
        whole = len(answer) == number and scores.keys() == set(range(number))
    except (TypeError, ValueError, KeyError, OverflowError):
        whole = False
    if not whole or not all(map(math.isfinite, scores.values())):
        raise RerankerUnavailable("The reranker did not answer with a score for each text.")
    return [scores[index] for index in range(number)]
