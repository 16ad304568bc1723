"""A process that is asked to end waits for nothing that has not begun."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Drained(Exception):
    """The process was asked to end before this was done."""


@asynccontextmanager
async def unless(draining: asyncio.Event) -> AsyncIterator[None]:
    """Leave what is done within this context, wherever it waits, once `draining` is set: raises Drained."""
    limit = asyncio.timeout(None)
    ending = asyncio.create_task(_end(limit, draining))
    try:
        async with limit:
            yield
    except TimeoutError:
        if not limit.expired():
            raise
        raise Drained from None
    finally:
        ending.cancel()


async def _end(limit: asyncio.Timeout, draining: asyncio.Event) -> None:
    await draining.wait()
    limit.reschedule(asyncio.get_running_loop().time())
