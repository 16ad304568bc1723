"""What is counted over all workers: bounds, fair shares, the slots of replicas, places."""

import asyncio
from collections import Counter

import pytest

from adapters.redis import keys
from adapters.redis.limits import Begun, Bounds, Candidate, Limits, Queue
from adapters.redis.store import Store
from core.errors import InboxFull
from tests.adapters.redis_parts import RedisServer, until

ONE = {"gpu": 1}


def limits(store: Store, *, per_person: int = 100, in_all: int = 100, slot_life: float = 60.0) -> Limits:
    """Limits with these bounds."""
    return Limits(store, Bounds(per_person, in_all), slot_life)


async def ask(counts: Limits, person: str, *names: str) -> None:
    """Count messages of one person in."""
    for name in names:
        await counts.admit(name.encode(), person, f"slack:{name}")


def of(person: str, name: str) -> Candidate:
    """A message that could be answered."""
    return Candidate(person, name.encode())


async def test_a_person_may_have_so_many_questions_and_is_told_so(redis_store: Store) -> None:
    """The bound of one person leaves others alone, and ends with the first answer."""
    counts = limits(redis_store, per_person=2)
    await ask(counts, "ann", "m1", "m2")
    with pytest.raises(InboxFull, match="2 of your questions wait for their answers"):
        await ask(counts, "ann", "m3")
    await ask(counts, "ben", "m4")
    await counts.end(b"m1")

    await ask(counts, "ann", "m3")


async def test_the_inbox_takes_so_many_questions_in_all(redis_store: Store) -> None:
    """Whoever asks: what does not fit is refused with a sentence, not kept waiting."""
    counts = limits(redis_store, in_all=2)
    await ask(counts, "ann", "m1")
    await ask(counts, "ben", "m2")

    with pytest.raises(InboxFull, match="2 questions wait already"):
        await ask(counts, "cy", "m3")


async def test_a_message_is_counted_once(redis_store: Store) -> None:
    """Neither a redelivery nor a second end changes what others may do."""
    counts = limits(redis_store, per_person=2)
    await ask(counts, "ann", "m1", "m1", "m1", "m2")
    await counts.end(b"m1")
    await counts.end(b"m1")
    await ask(counts, "ann", "m3")

    with pytest.raises(InboxFull):
        await ask(counts, "ann", "m4")


async def test_what_nobody_counted_out_is_forgotten_in_the_end(
    redis_server: RedisServer, redis_store: Store
) -> None:
    """Who should have counted a message out may have died: the asker is not shut out for ever."""
    counts = limits(redis_store, per_person=1)
    await ask(counts, "ann", "m1")
    with redis_server.client() as client:
        client.zadd(keys.of_limits().asked_at, {"m1": 1})  # an hour passes

    await ask(counts, "ann", "m2")
    assert (await counts.queue()).people == {"ann": 1}


async def test_slots_are_held_over_all_workers(redis_store: Store) -> None:
    """A replica never gets more than it has slots for, and each goes where most are free."""
    counts = limits(redis_store)
    capacity = {"large": 2, "small": 1}
    begun = [await counts.begin("w", [of("ann", f"m{n}")], capacity) for n in range(4)]

    assert begun == [[Begun(0, "large")], [Begun(0, "large")], [Begun(0, "small")], []]
    await counts.end(b"m0", "large")
    assert await counts.begin("v", [of("ann", "m3")], capacity) == [Begun(0, "large")]


async def test_several_are_begun_at_once_as_far_as_slots_go(redis_store: Store) -> None:
    """Those who had least come first; no more are begun than are wanted, or than there are slots."""
    counts = limits(redis_store)
    await counts.begin("w", [of("ann", "m0")], {})
    candidates = [of("ann", "m1"), of("ben", "m2"), of("cy", "m3")]

    assert await counts.begin("w", candidates, {}, 2) == [Begun(1, ""), Begun(2, "")]
    assert await counts.begin("w", candidates, {"gpu": 1, "cpu": 1}, 3) == [Begun(0, "gpu"), Begun(1, "cpu")]


async def test_an_answer_that_was_begun_keeps_its_slot_and_costs_no_second_turn(redis_store: Store) -> None:
    """Another worker goes on with it at once, though no slot is free, and its person is not set back."""
    counts = limits(redis_store)
    await ask(counts, "ann", "m1", "m3")
    await ask(counts, "ben", "m2")
    await counts.begin("dead", [of("ann", "m1")], ONE)
    assert await counts.begin("w", [of("ben", "m2")], ONE) == []
    assert await counts.begin("w", [of("ann", "m1")], ONE) == [Begun(0, "gpu")]

    await counts.end(b"m1", "gpu")
    assert await counts.begin("w", [of("ann", "m3"), of("ben", "m2")], ONE) == [Begun(1, "gpu")]
    await counts.end(b"m2", "gpu")
    assert await counts.begin("w", [of("ann", "m3")], ONE) == [Begun(0, "gpu")]


