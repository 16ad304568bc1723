"""A worker is killed at every step of an answer, and the next one goes on: one answer, whole and single."""

import asyncio
import itertools
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from adapters.search import LexicalIndex
from adapters.terminal import Terminal
from core.assistant import SUMMARISE, Assistant
from core.delivery import LAST_WRITE
from core.errors import BackendUnavailable, LeaseLost, StoreError, StreamBroken
from core.library import Library
from core.paging import NOTE
from core.policy import Policy
from core.transcript import LOST, NONE, VANISHED, Call, Fault, Transcript, TranscriptReply, always
from core.types import (
    Checkpoint,
    Delta,
    Grounding,
    Outcome,
    PageProfile,
    Sampling,
)
from tests.clock import on_virtual_clock
from tests.clock import run as in_virtual_time
from tests.core.house import MESSAGE, POLICY, WIDE, House, MortalLease
from tests.core.mortal import Life
from tests.fakes import FakeBackend, Says, TextExtractor, continuing, said_before, saying

ANSWER = """ The crew of the harbour office keeps **one handbook for all of its boats**, and reads it \
aloud on Mondays. It says first what is to be done before a tug leaves:

- Look at the oil, and write down how much of it there is in the book that hangs beside the door.
- Call the watch on channel twelve, and wait until somebody says the name of the tug.
- Loosen the lines from stern to bow, unless the wind comes from the north.
- Count everybody.

Whoever forgets the last one can let a machine do it:

```PY
from harbour import crew, tug

def leaves(boat, people):
    missing = [name for name in crew(boat) if name not in people]
    if missing:
        raise SystemExit(f"still ashore {missing}")
    boat.whistle(seconds=5)
    return boat.loosen(lines=["stern", "spring", "bow"])

leaves(tug("Paloma"), people=input().split())
```

Then comes what is to be done at sea, which is **much less than one would think, because nearly all of it \
is waiting**: for the tide, for the pilot, for larger ships and for the coffee.

1. Keep to starboard in the channel.
2. Answer every lamp with a lamp.

That is all there is in it, but for the songs at its end."""

PROFILES = {
    "pages that can be edited": PageProfile(300, pace=1.0),
    "pages that only grow": PageProfile(300, editable=False, pace=1.0),
    "pages that grow old": PageProfile(300, pace=0.5, max_age=4.0),
    "pages that only grow, and grow old": PageProfile(300, editable=False, pace=0.5, max_age=4.0),
    "one page": PageProfile(None, editable=False, pace=1.0),
    "a file behind the last page": PageProfile(300, pace=1.0, max_pages=2),
    "a file, where pages only grow": PageProfile(300, editable=False, pace=1.0, max_pages=2),
    "a file behind a page that grew old": PageProfile(300, pace=1.0, max_pages=1, max_age=3.0),
}


def told(text: str) -> str:
    """What a text tells, without the signs and lines that only frame it."""
    return re.sub(r"[^a-z]", "", text.replace(NOTE, ""))


def a_house(profile: PageProfile, says: Says | None = None, **more: Any) -> House:
    """A house whose model says `ANSWER` at eighty characters a second."""
    return House(Transcript(profile), says or continuing(ANSWER, piece=16, pause=0.2), **more)


def seen(reply: TranscriptReply) -> str:
    """What the answer tells: on its pages, or in its file where they do not hold it."""
    return told("".join(reply.attached.values() or reply.pages))


def must_be_as(house: House, undisturbed: House, *, pages: bool) -> None:
    """What came of the answer is what comes of it where nobody dies, with `pages` page by page."""
    reply, other = house.reply, undisturbed.reply
    numbers = [message.page for message in reply.standing]
    assert numbers == sorted(set(numbers)), "no page stands twice"
    assert seen(reply) == seen(other)
    assert seen(reply).startswith(told("".join(reply.pages)))
    assert not pages or reply.pages == other.pages
    assert reply.attached == other.attached
    assert len(reply.outcomes) == 1
    (outcome,), (expected,) = reply.outcomes, other.outcomes
    assert (outcome.kind, outcome.why, outcome.answer) == (expected.kind, expected.why, expected.answer)
    assert (outcome.citations, outcome.left_out) == (expected.citations, expected.left_out)
    assert house.ended == undisturbed.ended
    assert all(message.sealed or message.closed for message in reply.standing)


