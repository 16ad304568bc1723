"""What those see who run chasqui: what waits and what was set aside, and what they can do with it."""

import asyncio

import pytest
from structlog.testing import capture_logs

from adapters.redis import keys, scripts
from adapters.redis.counts import Counts
from adapters.redis.history import RedisHistory
from adapters.redis.inbox import RedisInbox
from adapters.redis.letters import Letter, RedisLetters
from adapters.redis.people import RedisPeople
from adapters.redis.store import Store
from adapters.redis.waiting import Waiting, waiting
from core.errors import UserError
from core.types import Message, ThreadId
from tests.adapters.redis_parts import RedisCluster, RedisServer, offered, taking
from tests.adapters.redis_words import is_set_aside, message, turn
from tests.parts import until

THREAD, OTHER = ThreadId("slack", "C1:1"), ThreadId("discord", "7")
WHY = "PlatformError: it would not"


async def the_letter(store: Store) -> Letter:
    """The only letter that there is."""
    (letter,) = await RedisLetters(store).all()
    return letter


@pytest.mark.every_server
async def test_a_message_that_was_given_up_is_found_with_its_reason(redis_store: Store) -> None:
    """As it was put, half a surrogate pair too."""
    asked = message(THREAD, "ana", 1, "¿Qué? \ud800 \x00 / 日本")
    await is_set_aside(redis_store, asked)

    letter = await the_letter(redis_store)

    assert (letter.message, letter.why, letter.attempts) == (asked, WHY, 1)
    assert await RedisLetters(redis_store).find(letter.id) == letter


@pytest.mark.every_server
async def test_a_letter_that_is_retried_waits_last_as_if_never_tried(redis_store: Store) -> None:
    """What was asked in its thread meanwhile comes first."""
    inbox, first, second = RedisInbox(redis_store), message(THREAD, "ana", 1), message(THREAD, "ben", 2)
    await is_set_aside(redis_store, first)
    await inbox.put(second)

    await RedisLetters(redis_store).retry((await the_letter(redis_store)).id)

    assert await RedisLetters(redis_store).all() == []
    for asked in (second, first):
        async with taking(inbox, THREAD) as lease:
            assert (lease.message, lease.attempts) == (asked, 1)
            await lease.finish(turn(asked))
    assert await RedisHistory(redis_store).turns(THREAD) == [turn(second), turn(first)]


async def test_the_worker_that_set_a_message_aside_can_answer_it(redis_store: Store) -> None:
    """Under the same lease of the partition: that it ended this message before is forgotten."""
    asked, inbox = message(THREAD, "ana", 1), RedisInbox(redis_store)
    await inbox.put(asked)
    async with inbox.work() as work:
        async with work.take() as lease:
            assert lease is not None
            await lease.set_aside(WHY)
        await RedisLetters(redis_store).retry((await the_letter(redis_store)).id)
        async with work.take() as lease:
            assert lease is not None
            await lease.finish(turn(asked))
    assert await RedisHistory(redis_store).turns(THREAD) == [turn(asked)]
    assert await waiting(redis_store) == []


async def test_a_letter_that_is_retried_counts_and_is_listed_with_its_person(
    redis_server: RedisServer, redis_store: Store
) -> None:
    """Also where the person's inbox is full: who runs chasqui has decided."""
    await is_set_aside(redis_store, message(THREAD, "ana", 1))
    person = keys.person("slack", "ana")
    with redis_server.client() as client:
        client.delete(keys.threads_of(person), *keys.of_counts())

        await RedisLetters(redis_store).retry((await the_letter(redis_store)).id)

        assert client.zrange(keys.threads_of(person), 0, -1) == [str(THREAD).encode()]
    assert (await Counts(redis_store).queue()).people == {person: 1}


async def test_retrying_twice_answers_once(redis_store: Store) -> None:
    """The second time there is no such letter, and nothing else has changed."""
    await is_set_aside(redis_store, message(THREAD, "ana", 1))
    name = (await the_letter(redis_store)).id
    await RedisLetters(redis_store).retry(name)

    with pytest.raises(UserError, match=f"no dead letter {name}"):
        await RedisLetters(redis_store).retry(name)

    assert [each.messages for each in await waiting(redis_store)] == [1]


async def test_a_retry_that_is_sent_again_changes_nothing(redis_store: Store) -> None:
    """The answer of the server may be lost, and the command comes twice."""
    await is_set_aside(redis_store, message(THREAD, "ana", 1))
    name, names = (await the_letter(redis_store)).id, redis_store.keys(THREAD)

    done = [await redis_store.run(scripts.RETRY, names, name, "ana1", 1000) for _ in range(2)]

    assert done == [1, 1]
    assert [each.messages for each in await waiting(redis_store)] == [1]


