"""A worker process for the tests: does what its standard input says and prints what came of it.

``take`` prints the message's id and its attempts, ``note``, ``held`` and ``finish`` print ``done``, each of
them the name of the error instead where there is one.
"""

import asyncio
import sys
from contextlib import AsyncExitStack

import structlog

from adapters.redis.connection import connect
from adapters.redis.inbox import RedisInbox
from adapters.redis.lease import RedisLease
from core.errors import ChasquiError
from core.types import Checkpoint, ThreadId
from tests.adapters.redis_parts import answered


async def main(url: str, thread: ThreadId, ttl: float) -> None:
    """Serve commands until the input ends."""
    lease: RedisLease | None = None
    async with connect(url) as store, AsyncExitStack() as taken:
        inbox = RedisInbox(store, ttl=ttl)
        while command := (await asyncio.to_thread(sys.stdin.readline)).strip():
            try:
                if command == "take":
                    lease = await taken.enter_async_context(inbox.take(thread))
                    said = f"{lease.message.id} {lease.attempts}" if lease else "nothing"
                else:
                    said = await serve(command, lease)
            except ChasquiError as error:
                said = type(error).__name__
            print(said, flush=True)


async def serve(command: str, lease: RedisLease | None) -> str:
    """Do one thing with the lease."""
    assert lease is not None
    if command == "note":
        await lease.ledger.intend(0, Checkpoint("Words of the process"))
        await lease.ledger.sent(0, "page-of-the-process")
    elif command == "held":
        await lease.ledger.held()
    elif command == "finish":
        await lease.finish(answered(lease.message, "Answer of the process"))
    else:
        raise AssertionError(command)
    return "done"


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    _, url, platform, key, ttl = sys.argv
    asyncio.run(main(url, ThreadId(platform, key), float(ttl)))
