"""What people think of answers is kept with their thread."""

from dataclasses import replace

from adapters.redis.connection import connect
from adapters.redis.feedbacks import RedisFeedbacks
from adapters.redis.retention import Retention
from adapters.redis.store import Store
from core.ports import Feedbacks
from core.types import Feedback, ThreadId
from tests.adapters.redis_parts import RedisServer

THREAD = ThreadId("slack", "C1:1")
GOOD = Feedback("m1", "ana", helped=True, at=1.0)
BAD = Feedback("m1", "ben", helped=False, at=2.0, reason="It was \ud800 wrong.")


async def test_the_newest_word_of_a_person_on_a_message_counts(redis_store: Store) -> None:
    """Others have their own, and so has each message; they come in the order in which they were given."""
    feedbacks: Feedbacks = RedisFeedbacks(redis_store)
    later, other = replace(BAD, at=3.0, helped=True, reason=""), replace(BAD, message_id="m2")
    for each in (BAD, other, GOOD, later):
        await feedbacks.put(THREAD, each)

    assert await feedbacks.of(THREAD) == [GOOD, other, later]
    assert await feedbacks.of(ThreadId("slack", "C2:1")) == []


async def test_feedback_expires_as_the_words_of_its_thread(redis_server: RedisServer) -> None:
    """Also where nobody ever asked anything."""
    async with connect(redis_server.url, retention=Retention(words=1000)) as store:
        await RedisFeedbacks(store).put(THREAD, BAD)
        with redis_server.client() as client:
            assert 0 < client.ttl(store.keys(THREAD).feedback) <= 1000
