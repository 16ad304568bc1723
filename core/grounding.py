"""What an answer stands on: passages, the model alone, or nothing, which is a refusal.

The refusal comes from code: where the documents in reach hold no evidence for a question, the model
is not asked to guess.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

from core.conclusion import TEAM
from core.evidence import STRONG, Asked, readable
from core.knowledge import in_reading_order
from core.library import Library
from core.profiles import Enough
from core.terms import sentences, terms
from core.types import Document, Grounding, Hit, Passage, ThreadId, Turn
from core.values import expected
from core.wishes import Wish, follows_up, is_about_answer, named, names_file, points_back, topic, wish

_NO_DOCUMENT = "I don't know: there is no document here to answer from. Attach a file, and ask about it."
_NO_QUESTION = "I only answer from {where}. Ask something about them."

_CANDIDATES = 40
_DEEPER = 1000
"""Candidates where the first ones are all of one document, which may say the same hundreds of times."""
_RANKED_AGAIN = 8
_OF_ONE = 4
"""Passages of one document that come before those of others."""
_WORDS_BESIDE_MEANING = 0.4
"""What the share of a question's words counts beside nearness in meaning (docs/evidence.md)."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question with all that may answer it: documents of its thread, those of them that came with it,
    documents of the team, earlier turns.
    """

    thread: ThreadId
    text: str
    attached: Sequence[Document] = ()
    documents: Sequence[Document] = ()
    turns: Sequence[Turn] = ()
    quoted: str = ""
    team: Sequence[Document] = ()

    @property
    def in_reach(self) -> Sequence[Document]:
        """All documents that an answer may stand on."""
        return (*self.documents, *self.team)


@dataclass(frozen=True, slots=True)
class Ground:
    """Passages to answer from, best first, or where the `wish` is for a whole document, all in its order.

    No hits and no `refusal` leaves the model to itself. Where they are `strong`, the first one may be quoted
    as the answer. With a `refusal`, `hits` are the nearest misses.
    """

    hits: Sequence[Hit] = ()
    wish: Wish = Wish.ANSWER
    strong: bool = False
    refusal: str = ""


async def choose(question: Question, library: Library, grounding: Grounding, enough: Enough) -> Ground:
    """Decide what an answer to `question` stands on: on passages with `enough` evidence, or on nothing."""
    names = [document.title for document in question.documents]
    wanted = wish(question.text, attached=bool(question.attached), names=names)
    if wanted is Wish.TALK or not question.in_reach:
        refusal = _NO_QUESTION.format(where=_where(question)) if question.in_reach else _NO_DOCUMENT
        return Ground(refusal=refusal if grounding is Grounding.REQUIRE else "")
    of_file = question.attached or names_file(question.text, names)
    if wanted.whole and question.documents and (of_file or wanted is not Wish.EACH):
        return Ground(in_reading_order(_meant(question)), wanted)
    about_answer = _is_about_answer(question)
    hits, best = await _found(question, library, enough)
    if not best.enough and not about_answer and (alone := _by_itself(question)):
        there = await _found(alone, library, enough)
        hits, best = there if there[1].enough else (hits, best)
    own = {document.id for document in question.documents}
    if wanted is Wish.EACH and best.enough and any(hit.passage.document in own for hit in hits[:1]):
        return Ground(in_reading_order(question.documents), wanted)  # what only these documents can tell
    if best.enough or (hits and grounding is Grounding.OFF):
        return Ground(hits, strong=best.strong)
    # What is asked about stands in the conversation.
    said = bool(question.quoted) or about_answer or _was_said(question)
    if grounding is Grounding.OFF or (grounding is Grounding.PREFER and said):
        return Ground()
    return Ground(hits, refusal=_nothing_found(question))


async def _found(question: Question, library: Library, enough: Enough) -> tuple[list[Hit], "Speaks"]:
    """The passages nearest to a question, in the order in which they answer, and what speaks for the best."""
    return await weighed(question, await search(question, library), library, enough)


async def search(question: Question, library: Library) -> list[Hit]:
    """The passages nearest to a question, best first; of other documents too, where one alone would take
    all places.
    """
    find = partial(library.search, question.thread, question.documents, query(question), team=question.team)
    hits = await find(_CANDIDATES)
    if len(hits) == _CANDIDATES and len(question.in_reach) > len({hit.passage.document for hit in hits}) == 1:
        hits = await find(_DEEPER)
    return hits


async def weighed(
    question: Question, hits: list[Hit], library: Library, enough: Enough
) -> tuple[list[Hit], "Speaks"]:
    """What a search found, in the order in which it answers, and what speaks for the best passage."""
    about, before = _sought(question)
    words = terms(f"{about}\n{before}")
    spread = await library.spread(question.thread, question.documents, words, question.team)
    asked = Asked.of(about, before, spread)
    return await asyncio.to_thread(_by_evidence, hits, asked, question.text, enough)


def query(question: Question) -> str:
    """The words with which passages are looked for."""
    return " ".join(_sought(question))


def _sought(question: Question) -> tuple[str, str]:
    """What passages are looked for to a question: what it is about, and what was said before that counts
    less.
    """
    about, before = topic(question.text), f"{_led_up_to(question)}\n{question.quoted}".strip()
    if before and _is_about_answer(question):  # what bore the answer out bears out what is wanted of it
        about, before = before, about
    return about, before


def _is_about_answer(question: Question) -> bool:
    return bool(question.turns) and not question.attached and is_about_answer(question.text)


def _meant(question: Question) -> Sequence[Document]:
    """The documents of which the whole is wanted: those that are named, those that came with it, the last."""
    within = question.attached or question.documents
    return [each for each in within if named(question.text, each.title)] or question.attached or within[-1:]


class Speaks(NamedTuple):
    """How much speaks for a passage (see `Enough`), and whether that is enough to ask a model, or to quote it
    by itself.
    """

    evidence: float = 0.0
    enough: bool = False
    strong: bool = False


def _by_evidence(hits: list[Hit], asked: Asked, question: str, enough: Enough) -> tuple[list[Hit], Speaks]:
    """The first hits ordered by how well they answer, and what speaks for the best one.

    Where they were found by meaning too, or a reranker read them, their order stands: more than shared
    words is in it (measured, see docs/decisions).
    """
    first, rest = hits[:_RANKED_AGAIN], hits[_RANKED_AGAIN:]
    spoken = {hit.passage.id: _speaks(hit, asked, enough) for hit in first}
    best = max(spoken.values(), key=lambda each: (each.enough, each.evidence), default=Speaks())
    if any(hit.reranked or hit.nearness is not None for hit in first):
        return _varied(hits), best._replace(strong=spoken[first[0].passage.id].strong)  # the first is quoted
    first = sorted(
        first, key=lambda hit: -spoken[hit.passage.id].evidence - _closeness(hit.passage, asked, question)
    )
    return _varied(first + rest), best


def _varied(hits: list[Hit]) -> list[Hit]:
    """Passages in their order, but of each document the first few before what more there is of any."""
    seen: Counter[str] = Counter()
    ahead: list[Hit] = []
    behind: list[Hit] = []
    for hit in hits:
        seen[hit.passage.document] += 1
        (ahead if seen[hit.passage.document] <= _OF_ONE else behind).append(hit)
    return ahead + behind


def _speaks(hit: Hit, asked: Asked, enough: Enough) -> Speaks:
    share = asked.share_in(readable(hit.passage))
    if hit.nearness is None:
        return Speaks(share, share >= enough.words, share >= STRONG)
    evidence = max(hit.nearness, 0.0) + _WORDS_BESIDE_MEANING * share
    return Speaks(evidence, evidence >= enough.meaning, evidence >= enough.certain)


def _closeness(passage: Passage, asked: Asked, question: str) -> float:
    """What else speaks for a passage: one sentence holds many of the words, one a value as asked for."""
    pieces = sentences(passage.text)
    heading = passage.heading[-1] if passage.heading else ""
    nearest = max((asked.share_in(f"{heading}\n{piece}") for piece in pieces), default=0.0)
    return 0.3 * nearest + 0.15 * any(expected(question, piece) for piece in pieces)


def _was_said(question: Question) -> bool:
    """Whether the conversation itself holds what is asked ("what is my name?")."""
    said = (f"{turn.question}\n{turn.answer}" for turn in question.turns if turn.kind != "refused")
    return Asked.of(question.text).share_in("\n".join(said)) >= 0.5


def _led_up_to(question: Question) -> str:
    """The earlier questions that this one follows up, back to one that stands by itself; at most three."""
    before: list[str] = []
    text = question.text
    for turn in reversed(question.turns[-3:]):
        if not follows_up(text):
            break
        before.append(turn.question)
        text = turn.question
    return "\n".join(before)


def _by_itself(question: Question) -> Question | None:
    """A question without the earlier ones that it need not follow up; None where it leans on them all.

    "What does a hotel cost?" says so little that it may follow up, but what was refused before it has
    nothing to add. So may a question that it follows up: the first such one ends what led up to it.
    """
    told = [question.text, *(turn.question for turn in reversed(question.turns[-3:]))]
    for leads, text in enumerate(told[:-1]):
        if not points_back(text):
            kept = question.turns[len(question.turns) - leads :]
            return replace(question, turns=kept) if follows_up(text) else None
    return None


def _nothing_found(question: Question) -> str:
    names = [document.title for document in question.documents]
    where = _where(question, *names) if len(names) == 1 else _where(question)
    return f"I don't know: I found nothing about this in {where}."


def _where(question: Question, own: str = "the files of this thread") -> str:
    """Where an answer is looked for; the team's documents are many, and go without their names."""
    return " and ".join([*[own] * bool(question.documents), *[TEAM] * bool(question.team)])