# ---- killed at every step ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", PROFILES)
def test_wherever_a_worker_dies_the_next_one_ends_the_answer(name: str) -> None:
    """Each text, page and file stands once, and the outcome is the same; page by page where nothing ages."""
    profile = PROFILES[name]
    undisturbed, calls = _undisturbed(profile)
    for last in range(1, calls + 1):
        house = in_virtual_time(_killed(profile, last))
        must_be_as(house, undisturbed, pages=profile.max_age is None)
        assert house.attempts == 2


@pytest.mark.parametrize("name", PROFILES)
def test_wherever_two_workers_die_the_third_one_ends_the_answer(name: str) -> None:
    """Also where the second one dies before it has done anything that the first one had not."""
    profile = PROFILES[name]
    undisturbed, calls = _undisturbed(profile)
    for last in range(2, calls + 1):
        house = in_virtual_time(_killed(profile, last, 2 + last % 7))
        must_be_as(house, undisturbed, pages=profile.max_age is None)


def _undisturbed(profile: PageProfile, **more: Any) -> tuple[House, int]:
    """The house in which nobody dies, and how many calls that takes."""
    return in_virtual_time(_lives(profile, **more))


async def _lives(profile: PageProfile, **more: Any) -> tuple[House, int]:
    house, life = a_house(profile, **more), Life()
    await house.works(life)
    return house, life.calls


async def _killed(profile: PageProfile, *lasts: int, pause: float = 0.0, **more: Any) -> House:
    """A house in which workers die before their calls with these numbers, and then one lives.

    After each death nobody comes for `pause` seconds.
    """
    house = a_house(profile, **more)
    for last in lasts:
        await house.is_killed(last)
        await asyncio.sleep(pause)
    if not house.ended:
        await house.works()
    return house


@pytest.mark.parametrize("name", ["pages that grow old", "pages that only grow, and grow old"])
def test_behind_a_page_that_was_closed_while_nobody_worked_the_text_goes_on(name: str) -> None:
    """From exactly where it stands, also where its last write never arrived."""
    profile = PROFILES[name]
    undisturbed, calls = _undisturbed(profile)
    for last in range(1, calls + 1):
        must_be_as(in_virtual_time(_killed(profile, last, pause=60.0)), undisturbed, pages=False)


@on_virtual_clock
async def test_a_code_block_that_was_left_open_is_closed_where_its_page_grows_old() -> None:
    """Also where nothing more was said of it to the next worker, and the page cannot be edited."""
    inside = ANSWER.index("    if missing")

    async def says(prompt: str) -> AsyncGenerator[str, None]:
        at = said_before(prompt, ANSWER)
        if at < inside:
            yield ANSWER[at:inside]
            await asyncio.sleep(1)
            yield ""  # whoever was killed is told so
        await asyncio.sleep(60)
        yield ANSWER[max(at, inside) :]

    house = a_house(PageProfile(None, editable=False, max_age=30.0), says)
    await house.is_killed(3)
    assert house.reply.pages[0].count("```") == 1
    await house.works()
    assert [page.count("```") for page in house.reply.pages] == [2, 2]
    assert seen(house.reply) == told(ANSWER)


@pytest.mark.parametrize("fault", [LOST, VANISHED, Fault("limited", 3.0)])
@pytest.mark.parametrize("name", ["pages that can be edited", "a file, where pages only grow"])
def test_the_next_worker_may_meet_faults_too(name: str, fault: Fault) -> None:
    """A platform that refuses or forgets every third call makes no page stand twice either."""
    profile = PROFILES[name]
    undisturbed, calls = _undisturbed(profile)

    async def killed(last: int) -> House:
        house = a_house(profile)
        await house.is_killed(last)
        seen: list[Call] = []

        def every_third(call: Call) -> Fault:
            seen.append(call)
            return fault if len(seen) % 3 == 1 else NONE

        house.platform.faults = every_third
        if not house.ended:
            await house.works()
        return house

    for last in range(2, calls + 1, 2):
        must_be_as(in_virtual_time(killed(last)), undisturbed, pages=profile.editable)


