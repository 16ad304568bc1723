"""How much of each prompt is the beginning of the one before: what a replica's prefix cache can serve.

TGI keeps prompts, not answers, so turn n + 1 can reuse at most the prompt of turn n. 60 turns, questions of
about 40 and answers of about 130 tokens, both lognormal; tokens are words and signs here, since only the
ratio counts.
"""

import asyncio
import random
import re
from itertools import pairwise

from core.profiles import AIROBOROS
from core.types import Hit, Passage, Turn
from core.window import Asking, Room, fit
from tests.bench.figure import Figure
from tests.bench.parts import Language

TURNS, SEEDS = 60, 5
BUDGET = 70.0
ROOM = Room(answer=512, prompt=1536)
_TOKEN = re.compile(r"\w+|[^\w\s]")


def measure() -> list[Figure]:
    """The reuse of threads without passages beside that of one-turn trimming, and of grounded threads."""
    plain = [asyncio.run(_reuse(seed, blocks=True)) for seed in range(SEEDS)]
    single = [asyncio.run(_reuse(seed, blocks=False)) for seed in range(SEEDS)]
    grounded = [asyncio.run(_reuse(seed, blocks=True, passages=4)) for seed in range(SEEDS)]
    return [
        Figure("prompt tokens that a prefix cache serves, 60 turns", min(plain), "%", BUDGET, at_least=True),
        Figure("  where one turn is cut at a time", min(single), "%"),
        Figure("  in a thread where every turn has passages", min(grounded), "%"),
    ]


async def _reuse(seed: int, *, blocks: bool, passages: int = 0) -> float:
    """Per cent of the prompt tokens of all turns that begin the prompt before."""
    chance, language = random.Random(seed), Language(seed, vocabulary=2000)
    turns: list[Turn] = []
    prompts: list[str] = []
    cut: str | None = None
    for number in range(TURNS):
        question = language.prose(max(2, round(chance.lognormvariate(3.56, 0.5))))
        hits = [
            Hit(Passage(f"{number}:{n}", "d", "Title", language.prose(120)), 1.0) for n in range(passages)
        ]
        asking = Asking(str(number), question, turns=turns, cut=cut, hits=hits)
        fitted = await fit(asking, AIROBOROS, ROOM, _count)
        if blocks:
            cut = fitted.cut if fitted.turns_left_out else cut
        elif fitted.turns_left_out:
            turns = await _newest_that_fit(turns)
            fitted = await fit(Asking(str(number), question, turns=turns), AIROBOROS, ROOM, _count)
        prompts.append(fitted.prompt)
        answer = language.prose(max(3, round(chance.lognormvariate(4.74, 0.5))))
        turns = [*turns, Turn(str(number), question, answer, "answered", 0.0)]
    asked = [_TOKEN.findall(prompt) for prompt in prompts]
    served = sum(_common(before, after) for before, after in pairwise(asked))
    return 100 * served / sum(map(len, asked))


async def _newest_that_fit(turns: list[Turn]) -> list[Turn]:
    """One-turn trimming: the oldest turns go, one by one, until the rest fits beside a question."""
    while turns and await _count("".join(turn.question + turn.answer for turn in turns)) > ROOM.prompt * 0.7:
        turns = turns[1:]
    return turns


async def _count(text: str) -> int:
    return len(_TOKEN.findall(text)) + 1


def _common(before: list[str], after: list[str]) -> int:
    return next((i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), len(before))
