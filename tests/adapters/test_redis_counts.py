"""What is counted over all workers: bounds, fair shares, the slots of replicas, places."""

import asyncio
import math
from collections import Counter
from collections.abc import Mapping

import pytest

from adapters.redis import keys
from adapters.redis.count_scripts import ANSWERED_WITHIN
from adapters.redis.counts import NO_BOUNDS, Begun, Bounds, Candidate, Counts, Queue
from adapters.redis.store import Store
from core.affinity import ranked
from core.errors import InboxFull
from tests.adapters.redis_parts import RedisServer
from tests.parts import until

NONE: Mapping[str, int] = {}
ONE = {"gpu": 1}


async def ask(counts: Counts, person: str, *names: str, bounds: Bounds = NO_BOUNDS) -> None:
    """Count messages of one person in."""
    for name in names:
        await counts.admit(name, person, f"slack:{name}", bounds)


async def begin(
    counts: Counts,
    *candidates: Candidate,
    to: Mapping[str, int] = NONE,
    worker: str = "w",
    most: int = 1,
) -> list[Begun]:
    """Choose from these, for slots that last."""
    return await counts.begin(worker, candidates, to, 60.0, most)


def of(person: str, name: str, thread: str = "thread", *, home: str = "", tokens: int = 0) -> Candidate:
    """A message that could be answered, in a thread that this replica answered last."""
    return Candidate(person, name, thread, keys.of_replica(home) if home else "", tokens)


def in_order(thread: str, capacity: Mapping[str, int]) -> list[str]:
    """The replicas in the order of a thread."""
    return [list(capacity)[index] for index in ranked(thread, tuple(capacity))]


async def test_a_person_may_have_so_many_questions_and_is_told_so(redis_store: Store) -> None:
    """The bound of one person leaves others alone, and ends with the first answer."""
    counts, bounds = Counts(redis_store), Bounds(per_person=2)
    await ask(counts, "ann", "m1", "m2")
    with pytest.raises(InboxFull, match="2 of your questions wait for their answers"):
        await ask(counts, "ann", "m3", bounds=bounds)
    await ask(counts, "ben", "m4", bounds=bounds)
    await counts.finish("m1")

    await ask(counts, "ann", "m3", bounds=bounds)


async def test_the_inbox_takes_so_many_questions_in_all(redis_store: Store) -> None:
    """Whoever asks: what does not fit is refused with a sentence, not kept waiting."""
    counts = Counts(redis_store)
    await ask(counts, "ann", "m1")
    await ask(counts, "ben", "m2")

    with pytest.raises(InboxFull, match="2 questions wait already"):
        await ask(counts, "cy", "m3", bounds=Bounds(in_all=2))


async def test_a_message_is_counted_once(redis_store: Store) -> None:
    """Neither a redelivery nor a second end changes what others may do."""
    counts, bounds = Counts(redis_store), Bounds(per_person=2)
    await ask(counts, "ann", "m1", "m1", "m1", "m2", bounds=bounds)
    await counts.finish("m1")
    await counts.finish("m1")
    await ask(counts, "ann", "m3", bounds=bounds)

    with pytest.raises(InboxFull):
        await ask(counts, "ann", "m4", bounds=bounds)


async def test_what_nobody_counted_out_is_forgotten_in_the_end(
    redis_server: RedisServer, redis_store: Store
) -> None:
    """Who should have counted a message out may have died: the asker is not shut out for ever."""
    counts = Counts(redis_store)
    await ask(counts, "ann", "m1")
    with redis_server.client() as client:
        client.zadd(keys.of_counts().asked_until, {"m1": 1})  # its time passes

    await ask(counts, "ann", "m2", bounds=Bounds(per_person=1))
    assert (await counts.queue()).people == {"ann": 1}


async def test_a_message_counts_for_as_long_as_it_may_wait(
    redis_server: RedisServer, redis_store: Store
) -> None:
    """However long nobody answers; only while it is answered somebody must say within an hour what came of
    it.
    """
    counts, kept = Counts(redis_store), redis_store.retention.words
    await ask(counts, "ann", "m1", "m2")
    await begin(counts, of("ann", "m1"))
    await begin(counts, of("ann", "m2"))
    await counts.requeue("m2")

    with redis_server.client() as client:
        now, _ = client.time()
        left = {name: client.zscore(keys.of_counts().asked_until, name) / 1000 - now for name in ("m1", "m2")}
    assert left == pytest.approx({"m1": ANSWERED_WITHIN, "m2": kept}, abs=60)