# ---- what is asked of the model ----------------------------------------------------------------------

EDITED = PROFILES["pages that can be edited"]


@on_virtual_clock
async def test_the_model_is_asked_for_what_it_did_not_say_yet() -> None:
    """Behind the prompt and its own words, with the tokens that are left, at the replica of the new lease."""
    house = a_house(EDITED)
    await house.is_killed(20)
    said = house.noted.text
    assert 100 < len(said) < len(ANSWER)
    await house.works()
    first, second = house.backend.prompts
    assert (first[-10:], second) == ("ASSISTANT:", first + said)
    assert said.startswith(" The crew")
    assert [asked.max_new_tokens for asked in house.backend.params] == [2048, 2048 - len(said)]
    assert [asked.replica for asked in house.backend.params] == ["gpu-1", "gpu-2"]
    assert len(house.reply.statuses) == 1, "where text stands nobody is told that we think"


@on_virtual_clock
async def test_where_only_a_status_was_shown_the_answer_begins_anew() -> None:
    """Nothing stands, so nothing is gone on with."""
    house = a_house(EDITED)
    await house.is_killed(1)
    assert (house.reply.statuses, house.reply.pages) == (["Thinking …"], [])
    await house.works()
    assert told("".join(house.reply.pages)) == told(ANSWER)
    assert house.backend.prompts[0] == house.backend.prompts[1]


def test_a_model_that_ended_is_not_asked_again() -> None:
    """Whatever is left to be written: pages, the file or only the end."""

    async def killed(last: int) -> House:
        house = a_house(PROFILES["a file behind the last page"], saying(ANSWER))
        await house.is_killed(last)
        if not house.ended:
            await house.works()
        return house

    for last in range(3, 16):
        house = in_virtual_time(killed(last))
        assert len(house.backend.prompts) == 1
        assert (house.reply.outcomes[0].kind, len(house.reply.attached)) == ("answered", 1)


@on_virtual_clock
async def test_what_was_held_back_of_a_model_that_ended_is_shown_by_the_next_worker() -> None:
    """The end of a stream can be noted before what it held back was shown."""

    class Drains(FakeBackend):
        async def stream(self, prompt: str, params: Sampling) -> AsyncGenerator[Delta, None]:
            async with aclosing(super().stream(prompt, params)) as deltas:
                async for delta in deltas:
                    yield delta
            await asyncio.sleep(5)

    house = a_house(EDITED)
    house.backend = Drains(saying(" One two", " three <", "/"), WIDE)
    await house.is_killed(2)
    assert (house.noted.shown, bool(house.noted.ended)) == ("One two three", True)
    outcome = await house.works()
    assert (outcome.kind, outcome.answer, house.reply.pages) == (
        "answered",
        "One two three </",
        ["One two three </"],
    )
    assert len(house.backend.prompts) == 1


@on_virtual_clock
async def test_an_answer_that_reached_its_length_before_ends_by_it() -> None:
    """There is no token left to ask for."""
    house = a_house(EDITED)
    await house.is_killed(20)
    shown = house.noted.shown
    house.policy = Policy(profile="airoboros_v2", max_new_tokens=len(house.noted.text))
    outcome = await house.works()
    assert (outcome.kind, outcome.finish_reason, outcome.answer) == ("partial", "length", shown.strip())
    assert len(house.backend.prompts) == 1


@on_virtual_clock
async def test_an_end_that_people_may_have_seen_does_not_change() -> None:
    """A failure stays the failure that it was, though the model could answer by now."""
    for last in range(1, 6):
        house = a_house(EDITED, saying(BackendUnavailable("gone")))
        await house.is_killed(last)
        house.backend = FakeBackend(saying(" Here I am."), WIDE)
        outcome = house.reply.outcomes[0] if house.ended else await house.works()
        seen = last > 1
        assert outcome.kind == ("failed" if seen else "answered")
        assert house.reply.outcomes == [outcome]
        assert len(house.ended) == 1


