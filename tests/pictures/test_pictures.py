"""The pictures of the docs show what the code does today, failed writes and all."""

import asyncio
from itertools import pairwise
from types import ModuleType

import pytest

from adapters.discord.markdown import CONTENT
from core.delivery import Delivery
from core.transcript import NONE, Fault, Faults, Transcript, TranscriptReply, script
from core.types import Message, PageProfile, ThreadId
from tests.clock import run
from tests.fakes import FakeLedger
from tests.pictures import architecture, discord, reply, slack
from tests.pictures.film import Frame, film, shots
from tests.pictures.reply import said


@pytest.mark.parametrize(
    "drawn", [architecture, reply, discord, slack], ids=["architecture", "reply", "discord", "slack"]
)
def test_the_picture_in_the_docs_is_what_would_be_drawn_today(drawn: ModuleType) -> None:
    """If this fails, look at what `make pictures` draws, and commit it."""
    assert drawn.picture() == drawn.FILE.read_text("utf-8")


def test_the_picture_shows_a_cut_inside_a_code_block() -> None:
    """The first page closes the code block, and the second one opens it again in its language."""
    first, second, *_ = film(said(CONTENT))[-1].pages
    assert first.endswith("\n```")
    assert second.startswith("```python\n")


def test_a_film_shows_each_moment_and_a_failed_write_as_one_that_changed_nothing() -> None:
    """What stood before it still stands."""
    frames = film(filmed(script(NONE, Fault("limited", 1.0))))
    events = [frame.event for frame in frames]
    assert events == ["a status", "page 1 begins", "a write is refused", "page 1 grows", "page 1 is final"]
    assert [frame.status for frame in frames] == ["Thinking …", "", "", "", ""]
    assert frames[0].pages == ()
    assert frames[1].pages == frames[2].pages == ("One",)
    assert frames[-1].pages == ("One two three four five six.",)
    assert all(before.at < after.at for before, after in pairwise(frames))


def test_shots_leave_out_only_growth() -> None:
    """Every other moment is in the picture, in order."""
    events = ["a status", *["page 1 grows"] * 7, "page 1 is final", "page 2 begins", "page 2 is final"]
    frames = [Frame(float(at), event, "", ()) for at, event in enumerate(events)]
    assert [frame.at for frame in shots(frames, 6)] == [0, 2, 5 + 1, 8, 9, 10]
    assert [frame.at for frame in shots(frames, 3)] == [0, 8, 9, 10]


def filmed(faults: Faults) -> TranscriptReply:
    """A reply of six words, one each second, to a platform with a pace of a second."""
    return run(_filmed(Transcript(PageProfile(None, pace=1.0), faults=faults)))


async def _filmed(platform: Transcript) -> TranscriptReply:
    reply = platform.reply(Message("M1", ThreadId("transcript", "T1"), "U1", "?", at=0.0), FakeLedger())
    await reply.status("Thinking …")
    async with Delivery(reply, reply.ledger) as delivery:
        for word in "One two three four five six.".split():
            await asyncio.sleep(0.6)
            delivery.add(f"{word} ")
    return reply
