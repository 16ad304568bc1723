"""Who owns a partition: one answer at a time per thread, and a fence against whoever lost its lease."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from adapters.redis.connection import connect
from adapters.redis.history import RedisHistory
from adapters.redis.inbox import RedisInbox
from adapters.redis.keys import PartitionKeys
from adapters.redis.lease import RedisLease, take_message
from adapters.redis.ownership import acquire
from adapters.redis.store import Store
from core.errors import LeaseLost
from core.ports import FILE, Standing
from core.types import Checkpoint, ThreadId
from tests.adapters.redis_parts import RedisServer, answered, question, stepped_worker
from tests.parts import DEADLINE, until

THREAD = ThreadId("terminal", "notes")
StartRedis = Callable[..., RedisServer]
SOME = Checkpoint("A runner")


async def test_many_workers_on_one_thread_answer_in_order_and_never_two_at_a_time(
    redis_server: RedisServer,
) -> None:
    """Whoever gets the thread gets its oldest message, and nobody else answers meanwhile."""
    events: list[str] = []

    async def work() -> None:
        async with connect(redis_server.url) as store:
            inbox = RedisInbox(store)
            while len(events) < 40:
                async with inbox.take(THREAD) as lease:
                    if lease is not None:
                        events.append(f"begin {lease.message.id}")
                        await lease.ledger.intend(0, SOME)
                        await lease.ledger.sent(0, "page")
                        events.append(f"end {lease.message.id}")
                        await lease.finish(answered(lease.message))

    async with connect(redis_server.url) as store:
        for number in range(20):
            await RedisInbox(store).put(question(THREAD, number))
        await asyncio.gather(*(work() for _ in range(4)))
        turns = await RedisHistory(store).turns(THREAD)

    assert events == [f"{what} m{number}" for number in range(20) for what in ("begin", "end")]
    assert [turn.message_id for turn in turns] == [f"m{number}" for number in range(20)]


async def test_two_tasks_of_one_worker_answer_one_thread_in_turn(redis_store: Store) -> None:
    """Owning the partition is not enough to answer a thread twice at once."""
    inbox = RedisInbox(redis_store)
    await inbox.put(question(THREAD, 0))
    await inbox.put(question(THREAD, 1))
    async with inbox.take(THREAD) as lease:
        assert lease is not None
        second = asyncio.create_task(take_and_finish(inbox))
        for page in range(10):  # more steps than the second needs to the end
            await lease.ledger.intend(page, SOME)
        assert not second.done()
        await lease.finish(answered(lease.message))

    assert await second == "m1"


def lapse(server: RedisServer, store: Store) -> None:
    """Let the lease end as if its worker had been silent for too long."""
    with server.client() as client:
        assert client.delete(store.keys(THREAD).owner) == 1


async def take_and_finish(inbox: RedisInbox) -> str | None:
    """Answer the next message; its id."""
    async with inbox.take(THREAD) as lease:
        if lease is None:
            return None
        await lease.finish(answered(lease.message))
        return lease.message.id


async def test_a_long_answer_keeps_its_lease(redis_server: RedisServer, redis_store: Store) -> None:
    """The heartbeat renews: a worker that is alive is never taken for dead."""
    owner = redis_store.keys(THREAD).owner
    inbox, rival = RedisInbox(redis_store, ttl=1.2), RedisInbox(redis_store)
    await inbox.put(question(THREAD, 0))
    with redis_server.client() as client:
        async with inbox.take(THREAD) as lease:
            assert lease is not None
            waiting = asyncio.create_task(take_and_finish(rival))
            for _ in range(2):
                await until(lambda: asyncio.to_thread(lambda: 0 < client.pttl(owner) < 1000))
                await until(lambda: asyncio.to_thread(lambda: client.pttl(owner) > 1000))
            assert not waiting.done()
            await lease.finish(answered(lease.message))
        assert await waiting is None


async def test_a_worker_that_slept_through_its_lease_can_write_nothing(
    redis_server: RedisServer, redis_store: Store
) -> None:
    """A frozen process is taken over; when it thaws, ledger and finish refuse it, and one answer stands."""
    inbox = RedisInbox(redis_store)
    await inbox.put(question(THREAD, 0))
    await inbox.put(question(THREAD, 1))
    async with stepped_worker(redis_server.url, THREAD, ttl=0.3) as sleeper:
        assert await sleeper.do("take") == "m0 1"
        sleeper.pause()
        async with inbox.take(THREAD) as lease:
            assert lease is not None
            assert (lease.message.id, lease.attempts) == ("m0", 2)
            sleeper.resume()
            assert await sleeper.do("held") == "LeaseLost"
            assert await sleeper.do("note") == "LeaseLost"
            assert await sleeper.do("finish") == "LeaseLost"
            assert await lease.ledger.standing() == Standing({})
            await lease.finish(answered(lease.message))
            assert await sleeper.do("finish") == "LeaseLost"
            assert await sleeper.do("note") == "LeaseLost"

    turns = await RedisHistory(redis_store).turns(THREAD)
    assert turns == [answered(question(THREAD, 0))]
    assert await take_and_finish(inbox) == "m1"


async def test_a_lease_that_ran_out_by_our_own_clock_is_asked_for(redis_store: Store) -> None:
    """Who was paused goes on if nobody came meanwhile, and then nobody can; else it learns of its loss."""
    names = redis_store.keys(THREAD).partition
    paused = await acquire(redis_store, names, "paused", 0.5, None)
    assert paused
    await until(lambda: lapsed(redis_store, names))
    await paused.held()
    assert not await lapsed(redis_store, names)
    await redis_store.command("DEL", names.owner)
    assert await acquire(redis_store, names, "rival", 60.0, None)
    with pytest.raises(LeaseLost):
        await until(paused.held)


async def test_a_lease_that_holds_costs_no_question(start_redis: StartRedis) -> None:
    """It is known from the last renewal alone, also while the server is away."""
    server = start_redis()
    async with connect(server.url) as store:
        ownership = await acquire(store, store.keys(THREAD).partition, "one", 60.0, 0.0)
        assert ownership
        server.kill()
        await ownership.held()


async def lapsed(store: Store, names: PartitionKeys) -> bool:
    """Whether nobody holds the partition."""
    return not await store.command("EXISTS", names.owner)


async def died(store: Store, worker: str, *, sends: int | None = None) -> int:
    """Let a worker take the message and die, once it sent a part of the answer; its attempts."""
    names = store.keys(THREAD)
    ownership = await acquire(store, names.partition, worker, 60.0, None)
    assert ownership
    lease = await take_message(ownership, names, poll=60.0)
    assert lease
    await lease.ledger.intend(FILE, SOME)
    if sends is not None:
        await lease.ledger.intend(sends, SOME)
        await lease.ledger.sent(sends, f"page {sends}")
    await store.command("DEL", names.owner)
    return lease.attempts


async def test_an_answer_that_comes_further_is_not_set_aside_for_the_deaths_of_its_workers(
    redis_store: Store,
) -> None:
    """An attempt counts from the last one on in which a further part came to stand."""
    await RedisInbox(redis_store).put(question(THREAD, 0))
    assert [await died(redis_store, f"w{number}") for number in range(3)] == [1, 2, 3]
    assert await died(redis_store, "w4", sends=0) == 4
    assert await died(redis_store, "w5", sends=0) == 2, "the same part is no progress"
    assert await died(redis_store, "w6", sends=1) == 3
    assert await died(redis_store, "w7") == 2


async def test_the_ledger_tells_when_the_last_note_was_made(
    redis_server: RedisServer, redis_store: Store
) -> None:
    """By the server's clock: what was sent then may still be on its way."""
    await RedisInbox(redis_store).put(question(THREAD, 0))
    await died(redis_store, "w1")
    with redis_server.client() as client:
        client.expire(redis_store.keys(THREAD).ledger, redis_store.retention.words - 100)
    async with RedisInbox(redis_store).take(THREAD) as lease:
        assert lease is not None
        ago = asyncio.get_running_loop().time() - (await lease.ledger.standing()).noted_at
        assert 100 <= ago < 100 + DEADLINE


