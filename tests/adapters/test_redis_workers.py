"""Which worker each partition should belong to."""

from collections import Counter

from adapters.redis import keys
from adapters.redis.store import Store
from adapters.redis.workers import beat, heir

PARTITIONS = keys.partitions(64)


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


async def test_who_died_before_the_clock_was_set_back_counts_as_gone(redis_store: Store) -> None:
    """Else nobody would have its share until the clock is there again."""
    await beat(redis_store, "dead", 600)
    await beat(redis_store, "alive", 3)
    assert await beat(redis_store, "other", 3) == {"alive", "other"}
