"""A growing text on its way to the pages of a reply, which refuses what its platform forbids."""

import asyncio
from itertools import pairwise
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.delivery import Delivery
from core.errors import BackendFailed, PlatformError
from core.types import PageProfile
from tests.fakes import DEADLINE, FakeReply, Write

SLOW = 3600.0
"""A pace that no test lives to see."""


def a_reply(limit: int | None = None, *, editable: bool = True, pace: float = 0.0) -> FakeReply:
    """A reply whose pages hold `limit` characters."""
    return FakeReply(PageProfile(limit, editable=editable, pace=pace))


async def delivered(reply: FakeReply, *pieces: str) -> list[str]:
    """The pages of a text that came in these pieces, each given time to be shown by itself."""
    async with Delivery(reply, reply) as delivery:
        for piece in pieces:
            delivery.add(piece)
            await a_moment()
    return reply.pages


async def a_moment() -> None:
    """Let everything run that can run now."""
    for _ in range(10):
        await asyncio.sleep(0)


# ---- when something is written ----------------------------------------------------------------------


async def test_the_first_whole_word_is_shown_at_once() -> None:
    """However slow the pace, nobody waits for the first word, and half a word is never shown."""
    reply = a_reply(pace=SLOW)
    async with Delivery(reply, reply) as delivery:
        delivery.add("Hel")
        await a_moment()
        assert not reply.writes
        delivery.add("lo the")
        await reply.until(lambda: bool(reply.writes))
        assert reply.pages == ["Hello "]


async def test_later_writes_keep_the_pace() -> None:
    """What follows the first write waits for its time, however much it is."""
    reply = a_reply(pace=SLOW)
    async with Delivery(reply, reply) as delivery:
        delivery.add("Hello ")
        await reply.until(lambda: bool(reply.writes))
        for _ in range(5):
            delivery.add("and so on ")
            await a_moment()
        assert len(reply.writes) == 1


async def test_the_pace_does_not_hold_up_the_end() -> None:
    """The last write follows the end of the answer at once, and only once."""
    reply = a_reply(pace=SLOW)
    assert await delivered(reply, "Hello ", "there, ", "friend.") == ["Hello there, friend."]
    assert [write.final for write in reply.writes] == [False, True]


async def test_without_a_pace_each_word_is_shown_as_it_comes() -> None:
    """The page grows word by word."""
    reply = a_reply()
    await delivered(reply, "One ", "two ", "three.")
    assert [write.markdown for write in reply.writes] == ["One ", "One two ", "One two three."]
    assert [write.final for write in reply.writes] == [False, False, True]


async def test_a_script_without_spaces_grows_too() -> None:
    """Where words are not told apart by spaces, nobody waits for the end of the answer."""
    reply = a_reply()
    async with Delivery(reply, reply) as delivery:
        for piece in "新入社員は初年度に二十四日の有給休暇を取得できます。三年目以降は二十八日です。":
            delivery.add(piece)
            await a_moment()
        assert len(reply.writes) > 3


async def test_the_newest_text_wins_and_nothing_queues() -> None:
    """Whatever came while the platform was slow is shown by one write."""
    reply = a_reply()
    async with Delivery(reply, reply) as delivery:
        delivery.add("One ")
        await reply.until(lambda: len(reply.writes) == 1)
        reply.gate.clear()
        delivery.add("two ")
        await a_moment()  # this write waits at the gate
        for word in ("three ", "four ", "five "):
            delivery.add(word)
            await a_moment()
        reply.gate.set()
        await reply.until(lambda: len(reply.writes) == 3)
        assert [write.markdown for write in reply.writes] == ["One ", "One two ", "One two three four five "]


async def test_a_text_without_a_word_is_not_shown() -> None:
    """No platform accepts an empty page."""
    reply = a_reply(limit=20)
    assert await delivered(reply, " ", "\n\n", " " * 50) == []


# ---- pages ------------------------------------------------------------------------------------------


async def test_a_text_beyond_the_limit_goes_on_with_the_next_page() -> None:
    """Each page is written for the last time when it is full, and the words go on behind it."""
    reply = a_reply(limit=20)
    words = "one two three four five six seven eight nine ten".split()
    pages = await delivered(reply, *(f"{word} " for word in words))
    assert len(pages) > 2
    assert " ".join(pages).split() == words
    assert [write.page for write in reply.writes if write.final] == list(range(len(pages)))


async def test_a_page_may_change_its_limit_while_the_answer_runs() -> None:
    """The profile is read again before each page, since a fallback may change it."""
    reply = a_reply(limit=1000)
    async with Delivery(reply, reply) as delivery:
        delivery.add("one two three ")
        await reply.until(lambda: bool(reply.writes))
        reply.profile = PageProfile(limit=20, pace=0.0)
        delivery.add("four five six seven eight")
    assert " ".join(reply.pages).split() == "one two three four five six seven eight".split()


async def test_the_ledger_knows_of_each_page_before_the_platform_does() -> None:
    """A page that may stand is never unknown: the intent comes before its first write, and once."""
    reply = a_reply(limit=20)
    pages = await delivered(reply, "one two three four five six seven eight nine ten")
    assert [deed for deed in reply.did if isinstance(deed, int)] == list(range(len(pages)))
    for before, deed in pairwise([None, *reply.did]):
        if isinstance(deed, Write) and not (isinstance(before, Write) and before.page == deed.page):
            assert before == deed.page


async def test_every_write_leaves_a_checkpoint() -> None:
    """The text up to now is kept with each write, so that a worker who takes over knows it."""
    reply = a_reply(limit=20)
    await delivered(reply, "one two three ", "four five six ", "seven eight nine")
    assert len(reply.checkpoints) == len(reply.writes)
    assert reply.checkpoints[-1] == "one two three four five six seven eight nine"


