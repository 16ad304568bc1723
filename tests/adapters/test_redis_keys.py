"""Key names: one slot per partition, whatever people call their threads, and no words in a name."""

import pytest
from redis.crc import key_slot

from adapters.redis import keys
from core.types import ThreadId

HOSTILE = ["plain", "{", "}", "{}", "{a}{b}", "}{", "chasqui:{p1}:mail", "p 0|1\n", "", "日本", "\ud800"]


def all_keys(thread: ThreadId) -> list[str]:
    """Every key that can concern a thread."""
    return [*keys.of_thread(keys.address(thread, 64)), keys.seen(thread, "{salary}1", 64)]


@pytest.mark.parametrize("platform", ["slack", "terminal"])
@pytest.mark.parametrize("name", HOSTILE)
def test_all_keys_of_a_thread_live_in_one_slot(platform: str, name: str) -> None:
    """Braces in a thread's name or a message's id cannot move a key out of its partition's slot."""
    names = all_keys(ThreadId(platform, name))

    assert len({key_slot(key.encode()) for key in names}) == 1
    assert len(set(names)) == len(names)


def test_threads_of_a_partition_share_its_keys_and_nothing_else() -> None:
    """Lease, heads and dead letters are the partition's; mailbox, turns and the rest each thread's own."""
    one, other = (keys.of_thread(keys.address(ThreadId("slack", name), 1)) for name in ("C1", "C2"))

    assert one.partition == other.partition == keys.of_partition("p0")
    assert not set(one.words) & set(other.words)


def test_threads_spread_over_all_partitions() -> None:
    """With many threads no partition stays empty and none gets a lion's share."""
    counts = dict.fromkeys((f"p{number}" for number in range(64)), 0)
    for number in range(6400):
        counts[keys.partition(ThreadId("discord", str(number)), 64)] += 1

    assert min(counts.values()) > 50
    assert max(counts.values()) < 200


def test_a_thread_keeps_its_partition_for_ever() -> None:
    """The hash is part of what is stored: another one would lose every thread."""
    assert keys.partition(ThreadId("slack", "C1:1700000000.000100"), 64) == "p22"
    assert keys.partition(ThreadId("terminal", "notes"), 64) == "tf36f5fbb2ff7efdf"


def test_each_terminal_thread_is_a_partition_of_its_own() -> None:
    """A terminal process owns its thread alone, however few partitions there are."""
    partitions = {keys.partition(ThreadId("terminal", str(number)), 1) for number in range(100)}

    assert len(partitions) == 100


def test_no_key_name_holds_what_people_wrote() -> None:
    """The name of a thread may be a person's word; it does not show in a listing of keys."""
    assert not any("salary" in name for name in all_keys(ThreadId("terminal", "salary talks")))


def test_what_is_counted_over_all_partitions_lives_in_one_slot() -> None:
    """Bounds, shares and the slots of every replica are changed in one script."""
    names = [
        *keys.of_counts(),
        keys.slots("http://gpu-{1}:8080"),
        keys.threads_of(keys.person("slack", "{U1}")),
    ]

    assert len({key_slot(name.encode()) for name in names}) == 1
    assert len(set(names)) == len(names)
