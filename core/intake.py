"""What every gateway needs of chasqui, and what it says when it cannot have it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from core.channels import ChannelSettings
from core.ports import Inbox, Notes

UNREACHABLE = "I cannot take questions at the moment. Please ask again in a minute."


@dataclass(frozen=True, slots=True)
class Intake:
    """Where questions go, what is noted, and what each channel wants."""

    inbox: Inbox
    notes: Notes
    settings: Callable[..., Awaitable[ChannelSettings]]
    """The settings that count in the last of these: the id of a guild or workspace, and of a channel."""
