"""The inbox, the lease and the ledger, on a real server."""

import asyncio
import json

import pytest
from structlog.testing import capture_logs

from adapters.redis.connection import connect
from adapters.redis.history import RedisHistory
from adapters.redis.inbox import POLL, RedisInbox
from adapters.redis.lease import RedisLease
from adapters.redis.store import Store
from core import trace
from core.errors import LeaseLost
from core.ports import FILE, Inbox, Receipt, Standing
from core.types import Checkpoint, ThreadId
from tests.adapters.redis_parts import RedisServer, answered, losing_wire, question
from tests.fakes import FakeTracer
from tests.parts import DEADLINE

THREAD = ThreadId("terminal", "notes {1}")


async def is_stopped(lease: RedisLease) -> bool:
    """Whether a stop is set: `stopped` would return at its first look, and it gets the time for three."""
    waiting = asyncio.create_task(lease.stopped())
    done, _ = await asyncio.wait([waiting], timeout=3 * POLL)
    waiting.cancel()
    return bool(done)


async def drain(inbox: Inbox) -> list[str]:
    """Answer all that waits; the ids in their order."""
    ids: list[str] = []
    while True:
        async with inbox.take(THREAD) as lease:
            if lease is None:
                return ids
            ids.append(lease.message.id)
            await lease.finish(answered(lease.message))


async def test_messages_are_taken_in_the_order_of_their_put(redis_store: Store) -> None:
    """What was accepted first is answered first, and each receipt says how many wait before it."""
    inbox = RedisInbox(redis_store)

    receipts = [await inbox.put(question(THREAD, number)) for number in range(3)]

    assert receipts == [Receipt(True, 0), Receipt(True, 1), Receipt(True, 2)]
    assert await drain(inbox) == ["m0", "m1", "m2"]
    assert len(await RedisHistory(redis_store).turns(THREAD)) == 3


async def test_a_message_bears_the_place_in_its_trace_where_it_was_accepted(redis_store: Store) -> None:
    """So another process goes on with the trace; what was put before has one, and an edit begins anew."""
    inbox, tracer = RedisInbox(redis_store), FakeTracer()
    with trace.traced(tracer):
        for number in (1, 1, 2):
            await inbox.put(question(THREAD, number))
        await inbox.edit(question(THREAD, 2, "And?"))
        await inbox.edit(question(THREAD, 9, "Late?"))

    first, _, _, edit, _ = tracer.steps
    assert [step.dropped for step in tracer.steps] == [False, True, False, False, True]
    for place in (first.place, edit.place):
        async with inbox.take(THREAD) as lease:
            assert lease is not None
            assert lease.message.trace == place
            await lease.finish(None)


async def test_a_message_comes_out_as_it_was_put(redis_store: Store) -> None:
    """Every field survives, half a surrogate pair from a platform's JSON too."""
    message = question(THREAD, 1, "¿Qué? 日本 \ud800 \x00 {}")
    inbox = RedisInbox(redis_store)
    await inbox.put(message)

    async with inbox.take(THREAD) as lease:
        assert lease is not None
        assert lease.message == message


async def test_a_message_put_twice_is_answered_once(redis_store: Store) -> None:
    """A redelivery is not accepted: while it waits, once it is taken, nor after it was answered."""
    inbox, gateway = RedisInbox(redis_store), RedisInbox(redis_store)
    await inbox.put(question(THREAD, 0))
    await inbox.put(question(THREAD, 1))

    assert await gateway.put(question(THREAD, 1)) == Receipt(accepted=False, ahead=1)
    assert await drain(inbox) == ["m0", "m1"]
    assert await gateway.put(question(THREAD, 1)) == Receipt(accepted=False, ahead=0)
    assert await drain(inbox) == []


async def test_a_message_that_waits_longer_than_its_mark_lives_is_still_known(
    redis_server: RedisServer, redis_store: Store
) -> None:
    """The mark is not the only memory: the mailbox knows its own messages."""
    inbox = RedisInbox(redis_store)
    await inbox.put(question(THREAD, 0))
    with redis_server.client() as client:
        client.delete(redis_store.seen(THREAD, "m0"))

    assert not (await inbox.put(question(THREAD, 0))).accepted
    assert await drain(inbox) == ["m0"]


async def test_simultaneous_puts_of_one_message_are_accepted_once(redis_store: Store) -> None:
    """Twins of one event (Slack's message and app_mention) race; one of them wins."""
    inbox = RedisInbox(redis_store)

    receipts = await asyncio.gather(*(inbox.put(question(THREAD, 0)) for _ in range(20)))

    assert sum(receipt.accepted for receipt in receipts) == 1
    assert await drain(inbox) == ["m0"]


async def test_nothing_is_taken_from_an_empty_inbox(redis_store: Store) -> None:
    """Where nothing waits, taking yields None and leaves the thread free."""
    async with RedisInbox(redis_store).take(THREAD) as lease:
        assert lease is None
    async with RedisInbox(redis_store).take(THREAD) as lease:
        assert lease is None


