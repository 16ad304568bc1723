"""Many answers over platforms that are slow, refuse, forget, close pages and change in mid-answer.

Whatever happens to its writes and its workers, what stands at the end of an answer is whole and single.
Each run is made from a seed: the answer, the pieces and times in which a model says it, the profiles, the
faults, and when a worker is killed or goes home.
"""

import asyncio
import random
import re
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import pairwise

import pytest
from structlog.testing import capture_logs

from core.assistant import Assistant
from core.errors import StreamBroken
from core.library import Library
from core.paging import ANSWER_FILE, NOTE
from core.policy import Policy
from core.ports import IndexedWords, Ledger, Recent, Vector
from core.transcript import (
    CLOSED,
    LOST,
    NONE,
    VANISHED,
    Call,
    Fault,
    Transcript,
    TranscriptReply,
)
from core.types import Audience, Document, Hit, Limits, Message, Outcome, PageProfile, Spread, ThreadId, Turn
from tests.clock import run
from tests.core.mortal import Killed, Life, MortalLedger, MortalPlatform
from tests.fakes import FakeBackend, FakeLedger, Says, TextExtractor, said_before

RUNS, BATCHES = 480, 8
"""How many answers, and how many of the tests that share them; each takes about 25 ms."""

POLICY = Policy(profile="chatml", max_new_tokens=1 << 18)
MESSAGE = Message("M1", ThreadId("transcript", "T1"), "U1", "Tell me a long story.", at=0.0)


# ---- an answer --------------------------------------------------------------------------------------


def an_answer(chance: random.Random) -> str:
    """A text whose words are all different: lower case letters are what it tells, all else is form."""
    blocks, number = [], iter(range(100_000))

    def words(most: int) -> str:
        return " ".join(_word(next(number)) for _ in range(chance.randint(1, most)))

    for _ in range(chance.choice((1, 3, 10, 20))):
        kind = chance.choice(("prose", "prose", "prose", "list", "code", "heading"))
        if kind == "list":
            blocks.append("\n".join(f"- {words(12)}" for _ in range(chance.randint(1, 8))))
        elif kind == "code":
            blocks.append("\n".join(("```PY", *(words(6) for _ in range(chance.randint(1, 12))), "```")))
        else:
            blocks.append(f"## {words(4)}" if kind == "heading" else f"{words(60)}.")
    return "\n\n".join(blocks)


def _word(number: int) -> str:
    """A word of its own for each number; no word begins another."""
    letters = ""
    while number or not letters:
        number, digit = divmod(number, 25)
        letters += "abcdefghijklmnopqrstuvwxy"[digit]
    return f"{letters}z"


def told(text: str) -> str:
    """What a text tells."""
    return re.sub(r"[^a-z]", "", text.replace(NOTE, ""))


def a_model(chance: random.Random, answer: str, *, breaks: bool, when_said: Callable[[], None]) -> Says:
    """A model that says `answer` in pieces of one byte to one kB, at its own speed, with pauses."""
    longest, slow = chance.choice((1, 4, 30, 1000)), chance.choice((0.0, 0.001, 0.05, 0.3))

    async def says(prompt: str) -> AsyncGenerator[str, None]:
        at = said_before(prompt, answer)
        while at < len(answer):
            length = chance.randint(1, longest)
            yield answer[at : at + length]
            at += length
            await asyncio.sleep(chance.random() * slow + 20 * (chance.random() < 0.002))
        when_said()
        if breaks:
            raise StreamBroken("cut")

    return says


# ---- a platform -------------------------------------------------------------------------------------


def a_profile(chance: random.Random) -> PageProfile:
    """Pages of any size, editable or not, that may grow old and be few."""
    return PageProfile(
        limit=chance.choice((120, 200, 500, 2000, None)),
        measure=chance.choice(("code_points", "utf8_bytes")),
        editable=chance.random() < 0.6,
        pace=chance.choice((0.2, 0.5, 1.2)),
        max_age=chance.choice((None, None, 5.0, 30.0)),
        max_pages=chance.choice((None, None, 1, 3)),
        bucket=chance.choice(("", "C1")),
    )


