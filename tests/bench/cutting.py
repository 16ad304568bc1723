"""CPU time of cutting Markdown into pages, from 1 kB to 1 MB, and how it grows.

The usual text is prose with headings, lists and code; the others are what cutting finds hardest.
"""

import time

from core.markdown import DISCORD, SLACK, split
from core.types import PageProfile
from tests.bench.figure import Figure
from tests.bench.parts import Language

BUDGET, LINEAR = 1.0, 1.5
ROUNDS = 3
_LANGUAGE = Language(seed=2)


def measure() -> list[Figure]:
    """Milliseconds per kB of the usual text in four sizes, their growth, and the hardest of other texts."""
    usual = _usual(1_000_000)
    per_kb = {size: _per_kb(usual[: size * 1000], DISCORD) for size in (1, 10, 100, 1000)}
    hard = {
        name: _per_kb(text[:50_000], profile)
        for name, text in _hard_texts().items()
        for profile in (DISCORD, SLACK)
    }
    hardest = max(hard, key=lambda name: hard[name])
    return [
        *(Figure(f"cutting Markdown, {size:,} kB", cost, "ms/kB", BUDGET) for size, cost in per_kb.items()),
        Figure("  1 MB against 10 kB, per kB", per_kb[1000] / per_kb[10], "times", LINEAR),
        Figure(f"  the hardest of {len(hard)} shapes, 50 kB: {hardest}", hard[hardest], "ms/kB", BUDGET),
    ]


def _usual(length: int) -> str:
    section = "\n\n".join(
        (
            f"## {_LANGUAGE.prose(5)}",
            _LANGUAGE.prose(90),
            "\n".join(f"- {_LANGUAGE.prose(12)}" for _ in range(5)),
            "```python\n" + "\n".join(f"    {word} = {word}()" for word in _LANGUAGE.words(20)) + "\n```",
            _LANGUAGE.prose(60),
        )
    )
    return (section + "\n\n") * (length // len(section) + 1)


def _hard_texts() -> dict[str, str]:
    return {
        "one line": _LANGUAGE.prose(10_000).replace("\n", " "),
        "one word": "chasqui" * 8_000,
        "one code block": "```\n" + "x = 1\n" * 10_000,
        "one line of code": "```\n" + "x = 1; " * 10_000,
        "empty lines": "\n" * 50_000,
        "spaces": " " * 50_000,
        "backticks": "```\n" * 15_000,
        "short lines": "a\n" * 25_000,
        "Chinese": "信使跑过高山。" * 8_000,
        "emoji": "👩‍👩‍👧‍👦" * 8_000,
    }


def _per_kb(text: str, profile: PageProfile) -> float:
    """Milliseconds per 1,000 characters, the least of some rounds; a small text is cut many times."""
    times = max(1, 20_000 // len(text))
    costs = []
    for _ in range(ROUNDS):
        begin = time.process_time()
        for _ in range(times):
            split(text, profile)
        costs.append((time.process_time() - begin) / times)
    return min(costs) * 1000 / (len(text) / 1000)
