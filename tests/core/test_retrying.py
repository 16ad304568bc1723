"""A reply that tries again what must stand, and does not care about what only helps."""

import asyncio

import pytest
from structlog.testing import capture_logs

from core.errors import LeaseLost, PageClosed, PlatformError, RateLimited, WriteFailed
from core.ports import END, FILE, Standing
from core.retrying import DOUBT, LONGEST_CALL, PATIENCE, RetryingReply
from core.transcript import (
    CLOSED,
    DEAD,
    LOST,
    NONE,
    VANISHED,
    Call,
    Fault,
    Faults,
    Transcript,
    TranscriptReply,
    always,
)
from core.types import Message, Outcome, ThreadId
from tests.clock import on_virtual_clock
from tests.fakes import FakeLedger

ANSWERED = Outcome("answered", "Hello.")
HUNG = Fault("slow", 3600)


def a_reply(faults: Faults) -> TranscriptReply:
    """A reply whose calls meet these faults."""
    ledger = FakeLedger(intended=[0, FILE, END])
    return Transcript(faults=faults).reply(Message("M", ThreadId("t", "T"), "U", "?", at=0.0), ledger)


def now() -> float:
    return asyncio.get_running_loop().time()


@pytest.mark.parametrize("fault", [Fault("slow", 2.0), HUNG, LOST, VANISHED, DEAD, Fault("limited", 5.0)])
@on_virtual_clock
async def test_a_status_never_delays_or_breaks_an_answer(fault: Fault) -> None:
    """It returns at once, and what becomes of it is only logged."""
    transcript = a_reply(always(fault, "status"))
    reply = RetryingReply(transcript, transcript.ledger)
    with capture_logs() as logs:
        await reply.status("Reading …")
        await reply.status("Thinking …")
        assert now() == 0
        await asyncio.sleep(2 * LONGEST_CALL)
        await reply.write(0, "Hello.", final=True)
        await reply.finish(ANSWERED)
    assert transcript.pages == ["Hello."]
    failed = [entry for entry in logs if entry["event"] == "reply.status_failed"]
    assert len(failed) == (fault.kind != "slow")  # a slow one is dropped when the text comes


@on_virtual_clock
async def test_a_status_that_is_still_on_its_way_is_dropped_when_the_text_comes() -> None:
    """Nothing says "Thinking" behind an answer."""
    transcript = a_reply(always(Fault("slow", 5.0), "status"))
    reply = RetryingReply(transcript, transcript.ledger)
    await reply.status("Thinking …")
    await reply.write(0, "Hello.", final=False)
    assert now() == 0
    await asyncio.sleep(10)
    assert transcript.statuses == []


@on_virtual_clock
async def test_the_newest_status_is_shown() -> None:
    """One after the other where there is time for them."""
    transcript = a_reply(always(NONE))
    reply = RetryingReply(transcript, transcript.ledger)
    await reply.status("Reading …")
    await asyncio.sleep(1)
    await reply.status(None)
    await reply.status("Thinking …")
    await asyncio.sleep(1)
    assert transcript.statuses == ["Reading …", "Thinking …"]


@pytest.mark.parametrize("fault", [LOST, VANISHED, HUNG, Fault("limited"), Fault("limited", 7.0)])
@on_virtual_clock
async def test_what_must_stand_is_tried_again(fault: Fault) -> None:
    """A final write, a file and the end each outlive two faults, not before the platform wants them."""
    transcript = a_reply(
        lambda call: fault if sum(call.verb == c.verb for c in transcript.calls) < 3 else NONE
    )
    reply = RetryingReply(transcript, transcript.ledger)
    await reply.write(0, "Hello.", final=True)
    await reply.attach("answer.md", "Hello.")
    await reply.finish(ANSWERED)
    assert (transcript.pages, transcript.attached) == (["Hello."], {"answer.md": "Hello."})
    assert transcript.outcomes == [ANSWERED]
    assert len(transcript.calls) == 9
    if fault.kind == "limited":
        assert now() >= 6 * (fault.seconds or 0.0)


@pytest.mark.parametrize(
    ("fault", "error"),
    [(LOST, WriteFailed), (VANISHED, WriteFailed), (HUNG, WriteFailed), (Fault("limited", 9.0), RateLimited)],
)
@on_virtual_clock
async def test_a_write_that_is_not_the_last_is_tried_once(fault: Fault, error: type[PlatformError]) -> None:
    """What it showed is out of date before it could be tried again."""
    transcript = a_reply(always(fault))
    with pytest.raises(error):
        await RetryingReply(transcript, transcript.ledger).write(0, "Hello", final=False)
    assert len(transcript.calls) == 1
    assert now() <= LONGEST_CALL


@pytest.mark.parametrize(("fault", "error"), [(CLOSED, PageClosed), (DEAD, PlatformError)])
@on_virtual_clock
async def test_what_cannot_help_is_not_tried_again(fault: Fault, error: type[PlatformError]) -> None:
    """The error is told at once."""
    transcript = a_reply(always(fault))
    with pytest.raises(error):
        await RetryingReply(transcript, transcript.ledger).write(0, "Hello.", final=True)
    assert len(transcript.calls) == 1


@pytest.mark.parametrize("fault", [LOST, HUNG, Fault("limited", 5.0), Fault("limited", 3600.0)])
@on_virtual_clock
async def test_patience_ends(fault: Fault) -> None:
    """A platform that takes nothing for a minute is an error, at once when the minute is over."""
    transcript = a_reply(always(fault))
    with pytest.raises(PlatformError):
        await RetryingReply(transcript, transcript.ledger).finish(ANSWERED)
    assert now() == PATIENCE


@on_virtual_clock
async def test_whoever_lost_the_message_meanwhile_writes_nothing_more() -> None:
    """Between two tries another worker may have gone on with the answer."""
    kept = FakeLedger()

    def befalls(call: Call) -> Fault:
        kept.lost = True
        return LOST

    transcript = a_reply(befalls)
    with pytest.raises(LeaseLost):
        await RetryingReply(transcript, kept).finish(ANSWERED)
    assert len(transcript.calls) == 1


@on_virtual_clock
async def test_what_a_dead_worker_sent_is_waited_for_before_it_is_looked_for() -> None:
    """Its call may arrive after its death; the time since it was noted counts, and no wait comes twice."""
    transcript = a_reply(always(NONE, "write"))
    ledger = FakeLedger(before=Standing({0: None}, noted_at=now() - 2.0), intended=[0, FILE, END])
    reply = RetryingReply(transcript, ledger)
    await reply.write(0, "Hello.", final=True)
    assert now() == DOUBT - 2.0
    await reply.finish(ANSWERED)
    assert now() == DOUBT - 2.0


@on_virtual_clock
async def test_what_is_known_to_stand_is_not_waited_for() -> None:
    """A worker that takes over goes on at once where no call was on its way."""
    ledger = FakeLedger(before=Standing({0: "1"}, noted_at=now()))
    await RetryingReply(a_reply(always(NONE, "write")), ledger).write(0, "Hello.", final=True)
    assert now() == 0
