"""What an answer was worth: from what is known of it at its end to the outcome that people see."""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from textwrap import shorten

import regex
import structlog

from core.abstentions import abstains
from core.addresses import LOST
from core.citations import Named, citation, cite, resolve
from core.draft import Draft
from core.errors import StreamBroken
from core.evidence import nearest, readable
from core.file_names import NO_FILE
from core.quotations import misquoted
from core.story import tally
from core.terms import sentences
from core.types import Citation, Document, Finish, Hit, Outcome, OutcomeKind, Passage, Usage
from core.window import Fitted

log = structlog.get_logger()

TEAM = "the team's documents"
"""How people are told of them, however many there are: no name of one stands where it is not a source."""

_MISSES = 3
"""Places that are named where nothing answers a question."""

_NEAR = 4
"""Passages of a whole document that are looked at for each sentence of an answer."""

_VISIBLE = regex.compile(r"[[\p{L}\p{N}\p{P}\p{S}]--[\u115f\u1160\u2800\u3164\uffa0]]", regex.VERSION1)
"""A character that people see; the last ones are letters and signs without a shape."""

BROKEN, INTERRUPTED = "broken", "interrupted"
"""How a stream ended that no engine ended: it failed after visible text, or its worker was lost."""
_WHY = {
    "length": "The answer ends here because it reached its longest length.",
    BROKEN: StreamBroken.advice,
    INTERRUPTED: "The answer was interrupted, so it stops here. Ask again for the rest.",
}
_NO_SOURCE = "No source is named, because no passage that was read bears this answer out."
_GONE = f"Some of what was read for this answer has left {TEAM} since, and is not named as a source."


@dataclass(slots=True)
class Progress:
    """What is known of an answer in the making, so that it can end well at any moment.

    `question` is what was asked and `shown` the text that people see; `sent` are the passages in the prompt;
    `read` says how much of a whole document was read; `ended` is how the model's stream ended.
    `tokens_before` were said to another worker, `pieces` to this one, and `spent` is what the prompts before
    this one used up.
    """

    question: str = ""
    shown: str = ""
    sent: tuple[Hit, ...] = ()
    read: str = ""
    left_out: list[str] = field(default_factory=list)
    spent: Usage = field(default_factory=Usage)
    prompt_tokens: int = 0
    tokens_before: int = 0
    pieces: int = 0
    replica: str = ""
    ended: Finish | None = None
    started: float = field(default_factory=time.monotonic)
    first_token_ms: float | None = None

    def asks(self, tokens: int) -> None:
        """Note that a prompt is sent; the one before counts if anything was said to it."""
        used = self.ended.usage if self.ended else self.usage()
        if used.completion_tokens:
            self.spent = _sum(self.spent, used)
        self.prompt_tokens, self.tokens_before, self.pieces, self.ended = tokens, 0, 0, None

    def received(self, text: str) -> None:
        """Note a piece of the model's text."""
        if text:
            self.pieces += 1
            if self.first_token_ms is None:
                self.first_token_ms = self.elapsed_ms()

    def ends(self, finish: Finish) -> None:
        """Note how the stream ended; an engine that was given what was said before did not count that."""
        usage = finish.usage
        if self.tokens_before and usage.completion_tokens:
            usage = Usage(self.prompt_tokens, self.tokens_before + usage.completion_tokens)
        self.ended = replace(finish, usage=usage)

    def ends_here(self, reason: str) -> None:
        """Note that the stream ended, though no engine ended it."""
        self.ended = Finish(reason, self.usage())

    def usage(self) -> Usage:
        """What was used up to now, as far as we can count it."""
        return Usage(self.prompt_tokens, self.tokens_before + self.pieces)

    def elapsed_ms(self) -> float:
        return round((time.monotonic() - self.started) * 1000, 1)

    def outcome(self, kind: OutcomeKind, why: str = "", *, citations: tuple[Citation, ...] = ()) -> Outcome:
        """The outcome as things stand now."""
        ended = self.ended
        said = bool(self.shown.strip()) or kind == "refused"
        by_engine = ended is not None and ended.reason not in (BROKEN, INTERRUPTED)
        return Outcome(
            kind=kind,
            answer=self.shown.strip(),
            why=why,
            citations=citations,
            hits=self.sent,
            nearest=nearest_misses(self.sent, self.question) if kind == "refused" else (),
            left_out=(*((self.read,) if self.read and said else ()), *self.left_out),
            usage=_sum(self.spent, ended.usage if ended else self.usage()),
            finish_reason=ended.reason if ended and by_engine else None,
            first_token_ms=self.first_token_ms,
            total_ms=self.elapsed_ms(),
            replica=self.replica,
        )


def alone(progress: Progress) -> Outcome:
    """The outcome of an answer that stands on no passage."""
    if not _VISIBLE.search(progress.shown):
        return progress.outcome("failed", "The model gave no answer. Please ask again in other words.")
    why = _WHY.get(progress.ended.reason) if progress.ended else None
    return progress.outcome("partial", why) if why else progress.outcome("answered")


def interrupted(progress: Progress) -> Outcome:
    """The outcome of an answer that another worker began, and with which this one cannot go on."""
    progress.ends_here(INTERRUPTED)
    return alone(progress)


def nearest_misses(hits: Sequence[Hit], question: str) -> tuple[Citation, ...]:
    """Where something that is near to an answer stands, and in what words: at most so many places."""
    places = {hit.passage.place: hit.passage for hit in reversed(hits)}
    return tuple(citation(passage, question) for passage in list(places.values())[: -_MISSES - 1 : -1])


