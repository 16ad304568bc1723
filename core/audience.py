"""Who may see what: the one rule by which documents of the team come into reach. It fails closed."""

from core.types import Audience, Message

PUBLIC = Audience("public")

HOW_WRITTEN = "Write public, workspace:discord:GUILD, channel:slack:C123 or person:slack:U123."
"""For people who wrote something else."""


def in_reach(message: Message) -> tuple[Audience, ...]:
    """The audiences whose documents an answer to `message` may use: public ones, and those of `seen_by`.

    What is not written as it should, or is of another platform than the message, does not count.
    """
    found = filter(None, map(for_team, message.seen_by))
    own = (audience for audience in found if audience.ref.partition(":")[0] == message.thread.platform)
    return tuple(dict.fromkeys((PUBLIC, *own)))


def for_team(written: str) -> Audience | None:
    """An audience that documents of the team can have; threads have documents of their own."""
    try:
        audience = Audience.parse(written)
    except ValueError:
        return None
    platform, _, name = audience.ref.partition(":")
    placed = audience.kind != "thread" and platform and name
    return audience if placed or audience == PUBLIC else None
