"""What a sentence of an answer claims, and whether a passage bears it out.

The check is lexical too: it sees wrong numbers, invented names and what is denied, not paraphrase.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from core.denials import denied_alike
from core.evidence import STRONG, UNASKED, Asked, readable
from core.names import names, subjects
from core.quotations import misquoted
from core.terms import asks, common, holds, numbers, sentences, stemmed, terms
from core.types import Passage

BORNE_OUT = 0.6
"""Least share of an answer's own terms that its passage must hold."""


def bears_out(passage: Passage, sentence: str, question: str, *, literal: bool = False) -> bool:
    """Whether `passage` supports `sentence` as an answer to `question`.

    Every number, every name and every other telling word that it takes from the question must stand in
    the passage, what it quotes word for word, and most of its other own terms; what it denies the passage
    must deny, and what it affirms affirm. A sentence that leaves its subject out ("It is 5 euros.") has that
    of the question. A sentence without own terms ("Yes.") is borne out when the passage is about the
    question. With `literal` all of that must hold for a single sentence of the passage, one that is about
    the question: a small model mixes up the numbers of neighbouring sentences.
    """
    claim = _claim(sentence, question)
    if not literal:
        return _supports(readable(passage), passage.page, claim)
    if not (claim.own or claim.values - numbers(question)):
        return False  # it only says the question again
    place = stemmed("\n".join((passage.title, *passage.heading)))
    if place.issuperset(terms(sentence)):
        return False  # it only says where something stands
    return any(_supports(text, passage.page, claim) for text in _about(passage, question))


def bearing(passages: Sequence[Passage], sentence: str, question: str) -> list[Passage]:
    """The first of `passages` that bears `sentence` out, or where none does, one for each of its clauses.

    Nothing where a clause is left that none of them bears out.
    """
    if whole := _first(passages, sentence, question):
        return [whole]
    found: list[Passage] = []
    for clause in _clauses(sentence):
        passage = _first(passages, clause, question)
        if not passage:
            return []
        found.append(passage)
    return found


def _first(passages: Sequence[Passage], sentence: str, question: str) -> Passage | None:
    return next((passage for passage in passages if bears_out(passage, sentence, question)), None)


_MOST_CLAUSES = 12
_JOINT = re.compile(r"(?=[,;]\s)|(?<![,;\s])\s{1,4}(?=(?:and|but|while|whereas)\s)")


def _clauses(sentence: str) -> list[str]:
    """The clauses of a sentence of several things, if each tells at least two things that no other does,
    and a number if another has one; else none.

    "Alpha costs 5 and Beta 7" does; "the Alpha office and the Beta office closed in 2019" does not.
    """
    clauses = _JOINT.split(sentence)
    if not 1 < len(clauses) <= _MOST_CLAUSES:
        return []
    told = Counter(term for clause in clauses for term in terms(clause))
    own = ([t for t in terms(clause) if told[t] == 1 and not asks(t)] for clause in clauses)
    alike_put = len({bool(numbers(clause)) for clause in clauses}) == 1
    return clauses if alike_put and all(len(each) >= 2 for each in own) else []


@dataclass(frozen=True, slots=True)
class _Claim:
    """What a sentence says as an answer: what must stand in a passage, what mostly must, and the question."""

    sentence: str
    question: str
    values: frozenset[str]
    pages: frozenset[str]
    subjects: frozenset[str]
    telling: tuple[str, ...]
    own: tuple[str, ...]


@lru_cache(maxsize=64)
def _claim(sentence: str, question: str) -> _Claim:
    bare = _PAGE.sub(" ", sentence)
    said, asked = terms(bare), stemmed(question)
    again = names(question) & set(said)
    own = tuple(t for t in said if not (holds(asked, t) or t in _SAYING or asks(t)))
    taken = (t for t in said if t in asked and not (asks(t) or common(t) or t in _SAYING or t in UNASKED))
    telling = (*names(bare) - _SAYING, *again, *taken)
    pages = frozenset(_PAGE.findall(sentence))
    about = again or subjects(question)
    return _Claim(sentence, question, frozenset(numbers(bare)), pages, about, telling, own)


_SAYING = frozenset(
    terms(
        """answer answers question text passage fact source sources state states stated mention mentions
        mentioned accord according document documents said section provide provides provided indicate
        indicates contain contains include includes including also therefore however"""
    )
)
"""Words with which an answer speaks of its source, which need not stand there."""
_PAGE = re.compile(r"\b(?:pages?|pp?\.|Seite|S\.|p[aá]gina) ?(\d{1,5})\b", re.IGNORECASE)
"""Where an answer says that something stands, which is no number of the answer."""


def _supports(text: str, page: int | None, claim: _Claim) -> bool:
    held = stemmed(text)
    if not (claim.values <= held and claim.pages <= held | {str(page)}):
        return False
    if any(not holds(held, term) for term in claim.telling) or misquoted(claim.sentence, (text,)):
        return False
    known = [holds(held, name) for name in claim.subjects]
    if not claim.own:  # it only says the question again
        return all(known) and Asked.of(claim.question).share_in(text) >= STRONG
    if known and not any(known):
        return False
    enough = sum(holds(held, term) for term in claim.own) / len(claim.own) >= BORNE_OUT
    return enough and denied_alike(claim.sentence, text)


_POINTS_BACK = re.compile(
    r"\W*(?:it|its|they|their|them|he|his|she|her|this|these|that|those)\b", re.IGNORECASE
)


def _about(passage: Passage, question: str) -> list[str]:
    """The sentences of a passage that hold most of the question, each after its headings.

    One that points back ("Its key is blue.") stands behind the sentence that it points to.
    """
    asked = Asked.of(question)
    place = "\n".join((passage.title, *passage.heading))
    texts, before = [], ""
    for piece in sentences(passage.text) or [passage.text]:
        before = f"{before} {piece}" if _POINTS_BACK.match(piece) else piece
        texts.append(f"{place}\n{before}")
    shares = {text: asked.share_in(text) for text in texts}
    most = max(shares.values())
    return [text for text, share in shares.items() if share >= 0.75 * most]
