"""A worker dies right after each call that it makes of Redis and of the platform, one by one."""

import asyncio
import itertools

from adapters.redis.connection import connect
from tests.parts import until
from tests.system.crash.oracle import Verdict, judge
from tests.system.crash.stage import Stage, ask, history, stage

AT_ONCE = 20


async def test_a_worker_may_die_after_any_of_its_calls() -> None:
    """It dies after its first call, its second and so on, until it outlives its answer; another goes on."""
    async with stage("--databases", "256") as play:
        for first in itertools.count(1, AT_ONCE):
            tries = (_dies(play, after=calls) for calls in range(first, first + AT_ONCE))
            died = await asyncio.gather(*tries)
            if not all(died):
                break
    assert first + sum(died) > 20, "an answer takes more calls than that"


async def _dies(play: Stage, after: int) -> bool:
    """Let a worker die once, in a database of its own; returns whether it died before the end of its answer.

    The thread has a second question, which must come behind the first and be answered as well.
    """
    url = f"{play.redis.url}?db={after}"
    async with connect(url, partitions=1) as store:
        asked = [await ask(store, f"t{after}", number, words=60) for number in (1, 2)]
        victim = play.start_worker(redis=url, delay=0.0, ttl=1.0, die_at=after)
        await until(lambda: victim.exit_code is not None or play.all_ended(asked[:1]))
        died = victim.exit_code is not None
        victim.kill()
        heir = play.start_worker(redis=url, delay=0.0, ttl=1.0)
        await until(lambda: play.all_ended(asked))
        verdict = judge(asked, play.echo, await history(store, asked))
        heir.kill()
    assert verdict == Verdict(), f"after call {after}"
    return died
