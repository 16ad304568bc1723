"""CPU time of cutting Markdown into pages, from 1 kB to 1 MB, and how it grows.

Cutting renders each page once, to measure what the platform is sent. Renderers remember blocks, so no text
is cut twice: each has words of its own all through. The usual text is prose with headings, lists and code;
the others are what is hardest to cut.
"""

import time
from collections.abc import Callable, Iterator
from itertools import islice

from adapters.discord.markdown import CONTENT
from adapters.slack.markdown import MARKDOWN, MRKDWN
from core.markdown import split
from core.types import PageProfile
from tests.bench.figure import Figure
from tests.bench.parts import Language

BUDGET, LINEAR = 1.0, 1.5
ROUNDS = 3
PLATFORMS = {"Discord": CONTENT, "Slack": MARKDOWN}
_LANGUAGE = Language(seed=2)

Shape = Callable[[int], str]
"""Makes a new text of at least so many characters."""


def measure() -> list[Figure]:
    """Milliseconds per kB of the usual text in four sizes, their growth, and the hardest of other texts."""
    figures = []
    for platform, profile in PLATFORMS.items():
        per_kb = {size: _per_kb(_usual, size, profile) for size in (1, 10, 100, 1000)}
        figures += [
            Figure(f"cutting Markdown for {platform}, {size:,} kB", cost, "ms/kB", BUDGET)
            for size, cost in per_kb.items()
        ]
        figures.append(Figure("  1 MB against 10 kB, per kB", per_kb[1000] / per_kb[10], "times", LINEAR))
    as_mrkdwn = _per_kb(_usual, 100, MRKDWN)
    return [*figures, Figure("cutting Markdown for Slack's mrkdwn, 100 kB", as_mrkdwn, "ms/kB"), *_hard()]


def _hard() -> list[Figure]:
    """The shape that costs the most, and the one whose cost per kB grows the most with its size."""
    costs, growths = {}, {}
    for shape, make in SHAPES.items():
        for platform, profile in PLATFORMS.items():
            name = f"{shape}, {platform}"
            costs[name] = _per_kb(make, 60, profile)
            growths[name] = costs[name] / _per_kb(make, 15, profile)
    dearest, steepest = max(costs, key=costs.__getitem__), max(growths, key=growths.__getitem__)
    return [
        Figure(f"  the hardest of {len(SHAPES)} shapes, 60 kB: {dearest}", costs[dearest], "ms/kB", BUDGET),
        Figure(f"  60 kB against 15, the steepest: {steepest}", growths[steepest], "times", LINEAR),
    ]


def _per_kb(make: Shape, size: int, profile: PageProfile) -> float:
    """Milliseconds per 1,000 characters, the least of some rounds; several small texts make a round."""
    texts, costs = _texts(make, size * 1000), []
    for _ in range(ROUNDS):
        several = list(islice(texts, max(1, 20 // size)))
        begin = time.process_time()
        for text in several:
            split(text, profile)
        costs.append((time.process_time() - begin) / len(several))
    return min(costs) * 1000 / size


def _texts(make: Shape, length: int) -> Iterator[str]:
    """New texts of exactly this many characters."""
    while True:
        yield make(length)[:length]


def _usual(length: int) -> str:
    sections: list[str] = []
    while length > 0:
        sections.append(_LANGUAGE.section())
        length -= len(sections[-1])
    return "\n\n".join(sections)


def _words(template: str, start: str = "") -> Shape:
    """Texts of `start` and then `template` again and again, each ``{}`` in it another word."""

    def make(length: int) -> str:
        times = length // len(template.replace("{}", "")) + 1
        words = iter(_LANGUAGE.words(times * template.count("{}")))
        parts = template.split("{}")
        lines = (parts[0] + "".join(next(words) + part for part in parts[1:]) for _ in range(times))
        return start + "".join(lines)

    return make


def _same(unit: str) -> Shape:
    """Texts that begin with words of their own and are the same from there on."""
    return lambda length: f"{_LANGUAGE.prose(3)}\n" + unit * (length // len(unit) + 1)


SHAPES: dict[str, Shape] = {
    "one line": _words("{} "),
    "one word": _words("{}-"),
    "one code block": _words("{} = 1\n", start="```\n"),
    "one line of code": _words("{} = 1; ", start="```\n"),
    "short lines": _words("{}\n"),
    "short paragraphs": _words("{}\n\n"),
    "a table": _words("| {} | {} {} | 1 |\n", start="| a | b | c |\n|---|---|---|\n"),
    "nested items": _words("- {}\n  - {}\n    - {}\n"),
    "quotes": _words("> > {} {} {}\n"),
    "links": _words("[{}](https://example.com/a_(b)?q={}) "),
    "emphasis": _words("*{}* **{}** ~~{}~~ `{}` "),
    "open emphasis": _words("*{} **{} ~~{} "),
    "open brackets": _words("[{} "),
    "backticks": _same("```\n"),
    "empty lines": _same("\n"),
    "spaces": _same(" "),
    "Chinese": _same("信使跑过高山。"),
    "emoji": _same("👩‍👩‍👧‍👦"),
}
"""What is hard to cut or to render, by name."""
