"""What the release before stored is read: the bytes stand here as it wrote them."""

import zlib

from adapters.redis.documents import RedisDocuments
from adapters.redis.history import RedisHistory
from adapters.redis.inbox import RedisInbox
from adapters.redis.lease import RedisLease
from adapters.redis.store import Store
from core.types import Attachment, Audience, Citation, Document, Message, Passage, ThreadId, Turn
from tests.adapters.redis_parts import RedisServer
from tests.adapters.redis_words import turn

THREAD = ThreadId("terminal", "notes")  # the only platform that the release before spoke to

MESSAGE = (
    '{"v":1,"value":{"id":"m2","thread":{"platform":"terminal","key":"notes"},"author":"terminal","text":"¿Y?",'
    '"at":2.5,"author_name":"","attachments":[{"name":"a.md","url":"file:///a.md","size":null}]}}'
).encode()
TURN = (
    b'{"v":1,"value":{"message_id":"m1","question":"Hi?","answer":"Ho.","kind":"answered","at":1.5,'
    b'"author_name":"","citations":[{"title":"a.md","url":"","heading":["A"],"page":2,"quote":"Ho."}]}}'
)
DOCUMENT = (
    b'{"v":1,"value":{"id":"d1","title":"a.md","audience":{"kind":"thread","ref":"terminal:notes"},"passages":'
    b'[{"id":"d1:0","document":"d1","title":"a.md","text":"Ho.","section":0,"heading":["A"],"url":"","anchor":"",'
    b'"page":2}],"sections":1,"url":"","at":1.5,"notes":[]}}'
)


def stored_by_the_release_before(server: RedisServer, store: Store) -> None:
    """A turn with its document, and a question whose answer was cut off when that release ended."""
    names = store.keys(THREAD)
    with server.client() as client:
        client.rpush(names.turns, TURN.replace(b'"m1"', b'"m0"'), TURN)
        client.hset(names.documents, "d1", b"1:" + zlib.compress(DOCUMENT))
        client.hset(names.messages, "m2", MESSAGE)
        client.rpush(names.mail, "m2")
        client.hset(names.ledger, mapping={"page:0": "", "text": "H"})
        client.hset(
            names.state, mapping={"attempts": "1", "finished": "w|1 m1", "documents": "1", "cut:m": "m1"}
        )


async def test_history_documents_and_cut_are_read(redis_server: RedisServer, redis_store: Store) -> None:
    """A conversation goes on after an upgrade."""
    stored_by_the_release_before(redis_server, redis_store)
    passage = Passage("d1:0", "d1", "a.md", "Ho.", heading=("A",), page=2)
    cited = (Citation("a.md", heading=("A",), page=2, quote="Ho."),)

    turns = [Turn(id_, "Hi?", "Ho.", "answered", 1.5, citations=cited) for id_ in ("m0", "m1")]
    assert await RedisHistory(redis_store).turns(THREAD) == turns
    assert await RedisDocuments(redis_store).of(THREAD) == [
        Document("d1", "a.md", Audience.of_thread(THREAD), (passage,), 1, at=1.5)
    ]
    assert (await RedisHistory(redis_store).recent(THREAD, "m")).turns == turns[1:]


async def test_a_question_that_waited_is_answered(redis_server: RedisServer, redis_store: Store) -> None:
    """Its answer begins again; the documents that come with it stand beside the old ones."""
    stored_by_the_release_before(redis_server, redis_store)
    files = (Attachment("a.md", "file:///a.md"),)
    expected = Message("m2", THREAD, "terminal", "¿Y?", 2.5, attachments=files)

    async with RedisInbox(redis_store).take(THREAD) as lease:
        assert isinstance(lease, RedisLease)
        assert (lease.message, lease.attempts) == (expected, 2)
        assert (await lease.ledger.standing()).pages == {}
        document = (await RedisDocuments(redis_store).of(THREAD))[0]
        await RedisDocuments(redis_store).put(expected, document)
        await lease.finish(turn(expected))

    assert [kept.message_id for kept in await RedisHistory(redis_store).turns(THREAD)] == ["m0", "m1", "m2"]
    assert await RedisDocuments(redis_store).of(THREAD) == [document]


async def test_it_is_forgotten_with_its_thread(redis_server: RedisServer, redis_store: Store) -> None:
    """Nothing of an older form stays behind."""
    stored_by_the_release_before(redis_server, redis_store)

    await RedisHistory(redis_store).forget(THREAD)

    with redis_server.client() as client:
        assert not any(client.exists(name) for name in redis_store.keys(THREAD))
