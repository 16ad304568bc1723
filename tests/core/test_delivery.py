"""A growing text on its way to the pages of a reply, which refuses what its platform forbids."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.delivery import LAST_WRITE, Delivery
from core.draft import Draft
from core.errors import BackendFailed, LeaseLost, PageClosed, PlatformError
from core.pace import Paces
from core.paging import ANSWER_FILE, NOTE
from core.profiles import AIROBOROS
from core.retrying import PATIENCE, RetryingReply
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
    never,
    script,
)
from core.types import Message, PageProfile, ThreadId
from tests.clock import on_virtual_clock, run
from tests.fakes import FakeLedger

SLOW = 3600.0
"""A pace that no answer lives to see."""
MOMENT = 0.001
"""Seconds in which everything happens that can happen at once: virtual time waits for it."""
MESSAGE = Message("M1", ThreadId("transcript", "T1"), "U1", "Tell me.", at=0.0)
ONE_TO_TEN = "one two three four five six seven eight nine ten"
LONG = [f"word{number:03}" for number in range(200)]


def a_reply(
    limit: int | None = None, *, faults: Faults = never, rate: float = 0.0, pace: float = 0.0, **profile: Any
) -> TranscriptReply:
    """A reply whose pages hold `limit` characters."""
    platform = Transcript(PageProfile(limit, pace=pace, **profile), faults=faults, rate=rate)
    return platform.reply(MESSAGE, FakeLedger())


def ledger_of(reply: TranscriptReply) -> FakeLedger:
    """The ledger that the reply was given."""
    assert isinstance(reply.ledger, FakeLedger)
    return reply.ledger


def delivery_to(reply: TranscriptReply, paces: Paces | None = None) -> Delivery:
    """A delivery as the assistant makes one."""
    return Delivery(RetryingReply(reply, reply.ledger), reply.ledger, paces=paces)


async def delivered(reply: TranscriptReply, *pieces: str, every: float = MOMENT) -> list[str]:
    """The pages of a text that came in these pieces, one each time `every` seconds have passed."""
    async with delivery_to(reply) as delivery:
        for piece in pieces:
            delivery.add(piece)
            await asyncio.sleep(every)
    return reply.pages


def words_of(pages: Sequence[str]) -> list[str]:
    """The words that these pages tell."""
    return " ".join(pages).replace(NOTE.strip(), "").split()


def shown(reply: TranscriptReply) -> list[str]:
    """What each write showed."""
    return [write.text for write in reply.writes]


# ---- when something is written ----------------------------------------------------------------------


@on_virtual_clock
async def test_the_first_whole_word_is_shown_at_once() -> None:
    """However slow the pace, nobody waits for the first word, and half a word is never shown."""
    reply = a_reply(pace=SLOW)
    async with delivery_to(reply) as delivery:
        delivery.add("Hel")
        await asyncio.sleep(MOMENT)
        assert not reply.writes
        delivery.add("lo the")
        await asyncio.sleep(MOMENT)
        assert words_of(reply.pages) == ["Hello"]


@on_virtual_clock
async def test_later_writes_keep_the_pace() -> None:
    """What follows the first write waits for its time, however much it is."""
    reply = a_reply(pace=SLOW)
    async with delivery_to(reply) as delivery:
        for _ in range(5):
            delivery.add("and so on ")
            await asyncio.sleep(MOMENT)
        assert len(reply.writes) == 1


@on_virtual_clock
async def test_the_pace_does_not_hold_up_the_end() -> None:
    """The last write follows the end of the answer at once, and only once."""
    reply = a_reply(pace=SLOW)
    assert await delivered(reply, "Hello ", "there, ", "friend.") == ["Hello there, friend."]
    assert [write.final for write in reply.writes] == [False, True]
    assert asyncio.get_running_loop().time() < 1


@on_virtual_clock
async def test_without_a_pace_each_word_is_shown_as_it_comes() -> None:
    """The page grows word by word."""
    reply = a_reply()
    await delivered(reply, "One ", "two ", "three.")
    assert [text.split() for text in shown(reply)] == [["One"], ["One", "two"], ["One", "two", "three."]]
    assert [write.final for write in reply.writes] == [False, False, True]


@on_virtual_clock
async def test_a_script_without_spaces_grows_too() -> None:
    """Where words are not told apart by spaces, nobody waits for the end of the answer."""
    reply = a_reply()
    async with delivery_to(reply) as delivery:
        for piece in "新入社員は初年度に二十四日の有給休暇を取得できます。三年目以降は二十八日です。":
            delivery.add(piece)
            await asyncio.sleep(MOMENT)
        assert len(reply.writes) > 3


@on_virtual_clock
async def test_the_newest_text_wins_and_nothing_queues() -> None:
    """Whatever came while the platform was slow is shown by one write."""
    reply = a_reply(faults=script(NONE, Fault("slow", 10)))
    await delivered(reply, *(f"{word} " for word in ONE_TO_TEN.split()), every=1.0)
    assert [len(text.split()) for text in shown(reply)] == [1, 2, 10]


@on_virtual_clock
async def test_a_fast_answer_is_few_writes() -> None:
    """Ten seconds of text at a pace of a second are eleven writes and the last one, in whatever pieces."""
    reply = a_reply(pace=1.0)
    await delivered(reply, *(f"{number} " for number in range(1000)), every=0.01)
    assert 10 <= len(reply.calls) <= 12


@on_virtual_clock
async def test_a_text_without_a_word_is_not_shown() -> None:
    """No platform accepts an empty page."""
    reply = a_reply(limit=20)
    assert await delivered(reply, " ", "\n\n", " " * 50) == []
    assert not reply.calls


# ---- pages ------------------------------------------------------------------------------------------


@on_virtual_clock
async def test_a_text_beyond_the_limit_goes_on_with_the_next_page() -> None:
    """Each page is written for the last time when it is full, and the words go on behind it."""
    reply = a_reply(limit=20)
    pages = await delivered(reply, *(f"{word} " for word in ONE_TO_TEN.split()))
    assert len(pages) > 2
    assert words_of(pages) == ONE_TO_TEN.split()
    assert [write.page for write in reply.writes if write.final] == list(range(len(pages)))


@pytest.mark.parametrize("editable", [True, False])
@on_virtual_clock
async def test_a_fallback_may_change_what_a_page_holds_while_the_answer_runs(editable: bool) -> None:
    """The profile is read again each time: a page that can be edited then gives back what is too much."""
    reply = a_reply(limit=1000, editable=editable)
    words = [f"word{number}" for number in range(200)]
    async with delivery_to(reply) as delivery:
        for number, word in enumerate(words):
            delivery.add(f"{word} ")
            await asyncio.sleep(MOMENT)
            if number == 20:
                assert len(reply.pages[0]) > 100
                reply.profile = PageProfile(limit=100, pace=0.0)
    assert words_of(reply.pages) == words
    assert all(len(page) <= 100 for page in reply.pages)


@pytest.mark.parametrize("before_it", ["", "```py\n"])
@on_virtual_clock
async def test_a_page_that_only_grows_ends_where_it_stands_when_pages_become_shorter(before_it: str) -> None:
    """What it shows cannot be taken back, so nothing is added to what is too much already."""
    reply = a_reply(limit=1000, editable=False)
    async with delivery_to(reply) as delivery:
        delivery.add(before_it)
        for number, word in enumerate(LONG):
            delivery.add(f"{word} ")
            await asyncio.sleep(MOMENT)
            if number == 20:
                before = reply.pages[0]
                reply.profile = PageProfile(limit=100, pace=0.0, editable=False)
    assert reply.pages[0] == before
    assert [word for word in words_of(reply.pages) if word.isalnum()] == LONG
    assert all(len(page) <= 100 for page in reply.pages[1:])


@on_virtual_clock
async def test_the_ledger_knows_of_each_write_before_the_platform_does() -> None:
    """A page that may stand is never unknown, nor is what it may show: each write has its own intent."""
    reply = a_reply(limit=20)
    await delivered(reply, ONE_TO_TEN)
    assert ledger_of(reply).intended == [write.page for write in reply.writes]
    noted = [(checkpoint.page, checkpoint.final) for checkpoint in ledger_of(reply).checkpoints]
    assert noted == [(write.text, write.final) for write in reply.writes]
    assert list(ledger_of(reply).ids) == sorted(set(ledger_of(reply).intended))


@on_virtual_clock
async def test_every_write_leaves_a_checkpoint() -> None:
    """The text up to now is kept with each write, so that a worker who takes over knows it."""
    reply = a_reply(limit=20)
    await delivered(reply, "one two three ", "four five six ", "seven eight nine")
    assert len(ledger_of(reply).checkpoints) == len(reply.writes)
    assert ledger_of(reply).checkpoints[-1].shown == "one two three four five six seven eight nine"


@on_virtual_clock
async def test_who_lost_the_lease_writes_nothing_more() -> None:
    """Another worker may be answering already."""
    reply = a_reply()

    async def answer() -> None:
        async with delivery_to(reply) as delivery:
            delivery.add("Hello there, ")
            await asyncio.sleep(MOMENT)
            ledger_of(reply).lost = True
            delivery.add("friend. ")

    with pytest.raises(LeaseLost):
        await answer()
    assert words_of(reply.pages) == ["Hello", "there,"]


PROSE = st.text(st.characters(exclude_characters="`~|*_[]<>\\", exclude_categories=["Cs"]), max_size=40)
PIECES = st.lists(
    st.one_of(
        st.sampled_from(
            ["\n", "\n\n", " ", "- item\n", "# ", "👩🏽‍🚀", "é", "語" * 9, "word " * 9, "x" * 90]
        ),
        st.sampled_from(["\n```\n", "\n```py\n", "\n~~~\n"]),
        PROSE,
    ),
    max_size=30,
)


def told(text: str) -> str:
    """What may not be lost of a text: its letters and digits, but for the lines that open or close code."""
    lines = (line for line in text.split("\n") if not line.lstrip(" >").startswith(("```", "~~~")))
    return "".join(sign for line in lines for sign in line if sign.isalnum())


@settings(max_examples=100, deadline=None)
@given(PIECES, st.sampled_from([100, 150, 300]), st.sampled_from(["code_points", "utf8_bytes"]))
def test_any_text_fits_its_pages_and_none_of_it_is_lost(
    pieces: list[str], limit: int, measure: Literal["code_points", "utf8_bytes"]
) -> None:
    """The reply refuses pages that are empty, too long or sealed; its pages tell what the pieces told."""
    reply = a_reply(limit, measure=measure)
    run(delivered(reply, *pieces))
    assert "".join(map(told, reply.pages)) == told("".join(pieces))


# ---- pages that grow old ----------------------------------------------------------------------------


@pytest.mark.parametrize("editable", [True, False])
@on_virtual_clock
async def test_a_page_that_grows_too_old_ends_and_the_text_goes_on(editable: bool) -> None:
    """Before its platform closes it, so that nothing is ever refused."""
    reply = a_reply(pace=1.0, max_age=10.0, editable=editable)
    words = [f"word{number}" for number in range(400)]
    pages = await delivered(reply, *(f"{word} " for word in words), every=0.1)
    assert words_of(pages) == words
    assert len(pages) == 4
    assert reply.calls == reply.writes


@on_virtual_clock
async def test_an_old_page_ends_also_where_the_model_says_nothing() -> None:
    """A page is never left open for its platform to close."""
    reply = a_reply(pace=1.0, max_age=10.0)
    async with delivery_to(reply) as delivery:
        delivery.add("One two ")
        await asyncio.sleep(60)
        assert [write.final for write in reply.writes] == [False, True]
        assert reply.writes[-1].at == 10
        delivery.add("three")
    assert [page.split() for page in reply.pages] == [["One", "two"], ["three"]]


@on_virtual_clock
async def test_an_old_page_does_not_wait_for_the_pace() -> None:
    """However slow the pace became, a page ends before its platform closes it."""
    reply = a_reply(pace=SLOW, max_age=10.0)
    await delivered(reply, *(f"{word} " for word in LONG), every=0.1)
    assert reply.calls == reply.writes
    assert next(write.at for write in reply.writes if write.final) == pytest.approx(10.0)


# ---- code blocks ------------------------------------------------------------------------------------

CODE = ("Look:\n\n", "```py\n", "x = 1\n", "y = 2\n", "```\n", "Done.")


@on_virtual_clock
async def test_where_pages_can_be_edited_an_open_code_block_is_closed_for_display() -> None:
    """Half a code block would swallow what the platform shows below it."""
    reply = a_reply()
    assert await delivered(reply, *CODE) == ["".join(CODE)]
    assert "Look:\n\n```py\nx = 1\n```" in shown(reply)
    assert all(text.count("```") % 2 == 0 for text in shown(reply))


@on_virtual_clock
async def test_where_pages_only_grow_no_code_block_is_closed_early() -> None:
    """What was written there stands, so a closing fence would cut the block in two."""
    reply = a_reply(editable=False)
    assert await delivered(reply, *CODE) == ["".join(CODE)]
    assert "Look:\n\n```py\nx = 1" in [text.rstrip() for text in shown(reply)]


@pytest.mark.parametrize("editable", [True, False])
@pytest.mark.parametrize("end", ["x = 1", "x = 1\n", "x = 1 ", "x = 1\n\n", "x = 1\n  "])
@on_virtual_clock
async def test_a_code_block_that_the_model_never_closed_is_closed_at_the_end(
    end: str, editable: bool
) -> None:
    """Also where the page only grows: the reply refuses a page that does not begin with what it showed."""
    (page,) = await delivered(a_reply(editable=editable), "```py\n", end)
    assert page.startswith("```py\nx = 1")
    assert page.endswith("\n```")


@pytest.mark.parametrize("editable", [True, False])
@on_virtual_clock
async def test_a_code_block_on_a_page_that_grows_too_old_is_closed_and_goes_on(editable: bool) -> None:
    """As at the end of a full page."""
    lines = [f"line_{number} = {number}\n" for number in range(12)]
    pages = await delivered(a_reply(max_age=5.0, editable=editable), "```py\n", *lines, "```", every=1.0)
    assert len(pages) > 1
    assert all(page.startswith("```py\n") and page.endswith("\n```") for page in pages)


@on_virtual_clock
async def test_a_code_block_goes_on_in_a_code_block_on_the_next_page() -> None:
    """Each page closes what it leaves open, and the next one opens it again."""
    lines = [f"line_{number} = {number}\n" for number in range(12)]
    pages = await delivered(a_reply(limit=60), "```py\n", *lines, "```")
    assert len(pages) > 2
    assert all(page.startswith("```py\n") and page.endswith("\n```") for page in pages)
    code = "\n".join(page.removeprefix("```py\n").removesuffix("\n```") for page in pages)
    assert code.split("\n") == [line.rstrip() for line in lines]


# ---- more than the pages hold -----------------------------------------------------------------------


@pytest.mark.parametrize("pieces", [[f"{word} " for word in LONG], [" ".join(LONG)]])
@pytest.mark.parametrize("editable", [True, False])
@on_virtual_clock
async def test_an_answer_beyond_its_last_page_is_attached_whole(editable: bool, pieces: list[str]) -> None:
    """The last page says where the rest is; the file stands behind it and holds all of the text."""
    reply = a_reply(limit=300, max_pages=2, editable=editable)
    pages = await delivered(reply, *pieces)
    assert len(pages) == 2
    assert pages[1].endswith(NOTE)
    assert NOTE not in pages[0]
    assert 30 < len(words_of(pages)) < 200
    assert words_of(pages) == LONG[: len(words_of(pages))]
    assert reply.attached[ANSWER_FILE].split() == LONG
    verbs = [call.verb for call in reply.calls if call.page != 0]
    assert verbs[0] == "write", "the file stands behind the last page"
    assert verbs.count("attach") == 1


@pytest.mark.parametrize("editable", [True, False])
@pytest.mark.parametrize("missing", [0, 1, 20, 60])
@on_virtual_clock
async def test_an_answer_that_fills_its_last_page_needs_no_file(missing: int, editable: bool) -> None:
    """No room is lost for a sentence that nobody needs."""
    reply = a_reply(limit=200, max_pages=1, editable=editable)
    text = ("word " * 40)[: 199 - missing] + "."
    assert await delivered(reply, *(text[at : at + 7] for at in range(0, 200, 7))) == [text]
    assert not reply.attached


@pytest.mark.parametrize("editable", [True, False])
@on_virtual_clock
async def test_where_no_file_can_be_sent_the_text_goes_on_in_pages(editable: bool) -> None:
    """Nothing is lost, and no page promises a file that is not there."""
    reply = a_reply(limit=300, max_pages=2, editable=editable, faults=always(DEAD, "attach"))
    pages = await delivered(reply, *(f"{word} " for word in LONG))
    assert words_of(pages) == LONG
    assert not any("answer.md" in page for page in pages)
    assert not reply.attached


@on_virtual_clock
async def test_a_file_that_fails_once_is_sent_again() -> None:
    """It is the only place where the whole answer stands."""
    reply = a_reply(limit=300, max_pages=2, faults=script(LOST, Fault("limited", 5), VANISHED, verb="attach"))
    await delivered(reply, *(f"{word} " for word in LONG))
    assert reply.attached[ANSWER_FILE].split() == LONG


@on_virtual_clock
async def test_a_last_page_that_grows_too_old_says_where_the_rest_is() -> None:
    """The rest is in the file, as where the page had been full."""
    reply = a_reply(limit=300, max_pages=1, max_age=10.0, editable=False, pace=1.0)
    pages = await delivered(reply, *(f"{word} " for word in LONG), every=0.2)
    assert len(pages) == 1
    assert reply.attached[ANSWER_FILE].split() == LONG


# ---- when something fails ---------------------------------------------------------------------------


@on_virtual_clock
async def test_what_was_added_is_shown_when_the_model_fails() -> None:
    """The words that came stand, all of them, and the error goes on."""
    reply = a_reply(pace=SLOW)

    async def answer() -> None:
        async with delivery_to(reply) as delivery:
            delivery.add("Half an ans")
            raise BackendFailed("cut")

    with pytest.raises(BackendFailed):
        await answer()
    assert reply.pages == ["Half an ans"]
    assert reply.writes[-1].final


async def is_cancelled_in_mid_answer(reply: TranscriptReply) -> None:
    """An answer is cancelled when half of it was said, and ends as cancelled."""

    async def answer() -> None:
        async with delivery_to(reply) as delivery:
            delivery.add("Half an ans")
            await asyncio.Event().wait()

    answering = asyncio.create_task(answer())
    await asyncio.sleep(MOMENT)
    answering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await answering


@on_virtual_clock
async def test_what_was_added_is_shown_when_the_task_is_cancelled() -> None:
    """Stop keeps the words that came."""
    reply = a_reply(pace=SLOW)
    await is_cancelled_in_mid_answer(reply)
    assert reply.pages == ["Half an ans"]
    assert reply.writes[-1].final


@pytest.mark.parametrize("fault", [Fault("slow", SLOW), LOST, Fault("limited", 30.0)])
@on_virtual_clock
async def test_a_cancelled_delivery_does_not_wait_long_for_a_platform_that_fails(fault: Fault) -> None:
    """A worker that has to go home goes home."""
    await is_cancelled_in_mid_answer(a_reply(faults=always(fault)))
    assert asyncio.get_running_loop().time() < LAST_WRITE + 1


@on_virtual_clock
async def test_a_delivery_that_is_cancelled_while_it_ends_does_not_hang() -> None:
    """A platform that takes no more writes cannot keep a worker from going home."""
    reply = a_reply(faults=always(Fault("slow", SLOW)))

    async def answer() -> None:
        async with delivery_to(reply) as delivery:
            delivery.add("Hello there.")

    answering = asyncio.create_task(answer())
    await asyncio.sleep(MOMENT)
    answering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await answering
    assert asyncio.get_running_loop().time() < LAST_WRITE + 1
    await asyncio.sleep(2 * SLOW)
    assert not reply.writes


@on_virtual_clock
async def test_a_failing_platform_is_told_by_check() -> None:
    """Nobody waits for a model whose words cannot be shown."""
    reply = a_reply(faults=always(DEAD))
    told: list[pytest.ExceptionInfo[PlatformError]] = []

    async def answer() -> None:
        async with delivery_to(reply) as delivery:
            delivery.check()
            delivery.add("Hello there. ")
            await asyncio.sleep(MOMENT)
            with pytest.raises(PlatformError, match="gone") as error:
                delivery.check()
            told.append(error)

    with pytest.raises(PlatformError, match="gone"):
        await answer()
    assert told


@on_virtual_clock
async def test_a_failing_platform_is_told_on_leaving() -> None:
    """An answer that could not be shown to its end is not taken for delivered."""
    with pytest.raises(PlatformError, match="gone"):
        async with delivery_to(a_reply(faults=always(DEAD))) as delivery:
            delivery.add("Hello there.")


@pytest.mark.parametrize("fault", [LOST, VANISHED, Fault("limited"), Fault("limited", 3.0)])
@on_virtual_clock
async def test_a_write_that_is_not_the_last_may_fail(fault: Fault) -> None:
    """It is forgotten: the next one shows more, later than the pace alone would have it."""
    reply = a_reply(pace=1.0, faults=script(NONE, fault))
    await delivered(reply, *(f"{word} " for word in ONE_TO_TEN.split()), every=0.5)
    assert words_of(reply.pages) == ONE_TO_TEN.split()
    failed, after = reply.calls[1:3]
    assert after.at - failed.at >= max(1.6, fault.seconds or 0.0)
    assert len(after.text) > len(failed.text)


@on_virtual_clock
async def test_a_first_write_that_fails_is_made_again_without_more_text() -> None:
    """Where the model pauses, people still see its first words."""
    reply = a_reply(pace=1.0, faults=script(LOST))
    async with delivery_to(reply) as delivery:
        delivery.add("Hello there, ")
        await asyncio.sleep(5)
        assert words_of(reply.pages) == ["Hello", "there,"]


@pytest.mark.parametrize(
    "fault", [LOST, VANISHED, Fault("limited"), Fault("limited", 10.0), Fault("slow", 60)]
)
@on_virtual_clock
async def test_the_last_write_of_a_page_is_tried_again(fault: Fault) -> None:
    """Whatever became of the write before, the page stands once and whole."""
    reply = a_reply(pace=SLOW, faults=script(NONE, fault, fault))
    assert await delivered(reply, "Hello ", "there, ", "friend.") == ["Hello there, friend."]
    first, second, third = (call.at for call in reply.calls[1:])
    assert min(second - first, third - second) >= (fault.seconds or 0.0) * (fault.kind == "limited")


@pytest.mark.parametrize("fault", [LOST, Fault("limited", 10.0), Fault("slow", SLOW)])
@on_virtual_clock
async def test_a_platform_that_takes_nothing_for_long_is_an_error(fault: Fault) -> None:
    """Nobody waits for ever: what could not be delivered is told."""
    with pytest.raises(PlatformError):
        await delivered(a_reply(faults=always(fault)), "Hello there.")
    assert PATIENCE <= asyncio.get_running_loop().time() < 2 * PATIENCE


@on_virtual_clock
async def test_what_the_platform_asks_for_counts_for_the_last_write_too() -> None:
    """Where it said for how long it wants nothing, it is not asked before."""
    reply = a_reply(pace=1.0, faults=script(NONE, Fault("limited", 30.0)))
    await delivered(reply, "Hello ", "there, ", "friend.", every=1.0)
    assert [call.at for call in reply.calls][-1] == pytest.approx(31.0)


# ---- pages that take no more ------------------------------------------------------------------------


@pytest.mark.parametrize("editable", [True, False])
@on_virtual_clock
async def test_behind_a_page_that_takes_no_more_the_text_goes_on(editable: bool) -> None:
    """From exactly where it stands: each word stands once."""
    reply = a_reply(editable=editable, faults=script(NONE, NONE, CLOSED))
    pages = await delivered(reply, *(f"{word} " for word in ONE_TO_TEN.split()))
    assert [page.split() for page in pages] == [ONE_TO_TEN.split()[:2], ONE_TO_TEN.split()[2:]]


@on_virtual_clock
async def test_the_last_write_of_a_page_that_takes_no_more_goes_to_the_next() -> None:
    """Also where nothing is left but what was said after the last write."""
    reply = a_reply(pace=SLOW, faults=script(NONE, CLOSED))
    pages = await delivered(reply, "Hello ", "there, ", "friend.")
    assert [page.split() for page in pages] == [["Hello"], ["there,", "friend."]]


@on_virtual_clock
async def test_a_page_that_is_refused_before_anything_stands_is_tried_as_the_next() -> None:
    """One message that cannot be opened does not end an answer."""
    reply = a_reply(faults=script(CLOSED))
    assert words_of(await delivered(reply, "Hello ", "there.")) == ["Hello", "there."]
    assert [message.page for message in reply.standing] == [1]


@on_virtual_clock
async def test_a_platform_that_refuses_every_page_is_an_error() -> None:
    """After two pages nobody believes in a third."""
    reply = a_reply(faults=always(CLOSED, "write"))
    with pytest.raises(PageClosed):
        await delivered(reply, "Hello ", "there.")
    assert len(reply.calls) == 2


@on_virtual_clock
async def test_where_nobody_knows_what_a_closed_page_shows_nothing_is_lost() -> None:
    """A write that was never answered may stand there: better twice than not at all."""
    reply = a_reply(faults=script(NONE, VANISHED, CLOSED))
    pages = await delivered(reply, *(f"{word} " for word in ONE_TO_TEN.split()), every=1.0)
    assert [page.split() for page in pages] == [ONE_TO_TEN.split()[:2], ONE_TO_TEN.split()[1:]]


# ---- several replies at once ------------------------------------------------------------------------


async def side_by_side(replies: Sequence[TranscriptReply], seconds: float) -> None:
    """Answers that run at the same time for so long, in one process."""
    paces = Paces()

    async def answer(reply: TranscriptReply) -> None:
        async with delivery_to(reply, paces) as delivery:
            for _ in range(round(seconds / 0.1)):
                delivery.add("word ")
                await asyncio.sleep(0.1)

    async with asyncio.TaskGroup() as group:
        for reply in replies:
            group.create_task(answer(reply))
    assert not paces.buckets


def growing(reply: TranscriptReply) -> list[Call]:
    """The writes that were not the last one of their page."""
    return [call for call in reply.calls if not call.final]


@on_virtual_clock
async def test_replies_of_one_bucket_share_its_pace() -> None:
    """Together they are as fast as one alone, and each has its share."""
    platform = Transcript(PageProfile(None, pace=1.0, bucket="channel C1"), rate=1.0)
    replies = [platform.reply(replace(MESSAGE, id=f"M{n}"), FakeLedger()) for n in range(4)]
    await side_by_side(replies, seconds=60)
    assert all(13 <= len(growing(reply)) <= 17 for reply in replies)
    times = sorted(call.at for reply in replies for call in growing(reply))
    assert all(after - before > 0.99 for before, after in pairwise(times))


@on_virtual_clock
async def test_replies_of_different_buckets_do_not_wait_for_each_other() -> None:
    """Each has the whole pace for itself, as has one whose profile names no bucket."""
    replies = [a_reply(pace=1.0, bucket=bucket) for bucket in ("C1", "C2", "", "")]
    await side_by_side(replies, seconds=60)
    assert all(60 <= len(growing(reply)) <= 61 for reply in replies)


# ---- stop strings -----------------------------------------------------------------------------------


@pytest.mark.parametrize("stop", AIROBOROS.stop)
@pytest.mark.parametrize("length", [1, 2, 3, 5, 100])
@on_virtual_clock
async def test_nothing_of_a_stop_string_is_ever_shown(stop: str, length: int) -> None:
    """Not for a moment, in however many pieces it comes; what stands before it is shown whole."""
    said = f" Llamas hum softly.{stop} And what about alpacas? They hum too."
    reply = a_reply()
    draft = Draft(AIROBOROS.stop, cited=False)
    async with delivery_to(reply) as delivery:
        for at in range(0, len(said), length):
            delivery.add(draft.feed(said[at : at + length]))
            await asyncio.sleep(MOMENT)
        delivery.add(draft.close())
    assert reply.pages == ["Llamas hum softly."]
    assert all("Llamas hum softly.".startswith(text) for text in shown(reply))