CALLS: dict[str, Callable[[RedisLease], Awaitable[object]]] = {
    "intend": lambda lease: lease.ledger.intend(0, SOME),
    "sent": lambda lease: lease.ledger.sent(0, "page"),
    "stopped": lambda lease: lease.stopped(),
    "finish": lambda lease: lease.finish(answered(lease.message)),
    "set_aside": lambda lease: lease.set_aside("It failed."),
    "uncount": lambda lease: lease.uncount(),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("rival_does", ["hold", "leave", "finish"])
async def test_every_call_is_refused_once_another_worker_had_the_message(
    redis_server: RedisServer, redis_store: Store, rival_does: str, call: str
) -> None:
    """The fence decides in the server: before the heartbeat tells, and even when nobody holds the thread."""
    stale, rival = RedisInbox(redis_store, ttl=3600), RedisInbox(redis_store, ttl=3600)
    await stale.put(question(THREAD, 0))
    async with stale.take(THREAD) as lease, AsyncExitStack() as rivals:
        assert lease is not None
        lapse(redis_server, redis_store)
        taken = await rivals.enter_async_context(rival.take(THREAD))
        assert taken is not None
        if rival_does == "finish":
            await taken.finish(answered(taken.message, "The rival's answer."))
        elif rival_does == "leave":
            await rivals.aclose()
        with pytest.raises(LeaseLost):
            await CALLS[call](lease)

    answers = [turn.answer for turn in await RedisHistory(redis_store).turns(THREAD)]
    assert answers == (["The rival's answer."] if rival_does == "finish" else [])


async def test_a_killed_worker_leaves_its_message_and_ledger_to_the_next(
    redis_server: RedisServer, redis_store: Store
) -> None:
    """kill -9 between take and finish: the same message is taken again, with what was noted."""
    inbox = RedisInbox(redis_store)
    await inbox.put(question(THREAD, 0))
    async with stepped_worker(redis_server.url, THREAD, ttl=0.3) as victim:
        assert await victim.do("take") == "m0 1"
        assert await victim.do("note") == "done"
        await victim.kill()

    async with inbox.take(THREAD) as lease:
        assert lease is not None
        assert (lease.message.id, lease.attempts) == ("m0", 2)
        noted = Standing({0: "page-of-the-process"}, Checkpoint("Words of the process"))
        assert await lease.ledger.standing() == noted


async def test_a_lapse_that_nobody_used_costs_no_answer(
    redis_server: RedisServer, redis_store: Store
) -> None:
    """After an outage the lease has run out, but no other worker came: the answer goes on."""
    inbox = RedisInbox(redis_store)
    await inbox.put(question(THREAD, 0))
    async with stepped_worker(redis_server.url, THREAD, ttl=0.3) as sleeper:
        assert await sleeper.do("take") == "m0 1"
        sleeper.pause()
        with redis_server.client() as client:
            await until(lambda: asyncio.to_thread(lambda: not client.exists(redis_store.keys(THREAD).owner)))
        sleeper.resume()
        assert await sleeper.do("note") == "done"
        assert await sleeper.do("finish") == "done"

    assert len(await RedisHistory(redis_store).turns(THREAD)) == 1


async def test_waiting_for_a_stop_ends_when_the_lease_is_lost(
    redis_server: RedisServer, redis_store: Store
) -> None:
    """Who waits for Stop learns of the loss instead, and every later call fails at once."""
    inbox = RedisInbox(redis_store)
    await inbox.put(question(THREAD, 0))
    async with inbox.take(THREAD) as lease:
        assert lease is not None
        waiting = asyncio.create_task(lease.stopped())
        lapse(redis_server, redis_store)
        assert await take_and_finish(RedisInbox(redis_store)) == "m0"
        with pytest.raises(LeaseLost):
            await waiting
        for call in (lease.ledger.intend(0, SOME), lease.ledger.sent(0, "x"), lease.finish(None)):
            with pytest.raises(LeaseLost):
                await call


async def test_the_end_of_a_lost_lease_takes_nothing_from_whoever_holds_the_thread_now(
    redis_server: RedisServer, redis_store: Store
) -> None:
    """It releases what it owned, and that is gone."""
    inbox, rival = RedisInbox(redis_store), RedisInbox(redis_store)
    await inbox.put(question(THREAD, 0))
    async with AsyncExitStack() as open_still, AsyncExitStack() as rivals:
        await open_still.enter_async_context(inbox.take(THREAD))
        lapse(redis_server, redis_store)
        lease = await rivals.enter_async_context(rival.take(THREAD))
        assert lease is not None
        with redis_server.client() as client:
            owner = client.get(redis_store.keys(THREAD).owner)
            assert owner
            await open_still.aclose()
            assert client.get(redis_store.keys(THREAD).owner) == owner
        await lease.finish(answered(lease.message))
