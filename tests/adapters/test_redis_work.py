"""The inbox as workers take from it: shares of the partitions, slots, wakes, handing over."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import pytest

from adapters.redis import keys
from adapters.redis.connection import connect
from adapters.redis.counts import Bounds, Counts
from adapters.redis.history import RedisHistory
from adapters.redis.inbox import RedisInbox
from adapters.redis.lease import take_message
from adapters.redis.letters import RedisLetters
from adapters.redis.ownership import acquire
from adapters.redis.partitions import LONGEST_ANSWER, PATIENCE, Occupied, Partitions
from adapters.redis.store import Store
from adapters.redis.values import pack_message
from adapters.redis.work import Capacity, RedisWork, no_slots
from adapters.redis.workers import beat, heir
from core.errors import InboxFull, LeaseLost
from core.ports import Receipt, Standing
from core.types import Checkpoint, Message, ThreadId
from tests.adapters.redis_parts import RedisCluster, RedisServer, answered, offered, question
from tests.parts import DEADLINE, until

ONE_SLOT = {"gpu": 1}
MINUTE, FOREVER = 60.0, 3600.0
"""Times to live at which nothing is found by looking: what comes within the deadline came by a wake."""


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
    server: RedisServer, name: str = "other", ttl: float = 3.0, capacity: Capacity = no_slots
) -> AsyncIterator[RedisWork]:
    """A worker with a connection of its own."""
    async with (
        connect(server.url) as store,
        RedisInbox(store, worker=name, ttl=ttl, capacity=capacity).work() as work,
    ):
        yield work


async def owners(store: Store) -> set[str]:
    """The workers that own partitions; fails while one belongs to nobody."""
    names = map(keys.of_partition, keys.partitions(store.partitions))
    found = [await store.command("GET", each.owner) for each in names]
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


async def test_a_thread_has_one_answer_at_a_time_in_the_order_asked(redis_server: RedisServer) -> None:
    """Its next message is given out when the one before is answered; others in its partition go on."""
    async with connect(redis_server.url, partitions=1) as store, RedisInbox(store).work() as work:
        inbox = RedisInbox(store)
        for number in range(3):
            await inbox.put(question(thread(1), number))
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
    inbox = RedisInbox(redis_store, worker="one", ttl=FOREVER, capacity=lambda model: ONE_SLOT)
    async with AsyncExitStack() as stack:
        work = await stack.enter_async_context(inbox.work())
        await until(lambda: owned_by(redis_store, {"one"}))
        other = await stack.enter_async_context(
            other_worker(redis_server, "two", FOREVER, lambda model: ONE_SLOT)
        )
        await inbox.put(question(thread(0), 0))
        async with work.take() as lease:
            assert lease is not None
            assert lease.replica == "gpu"
            work.close()  # all but the partition of this answer goes to the other
            await until(lambda: owned_by(redis_store, {"one", "two"}))
            await inbox.put(question(elsewhere(redis_store, thread(0)), 1))
            waiting = asyncio.create_task(taken(other))
            await until(lambda: redis_store.command("EXISTS", keys.of_counts().wanting))
            assert not waiting.done()
            await lease.finish(answered(lease.message))
        await waiting


async def test_a_message_goes_to_a_replica_of_the_model_that_its_thread_or_channel_chose(
    redis_store: Store,
) -> None:
    """The thread's choice comes first. It counts for what waits already, and ends with the thread."""
    history = RedisHistory(redis_store)
    inbox = RedisInbox(redis_store, ttl=FOREVER, capacity=lambda model: {f"gpu of {model or 'all'}": 1})
    one, other = thread(0), thread(1)
    async with inbox.work() as work:
        await inbox.put(replace(question(one, 0), model="code"))
        assert await _chosen(work) == ("code", "gpu of code")
        for name, replica in (("large", "gpu of large"), ("", "gpu of all")):
            await history.choose(one, name)
            await inbox.put(question(one, len(replica)))
            assert await _chosen(work) == (name, replica)
        await inbox.put(question(other, 1))
        assert await _chosen(work) == ("", "gpu of all")

    await history.choose(one, "large")
    await history.fresh(one)
    assert await history.chosen(one) == "large"
    await history.forget(one)
    assert await history.chosen(one) == ""


