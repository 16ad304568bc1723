"""The platform in memory refuses what real ones refuse, and is as unreliable as it is told to be."""

import asyncio
from dataclasses import replace

import pytest

from core.errors import FileRefused, PageClosed, PlatformError, RateLimited, WriteFailed
from core.ports import END, FILE
from core.transcript import (
    CLOSED,
    DEAD,
    LOST,
    NONE,
    UNLIMITED,
    VANISHED,
    Fault,
    Faults,
    Transcript,
    TranscriptReply,
    always,
    never,
    script,
)
from core.types import Message, Outcome, PageProfile, ThreadId
from tests.clock import on_virtual_clock
from tests.fakes import FakeLedger

MESSAGE = Message("M1", ThreadId("transcript", "T1"), "U1", "Tell me.", at=0.0)


def a_reply(
    profile: PageProfile = UNLIMITED, *, faults: Faults = never, rate: float = 0.0
) -> TranscriptReply:
    """A reply whose ledger expects every page."""
    return Transcript(profile, faults=faults, rate=rate).reply(MESSAGE, FakeLedger([*range(9), FILE, END]))


@on_virtual_clock
async def test_pages_are_messages_that_stand() -> None:
    """Each write is kept with its time, and the ledger learns each message once."""
    reply = a_reply()
    await reply.status("Thinking …")
    await reply.write(0, "One", final=False)
    await asyncio.sleep(2)
    await reply.write(0, "One two", final=True)
    await reply.write(1, "Three", final=True)
    assert reply.pages == ["One two", "Three"]
    assert [(write.at, write.text) for write in reply.writes] == [(0, "One"), (2, "One two"), (2, "Three")]
    assert reply.ledger.ids == {0: "message 0", 1: "message 1"}  # type: ignore[attr-defined] # a FakeLedger
    assert reply.statuses == ["Thinking …"]


def shouting(markdown: str) -> str:
    """A dialect that needs more room than Markdown."""
    return markdown.replace("!", "!!!")


WRONG: dict[str, tuple[PageProfile, list[tuple[int, str, bool]]]] = {
    "a page shows something": (UNLIMITED, [(0, " \n", False)]),
    "a page fits": (PageProfile(5), [(0, "Hello!", False)]),
    "a page fits as it is counted": (PageProfile(5, "utf8_bytes"), [(0, "Héllo", False)]),
    "a page fits as it is rendered": (PageProfile(7, render=shouting), [(0, "Hello!", False)]),
    "pages are opened in order": (UNLIMITED, [(0, "One", True), (2, "Two", False)]),
    "a page is sealed before the next": (UNLIMITED, [(0, "One", False), (1, "Two", False)]),
    "an earlier page is not written": (UNLIMITED, [(0, "One", True), (1, "Two", True), (0, "One", True)]),
    "a sealed page never changes": (UNLIMITED, [(0, "One", True), (0, "One!", True)]),
    "a sealed page is not opened": (UNLIMITED, [(0, "One", True), (0, "One", False)]),
    "what cannot be edited only grows": (
        PageProfile(None, editable=False),
        [(0, "One two", False), (0, "One", True)],
    ),
}


@pytest.mark.parametrize("name", WRONG)
@on_virtual_clock
async def test_a_mistake_of_ours_is_no_fault_of_the_platform(name: str) -> None:
    """The last of these writes is wrong."""
    profile, writes = WRONG[name]
    reply = a_reply(profile)
    *fine, wrong = writes
    for page, text, final in fine:
        await reply.write(page, text, final=final)
    with pytest.raises(AssertionError):
        await reply.write(wrong[0], wrong[1], final=wrong[2])


@on_virtual_clock
async def test_the_same_final_write_twice_is_one() -> None:
    """Whoever did not hear that it arrived may repeat it."""
    reply = a_reply(faults=script(VANISHED))
    with pytest.raises(WriteFailed):
        await reply.write(0, "One", final=True)
    assert reply.pages == ["One"]
    await reply.write(0, "One", final=True)
    assert reply.pages == ["One"]
    assert not reply.standing[0].doubtful


