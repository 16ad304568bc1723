"""What can happen to answers in the making, once."""

import asyncio
import time
from collections import Counter

from adapters.redis.counts import NO_BOUNDS
from adapters.redis.inbox import RedisInbox
from adapters.redis.store import Store
from tests.parts import until
from tests.system.crash.answers import message
from tests.system.crash.oracle import Asked, Verdict, fairness, judge
from tests.system.crash.stage import Stage, ask, history


async def outage(play: Stage, store: Store, seconds: float) -> tuple[Verdict, Counter[str]]:
    """Let the server be gone while twenty answers are made.

    Returns what became of them, and how often the worker's log warned of what.
    """
    worker = play.start_worker(delay=0.3, answers=20)
    asked = [await ask(store, f"t{number}", 1, words=120) for number in range(20)]
    await until(lambda: all(play.echo.pages(each.message.id) for each in asked))
    play.redis.kill()
    await asyncio.sleep(seconds)
    assert not any(play.echo.ended(each.message.id) for each in asked), "the outage came too late"
    await asyncio.to_thread(play.redis.start)
    await until(lambda: play.all_ended(asked))
    verdict = judge(asked, play.echo, await history(store, asked))
    return verdict, Counter(line["event"] for line in worker.said("warning", "error", "critical"))


async def direct_messages(play: Stage, store: Store) -> float:
    """Let six people ask fifteen questions each, all in one thread of their own, for one slot over three
    workers, each of which knows only some of the people.

    Returns the fairness.
    """
    workers = [play.start_worker(delay=0.03, slots=1) for _ in range(3)]
    await until(lambda: all(worker.said() for worker in workers))
    inbox = RedisInbox(store, bounds=NO_BOUNDS)
    asked = []
    for number in range(1, 16):
        for person in range(6):
            asks = message(f"t{person}", number, author=f"U{person}", words=15)
            await inbox.put(asks)
            asked.append(Asked(asks, time.monotonic()))
    await until(lambda: play.all_ended(asked))
    return fairness(asked, play.echo)


async def stop(play: Stage, store: Store, number: int = 1) -> tuple[Asked, float]:
    """Stop an answer in mid-stream; returns its question and the seconds until the model's stream was closed.

    The worker runs in another process than whoever stops.
    """
    worker = play.start_worker(delay=0.4)
    asked = await ask(store, f"t{number}", 1, words=120)
    await until(lambda: bool(play.echo.pages(asked.message.id)))
    pressed = time.monotonic()
    await RedisInbox(store).stop(asked.message.thread, asked.message.id)
    await until(lambda: play.all_ended([asked]))
    await history(store, [asked])  # its end is seen before its turn is kept
    (closed,) = [line["at"] for line in worker.said() if line["event"] == "model.closed"]
    worker.kill()
    return asked, closed - pressed