async def _chosen(work: RedisWork) -> tuple[str, str]:
    async with work.take() as lease:
        assert lease is not None
        await lease.finish(answered(lease.message))
        return lease.model, lease.replica


async def test_a_thread_stays_with_the_replica_that_answered_it(redis_store: Store) -> None:
    """Also where it was not the first in the order of its thread."""
    free = {"gpu0": 0, "gpu1": 0, "gpu2": 2}
    inbox = RedisInbox(redis_store, ttl=FOREVER, capacity=lambda model: free)
    async with inbox.work() as work:
        for number in range(4):
            await inbox.put(question(thread(0), number))
            assert await _chosen(work) == ("", "gpu2")
            free |= {"gpu0": 2, "gpu1": 2}


def elsewhere(store: Store, other: ThreadId) -> ThreadId:
    """A thread of another partition."""
    names = (thread(f"e{number}") for number in itertools.count())
    return next(each for each in names if store.address(each).partition != store.address(other).partition)


async def test_a_stopped_question_needs_no_slot_to_end(redis_store: Store) -> None:
    """Whoever thinks better of it while all replicas are busy is heard at once."""
    inbox = RedisInbox(redis_store, ttl=FOREVER, capacity=lambda model: ONE_SLOT)
    await inbox.put(question(thread(0), 0))
    async with inbox.work() as work, work.take() as busy:
        assert busy is not None
        await inbox.put(question(thread(1), 1))
        waiting = asyncio.create_task(taken(work))
        await inbox.stop(thread(1), "m1")
        assert (await waiting).id == "m1"


async def test_an_answer_that_is_stopped_while_its_slot_moves_leaves_none_behind(redis_store: Store) -> None:
    """Wherever the move is cut off, the end frees the slot at the one replica and the other."""
    inbox = RedisInbox(redis_store, ttl=FOREVER, capacity=lambda model: ONE_SLOT)
    async with inbox.work() as work:
        for steps in range(1, 30):
            await inbox.put(question(thread(0), steps))
            async with work.take() as lease:
                assert lease is not None
                moving = asyncio.ensure_future(lease.move("other"))
                for _ in range(steps):
                    await asyncio.sleep(0)
                moving.cancel()
                await asyncio.wait([moving])
                await lease.finish(answered(lease.message))
            for replica in (*ONE_SLOT, "other"):
                assert not await redis_store.command("ZCARD", keys.slots(replica)), (steps, replica)


async def test_a_stop_is_heard_by_the_worker_that_answers(
    redis_server: RedisServer, redis_store: Store
) -> None:
    """It is pressed in one process and heard in another, without waiting for the next look."""
    gateway = RedisInbox(redis_store)
    await gateway.put(question(thread(0), 0))
    async with (
        other_worker(redis_server, ttl=FOREVER) as work,
        work.take() as lease,
        asyncio.timeout(DEADLINE),
    ):
        assert lease is not None
        stopped = asyncio.create_task(lease.stopped())
        await gateway.stop(thread(0))
        await stopped


async def test_what_waits_is_found_without_being_told(redis_store: Store) -> None:
    """Wakes are hints: a message whose wake was lost is found at the next look at all that waits."""
    asked, names = question(thread(0), 0), redis_store.keys(thread(0))
    async with RedisInbox(redis_store, ttl=0.6).work() as work:
        await until(lambda: all_owned(redis_store))
        taking = asyncio.create_task(taken(work))
        await redis_store.command("HSET", names.messages, asked.id, pack_message(asked))
        await redis_store.command("RPUSH", names.mail, asked.id)
        await redis_store.command("HSET", names.heads, redis_store.address(thread(0)).thread, "2 1 00ff m0")
        assert await taking == asked


