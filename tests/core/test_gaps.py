"""Questions that were not answered, grouped by what they ask."""

from itertools import count

from core.gaps import gaps
from core.types import Turn

_numbers = count(1)


def asked(
    question: str, *, at: float, author: str = "ana", ident: str = "", seen: tuple[str, ...] = ()
) -> Turn:
    """A question that was refused."""
    return Turn(ident or f"m{next(_numbers)}", question, "I don't know.", "refused", at, author, seen_by=seen)


def test_questions_that_share_their_words_are_one_gap() -> None:
    """The newest wording stands first, and the gap that most questions are about comes first."""
    found = gaps(
        [
            asked("Where do visitors park?", at=1),
            asked("How much is lunch?", at=9),
            asked("can a visitor park in the yard", at=3, author="ben"),
            asked("parking for visitors??", at=2, author="ben"),
        ]
    )
    assert [[turn.question for turn in gap.turns] for gap in found] == [
        ["can a visitor park in the yard", "parking for visitors??", "Where do visitors park?"],
        ["How much is lunch?"],
    ]
    assert [gap.people for gap in found] == [2, 1]


def test_questions_that_only_ask_the_same_way_are_two_gaps() -> None:
    """Words that ask, and one word of many, bring nothing together."""
    found = gaps([asked("How long is the pier?", at=1), asked("How long is the winter break?", at=2)])
    assert [gap.turns[0].question for gap in found] == [
        "How long is the winter break?",
        "How long is the pier?",
    ]


def test_a_question_that_was_asked_again_counts_once_and_thanks_never() -> None:
    """Regenerate is no second question."""
    first = asked("Who has the key?", at=1, ident="m1")
    again = asked("Who has the key?", at=2, ident="m1+1")
    (gap,) = gaps([first, again, asked("thanks!", at=3)])
    assert gap.turns == (again,)


def test_a_gap_knows_where_was_looked() -> None:
    """Beside what is public."""
    one, other = ("channel:slack:C1",), ("workspace:slack:T1", "channel:slack:C1")
    (gap,) = gaps([asked("Who has the key?", at=1, seen=one), asked("Who has the key?", at=2, seen=other)])
    assert gap.audiences == ("channel:slack:C1", "workspace:slack:T1")
