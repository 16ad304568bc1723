"""What a passage bears out of what an answer claims."""

from dataclasses import replace

import pytest
from hypothesis import given

from core.claims import bearing, bears_out
from core.types import Passage
from tests.core.hostile import STEADY, texts
from tests.core.test_evidence import LEAVE, QUESTION


@pytest.mark.parametrize(
    ("sentence", "question", "borne_out"),
    [
        ("New staff get 20 days of leave.", QUESTION, True),
        ("They get twenty days in their first year.", QUESTION, True),
        ("New staff get 30 days of leave.", QUESTION, False),
        ("New staff get 20.5 days of leave.", QUESTION, False),
        ("Dana Ito keeps the list.", "Who keeps the list?", True),
        ("The list is kept by Peter Pan.", "Who keeps the list?", False),
        ("Yes.", "Do new staff get days of leave?", True),
        ("Yes.", "Is there a swimming pool for elephants?", False),
        ("Whales sing at night in deep waters.", QUESTION, False),
    ],
)
def test_a_passage_bears_out_only_what_it_says(sentence: str, question: str, borne_out: bool) -> None:
    """Every number and name must stand there, and most other words."""
    assert bears_out(LEAVE, sentence, question) is borne_out


COSTS = Passage(
    "2", "d", "costs.md", "Alpha costs 5 euros, and a night in the Lima hotel 80. Its key is red."
)


@pytest.mark.parametrize("literal", [False, True])
@pytest.mark.parametrize(
    ("sentence", "question", "borne_out"),
    [
        ("Alpha costs 5 euros.", "What does Alpha cost?", True),
        ("Beta costs 5 euros.", "What does Beta cost?", False),
        ("A night in the Lima hotel is 80 euros.", "How much is a night in the Lima hotel?", True),
        ("A night in the Quito hotel is 80 euros.", "How much is a night in the Quito hotel?", False),
        ("It costs 80 euros.", "What does a night in the Lima hotel cost?", True),
        ("It costs 80 euros.", "What does a night in the Quito hotel cost?", False),
        ("A night in the cabin costs 80 euros.", "What does a night in the cabin cost?", False),
        ("The key of the hotel in Lima is red.", "What color has the key of the Lima hotel?", True),
        ("The key of server db7 is red.", "Which key has server db7?", False),
        ("It is room 7 for 80 euros.", "What does room 7 cost?", False),
    ],
)
def test_a_question_proves_nothing(sentence: str, question: str, borne_out: bool, literal: bool) -> None:
    """What it names must stand in the passage too, or the answer is true of something else."""
    assert bears_out(COSTS, sentence, question, literal=literal) is borne_out


def test_yes_is_about_the_subject_of_the_question() -> None:
    """Not about another one of which the same is said."""
    assert bears_out(COSTS, "Yes.", "Does a night in the Lima hotel cost 80 euros?")
    assert not bears_out(COSTS, "Yes.", "Does a night in the Quito hotel cost 80 euros?")
    assert bears_out(COSTS, "It costs 80 euros.", "Does a night in the Lima hotel cost 80 euros on Mondays?")


def test_the_page_of_a_passage_is_no_number_of_its_answer() -> None:
    """It may be named, and no other."""
    paged = replace(LEAVE, page=3)

    assert bears_out(paged, "According to page 3, new staff get 20 days of leave.", QUESTION)
    assert not bears_out(paged, "According to page 7, new staff get 20 days of leave.", QUESTION)
    assert not bears_out(paged, "New staff get 3 days of leave.", QUESTION)


@pytest.mark.parametrize(
    ("answer", "sources"),
    [
        ("Alpha costs 5 euros and Beta costs 7 euros.", ["a", "b"]),
        ("Alpha is 5 euros, whereas Beta is 7 euros, and Gamma is 9 euros.", ["a", "b", "c"]),
        ("Alpha costs 7 euros and Beta costs 5 euros.", []),
        ("Alpha and Beta cost 5 euros.", []),
        ("The red office of Alpha and the one of Beta closed in 2019.", []),
        ("Alpha costs 5 euros and Delta costs 9 euros.", []),
    ],
)
def test_a_sentence_of_several_things_stands_on_a_passage_for_each(answer: str, sources: list[str]) -> None:
    """Each clause must be borne out by one, and must say something of its own."""
    passages = [
        Passage("a", "a", "a", "Alpha costs 5 euros. The Alpha office is red."),
        Passage("b", "b", "b", "Beta costs 7 euros. Beta closed in 2019."),
        Passage("c", "c", "c", "Gamma costs 9 euros."),
    ]
    found = bearing(passages, answer, "What is the difference between Alpha, Beta and Gamma?")

    assert [passage.id for passage in found] == sources


@pytest.mark.parametrize("sign", ["A", "a, ", "Ab ", "a and B5, ", "5", " ", "Ab/", "it. ", "page 7 "])
def test_a_model_run_wild_is_judged_at_once(sign: str) -> None:
    """A sentence without end is a sentence."""
    assert bearing([LEAVE, COSTS] * 3, sign * 20_000, "What is A5 of Ab?") == []


def test_a_literal_model_must_not_mix_up_neighbours() -> None:
    """The number of the next sentence does not answer the question, though the passage holds it."""
    mixed = "New staff get 25 days of leave."

    assert bears_out(LEAVE, mixed, QUESTION)
    assert not bears_out(LEAVE, mixed, QUESTION, literal=True)
    assert bears_out(LEAVE, "New staff get 20 days of leave.", QUESTION, literal=True)
    assert not bears_out(LEAVE, "New staff get days of leave.", QUESTION, literal=True)


def test_a_heading_alone_is_no_answer_of_a_literal_model() -> None:
    """It tells where something stands, and nothing about it."""
    vacuum = Passage("1", "d", "25.1. Vacuuming", "Plain vacuuming is allowed only for owners.")

    assert not bears_out(vacuum, "25.1. Vacuuming", "What about the vacuum?", literal=True)


@STEADY
@given(*[texts] * 3)
def test_any_sentence_is_judged(written: str, question: str, sentence: str) -> None:
    """Of any text, for any question."""
    for literal in (False, True):
        assert bears_out(Passage("1", "d", "t", written), sentence, question, literal=literal) in (
            True,
            False,
        )
