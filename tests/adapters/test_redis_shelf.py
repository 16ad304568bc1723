"""The documents of the team: kept for good, followed by every worker, and gone when they are removed."""

import zlib
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from adapters.redis import keys
from adapters.redis.connection import connect
from adapters.redis.shelf import RedisShelf
from adapters.redis.store import Store
from core.indexed import indexed
from core.ports import Shelved, Vectors
from core.types import Audience, Document, Entry, Source
from tests.adapters.redis_parts import RedisCluster, RedisServer, document
from tests.parts import until

PUBLIC, CREW = Audience("public"), Audience("channel", "slack:C1")


def entry(of: Document, **more: str) -> Entry:
    """What is known of a document."""
    return replace(Entry(of.id, of.title, of.audience, f"{of.id}.md", "/docs", "d1", passages=1), **more)  # type: ignore[arg-type]  # texts only


async def vectors(shelf: RedisShelf, model: str) -> Vectors | None:
    """What this model made of the document `leave`."""
    (found,) = await shelf.shelved(["leave"], model)
    return found.vectors if found else None


@pytest.mark.every_server
async def test_a_document_is_there_for_every_process_until_it_is_removed(redis_server: RedisServer) -> None:
    """Text and entry come together, sorted by place; an edit replaces both."""
    leave, boats = document("leave"), document("boats", "The Paloma \udc80.")
    async with connect(redis_server.url) as ours, connect(redis_server.url) as theirs:
        shelf, other = RedisShelf(ours), RedisShelf(theirs)
        for each in (leave, boats):
            await shelf.put(each, entry(each))
        assert await other.entries() == [entry(boats), entry(leave)]
        assert await other.document("boats") == boats

        edited = document("boats", "The Esperanza.")
        await shelf.put(edited, entry(edited, digest="d2"))
        assert await other.document("boats") == edited

        await shelf.remove("boats")
        assert await other.document("boats") is None
        assert await other.entries() == [entry(leave)]


@pytest.mark.every_server
async def test_a_follower_hears_of_what_changed_since_it_looked(redis_store: Store) -> None:
    """Of each change once, whether something came, was edited or went; and of nothing where nothing did."""
    shelf, leave, boats = RedisShelf(redis_store), document("leave"), document("boats")
    assert (await shelf.changes("")).version == ""
    for each in (leave, boats):
        await shelf.put(each, entry(each))
    first = await shelf.changes("")
    assert (first.anew, set(first.entries), list(first.gone)) == (True, {entry(leave), entry(boats)}, [])
    same = await shelf.changes(first.version)
    assert (same.version, same.anew, list(same.entries)) == (first.version, False, [])

    await shelf.put(leave, entry(leave, digest="d2"))
    await shelf.remove("boats")
    await shelf.remove("boats")
    second = await shelf.changes(first.version)
    assert (second.anew, list(second.entries), list(second.gone)) == (
        False,
        [entry(leave, digest="d2")],
        ["boats"],
    )


@pytest.mark.every_server
async def test_a_shelf_that_was_lost_is_followed_from_its_new_beginning(redis_server: RedisServer) -> None:
    """A server that lost everything and was filled again is not taken for the old one."""
    async with connect(redis_server.url) as store:
        shelf, leave, boats = RedisShelf(store), document("leave"), document("boats")
        await shelf.put(leave, entry(leave))
        known = (await shelf.changes("")).version
        with redis_server.client() as client:
            client.flushall()
        emptied = await shelf.changes(known)
        assert (emptied.version, emptied.anew, list(emptied.entries)) == ("", True, [])
        await shelf.put(boats, entry(boats))
        begun = await shelf.changes(known)
        assert (begun.anew, list(begun.entries)) == (True, [entry(boats)])


async def test_many_changes_are_heard_of_in_several_calls(redis_store: Store) -> None:
    """No call holds the server up: a follower asks until nothing is new, and misses nothing."""
    shelf, names = RedisShelf(redis_store), [f"d{number}" for number in range(1203)]
    for name in names:
        await shelf.put(document(name), entry(document(name)))
    changes = await shelf.changes("")
    found, calls, anew = {each.id for each in changes.entries}, 1, changes.anew
    while changes.more:
        changes, calls = await shelf.changes(changes.version), calls + 1
        assert anew
        assert not changes.anew
        found |= {each.id for each in changes.entries}
    assert (found, calls) == (set(names), 3)
    assert (await shelf.changes(changes.version)).version == changes.version


async def test_nothing_of_a_removed_document_stays(redis_server: RedisServer | RedisCluster) -> None:
    """Its words are in no key, and no key of the team's documents ever goes by itself."""
    async with connect(redis_server.url) as store:
        shelf = RedisShelf(store)
        for each in (document("leave"), document("boats")):
            await shelf.put(each, entry(each))
            await shelf.put_words(each.id, indexed(each))
        with redis_server.client() as client:
            found = {key.decode() for key in client.scan_iter("chasqui:{kb*")}
            parts = {name(of) for name in (keys.shelved, keys.indexed) for of in ("leave", "boats")}
            assert found == {*keys.of_shelf()[:3], *parts}
            assert {client.ttl(key) for key in found} == {-1}
            await shelf.remove("boats")
            await shelf.put_words("boats", indexed(document("boats")))  # who found them was late
            assert not client.exists(keys.shelved("boats"), keys.indexed("boats"))
            assert client.hkeys(keys.of_shelf().entries) == [b"leave"]