def test_a_stream_that_broke_is_not_mended_by_the_next_worker() -> None:
    """The answer ends where it broke, with the same sentence, wherever its worker died behind that."""

    def breaks() -> Says:
        return saying(*re.findall(r".{1,60}", ANSWER[:300], re.DOTALL), StreamBroken("cut"))

    undisturbed, calls = _undisturbed(EDITED, says=breaks())
    assert undisturbed.reply.outcomes[0].why == StreamBroken.advice
    for last in range(4, calls + 1):
        must_be_as(in_virtual_time(_killed(EDITED, last, says=breaks())), undisturbed, pages=True)


# ---- where nobody can go on --------------------------------------------------------------------------

INTERRUPTED_WHY = "The answer was interrupted, so it stops here. Ask again for the rest."


def must_end_where_it_stands(house: House, outcome: Outcome, left: Checkpoint) -> None:
    """A marked part of the answer, which no model was asked to go on with; what was held back may be in."""
    assert (outcome.kind, outcome.why, outcome.finish_reason) == ("partial", INTERRUPTED_WHY, None)
    assert outcome.answer in (left.shown.strip(), left.text.strip())
    assert ANSWER.strip().startswith(outcome.answer)
    assert seen(house.reply) == told(outcome.answer)
    assert all(message.sealed for message in house.reply.standing)
    assert [message.page for message in house.reply.standing] == list(range(len(house.reply.standing)))
    (turn,) = house.ended
    assert turn
    assert (turn.kind, turn.answer) == ("partial", outcome.answer)
    assert house.reply.outcomes == [outcome]
    assert len(house.backend.prompts) == 1


@pytest.mark.parametrize("name", PROFILES)
def test_a_model_that_takes_no_raw_text_ends_as_a_marked_part(name: str) -> None:
    """Also where the worker that marks it dies too."""
    profile = PROFILES[name]
    _, calls = _undisturbed(profile)

    async def killed(last: int, second: int) -> None:
        house = a_house(profile, limits=replace(WIDE, raw_text=False))
        await house.is_killed(last)
        noted = house.noted
        await house.is_killed(second)
        if not house.ended:
            await house.works()
        if not (noted.outcome or noted.ended):
            must_end_where_it_stands(house, house.reply.outcomes[0], noted)

    for last in range(4, calls + 1, 2):
        in_virtual_time(killed(last, 2 + last % 7))


def _fresh(house: House) -> None:
    house.policy = replace(house.policy, persona="Another one.")


def _gone(house: House) -> None:
    house.backend = FakeBackend(house.says, BackendUnavailable("gone"))
    house.backend.prompts.append("")


def _requiring(house: House) -> None:
    house.policy = replace(house.policy, grounding=Grounding.REQUIRE)


def _narrow(house: House) -> None:
    length = len(house.backend.prompts[0]) + len(house.noted.text)
    house.backend = FakeBackend(house.says, replace(WIDE, max_input=length - 1))
    house.backend.prompts.append("")


@pytest.mark.parametrize("change", [_fresh, _gone, _requiring, _narrow])
@pytest.mark.parametrize("name", list(PROFILES)[:5])
def test_what_changed_too_much_ends_as_a_marked_part(name: str, change: Callable[[House], None]) -> None:
    """Another prompt, a model that is away, a refusal, a smaller window: what stands stands, marked."""

    async def killed(last: int) -> None:
        house = a_house(PROFILES[name])
        await house.is_killed(last)
        left = house.noted
        change(house)
        must_end_where_it_stands(house, await house.works(), left)

    for last in range(12, 24):
        in_virtual_time(killed(last))


# ---- stopped, drained, lost --------------------------------------------------------------------------


@pytest.mark.parametrize("name", PROFILES)
def test_a_stop_that_comes_while_nobody_works_ends_what_stands(name: str) -> None:
    """At once: no model is asked, and no word that was shown is lost."""

    async def killed(last: int) -> None:
        house = a_house(PROFILES[name])
        await house.is_killed(last)
        shown = house.noted.shown
        house.stop.set()
        outcome = await house.works()
        assert (outcome.kind, outcome.why, outcome.answer) == ("partial", "Stopped.", shown.strip())
        assert seen(house.reply) == told(shown)
        assert all(message.sealed for message in house.reply.standing)
        assert len(house.backend.prompts) <= 2
        assert house.backend.open == 0

    for last in range(4, 12):
        in_virtual_time(killed(last))