async def test_what_was_put_while_the_wakes_were_cut_off_is_found(
    redis_server: RedisServer, redis_store: Store
) -> None:
    """A worker looks at everything once it hears again."""
    async with RedisInbox(redis_store, ttl=FOREVER).work() as work:
        await until(lambda: all_owned(redis_store))
        with redis_server.client() as client:
            client.client_kill_filter(_type="pubsub")
            await RedisInbox(redis_store).put(question(thread(0), 0))
        assert (await taken(work)).id == "m0"


async def test_a_worker_that_comes_gets_a_share_of_the_partitions(
    redis_server: RedisServer, redis_store: Store
) -> None:
    """The others keep theirs."""
    async with RedisInbox(redis_store, worker="one").work():
        await until(lambda: owned_by(redis_store, {"one"}))
        async with other_worker(redis_server, "two"):
            await until(lambda: owned_by(redis_store, {"one", "two"}))


async def test_a_worker_that_leaves_hands_its_partitions_over_at_once(
    redis_server: RedisServer, redis_store: Store
) -> None:
    """Nobody waits for a lease to lapse."""
    async with AsyncExitStack() as leaving:
        await leaving.enter_async_context(RedisInbox(redis_store, worker="one", ttl=FOREVER).work())
        await until(lambda: owned_by(redis_store, {"one"}))
        async with other_worker(redis_server, "two", FOREVER):
            await until(lambda: there_are(redis_server, 2))
            await leaving.aclose()
            await until(lambda: owned_by(redis_store, {"two"}))


def there_are(server: RedisServer | RedisCluster, number: int) -> bool:
    """Whether there are so many workers, of which each hears of what concerns it."""
    with server.client() as client:
        alive = client.zcard(keys.WORKERS)
    heard = []
    for node in server.nodes if isinstance(server, RedisCluster) else [server]:
        with node.client() as client:
            heard += client.pubsub_channels(keys.channel("*"))
    return bool(alive == len(heard) == number)


HEIR, FIRST = sorted(("one", "two"), key=lambda name: heir("p0", ("one", "two")) != name)


async def test_an_answer_goes_on_where_another_worker_is_due(redis_server: RedisServer) -> None:
    """Its partition is served meanwhile, and handed over in the first moment without an answer there."""
    async with connect(redis_server.url, partitions=1) as store:
        inbox = RedisInbox(store, worker=FIRST)
        for number in range(3):
            await inbox.put(question(thread(number), number))
        async with inbox.work() as work, asyncio.timeout(DEADLINE), other_worker(redis_server, HEIR) as other:
            async with work.take() as lease:
                assert lease is not None
                await until(lambda: there_are(redis_server, 2))
                assert await taken(work) != await taken(work)
                await lease.finish(None)
            await until(lambda: owned_by(store, {HEIR}))
            await inbox.put(question(thread(3), 3))
            assert (await taken(other)).id == "m3"


async def test_a_partition_is_handed_over_though_answers_follow_each_other_there(
    redis_server: RedisServer,
) -> None:
    """After a while nothing more is taken there, and what runs goes on; only after long it is handed over."""
    async with connect(redis_server.url, partitions=1) as store:
        names = store.keys(thread(0))
        partitions = Partitions(store, FIRST, MINUTE, seen=lambda at, head: None, left=lambda name: None)
        await RedisInbox(store).put(question(thread(0), 0))
        staying = asyncio.create_task(partitions.stay_alive())
        await until(lambda: partitions.get("p0") is not None)
        holding = partitions.get("p0")
        assert holding is not None
        lease = await take_message(holding.ownership, names, poll=FOREVER)
        assert lease is not None
        holding.occupied[store.address(thread(0)).thread] = Occupied(lease)
        await beat(store, HEIR, MINUTE)
        partitions.wake()
        await until(lambda: holding.due_since is not None)
        assert holding.takes

        holding.due_since = (holding.due_since or 0) - PATIENCE * MINUTE
        partitions.wake()
        await until(lambda: not holding.takes)
        await lease.ledger.held()
        holding.due_since -= LONGEST_ANSWER * MINUTE
        partitions.wake()
        await until(lambda: partitions.get("p0") is None)
        with pytest.raises(LeaseLost):
            await lease.ledger.held()
        staying.cancel()
        await asyncio.wait([staying])
        assert await store.command("HGET", names.state, "attempts") == b"0"


