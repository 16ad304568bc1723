"""Messages through the inbox and into the history alone: an instant model and no platform.

The server writes its append-only file as the embedded one does. See store_worker.py for what a worker does.
"""

import asyncio
import itertools
import sys
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from adapters.redis import keys
from adapters.redis.connection import connect
from adapters.redis.counts import NO_BOUNDS
from adapters.redis.history import RedisHistory
from adapters.redis.inbox import RedisInbox
from adapters.redis.store import Store
from adapters.redis.values import pack
from adapters.redis.workers import heir
from core.types import Message, ThreadId
from tests.adapters.redis_parts import RedisServer
from tests.bench.figure import Figure
from tests.bench.parts import ROOT
from tests.bench.store_worker import answer_next, turn_of

WORKERS, PEOPLE, THREADS, EACH = 3, 30, 300, 20
CAP = 200
"""Turns that a thread keeps at most."""
IN_WINDOW = 20
"""Those of them that go into a prompt."""


def measure() -> list[Figure]:
    """Messages a second, undisturbed and with a kill; the takeover; what a message costs."""
    return asyncio.run(_measure())


async def _measure() -> list[Figure]:
    rate, wrong = await _rate(kill=False)
    disturbed, more_wrong = await _rate(kill=True)
    takeovers = [await _takeover() for _ in range(2)]
    plain, new, old = await _cost(0), await _cost(IN_WINDOW, read=True), await _cost(CAP, read=True)
    return [
        Figure("inbox and history, 3 workers", rate, "messages/s", budget=1500, at_least=True),
        Figure("  one of them killed half-way", disturbed, "messages/s"),
        Figure("  lost or out of order, both runs", wrong + more_wrong, "messages", budget=0),
        Figure("all that waited for a killed worker is answered", max(takeovers), "s", budget=5),
        Figure("CPU per message: put", plain.put_us, "us"),
        Figure("CPU per message: take and finish", plain.answer_us, "us"),
        Figure(f"  and read the {IN_WINDOW} turns of the prompt", new.answer_us, "us"),
        Figure("commands per message, those inside scripts too", new.commands, ""),
        Figure(f"  in a thread of {CAP} turns", old.commands / new.commands, "times", budget=1.1),
        Figure("kB per message, both ways", plain.kilobytes, "kB"),
        Figure(f"  and with the {IN_WINDOW} turns of the prompt", new.kilobytes, "kB"),
        Figure(f"  in a thread of {CAP} turns", old.kilobytes / new.kilobytes, "times", budget=1.1),
    ]


@asynccontextmanager
async def _server() -> AsyncIterator[tuple[RedisServer, Store]]:
    """An empty server."""
    server = await asyncio.to_thread(RedisServer, "--appendonly", "yes", "--appendfsync", "no")
    try:
        async with connect(server.url) as store:
            yield server, store
    finally:
        server.remove()


@asynccontextmanager
async def _workers() -> AsyncIterator[tuple[Store, Sequence[Process]]]:
    """Worker processes on a server, each with its share of the partitions, and warm."""
    async with _server() as (server, store), AsyncExitStack() as stack:
        names = [f"w{number}" for number in range(WORKERS)]
        processes = [await stack.enter_async_context(_worker(server, name)) for name in names]
        for partition in keys.partitions(store.partitions):
            due = heir(partition, names).encode()
            while not (await store.command("GET", keys.of_partition(partition).owner) or b"").startswith(due):
                await asyncio.sleep(0.05)
        await _answered(store, await _put(store, "first", threads=THREADS, each=1))
        yield store, processes


