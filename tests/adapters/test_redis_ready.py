"""Who is next among what waits, as far as one worker knows it by itself."""

from adapters.redis.keys import Address
from adapters.redis.ready import BEGUN, STOPPED, SUSPECT, WAITS, Head, Ready


def thread(name: str) -> Address:
    """The place of a thread."""
    return Address("p1", name)


def head(person: str, message_id: str = "m1", rank: int = WAITS) -> Head:
    """A message that is next in its thread."""
    return Head(rank, 17, person, message_id)


def test_a_head_is_read_as_the_scripts_write_it() -> None:
    """A message's id may hold spaces and half a character; it stands last."""
    stored = "1 1700000000000042 00ff m 1 \ud800".encode("utf-8", "surrogatepass")
    assert Head.read(stored) == Head(BEGUN, 1700000000000042, "00ff", "m 1 \ud800")
    assert Head.read(b"2 7 00ff:code:0abc:90 m1") == Head(WAITS, 7, "00ff", "m1", "code", "0abc", 90)


def test_a_head_that_a_later_release_wrote_is_read_as_far_as_it_is_known() -> None:
    """Workers of two releases stand side by side during an upgrade; a person is the same to both."""
    assert Head.read(b"2 7 00ff:code:0abc:90:new:fields m1") == Head(
        WAITS, 7, "00ff", "m1", "code", "0abc", 90
    )


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
    ready.add(thread("b"), head("ben", rank=BEGUN))
    assert ready.first(9) == [(thread("b"), head("ben", rank=BEGUN))]

    ready.discard(thread("b"))
    assert ready.first(9) == [(thread("a"), head("ann"))]


def test_suspects_are_begun_one_at_a_time() -> None:
    """One of them may have killed its workers, and must not take the others along."""
    ready = Ready()
    for name in ("a", "b"):
        ready.add(thread(name), head("ann", rank=SUSPECT))
    for name, rank in (("c", BEGUN), ("d", WAITS)):
        ready.add(thread(name), head("ann", rank=rank))

    first = [at.thread for at, _ in ready.first(9)]
    assert len(first) == 2
    assert set(first) < {"a", "b", "c"}
    assert [at.thread for at, _ in ready.first(9, suspects=0)] == ["c"]
    ready.discard(thread("c"))
    assert len(ready.first(9)) == 1
    assert [at.thread for at, _ in ready.first(9, suspects=0)] == ["d"]


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


def test_what_was_stopped_is_found_behind_everything_else() -> None:
    """It has to be ended only, so it waits for nobody's turn."""
    ready = Ready()
    for number in range(3):
        ready.add(thread(f"a{number}"), head("ann", f"m{number}"))
    ready.add(thread("a2"), head("ann", "m2", rank=STOPPED))
    assert ready.stopped() == [(thread("a2"), head("ann", "m2", rank=STOPPED))]

    ready.discard(thread("a2"))
    assert ready.stopped() == []


def test_models_take_turns() -> None:
    """Of each those are compared who wait for it, and whose model was served last is asked for last."""
    ready = Ready()
    for number, model in enumerate(["", "", "code"]):
        ready.add(thread(f"a{number}"), head("ann", f"m{number}")._replace(model=model))
    assert ready.models() == ["", "code"]
    assert [at.thread for at, _ in ready.first(9, model="code")] == ["a2"]

    ready.discard(thread("a0"))
    assert ready.models() == ["code", ""]
    ready.discard(thread("a2"))
    assert ready.models() == [""]
