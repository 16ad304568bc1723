"""The composition root: everything is built here, once, and closed in reverse."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from adapters import local_model, local_redis
from adapters.extraction.extractor import ExtractionLimits, SandboxedExtractor
from adapters.redis.documents import RedisDocuments
from adapters.redis.history import RedisHistory
from adapters.redis.inbox import RedisInbox
from adapters.redis.limits import Bounds
from adapters.redis.people import RedisPeople
from adapters.redis.store import Store, connect
from adapters.search import LexicalIndex
from adapters.tgi import Tgi, Timeouts
from bots.settings import BackendSettings, Settings
from core.assistant import Assistant, Policy
from core.library import Library
from core.ports import History, Inbox, People, Platform
from core.router import Router


@dataclass(frozen=True, slots=True)
class App:
    """What runs: the ports that bots use, and the assistant over them."""

    inbox: Inbox
    history: History
    people: People
    assistant: Assistant
    platforms: Mapping[str, Platform]


@asynccontextmanager
async def app(settings: Settings) -> AsyncIterator[App]:
    """Everything that a bot needs, with the embedded servers where no other is configured."""
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(redis(settings))
        replicas = await stack.enter_async_context(backends(settings))
        index = LexicalIndex()
        stack.callback(index.close)
        history = RedisHistory(store)
        largest = settings.answers.max_file_bytes
        extractor = SandboxedExtractor(limits=ExtractionLimits(max_bytes=largest))
        library = Library(RedisDocuments(store), index, extractor, max_bytes=largest)
        router = Router(replicas, names=[replica.replica for replica in replicas])
        assistant = Assistant(router, history, library, policy(settings))
        bounds = Bounds(settings.inbox.per_person, settings.inbox.in_all)
        inbox = RedisInbox(store, bounds=bounds, capacity=router.capacity)
        yield App(inbox, history, RedisPeople(store), assistant, platforms(settings))


def platforms(settings: Settings) -> dict[str, Platform]:
    """The platforms on which a worker can speak: those that have a token. None is there yet."""
    return {}


@asynccontextmanager
async def redis(settings: Settings) -> AsyncIterator[Store]:
    """The configured Redis-protocol server, else the embedded one of the data directory."""
    async with AsyncExitStack() as stack:
        if settings.redis.url:
            url = settings.redis.url.get_secret_value()
        else:
            embedded = local_redis.running(settings.data_dir, fsync=settings.redis.fsync)
            url = await stack.enter_async_context(embedded)
        yield await stack.enter_async_context(connect(url))


@asynccontextmanager
async def backends(settings: Settings) -> AsyncIterator[list[Tgi]]:
    """One client per configured replica, else one for the embedded model of the data directory."""
    async with AsyncExitStack() as stack:
        urls = settings.backend.urls
        if not urls:
            urls = (await stack.enter_async_context(local_model.running(settings.data_dir)),)
        yield [await stack.enter_async_context(_replica(url, settings.backend)) for url in urls]


def _replica(url: str, settings: BackendSettings) -> Tgi:
    key = settings.api_key.get_secret_value() if settings.api_key else ""
    timeouts = Timeouts(first_token=settings.first_token_seconds, next_token=settings.next_token_seconds)
    return Tgi(url, api_key=key, timeouts=timeouts)


def policy(settings: Settings) -> Policy:
    """How answers are to be, from the settings."""
    return Policy(
        grounding=settings.answers.grounding,
        persona=settings.answers.persona,
        profile=settings.backend.profile,
        max_new_tokens=settings.backend.max_new_tokens,
    )
