"""How much of each prompt the engine's prefix cache can serve, over a long thread.

TGI keeps the tokens of a prompt and not those of its answer (backends/v3/src/radix.rs), so what a turn
reuses is what its prompt has in common with the beginning of the one before. Prompts are those of
`core.window.fit`, tokens those of a toy tokenizer; questions and answers are made up, with lognormal
sizes. For comparison: the same threads with a window that drops one old turn at a time.
"""

import asyncio
import math
from functools import lru_cache

from core.profiles import AIROBOROS
from core.prompt import render
from core.types import Hit, Limits, Passage, Turn
from core.window import HISTORY_SHARE, Asking, Room, fit, rendered
from tests.bench.figure import Figure
from tests.bench.parts import Language
from tests.emulators.tgi import tokens_of

BUDGET = 70.0
TURNS, SEEDS = 60, range(3)
QUESTION, ANSWER, SPREAD = 40, 130, 0.6
"""Mean tokens of a question and of an answer, and the sigma of their logarithms."""
PASSAGES, PASSAGE_TOKENS = 4, 200
ROOM = Room.of(Limits("airoboros", window=2048, max_input=2047), AIROBOROS)


def measure() -> list[Figure]:
    """Percent of all prompt tokens that a cache serves, over some threads of 60 turns."""
    blocks = [asyncio.run(_reuse(seed)) for seed in SEEDS]
    one_by_one = [asyncio.run(_reuse(seed, one_by_one=True)) for seed in SEEDS]
    grounded = [asyncio.run(_reuse(seed, passages=PASSAGES)) for seed in SEEDS]
    return [
        Figure(f"prompt tokens reused, {TURNS} turns", _mean(blocks), "%", BUDGET, True, _range(blocks)),
        Figure("  if the window dropped one turn at a time", _mean(one_by_one), "%"),
        Figure(f"  with {PASSAGES} passages for each question", _mean(grounded), "%"),
    ]


async def _reuse(seed: int, *, passages: int = 0, one_by_one: bool = False) -> float:
    """Percent of the prompt tokens of one thread that stood at the beginning of the prompt before."""
    language = Language(seed)
    turns: list[Turn] = []
    first = 0
    before: tuple[int, ...] = ()
    reused = sent = 0
    for number in range(TURNS):
        question, answer = _said(language, QUESTION), _said(language, ANSWER)
        hits = [Hit(_passage(language, f"{number}.{n}"), 1.0) for n in range(passages)]
        known = await _newest(turns) if one_by_one else turns[first:]
        fitted = await fit(
            Asking(f"m{number}", question, turns=known, hits=hits, left_out=first), AIROBOROS, ROOM, _count
        )
        first = max(first, fitted.before_cut)
        prompt = _ids(fitted.prompt)
        reused += _common(before, prompt)
        sent += len(prompt)
        before = prompt
        turns.append(Turn(f"m{number}", question, answer, "answered", at=float(number)))
    return 100 * reused / sent


async def _newest(turns: list[Turn]) -> list[Turn]:
    """The newest turns that fill the history's share of the window, which then has nothing to cut."""
    room = ROOM.prompt - await _count(AIROBOROS.system or "")
    left, kept = int(room * HISTORY_SHARE), 0
    for turn in reversed(turns):
        left -= await _count(render(AIROBOROS.template, rendered(turn), ""))
        if left < 0:
            break
        kept += 1
    return turns[len(turns) - kept :]


def _said(language: Language, mean: int) -> str:
    """Prose as long as what people and models write at once; `mean` in tokens."""
    length = language.random.lognormvariate(math.log(mean) - SPREAD**2 / 2, SPREAD)
    return _prose(language, round(length))


def _passage(language: Language, name: str) -> Passage:
    return Passage(name, f"document {name}", "handbook.md", _prose(language, PASSAGE_TOKENS))


def _prose(language: Language, tokens: int) -> str:
    """Prose of so many tokens, and hardly more."""
    said: list[str] = []
    while tokens > 0:
        said += language.words(1)
        tokens -= math.ceil(len(said[-1]) / 5)  # as the toy tokenizer cuts words
    return " ".join(said)


@lru_cache(maxsize=4096)
def _ids(text: str) -> tuple[int, ...]:
    """The token ids of a text, the one that begins it included."""
    return (1, *(token.id for token in tokens_of(text)))


async def _count(text: str) -> int:
    return len(_ids(text))


def _common(before: tuple[int, ...], after: tuple[int, ...]) -> int:
    """How many tokens both begin with."""
    pairs = enumerate(zip(before, after, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(before), len(after)))


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _range(values: list[float]) -> str:
    return f"{len(values)} threads: {min(values):.0f} to {max(values):.0f} %"
