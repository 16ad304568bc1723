"""Messages through the inbox and into the history alone: no model, no platform, one process.

Each message is put, taken under its lease and finished with a turn, on an embedded Redis-protocol server
that writes its append-only file; in many threads at once and several messages one after the other in each.
"""

import asyncio
import time

from adapters import local_redis
from adapters.redis.history import RedisHistory
from adapters.redis.inbox import RedisInbox
from adapters.redis.store import Store, connect
from core.types import Turn
from tests.bench.figure import Figure
from tests.bench.parts import data_dir, message

THREADS, EACH = 100, 5
ROUNDS = 2


def measure() -> list[Figure]:
    """Messages a second, and the CPU time of this process for one."""
    return asyncio.run(_measure())


async def _measure() -> list[Figure]:
    with data_dir() as folder:
        async with local_redis.running(folder) as url, connect(url) as store:
            rounds = [await _round(store, number) for number in range(ROUNDS)]
    wall, cpu = (min(times) for times in zip(*rounds, strict=True))
    return [
        Figure("inbox and history, one process", THREADS * EACH / wall, "messages/s"),
        Figure("  CPU per message in our process", cpu / THREADS / EACH * 1e6, "us"),
    ]


async def _round(store: Store, number: int) -> tuple[float, float]:
    """Seconds on the clock, and of our processor."""
    inbox = RedisInbox(store)
    wall, cpu = time.perf_counter(), time.process_time()
    async with asyncio.TaskGroup() as group:
        for n in range(THREADS):
            group.create_task(_converse(store, inbox, f"{number}.{n}"))
    return time.perf_counter() - wall, time.process_time() - cpu


async def _converse(store: Store, inbox: RedisInbox, thread: str) -> None:
    """All messages of one thread, put at once and answered in their order."""
    asked = [message(f"{thread}.{n}", thread, "What does the chasqui carry?") for n in range(EACH)]
    for question in asked:
        await inbox.put(question)
    for question in asked:
        async with inbox.take(question.thread) as lease:
            assert lease
            answer = "A message, over the mountain."
            await lease.finish(Turn(lease.message.id, question.text, answer, "answered", question.at))
    kept = await RedisHistory(store).turns(asked[0].thread)
    assert [turn.message_id for turn in kept] == [question.id for question in asked]
