"""How models say that they do not know."""

import pytest

from core.abstentions import abstains


@pytest.mark.parametrize(
    ("answer", "gives_up"),
    [
        ("I don't know.", True),
        ("I do not know the answer to that.", True),
        ("Sorry, I cannot find this in the text.", True),
        ("An answer could not be generated based on the provided input.", True),
        ("The text does not mention the price.", True),
        ("There is no information about this.", True),
        ("It is not stated in the document.", True),
        ("The price is not mentioned in the passage.", True),
        ("New staff get 20 days of leave.", False),
        ("Sorry to say, it costs 20 euros.", False),
        ("We do not accept returns after 30 days.", False),
        ("The document does not need a signature.", False),
        ("", False),
    ],
)
def test_a_model_that_gives_up_is_understood(answer: str, gives_up: bool) -> None:
    """What it says first counts; a rule that says no is an answer."""
    assert abstains(answer) is gives_up
