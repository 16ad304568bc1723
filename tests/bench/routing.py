"""What routing is worth, and what it costs.

Worth: threads that ask one question after the other, in no order among each other, over replicas with a
radix cache of a bounded size. A replica is chosen as we choose it, with slots in a real server, or in turn,
or by the fewest streams. Cost: the CPU time of a stream through router and client beside that of a bare
client of the same stand-in, another process; and the time from Stop until the replica's slot is free.
"""

import asyncio
import itertools
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from functools import partial

from adapters import local_redis
from adapters.redis import keys
from adapters.redis.connection import connect
from adapters.redis.counts import Candidate, Counts
from adapters.tgi import Tgi
from core.profiles import AIROBOROS
from core.prompt import Say, render
from core.router import Router
from core.types import Sampling
from tests.bench.figure import Figure
from tests.bench.parts import BareClient, Language, data_dir, model, unlimited_session
from tests.emulators.tgi import ANSWER, TgiStandIn

REPLICAS, THREADS, TURNS, AT_ONCE = 4, 48, 10, 12
CACHED = 10_000
"""Tokens that a replica keeps: its share of all that the threads have in the end, 39,900."""
STREAMS = (1, 64, 256)
STOPS = 20
QUESTION, TOKENS = "What does the chasqui carry?", 12

Choose = Callable[[str, str], Awaitable[str]]
"""The replica that answers this question of this thread."""
Done = Callable[[str, str], Awaitable[None]]
"""Say that it did."""


def measure() -> list[Figure]:
    """Prefix hits of three ways to choose, what a request costs, and how soon Stop frees a slot."""
    return [*asyncio.run(_hits()), *asyncio.run(_costs()), asyncio.run(_stops())]


# ---- worth ------------------------------------------------------------------------------------------


async def _hits() -> list[Figure]:
    with data_dir() as folder:
        async with local_redis.running(folder) as url, connect(url) as store:
            ours = await _reused(lambda fleet: _Slots(Counts(store), fleet))
    in_turn, least = await _reused(_InTurn), await _reused(_Least)
    note = f"{REPLICAS} replicas of {CACHED} tokens, {THREADS} threads of {TURNS} turns, {AT_ONCE} at once"
    return [
        Figure("prompt tokens that a replica had in its cache", ours, "%", 2 * in_turn, True, note),
        Figure("  if replicas took turns", in_turn, "%"),
        Figure("  if the one with the fewest streams was asked", least, "%"),
    ]


class _Fleet:
    """The replicas of one run, and the client of them all."""

    def __init__(self, servers: Sequence[TgiStandIn], router: Router) -> None:
        self.servers = servers
        self.router = router
        self.names = list(router.capacity())


class _Slots:
    """As a worker chooses."""

    def __init__(self, counts: Counts, fleet: _Fleet) -> None:
        self._counts, self._capacity = counts, fleet.router.capacity
        self._homes: dict[str, str] = {}

    async def choose(self, thread: str, message: str) -> str:
        candidate = Candidate(thread, message, thread, self._homes.get(thread, ""))
        (begun,) = await self._counts.begin("bench", [candidate], self._capacity(), 60.0)
        self._homes[thread] = keys.of_replica(begun.replica)
        return begun.replica

    async def done(self, message: str, replica: str) -> None:
        await self._counts.finish(message, replica)


class _InTurn:
    def __init__(self, fleet: _Fleet) -> None:
        self._names = itertools.cycle(fleet.names)

    async def choose(self, thread: str, message: str) -> str:
        return next(self._names)

    async def done(self, message: str, replica: str) -> None: ...


class _Least:
    """The one with the fewest streams; of several any."""

    def __init__(self, fleet: _Fleet) -> None:
        self._names, self._running, self._random = fleet.names, Counter[str](), random.Random(3)

    async def choose(self, thread: str, message: str) -> str:
        name = min(self._names, key=lambda name: (self._running[name], self._random.random()))
        self._running[name] += 1
        return name

    async def done(self, message: str, replica: str) -> None:
        self._running[replica] -= 1