def a_fallback(chance: random.Random, profile: PageProfile) -> PageProfile:
    """What a platform may fall back to: pages that can be edited stay so, and the pace is kept."""
    other = a_profile(chance)
    return replace(other, pace=profile.pace, editable=profile.editable or other.editable)


@dataclass
class Troubles:
    """Random faults, but neither so many in a row nor two pages closed without a word that all ends there.

    `closes` is how likely a fault is to be for good.
    """

    chance: random.Random
    likely: float
    closes: float = 0.0
    in_a_row: int = 0
    closed: bool = False

    def __call__(self, call: Call) -> Fault:
        if self.in_a_row >= 3 or self.chance.random() >= self.likely:
            self.in_a_row, self.closed = 0, self.closed and call.verb != "write"
            return NONE
        self.in_a_row += 1
        if call.verb == "write" and not self.closed and self.chance.random() < self.closes:
            self.closed = True
            return CLOSED
        seconds = self.chance.choice((0.1, 1.0, 4.0, 12.0))
        limited = Fault("limited", self.chance.choice((None, seconds)))
        return self.chance.choice((Fault("slow", seconds), limited, LOST, VANISHED))


class Nothing:
    """A history, documents and an index that hold nothing; the lease of a question that nobody stops."""

    message = MESSAGE
    attempts = 1
    replica = model = ""

    def __init__(self) -> None:
        self.ledger: Ledger = FakeLedger()
        self.ended: list[Turn | None] = []

    async def stopped(self) -> None:
        await asyncio.Event().wait()

    async def move(self, replica: str) -> None:
        self.replica = replica

    async def finish(self, turn: Turn | None, tokens: int = 0) -> None:
        self.ended.append(turn)

    async def uncount(self) -> None: ...

    async def set_aside(self, why: str) -> None: ...

    async def turns(self, thread: ThreadId) -> list[Turn]:
        return []

    async def askers(self, thread: ThreadId) -> set[str]:
        return set()

    async def recent(self, thread: ThreadId, model: str) -> Recent:
        return Recent()

    async def set_cut(self, thread: ThreadId, model: str, message_id: str, left_out: int) -> None: ...

    async def chosen(self, thread: ThreadId) -> str:
        return ""

    async def choose(self, thread: ThreadId, model: str) -> None: ...

    async def fresh(self, thread: ThreadId) -> None: ...

    async def forget(self, thread: ThreadId) -> None: ...

    async def of(self, thread: ThreadId) -> list[Document]:
        return []

    async def put(self, message: Message, document: Document) -> None: ...


class NoIndex:
    """An index in which nothing is found."""

    async def put(
        self, document: Document, vectors: Sequence[Vector] = (), words: IndexedWords | None = None
    ) -> None: ...

    async def remove(self, document_id: str, audience: Audience) -> None: ...

    async def search(self, query: str, audiences: Sequence[Audience], k: int) -> list[Hit]:
        return []

    async def spread(self, words: Sequence[str], audiences: Sequence[Audience]) -> Spread:
        return Spread()


# ---- a run ------------------------------------------------------------------------------------------