@pytest.mark.parametrize("name", PROFILES)
def test_a_worker_that_goes_home_hands_its_answer_over(name: str) -> None:
    """What was said is shown, nothing ends, and the next worker goes on in the middle of the page."""
    profile = PROFILES[name]
    undisturbed, _ = _undisturbed(profile)

    async def goes_home(after: float) -> None:
        house = a_house(profile)
        working = asyncio.create_task(house.works())
        await asyncio.sleep(after)
        said = house.backend.open
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working
        assert (said, house.backend.open, house.reply.outcomes, house.ended) == (1, 0, [], [])
        if not profile.max_pages:  # what is held back may become a link, or belong to the next page
            assert len(told(house.noted.shown)) - len(told("".join(house.reply.pages))) < 100
        await house.works()
        must_be_as(house, undisturbed, pages=profile.max_age is None and profile.editable)

    for tenths in range(3, 144, 5):
        in_virtual_time(goes_home(tenths / 10))


@on_virtual_clock
async def test_a_worker_goes_home_also_where_the_platform_does_not_answer() -> None:
    """In time, and what was not shown is the next one's to show."""
    for fault in (LOST, Fault("limited", 30.0), Fault("slow", 3600.0)):
        house = a_house(EDITED)
        working = asyncio.create_task(house.works())
        await asyncio.sleep(5.0)
        house.platform.faults = always(fault, "write")
        working.cancel()
        begin = asyncio.get_running_loop().time()
        with pytest.raises(asyncio.CancelledError):
            await working
        assert asyncio.get_running_loop().time() - begin <= LAST_WRITE
        house.platform.faults = lambda call: NONE
        await house.works()
        assert told("".join(house.reply.pages)) == told(ANSWER)


def test_who_lost_the_lease_shows_nothing_more() -> None:
    """Neither a word nor an end, but for the call that had begun: another worker is answering."""

    async def loses(calls: int) -> None:
        house, life = a_house(EDITED), Life()
        working = asyncio.create_task(house.works(life))
        while life.calls < calls:
            await asyncio.sleep(0.01)
        house.ledger.lost = True
        stood = len(house.reply.writes)
        with pytest.raises(LeaseLost):
            await working
        assert len(house.reply.writes) == stood
        assert (house.reply.outcomes, house.ended) == ([], [])

    for calls in range(1, 36, 3):
        in_virtual_time(loses(calls))


def test_a_store_that_fails_leaves_the_message_in_the_inbox() -> None:
    """The error is raised, and the next worker goes on."""
    undisturbed, calls = _undisturbed(EDITED)

    class Failing(Life):
        def step(self) -> None:
            self.calls += 1
            if self.calls == self.last:
                raise StoreError("away")

    async def fails(last: int) -> None:
        house = a_house(EDITED)
        with pytest.raises(StoreError):
            await house.works(Failing(last))
        assert house.ended == []
        await house.works()
        must_be_as(house, undisturbed, pages=True)

    for last in range(1, calls + 1):
        in_virtual_time(fails(last))


# ---- answers from a file -----------------------------------------------------------------------------

HANDBOOK = b"""# Harbour handbook

## Leave

New crew get 24 days of paid leave in their first year.
Up to 5 days of leave can be carried over to the next year.

## Boats

The tug Paloma is refuelled on Mondays. Its key hangs in the harbour office.
"""
LEAVE = "How many days of paid leave do new crew get?"
BORNE_OUT = "New crew get 24 days of paid leave. Up to 5 days of leave can be carried over to the next year."
SAID = f" {BORNE_OUT} See [the rules](https://evil.example/rules).\n\nSource:\nsource identifier: S1"

SHORT = PageProfile(60, pace=0.0)