async def _reused(way: Callable[[_Fleet], _Slots | _InTurn | _Least]) -> float:
    """Percent of all prompt tokens that were in the cache of the replica that was asked."""
    async with _fleet() as fleet:
        routing, language, chance = way(fleet), Language(seed=5), random.Random(11)
        said = [[language.prose(20 + 20 * (turn % 2)) for turn in range(2 * TURNS)] for _ in range(THREADS)]
        turns, idle = [0] * THREADS, list(range(THREADS))

        async def people() -> None:
            """Now this thread asks, now that one."""
            while idle:
                thread = idle.pop(chance.randrange(len(idle)))
                message = f"{thread}.{turns[thread]}"
                replica = await routing.choose(f"thread {thread}", message)
                await _asked(fleet.router, _prompt(said[thread][: 2 * turns[thread] + 1]), replica)
                await routing.done(message, replica)
                turns[thread] += 1
                if turns[thread] < TURNS:
                    idle.append(thread)

        await asyncio.gather(*(people() for _ in range(AT_ONCE)))
        asked = sum(server.prefixes.asked for server in fleet.servers)
        return 100 * sum(server.prefixes.reused for server in fleet.servers) / asked


@asynccontextmanager
async def _fleet() -> AsyncIterator[_Fleet]:
    async with AsyncExitStack() as stack:
        servers = [
            await stack.enter_async_context(TgiStandIn(" Fine.", cached_tokens=CACHED))
            for _ in range(REPLICAS)
        ]
        clients = [await stack.enter_async_context(Tgi(server.url)) for server in servers]
        router = Router(clients, names=[f"gpu{number}" for number in range(REPLICAS)])
        await router.limits()
        yield _Fleet(servers, router)


def _prompt(said: Sequence[str]) -> str:
    """A conversation of which nothing is cut."""
    says = [Say("assistant" if index % 2 else "user", text) for index, text in enumerate(said)]
    return render(AIROBOROS.template, says, AIROBOROS.system or "")


# ---- cost -------------------------------------------------------------------------------------------


async def _costs() -> list[Figure]:
    figures = []
    async with model(ANSWER, token_delay=0) as url, Tgi(url) as tgi, unlimited_session() as session:
        router = Router([tgi])
        await router.limits()
        bare = partial(BareClient(session, url, QUESTION), TOKENS)
        for streams in STREAMS:
            ours, theirs = await _least_cpu(streams, lambda: _asked(router, QUESTION), bare)
            figures.append(
                Figure(f"CPU of a request beyond a bare client's, {streams} at once", ours - theirs, "us")
            )
            figures.append(Figure("  the bare aiohttp client", theirs, "us"))
    return figures


async def _least_cpu(streams: int, *asks: Callable[[], Awaitable[None]]) -> list[float]:
    """CPU microseconds of a request of each kind, the least of some rounds in which they take turns."""
    times = max(1, 512 // streams)
    rounds = [[await _cpu(streams, times, ask) for ask in asks] for _ in range(5)]
    return [min(costs) for costs in zip(*rounds, strict=True)]


async def _cpu(streams: int, times: int, ask: Callable[[], Awaitable[None]]) -> float:
    begin = time.process_time()
    for _ in range(times):
        await asyncio.gather(*(ask() for _ in range(streams)))
    return (time.process_time() - begin) / streams / times * 1e6


async def _stops() -> Figure:
    """The longest of some times from a cancellation to the slot that is free."""
    longest = 0.0
    async with TgiStandIn(ANSWER * 20, token_delay=0.02) as server, Tgi(server.url) as tgi:
        router = Router([tgi])
        for _ in range(STOPS):
            answering = asyncio.create_task(_asked(router, QUESTION, tokens=500))
            while server.steps < 5:
                await asyncio.sleep(0.001)
            server.steps = 0
            begin = time.perf_counter()
            answering.cancel()
            while server.running:
                await asyncio.sleep(0)
            longest = max(longest, time.perf_counter() - begin)
    return Figure(
        "from Stop to the replica's free slot, longest", longest * 1000, "ms", 100, note=f"of {STOPS}"
    )


async def _asked(router: Router, prompt: str, replica: str = "", tokens: int = TOKENS) -> None:
    async with aclosing(router.stream(prompt, Sampling(tokens, replica=replica))) as deltas:
        async for _ in deltas:
            pass
