"""`chasqui inbox`, `export` and `forget`, by whole processes on the embedded server."""

import asyncio
import re
from collections.abc import AsyncIterator

import pytest

from adapters import local_redis
from adapters.redis.connection import connect
from adapters.redis.inbox import RedisInbox
from adapters.redis.store import Store
from core.types import ThreadId
from tests.adapters.redis_parts import taking
from tests.adapters.redis_words import asks, document, is_set_aside, message
from tests.emulators.tgi import TgiStandIn
from tests.system.program import World

ROOM, HALL = ThreadId("discord", "1012345678901234567"), ThreadId("slack", "C1:1700000000.000100")


@pytest.fixture
async def store(world: World) -> AsyncIterator[Store]:
    """The embedded server of this world, which the programs share."""
    world.data.mkdir()
    async with local_redis.running(world.data) as url, connect(url) as store:
        yield store


async def test_an_empty_inbox_is_told(world: World, store: Store) -> None:
    """In words for people, and as empty lists."""
    plain, machine = await asyncio.gather(world.run("inbox", "list"), world.run("inbox", "list", "--json"))

    assert plain.out.decode() == "Nothing waits for an answer.\n\nNo message was set aside.\n"
    assert machine.json == {"waiting": [], "dead_letters": []}


async def test_the_list_shows_what_waits_and_what_was_set_aside(world: World, store: Store) -> None:
    """Aligned, and without anybody's words."""
    inbox = RedisInbox(store)
    await is_set_aside(store, message(HALL, "ana", 1))
    for number in (2, 3):
        await inbox.put(message(ROOM, "ben", number))
    async with taking(inbox, ROOM):
        await inbox.put(message(HALL, "ana", 4))
        plain, machine = await asyncio.gather(
            world.run("inbox", "list"), world.run("inbox", "list", "--json")
        )

    assert (plain.code, machine.code) == (0, 0)
    assert machine.json["waiting"] == [
        {"thread": str(ROOM), "since": 1_700_000_002.0, "messages": 2, "attempts": 1, "answering": True},
        {"thread": str(HALL), "since": 1_700_000_004.0, "messages": 1, "attempts": 0, "answering": False},
    ]
    (letter,) = machine.json["dead_letters"]
    assert (letter["thread"], letter["attempts"]) == (str(HALL), 1)
    assert letter["why"] == "PlatformError: it would not"
    assert "said-by" not in plain.out.decode() + machine.out.decode()
    said = plain.out.decode()
    assert re.search(rf"^  {ROOM} .* 2 +1  being answered$", said, re.MULTILINE)
    assert re.search(rf"^  {letter['id']}  {HALL} .* 1  PlatformError: it would not$", said, re.MULTILINE)
    for table in said.split("\n\n"):
        rows = [line for line in table.splitlines() if line.startswith("  ")]
        assert len({found.start() for row in rows if (found := re.search("20|SINCE|AT", row))}) == 1


async def test_a_message_that_was_set_aside_is_shown_retried_and_dropped(world: World, store: Store) -> None:
    """By the ID that the list shows; afterwards there is no such ID."""
    text = "\x1b[31mHow far? \ud800"
    for number in (1, 2):
        await is_set_aside(store, message(HALL, "ana", number, text))
    first, second = ((await world.run("inbox", "list", "--json")).json)["dead_letters"]

    shown, machine = await asyncio.gather(
        world.run("inbox", "show", first["id"]), world.run("inbox", "show", first["id"], "--json")
    )
    assert "How far? \ufffd said-by-ana" in shown.out.decode()
    assert "name-of-ana (slack:ana)" in shown.out.decode()
    assert b"\x1b" not in shown.out
    assert machine.json["message"]["text"] == f"{text} said-by-ana"
    retried = await world.run("inbox", "retry", first["id"])
    dropped = await world.run("inbox", "drop", second["id"], "--json")

    assert (retried.code, retried.out.decode()) == (0, f"{first['id']} waits again, last in its thread.\n")
    assert (dropped.code, dropped.json) == (0, {"dropped": second["id"]})
    left = (await world.run("inbox", "list", "--json")).json
    assert ([each["messages"] for each in left["waiting"]], left["dead_letters"]) == ([1], [])
    async with taking(RedisInbox(store), HALL) as lease:
        assert lease.message == message(HALL, "ana", 1, text)