async def test_leaving_without_finish_leaves_the_message_for_the_next(redis_store: Store) -> None:
    """A worker that fails half-way loses nothing; the next sees the attempt and the ledger."""
    first, second = RedisInbox(redis_store), RedisInbox(redis_store)
    await first.put(question(THREAD, 0))
    async with first.take(THREAD) as lease:
        assert lease is not None
        await lease.ledger.sent(0, "page-0")

    async with second.take(THREAD) as lease:
        assert lease is not None
        assert (lease.message.id, lease.attempts) == ("m0", 2)
        assert await lease.ledger.standing() == Standing({0: "page-0"})


async def test_attempts_are_counted_per_message(redis_store: Store) -> None:
    """The tries of one message are not laid to the next."""
    inbox = RedisInbox(redis_store)
    await inbox.put(question(THREAD, 0))
    await inbox.put(question(THREAD, 1))
    async with inbox.take(THREAD):
        pass
    async with inbox.take(THREAD) as lease:
        assert lease is not None
        await lease.finish(None)

    async with inbox.take(THREAD) as lease:
        assert lease is not None
        assert (lease.message.id, lease.attempts) == ("m1", 1)


async def test_the_ledger_tells_intents_from_parts_that_stand(redis_store: Store) -> None:
    """An intent has no id yet, a second intent does not lose one, and the last checkpoint counts."""
    inbox, last = RedisInbox(redis_store), Checkpoint("A runner \ud800", final=True)
    await inbox.put(question(THREAD, 0))
    async with inbox.take(THREAD) as lease:
        assert lease is not None
        await lease.ledger.intend(0, Checkpoint("A run"))
        await lease.ledger.sent(0, "1700.1")
        await lease.ledger.intend(0, Checkpoint("A runner"))
        await lease.ledger.intend(FILE, last)

        assert await lease.ledger.standing() == Standing({}), "what this attempt did it knows itself"
    async with inbox.take(THREAD) as lease:
        assert lease is not None
        assert await lease.ledger.standing() == Standing({0: "1700.1", FILE: None}, last)


async def test_finish_keeps_the_turn_and_clears_the_rest_in_one_step(
    redis_server: RedisServer, redis_store: Store
) -> None:
    """After it the turn stands and mailbox, message, ledger, stop flag and attempts are gone."""
    inbox = RedisInbox(redis_store)
    message = question(THREAD, 0)
    await inbox.put(message)
    async with inbox.take(THREAD) as lease:
        assert lease is not None
        await lease.ledger.intend(0, Checkpoint("A runner."))
        await inbox.stop(THREAD)
        await lease.finish(answered(message))

    names = redis_store.keys(THREAD)
    with redis_server.client() as client:
        assert await RedisHistory(redis_store).turns(THREAD) == [answered(message)]
        assert client.exists(names.mail, names.messages, names.ledger, names.owner) == 0
        assert set(client.hkeys(names.state)) == {b"finished", b"tokens", b"replica"}


async def test_finish_twice_is_harmless(redis_store: Store) -> None:
    """A finish whose answer was lost is sent again: no error, no second turn, no second pop."""
    inbox = RedisInbox(redis_store)
    await inbox.put(question(THREAD, 0))
    await inbox.put(question(THREAD, 1))
    async with inbox.take(THREAD) as lease:
        assert lease is not None
        await lease.finish(answered(lease.message))
        await lease.finish(answered(lease.message))

    assert [turn.message_id for turn in await RedisHistory(redis_store).turns(THREAD)] == ["m0"]
    assert await drain(inbox) == ["m1"]


async def test_finish_without_a_turn_takes_the_message_out(redis_store: Store) -> None:
    """A message that leaves no turn (a command, a refusal by policy) still leaves the inbox."""
    inbox = RedisInbox(redis_store)
    await inbox.put(question(THREAD, 0))
    async with inbox.take(THREAD) as lease:
        assert lease is not None
        await lease.finish(None)

    assert await RedisHistory(redis_store).turns(THREAD) == []
    assert await drain(inbox) == []


async def test_a_lease_ends_with_its_context(redis_store: Store) -> None:
    """A task that outlives the context can no longer write, even while its worker owns the partition."""
    thread, inbox = ThreadId("slack", "C1:1"), RedisInbox(redis_store)
    await inbox.put(question(thread, 0))
    async with inbox.work() as work:
        async with work.take() as lease:
            assert lease is not None
        for late in (
            lease.ledger.sent(0, "late"),
            lease.stopped(),
            lease.finish(answered(lease.message)),
        ):
            with pytest.raises(LeaseLost):
                await late

    assert await RedisHistory(redis_store).turns(thread) == []


async def test_only_a_thread_that_is_a_partition_of_its_own_is_taken_by_itself(redis_store: Store) -> None:
    """The others share their partitions, which are the workers'."""
    with pytest.raises(ValueError, match="slack are taken by workers"):
        async with RedisInbox(redis_store).take(ThreadId("slack", "C1:1")):
            pass