async def test_what_this_release_cannot_read_counts_as_gone(redis_server: RedisServer) -> None:
    """Nobody knows who may see it; the rest is served, and the log says which key it was."""
    async with connect(redis_server.url) as store:
        shelf = RedisShelf(store)
        for each in (document("leave"), document("boats"), document("soup")):
            await shelf.put(each, entry(each))
        with redis_server.client() as client:
            client.hset(keys.of_shelf().entries, "boats", b'{"v":99,"value":{}}')
            client.set(keys.shelved("soup"), b"no zlib")
        with capture_logs() as logs:
            changes = await shelf.changes("")
            assert {each.id for each in changes.entries} == {"leave", "soup"}
            assert list(changes.gone) == ["boats"]
            assert await shelf.document("soup") is None
        assert [log["event"] for log in logs] == ["redis.value_unreadable"] * 2


@pytest.mark.every_server
async def test_sources_are_kept_by_their_address(redis_store: Store) -> None:
    """The same address replaces, whatever stands in it; dropping one leaves the others."""
    shelf = RedisShelf(redis_store)
    docs, page = Source("/docs/{p1}\udc80", PUBLIC, 1.0), Source("https://x.example/", PUBLIC, 2.0)
    for source in (docs, page, replace(docs, audience=CREW, without=("old.md",))):
        await shelf.add(source)
    assert await shelf.sources() == [replace(docs, audience=CREW, without=("old.md",)), page]
    await shelf.drop(docs.address)
    assert await shelf.sources() == [page]


@pytest.mark.every_server
async def test_vectors_are_kept_with_their_document_and_followers_hear_of_them(redis_store: Store) -> None:
    """Those of each model apart; they go with the document, and none is kept for one that is gone."""
    shelf, leave = RedisShelf(redis_store), document("leave")
    await shelf.put(leave, entry(leave))
    known = (await shelf.changes("")).version
    made = Vectors("text-1", (b"\x00 \xff", b"\n\x01 "))

    await shelf.put_vectors("leave", "minilm", made)
    changes = await shelf.changes(known)
    assert (changes.anew, list(changes.entries)) == (False, [entry(leave)])
    assert await vectors(shelf, "minilm") == made
    assert await vectors(shelf, "other") is None

    await shelf.remove("leave")
    assert await vectors(shelf, "minilm") is None
    gone = await shelf.changes(changes.version)
    await shelf.put_vectors("leave", "minilm", made)
    assert await vectors(shelf, "minilm") is None
    assert (await shelf.changes(gone.version)).version == gone.version


@pytest.mark.every_server
async def test_one_process_at_a_time_makes_the_vectors_of_a_document(redis_store: Store) -> None:
    """Until it lets go of it, or its time is over."""
    shelf, leave = RedisShelf(redis_store), document("leave")
    await shelf.put(leave, entry(leave))
    assert await shelf.claim("leave", "minilm", 60)
    assert not await shelf.claim("leave", "minilm", 60)
    assert await shelf.claim("leave", "other", 0.001)
    await until(lambda: shelf.claim("leave", "other", 60))
    await shelf.release("leave", "minilm")
    assert await shelf.claim("leave", "minilm", 60)


async def test_vectors_that_cannot_be_read_are_made_anew(redis_server: RedisServer) -> None:
    """Of a later release, or spoilt."""
    async with connect(redis_server.url) as store:
        shelf, leave = RedisShelf(store), document("leave")
        await shelf.put(leave, entry(leave))
        for spoilt in (b"", b"99 v 1 \x01", b"2 v 2 \x01\x02\x03", b"2 v x \x01", b"2 v", b" "):
            with redis_server.client() as client:
                client.hset(keys.vectors("leave"), "minilm", spoilt)
            assert await vectors(shelf, "minilm") is None


@pytest.mark.every_server
async def test_the_words_of_a_document_are_found_once_for_all(redis_store: Store) -> None:
    """Whoever reads the document gets them with it; of what is not there nothing is told."""
    shelf, leave, empty = RedisShelf(redis_store), document("leave"), document("empty", "")
    for each in (leave, empty):
        await shelf.put(each, entry(each))
        assert await shelf.shelved([each.id], "minilm") == [Shelved(each)]
        await shelf.put_words(each.id, indexed(each))

    found = await shelf.shelved(["leave", "soup", "empty"], "minilm")

    assert found == [Shelved(leave, None, indexed(leave)), None, Shelved(empty, None, indexed(empty))]


async def test_words_that_cannot_be_read_are_found_anew(redis_server: RedisServer) -> None:
    """Spoilt, or of another shape; the document is there all the same."""
    async with connect(redis_server.url) as store:
        shelf, leave = RedisShelf(store), document("leave")
        await shelf.put(leave, entry(leave))
        for spoilt in (
            b" ",
            b"1-x no zlib",
            b"1-x " + zlib.compress(b"two\tparts"),
            zlib.compress(b"a\tb\tc"),
        ):
            with redis_server.client() as client:
                client.set(keys.indexed("leave"), spoilt)
            assert await shelf.shelved(["leave"], "") == [Shelved(leave)]