@pytest.mark.parametrize("verb", ["show", "retry", "drop"])
async def test_an_unknown_id_is_told_in_one_sentence(world: World, store: Store, verb: str) -> None:
    """It says where the IDs are."""
    done = await world.run("inbox", verb, "nothing")

    assert (done.code, done.out) == (1, b"")
    assert done.sentence == "There is no dead letter nothing. `chasqui inbox list` shows those there are."


async def test_a_person_is_exported_and_forgotten(world: World, store: Store) -> None:
    """Everything of theirs by thread, with sources and texts; then nothing."""
    await asks(store, message(ROOM, "ana", 1), document("ana"))
    await asks(store, message(ROOM, "ben", 1))
    await is_set_aside(store, message(ROOM, "ana", 2))
    await RedisInbox(store).put(message(ROOM, "ana", 3))

    found = (await world.run("export", "--person", "discord:ana")).json
    (thread,) = found["threads"]
    assert (found["person"], thread["thread"]) == ("discord:ana", str(ROOM))
    assert [turn["citations"][0]["quote"] for turn in thread["turns"]] == ["quoted-to-ana"]
    assert thread["documents"][0]["title"] == "file-of-ana.md"
    assert thread["documents"][0]["passages"][0]["text"].startswith("read-for-ana")
    assert [each["id"] for each in thread["waiting"] + thread["set_aside"]] == ["ana3", "ana2"]

    done = await world.run("forget", "--person", "discord:ana")
    assert (done.code, done.out) == (0, b"All that was kept of discord:ana is deleted, in 1 thread.\n")
    again = await world.run("forget", "--person", "discord:ana")
    assert (again.code, again.out) == (0, b"Nothing was kept of discord:ana.\n")
    assert (await world.run("export", "--person", "discord:ana")).json["threads"] == []
    ends = [await world.run("forget", "--thread", str(ROOM)) for _ in range(2)]
    assert [end.code for end in ends] == [0, 0]
    assert ends[0].out == f"Everything that was kept of {ROOM} is deleted.\n".encode()
    assert ends[1].out == f"Nothing was kept of {ROOM}.\n".encode()
    assert (await world.run("export", "--person", "discord:ben")).json["threads"] == []


@pytest.mark.parametrize(
    "words",
    [
        ("export", "--person", "ana"),
        ("export", "--person", "myspace:ana"),
        ("forget", "--thread", "discord:"),
        ("forget",),
        ("forget", "--person", "discord:1", "--thread", "discord:2"),
        ("export",),
    ],
)
async def test_nobody_is_deleted_or_exported_by_mistake(
    world: World, store: Store, words: tuple[str, ...]
) -> None:
    """One sentence says how a person or a thread is written."""
    done = await world.run(*words)

    assert (done.code, done.out) == (2, b"")
    assert "discord:" in done.sentence or "--person" in done.sentence


async def test_a_chat_forgets_its_thread_and_all_others(world: World, store: Store) -> None:
    """`/forget` is about this conversation, `/forget me` about everything that was typed here."""
    async with TgiStandIn(" Yes, certainly.") as tgi:
        there = world.with_(BACKEND__URLS=tgi.url)
        for thread in ("one", "two"):
            assert (await there.run("ask", "Is it far?", "--thread", thread)).code == 0
        chat = await there.run("chat", "--thread", "one", stdin=b"/forget him\n/forget\n")
        left = (await world.run("export", "--person", "terminal:terminal")).json["threads"]
        assert [each["thread"] for each in left] == ["terminal:two"]
        again = await there.run("chat", "--thread", "one", stdin=b"/forget me\n")

    assert b"Type /forget to delete this thread" in chat.out
    assert b"Everything that was kept of this thread is deleted." in chat.out
    assert b"Everything that was kept of you is deleted" in again.out
    assert (await world.run("export", "--person", "terminal:terminal")).json["threads"] == []
