"""The store, which most commands need and nothing else."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from adapters import local_redis
from adapters.redis.connection import connect
from adapters.redis.store import Store
from bots.settings import Settings


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
