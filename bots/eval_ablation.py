"""`chasqui eval kb --ablation`: what each way of finding adds, as a Markdown table for the docs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

from bots.eval_kb import as_asked, lacking, ranks
from bots.knowledge import knowledge
from bots.question_sets import TestQuestion, read
from bots.settings import Settings
from bots.store import redis
from core.audience import PUBLIC
from core.errors import UserError
from core.fusion import FusedIndex, fused
from core.grounding import query
from core.measures import recall, reciprocal_rank
from core.reranking import RerankedIndex
from core.types import Hit

_DEPTH = 100
_RRF = 60
"""As in G. Cormack, C. Clarke, S. Büttcher: Reciprocal Rank Fusion (SIGIR 2009)."""

Hits = Sequence[Hit]
Way = Callable[[Hits, Hits], Hits]
"""One order of what words found and what meaning found."""


def _passages(by_meaning: Hits) -> Hits:
    """As if sections had no vectors of their own."""
    alone = [replace(hit, score=hit.nearness or 0.0) for hit in by_meaning]
    return sorted(alone, key=lambda hit: -hit.score)


def _by_places(one: Hits, other: Hits) -> Hits:
    """Reciprocal rank fusion."""
    scores: dict[str, float] = {}
    for found in (one, other):
        for place, hit in enumerate(found, 1):
            scores[hit.passage.id] = scores.get(hit.passage.id, 0.0) + 1 / (_RRF + place)
    hits = {hit.passage.id: hit for hit in chain(one, other)}
    return [hits[name] for name in sorted(scores, key=lambda name: -scores[name])]


_WHOLE = "both, and the first read again: what people get"
_WAYS: Mapping[str, Way] = {
    "words": lambda words, _: words,
    "meaning, of passages alone": lambda _, meaning: _passages(meaning),
    "meaning, of passages and their sections": lambda _, meaning: meaning,
    "both, by places (RRF, k 60)": _by_places,
    "both, scores added, of passages alone": lambda words, meaning: fused(words, _passages(meaning)),
    "both, scores added, of passages and their sections": fused,
}


async def ablation(settings: Settings, files: Sequence[Path]) -> int:
    """Print how well each way finds. Raises UserError where nothing is found by meaning."""
    asked = read(files)
    answerable = [each for each in asked.questions if each.answerable]
    found: dict[str, list[dict[str, int]]] = {name: [] for name in (*_WAYS, _WHOLE)}
    async with redis(settings) as store, knowledge(settings, store) as known:
        documents = await known.team.visible([PUBLIC])
        if missing := lacking(asked, [known.team.entry(each.id).path for each in documents]):
            raise UserError(f"Not in the knowledge base: {', '.join(missing)}. `chasqui kb add` them first.")
        index = known.index.found if isinstance(known.index, RerankedIndex) else known.index
        if not isinstance(index, FusedIndex) or known.team.without_vectors:
            raise UserError(
                "Not all documents have vectors. Run `chasqui kb sync` with the embeddings first."
            )
        for each in answerable:
            looked_for = query(as_asked(each, documents))
            both = await index.both(looked_for, [PUBLIC], _DEPTH)
            for name, way in _WAYS.items():
                found[name].append(ranks(each, way(*both), known.team))
            found[_WHOLE].append(ranks(each, await index.search(looked_for, [PUBLIC], _DEPTH), known.team))
    _print(answerable, found)
    return 0


def _print(answerable: Sequence[TestQuestion], found: Mapping[str, Sequence[Mapping[str, int]]]) -> None:
    titles = ("recall@5", "MRR@10", "page recall@5", "better than the last", "worse")
    print(f"| found by ({len(answerable)} questions) | {' | '.join(titles)} |")
    print(f"|{'---|' * (len(titles) + 1)}")
    whole = _sections(found[_WHOLE])
    for name, each in found.items():
        sections, pages = _sections(each), [one["page strict"] for one in each]
        figures = recall(sections, 5), reciprocal_rank(sections), recall(pages, 5)
        won_and_lost = _first(sections, whole), _first(whole, sections)
        cells = (name, *(f"{figure.value:.3f}" for figure in figures), *map(str, won_and_lost))
        print(f"| {' | '.join(cells)} |")


def _sections(found: Sequence[Mapping[str, int]]) -> list[int]:
    return [each["section strict"] for each in found]


def _first(ranks: Sequence[int], others: Sequence[int]) -> int:
    """Of how many questions the right section stands further in front, as far as the tenth place."""
    first, second = ([each if 0 < each <= 10 else 11 for each in both] for both in (ranks, others))
    return sum(one < other for one, other in zip(first, second, strict=True))