async def test_once_nobody_waits_nothing_is_kept_of_anybody(
    redis_server: RedisServer, redis_store: Store
) -> None:
    """Whoever was served, and forgotten since, leaves no trace in the shares."""
    counts = Counts(redis_store)
    await ask(counts, "ann", "m1")
    await begin(counts, of("ann", "m1"))
    await counts.finish("m1")

    with redis_server.client() as client:
        names = keys.of_counts()
        assert not client.exists(names.asked, names.asked_until, names.people, names.waiting, names.served)


@pytest.mark.parametrize("end", ["finished", "left to another worker", "never counted out"])
async def test_nothing_is_kept_of_the_tokens_of_an_answer_that_is_over(
    end: str, redis_server: RedisServer, redis_store: Store
) -> None:
    """However it ended: else a field for each answer would stay for ever."""
    counts, names = Counts(redis_store), keys.of_counts()
    await ask(counts, "ann", "m1")
    await begin(counts, of("ann", "m1", tokens=300), to=ONE)
    with redis_server.client() as client:
        assert client.hgetall(names.outstanding) == {b"m1": b"300"}
        if end == "finished":
            await counts.finish("m1", "gpu")
        elif end == "left to another worker":
            await counts.requeue("m1", "gpu")
        else:
            client.zadd(names.asked_until, {"m1": 1})  # its time passes
            await ask(counts, "ann", "m2")
        assert not client.exists(names.outstanding)


async def test_slots_are_held_over_all_workers(redis_store: Store) -> None:
    """A replica never gets more than it has slots for, and no slot stays free while somebody waits."""
    counts = Counts(redis_store)
    capacity = {"large": 4, "small": 2, "ejected": 0}
    begun = [await begin(counts, of("ann", f"m{n}", f"thread {n}"), to=capacity) for n in range(7)]

    assert begun[6] == []
    replicas = [each.replica for (each,) in begun[:6]]
    assert Counter(replicas) == {"large": 4, "small": 2}
    await counts.finish("m0", replicas[0])
    assert await begin(counts, of("ann", "m6"), to=capacity, worker="v") == [Begun(0, replicas[0])]


async def test_the_questions_of_a_thread_go_to_the_replica_that_knows_it(redis_store: Store) -> None:
    """One after the other, to the one that answered last, whichever others are free."""
    counts, capacity = Counts(redis_store), {f"gpu{n}": 8 for n in range(4)}
    for number in range(12):
        thread, home = f"thread {number}", ("", *capacity)[number % 5]
        (begun,) = await begin(counts, of("ann", thread, thread, home=home), to=capacity)
        assert begun.replica == (home or in_order(thread, capacity)[0])
        await counts.finish(thread, begun.replica)


async def test_a_new_thread_goes_where_the_fewest_tokens_are_to_be_worked_on(redis_store: Store) -> None:
    """Over all workers: two short questions are less than one with a long history, until that is answered."""
    counts, capacity = Counts(redis_store), {"gpu0": 8, "gpu1": 8}
    await begin(counts, of("ann", "long", "a", home="gpu0", tokens=3000), to=capacity, worker="other")
    for number in range(2):
        (begun,) = await begin(counts, of("ben", f"b{number}", f"b{number}", tokens=20), to=capacity)
        assert begun.replica == "gpu1"

    await counts.finish("long", "gpu0")
    (begun,) = await begin(counts, of("cy", "c", "c", home="a replica that is no more"), to=capacity)
    assert begun.replica == "gpu0"


async def test_a_slot_goes_along_where_another_replica_answers(redis_store: Store) -> None:
    """The one before is free for others; the one after has one more than it would have taken."""
    counts, capacity = Counts(redis_store), {"a": 1, "b": 1}
    for name in capacity:
        assert await begin(counts, of("ann", name, home=name), to=capacity) == [Begun(0, name)]
    await counts.move("a", "a", "b", 60.0)

    assert await begin(counts, of("ben", "b1"), to=capacity) == [Begun(0, "a")]
    await counts.finish("b", "b")
    assert not await begin(counts, of("ben", "b2"), to=capacity)
    await counts.finish("a", "b")
    assert await begin(counts, of("ben", "b2"), to=capacity) == [Begun(0, "b")]


