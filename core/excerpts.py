"""Sentences of a document that stand for the whole of it, chosen by their words and quoted as they are.

For models that are too small to read a document as a whole.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from core.evidence import STRONG, Asked
from core.terms import sentences, terms
from core.types import Passage

_OUTLINE = 8
"""Sentences that tell what a document is about."""
_SHORT, _LONG = 25, 320
"""Characters of a sentence that can tell something by itself."""
_FIRST = 0.5
"""What it counts that a sentence is the first one below its heading."""
_BULLET = re.compile(r"^(?:[-*+•>#]+|\d{1,3}[.)])\s+")


class Excerpt(NamedTuple):
    """A sentence and the passage that holds it."""

    passage: Passage
    sentence: str

    @property
    def line(self) -> str:
        """As an item of a list, after its heading."""
        heading = f"{self.passage.heading[-1]}: " if self.passage.heading else ""
        return f"- {heading}{self.sentence}"


def outline(passages: Sequence[Passage], most: int = _OUTLINE) -> list[Excerpt]:
    """One sentence of each section, or where there are more than `most`, of each run of sections.

    The one is taken whose words the document says most often; none is taken twice.
    """
    by_section = [list(found) for _, found in groupby(passages, lambda p: (p.document, p.section))]
    units = by_section if len(by_section) > 2 else [[passage] for passage in passages]
    excerpts = [[Excerpt(p, s) for p in unit for s in _sentences(p)] for unit in units]
    said = Counter(term for unit in excerpts for excerpt in unit for term in set(terms(excerpt.sentence)))
    found: dict[str, Excerpt] = {}
    for run in _even(excerpts, most):
        ranked = [(_worth(e, said) + _FIRST * (not n), e) for unit in run for n, e in enumerate(unit)]
        fresh = [(worth, excerpt) for worth, excerpt in ranked if excerpt.sentence not in found]
        if fresh:
            _, best = max(fresh, key=lambda one: one[0])
            found[best.sentence] = best
    return list(found.values())


def mentions(passages: Sequence[Passage], wanted: str) -> list[Excerpt]:
    """Every sentence that, below its headings, holds most of what is `wanted`; as often as it is there."""
    asked = Asked.of(wanted)
    return [
        Excerpt(passage, _BULLET.sub("", sentence))
        for passage in passages
        for sentence in sentences(passage.text)
        if asked.share_in("\n".join((*passage.heading, sentence))) >= STRONG
    ]


def _sentences(passage: Passage) -> Iterator[str]:
    for sentence in sentences(passage.text):
        bare = _BULLET.sub("", sentence)
        if _SHORT <= len(bare) <= _LONG and "|" not in bare and any(map(str.isalpha, bare)):
            yield bare


def _worth(excerpt: Excerpt, said: Counter[str]) -> float:
    """How common the words of a sentence are in the document, 0 to 1."""
    own = terms(excerpt.sentence)
    most = math.log(1 + max(said.values()))
    return sum(math.log(1 + said[term]) for term in own) / (most * (len(own) + 2))


def _even(units: Sequence[list[Excerpt]], most: int) -> Iterator[Sequence[list[Excerpt]]]:
    """`units` in at most so many runs of about the same length."""
    runs = min(most, len(units))
    for n in range(runs):
        yield units[len(units) * n // runs : len(units) * (n + 1) // runs]
