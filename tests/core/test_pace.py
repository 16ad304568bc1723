"""When the next write may come: alone, with others, and where a platform is slow or refuses."""

import pytest

from core.pace import LONGEST, SLOW, Pace, Paces
from core.types import PageProfile

DISCORD = PageProfile(2000, pace=1.2, bucket="channel C1")
ALONE = PageProfile(2000, pace=1.2)
UPDATES = PageProfile(9000, pace=3.0, bucket="updates of T1")


def writes(pace: Pace, at: float, took: float = 0.1, profile: PageProfile = DISCORD) -> None:
    """A write that begins at `at` and goes well."""
    pace.began(profile, at)
    pace.ended(profile, took)


def test_the_first_write_need_not_wait_and_the_next_one_waits_for_the_pace() -> None:
    """Counted from where the write began, so that a platform that takes its time is not waited for twice."""
    pace = Paces().pace()
    assert pace.delay(DISCORD, now=100.0) == 0
    writes(pace, 100.0, took=0.8)
    assert pace.delay(DISCORD, now=100.8) == pytest.approx(0.4)
    assert pace.delay(DISCORD, now=101.3) == 0


def test_a_slow_platform_is_written_to_less_often_step_by_step_and_never_less_than_that() -> None:
    """Each slow write lengthens the pace by three fifths, up to six seconds."""
    pace, waits = Paces().pace(), []
    for at in range(0, 100, 10):
        writes(pace, at, took=SLOW + 0.1)
        waits.append(pace.delay(DISCORD, at))
    assert waits[:3] == pytest.approx([1.2 * 1.6, 1.2 * 1.6**2, 1.2 * 1.6**3])
    assert waits[4:] == [LONGEST] * 6


def test_a_platform_that_recovers_is_written_to_as_often_as_before() -> None:
    """Each clean write shortens the pace by a tenth, down to what the profile says."""
    pace, waits = Paces().pace(), []
    writes(pace, 0, took=2.0)
    for at in range(10, 100, 10):
        writes(pace, at)
        waits.append(pace.delay(DISCORD, at))
    assert waits[:2] == pytest.approx([1.2 * 1.6 * 0.9, 1.2 * 1.6 * 0.81])
    assert waits == sorted(waits, reverse=True)
    assert waits[-1] == pytest.approx(1.2)


def test_a_refusal_slows_down_and_its_retry_after_counts_for_all_of_the_bucket() -> None:
    """The platform says it to one reply and means them all; other buckets are not meant."""
    paces = Paces()
    pace, other, elsewhere = paces.pace(), paces.pace(), paces.pace()
    assert (other.delay(DISCORD, 0), elsewhere.delay(UPDATES, 0)) == (0, 0)
    pace.began(DISCORD, 0)
    pace.refused(DISCORD, 1.0, retry_after=20.0)
    assert pace.delay(DISCORD, 1.0) == other.delay(DISCORD, 1.0) == other.closed_for(DISCORD, 1.0) == 20
    assert pace.delay(DISCORD, 21.0) == other.closed_for(DISCORD, 21.0) == elsewhere.delay(UPDATES, 1.0) == 0
    pace.began(DISCORD, 30)
    pace.refused(DISCORD, 30, retry_after=None)
    assert pace.delay(DISCORD, 30) == pytest.approx(2 * 1.2 * 1.6**2)


def test_where_there_is_no_pace_a_refusal_is_waited_for_all_the_same() -> None:
    """Else a platform that refuses at once would be asked without end."""
    pace, profile = Paces().pace(), PageProfile(None, pace=0.0)
    writes(pace, 0, profile=profile)
    assert pace.delay(profile, 0) == 0
    pace.refused(profile, 0, retry_after=None)
    assert pace.delay(profile, 0) >= 0.5


def test_replies_of_one_bucket_take_turns() -> None:
    """Each waits for all of them, none begins within the pace of another, and who leaves is not counted."""
    paces = Paces()
    first, second = paces.pace(), paces.pace()
    assert first.delay(DISCORD, 0) == 0
    writes(first, 0)
    assert second.delay(DISCORD, 0.2) == pytest.approx(1.0)
    writes(second, 1.2)
    assert first.delay(DISCORD, 1.2) == pytest.approx(1.2)
    assert second.delay(DISCORD, 1.2) == pytest.approx(2.4)
    first.leave()
    assert second.delay(DISCORD, 1.2) == pytest.approx(1.2)


def test_a_reply_without_a_bucket_is_alone() -> None:
    """What its platform counts is counted for it alone."""
    paces = Paces()
    first, second = paces.pace(), paces.pace()
    writes(first, 0, profile=ALONE)
    assert second.delay(ALONE, 0) == 0
    assert first.delay(ALONE, 0) == pytest.approx(1.2)


def test_a_fallback_counts_where_it_writes() -> None:
    """A reply whose profile names another bucket in mid-answer leaves the first one to the others."""
    paces = Paces()
    pace, other = paces.pace(), paces.pace()
    writes(pace, 0)
    writes(other, 1.2)
    writes(pace, 3, profile=UPDATES)
    assert paces.buckets == {"channel C1", "updates of T1"}
    assert other.delay(DISCORD, 1.2) == pytest.approx(1.2)
    assert pace.delay(UPDATES, 3) == pytest.approx(3)


def test_a_bucket_that_nobody_uses_is_forgotten() -> None:
    """A process that runs for months meets very many channels."""
    paces = Paces()
    first, second = paces.pace(), paces.pace()
    for pace in (first, second):
        pace.delay(DISCORD, 0)
    first.leave()
    assert paces.buckets == {"channel C1"}
    second.leave()
    second.leave()
    assert not paces.buckets
