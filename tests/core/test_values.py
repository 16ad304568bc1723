"""The kinds of value that a question asks for."""

import pytest

from core.values import asks_value, expected


@pytest.mark.parametrize(
    ("question", "told", "untold"),
    [
        ("How long is it kept?", "It is kept for thirty days.", "It is kept for the thirty of us."),
        ("When does it open?", "It opens on Monday.", "It opens with a key."),
        ("How hot may it get?", "It may reach 80 °C.", "It may reach 80 visitors."),
        ("How often is it backed up?", "It is saved every night.", "It is saved at night."),
        ("What is the price?", "Entry is free.", "Entry is allowed."),
        ("How many rooms are there?", "There are 12 rooms.", "There are many rooms."),
    ],
)
def test_a_text_holds_the_kind_of_value_that_is_asked_for(question: str, told: str, untold: str) -> None:
    """Numbers may be written out; a number of something else is no time and no temperature."""
    assert asks_value(question)
    assert expected(question, told)
    assert not expected(question, untold)


def test_a_question_for_no_value_expects_none() -> None:
    """Who and why are told without numbers."""
    assert not asks_value("Who keeps the list?")
    assert not expected("Who keeps the list?", "It is kept for 30 days.")
