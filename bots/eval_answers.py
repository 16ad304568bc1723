"""What the model makes of test questions: answers, refusals, and where their sources lead to."""

import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from urllib.parse import unquote, urlsplit

from rich.console import Console
from rich.progress import Progress

from adapters.terminal import Terminal
from bots.output import print_table
from bots.question_sets import TestQuestion
from bots.settings import Settings
from bots.terminal import TerminalThread
from bots.wiring import app
from core.types import Outcome


@dataclass(frozen=True, slots=True)
class Answered:
    """A question, how much evidence there is for an answer, and how it ended, after so many seconds."""

    question: TestQuestion
    evidence: float
    outcome: Outcome
    seconds: float

    @property
    def right(self) -> list[bool]:
        """Of each source that is shown: whether it leads to a section that answers the question."""
        places = (*self.question.gold, *self.question.also_acceptable)
        addresses = [urlsplit(cited.url) for cited in self.outcome.citations]
        return [any(place.holds(unquote(at.path), at.fragment) for place in places) for at in addresses]


async def ask_all(
    settings: Settings, questions: Sequence[TestQuestion], evidence: Mapping[str, float]
) -> dict[str, Any]:
    """Ask these questions as people do at a terminal, each in a thread of its own, and count how they end.

    `evidence` is that for an answer to each, by the ids of the questions.
    """
    console = Console(stderr=True)
    answered: list[Answered] = []
    async with app(settings) as ready:
        terminal = Terminal(Console(), console, quiet=True)
        with Progress(console=console, transient=True, disable=not sys.stderr.isatty()) as bar:
            task = bar.add_task("Answering …", total=len(questions))
            for question in questions:
                here = TerminalThread(ready, terminal, None)
                for before in question.before:
                    await here.ask(before)
                began = time.perf_counter()
                outcome = await here.ask(question.question)
                took = time.perf_counter() - began
                answered.append(Answered(question, evidence[question.id], outcome, took))
                bar.advance(task)
    return _report(answered) | {"grounding": settings.answers.grounding.value}


def _report(answered: Sequence[Answered]) -> dict[str, Any]:
    kinds = dict.fromkeys(each.question.kind for each in answered)
    right = [each for one in answered if one.question.answerable for each in one.right]
    return {
        "kinds": {kind: _kind([each for each in answered if each.question.kind == kind]) for kind in kinds},
        "by_evidence": [_with_least(answered, least / 100) for least in range(0, 102, 2)],
        "citations": len(right),
        "citation_precision": sum(right) / len(right) if right else None,
        "seconds": {
            "p50": round(statistics.median(each.seconds for each in answered), 2),
            "total": round(sum(each.seconds for each in answered), 1),
        },
        "each": [
            {
                "id": each.question.id,
                "evidence": round(each.evidence, 3),
                "outcome": each.outcome.kind,
                "answer": each.outcome.answer,
                "citations": [cited.url for cited in each.outcome.citations],
                "seconds": round(each.seconds, 2),
            }
            for each in answered
        ],
    }


def _kind(answered: Sequence[Answered]) -> dict[str, int]:
    ended = [each.outcome.kind for each in answered]
    counts = {kind: ended.count(kind) for kind in ("answered", "partial", "refused", "failed")}
    return {"asked": len(answered), **counts, "cited": sum(bool(each.outcome.citations) for each in answered)}


def _with_least(answered: Sequence[Answered], least: float) -> dict[str, float]:
    """What share of each kind is answered where this is the least evidence, if it is more than it was."""
    shares = {"evidence": least}
    for kind in dict.fromkeys(each.question.kind for each in answered):
        ended = [each for each in answered if each.question.kind == kind]
        said = [each for each in ended if each.outcome.kind != "refused" and each.evidence >= least]
        shares[kind] = len(said) / len(ended)
    return shares


def print_answers(report: dict[str, Any]) -> None:
    """For people; an answer to what nothing answers is a false one."""
    print(f"\nAnswers, with grounding {report['grounding']}")
    rows = [(kind, *map(str, counts.values())) for kind, counts in report["kinds"].items()]
    print_table(("", *(name.upper() for name in next(iter(report["kinds"].values()), {}))), rows)
    both = pairwise(report["by_evidence"])
    if last := [point for point, after in both if _shares(point) != _shares(after)]:
        print("\nWith so much evidence at least, so many of each kind are answered")
        rows = [(f"{at['evidence']:.2f}", *(f"{share:.2f}" for share in _shares(at))) for at in last]
        print_table(("EVIDENCE", *(kind.upper() for kind in report["kinds"])), rows)
    if report["citation_precision"] is not None:
        print(
            f"{report['citation_precision']:.2f} of {report['citations']} sources lead to a right section. "
            f"An answer took {report['seconds']['p50']} s (p50), all {report['seconds']['total']} s."
        )


def _shares(point: Mapping[str, float]) -> list[float]:
    return [share for name, share in point.items() if name != "evidence"]
