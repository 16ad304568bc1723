"""How much of a question a text holds, in words that both share.

It decides in code whether there is an answer at all, because a small model invents rather than refuses. The
measure is lexical: it sees missing subjects and words, not paraphrase.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from core.names import subjects
from core.terms import asks, common, holds, sentences, stemmed, terms
from core.types import Passage, Spread
from core.values import expected

STRONG = 0.6
"""Least share of a question that a passage holds when it may be quoted by itself as the answer."""
_ANOTHER = 4.0
"""How many times a subject that no passage knows outweighs all else: then they are about another."""

_ASKING, _COMMON, _DECIDING = 0.2, 0.2, 2.0  # how much such terms of a question count beside other words
UNASKED = frozenset(
    terms("document file attachment pdf source sources cite citation reference references according")
)
"""Words about the file or its source, which need not stand in the text that holds the answer."""
_UNKNOWN = Spread()


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as weighted terms: rare ones and the thing asked for weigh more; asking words, everyday
    words and parts of a compound less.
    """

    weights: dict[str, float]

    @classmethod
    def of(cls, question: str, before: str = "", spread: Spread = _UNKNOWN) -> "Asked":
        """Rarity is that among all documents in reach: a term that none of them holds is the rarest, and a
        name that none of them holds makes all else worth little. Where the `spread` is unknown all terms are
        equally rare.

        `before` is the earlier question that this one follows up; its terms weigh less.
        """
        shares = {term: 0.4 * share for term, share in _shares(before).items()} | _shares(question)
        weights = {term: share * _rarity(term, spread) for term, share in shares.items()}
        if spread.passages:
            most = _ANOTHER * sum(weights.values())
            unknown = (name for name in subjects(question) if not spread.holding.get(name))
            weights |= dict.fromkeys(unknown, most)
        return cls(weights)

    def share_in(self, text: str) -> float:
        """How much of the question's weight `text` holds, 0 to 1."""
        whole = sum(self.weights.values())
        if whole == 0:
            return 0.0
        held = stemmed(text)
        return sum(w for term, w in self.weights.items() if holds(held, term)) / whole


def _shares(question: str) -> dict[str, float]:
    """How much each term counts before rarity: the parts of one word ("Wi-Fi") share its place."""
    shares: dict[str, float] = {}
    before = ""
    for word in question.split():
        parts = [term for term in terms(word) if term not in UNASKED]
        decides = before.lower() in _CHOOSING or (before and _NAME.match(word))
        plain = _DECIDING if decides else 1.0
        for part in parts:
            weight = _ASKING if asks(part) else _COMMON if common(part) else plain
            shares[part] = max(shares.get(part, 0.0), weight / len(parts))
        before = word
    return shares


_CHOOSING = frozenset(("many", "much", "which", "what", "what's", "whose", "any"))
"""What comes right after one of these is the very thing that is asked for ("how many calories")."""
_NAME = re.compile(r"\W*[A-Z]\w|\W*\d")


def _rarity(term: str, spread: Spread) -> float:
    return math.log(1 + (spread.passages + 1) / max(spread.holding.get(term, 0) + 0.5, 1))


def readable(passage: Passage) -> str:
    """All words that speak for a passage: its title, headings and text."""
    return "\n".join((passage.title, *passage.heading, passage.text))


def nearest(passages: Sequence[Passage], text: str, most: int) -> list[Passage]:
    """At most so many of `passages`, in their order: those that share most terms with `text`."""
    wanted = frozenset(terms(text))
    by_rank = sorted(range(len(passages)), key=lambda n: -len(wanted & stemmed(readable(passages[n]))))
    return [passages[n] for n in sorted(by_rank[:most])]


def best_sentence(text: str, wanted: str) -> str:
    """The sentence of `text` that holds most of `wanted`, word for word; a short one before a long.

    One that only names what is asked for, as a term does that is explained behind it, and one that refers to
    another place come last. Where `wanted` asks for a number, a time or a price, a sentence that names one
    comes before others.
    """
    asked, said = Asked.of(wanted), stemmed(wanted)

    def worth(piece: str) -> tuple[bool, float]:
        worth = (asked.share_in(piece) + 0.3 * expected(wanted, piece)) / math.sqrt(len(piece) + 80)
        only_named = _NAMES.fullmatch(piece) and said.issuperset(terms(piece))
        return not (only_named or _REFERS.match(piece)), worth

    return max(sentences(text) or [text], key=worth)


_NAMES = re.compile(r"\W*[\w-]+(?:\W+[\w-]+){0,2}[^\w.!?]*")
_REFERS = re.compile(r"\W*see\b", re.IGNORECASE)
"""How a sentence begins that only tells where to read on."""