async def test_one_person_alone_may_begin_several_at_once(redis_store: Store) -> None:
    """Turns are taken only where there are others; and others come in between."""
    counts = limits(redis_store)
    candidates = [of("ann", "a1"), of("ben", "b1"), of("ann", "a2"), of("ann", "a3")]

    begun = await counts.begin("w", candidates, {}, 4)
    assert [candidates[each.candidate].counted for each in begun] == [b"a1", b"b1", b"a2", b"a3"]
    assert len(await counts.begin("w", candidates[:1], {}, 4)) == 1


async def test_a_dead_workers_slot_is_free_after_a_while(redis_store: Store) -> None:
    """And one that is renewed is not."""
    counts = limits(redis_store, slot_life=0.2)
    await counts.begin("dead", [of("ann", "m1")], ONE)
    alive = limits(redis_store)
    await until(lambda: has_begun(alive, "m2"))

    await alive.renew({b"m2": "gpu"})
    assert not await has_begun(alive, "m3")


async def has_begun(counts: Limits, name: str) -> bool:
    """Whether a slot was free for this message."""
    return bool(await counts.begin("w", [of("ann", name)], ONE))


async def test_who_found_no_slot_is_told_of_the_next_one(
    redis_server: RedisServer, redis_store: Store
) -> None:
    """A worker that waits need not ask again and again."""
    counts = limits(redis_store)
    await counts.begin("busy", [of("ann", "m1")], ONE)
    assert await counts.begin("waiting", [of("ann", "m2")], ONE) == []
    with redis_server.client() as client, client.pubsub() as channel:
        channel.subscribe(keys.channel("waiting"))
        assert channel.get_message(timeout=5)
        await counts.end(b"m1", "gpu")
        news = await asyncio.to_thread(channel.get_message, timeout=5)

    assert news is not None
    assert news["data"] == b"slot"


async def test_where_there_are_no_replicas_nobody_waits_for_a_slot(redis_store: Store) -> None:
    """A worker without a capacity just begins."""
    assert await limits(redis_store).begin("w", [of("ann", "m1")], {}) == [Begun(0, "")]


async def test_people_have_equal_shares_however_much_they_ask(redis_store: Store) -> None:
    """A flood of one person does not delay the few questions of another."""
    counts = limits(redis_store)
    left = {"flood": 40, "ann": 10, "ben": 10}
    for person, number in left.items():
        await ask(counts, person, *(f"{person}{n}" for n in range(number)))
    served: list[str] = []
    while left:
        candidates = [of(person, f"{person}{number - 1}") for person, number in left.items()]
        (begun,) = await counts.begin("w", candidates, {})
        person = candidates[begun.candidate].person
        served.append(person)
        left[person] -= 1
        left = {name: number for name, number in left.items() if number}

    for end in range(3, 31, 3):
        assert set(Counter(served[:end]).values()) == {end // 3}


async def test_who_comes_back_has_no_credit_for_the_time_away(redis_store: Store) -> None:
    """Whoever was idle starts at the present, and takes turns from then on."""
    counts = limits(redis_store)
    for number in range(10):
        await counts.begin("w", [of("ann", f"a{number}")], {})
    await ask(counts, "ben", "b1", "b2", "b3", "b4")
    served = []
    for number in range(4):
        candidates = [of("ann", f"a{10 + number}"), of("ben", f"b{number}")]
        (begun,) = await counts.begin("w", candidates, {})
        served.append(candidates[begun.candidate].person)

    assert Counter(served) == {"ann": 2, "ben": 2}


def test_a_place_counts_those_who_come_before() -> None:
    """Others come before with as many as one has before oneself, and one more if it is their turn first."""
    queue = Queue({"ann": 5, "ben": 1, "cy": 2}, seconds=1.0)

    assert [queue.ahead(person, 0) for person in ("ann", "ben", "cy")] == [0, 1, 2]
    assert [queue.ahead("ann", own) for own in (1, 2, 3)] == [3, 5, 6]
    assert queue.ahead("new", 0) == 3


async def test_the_queue_tells_who_waits_in_the_order_of_their_turns(redis_store: Store) -> None:
    """What was begun waits no longer; what is left to be tried again waits again."""
    counts = limits(redis_store)
    await ask(counts, "ann", "a1", "a2")
    await ask(counts, "ben", "b1")
    await counts.begin("w", [of("ann", "a1")], ONE)
    assert list((await counts.queue()).people.items()) == [("ben", 1), ("ann", 1)]

    await counts.end(b"a1", "gpu", waits=True)
    assert (await counts.queue()).people == {"ben": 1, "ann": 2}
    await counts.end(b"b1", seconds=4.0)
    assert await counts.queue() == Queue({"ann": 2}, 4.0)
