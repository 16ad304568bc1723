"""Who is next among what waits, as far as one worker knows it by itself; and whose each partition is."""

from collections import Counter

from adapters.redis.keys import Address
from adapters.redis.ready import Head, Ready
from adapters.redis.workers import heir

PARTITIONS = [f"p{number}" for number in range(64)]


def thread(name: str) -> Address:
    """The place of a thread."""
    return Address("p1", name)


def head(person: str, message_id: str = "m1", since: int = 17) -> Head:
    """A message that is next in its thread."""
    return Head(since, person, message_id.encode())


def test_a_head_is_read_as_the_scripts_write_it() -> None:
    """A message's id may hold spaces and any bytes; it stands last."""
    assert Head.read(b"1700000000000042 00ff m 1 \xff") == Head(1700000000000042, "00ff", b"m 1 \xff")


def test_people_are_compared_by_as_many_threads_each() -> None:
    """Ten threads of one person do not push the one of another out of sight."""
    ready = Ready()
    for number in range(10):
        ready.add(thread(f"a{number}"), head("ann"))
    ready.add(thread("b"), head("ben"))

    assert [at.thread for at, _ in ready.first(1)] == ["a0", "b"]
    assert [at.thread for at, _ in ready.first(4)] == ["a0", "b", "a1", "a2"]


def test_what_was_begun_comes_before_all_else() -> None:
    """People saw a part of its answer, so they do not wait for another turn."""
    ready = Ready()
    ready.add(thread("a"), head("ann"))
    ready.add(thread("b"), head("ben", since=1))
    assert ready.first(9) == [(thread("b"), head("ben", since=1))]

    ready.discard(thread("b"))
    assert ready.first(9) == [(thread("a"), head("ann"))]


def test_who_was_served_comes_after_all_others() -> None:
    """People take turns, and so do the threads of each, also where only the first ones are compared."""
    ready = Ready()
    for person in ("ann", "ben", "cy"):
        for number in range(2):
            ready.add(thread(f"{person}{number}"), head(person))
    served = []
    while len(ready):
        at, _ = ready.first(1)[0]
        served.append(at.thread)
        ready.discard(at)

    assert served == ["ann0", "ben0", "cy0", "ann1", "ben1", "cy1"]


def test_the_same_message_keeps_its_place_and_another_one_goes_behind() -> None:
    """To hear of a message twice changes nothing; the thread's next message waits anew."""
    ready = Ready()
    ready.add(thread("a0"), head("ann"))
    ready.add(thread("a1"), head("ann"))
    ready.add(thread("a0"), head("ann"))
    assert [at.thread for at, _, _ in ready] == ["a0", "a1"]

    ready.add(thread("a0"), head("ann", "m2"))
    assert [(at.thread, own) for at, _, own in ready] == [("a1", 0), ("a0", 1)]


def test_the_next_message_of_a_thread_may_be_another_persons() -> None:
    """The thread then waits among the threads of that person."""
    ready = Ready()
    ready.add(thread("a0"), head("ann"))
    ready.add(thread("a0"), head("ben", "m2"))

    assert ready.get(thread("a0")) == head("ben", "m2")
    assert len(ready) == 1
    ready.discard(thread("a0"))
    assert (len(ready), ready.first(9), ready.get(thread("a0"))) == (0, [], None)


def test_partitions_are_shared_about_evenly() -> None:
    """No worker has twice its share or less than half of it."""
    shares = Counter(heir(partition, ["a", "b", "c"]) for partition in PARTITIONS)

    assert all(64 / 6 < share < 64 * 2 / 3 for share in shares.values())
    assert len(shares) == 3


def test_only_the_share_of_who_comes_or_goes_moves() -> None:
    """Every other partition stays where it is, and nobody has to agree on anything."""
    three = {partition: heir(partition, ["a", "b", "c"]) for partition in PARTITIONS}
    four = {partition: heir(partition, ["d", "c", "b", "a"]) for partition in PARTITIONS}

    assert {four[partition] for partition in PARTITIONS if four[partition] != three[partition]} == {"d"}


def test_what_was_stopped_is_found_behind_everything_else() -> None:
    """It has to be ended only, so it waits for nobody's turn."""
    ready = Ready()
    for number in range(3):
        ready.add(thread(f"a{number}"), head("ann", f"m{number}"))
    ready.add(thread("a2"), head("ann", "m2", since=0))
    assert ready.stopped() == [(thread("a2"), head("ann", "m2", since=0))]

    ready.discard(thread("a2"))
    assert ready.stopped() == []
