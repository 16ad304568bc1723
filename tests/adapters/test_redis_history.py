"""History and documents on a real server: what is kept, what no longer counts."""

import asyncio
import itertools
import json
import zlib
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from adapters.redis.connection import connect
from adapters.redis.documents import RedisDocuments
from adapters.redis.history import RedisHistory
from adapters.redis.inbox import RedisInbox
from adapters.redis.retention import Retention
from adapters.redis.store import Store
from adapters.redis.values import pack
from core.errors import LeaseLost
from core.ports import Documents, History, Recent
from core.types import Document, ThreadId
from tests.adapters.redis_parts import RedisServer, answered, document, question

THREAD = ThreadId("terminal", "notes")
MODEL = "airoboros-13b"

_numbers = itertools.count(1000)


async def converse(store: Store, *numbers: int, answer: str = "A runner.") -> None:
    """Put and answer the questions of these numbers."""
    inbox = RedisInbox(store)
    for number in numbers:
        await inbox.put(question(THREAD, number))
        async with inbox.take(THREAD) as lease:
            assert lease is not None
            await lease.finish(answered(lease.message, answer))


async def attach(store: Store, *documents: Document) -> None:
    """Put a message that comes with these documents and bears no turn."""
    inbox = RedisInbox(store)
    await inbox.put(question(THREAD, next(_numbers)))
    async with inbox.take(THREAD) as lease:
        assert lease is not None
        for document in documents:
            await RedisDocuments(store).put(lease.message, document)
        await lease.finish(None)


async def kept(store: Store) -> list[str]:
    """Ids of the turns that count."""
    return [turn.message_id for turn in await RedisHistory(store).turns(THREAD)]


async def test_who_asked_is_known_also_from_before_a_fresh_start(redis_store: Store) -> None:
    """Of turns and of what waits; nobody, once all is forgotten."""
    history, inbox = RedisHistory(redis_store), RedisInbox(redis_store)
    assert await history.askers(THREAD) == set()
    ana = question(THREAD, 0).author
    await inbox.put(question(THREAD, 0))
    async with inbox.take(THREAD) as lease:
        assert lease is not None
        await lease.finish(replace(answered(lease.message, "A runner."), author=ana))
    await history.fresh(THREAD)
    assert await history.askers(THREAD) == {ana}
    await inbox.put(replace(question(THREAD, 1), author="ben"))
    assert await history.askers(THREAD) == {ana, "ben"}
    await history.forget(THREAD)
    assert await history.askers(THREAD) == set()


async def test_turns_come_back_as_they_were_finished(redis_store: Store) -> None:
    """Oldest first, every field kept."""
    await converse(redis_store, 0, 1)

    turns = await RedisHistory(redis_store).turns(THREAD)

    assert turns == [answered(question(THREAD, 0)), answered(question(THREAD, 1))]


async def test_only_the_newest_turns_are_kept(redis_server: RedisServer) -> None:
    """The cap holds, and old turns make room."""
    async with connect(redis_server.url, retention=Retention(turns=3)) as store:
        await converse(store, *range(5))

        assert await kept(store) == ["m2", "m3", "m4"]


async def test_a_fresh_start_hides_turns_documents_and_cut(
    redis_server: RedisServer, redis_store: Store
) -> None:
    """What was before no longer counts but stays stored; what comes after counts."""
    history: History = RedisHistory(redis_store)
    documents: Documents = RedisDocuments(redis_store)
    await converse(redis_store, 0)
    await attach(redis_store, document("old"))
    await history.set_cut(THREAD, MODEL, "m0", 1)

    await history.fresh(THREAD)

    assert await kept(redis_store) == []
    assert await documents.of(THREAD) == []
    assert (await history.recent(THREAD, MODEL)).left_out == 0
    await converse(redis_store, 1)
    await attach(redis_store, document("new"))
    assert await kept(redis_store) == ["m1"]
    assert await documents.of(THREAD) == [document("new")]
    with redis_server.client() as client:
        names = redis_store.keys(THREAD)
        assert client.llen(names.turns) == 3
        assert client.hlen(names.documents) == 2


