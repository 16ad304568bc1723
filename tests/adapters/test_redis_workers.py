"""Several workers: one answer at a time per thread, and a fence against whoever lost its lease."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from adapters.redis.history import RedisHistory
from adapters.redis.inbox import RedisInbox
from adapters.redis.lease import RedisLease
from adapters.redis.store import Store, connect
from core.errors import LeaseLost
from core.ports import Standing
from core.types import Checkpoint, ThreadId
from tests.adapters.redis_parts import RedisServer, answered, question, until, worker_process

THREAD = ThreadId("discord", "42")
TERMINAL = ThreadId("terminal", "notes")
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


async def test_one_worker_serves_the_threads_of_a_partition_at_once(redis_server: RedisServer) -> None:
    """Threads that share a partition share its ownership; it ends with the last of them."""
    one, other = ThreadId("slack", "C1"), ThreadId("slack", "C2")
    async with connect(redis_server.url, partitions=1) as store:
        inbox = RedisInbox(store)
        await inbox.put(question(one, 1))
        await inbox.put(question(other, 2))
        with redis_server.client() as client:
            async with inbox.take(one) as lease:
                assert lease is not None
                owner = client.get(store.keys(one).owner)
                assert await take_and_finish(inbox, other) == "m2"
                assert client.get(store.keys(one).owner) == owner
                await lease.finish(answered(lease.message))
            assert client.get(store.keys(one).owner) is None


async def test_two_tasks_of_one_worker_answer_one_thread_in_turn(redis_store: Store) -> None:
    """Owning the partition is not enough to answer a thread twice at once."""
    inbox = RedisInbox(redis_store)
    await inbox.put(question(THREAD, 0))
    await inbox.put(question(THREAD, 1))
    async with inbox.take(THREAD) as lease:
        assert lease is not None
        second = asyncio.create_task(take_and_finish(inbox, THREAD))
        for page in range(10):  # more steps than the second needs to the end
            await lease.ledger.intend(page, SOME)
        assert not second.done()
        await lease.finish(answered(lease.message))

    assert await second == "m1"


def lapse(server: RedisServer, store: Store, thread: ThreadId) -> None:
    """Let a lease end as if its worker had been silent for too long."""
    with server.client() as client:
        assert client.delete(store.keys(thread).owner) == 1


async def take_and_finish(inbox: RedisInbox, thread: ThreadId) -> str | None:
    """Answer the next message; its id."""
    async with inbox.take(thread) as lease:
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
            waiting = asyncio.create_task(take_and_finish(rival, THREAD))
            for _ in range(2):
                await until(lambda: asyncio.to_thread(lambda: 0 < client.pttl(owner) < 1000))
                await until(lambda: asyncio.to_thread(lambda: client.pttl(owner) > 1000))
            assert not waiting.done()
            await lease.finish(answered(lease.message))
        assert await waiting is None


@pytest.mark.parametrize("thread", [THREAD, TERMINAL])
async def test_a_worker_that_slept_through_its_lease_can_write_nothing(
    redis_server: RedisServer, redis_store: Store, thread: ThreadId
) -> None:
    """A frozen process is taken over; when it thaws, ledger and finish refuse it, and one answer stands."""
    inbox = RedisInbox(redis_store)
    await inbox.put(question(thread, 0))
    await inbox.put(question(thread, 1))
    async with worker_process(redis_server.url, thread, ttl=0.3) as sleeper:
        assert await sleeper.do("take") == "m0 1"
        sleeper.pause()
        async with inbox.take(thread) as lease:
            assert lease is not None
            assert (lease.message.id, lease.attempts) == ("m0", 2)
            sleeper.resume()
            assert await sleeper.do("note") == "LeaseLost"
            assert await sleeper.do("finish") == "LeaseLost"
            assert await lease.ledger.standing() == Standing({})
            await lease.finish(answered(lease.message))
            assert await sleeper.do("finish") == "LeaseLost"
            assert await sleeper.do("note") == "LeaseLost"

    turns = await RedisHistory(redis_store).turns(thread)
    assert turns == [answered(question(thread, 0))]
    assert await take_and_finish(inbox, thread) == "m1"


CALLS: dict[str, Callable[[RedisLease], Awaitable[object]]] = {
    "intend": lambda lease: lease.ledger.intend(0, SOME),
    "sent": lambda lease: lease.ledger.sent(0, "page"),
    "stopped": lambda lease: lease.stopped(),
    "finish": lambda lease: lease.finish(answered(lease.message)),
    "set_aside": lambda lease: lease.set_aside("It failed."),
    "give_back": lambda lease: lease.give_back(),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("rival_does", ["hold", "give back", "finish"])
async def test_every_call_is_refused_once_another_worker_had_the_message(
    redis_server: RedisServer, redis_store: Store, rival_does: str, call: str
) -> None:
    """The fence decides in the server: before the heartbeat tells, and even when nobody holds the thread."""
    stale, rival = RedisInbox(redis_store, ttl=3600), RedisInbox(redis_store, ttl=3600)
    await stale.put(question(THREAD, 0))
    async with stale.take(THREAD) as lease, AsyncExitStack() as rivals:
        assert lease is not None
        lapse(redis_server, redis_store, THREAD)
        taken = await rivals.enter_async_context(rival.take(THREAD))
        assert taken is not None
        if rival_does == "finish":
            await taken.finish(answered(taken.message, "The rival's answer."))
        elif rival_does == "give back":
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
    async with worker_process(redis_server.url, THREAD, ttl=0.3) as victim:
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
    async with worker_process(redis_server.url, THREAD, ttl=0.3) as sleeper:
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
        lapse(redis_server, redis_store, THREAD)
        assert await take_and_finish(RedisInbox(redis_store), THREAD) == "m0"
        with pytest.raises(LeaseLost):
            await waiting
        for call in (lease.ledger.intend(0, SOME), lease.ledger.sent(0, "x"), lease.finish(None)):
            with pytest.raises(LeaseLost):
                await call


async def test_a_worker_can_take_again_while_a_lost_lease_is_still_open(
    redis_server: RedisServer,
) -> None:
    """It acquires the partition anew; the end of the lost lease does not release what is held now."""
    lost, found = ThreadId("slack", "C1"), ThreadId("slack", "C2")
    async with connect(redis_server.url, partitions=1) as store:
        inbox, rival = RedisInbox(store), RedisInbox(store)
        await inbox.put(question(lost, 0))
        await inbox.put(question(found, 1))
        async with AsyncExitStack() as open_still:
            lease = await open_still.enter_async_context(inbox.take(lost))
            assert lease is not None
            lapse(redis_server, store, lost)
            assert await take_and_finish(rival, lost) == "m0"
            async with inbox.take(found) as again:
                assert again is not None
                with pytest.raises(LeaseLost):
                    await lease.finish(None)
                with redis_server.client() as client:
                    owner = client.get(store.keys(found).owner)
                    await open_still.aclose()
                    assert owner == client.get(store.keys(found).owner)
                await again.finish(answered(again.message))
