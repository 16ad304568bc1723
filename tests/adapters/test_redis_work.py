"""The inbox as workers take from it: shares of the partitions, slots, wakes, handing over."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from adapters.redis import keys
from adapters.redis.history import RedisHistory
from adapters.redis.inbox import RedisInbox
from adapters.redis.limits import Bounds
from adapters.redis.store import Store, connect
from adapters.redis.work import RedisWork
from core.errors import InboxFull
from core.ports import Receipt, Standing
from core.types import Checkpoint, Message, ThreadId
from tests.adapters.redis_parts import DEADLINE, RedisServer, answered, question, until

ONE_SLOT = {"gpu": 1}


def thread(name: object) -> ThreadId:
    """A thread of a shared platform."""
    return ThreadId("slack", f"C{name}")


async def taken(work: RedisWork) -> Message:
    """Take and answer the next message."""
    async with asyncio.timeout(DEADLINE), work.take() as lease:
        assert lease is not None
        await lease.finish(answered(lease.message))
        return lease.message


@asynccontextmanager
async def other_worker(
    server: RedisServer, name: str = "other", ttl: float = 3.0
) -> AsyncIterator[RedisWork]:
    """A worker with a connection of its own."""
    async with connect(server.url) as store, RedisInbox(store, worker=name, ttl=ttl).work() as work:
        yield work


async def owners(store: Store) -> set[str]:
    """The workers that own partitions; fails while one belongs to nobody."""
    found = [await store.command("GET", keys.of_partition(f"p{n}").owner) for n in range(store.partitions)]
    return {owner.decode().rpartition("|")[0] if owner else "" for owner in found}


async def test_a_worker_takes_what_waits_in_every_thread(redis_store: Store) -> None:
    """Whatever was put before it came, and whatever is put while it waits."""
    inbox = RedisInbox(redis_store)
    for number in range(10):
        await inbox.put(question(thread(number), 1))
    async with inbox.work() as work:
        before = {(await taken(work)).thread for _ in range(10)}
        waiting = asyncio.create_task(taken(work))
        await inbox.put(question(thread("new"), 1))

        assert before == {thread(number) for number in range(10)}
        assert (await waiting).thread == thread("new")


async def test_a_thread_has_one_answer_at_a_time_in_the_order_asked(redis_store: Store) -> None:
    """Its next message is given out when the one before is answered, not earlier."""
    inbox = RedisInbox(redis_store)
    for number in range(3):
        await inbox.put(question(thread(1), number))
    async with inbox.work() as work:
        async with work.take() as lease:
            assert lease is not None
            second = asyncio.create_task(taken(work))
            await inbox.put(question(thread(2), 9))
            assert (await second).id == "m9"
            second = asyncio.create_task(taken(work))
            await lease.finish(answered(lease.message))
        assert (await second).id == "m1"
        assert (await taken(work)).id == "m2"


async def test_people_take_turns_however_much_one_of_them_asks(redis_store: Store) -> None:
    """A person with twenty questions in twenty threads does not keep another waiting for all of them."""
    inbox = RedisInbox(redis_store)
    for number in range(20):
        await inbox.put(Message(f"a{number}", thread(f"a{number}"), "ann", "?", 0.0))
    for number in range(3):
        await inbox.put(Message(f"b{number}", thread(f"b{number}"), "ben", "?", 0.0))
    async with inbox.work() as work:
        await until(lambda: all_owned(redis_store))
        served = [(await taken(work)).author for _ in range(8)]

    assert sorted(served[:6]) == ["ann"] * 3 + ["ben"] * 3


async def all_owned(store: Store) -> bool:
    """Whether every partition has an owner."""
    return "" not in await owners(store)


async def test_no_more_answers_run_than_there_are_slots(
    redis_server: RedisServer, redis_store: Store
) -> None:
    """Over all workers; the freed slot goes to whoever waits for it, also in another process."""
    inbox = RedisInbox(redis_store, capacity=lambda: ONE_SLOT)
    for number in range(2):
        await inbox.put(question(thread(number), number))
    async with inbox.work() as work, AsyncExitStack() as answering:
        lease = await answering.enter_async_context(work.take())
        assert lease is not None
        assert lease.replica == "gpu"
        waiting = asyncio.create_task(taken(work))
        with redis_server.client() as client:
            wanting = keys.of_limits().wanting
            await until(lambda: asyncio.to_thread(lambda: bool(client.exists(wanting))))
        assert not waiting.done()
        await lease.finish(answered(lease.message))
        await answering.aclose()
        await waiting


async def test_a_stopped_question_needs_no_slot_to_end(redis_store: Store) -> None:
    """Whoever thinks better of it while all replicas are busy is heard at once."""
    inbox = RedisInbox(redis_store, capacity=lambda: ONE_SLOT)
    await inbox.put(question(thread(0), 0))
    async with inbox.work() as work, work.take() as busy:
        assert busy is not None
        await inbox.put(question(thread(1), 1))
        waiting = asyncio.create_task(taken(work))
        await inbox.stop(thread(1), "m1")
        assert (await waiting).id == "m1"


async def test_a_stop_is_heard_by_the_worker_that_answers(
    redis_server: RedisServer, redis_store: Store
) -> None:
    """It is pressed in one process and heard in another, without waiting for the next look."""
    gateway = RedisInbox(redis_store)
    await gateway.put(question(thread(0), 0))
    async with other_worker(redis_server) as work, work.take() as lease, asyncio.timeout(DEADLINE):
        assert lease is not None
        stopped = asyncio.create_task(lease.stopped())
        await gateway.stop(thread(0))
        await stopped


async def test_what_waits_is_found_without_being_told(redis_server: RedisServer, redis_store: Store) -> None:
    """Wakes are hints: a message whose wake was lost is found at the next look at all that waits."""
    async with RedisInbox(redis_store).work() as work:
        await until(lambda: all_owned(redis_store))
        with redis_server.client() as client:
            client.client_kill_filter(_type="pubsub")
            await RedisInbox(redis_store).put(question(thread(0), 0))
        assert (await taken(work)).id == "m0"


async def test_workers_share_the_partitions_and_give_them_back(
    redis_server: RedisServer, redis_store: Store
) -> None:
    """Who comes gets a share, and who leaves hands it over at once."""
    async with RedisInbox(redis_store, worker="one").work():
        await until(lambda: owned_by(redis_store, {"one"}))
        async with other_worker(redis_server, "two"):
            await until(lambda: owned_by(redis_store, {"one", "two"}))
        await until(lambda: owned_by(redis_store, {"one"}))


async def owned_by(store: Store, workers: set[str]) -> bool:
    """Whether these workers, and all of them, own all partitions."""
    return await owners(store) == workers


async def test_an_answer_that_is_cancelled_is_handed_over(redis_store: Store) -> None:
    """A worker that drains leaves it to others at once, with its ledger, and it counts as no attempt."""
    inbox = RedisInbox(redis_store)
    await inbox.put(question(thread(0), 0))
    async with inbox.work() as work:
        begun = asyncio.Event()

        async def answer() -> None:
            async with work.take() as lease:
                assert lease is not None
                await lease.ledger.intend(0, Checkpoint("A run"))
                begun.set()
                await asyncio.Event().wait()

        answering = asyncio.create_task(answer())
        await begun.wait()
        work.close()
        answering.cancel()
        await asyncio.wait([answering])
        async with work.take() as nothing:
            assert nothing is None
    async with RedisInbox(redis_store).work() as work, asyncio.timeout(DEADLINE), work.take() as lease:
        assert lease is not None
        assert lease.attempts == 1
        assert await lease.ledger.standing() == Standing({0: None}, Checkpoint("A run"))


async def test_a_message_that_failed_is_tried_again_and_holds_up_nobody_else(redis_store: Store) -> None:
    """It pauses a while, and its attempts are counted."""
    inbox = RedisInbox(redis_store)
    await inbox.put(question(thread(0), 0))
    async with inbox.work() as work, asyncio.timeout(DEADLINE):
        async with work.take() as lease:
            assert lease is not None  # and is left without an end
        await inbox.put(question(thread(1), 1))
        assert (await taken(work)).id == "m1"
        async with work.take() as lease:
            assert lease is not None
            assert (lease.message.id, lease.attempts) == ("m0", 2)


async def test_a_message_that_is_set_aside_frees_its_thread(redis_store: Store) -> None:
    """It is kept among the dead letters, counts no longer, and the next one comes."""
    inbox = RedisInbox(redis_store, bounds=Bounds(per_person=2))
    for number in range(2):
        await inbox.put(question(thread(0), number))
    async with inbox.work() as work:
        async with work.take() as lease:
            assert lease is not None
            await lease.set_aside("It failed.")
            await lease.set_aside("It failed.")  # as when the answer was lost
        assert (await taken(work)).id == "m1"
    assert len(await redis_store.command("HGETALL", redis_store.keys(thread(0)).dead)) == 1
    await inbox.put(question(thread(0), 2))


async def test_a_closed_worker_takes_nothing_more(redis_store: Store) -> None:
    """Whoever waits for a message learns that none will come, and what waits goes to others."""
    inbox = RedisInbox(redis_store)
    async with inbox.work() as work:
        waiting = asyncio.create_task(offered(work))
        await until(lambda: all_owned(redis_store))
        work.close()
        assert await waiting is None
        await until(lambda: owned_by(redis_store, {""}))
        await inbox.put(question(thread(0), 0))
        async with RedisInbox(redis_store).work() as other:
            assert (await taken(other)).id == "m0"


async def offered(work: RedisWork) -> Message | None:
    """What is taken, and left again."""
    async with work.take() as lease:
        return lease.message if lease else None


async def test_those_who_wait_have_places(redis_store: Store) -> None:
    """In the order of their turns; with a time once it is known how long an answer takes."""
    inbox = RedisInbox(redis_store, capacity=lambda: ONE_SLOT)
    for name in ("ann", "ben", "cy"):
        await inbox.put(Message(name, thread(name), name, "?", 0.0))
    async with inbox.work() as work:
        async with work.take() as lease:
            assert lease is not None
            await until(lambda: has_places(work, 2))
            first, second = await work.waiting()
            assert [first.ahead, second.ahead] == [0, 1]
            assert {first.message.id, second.message.id, lease.message.id} == {"ann", "ben", "cy"}
            assert first.seconds is None
            await lease.finish(answered(lease.message))
        async with work.take() as lease:
            assert lease is not None
            (place,) = await work.waiting()
            assert place.seconds is not None


async def has_places(work: RedisWork, number: int) -> bool:
    """Whether so many wait."""
    return len(await work.waiting()) == number


async def test_bounds_refuse_new_questions_and_recognise_old_ones(redis_store: Store) -> None:
    """A redelivery of what was taken, waiting or answered, is none; room comes back with an answer."""
    inbox = RedisInbox(redis_store, bounds=Bounds(per_person=1))
    await inbox.put(question(thread(0), 0))
    assert await inbox.put(question(thread(0), 0)) == Receipt(accepted=False, ahead=0)
    with pytest.raises(InboxFull):
        await inbox.put(question(thread(1), 1))
    async with inbox.work() as work:
        assert (await taken(work)).id == "m0"
        await inbox.put(question(thread(1), 1))
        assert await inbox.put(question(thread(0), 0)) == Receipt(accepted=False, ahead=0)
        assert (await taken(work)).id == "m1"
    assert await inbox.put(question(thread(0), 0)) == Receipt(accepted=False, ahead=0)
    await inbox.put(question(thread(0), 2))


async def test_a_question_can_be_edited_until_somebody_begins_to_answer(redis_store: Store) -> None:
    """Then the old words are answered, and whoever edits is told that it came too late."""
    inbox = RedisInbox(redis_store)
    await inbox.put(question(thread(0), 0))
    assert await inbox.edit(question(thread(0), 0, "And a tambo?"))
    async with inbox.work() as work, work.take() as lease:
        assert lease is not None
        assert lease.message.text == "And a tambo?"
        assert not await inbox.edit(question(thread(0), 0, "Never mind."))
        await lease.finish(answered(lease.message))
    assert not await inbox.edit(question(thread(0), 0, "Never mind."))


async def test_a_deleted_question_is_not_answered_and_not_remembered(redis_store: Store) -> None:
    """Waiting it leaves the inbox, in progress its answer stops, answered its turn goes."""
    inbox, history = RedisInbox(redis_store, bounds=Bounds(per_person=4)), RedisHistory(redis_store)
    for number in range(4):
        await inbox.put(question(thread(0), number))
    await inbox.delete(thread(0), "m2")
    async with inbox.work() as work, asyncio.timeout(DEADLINE):
        assert (await taken(work)).id == "m0"
        async with work.take() as lease:
            assert lease is not None
            stopped = asyncio.create_task(lease.stopped())
            await inbox.delete(thread(0), "m1")
            await stopped
            await lease.finish(answered(lease.message))
        assert (await taken(work)).id == "m3"
        assert [turn.message_id for turn in await history.turns(thread(0))] == ["m0", "m3"]
        await inbox.delete(thread(0), "m0")
        assert [turn.message_id for turn in await history.turns(thread(0))] == ["m3"]
    for number in range(4, 8):
        await inbox.put(question(thread(0), number))


async def test_the_head_of_a_thread_can_be_deleted(redis_store: Store) -> None:
    """The question behind it comes next, also for a worker that knew of the deleted one."""
    inbox = RedisInbox(redis_store, capacity=lambda: ONE_SLOT)
    await inbox.put(question(thread("busy"), 9))
    async with inbox.work() as work:
        async with work.take() as lease:
            assert lease is not None
            for number in range(2):
                await inbox.put(question(thread(0), number))
            await until(lambda: has_places(work, 1))
            await inbox.delete(thread(0), "m0")
            await lease.finish(answered(lease.message))
        assert (await taken(work)).id == "m1"