@dataclass
class Run:
    """One answer from a seed, and all that came of it."""

    seed: int
    answer: str = ""
    reply: TranscriptReply = field(init=False)
    outcome: Outcome = field(init=False)
    breaks: bool = False
    said_at: float = 0.0
    deaths: int = 0

    async def play(self) -> None:
        chance = random.Random(self.seed)
        random.seed(self.seed)  # of which tenacity takes its jitter
        self.answer, self.breaks = an_answer(chance), chance.random() < 0.1
        profile = a_profile(chance)
        troubles = Troubles(chance, chance.choice((0.0, 0.1, 0.4)), chance.choice((0.0, 0.1)))
        platform = Transcript(profile, faults=troubles, rate=chance.choice((0.0, profile.pace)))
        nothing = Nothing()
        model = a_model(chance, self.answer, breaks=self.breaks, when_said=self._note_end)
        limits = Limits("fake", window=1 << 20, max_input=1 << 19)
        library = Library(nothing, NoIndex(), TextExtractor())
        assistant = Assistant(FakeBackend(model, limits), nothing, library, POLICY)
        changing = asyncio.create_task(self._fall_back(chance, platform, profile))
        self.deaths = chance.choice((0, 0, 1, 2))
        for _ in range(self.deaths):
            if not nothing.ended:
                await self._dies(chance, assistant, nothing, platform)
        if not nothing.ended:
            await assistant.answer(nothing, platform)
        changing.cancel()
        self.reply = platform.replies[-1]
        (self.outcome,) = self.reply.outcomes
        assert nothing.ended == [None] if not self.outcome.answer else len(nothing.ended) == 1

    async def _dies(
        self, chance: random.Random, assistant: Assistant, lease: Nothing, platform: Transcript
    ) -> None:
        """A worker is killed before one of its calls, or goes home, and another one takes over."""
        life = Life(chance.choice((None, chance.randint(1, 60))))
        ledger = FakeLedger(before=await lease.ledger.standing())
        lease.ledger = MortalLedger(ledger, life)
        working = asyncio.create_task(assistant.answer(lease, MortalPlatform(platform, life)))
        await asyncio.wait({working}, timeout=None if life.last else chance.random() * 30)
        working.cancel()
        with suppress(Killed, asyncio.CancelledError):
            await working
        lease.ledger = ledger.taken_over()

    async def _fall_back(self, chance: random.Random, platform: Transcript, profile: PageProfile) -> None:
        if chance.random() < 0.3:
            await asyncio.sleep(chance.random() * 30)
            platform.replies[-1].profile = a_fallback(chance, profile)

    def _note_end(self) -> None:
        self.said_at = asyncio.get_running_loop().time()

    def must_be_whole_and_single(self) -> None:
        """Each page tells what comes next; only behind a page that may show more may it tell that again."""
        answer, covered, doubtful = told(self.answer), 0, False
        for message in self.reply.standing:
            text = told(message.markdown)
            at = answer.find(text)
            assert at >= 0, "a page tells a part of the answer"
            assert at == covered or (doubtful and at < covered), "nothing is left out or told twice"
            covered, doubtful = max(covered, at + len(text)), message.doubtful
        if ANSWER_FILE in self.reply.attached:
            assert self.reply.attached[ANSWER_FILE].strip() == self.answer.strip()
        else:
            assert covered == len(answer), "the end stands"

    def must_end_visibly(self) -> None:
        """With its outcome, on pages of which each was finished or closed by the platform."""
        assert self.reply.outcomes == [self.outcome]
        assert self.outcome.kind == ("partial" if self.breaks else "answered")
        assert all(message.sealed or message.closed for message in self.reply.standing)

    def must_keep_the_pace(self) -> None:
        """What is not the last word on a page is never written faster by a worker than the profile wants."""
        if self.deaths:
            return
        pace = self.reply.profile.pace
        growing = [call.at for call in self.reply.calls if call.verb == "write" and not call.final]
        times = [at for at in growing if at < self.said_at]
        assert all(after - before >= pace - 1e-6 for before, after in pairwise(times))


@pytest.mark.parametrize("batch", range(BATCHES))
def test_whatever_happens_what_stands_at_the_end_is_whole_and_single(batch: int) -> None:
    """And each answer ends visibly, at the pace of its platform; the reply refuses pages that do not fit."""
    for seed in range(batch, RUNS, BATCHES):
        made = Run(seed)
        try:
            with capture_logs():
                run(made.play())
            made.must_be_whole_and_single()
            made.must_end_visibly()
            made.must_keep_the_pace()
        except Exception as error:
            error.add_note(f"seed {seed}")
            raise