PROSE = st.text(st.characters(exclude_characters="`~", exclude_categories=["Cs"]), max_size=40)
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
    """What may not be lost of a text: all but white space and the lines that open or close code."""
    lines = (line for line in text.split("\n") if not line.startswith(("```", "~~~")))
    return "".join("".join(lines).split())


@settings(max_examples=150, deadline=None)
@given(PIECES, st.sampled_from([100, 150, 300]), st.sampled_from(["code_points", "utf8_bytes"]))
def test_any_text_fits_its_pages_and_none_of_it_is_lost(
    pieces: list[str], limit: int, measure: Literal["code_points", "utf8_bytes"]
) -> None:
    """The reply refuses pages that are empty, too long or sealed; its pages tell what the pieces told."""
    reply = FakeReply(PageProfile(limit, measure, pace=0.0))
    asyncio.run(delivered(reply, *pieces))
    assert "".join(map(told, reply.pages)) == told("".join(pieces))


# ---- code blocks ------------------------------------------------------------------------------------

CODE = ("Look:\n\n", "```py\n", "x = 1\n", "y = 2\n", "```\n", "Done.")


async def test_where_pages_can_be_edited_an_open_code_block_is_closed_for_display() -> None:
    """Half a code block would swallow what the platform shows below it."""
    reply = a_reply()
    assert await delivered(reply, *CODE) == ["".join(CODE)]
    assert "Look:\n\n```py\nx = 1\n```" in [write.markdown for write in reply.writes]
    assert all(write.markdown.count("```") % 2 == 0 for write in reply.writes)


async def test_where_pages_only_grow_no_code_block_is_closed_early() -> None:
    """What was written there stands, so a closing fence would cut the block in two."""
    reply = a_reply(editable=False)
    assert await delivered(reply, *CODE) == ["".join(CODE)]
    assert "Look:\n\n```py\nx = 1\n" in [write.markdown for write in reply.writes]


@pytest.mark.parametrize("editable", [True, False])
@pytest.mark.parametrize("end", ["x = 1", "x = 1\n", "x = 1 ", "x = 1\n\n", "x = 1\n  "])
async def test_a_code_block_that_the_model_never_closed_is_closed_at_the_end(
    end: str, editable: bool
) -> None:
    """Also where the page only grows: the reply refuses a page that does not begin with what it showed."""
    (page,) = await delivered(a_reply(editable=editable), "```py\n", end)
    assert page.startswith("```py\nx = 1")
    assert page.endswith("\n```")


async def test_a_code_block_goes_on_in_a_code_block_on_the_next_page() -> None:
    """Each page closes what it leaves open, and the next one opens it again."""
    lines = [f"line_{number} = {number}\n" for number in range(12)]
    pages = await delivered(a_reply(limit=60), "```py\n", *lines, "```")
    assert len(pages) > 2
    assert all(page.startswith("```py\n") and page.endswith("\n```") for page in pages)
    code = "\n".join(page.removeprefix("```py\n").removesuffix("\n```") for page in pages)
    assert code.split("\n") == [line.rstrip() for line in lines]


# ---- when something fails ---------------------------------------------------------------------------


async def test_what_was_added_is_shown_when_the_model_fails() -> None:
    """The words that came stand, all of them, and the error goes on."""
    reply = a_reply(pace=SLOW)

    async def answer() -> None:
        async with Delivery(reply, reply) as delivery:
            delivery.add("Half an ans")
            raise BackendFailed("cut")

    with pytest.raises(BackendFailed):
        await answer()
    assert reply.pages == ["Half an ans"]
    assert reply.writes[-1].final


async def test_what_was_added_is_shown_when_the_task_is_cancelled() -> None:
    """Stop keeps the words that came."""
    reply = a_reply(pace=SLOW)

    async def answer() -> None:
        async with Delivery(reply, reply) as delivery:
            delivery.add("Half an ans")
            await asyncio.Event().wait()

    answering = asyncio.create_task(answer())
    await a_moment()
    answering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await answering
    assert reply.pages == ["Half an ans"]
    assert reply.writes[-1].final


async def test_a_failing_platform_is_told_by_check() -> None:
    """Nobody waits for a model whose words cannot be shown."""
    reply = a_reply()
    reply.failure = PlatformError("gone")
    told: list[pytest.ExceptionInfo[PlatformError]] = []

    async def answer() -> None:
        async with Delivery(reply, reply) as delivery:
            delivery.check()
            delivery.add("Hello there. ")
            await a_moment()
            with pytest.raises(PlatformError, match="gone") as error:
                delivery.check()
            told.append(error)

    with pytest.raises(PlatformError, match="gone"):
        await answer()
    assert told


async def test_a_failing_platform_is_told_on_leaving() -> None:
    """An answer that could not be shown to its end is not taken for delivered."""
    reply = a_reply()
    reply.failure = PlatformError("gone")
    with pytest.raises(PlatformError, match="gone"):
        async with Delivery(reply, reply) as delivery:
            delivery.add("Hello there.")


async def test_a_delivery_that_is_cancelled_while_it_ends_does_not_hang() -> None:
    """A platform that takes no more writes cannot keep a worker from going home."""
    reply = a_reply()
    reply.gate.clear()

    async def answer() -> None:
        async with Delivery(reply, reply) as delivery:
            delivery.add("Hello there.")

    answering = asyncio.create_task(answer())
    await a_moment()
    answering.cancel()
    async with asyncio.timeout(DEADLINE):
        with pytest.raises(asyncio.CancelledError):
            await answering
    reply.gate.set()
    await a_moment()
    assert not reply.writes