GROUNDED = {
    "a source under the answer": (SAID, Policy()),
    "only what is borne out": (f" Penguins get 99 days.{SAID}", Policy(Grounding.REQUIRE)),
    "what is held back to the end": (f" Leave is leave. {BORNE_OUT}", Policy(Grounding.REQUIRE)),
    "the first sentence ends it": (SAID, Policy(profile="smollm2")),
    "the passage speaks for itself": (" The moon is made of cheese.", Policy(profile="smollm2")),
    "a refusal by the model": (" The text does not mention this.", Policy()),
}


async def from_a_file(house: House, *lasts: int) -> int:
    """Let workers die over a question about a file, and one live; returns how many calls that one makes."""
    life, house.index = Life(), LexicalIndex()
    sent = house.platform.attach("harbour.md", HANDBOOK)
    house.message = replace(MESSAGE, text=LEAVE, attachments=(sent,))
    for last in lasts:
        await house.is_killed(last)
    if not house.ended:
        await house.works(life)
    return life.calls


@pytest.mark.parametrize("name", GROUNDED)
async def test_an_answer_from_a_file_has_the_same_sources_whoever_ends_it(name: str) -> None:
    """Once, and nothing is shown that nobody checked; the model is asked to go on, not to begin anew."""
    said, policy = GROUNDED[name]
    undisturbed = a_house(SHORT, continuing(said), policy=policy)
    calls = await from_a_file(undisturbed)
    assert undisturbed.reply.outcomes[0].citations or "refusal" in name
    went_on = 0
    for last in range(1, calls + 1):
        house = a_house(SHORT, continuing(said), policy=policy)
        await from_a_file(house, last, 1 + last % 5)
        must_be_as(house, undisturbed, pages=True)
        assert not any("99" in write.text or "evil" in write.text for write in house.reply.writes)
        went_on += len(house.backend.prompts[-1]) > len(house.backend.prompts[0])
    assert went_on or policy.profile or "refusal" in name


def _gone_file(house: House) -> None:
    house.platform.files.clear()
    house.documents.clear()


@pytest.mark.parametrize("change", [_gone_file, _requiring])
async def test_what_an_answer_stands_on_may_not_change(change: Callable[[House], None]) -> None:
    """Without its file, or checked, it would be another one: what stands is marked, and no model is asked."""
    said = f" Penguins get 99 days.{SAID}"
    for last in range(4, 14):
        house = a_house(SHORT, continuing(said))
        house.index = LexicalIndex()
        sent = house.platform.attach("harbour.md", HANDBOOK)
        house.message = replace(MESSAGE, text=LEAVE, attachments=(sent,))
        await house.is_killed(last)
        change(house)
        outcome = await house.works()
        assert (outcome.kind, outcome.why, outcome.citations) == ("partial", INTERRUPTED_WHY, ())
        assert outcome.answer == house.reply.outcomes[0].answer
        assert told(outcome.answer) == told("".join(house.reply.pages))
        assert outcome.answer.startswith("Penguins")
        assert len(house.backend.prompts) == 1


async def test_history_keeps_the_question_that_a_file_alone_asks_whoever_ends_its_answer() -> None:
    """What a message without words asks is known to the worker that read it, and to the next one."""
    for last in itertools.count(1):
        house = a_house(SHORT, continuing(f" {BORNE_OUT[:40]}"))
        house.index = LexicalIndex()
        sent = house.platform.attach("harbour.md", HANDBOOK)
        house.message = replace(MESSAGE, text="", attachments=(sent,))
        await house.is_killed(last)
        died = not house.ended
        if died:
            await house.works()
        assert [turn.question for turn in house.ended if turn] == [SUMMARISE]
        if not died:
            break


async def test_a_terminal_shows_the_answer_that_stood_on_a_screen_that_is_gone() -> None:
    """Whole, also where only its end was left to be told."""
    house, out = a_house(PageProfile(None, pace=0.0), saying(" Hello there.")), StringIO()
    await house.is_killed(5)
    assert house.noted.outcome
    lease = MortalLease(house, Life(), MESSAGE, 2, house.ledger.taken_over(), "")
    library = Library(house, house.index, TextExtractor())
    terminal = Terminal(Console(file=out), Console(file=out))
    await Assistant(house.backend, house, library, POLICY).answer(lease, terminal)
    assert out.getvalue() == "Hello there.\n"
