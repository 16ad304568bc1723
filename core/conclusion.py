"""What an answer was worth: from what is known of it at its end to the outcome that people see."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import regex
import structlog

from core.addresses import LOST
from core.citations import cite, resolve
from core.draft import Draft
from core.errors import StreamBroken
from core.evidence import abstains
from core.types import Citation, Document, Finish, Hit, Outcome, OutcomeKind, Usage
from core.window import Fitted

log = structlog.get_logger()

_VISIBLE = regex.compile(r"[[\p{L}\p{N}\p{P}\p{S}]--[\u115f\u1160\u2800\u3164\uffa0]]", regex.VERSION1)
"""A character that people see; the last ones are letters and signs without a shape."""

BROKEN, INTERRUPTED = "broken", "interrupted"
"""How a stream ended that no engine ended: it failed after visible text, or its worker was lost."""
_WHY = {
    "length": "The answer ends here because it reached its longest length.",
    BROKEN: StreamBroken.advice,
    INTERRUPTED: "The answer was interrupted, so it stops here. Ask again for the rest.",
}


@dataclass(slots=True)
class Progress:
    """What is known of an answer in the making, so that it can end well at any moment.

    `shown` is the text that people see; `sent` are the passages in the prompt; `ended` is how the
    model's stream ended. `tokens_before` were said to another worker, `pieces` to this one.
    """

    shown: str = ""
    sent: tuple[Hit, ...] = ()
    left_out: list[str] = field(default_factory=list)
    prompt_tokens: int = 0
    tokens_before: int = 0
    pieces: int = 0
    replica: str = ""
    ended: Finish | None = None
    started: float = field(default_factory=time.monotonic)
    first_token_ms: float | None = None

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
        by_engine = ended is not None and ended.reason not in (BROKEN, INTERRUPTED)
        return Outcome(
            kind=kind,
            answer=self.shown.strip(),
            why=why,
            citations=citations,
            hits=self.sent,
            left_out=tuple(self.left_out),
            usage=ended.usage if ended else self.usage(),
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


def grounded(
    progress: Progress, draft: Draft, question: str, documents: Sequence[Document], *, checked: bool
) -> Outcome:
    """The outcome of an answer from passages: its sources, or the refusal that it turned out to be."""
    passages = [hit.passage for hit in progress.sent]
    shown = progress.shown.strip()
    named = resolve(draft.trailer, draft.marks, passages)
    if named.unresolved or draft.dropped:
        log.info("answer.unsupported", sources=named.unresolved, sentences=draft.dropped)
    cited = cite(shown.replace(LOST, ""), question, passages, named.numbers)
    if not shown and checked:
        return progress.outcome(
            "refused", f"I don't know: nothing in {titles(documents)} bears out an answer to this."
        )
    if shown and abstains(shown):
        return progress.outcome("refused", f"The model found no answer in {titles(documents)}.")
    if shown and not cited:
        progress.left_out.append(
            "No source is named, because no passage that was read bears this answer out."
        )
    return replace(alone(progress), citations=cited)


def left_out(fitted: Fitted, documents: Sequence[Document]) -> list[str]:
    """What did not go into the window, in sentences for people."""
    notes = []
    if fitted.passages:
        read = len({(passage.document, passage.section) for passage in fitted.passages})
        there = sum(document.sections for document in documents)
        passages = sum(len(document.passages) for document in documents)
        if read < there:
            notes.append(f"Read {read} of {there} sections of {titles(documents)}.")
        elif len(fitted.passages) < passages:
            notes.append(f"Read {len(fitted.passages)} of {passages:,} passages of {titles(documents)}.")
    if fitted.turns_left_out:
        turns = "turn" if fitted.turns_left_out == 1 else f"{fitted.turns_left_out} turns"
        notes.append(f"Left out the oldest {turns} of this thread.")
    if fitted.question_cut:
        notes.append("Read only the beginning and the end of the question.")
    return notes


def titles(documents: Sequence[Document]) -> str:
    """The names of documents for a sentence."""
    names = list(dict.fromkeys(document.title for document in documents))
    return " and ".join(names) if len(names) < 3 else f"{len(names)} files"