async def test_starting_afresh_again_and_again_costs_no_turn(redis_server: RedisServer) -> None:
    """Markers do not pile up and push turns out of the cap."""
    async with connect(redis_server.url, retention=Retention(turns=3)) as store:
        await converse(store, 0)
        for _ in range(5):
            await RedisHistory(store).fresh(THREAD)
        await converse(store, 1, 2)

        assert await kept(store) == ["m1", "m2"]


async def test_a_fresh_start_of_an_unknown_thread_does_nothing(
    redis_server: RedisServer, redis_store: Store
) -> None:
    """No key comes of it."""
    await RedisHistory(redis_store).fresh(THREAD)

    with redis_server.client() as client:
        assert not any(client.exists(name) for name in redis_store.keys(THREAD))


async def test_each_model_has_its_own_cut(redis_store: Store) -> None:
    """Windows differ, so does where history begins; the last move counts."""
    history = RedisHistory(redis_store)
    await converse(redis_store, *range(40))
    turns = await history.turns(THREAD)
    assert await history.recent(THREAD, MODEL) == Recent(turns, 0)

    await history.set_cut(THREAD, MODEL, "m1", 1)
    await history.set_cut(THREAD, "other", "m35", 35)
    await history.set_cut(THREAD, MODEL, "m12", 12)

    assert await history.recent(THREAD, MODEL) == Recent(turns[12:], 12)
    assert await history.recent(THREAD, "other") == Recent(turns[35:], 35)


async def test_a_cut_whose_turn_is_gone_counts_no_more(redis_store: Store) -> None:
    """All that is there may go in again, and the next prompt that overflows makes another cut."""
    history = RedisHistory(redis_store)
    await converse(redis_store, *range(3))
    await history.set_cut(THREAD, MODEL, "gone", 7)

    assert await history.recent(THREAD, MODEL) == Recent(await history.turns(THREAD), 0)


async def test_words_cannot_pass_for_the_place_of_a_cut(redis_store: Store) -> None:
    """Whatever people write is never taken for the id of a turn, and ids may hold any sign."""
    history, names = RedisHistory(redis_store), redis_store.keys(THREAD)
    wanted = 'm"1\\'
    forged = replace(answered(question(THREAD, 1)), answer=f'"message_id":{json.dumps(wanted)}')
    turns = [replace(forged, message_id=each) for each in ("m0", wanted, "m2", "m3")]
    await redis_store.command("RPUSH", names.turns, *map(pack, turns))
    await history.set_cut(THREAD, MODEL, wanted, 1)

    assert await history.recent(THREAD, MODEL) == Recent(turns[1:], 1)


@pytest.mark.parametrize(
    "stored", [b"", b"{", b"[]", b'{"v":2,"value":{"unheard":1}}', b'{"v":3,"value":{}}', b"\xff\xfe"]
)
async def test_a_turn_that_cannot_be_read_is_left_out(
    redis_server: RedisServer, redis_store: Store, stored: bytes
) -> None:
    """It is logged; the others still make the conversation."""
    await converse(redis_store, 0)
    with redis_server.client() as client:
        client.rpush(redis_store.keys(THREAD).turns, stored)
    await converse(redis_store, 1)

    with capture_logs() as logs:
        assert await kept(redis_store) == ["m0", "m1"]
    assert [(log["event"], log["kind"]) for log in logs] == [("redis.value_unreadable", "Turn")]


async def test_documents_come_back_in_the_order_of_their_put(redis_store: Store) -> None:
    """Also when they come within one tick of a clock; the same id replaces and becomes the newest."""
    await attach(redis_store, document("c"), document("a"), document("b"))
    await attach(redis_store, document("c", "Second edition."))

    found = await RedisDocuments(redis_store).of(THREAD)

    assert found == [document("a"), document("b"), document("c", "Second edition.")]


async def test_a_document_put_again_after_a_fresh_start_counts_again(redis_store: Store) -> None:
    """The same file attached to a new conversation belongs to it."""
    await attach(redis_store, document("a"), document("b"))
    await RedisHistory(redis_store).fresh(THREAD)
    await attach(redis_store, document("a"))

    assert await RedisDocuments(redis_store).of(THREAD) == [document("a")]


