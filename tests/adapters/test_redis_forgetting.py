"""What is deleted is gone from every key, and nothing else is; what is kept of a person is told."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from adapters.redis import keys, scripts
from adapters.redis.connection import connect
from adapters.redis.counts import Bounds, Counts
from adapters.redis.documents import RedisDocuments
from adapters.redis.feedbacks import RedisFeedbacks
from adapters.redis.history import RedisHistory
from adapters.redis.inbox import RedisInbox
from adapters.redis.people import UNLIST, RedisPeople, unlist
from adapters.redis.ready import Head
from adapters.redis.retention import Retention
from adapters.redis.server import Argument
from adapters.redis.store import Store
from core.errors import InboxFull, LeaseLost
from core.ports import People
from core.types import Checkpoint, Feedback, ThreadId
from tests.adapters.redis_parts import RedisCluster, RedisServer, taking
from tests.adapters.redis_words import asks, document, is_set_aside, keys_with, message, turn

Server = RedisServer | RedisCluster

ROOM, HALL, DIRECT = ThreadId("slack", "C1:1"), ThreadId("slack", "C2:1"), ThreadId("slack", "D1:1")
NEVER_ASKED = ThreadId("slack", "C9:1")
MODEL = "airoboros-13b"
ANA, BEN = "ana", "ben"


def kept_of(server: Server, author: str) -> set[str]:
    """The kinds of keys in which a word of this author stands, or their name."""
    kinds = ("said-by", "answered-to", "quoted-to", "read-for", "name-of", "judged-by")
    words = (f"{what}-{author}" for what in kinds)
    return {key.split(":")[2] for word in words for key in keys_with(server, word)}


async def live(store: Store) -> None:
    """Two people talk in a room, each alone in a place of their own, and Ana was set aside in the hall."""
    await asks(store, message(ROOM, ANA, 1), document(ANA))
    await asks(store, message(ROOM, BEN, 1), document(BEN))
    await asks(store, message(ROOM, ANA, 2))
    await asks(store, message(DIRECT, ANA, 3), document(ANA, "direct"))
    await asks(store, message(HALL, BEN, 3))
    await is_set_aside(store, message(HALL, ANA, 4))
    await is_set_aside(store, message(HALL, BEN, 4))
    for author in (ANA, BEN):
        await RedisFeedbacks(store).put(ROOM, judged(author))
        await RedisFeedbacks(store).put(NEVER_ASKED, judged(author))
    for number in (5, 6):
        await RedisInbox(store).put(message(ROOM, ANA, number))
        await RedisInbox(store).put(message(ROOM, BEN, number))


def judged(author: str) -> Feedback:
    """What this person thinks of an answer to Ben."""
    return Feedback("ben1", author, helped=False, at=1_700_000_009.0, reason=f"judged-by-{author}")


ALL = {"turns", "messages", "documents", "dead", "feedback"}


@pytest.mark.every_server
async def test_forgetting_a_person_leaves_no_word_of_theirs_in_any_key(
    redis_server: Server, redis_store: Store
) -> None:
    """Questions, answers, files, what waits and what was set aside, in every thread; others keep theirs."""
    await live(redis_store)
    assert kept_of(redis_server, ANA) == ALL
    before = await RedisPeople(redis_store).kept("slack", BEN)

    await RedisPeople(redis_store).forget("slack", ANA)

    assert kept_of(redis_server, ANA) == set()
    assert keys_with(redis_server, str(DIRECT)) == set(), "the index is gone"
    assert kept_of(redis_server, BEN) == ALL
    assert await RedisPeople(redis_store).kept("slack", BEN) == before
    async with taking(RedisInbox(redis_store), ROOM) as lease:
        assert lease.message == message(ROOM, BEN, 5)


async def test_a_thread_that_only_this_person_used_goes_whole(
    redis_server: Server, redis_store: Store
) -> None:
    """Fresh starts, counters and what cannot be read go with it; marks and the fence hold no words."""
    await asks(redis_store, message(DIRECT, ANA, 1), document(ANA))
    await RedisHistory(redis_store).fresh(DIRECT)
    with redis_server.client() as client:
        client.rpush(redis_store.keys(DIRECT).turns, "unreadable")

        await RedisPeople(redis_store).forget("slack", ANA)

        assert not any(client.exists(key) for key in redis_store.keys(DIRECT).words)


async def test_an_answer_in_progress_for_a_forgotten_person_ends(
    redis_server: Server, redis_store: Store
) -> None:
    """Its checkpoint goes too, and what it would still write is refused; another's question is next."""
    inbox = RedisInbox(redis_store)
    await asks(redis_store, message(ROOM, BEN, 1))
    await inbox.put(message(ROOM, ANA, 1))
    await inbox.put(message(ROOM, BEN, 2))
    async with taking(inbox, ROOM) as lease:
        await lease.ledger.intend(0, Checkpoint("answered-to-ana"))
        waiting = asyncio.create_task(lease.stopped())

        await RedisPeople(redis_store).forget("slack", ANA)

        with pytest.raises(LeaseLost):
            await waiting
        with pytest.raises(LeaseLost):
            await lease.ledger.intend(1, Checkpoint("answered-to-ana"))
        with pytest.raises(LeaseLost):
            await RedisDocuments(redis_store).put(lease.message, document(ANA))
        with pytest.raises(LeaseLost):
            await lease.finish(turn(lease.message))
    assert kept_of(redis_server, ANA) == set()
    async with taking(inbox, ROOM) as lease:
        assert (lease.message, lease.attempts) == (message(ROOM, BEN, 2), 1)


