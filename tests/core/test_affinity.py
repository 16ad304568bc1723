"""Which of several names a key belongs to."""

from collections import Counter

from core.affinity import ranked

GPUS = tuple(f"gpu{number}:8080" for number in range(4))
KEYS = [f"thread {number}" for number in range(2000)]


def test_every_name_has_its_place_in_the_order_of_each_key() -> None:
    """The same for everybody who asks."""
    for key in KEYS:
        assert sorted(ranked(key, GPUS)) == [0, 1, 2, 3]
        assert ranked(key, GPUS) == ranked.__wrapped__(key, GPUS)
    assert ranked("thread", ()) == ()


def test_keys_are_spread_evenly_also_those_of_a_name_that_went() -> None:
    """Each name has its share, and what one leaves behind is shared by all others."""
    first = Counter(ranked(key, GPUS)[0] for key in KEYS)
    second = Counter(ranked(key, GPUS)[1] for key in KEYS if ranked(key, GPUS)[0] == 0)
    assert all(400 < number < 600 for number in first.values())
    assert all(100 < number < 240 for number in second.values())
    assert set(second) == {1, 2, 3}


def test_only_the_keys_of_a_name_move_when_it_goes() -> None:
    """And each to the next one in its own order."""
    left = GPUS[1:]
    for key in KEYS:
        before = [GPUS[index] for index in ranked(key, GPUS) if index]
        assert [left[index] for index in ranked(key, left)] == before
