"""Measures of retrieval and of refusing over test questions: pure values, shares from 0 to 1."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from statistics import fmean

_RESAMPLES = 2000
_LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over questions, and between what it would lie with other questions of the same kind."""

    value: float
    low: float
    high: float


def rank(wanted: Iterable[bool]) -> int:
    """The place, from 1, of the first thing found that is wanted; 0 where none is."""
    return next((place for place, each in enumerate(wanted, 1) if each), 0)


def recall(ranks: Sequence[int], k: int) -> Estimate:
    """How many questions have what they want among the first `k`."""
    return estimate([float(0 < each <= k) for each in ranks])


def reciprocal_rank(ranks: Sequence[int], k: int = 10) -> Estimate:
    """The mean of 1/rank, where what comes after the first `k` counts nothing (MRR@k)."""
    return estimate([1 / each if 0 < each <= k else 0.0 for each in ranks])


def estimate(values: Sequence[float]) -> Estimate:
    """The mean with its 95 % interval: the percentile bootstrap of B. Efron (Annals of Statistics, 1979).

    Of the same values always the same. Raises ValueError without values.
    """
    if not values:
        raise ValueError("there is nothing to take a mean of")
    chance = random.Random(0)  # noqa: S311 - no secret
    means = sorted(fmean(chance.choices(values, k=len(values))) for _ in range(_RESAMPLES))
    outside = round((1 - _LEVEL) / 2 * _RESAMPLES)
    return Estimate(fmean(values), means[outside], means[-outside - 1])


@dataclass(frozen=True, slots=True)
class Point:
    """What becomes of questions when those with less evidence than `threshold` are refused.

    `covered` is the share of answerable questions that are not refused, `false` that of the others.
    """

    threshold: float
    covered: float
    false: float


def risk_coverage(answerable: Sequence[float], others: Sequence[float]) -> list[Point]:
    """A point for each threshold that makes a difference, the least one first.

    The risk-coverage curve of selective answering (R. El-Yaniv, Y. Wiener, JMLR 11, 2010), with answers to
    what cannot be answered as the risk. Raises ValueError where one of the two is empty.
    """
    if not answerable or not others:
        raise ValueError("a curve needs questions of both kinds")
    thresholds = sorted({0.0, *chain(answerable, others)})
    return [Point(each, _at_least(answerable, each), _at_least(others, each)) for each in thresholds]


def _at_least(values: Sequence[float], threshold: float) -> float:
    return sum(value >= threshold for value in values) / len(values)


def separation(answerable: Sequence[float], others: Sequence[float]) -> float:
    """How often an answerable question has more evidence than another (the area under the ROC curve)."""
    if not answerable or not others:
        raise ValueError("a comparison needs questions of both kinds")
    won = sum((one > other) + 0.5 * (one == other) for one in answerable for other in others)
    return won / (len(answerable) * len(others))
