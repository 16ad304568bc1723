"""How much of a question a passage holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.evidence import STRONG, Asked, best_sentence, readable
from core.types import Passage
from tests.core.hostile import STEADY, texts
from tests.fakes import spread_of

LEAVE = Passage(
    "1",
    "d",
    "handbook.md",
    "New staff get 20 days of leave in their first year. Later it is 25 days. Dana Ito keeps the list.",
    heading=("Leave",),
)
QUESTION = "How many days of leave do new staff get?"


def share(question: str, *, before: str = "") -> float:
    """How much of a question the passage about leave holds, among others."""
    other = Passage("2", "d", "handbook.md", "Visitors sign in at the desk.")
    return Asked.of(question, before, spread_of(LEAVE, other)).share_in(readable(LEAVE))


def test_a_passage_holds_the_questions_that_it_answers() -> None:
    """Subjects count, asking words hardly, and a subject that is missing everywhere counts most."""
    assert share("How many days of leave do new staff get?") > 0.8
    assert share("How many days of leave do new staff get in the frist yaer?") > STRONG
    assert share("How many days of parental leave do contractors get?") < STRONG
    assert share("What is the wifi password?") == 0.0
    assert share("") == share("???") == 0.0
    assert share("And contractors?") < share(
        "And contractors?", before="How many days of leave do staff get?"
    )


@pytest.mark.parametrize(
    ("question", "about_another"),
    [
        ("When did the Quito office close its doors to all of the visitors?", True),
        ("I work in Quito. When did the Lima office close its doors?", False),
        ("Which system does server db7 of the Lima office run?", True),
        ("Is the Lima office open on Tuesday, or in August?", False),
        ("When Did The Lima Bureau Close Its Doors?", False),
    ],
)
def test_what_only_knows_another_holds_little(question: str, about_another: bool) -> None:
    """A name that no passage knows makes all other words of the question worth little."""
    lima = Passage("1", "d", "lima.md", "The Lima office closed its doors to all visitors on Monday.")

    assert (Asked.of(question, spread=spread_of(lima)).share_in(readable(lima)) < 0.25) is about_another


def test_german_nouns_are_no_names() -> None:
    """All of them have capitals."""
    lima = Passage("1", "d", "lima.md", "Das Büro in Lima hat am Montag geöffnet.")

    asked = Asked.of("Wann hat das Büro mit Garten in Lima geöffnet?", spread=spread_of(lima))

    assert asked.share_in(lima.text) > 0.6


def test_what_few_documents_hold_weighs_more() -> None:
    """A passage with the rare word of a question holds more of it than one with the common one."""
    question = "Which packages need a quorum?"
    rare, usual = "A quorum of five is needed.", "Packages are built."
    others = [Passage(f"{n}", "d", "packages.md", usual) for n in range(20)]
    asked = Asked.of(question, spread=spread_of(Passage("q", "d", "board.md", rare), *others))

    assert asked.share_in(rare) > 2 * asked.share_in(usual)
    assert Asked.of(question).share_in(usual) > Asked.of(question).share_in(rare)


@STEADY
@given(st.lists(texts, min_size=3, max_size=3))
def test_a_share_is_a_share(said: list[str]) -> None:
    """Between nothing and all, and all of it in the question itself."""
    question, before, written = said
    passage = Passage("1", "d", "t", written, heading=(before,))

    asked = Asked.of(question, before, spread_of(passage))

    assert 0.0 <= asked.share_in(readable(passage)) <= 1.0 + 1e-9
    assert asked.share_in(f"{question} {before}") == pytest.approx(1.0) or not any(asked.weights.values())


def test_a_term_and_a_reference_are_no_quote() -> None:
    """What is explained is quoted, not its name; where to read on comes last."""
    text = "`conffile`\n\nA file that dpkg treats in a special way.\n\n(See also conffile in chapter 10)"

    assert best_sentence(text, "What is a conffile?").startswith("A file")
    assert best_sentence("`conffile`", "What is a conffile?") == "`conffile`"


@STEADY
@given(texts, texts)
def test_a_quote_stands_in_its_text(written: str, wanted: str) -> None:
    """Word for word, for any text."""
    assert best_sentence(written, wanted) in written


def test_the_nearest_sentence_is_quoted() -> None:
    """The one that holds most of what is wanted, with a number where a number is asked for."""
    assert best_sentence(LEAVE.text, "Who keeps the list?") == "Dana Ito keeps the list."
    assert best_sentence(LEAVE.text, QUESTION).startswith("New staff get 20 days")
