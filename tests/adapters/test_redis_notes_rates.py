"""What the processes of a platform share: notes and the buckets of its rates."""

import asyncio
import time

import pytest

from adapters.redis.connection import connect
from adapters.redis.notes import RedisNotes
from adapters.redis.rates import RedisRates
from adapters.redis.store import Store
from core.ports import Rate
from tests.adapters.redis_parts import RedisServer
from tests.parts import until

EARLY = 0.005
"""Seconds by which our clock and the server's may differ in what they call a millisecond."""


@pytest.mark.every_server
async def test_a_note_is_there_for_every_process_until_it_is_dropped(redis_server: RedisServer) -> None:
    """Any value under any name, and the newest one counts."""
    async with connect(redis_server.url) as ours, connect(redis_server.url) as theirs:
        notes, others = RedisNotes(ours), RedisNotes(theirs)
        for value in ("7", "über {p1}: \udc80"):
            await notes.put("discord:seen:42", value)
            assert await others.get("discord:seen:42") == value

        await others.drop("discord:seen:42")
        assert await notes.get("discord:seen:42") is None
        assert await notes.get("discord:seen:43") is None


async def test_a_note_with_a_time_goes_by_itself(redis_store: Store) -> None:
    """A secret that is only good for a while is not kept for longer."""
    notes = RedisNotes(redis_store)
    await notes.put("discord:token:1", "secret", seconds=0.05)
    await notes.put("discord:token:2", "secret", seconds=60)

    async def is_gone() -> bool:
        return await notes.get("discord:token:1") is None

    await until(is_gone)
    assert await notes.get("discord:token:2") == "secret"


@pytest.mark.every_server
async def test_no_window_holds_more_calls_than_its_rate(redis_server: RedisServer) -> None:
    """Over two workers: three calls at once, and each next three only when the rate allows."""
    rate, made, began = Rate("discord:channel:1", 3, 0.25), list[float](), time.monotonic()
    async with connect(redis_server.url) as ours, connect(redis_server.url) as theirs:

        async def call(rates: RedisRates) -> None:
            await rates.wait(rate)
            made.append(time.monotonic())

        await asyncio.gather(*(call(RedisRates(store)) for store in (ours, theirs) for _ in range(5)))

    made.sort()
    assert len(made) == 10
    assert all(at - began >= number // 3 * 0.25 - EARLY for number, at in enumerate(made))


async def test_a_bucket_that_rests_takes_nothing_before_its_end(redis_store: Store) -> None:
    """What the platform refused to one worker, the others know; a shorter rest does not end a longer one."""
    rates, began, order = RedisRates(redis_store), time.monotonic(), list[str]()

    async def call(bucket: str) -> None:
        await rates.wait(Rate(bucket, 5, 5.0))
        order.append(bucket)

    await rates.rest("discord:global", 0.3)
    await rates.rest("discord:global", 0.01)
    await asyncio.gather(call("discord:global"), call("discord:channel:1"))

    assert order == ["discord:channel:1", "discord:global"]
    assert time.monotonic() - began >= 0.3 - EARLY


async def test_what_is_shared_leaves_nothing_behind(redis_server: RedisServer) -> None:
    """Every key of a rate ends by itself."""
    async with connect(redis_server.url) as store:
        rates = RedisRates(store)
        await rates.rest("discord:channel:1", 0.02)
        await rates.wait(Rate("discord:channel:1", 1, 0.05))

        async def is_empty() -> bool:
            with redis_server.client() as client:
                return not list(client.scan_iter("chasqui:{rate:*"))

        await until(is_empty)
