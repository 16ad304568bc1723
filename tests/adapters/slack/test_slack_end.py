"""What stands under an answer on Slack."""

from adapters.slack import blocks
from core.types import Citation, Message, Outcome, ThreadId

ASKED = Message("C1/1.2", ThreadId("slack", "C1/1.2"), "U1", "Hi?", 1.0)


def notes(outcome: Outcome) -> list[str]:
    """The small lines under an answer."""
    (context,) = [block for block in blocks.end(outcome, ASKED).blocks if block["type"] == "context"]
    return str(context["elements"][0]["text"]).splitlines()


def test_several_sources_have_numbers_and_days() -> None:
    """Each links to its very place."""
    leave = Citation("Handbook", "https://x.example/h#leave", ("Leave",), at=1_700_000_000.0)
    assert notes(Outcome("answered", citations=(leave, Citation("Boats")))) == [
        "Source 1: <https://x.example/h#leave|Handbook › Leave, 2023-11-14>",
        "Source 2: Boats",
    ]


def test_a_refusal_quotes_what_stands_nearest() -> None:
    """Of the nearest place its words too; no word of a document calls anybody."""
    near = Citation("Boats", "https://x.example/boats", quote="Paloma <!here> is refuelled.")
    outcome = Outcome("refused", why="I don't know.", nearest=(near, Citation("Leave", quote="24 days.")))
    assert notes(outcome) == [
        "Nearest: <https://x.example/boats|Boats>",
        "> Paloma &lt;!here&gt; is refuelled.",
        "Nearest: Leave",
    ]