async def test_a_worker_ends_though_the_server_is_away(start_redis: Callable[[], RedisServer]) -> None:
    """What it has to tell it only tries to tell: it lapses by itself."""
    server = start_redis()
    async with connect(server.url) as store:
        inbox, begun = RedisInbox(store), asyncio.Event()
        await inbox.put(question(thread(0), 0))

        async def answer(work: RedisWork) -> None:
            async with work.take():
                begun.set()
                await asyncio.Event().wait()

        async with asyncio.timeout(DEADLINE), inbox.work() as work:
            answering = asyncio.create_task(answer(work))
            await begun.wait()
            server.kill()
            answering.cancel()
            await asyncio.wait([answering])
            assert answering.cancelled()


async def test_those_that_may_have_killed_two_workers_are_answered_one_at_a_time(
    redis_server: RedisServer,
) -> None:
    """The next one comes when the answer to the first came further, or ended; others are not kept waiting."""
    async with connect(redis_server.url, partitions=1) as store:
        inbox = RedisInbox(store)
        for number in range(3):
            await inbox.put(question(thread(number), number))
        for worker in ("dead", "dead too"):
            ownership = await acquire(store, keys.of_partition("p0"), worker, 60.0, None)
            assert ownership
            for number in range(3):
                assert await take_message(ownership, store.keys(thread(number)), poll=FOREVER)
            await store.command("DEL", keys.of_partition("p0").owner)
        await inbox.put(question(thread(3), 3))

        async with inbox.work() as work, asyncio.timeout(DEADLINE):
            async with work.take() as first:
                assert first is not None
                assert first.attempts == 3
                assert (await taken(work)).id == "m3"
                second = asyncio.create_task(taken(work))
                await inbox.put(question(thread(4), 4))
                assert (await second).id == "m4"
                await first.ledger.intend(0, Checkpoint("A run"))
                await first.ledger.sent(0, "page")
                assert (await taken(work)).id in ("m0", "m1", "m2")
                await first.finish(None)
            assert (await taken(work)).id in ("m0", "m1", "m2")


async def test_what_was_lost_is_answered_anew_while_the_lost_lease_is_still_open(
    redis_server: RedisServer,
) -> None:
    """A worker whose partition was taken and left by another acquires it again."""
    async with connect(redis_server.url, partitions=1) as store:
        inbox, names = RedisInbox(store, worker="one", ttl=0.3), keys.of_partition("p0")
        await inbox.put(question(thread(0), 0))
        async with inbox.work() as work, asyncio.timeout(DEADLINE), AsyncExitStack() as open_still:
            lost = await open_still.enter_async_context(work.take())
            assert lost is not None
            rival = None
            while rival is None:  # it is renewed all the while
                await store.command("DEL", names.owner)
                rival = await acquire(store, names, "rival", 60.0, None)
            with pytest.raises(LeaseLost):
                await lost.stopped()
            await rival.release()
            async with work.take() as lease:
                assert lease is not None
                await open_still.aclose()
                await lease.finish(answered(lease.message))
        assert len(await RedisHistory(store).turns(thread(0))) == 1


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


async def test_a_message_that_comes_again_is_answered_again(redis_store: Store) -> None:
    """Its mark was gone: it must end as any other, although the same worker has ended it before."""
    inbox = RedisInbox(redis_store)
    async with inbox.work() as work:
        for _ in range(2):
            assert (await inbox.put(question(thread(0), 0))).accepted
            assert (await taken(work)).id == "m0"
            assert not await redis_store.command("EXISTS", redis_store.keys(thread(0)).mail)
            await redis_store.command("DEL", redis_store.seen(thread(0), "m0"))


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