async def test_an_answer_in_progress_for_another_goes_on(redis_store: Store) -> None:
    """Forgetting a person stops nobody else."""
    inbox = RedisInbox(redis_store)
    await asks(redis_store, message(ROOM, ANA, 1))
    await inbox.put(message(ROOM, BEN, 1))
    async with taking(inbox, ROOM) as lease:
        await RedisPeople(redis_store).forget("slack", ANA)
        await lease.finish(turn(lease.message))

    assert await RedisHistory(redis_store).turns(ROOM) == [turn(message(ROOM, BEN, 1))]


@pytest.mark.parametrize("what", ["thread", "person"])
async def test_the_worker_that_answers_is_woken(
    redis_server: RedisServer, redis_store: Store, what: str
) -> None:
    """It need not wait for its next look: the answer ends at once."""
    inbox = RedisInbox(redis_store, worker="w1")
    await inbox.put(message(ROOM, ANA, 1))
    with redis_server.client() as client, client.pubsub() as heard:
        async with taking(inbox, ROOM):
            heard.subscribe(keys.channel("w1"))
            assert heard.get_message(timeout=5)
            if what == "thread":
                await RedisHistory(redis_store).forget(ROOM)
            else:
                await RedisPeople(redis_store).forget("slack", ANA)
            at = redis_store.address(ROOM)
            news = heard.get_message(timeout=5)
            assert news
            assert news["data"] == f"stop {at.partition} {at.thread} ana1".encode()


async def test_the_owner_hears_of_the_question_that_is_next_now(
    redis_server: RedisServer, redis_store: Store
) -> None:
    """The first of a thread was a forgotten person's and nobody had begun it."""
    inbox = RedisInbox(redis_store, worker="w1")
    await inbox.put(message(ROOM, ANA, 1))
    await inbox.put(message(ROOM, BEN, 2))
    with redis_server.client() as client:
        client.set(redis_store.keys(ROOM).owner, "w1|1")
        with client.pubsub() as heard:
            heard.subscribe(keys.channel("w1"))
            assert heard.get_message(timeout=5)
            await RedisPeople(redis_store).forget("slack", ANA)
            at = redis_store.address(ROOM)
            news = heard.get_message(timeout=5)
            assert news
            assert news["data"].startswith(f"mail {at.partition} {at.thread} ".encode())
            head = Head.read(news["data"].split(b" ", 3)[3])
            assert (head.person, head.id) == (keys.person("slack", BEN), "ben2")