@asynccontextmanager
async def _worker(server: RedisServer, name: str) -> AsyncIterator[Process]:
    command = (sys.executable, "-m", "tests.bench.store_worker", server.url, name)
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _put(store: Store, name: str, *, threads: int, each: int) -> list[list[Message]]:
    """Put messages into all threads at once, into each in their order; returns those of each thread."""
    inbox = RedisInbox(store, bounds=NO_BOUNDS)
    asked = [[_question(name, thread, n) for n in range(each)] for thread in range(threads)]

    async def fill(thread: Sequence[Message]) -> None:
        for question in thread:
            await inbox.put(question)

    await asyncio.gather(*map(fill, asked))
    return asked


def _question(name: str, thread: int, number: int) -> Message:
    """One of the questions of a thread, whose person has others too."""
    place = ThreadId("discord", f"{name}.{thread}")
    return Message(f"{name}.{thread}.{number}", place, f"U{thread % PEOPLE}", "What does he carry?", at=1.7e9)


async def _answered(store: Store, asked: Sequence[Sequence[Message]]) -> None:
    """Return once each thread has as many turns as messages."""
    async with asyncio.timeout(60):
        for thread in asked:
            while await store.command("LLEN", store.keys(thread[0].thread).turns) < len(thread):
                await asyncio.sleep(0.02)


async def _rate(*, kill: bool) -> tuple[float, int]:
    """Messages a second from the first put to the last turn; how many are not in their place then."""
    async with _workers() as (store, workers):
        began = time.perf_counter()
        putting = asyncio.create_task(_put(store, "rate", threads=THREADS, each=EACH))
        if kill:
            await asyncio.sleep(1.0)
            workers[0].kill()
        asked = await putting
        await _answered(store, asked)
        rate = THREADS * EACH / (time.perf_counter() - began)
        wrong = 0
        for thread in asked:
            kept = [turn.message_id for turn in await RedisHistory(store).turns(thread[0].thread)]
            wrong += sum(a != b.id for a, b in zip(kept, thread, strict=True))
        return rate, wrong


async def _takeover() -> float:
    """Seconds from kill -9 of one worker of three until the others have answered a message in each thread."""
    async with _workers() as (store, workers):
        workers[0].kill()
        killed = time.perf_counter()
        await _answered(store, await _put(store, "late", threads=THREADS, each=1))
        return time.perf_counter() - killed


@dataclass(frozen=True, slots=True)
class _Cost:
    """What a message costs: our CPU time in microseconds, and what the server counts."""

    put_us: float
    answer_us: float
    commands: float
    kilobytes: float


async def _cost(turns: int, *, read: bool = False) -> _Cost:
    """The cost of a message in threads that have so many turns already, all in this process."""
    threads, each = 100, 5
    number = threads * each
    async with _server() as (_, store), RedisInbox(store).work() as work:
        await _put(store, "first", threads=1, each=1)
        await answer_next(store, work)
        for thread in range(threads if turns else 0):
            old = [turn_of(_question("cost", thread, -number)) for number in range(turns, 0, -1)]
            name = _question("cost", thread, 0).thread
            await store.command("RPUSH", store.keys(name).turns, *map(pack, old))
            await RedisHistory(store).set_cut(name, "model", old[-IN_WINDOW].message_id, turns - IN_WINDOW)
        cpu, counted = [time.process_time()], [await _counted(store)]
        await _put(store, "cost", threads=threads, each=each)
        cpu.append(time.process_time())
        await asyncio.gather(*(answer_next(store, work, read=read) for _ in range(number)))
        cpu.append(time.process_time())
        counted.append(await _counted(store))
    put, answer = ((end - start) / number * 1e6 for start, end in itertools.pairwise(cpu))
    commands, size = ((after - before) / number for before, after in zip(*counted, strict=True))
    return _Cost(put, answer, commands, size / 1000)


async def _counted(store: Store) -> tuple[int, int]:
    """How many commands the server has done, and bytes that it has read and written."""
    done = await store.command("INFO", "commandstats")
    wire = await store.command("INFO", "stats")
    moved = wire["total_net_input_bytes"] + wire["total_net_output_bytes"]
    return sum(command["calls"] for command in done.values()), moved