def _sum(one: Usage, other: Usage) -> Usage:
    return Usage(one.prompt_tokens + other.prompt_tokens, one.completion_tokens + other.completion_tokens)


def grounded(
    progress: Progress,
    draft: Draft,
    question: str,
    documents: Sequence[Document],
    *,
    checked: bool,
    noted: bool = False,
    gone: Collection[str] = (),
) -> Outcome:
    """The outcome of an answer from passages: its sources, or the refusal that it turned out to be.

    Where the model was sent `noted` passages as notes, the numbers that it names are not theirs. What stood
    in documents that are `gone`, by their ids, is no source any more.
    """
    shown = progress.shown.strip()
    if noted:
        progress.sent = _near(progress.sent, shown)
    passages = [hit.passage for hit in progress.sent]
    named = Named((), 0) if noted else resolve(draft.trailer, draft.marks, passages)
    if named.unresolved or draft.dropped:
        log.info("answer.unsupported", sources=named.unresolved, sentences=draft.dropped)
        tally().sources_dropped, tally().sentences_dropped = named.unresolved, draft.dropped
    progress.sent = tuple(hit for hit in progress.sent if hit.passage.document not in gone)
    there = [hit.passage for hit in progress.sent]
    numbers = [there.index(found) + 1 for n in named.numbers if (found := passages[n - 1]) in there]
    cited = cite(shown.replace(LOST, "").replace(NO_FILE, ""), question, there, numbers)
    if not shown and checked:
        return progress.outcome(
            "refused", f"I don't know: nothing in {titles(documents)} bears out an answer to this."
        )
    if shown and abstains(shown):
        return progress.outcome("refused", f"The model found no answer in {titles(documents)}.")
    progress.left_out += misquotations(shown, passages)
    if gone:
        progress.left_out.append(_GONE)
    elif shown and not cited:
        progress.left_out.append(_NO_SOURCE)
    return replace(alone(progress), citations=cited)


def _near(hits: Sequence[Hit], shown: str) -> tuple[Hit, ...]:
    """Of many passages those that may bear a sentence of the answer out."""
    passages = [hit.passage for hit in hits]
    near = {p.id for sentence in sentences(shown) for p in nearest(passages, sentence, _NEAR)}
    return tuple(hit for hit in hits if hit.passage.id in near)


def joined(
    progress: Progress, cited: Sequence[Citation], missing: Sequence[str], documents: Sequence[Document]
) -> Outcome:
    """The outcome of an answer that was made part by part; `missing` says what it lacks."""
    if not _VISIBLE.search(progress.shown):
        return progress.outcome("refused", f"I don't know: I found nothing of this in {titles(documents)}.")
    kind: OutcomeKind = "partial" if missing else "answered"
    return progress.outcome(kind, " ".join(missing), citations=once(cited))


def once(cited: Sequence[Citation]) -> tuple[Citation, ...]:
    """Each place once, in the order of `cited`."""
    return tuple({(c.title, c.heading, c.page): c for c in reversed(cited)}.values())[::-1]


def misquotations(shown: str, passages: Sequence[Passage]) -> list[str]:
    """A sentence about what stands in quotation marks and in no passage; at most three are named."""
    wrong = misquoted(shown, map(readable, passages))
    if not wrong:
        return []
    named = ", ".join(f"“{shorten(quotation, 80, placeholder=' …')}”" for quotation in wrong[:3])
    return [f"Not a quotation, since it stands in no passage that was read: {named}."]


def left_out(fitted: Fitted) -> list[str]:
    """What of the conversation did not go into the window, in sentences for people."""
    notes = []
    if fitted.turns_left_out:
        turns = "turn" if fitted.turns_left_out == 1 else f"{fitted.turns_left_out} turns"
        notes.append(f"Left out the oldest {turns} of this thread.")
    if fitted.question_cut:
        notes.append("Read only the beginning and the end of the question.")
    return notes


def best_of(read: int, documents: Sequence[Document]) -> str:
    """How much an answer to a question stands on that was given so many passages."""
    there = sum(len(document.passages) for document in documents)
    if read >= there:
        return f"Read all of {titles(documents)}."
    return f"Read the best {read} of {there:,} passages of {titles(documents)}."


def extent(read: Sequence[Passage], documents: Sequence[Document], parts: int = 1) -> str:
    """How much of whole documents was read. A section counts once all of it was."""
    done = {passage.id for passage in read}
    there = {passage.id: passage for document in documents for passage in document.passages}
    sections = {(passage.document, passage.section) for passage in there.values()}
    begun = {(p.document, p.section) for p in there.values() if p.id not in done}
    whole, in_parts = len(sections - begun), f", in {parts} parts" if parts > 1 else ""
    if not begun:
        much = "all" if len(sections) == 1 else f"all {len(sections):,} sections"
    elif whole:
        much = f"{whole:,} of {len(sections):,} sections"
    else:
        much = f"{len(there.keys() & done):,} of {len(there):,} passages"
    return f"Read {much} of {titles(documents)}{in_parts}."


def titles(documents: Sequence[Document]) -> str:
    """The names of documents for a sentence."""
    own = [document for document in documents if document.audience.kind == "thread"]
    names = list(dict.fromkeys(document.title for document in own))
    named = names if len(names) < 3 else [f"{len(names)} files"]
    return " and ".join([*named, *[TEAM] * (len(own) < len(documents))])