@pytest.mark.parametrize(("cut", "stays"), [("ana1", False), ("ben1", True)])
async def test_the_cut_goes_with_the_turn_that_it_names(redis_store: Store, cut: str, stays: bool) -> None:
    """A cut that names another's turn stays where it is."""
    history = RedisHistory(redis_store)
    await asks(redis_store, message(ROOM, ANA, 1))
    await asks(redis_store, message(ROOM, BEN, 1))
    await history.set_cut(ROOM, MODEL, cut, 1)

    await RedisPeople(redis_store).forget("slack", ANA)

    assert (await history.recent(ROOM, MODEL)).left_out == int(stays)


async def test_a_document_goes_with_the_last_who_attached_it(redis_store: Store) -> None:
    """The same file belongs to everyone who sent it."""
    shared = document("both", "handbook")
    people, documents = RedisPeople(redis_store), RedisDocuments(redis_store)
    await asks(redis_store, message(ROOM, ANA, 1), shared)
    await asks(redis_store, message(ROOM, BEN, 1), shared)
    await asks(redis_store, message(ROOM, "cho", 1))

    await people.forget("slack", ANA)
    assert await documents.of(ROOM) == [shared]
    assert [kept.documents for kept in await people.kept("slack", BEN)] == [(shared,)]
    await people.forget("slack", BEN)
    assert await documents.of(ROOM) == []


async def test_a_file_that_is_kept_again_for_a_message_is_noted_once(
    redis_server: Server, redis_store: Store
) -> None:
    """What is stored does not grow with the attempts at an answer."""
    await asks(redis_store, message(ROOM, ANA, 1), document(ANA), document(ANA))

    with redis_server.client() as client:
        stored = client.hget(redis_store.keys(ROOM).documents, document(ANA).id)
    assert isinstance(stored, bytes)
    number, attached, _ = stored.split(b":", 2)
    assert (number, attached.count(b",")) == (b"2", 0)


async def test_a_document_goes_with_the_last_question_that_brought_it(redis_store: Store) -> None:
    """A question that is deleted takes its file along, unless another one had it too."""
    inbox, documents = RedisInbox(redis_store), RedisDocuments(redis_store)
    for number in (1, 2):
        await asks(redis_store, message(ROOM, ANA, number), document(ANA))
    await asks(redis_store, message(ROOM, ANA, 3), document(BEN))

    await inbox.delete(ROOM, "ana1")
    assert await documents.of(ROOM) == [document(ANA), document(BEN)]
    await inbox.delete(ROOM, "ana2")
    assert await documents.of(ROOM) == [document(BEN)]


async def test_a_thread_in_which_they_ask_meanwhile_stays_listed(redis_store: Store) -> None:
    """A question that comes while a person is being forgotten is not lost to the next time."""
    await asks(redis_store, message(ROOM, ANA, 1))

    await unlist(redis_store, keys.person("slack", ANA), ROOM, b"1700000000")

    assert [kept.thread for kept in await RedisPeople(redis_store).kept("slack", ANA)] == [ROOM]


class Interrupted(Store):
    """A store at which something else happens right before a script."""

    def __init__(self, store: Store, script: str, meanwhile: Callable[[], Awaitable[object]]) -> None:
        vars(self).update(vars(store))
        self._interrupted = script
        self._meanwhile = meanwhile

    async def insist(
        self, script: str, names: Sequence[str], *args: Argument, patience: float | None = None
    ) -> Any:
        """As `Store.insist`, which is also how `Store.run` asks."""
        if script == self._interrupted:
            await self._meanwhile()
        return await super().insist(script, names, *args, patience=patience)


async def forget(store: Store, what: str) -> None:
    """Forget the room, or Ana."""
    if what == "thread":
        await RedisHistory(store).forget(ROOM)
    else:
        await RedisPeople(store).forget("slack", ANA)


