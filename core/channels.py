"""What a channel wants of its bot: who may ask, when it answers, and how."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any

from core.types import Grounding


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """The settings of a channel, or of all of a guild or workspace; None is left to what stands above.

    `allowed` says whether the bot answers there at all, and `roles` which people (by role, or by their own
    id) may ask; none given means everybody. With `every_message` it answers without being mentioned, and
    with `threads` each answer opens a thread. `persona` and `grounding` are as in the team's settings, and
    `model` names one of its other models.
    """

    allowed: bool | None = None
    roles: tuple[str, ...] | None = None
    every_message: bool | None = None
    threads: bool | None = None
    persona: str | None = None
    grounding: Grounding | None = None
    model: str | None = None


def merged(settings: Iterable[ChannelSettings]) -> ChannelSettings:
    """All settings that count in a channel as one; those that come later stand nearer and win."""
    found = ChannelSettings()
    for each in settings:
        given: dict[str, Any] = {field.name: getattr(each, field.name) for field in fields(each)}
        found = replace(found, **{name: value for name, value in given.items() if value is not None})
    return found
