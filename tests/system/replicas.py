"""Everything that answers, as the wiring builds it, over model servers of a test."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from adapters import completions, tgi
from adapters.redis import keys
from adapters.redis.connection import connect
from adapters.redis.counts import Bounds
from adapters.redis.documents import RedisDocuments
from adapters.redis.history import RedisHistory
from adapters.redis.inbox import RedisInbox
from adapters.redis.store import Store
from adapters.redis.work import RedisWork
from adapters.replica.client import DEFAULT_TIMEOUTS, Replica, Timeouts
from adapters.search import LexicalIndex
from core.affinity import ranked
from core.assistant import Assistant
from core.library import Library
from core.policy import Policy
from core.router import Router
from core.transcript import Transcript
from core.types import Message, Outcome, ThreadId
from tests.adapters.redis_parts import RedisServer
from tests.emulators.tgi import TgiStandIn
from tests.fakes import TextExtractor
from tests.parts import until

POLICY = Policy(profile="chatml", max_new_tokens=1500)
DEADLINE = 20.0
"""Seconds in which every question has its end: three attempts at a silent replica, and some more."""


@dataclass
class Office:
    """People who ask in threads, and a worker whose model runs on these replicas."""

    servers: Sequence[TgiStandIn]
    store: Store
    router: Router
    work: RedisWork
    inbox: RedisInbox
    assistant: Assistant
    platform: Transcript = field(default_factory=Transcript)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.router.capacity())

    def thread(self, belongs_to: int) -> ThreadId:
        """A thread that is drawn to this replica."""
        while True:
            thread = ThreadId("slack", f"C{random.getrandbits(64):x}")
            if ranked(self.store.address(thread).thread, self.names)[0] == belongs_to:
                return thread

    async def asks(self, thread: ThreadId, number: int = 0) -> None:
        """Someone asks."""
        message = Message(f"{thread.key}/{number}", thread, "U1", f"Tell me story {number}.", at=0.0)
        assert (await self.inbox.put(message)).accepted

    async def answers(self) -> tuple[Message, Outcome]:
        """The worker answers what is next, within the deadline."""
        async with asyncio.timeout(DEADLINE), self.work.take() as lease:
            assert lease is not None
            return lease.message, await self.assistant.answer(lease, self.platform)

    async def slots_in_use(self) -> int:
        """Over all replicas, as all workers see them."""
        counts: list[int] = [await self.store.command("ZCARD", keys.slots(name)) for name in self.names]
        return sum(counts) + sum(view.streams for view in self.router.replicas())

    async def must_be_idle(self) -> None:
        """No slot is held, and nothing runs anywhere."""
        assert await self.slots_in_use() == 0
        assert not await self.store.command("HLEN", keys.of_counts().outstanding)
        await until(lambda: not any(server.running for server in self.servers))


@asynccontextmanager
async def office(
    redis: RedisServer,
    *servers: TgiStandIn,
    timeouts: Timeouts = DEFAULT_TIMEOUTS,
    bounds: Bounds | None = None,
) -> AsyncIterator[Office]:
    """All that answers, as the wiring builds it."""
    async with AsyncExitStack() as stack:
        for server in servers:
            await stack.enter_async_context(server)
        stack.push_async_callback(_all_closed, servers)
        store = await stack.enter_async_context(connect(redis.url))
        clients = [
            await stack.enter_async_context(
                Replica(server.url, [tgi.recognise, completions.recognise], timeouts=timeouts)
            )
            for server in servers
        ]
        router = Router(clients, names=[client.replica for client in clients], sleep=_at_once)
        library = Library(RedisDocuments(store), LexicalIndex(), TextExtractor())
        assistant = Assistant(router, RedisHistory(store), library, POLICY)
        inbox = RedisInbox(store, bounds=bounds, capacity=lambda model: router.capacity())
        work = await stack.enter_async_context(inbox.work())
        yield Office(servers, store, router, work, inbox, assistant)


async def _all_closed(servers: Sequence[TgiStandIn]) -> None:
    """Whoever asked is gone, with all its connections."""
    await until(lambda: not any(server.connections for server in servers))


async def _at_once(seconds: float) -> None:
    """A pause between two attempts that takes no time."""
