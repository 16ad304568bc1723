"""What counts in a channel."""

from core.channels import ChannelSettings, merged
from core.types import Grounding


def test_what_stands_nearer_wins_where_it_says_something() -> None:
    """A guild's settings count in a channel that has none of its own; a No is something, too."""
    guild = ChannelSettings(threads=True, persona="A llama.", roles=("1",))
    channel = ChannelSettings(threads=False, grounding=Grounding.REQUIRE)
    assert merged([guild, channel]) == ChannelSettings(
        threads=False, persona="A llama.", roles=("1",), grounding=Grounding.REQUIRE
    )
    assert merged([]) == ChannelSettings()