async def test_nobody_waits_for_the_replicas_of_another_model(redis_store: Store) -> None:
    """Each model has its slots; who waits for one holds nobody up who is for another."""
    counts, large = Counts(redis_store), {"large": 1}
    assert await counts.begin("w", [of("ann", "a1")], large, 60.0, model="large")
    assert not await counts.begin("w", [of("ann", "a2")], large, 60.0, model="large")
    assert not await counts.begin("v", [of("ben", "b1")], large, 60.0, model="large")

    assert await begin(counts, of("cy", "c1"), of("ann", "a3"), to={"small": 2}, worker="v", most=2)
    await counts.finish("a1", "large")
    assert not await counts.begin("w", [of("ann", "a2")], large, 60.0, model="large"), "it is ben's turn"
    assert await counts.begin("v", [of("ben", "b1")], large, 60.0, model="large")


async def test_a_replica_that_has_too_much_to_do_leaves_a_thread_to_the_next_in_its_order(
    redis_store: Store,
) -> None:
    """Threads that are drawn to one replica do not wait for it, nor do they all go to the same other one."""
    counts, capacity = Counts(redis_store), {f"gpu{n}": 32 for n in range(4)}
    drawn = [t for t in map(str, range(500)) if in_order(t, capacity)[0] == "gpu2"][:40]
    went: Counter[str] = Counter()
    for thread in drawn:
        (begun,) = await begin(counts, of("ann", thread, thread, home="gpu2"), to=capacity)
        share = sum(went.values()) / 4
        busier = in_order(thread, capacity)[: in_order(thread, capacity).index(begun.replica)]
        assert all(went[name] > 1.25 * share for name in busier)
        went[begun.replica] += 1
        assert went[begun.replica] <= max(2, math.ceil(1.25 * share) + 1)
    assert len(went) == 4


async def test_a_replica_without_slots_now_leaves_its_threads_to_the_next_in_their_order(
    redis_store: Store,
) -> None:
    """Its load is no part of what is shared, and the thread comes back when the replica does."""
    counts, capacity = Counts(redis_store), {f"gpu{n}": 4 for n in range(3)}
    first, second, _ = in_order("thread", capacity)
    for number, slots in enumerate([4, 0, 4]):
        (begun,) = await begin(counts, of("ann", f"m{number}", home=first), to=capacity | {first: slots})
        assert begun.replica == (first if slots else second)
        await counts.finish(f"m{number}", begun.replica)


async def test_several_are_begun_at_once_as_far_as_slots_go(redis_store: Store) -> None:
    """Those who had least come first; no more are begun than are wanted, or than there are slots."""
    counts = Counts(redis_store)
    await begin(counts, of("ann", "m0"))
    candidates = [of("ann", "m1"), of("ben", "m2"), of("cy", "m3")]

    assert await begin(counts, *candidates, most=2) == [Begun(1, ""), Begun(2, "")]
    first, second = in_order("thread", capacity := {"gpu": 1, "cpu": 1})
    assert await begin(counts, *candidates, to=capacity, most=3) == [Begun(0, first), Begun(1, second)]


async def test_an_answer_that_was_begun_keeps_its_slot_and_costs_no_second_turn(redis_store: Store) -> None:
    """Another worker goes on with it at once, though no slot is free, and its person is not set back."""
    counts = Counts(redis_store)
    await ask(counts, "ann", "m1", "m3")
    await ask(counts, "ben", "m2")
    await begin(counts, of("ann", "m1"), to=ONE, worker="dead")
    assert await begin(counts, of("ben", "m2"), to=ONE) == []
    assert await begin(counts, of("ann", "m1"), to=ONE) == [Begun(0, "gpu")]

    await counts.finish("m1", "gpu")
    assert await begin(counts, of("ann", "m3"), of("ben", "m2"), to=ONE) == [Begun(1, "gpu")]
    await counts.finish("m2", "gpu")
    assert await begin(counts, of("ann", "m3"), to=ONE) == [Begun(0, "gpu")]


async def test_one_person_alone_may_begin_several_at_once(redis_store: Store) -> None:
    """Turns are taken only where there are others; and others come in between."""
    counts = Counts(redis_store)
    candidates = [of("ann", "a1"), of("ben", "b1"), of("ann", "a2"), of("ann", "a3")]

    begun = await begin(counts, *candidates, most=4)
    assert [candidates[each.candidate].counted for each in begun] == ["a1", "b1", "a2", "a3"]
    assert len(await begin(counts, *candidates[:1], most=4)) == 1


