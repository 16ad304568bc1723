"""Measures of retrieval and refusing against values worked out by hand."""

import pytest

from core.measures import Estimate, Point, estimate, rank, recall, reciprocal_rank, risk_coverage, separation


def test_the_rank_is_the_place_of_the_first_wanted_one() -> None:
    """Places count from 1; what was not found has none."""
    assert rank([False, True, False, True]) == 2
    assert rank([False, False]) == rank([]) == 0


def test_recall_counts_questions_whose_place_is_early_enough() -> None:
    """Of ranks 1, 3, none and 6: one is first, two are among five, three among ten."""
    ranks = [1, 3, 0, 6]
    assert [recall(ranks, k).value for k in (1, 3, 5, 10)] == [0.25, 0.5, 0.5, 0.75]


def test_the_mean_reciprocal_rank_gives_nothing_for_late_places() -> None:
    """(1 + 1/2 + 0 + 1/4) / 4, and what comes at place 11 counts as not found."""
    assert reciprocal_rank([1, 2, 0, 4]).value == pytest.approx(0.4375)
    assert reciprocal_rank([11, 10]).value == pytest.approx(0.05)


def test_an_interval_holds_its_mean_and_is_narrower_with_more_questions() -> None:
    """Of 10 questions with 5 hits it lies about 0.31 around the half, of 1,000 about 0.031."""
    few, many = estimate([0.0, 1.0] * 5), estimate([0.0, 1.0] * 500)
    assert few.value == many.value == 0.5
    assert (few.low, few.high) == pytest.approx((0.2, 0.8), abs=0.11)
    assert (many.low, many.high) == pytest.approx((0.469, 0.531), abs=0.005)
    assert estimate([1.0, 1.0]) == Estimate(1.0, 1.0, 1.0)
    assert estimate([0.0, 1.0] * 5) == few


def test_the_curve_has_a_point_for_each_threshold_that_makes_a_difference() -> None:
    """Refusing below 0.5 keeps two of three that can be answered, and one of two that cannot."""
    assert risk_coverage([0.2, 0.5, 0.9], [0.1, 0.5]) == [
        Point(0.0, 1.0, 1.0),
        Point(0.1, 1.0, 1.0),
        Point(0.2, 1.0, 0.5),
        Point(0.5, 2 / 3, 0.5),
        Point(0.9, 1 / 3, 0.0),
    ]


def test_the_separation_is_how_often_the_answerable_one_has_more_evidence() -> None:
    """Of four pairs three are in the right order, and one is equal: 3.5 of 4."""
    assert separation([0.9, 0.5], [0.5, 0.1]) == pytest.approx(0.875)
    assert separation([0.1], [0.9]) == 0.0


def test_measures_of_nothing_are_refused() -> None:
    """A mean without questions is a mistake of whoever asks, not a zero."""
    for measure in (lambda: estimate([]), lambda: risk_coverage([], [1.0]), lambda: separation([1.0], [])):
        with pytest.raises(ValueError, match=r"needs|nothing"):
            measure()
