"""The echo platform's reply: whatever fails, each part of an answer stands once."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from core.errors import WriteFailed
from core.ports import END, FILE
from core.types import Checkpoint, Message, Outcome, ThreadId
from tests.emulators.echo_platform.client import EchoPlatform, EchoReply
from tests.emulators.echo_platform.server import EchoServer, Fault
from tests.fakes import FakeLedger

ASKED = Message("m1", ThreadId("echo", "t1"), "U1", "?", at=0.0)
DONE = Outcome("partial", "one two", "Stopped.")

PARTS: dict[int, Callable[[EchoReply], Awaitable[None]]] = {
    0: lambda reply: reply.write(0, "one two", final=True),
    FILE: lambda reply: reply.attach("answer.md", "one two"),
    END: lambda reply: reply.finish(DONE),
}
"""How each kind of part is sent."""


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[EchoServer]:
    """A platform on which nothing stands."""
    async with EchoServer(tmp_path / "echo") as server:
        yield server


async def reply(platform: EchoServer, ledger: FakeLedger, part: int) -> EchoReply:
    """A worker's reply that is about to write this part."""
    await ledger.intend(part, Checkpoint(""))
    return EchoPlatform(platform.socket, "w0").reply(ASKED, ledger)


def calls(platform: EchoServer) -> list[str]:
    """What was done on the platform."""
    return [event.call for event in platform.events]


async def test_a_page_is_posted_once_and_edited_from_then_on(platform: EchoServer) -> None:
    """The ledger has its id, and the platform its newest text."""
    ledger = FakeLedger()
    growing = await reply(platform, ledger, 0)
    for text, final in (("one", False), ("one two", True)):
        await growing.write(0, text, final=final)
    assert calls(platform) == ["post", "edit"]
    assert platform.pages(ASKED.id) == ["one two"]
    assert ledger.ids == {0: "0"}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize(
    ("fault", "then"), [("refuse", ["find", "post"]), ("lose", ["post", "find", "edit"])]
)
async def test_a_part_whose_answer_was_lost_is_looked_for_before_it_is_sent_again(
    platform: EchoServer, part: int, fault: Fault, then: list[str]
) -> None:
    """It may stand or not; either way it stands once in the end."""
    ledger = FakeLedger()
    failing = await reply(platform, ledger, part)
    platform.faults.append(fault)
    with pytest.raises(WriteFailed):
        await PARTS[part](failing)
    await PARTS[part](failing)
    assert calls(platform) == then
    assert ledger.ids == {part: "0"}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize(
    ("fault", "then"), [("refuse", ["find", "post"]), ("lose", ["post", "find", "edit"])]
)
async def test_another_worker_goes_on_with_what_may_stand(
    platform: EchoServer, part: int, fault: Fault, then: list[str]
) -> None:
    """The first worker died with a part on its way: its intent is in the ledger, and no id."""
    ledger = FakeLedger()
    dying = await reply(platform, ledger, part)
    platform.faults.append(fault)
    with pytest.raises(WriteFailed):
        await PARTS[part](dying)
    following = ledger.taken_over()
    await PARTS[part](await reply(platform, following, part))
    assert calls(platform) == then
    assert following.ids == {part: "0"}


async def test_another_worker_edits_what_stands_for_sure(platform: EchoServer) -> None:
    """A part with an id in the ledger is not looked for."""
    ledger = FakeLedger()
    await (await reply(platform, ledger, 0)).write(0, "one", final=False)
    await (await reply(platform, ledger.taken_over(), 0)).write(0, "one two", final=True)
    assert calls(platform) == ["post", "edit"]
    assert platform.pages(ASKED.id) == ["one two"]


async def test_a_platform_that_is_not_there_is_a_write_that_failed(tmp_path: Path) -> None:
    """Nobody listens: the error is one of those that are tried again."""
    lonely = EchoPlatform(tmp_path / "nobody", "w0").reply(ASKED, FakeLedger())
    with pytest.raises(WriteFailed, match="cannot be reached"):
        await lonely.status("Thinking …")