async def test_a_dead_workers_slot_is_free_after_a_while(redis_store: Store) -> None:
    """And one that is renewed is not."""
    counts = Counts(redis_store)
    await counts.begin("dead", [of("ann", "m1")], ONE, slot_life=0.2)
    await until(lambda: has_begun(counts, "m2"))

    await counts.renew({"m2": "gpu"}, slot_life=60.0)
    assert not await has_begun(counts, "m3")


async def has_begun(counts: Counts, name: str) -> bool:
    """Whether a slot was free for this message."""
    return bool(await begin(counts, of("ann", name), to=ONE))


async def test_who_found_no_slot_is_told_of_the_next_one(
    redis_server: RedisServer, redis_store: Store
) -> None:
    """A worker that waits need not ask again and again."""
    counts = Counts(redis_store)
    await begin(counts, of("ann", "m1"), to=ONE, worker="busy")
    assert await begin(counts, of("ann", "m2"), to=ONE, worker="waiting") == []
    with redis_server.client() as client, client.pubsub() as channel:
        channel.subscribe(keys.channel("waiting"))
        assert channel.get_message(timeout=5)
        await counts.finish("m1", "gpu")
        news = await asyncio.to_thread(channel.get_message, timeout=5)

    assert news is not None
    assert news["data"] == b"slot"


async def test_no_worker_begins_with_anybody_while_somebody_is_next_elsewhere(redis_store: Store) -> None:
    """Whoever frees a slot asks again before those who waited for it: it is theirs all the same."""
    counts = Counts(redis_store)
    await ask(counts, "ann", "a1", "a2", "a3")
    await ask(counts, "ben", "b1")
    assert await begin(counts, of("ann", "a1"), to=ONE, worker="quick")
    assert not await begin(counts, of("ben", "b1"), to=ONE, worker="slow")
    await counts.finish("a1", "gpu")

    assert not await begin(counts, of("ann", "a2"), to=ONE, worker="quick")
    assert await begin(counts, of("ben", "b1"), to=ONE, worker="slow")
    await counts.finish("b1", "gpu")
    assert await begin(counts, of("ann", "a2"), to=ONE, worker="quick")


async def test_a_worker_that_asks_no_more_keeps_nobody_from_a_slot(redis_store: Store) -> None:
    """It may be dead; and its messages are soon another's."""
    counts = Counts(redis_store)
    await ask(counts, "ann", "a1", "a2")
    await ask(counts, "ben", "b1")
    assert await begin(counts, of("ann", "a1"), to=ONE)
    assert not await counts.begin("dead", [of("ben", "b1")], ONE, slot_life=0.4)
    await counts.finish("a1", "gpu")

    await until(lambda: has_begun(counts, "a2"))


async def test_who_is_next_elsewhere_is_told_of_what_is_free(
    redis_server: RedisServer, redis_store: Store
) -> None:
    """A worker that leaves a slot to another wakes it, and so does one that leaves some over."""
    counts = Counts(redis_store)
    await ask(counts, "ann", "a1", "a2")
    await ask(counts, "ben", "b1")
    await begin(counts, of("ann", "a1"), to=ONE, worker="quick")
    await begin(counts, of("ben", "b1"), to=ONE, worker="slow")
    with redis_server.client() as client, client.pubsub() as channel:
        channel.subscribe(keys.channel("slow"))
        assert channel.get_message(timeout=5)
        await begin(counts, of("ann", "a2"), to={"gpu": 2}, worker="quick")
        news = await asyncio.to_thread(channel.get_message, timeout=5)

    assert news is not None
    assert news["data"] == b"slot"


async def test_a_message_is_known_by_whatever_its_platform_calls_it(redis_store: Store) -> None:
    """Also with signs that JSON must write in another way, or that no text may hold."""
    counts, name = Counts(redis_store), 'm"1\\ \ud800 \x00 日本'
    await ask(counts, "ann", name)
    await begin(counts, of("ann", name), to=ONE)
    assert (await counts.queue()).people == {}

    await counts.finish(name, "gpu")
    assert await begin(counts, of("ann", "m2"), to=ONE) == [Begun(0, "gpu")]


