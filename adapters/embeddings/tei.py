"""A text-embeddings-inference server as an Embedder.

API: https://huggingface.github.io/text-embeddings-inference (`POST /embed`, `GET /info`).
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Sequence
from typing import Any

import aiohttp
import structlog
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from adapters.embeddings.asking import TryAgain, Unusable, asked
from adapters.embeddings.quantized import quantized
from core.errors import EmbedderUnavailable
from core.ports import Vector

log = structlog.get_logger()

_AT_ONCE = 8
"""Texts of one request; a server takes 32 unless it is told otherwise (`--max-client-batch-size`)."""
_TRIES = 4
_SECONDS = 30.0
_FOR_A_QUESTION = 5.0
"""Seconds after which what a question means is left alone, all tries together."""
_AT_THE_START = 3.0
"""Seconds for which a process waits for the server before it goes on without it."""
_PREFIXES = (
    (re.compile(r"\be5\b"), "query: ", "passage: "),
    (re.compile(r"bge-.*-en|arctic-embed"), "Represent this sentence for searching relevant passages: ", ""),
    (re.compile(r"nomic-embed-text"), "search_query: ", "search_document: "),
)
"""What families of models were trained to read before a question and before a passage: see their cards."""


class TeiEmbedder:
    """As `Embedder`. `model` names what the server served when it first answered."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self.model = ""
        self._lacking = "The embeddings server has not answered yet."
        self._http = http
        self._url = url
        self._before_question = self._before_passage = ""

    async def passages(self, texts: Sequence[str]) -> list[Vector]:
        """As `Embedder.passages`."""
        made: list[Vector] = []
        for start in range(0, len(texts), _AT_ONCE):
            made += await self._made(
                [self._before_passage + each for each in texts[start : start + _AT_ONCE]]
            )
        return made

    async def question(self, text: str) -> Vector:
        """As `Embedder.question`. Nobody waits long for it."""
        try:
            async with asyncio.timeout(_FOR_A_QUESTION):
                (made,) = await self._made([self._before_question + text])
        except TimeoutError:
            raise EmbedderUnavailable("The embeddings server takes too long for a question.") from None
        return made

    async def meet(self) -> None:
        """Ask the server for its model. Raises EmbedderUnavailable; it says why until the server answers."""
        try:
            await self._meet()
        except EmbedderUnavailable as error:
            self._lacking = str(error)
            raise

    async def _meet(self) -> None:
        about = await _asked(self._http, "GET", f"{self._url}/info")
        model = about.get("model_id") if isinstance(about, dict) else None
        if not isinstance(model, str) or not model:
            raise EmbedderUnavailable("The embeddings server names no model: is it TEI?")
        found = (marks for family, *marks in _PREFIXES if family.search(model.lower()))
        self._before_question, self._before_passage = next(found, ("", ""))
        self.model = model

    async def _made(self, texts: Sequence[str]) -> list[Vector]:
        if not self.model:
            raise EmbedderUnavailable(self._lacking)
        whole = [text.encode("utf-8", "replace").decode() for text in texts]
        answer = await _asked(self._http, "POST", f"{self._url}/embed", {"inputs": whole, "truncate": True})
        try:
            vectors = [quantized(each) for each in answer]
        except (TypeError, ValueError):
            vectors = []
        if len(vectors) != len(texts):
            raise EmbedderUnavailable("The embeddings server did not answer with a vector for each text.")
        return vectors


@contextlib.asynccontextmanager
async def tei(url: str, api_key: str = "", *, pause: float = 5.0) -> AsyncIterator[TeiEmbedder]:
    """The server at `url`. Where it does not answer, it is asked for its model every `pause` seconds."""
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    timeout = aiohttp.ClientTimeout(total=_SECONDS)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout) as http:
        embedder = TeiEmbedder(http, url.rstrip("/"))
        meeting = asyncio.create_task(_meet(embedder, pause))
        await asyncio.wait([meeting], timeout=_AT_THE_START)
        try:
            yield embedder
        finally:
            meeting.cancel()
            await asyncio.gather(meeting, return_exceptions=True)


async def _meet(embedder: TeiEmbedder, pause: float) -> None:
    """Return when the server has answered; what keeps it is said once."""
    told = ""
    while True:
        try:
            await embedder.meet()
        except EmbedderUnavailable as error:
            if str(error) != told:
                log.warning("embeddings.by_words_alone", error=str(error))
                told = str(error)
            await asyncio.sleep(pause)
        else:
            log.info("embeddings.by_meaning", model=embedder.model)
            return


async def _asked(http: aiohttp.ClientSession, method: str, url: str, body: object = None) -> Any:
    """The JSON of an answer; a server that is busy or gone for a moment is asked again."""
    wait = wait_random_exponential(multiplier=0.1, max=2)
    again = retry_if_exception_type(TryAgain)
    try:
        return await retry(retry=again, stop=stop_after_attempt(_TRIES), wait=wait, reraise=True)(asked)(
            http, method, url, body
        )
    except Unusable as why:
        raise EmbedderUnavailable(f"The embeddings server cannot be used: {why}.") from None