@pytest.mark.parametrize("what", ["thread", "person"])
@pytest.mark.parametrize("when", ["in the middle of the put", "in the middle of the forgetting"])
async def test_what_is_put_while_it_is_forgotten_is_found_the_next_time(
    redis_server: Server, redis_store: Store, what: str, when: str
) -> None:
    """A question that was counted in and not put yet, or that comes before its thread leaves the index."""
    asked = message(ROOM, ANA, 2)
    await asks(redis_store, message(ROOM, ANA, 1))
    if when == "in the middle of the put":
        store = Interrupted(redis_store, scripts.PUT, lambda: forget(redis_store, what))
        await RedisInbox(store).put(asked)
    else:
        store = Interrupted(redis_store, UNLIST, lambda: RedisInbox(redis_store).put(asked))
        await forget(store, what)

    assert [kept.waiting for kept in await RedisPeople(redis_store).kept("slack", ANA)] == [(asked,)]
    await RedisPeople(redis_store).forget("slack", ANA)
    assert kept_of(redis_server, ANA) == set()


async def test_the_same_id_on_another_platform_is_another_person(redis_store: Store) -> None:
    """Ids are the platforms' own."""
    elsewhere = ThreadId("discord", "7")
    await asks(redis_store, message(ROOM, ANA, 1))
    await asks(redis_store, message(elsewhere, ANA, 2))

    await RedisPeople(redis_store).forget("slack", ANA)

    assert [kept.thread for kept in await RedisPeople(redis_store).kept("discord", ANA)] == [elsewhere]


@pytest.mark.parametrize("what", ["thread", "person"])
async def test_what_is_forgotten_is_counted_no_longer(redis_store: Store, what: str) -> None:
    """A person whose inbox was full can ask again."""
    inbox = RedisInbox(redis_store, bounds=Bounds(per_person=2))
    for number in (1, 2):
        await inbox.put(message(ROOM, ANA, number))
    with pytest.raises(InboxFull):
        await inbox.put(message(ROOM, ANA, 3))

    if what == "thread":
        await RedisHistory(redis_store).forget(ROOM)
    else:
        await RedisPeople(redis_store).forget("slack", ANA)

    assert (await inbox.put(message(ROOM, ANA, 3))).accepted
    assert (await Counts(redis_store).queue()).people == {keys.person("slack", ANA): 1}


@pytest.mark.every_server
async def test_forget_leaves_no_word_of_the_thread_in_any_key(
    redis_server: Server, redis_store: Store
) -> None:
    """Turns, waiting, unreadable and set aside messages, the answer in progress, documents: gone at once."""
    word = "Vilcabamba"
    thread = ThreadId("slack", f"about {word}")
    inbox, history, names = RedisInbox(redis_store), RedisHistory(redis_store), redis_store.keys(thread)
    await asks(redis_store, message(thread, ANA, 1, word), replace(document(ANA), title=word))
    await is_set_aside(redis_store, message(thread, BEN, 2, word))
    for number in range(3, 6):
        await inbox.put(message(thread, ANA, number, word))
    await RedisFeedbacks(redis_store).put(thread, Feedback("ana1", "cho", False, 1.0, word))
    await history.set_cut(thread, MODEL, "ana1", 1)
    with redis_server.client() as client:
        client.hset(names.messages, "ana5", f"damaged {word}")
    async with taking(inbox, thread) as lease:
        await lease.ledger.intend(0, Checkpoint(f"{word} lies"))
        of_people = {keys.threads_of(keys.person("slack", author)) for author in (ANA, BEN, "cho")}
        expected = {names.messages, names.dead, names.turns, names.ledger, names.documents, names.feedback}
        assert keys_with(redis_server, word) == expected | of_people

        await history.forget(thread)

        late = lease.ledger.sent(0, word), lease.finish(turn(lease.message)), lease.stopped()
        for call in late:
            with pytest.raises(LeaseLost):
                await call
        await history.set_cut(thread, MODEL, word, 1)
    assert keys_with(redis_server, word) == set()
    with redis_server.client() as client:
        assert not client.exists(names.heads)
    assert not (await inbox.put(message(thread, ANA, 3))).accepted, "a redelivery does not bring it back"