async def test_where_there_are_no_replicas_nobody_waits_for_a_slot(redis_store: Store) -> None:
    """A worker without a capacity just begins."""
    assert await begin(Counts(redis_store), of("ann", "m1")) == [Begun(0, "")]


async def test_people_have_equal_shares_however_much_they_ask(redis_store: Store) -> None:
    """A flood of one person does not delay the few questions of another."""
    counts = Counts(redis_store)
    left = {"flood": 40, "ann": 10, "ben": 10}
    for person, number in left.items():
        await ask(counts, person, *(f"{person}{n}" for n in range(number)))
    served: list[str] = []
    while left:
        candidates = [of(person, f"{person}{number - 1}") for person, number in left.items()]
        (begun,) = await begin(counts, *candidates)
        person = candidates[begun.candidate].person
        served.append(person)
        left[person] -= 1
        left = {name: number for name, number in left.items() if number}

    for end in range(3, 31, 3):
        assert set(Counter(served[:end]).values()) == {end // 3}


async def test_who_comes_back_has_no_credit_for_the_time_away(redis_store: Store) -> None:
    """Whoever was idle starts at the present, and takes turns from then on."""
    counts = Counts(redis_store)
    for number in range(10):
        await begin(counts, of("ann", f"a{number}"))
    await ask(counts, "ben", "b1", "b2", "b3", "b4")
    served = []
    for number in range(4):
        candidates = [of("ann", f"a{10 + number}"), of("ben", f"b{number}")]
        (begun,) = await begin(counts, *candidates)
        served.append(candidates[begun.candidate].person)

    assert Counter(served) == {"ann": 2, "ben": 2}


def test_a_place_counts_those_who_come_before() -> None:
    """Others come before with as many as one has before oneself, and one more if it is their turn first."""
    queue = Queue({"ann": 5, "ben": 1, "cy": 2}, seconds=1.0)

    assert [queue.ahead(person, 0) for person in ("ann", "ben", "cy")] == [0, 1, 2]
    assert [queue.ahead("ann", own) for own in (1, 2, 3)] == [3, 5, 6]
    assert queue.ahead("new", 0) == 3


async def test_who_came_first_is_next_and_has_the_first_place(redis_store: Store) -> None:
    """Of people who were served equally often, also while others come and are served."""
    counts = Counts(redis_store)
    people = [f"{number * 7 % 10}" for number in range(10)]  # their names tell nothing of when they came
    for person in people[:6]:
        await ask(counts, person, f"m{person}")
    served = []
    for later in [*people[6:], *[None] * 6]:
        queue = list((await counts.queue()).people)
        (begun,) = await begin(counts, *(of(person, f"m{person}") for person in sorted(queue)))
        served.append(sorted(queue)[begun.candidate])
        assert served[-1] == queue[0]
        await counts.finish(f"m{served[-1]}")
        if later:
            await ask(counts, later, f"m{later}")

    assert served == people


async def test_the_queue_tells_who_waits_in_the_order_of_their_turns(redis_store: Store) -> None:
    """What was begun waits no longer; what is left to be tried again waits again."""
    counts = Counts(redis_store)
    await ask(counts, "ann", "a1", "a2")
    await ask(counts, "ben", "b1")
    await begin(counts, of("ann", "a1"), to=ONE)
    assert list((await counts.queue()).people.items()) == [("ben", 1), ("ann", 1)]

    await counts.requeue("a1", "gpu")
    assert (await counts.queue()).people == {"ben": 1, "ann": 2}
    await counts.finish("b1", seconds=4.0)
    assert await counts.queue() == Queue({"ann": 2}, 4.0)


async def test_the_load_tells_what_waits_and_since_when(redis_store: Store) -> None:
    """What is being answered does not wait; what is to be tried again does so anew."""
    counts = Counts(redis_store)
    empty = await counts.load()
    await ask(counts, "ann", "m1")
    await asyncio.sleep(0.05)
    await ask(counts, "ben", "m2", "m3")
    waiting = await counts.load()
    await begin(counts, of("ann", "m1"))
    running = await counts.load()
    await counts.requeue("m1")
    again = await counts.load()

    assert (empty.waiting, empty.answering, empty.oldest) == (0, 0, 0)
    assert (waiting.waiting, waiting.answering) == (3, 0)
    assert (running.waiting, running.answering) == (2, 1)
    assert (again.waiting, again.answering) == (3, 0)
    assert waiting.oldest >= 0.04
    assert 0 <= running.oldest <= again.oldest