@on_virtual_clock
async def test_each_fault_does_what_it_says() -> None:
    """What stands after it, and what the reply says about it."""
    reply = a_reply(faults=script(LOST, VANISHED, Fault("limited", 7.0), Fault("slow", 5.0), NONE, CLOSED))
    with pytest.raises(WriteFailed):
        await reply.write(0, "One", final=False)
    assert reply.pages == []
    with pytest.raises(WriteFailed):
        await reply.write(0, "One", final=False)
    assert (reply.pages, reply.standing[0].doubtful) == (["One"], True)
    with pytest.raises(RateLimited) as error:
        await reply.write(0, "One two", final=False)
    assert (reply.pages, error.value.retry_after) == (["One"], 7.0)
    await reply.write(0, "One two", final=False)
    assert reply.writes[-1].at == 0 < asyncio.get_running_loop().time() == 5.0
    await reply.write(0, "One two three", final=False)
    for _ in range(2):
        with pytest.raises(PageClosed):
            await reply.write(0, "One two three four", final=True)
    assert reply.pages == ["One two three"]
    await reply.write(1, "four", final=True)
    assert reply.pages == ["One two three", "four"]
    reply.platform.faults = always(DEAD, "finish")
    await reply.attach("answer.md", "One")
    with pytest.raises(PlatformError, match="gone"):
        await reply.finish(Outcome("answered"))
    assert (reply.attached, reply.outcomes) == ({"answer.md": "One"}, [])
    assert len(reply.calls) == 10


@on_virtual_clock
async def test_a_page_that_grew_old_takes_no_more() -> None:
    """As a stream of Slack, which ends after five minutes where its profile says four and a half."""
    reply = a_reply(PageProfile(None, max_age=270.0))
    await reply.write(0, "One", final=False)
    await asyncio.sleep(299)
    await reply.write(0, "One two", final=False)
    await asyncio.sleep(2)
    with pytest.raises(PageClosed):
        await reply.write(0, "One two three", final=False)
    await reply.write(1, "three", final=False)
    assert reply.pages == ["One two", "three"]


@on_virtual_clock
async def test_writes_that_come_too_fast_are_refused() -> None:
    """Over all replies of a bucket, and it is said when the next one may come."""
    profile = PageProfile(None, bucket="C1")
    platform = Transcript(profile, rate=2.0)
    first, second = (platform.reply(replace(MESSAGE, id=name), FakeLedger([0])) for name in "12")
    await first.write(0, "One", final=False)
    await asyncio.sleep(0.5)
    with pytest.raises(RateLimited) as error:
        await second.write(0, "One", final=False)
    assert error.value.retry_after == 1.5
    await asyncio.sleep(1.5)
    await second.write(0, "One", final=False)


@on_virtual_clock
async def test_a_reply_ends_once() -> None:
    """The same end may be repeated; nothing is written behind it."""
    reply = a_reply(faults=script(VANISHED, verb="finish"))
    outcome = Outcome("answered", "Hello.")
    with pytest.raises(WriteFailed):
        await reply.finish(outcome)
    await reply.finish(outcome)
    assert reply.outcomes == [outcome]
    with pytest.raises(AssertionError):
        await reply.finish(Outcome("failed"))
    with pytest.raises(AssertionError):
        await reply.write(0, "One", final=True)


async def test_files_are_bytes_by_name() -> None:
    """They come in pieces, and one that is gone is refused."""
    platform = Transcript()
    sent = platform.attach("notes.txt", b"more than seven bytes")
    assert b"".join([piece async for piece in platform.download(sent)]) == b"more than seven bytes"
    platform.files.clear()
    with pytest.raises(FileRefused, match=r"notes\.txt is not there"):
        _ = [piece async for piece in platform.download(sent)]