async def test_a_redelivery_of_a_retried_message_is_not_accepted(redis_store: Store) -> None:
    """It waits already."""
    asked = message(THREAD, "ana", 1)
    await is_set_aside(redis_store, asked)
    await RedisLetters(redis_store).retry((await the_letter(redis_store)).id)

    assert not (await RedisInbox(redis_store).put(asked)).accepted


async def test_the_owner_is_woken_by_a_retry(redis_server: RedisServer, redis_store: Store) -> None:
    """It hears of the message as of one that was just put."""
    await is_set_aside(redis_store, message(THREAD, "ana", 1))
    with redis_server.client() as client:
        client.set(redis_store.keys(THREAD).owner, "w1|1")
        with client.pubsub() as heard:
            heard.subscribe(keys.channel("w1"))
            assert heard.get_message(timeout=5)
            await RedisLetters(redis_store).retry((await the_letter(redis_store)).id)
            news = heard.get_message(timeout=5)
    assert news
    assert news["data"].startswith(b"mail ")


@pytest.mark.every_server
async def test_a_letter_that_is_dropped_is_gone(redis_store: Store) -> None:
    """The others stay."""
    for number in (1, 2):
        await is_set_aside(redis_store, message(THREAD, "ana", number))
    letters = RedisLetters(redis_store)
    first, second = await letters.all()

    await letters.drop(first.id)

    assert await letters.all() == [second]
    with pytest.raises(UserError, match="no dead letter"):
        await letters.drop(first.id)


async def test_a_message_that_cannot_be_read_can_only_be_dropped(
    redis_server: RedisServer, redis_store: Store
) -> None:
    """Whatever stands in its place, it is set aside and listed."""
    inbox, letters = RedisInbox(redis_store), RedisLetters(redis_store)
    await inbox.put(message(THREAD, "ana", 1))
    with redis_server.client() as client:
        client.hset(redis_store.keys(THREAD).messages, "ana1", b"\xff\x00damaged")
    async with inbox.work() as work:
        taking_it = asyncio.create_task(offered(work))
        await until(lambda: redis_store.command("EXISTS", redis_store.keys(THREAD).dead))
        work.close()
        assert await taking_it is None
    letter = await the_letter(redis_store)

    assert letter.message is None
    with pytest.raises(UserError, match="dropped"):
        await letters.retry(letter.id)
    await letters.drop(letter.id)
    assert await letters.all() == []


NEWER = b'{"v":2,"thread":"0","id":"m","why":"?","at":4000000000,"attempts":1,"message":""}'


@pytest.mark.parametrize("damaged", [b"", b"{", b"[]", b'{"v":1}', b"null", b"\xff", NEWER])
async def test_a_damaged_letter_harms_no_other(
    redis_server: RedisServer, redis_store: Store, damaged: bytes
) -> None:
    """It is logged and left out, and can be dropped; its partition goes on as if it were not there."""
    letters, names = RedisLetters(redis_store), redis_store.keys(THREAD)
    await is_set_aside(redis_store, message(THREAD, "ana", 1))
    with redis_server.client() as client:
        client.hset(names.dead, "damaged", damaged)
    await is_set_aside(redis_store, message(THREAD, "ben", 2))

    with capture_logs() as logs:
        found = await letters.all()
    assert [letter.message for letter in found] == [message(THREAD, "ana", 1), message(THREAD, "ben", 2)]
    assert [(log["event"], log["kind"]) for log in logs] == [("redis.value_unreadable", "Letter")]
    await RedisPeople(redis_store).forget("slack", "ana")
    await letters.drop("damaged")
    assert await letters.all() == found[1:]


@pytest.mark.every_server
async def test_what_waits_is_told_by_thread(
    redis_server: RedisServer | RedisCluster, redis_store: Store
) -> None:
    """The longest first: since when, how many, and whether somebody answers."""
    inbox = RedisInbox(redis_store)
    early, late = message(OTHER, "ana", 1), message(THREAD, "ana", 5)
    for asked in (late, message(THREAD, "ben", 6)):
        await inbox.put(asked)
    async with taking(inbox, THREAD):
        await inbox.put(early)
        assert await waiting(redis_store) == [_one(early, 1, 0, False), _one(late, 2, 1, True)]
    assert await waiting(redis_store) == [_one(early, 1, 0, False), _one(late, 2, 1, False)]


def _one(first: Message, messages: int, attempts: int, answering: bool) -> Waiting:
    return Waiting(first.thread, first.at, messages, attempts, answering)
