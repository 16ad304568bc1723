"""`chasqui eval kb`: how well the team's documents are found, and what they do not hold is refused."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bots import eval_answers, eval_plot, wiring
from bots.output import print_json, print_table
from bots.question_sets import Place, QuestionSet, TestQuestion, read, sampled
from bots.settings import Settings
from bots.store import redis
from core.audience import PUBLIC
from core.errors import UserError
from core.grounding import Question, search, weighed
from core.knowledge import one_per_section
from core.library import Library
from core.measures import Point, rank, recall, reciprocal_rank, risk_coverage, separation
from core.profiles import Enough
from core.team import TeamDocuments
from core.types import Document, Hit, ThreadId, Turn

_DEPTHS = (1, 3, 5, 10)
_ANY = Enough(0.0, 0.0)
_THREAD = ThreadId("terminal", "eval")


@dataclass(frozen=True, slots=True)
class Looked:
    """What a search found to a question: where the first right place stands, by how it is counted, and how
    much evidence there is for an answer.
    """

    question: TestQuestion
    ranks: dict[str, int]
    evidence: float
    seconds: float


async def evaluate(
    settings: Settings,
    files: Sequence[Path],
    *,
    answers: bool,
    sample: int | None,
    plot: Path | None,
    as_json: bool,
) -> int:
    """Measure the knowledge base as it stands; with `answers` the model answers too, maybe a `sample`."""
    asked = read(files)
    async with redis(settings) as store, wiring.library(settings, store) as (library, known):
        documents = await known.team.visible([PUBLIC])
        missing = lacking(asked, [known.team.entry(document.id).path for document in documents])
        looked = [await _look(each, library, known.team, documents) for each in asked.questions]
    about = {"documents": len(documents), "lacking": missing, "compared": known.compared}
    report = _report(looked) | about
    if answers:
        chosen = sampled(asked.questions, sample or len(asked.questions))
        evidence = {each.question.id: each.evidence for each in looked}
        report["answers"] = await eval_answers.ask_all(settings, chosen, evidence)
    if plot and report["curves"]:
        await asyncio.to_thread(plot.write_text, eval_plot.drawn(_curves(looked)), encoding="utf-8")
    if as_json:
        print_json(report)
    else:
        _print(report, asked)
    return 0


def lacking(asked: QuestionSet, paths: Sequence[str]) -> list[str]:
    """The files that answer questions and are not in the knowledge base. Raises UserError where all are."""
    wanted = dict.fromkeys(gold.file for each in asked.questions for gold in each.gold)
    missing = [file for file in wanted if not any(Place(file=file).holds(path, None) for path in paths)]
    if missing and len(missing) == len(wanted):
        how = f" To obtain them: {asked.how_to_obtain}" if asked.how_to_obtain else ""
        raise UserError(
            f"None of the {len(wanted)} files that answer these questions is among the public documents. "
            f"Add them with `chasqui kb add`.{how}"
        )
    return missing


def as_asked(asked: TestQuestion, documents: Sequence[Document]) -> Question:
    """A test question as it is asked in a thread without files."""
    turns = [Turn(str(n), text, "", "answered", 0.0) for n, text in enumerate(asked.before)]
    return Question(_THREAD, asked.question, turns=turns, team=documents)


def ranks(asked: TestQuestion, found: Sequence[Hit], team: TeamDocuments) -> dict[str, int]:
    """Where the first right place stands among the sections found; 0 where none does."""
    passages = [hit.passage for hit in one_per_section(found)]
    places = [(team.entry(passage.document).path, passage.anchor) for passage in passages]
    return {
        f"{level} {counted}": rank([_is_hit(gold, path, anchor) for path, anchor in at])
        for counted, gold in (("strict", asked.gold), ("lenient", asked.gold + asked.also_acceptable))
        for level, at in (("section", places), ("page", [(path, None) for path, _ in places]))
    }


async def _look(
    asked: TestQuestion, library: Library, team: TeamDocuments, documents: Sequence[Document]
) -> Looked:
    question = as_asked(asked, documents)
    began = time.perf_counter()
    found = await search(question, library)
    took = time.perf_counter() - began
    _, best = await weighed(question, found, library, _ANY)
    return Looked(asked, ranks(asked, found, team), best.evidence, took)


def _is_hit(gold: Sequence[Place], path: str, anchor: str | None) -> bool:
    return any(place.holds(path, anchor) for place in gold)


def _report(looked: Sequence[Looked]) -> dict[str, Any]:
    answerable = [each for each in looked if each.question.answerable]
    names = answerable[0].ranks if answerable else ()
    seconds = sorted(each.seconds for each in looked)
    return {
        "questions": dict(Counter(each.question.kind for each in looked)),
        "retrieval": {name: _retrieval([each.ranks[name] for each in answerable]) for name in names},
        "search_ms": {"p50": round(1000 * seconds[len(seconds) // 2], 1)} if seconds else {},
        "separation": {kind: round(separation(*both), 3) for kind, both in _evidence(looked).items()},
        "curves": {kind: [asdict(point) for point in curve] for kind, curve in _curves(looked).items()},
        "each": [
            {
                "id": each.question.id,
                "rank": each.ranks["section strict"],
                "evidence": round(each.evidence, 3),
            }
            for each in looked
        ],
    }


def _retrieval(ranks: Sequence[int]) -> dict[str, Any]:
    measured = {f"recall@{depth}": recall(ranks, depth) for depth in _DEPTHS}
    measured["mrr@10"] = reciprocal_rank(ranks)
    return {name: asdict(value) for name, value in measured.items()}


def _evidence(looked: Sequence[Looked]) -> dict[str, tuple[list[float], list[float]]]:
    """Of each kind that nothing answers: the evidence of all that can be answered, and of these."""
    answerable = [each.evidence for each in looked if each.question.answerable]
    kinds = dict.fromkeys(each.question.kind for each in looked if not each.question.answerable)
    of_kind = {kind: [e.evidence for e in looked if e.question.kind == kind] for kind in kinds}
    return {kind: (answerable, others) for kind, others in of_kind.items() if answerable}


def _curves(looked: Sequence[Looked]) -> dict[str, list[Point]]:
    return {kind: risk_coverage(*both) for kind, both in _evidence(looked).items()}


def _print(report: dict[str, Any], asked: QuestionSet) -> None:
    counts = ", ".join(f"{number} {kind}" for kind, number in report["questions"].items())
    print(f"{counts}; {report['documents']:,} public documents.")
    if report["lacking"]:
        print(f"Not in the knowledge base, so counted as not found: {', '.join(report['lacking'])}.")
        print(f"To obtain them: {asked.how_to_obtain}" if asked.how_to_obtain else "`chasqui kb add` them.")
    if report["retrieval"]:
        rows = [(name, *map(_shown, measured.values())) for name, measured in report["retrieval"].items()]
        again = f", {each} passages read again included" if (each := report["compared"]) else ""
        took = f"{report['search_ms']['p50']} ms (p50{again})"
        print(f"\nWhere the first right place stands; a search took {took}")
        print_table(("", *next(iter(report["retrieval"].values()))), rows)
    if report["curves"]:
        _print_curves(report)
    if "answers" in report:
        eval_answers.print_answers(report["answers"])


def _print_curves(report: dict[str, Any]) -> None:
    """What each tenth of evidence as the least one refuses, and lets through."""
    curves = {kind: [Point(**each) for each in curve] for kind, curve in report["curves"].items()}
    rows = []
    for tenth in range(11):
        at = {kind: _point(curve, tenth / 10) for kind, curve in curves.items()}
        covered = next(iter(at.values())).covered
        rows.append((f"{tenth / 10:.1f}", f"{1 - covered:.2f}", *(f"{at[kind].false:.2f}" for kind in at)))
    print("\nWith so much evidence at least: answerable questions refused, and others let through")
    print_table(("EVIDENCE", "REFUSED", *(kind.upper() for kind in curves)), rows)


def _point(curve: Sequence[Point], threshold: float) -> Point:
    """The point of a threshold; above the last one everything is refused."""
    return next((point for point in curve if point.threshold >= threshold), Point(threshold, 0.0, 0.0))


def _shown(value: dict[str, float]) -> str:
    return f"{value['value']:.3f} ({value['low']:.2f}-{value['high']:.2f})"