async def test_forgetting_a_thread_spares_the_others(redis_server: Server) -> None:
    """Even those of the same partition: their turns, what waits, and what was set aside."""
    async with connect(redis_server.url, partitions=1) as store:
        await live(store)
        before = await RedisPeople(store).kept("slack", ANA)

        await RedisHistory(store).forget(HALL)

        after = await RedisPeople(store).kept("slack", ANA)
        assert after == [kept for kept in before if kept.thread != HALL]


@pytest.mark.every_server
async def test_everything_that_is_kept_of_a_person_is_told(redis_store: Store) -> None:
    """Also what a fresh start hid; nothing of anybody else."""
    people: People = RedisPeople(redis_store)
    await live(redis_store)
    await RedisHistory(redis_store).fresh(ROOM)

    kept = {each.thread: each for each in await people.kept("slack", ANA)}

    assert kept.keys() == {ROOM, DIRECT, HALL, NEVER_ASKED}
    assert kept[ROOM].turns == tuple(turn(message(ROOM, ANA, number)) for number in (1, 2))
    assert kept[ROOM].documents == (document(ANA),)
    assert kept[ROOM].waiting == tuple(message(ROOM, ANA, number) for number in (5, 6))
    assert kept[HALL].set_aside == (message(HALL, ANA, 4),)
    assert kept[ROOM].feedback == kept[NEVER_ASKED].feedback == (judged(ANA),)
    assert await people.kept("slack", "nobody") == []


async def test_a_terminal_knows_its_threads_too(redis_server: Server, redis_store: Store) -> None:
    """All who ask at terminals are one person."""
    thread = ThreadId("terminal", "salary talks")
    await asks(redis_store, message(thread, "terminal", 1), document("terminal"))
    assert [kept.thread for kept in await RedisPeople(redis_store).kept("terminal", "terminal")] == [thread]

    await RedisPeople(redis_store).forget("terminal", "terminal")

    assert kept_of(redis_server, "terminal") == set()
    assert keys_with(redis_server, "salary") == set()


async def test_a_person_is_found_where_others_kept_the_thread_alive(
    redis_server: Server,
) -> None:
    """The index outlives the words: a thread lives from its last change on, whoever made it."""
    async with connect(redis_server.url, retention=Retention(words=1000)) as store:
        await asks(store, message(ROOM, ANA, 1))
        with redis_server.client() as client:
            assert client.ttl(keys.threads_of(keys.person("slack", ANA))) > 10 * 1000


async def test_nothing_that_holds_words_stays_for_ever(redis_server: Server) -> None:
    """Every key has a life, whatever was done, but the layout of the server and what only counts."""
    async with connect(redis_server.url, retention=Retention(words=1000, seen=500)) as store:
        inbox = RedisInbox(store)
        await live(store)
        await RedisHistory(store).set_cut(HALL, MODEL, "ben3", 1)
        await RedisHistory(store).fresh(HALL)
        begun = ThreadId("slack", "C3:1")
        async with inbox.work() as work, work.take() as lease:
            assert lease is not None
            await lease.ledger.intend(0, Checkpoint("answered-to-ana"))
            await inbox.stop(ROOM)
            await inbox.edit(message(ROOM, BEN, 6, "other words"))
            await inbox.put(message(begun, ANA, 7))
            async with work.take() as other:
                assert other is not None
                await RedisDocuments(store).put(other.message, document(ANA))
        with redis_server.client() as client:
            lives = {key.decode(): client.ttl(key) for key in client.scan_iter()}
    endless = {key for key, life in lives.items() if life == -1}
    endless = {key for key in endless if not key.startswith("chasqui:{counts}:")}
    assert endless == {keys.PARTITIONS, keys.LAYOUT}
    words = {
        key
        for word in ("said-by", "answered-to", "read-for", "name-of")
        for key in keys_with(redis_server, word)
    }
    assert words
    assert all(0 < lives[key] <= 1000 for key in words)
    assert 0 < lives[store.seen(begun, "ana7")] <= 500