async def test_a_document_is_kept_only_while_its_message_is_there(redis_store: Store) -> None:
    """A file may be read for longer: the thread was forgotten or the answer given up meanwhile."""
    inbox, documents = RedisInbox(redis_store), RedisDocuments(redis_store)
    await inbox.put(question(THREAD, 0))
    async with inbox.take(THREAD) as lease:
        assert lease is not None
        await RedisHistory(redis_store).forget(THREAD)
        with pytest.raises(LeaseLost, match="no longer in the inbox"):
            await documents.put(lease.message, document("late"))

    assert await documents.of(THREAD) == []


@pytest.mark.parametrize("ends", ["with a turn", "without one"])
async def test_an_answer_that_is_being_made_ends_before_a_fresh_start(redis_store: Store, ends: str) -> None:
    """People start afresh while the model still writes: what it says is part of what was."""
    inbox, history, documents = (
        RedisInbox(redis_store),
        RedisHistory(redis_store),
        RedisDocuments(redis_store),
    )
    await converse(redis_store, 0)
    await inbox.put(question(THREAD, 1))
    async with inbox.take(THREAD) as lease:
        assert lease is not None
        await history.fresh(THREAD)
        assert await kept(redis_store) == []
        await documents.put(lease.message, document("old"))
        await history.set_cut(THREAD, MODEL, "m1", 1)
        await lease.finish(answered(lease.message) if ends == "with a turn" else None)

    assert await kept(redis_store) == []
    assert await documents.of(THREAD) == []
    assert (await history.recent(THREAD, MODEL)).left_out == 0
    await converse(redis_store, 2, 3)
    assert await kept(redis_store) == ["m2", "m3"]


async def test_documents_are_stored_compressed(redis_server: RedisServer, redis_store: Store) -> None:
    """Text of a big file takes a fraction of its size in the server's memory."""
    text = "The runner rests at a tambo and goes on. " * 5000
    await attach(redis_store, document("big", text))

    with redis_server.client() as client:
        assert client.hstrlen(redis_store.keys(THREAD).documents, "big") < len(text) / 20
    assert await RedisDocuments(redis_store).of(THREAD) == [document("big", text)]


@pytest.mark.parametrize(
    "stored",
    [b"", b"7", b"7:abc:not compressed", b"x:" + zlib.compress(b"{}"), b"7:" + zlib.compress(b'{"v":1}')],
)
async def test_a_document_that_cannot_be_read_is_left_out(
    redis_server: RedisServer, redis_store: Store, stored: bytes
) -> None:
    """Damage to one file is logged and costs no other."""
    documents = RedisDocuments(redis_store)
    await attach(redis_store, document("a"))
    with redis_server.client() as client:
        client.hset(redis_store.keys(THREAD).documents, "damaged", stored)

    with capture_logs() as logs:
        assert await documents.of(THREAD) == [document("a")]
    assert [(log["event"], log["kind"]) for log in logs] == [("redis.value_unreadable", "Document")]


async def test_documents_and_cut_expire_with_the_thread(redis_server: RedisServer) -> None:
    """Each answer keeps the whole thread alive, files too; then all of it goes together."""
    async with connect(redis_server.url, retention=Retention(words=1000)) as store:
        names = store.keys(THREAD)
        await attach(store, document("a"))
        await RedisHistory(store).set_cut(THREAD, MODEL, "m0", 1)
        with redis_server.client() as client:
            assert all(900 < client.ttl(key) <= 1000 for key in (names.documents, names.state))
            client.expire(names.documents, 5)
            await converse(store, 0)
            assert client.ttl(names.documents) > 900


async def test_finishes_of_many_threads_do_not_disturb_each_other(redis_store: Store) -> None:
    """Fifty threads at once, each with its own history."""
    inbox, history = RedisInbox(redis_store), RedisHistory(redis_store)
    threads = [ThreadId("terminal", str(number)) for number in range(50)]

    async def one(thread: ThreadId) -> list[str]:
        for number in range(3):
            await inbox.put(question(thread, 3 * int(thread.key) + number, str(thread)))
            async with inbox.take(thread) as lease:
                assert lease is not None
                await lease.finish(answered(lease.message))
        return [turn.question for turn in await history.turns(thread)]

    assert await asyncio.gather(*map(one, threads)) == [[str(thread)] * 3 for thread in threads]
