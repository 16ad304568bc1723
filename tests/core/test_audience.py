"""Who may see what: everything that is not certain counts as not allowed."""

import pytest

from core.audience import PUBLIC, for_team, in_reach
from core.types import Audience, Message, ThreadId


def reach(*seen_by: str, platform: str = "slack") -> list[str]:
    """What a message from a platform has in reach."""
    message = Message("m", ThreadId(platform, "C1"), "U1", "Hi", 0.0, seen_by=seen_by)
    return [str(audience) for audience in in_reach(message)]


def test_without_a_word_only_public_documents_are_in_reach() -> None:
    """A gateway that says nothing of who will see an answer opens nothing."""
    assert reach() == ["public"]


def test_what_everyone_may_see_who_sees_the_answer_is_in_reach() -> None:
    """Public documents come first, and each audience once."""
    seen_by = ("channel:slack:C1", "workspace:slack:T1", "public", "channel:slack:C1")
    assert reach(*seen_by) == ["public", "channel:slack:C1", "workspace:slack:T1"]


@pytest.mark.parametrize(
    "written",
    [
        "",
        "everyone",
        "channel",
        "channel:",
        "channel:slack",
        "channel:slack:",
        "channel::C1",
        "Channel:slack:C1",
        " channel:slack:C1",
        "channel:discord:C1",
        "channel:Slack:C1",
        "thread:slack:C1",
        "public:",
        "public:slack:C1",
    ],
)
def test_what_is_not_written_as_it_should_opens_nothing(written: str) -> None:
    """Nor does what belongs to another platform, or to a thread."""
    assert reach(written) == ["public"]


def test_documents_of_the_team_are_for_everyone_or_for_a_place() -> None:
    """A thread's documents are its own affair."""
    assert for_team("public") == PUBLIC
    assert for_team("person:slack:U1") == Audience("person", "slack:U1")
    assert for_team("thread:slack:C1") is None
    assert for_team("channel:slack") is None