async def test_those_who_wait_have_places(redis_store: Store) -> None:
    """In the order of their turns; with a time once it is known how long an answer takes."""
    inbox = RedisInbox(redis_store, capacity=lambda model: ONE_SLOT)
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
    """Waiting it leaves the inbox, in progress what stands of its answer is ended, answered its turn goes."""
    inbox, history = RedisInbox(redis_store, bounds=Bounds(per_person=4)), RedisHistory(redis_store)
    for number in range(4):
        await inbox.put(question(thread(0), number))
    await inbox.delete(thread(0), "m2")
    async with inbox.work() as work, asyncio.timeout(DEADLINE):
        assert (await taken(work)).id == "m0"
        async with work.take() as lease:
            assert lease is not None
            await lease.ledger.intend(0, Checkpoint("A"))
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


@pytest.mark.parametrize("pauses", [False, True], ids=["in progress", "until it is tried again"])
async def test_a_deleted_question_of_whose_answer_nothing_stands_leaves_at_once(
    redis_server: RedisServer, pauses: bool
) -> None:
    """Nothing is posted for it, and what comes after it in its thread is next."""
    async with connect(redis_server.url) as store:
        inbox = RedisInbox(store, ttl=FOREVER)
        for number in range(2):
            await inbox.put(question(thread(0), number))
        async with inbox.work() as work, asyncio.timeout(DEADLINE / 2):
            async with work.take() as lease:
                assert lease is not None
                lease.attempts = 10  # after which it would pause for longer than we wait
                if not pauses:
                    await inbox.delete(thread(0), "m0")
                    with pytest.raises(LeaseLost):
                        await lease.stopped()
            if pauses:
                await inbox.delete(thread(0), "m0")
            assert (await taken(work)).id == "m1"
        assert (await Counts(store).queue()).people == {}


async def test_a_message_that_is_heard_of_while_it_is_answered_counts_once(
    redis_server: RedisServer, redis_store: Store
) -> None:
    """A look at what waits finds it as well; its person is not set back for an answer that is over."""
    inbox = RedisInbox(redis_store, worker="w", capacity=lambda model: ONE_SLOT)
    for name in ("ann", "ben"):
        await inbox.put(Message(name, thread(name), name, "?", 0.0))
    async with inbox.work() as work:
        async with work.take() as lease:
            assert lease is not None
            first = lease.message
            at, heads = redis_store.address(first.thread), redis_store.keys(first.thread).heads
            head = (await redis_store.command("HGETALL", heads))[at.thread.encode()]
            news = f"mail {at.partition} {at.thread} ".encode() + head
            await redis_store.command("PUBLISH", keys.channel("w"), news)
            await inbox.put(Message("cy", thread("cy"), "cy", "?", 0.0))
            await until(lambda: has_places(work, 2))  # what was published before has come too
            await lease.finish(answered(first))
        assert await taken(work) != first
        with redis_server.client() as client:
            score = client.zscore(keys.of_counts().served, keys.person("slack", first.author))
    assert score == pytest.approx(1.0, abs=0.1)


async def test_a_deleted_question_is_not_set_aside(redis_store: Store) -> None:
    """One of whose answer a part stands is ended by its worker, however that ends."""
    inbox = RedisInbox(redis_store)
    await inbox.put(question(thread(0), 0))
    async with inbox.work() as work, work.take() as lease:
        assert lease is not None
        await lease.ledger.intend(0, Checkpoint("A"))
        await inbox.delete(thread(0), "m0")
        await lease.set_aside("It failed.")
    assert await RedisLetters(redis_store).all() == []


async def test_the_head_of_a_thread_can_be_deleted(redis_store: Store) -> None:
    """The question behind it comes next, also for a worker that knew of the deleted one."""
    inbox = RedisInbox(redis_store, capacity=lambda model: ONE_SLOT)
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
