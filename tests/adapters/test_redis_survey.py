"""What stands over all threads: unanswered questions and thumbs, read where they are kept."""

from dataclasses import replace

import pytest

from adapters.redis.feedbacks import RedisFeedbacks
from adapters.redis.history import RedisHistory
from adapters.redis.inbox import RedisInbox
from adapters.redis.people import RedisPeople
from adapters.redis.store import Store
from adapters.redis.survey import RedisSurvey
from core.types import Feedback, ThreadId, Turn
from tests.adapters.redis_parts import taking
from tests.adapters.redis_words import message, turn

ROOM, HALL, DESK = ThreadId("discord", "room"), ThreadId("slack", "C1:1"), ThreadId("terminal", "desk")


async def ends(store: Store, thread: ThreadId, author: str, number: int, *, refused: bool) -> Turn:
    """A question and how it ended."""
    inbox, asked = RedisInbox(store), message(thread, author, number)
    kept = replace(turn(asked), kind="refused", seen_by=("channel:slack:C1",)) if refused else turn(asked)
    await inbox.put(asked)
    async with taking(inbox, thread) as lease:
        await lease.finish(kept)
    return kept


@pytest.mark.every_server
async def test_refused_questions_of_all_threads_are_found_in_their_order(redis_store: Store) -> None:
    """With where was looked, on whatever node their thread is kept; a fresh start hides none."""
    third = await ends(redis_store, DESK, "ana", 3, refused=True)
    first = await ends(redis_store, ROOM, "ana", 1, refused=True)
    second = await ends(redis_store, HALL, "ben", 2, refused=True)
    await ends(redis_store, HALL, "ben", 4, refused=False)
    await RedisHistory(redis_store).fresh(ROOM)

    assert await RedisSurvey(redis_store).refused() == [first, second, third]


@pytest.mark.every_server
async def test_thumbs_come_with_the_answers_they_are_about(redis_store: Store) -> None:
    """Where that is kept no more they come alone."""
    about = await ends(redis_store, HALL, "ana", 1, refused=False)
    bad = Feedback(about.message_id, "ben", helped=False, at=2.0, reason="It is 25.")
    lost = Feedback("gone", "ben", helped=True, at=1.0)
    for feedback in (bad, lost):
        await RedisFeedbacks(redis_store).put(HALL, feedback)

    assert await RedisSurvey(redis_store).feedback() == [(lost, None), (bad, about)]


async def test_what_a_person_forgets_is_no_gap_any_more(redis_store: Store) -> None:
    """Nothing is kept a second time."""
    await ends(redis_store, ROOM, "ana", 1, refused=True)
    others = await ends(redis_store, ROOM, "ben", 2, refused=True)
    await RedisPeople(redis_store).forget("discord", "ana")

    assert await RedisSurvey(redis_store).refused() == [others]