async def test_stop_wakes_the_lease_of_another_worker(redis_store: Store) -> None:
    """Stop is pressed at a gateway; whoever answers learns of it."""
    worker, gateway = RedisInbox(redis_store), RedisInbox(redis_store)
    await worker.put(question(THREAD, 0))
    await worker.put(question(THREAD, 1))
    async with worker.take(THREAD) as lease:
        assert lease is not None
        waiting = asyncio.create_task(lease.stopped())
        await gateway.stop(THREAD)
        await waiting
        await lease.finish(None)

    async with worker.take(THREAD) as lease:
        assert lease is not None
        assert not await is_stopped(lease), "the stop of one answer must not end the next"


async def test_a_stop_before_the_take_is_not_lost(redis_store: Store) -> None:
    """Whoever presses Stop while the question still waits is heard when it is taken."""
    inbox = RedisInbox(redis_store)
    await inbox.put(question(THREAD, 0))
    await inbox.stop(THREAD)

    async with inbox.take(THREAD) as lease, asyncio.timeout(DEADLINE):
        assert lease is not None
        await lease.stopped()


async def test_the_stop_of_a_waiting_question_leaves_the_answer_before_it_alone(redis_store: Store) -> None:
    """Two people ask in one thread, and one of them thinks better of it."""
    inbox = RedisInbox(redis_store)
    first, second = question(THREAD, 0), question(THREAD, 1)
    await inbox.put(first)
    await inbox.put(second)
    await inbox.stop(THREAD, second.id)

    async with inbox.take(THREAD) as lease:
        assert lease is not None
        assert not await is_stopped(lease)
        await lease.finish(None)
    async with inbox.take(THREAD) as lease, asyncio.timeout(DEADLINE):
        assert lease is not None
        await lease.stopped()


async def test_each_question_of_a_thread_can_be_stopped(redis_store: Store) -> None:
    """The stop of one does not take back that of another; and nothing is left of any."""
    inbox = RedisInbox(redis_store)
    for number in range(4):
        await inbox.put(question(THREAD, number))
    for number in (0, 2, 3):
        await inbox.stop(THREAD, f"m{number}")
    await inbox.delete(THREAD, "m3")

    for number in range(3):
        async with inbox.take(THREAD) as lease:
            assert lease is not None
            assert await is_stopped(lease) == (number != 1)
            await lease.finish(None)
    state = await redis_store.command("HGETALL", redis_store.keys(THREAD).state)
    assert not [field for field in state if field.startswith(b"stop")]


async def test_the_stop_of_a_question_that_is_gone_stops_nothing(redis_store: Store) -> None:
    """It was answered in the meantime; the next one is not to suffer for it."""
    inbox = RedisInbox(redis_store)
    await inbox.put(question(THREAD, 0))
    await inbox.stop(THREAD, "gone")

    async with inbox.take(THREAD) as lease:
        assert lease is not None
        assert not await is_stopped(lease)


async def test_stopping_an_idle_thread_stops_nothing_later(redis_store: Store) -> None:
    """A Stop that finds nothing waiting leaves no flag for the next question."""
    inbox = RedisInbox(redis_store)
    await inbox.stop(THREAD)
    await inbox.put(question(THREAD, 0))

    async with inbox.take(THREAD) as lease:
        assert lease is not None
        assert not await is_stopped(lease)


@pytest.mark.parametrize(
    "stored", [b"{broken", b'{"v":9,"value":{"shape":"new"}}', b'{"v":1}', b'"text"', b"null"]
)
async def test_a_message_that_cannot_be_read_does_not_stop_the_thread(
    redis_server: RedisServer, redis_store: Store, stored: bytes
) -> None:
    """It is logged and set aside, not thrown away; the next message is taken."""
    inbox, names = RedisInbox(redis_store), redis_store.keys(THREAD)
    await inbox.put(question(THREAD, 0))
    await inbox.put(question(THREAD, 1))
    with redis_server.client() as client, capture_logs() as logs:
        client.hset(names.messages, "m0", stored)

        assert await drain(inbox) == ["m1"]
        (letter,) = client.hvals(names.dead)
        assert json.loads(letter)["message"] == stored.decode()
    assert [(log["event"], log["kind"]) for log in logs] == [("redis.value_unreadable", "Message")]


async def test_a_command_whose_answer_is_lost_is_sent_again_without_harm(redis_server: RedisServer) -> None:
    """The server did it, the answer got lost: put is no duplicate of itself, finish adds no second turn."""
    async with losing_wire(redis_server) as wire, connect(wire.url) as store:
        inbox = RedisInbox(store, ttl=3600)  # whoever waits for a lapse waits for ever
        await inbox.put(question(THREAD, 0))
        wire.lose_next_answer()
        assert await inbox.put(question(THREAD, 1)) == Receipt(accepted=True, ahead=1)
        wire.lose_next_answer()  # of the acquisition
        async with inbox.take(THREAD) as lease:
            assert lease is not None
            await lease.finish(None)
        async with inbox.take(THREAD) as lease:
            assert lease is not None
            wire.lose_next_answer()
            await lease.finish(answered(lease.message))

        assert wire.lost == 3
        assert [turn.message_id for turn in await RedisHistory(store).turns(THREAD)] == ["m1"]
        assert await drain(inbox) == []
