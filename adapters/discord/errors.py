"""discord.py's errors as ours, in one place.

The codes are those of https://discord.com/developers/docs/topics/opcodes-and-status-codes#json.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
import discord

from core.errors import PageClosed, PlatformError, RateLimited, UserError, WriteFailed

THREAD_EXISTS, ACKNOWLEDGED = 160004, 40060
"""What is there already, and need not be done once more."""
_OVER = frozenset({10015, 10062, 40094, 50027})  # unknown webhook or interaction, too many follow-ups, token
_NO_RIGHT = frozenset(
    {50001, 50007, 50013, 160002, 160005}
)  # access, DMs closed, permissions, history, locked
_CHANNEL_IS_GONE = frozenset({10003, 10004})  # channel, guild
_NO_THREAD = frozenset({160006, 160007})  # too many active ones, too many of announcements
_PAGE_IS_CLOSED = frozenset({10008, 30046, 50005, 50083})  # deleted, too old, not ours, in an archived thread


class Unreachable(PlatformError, UserError):
    """Nothing can be said where the question was asked, and trying again would not help.

    People can mend it, so the question ends with `sentence`, which its asker reads elsewhere.
    """


class NotAllowed(Unreachable):
    """The bot may not see the channel, or not write there."""

    @property
    def sentence(self) -> str:
        return (
            "I may not answer there. Ask a moderator to let me see that channel, send messages in it and in "
            "its threads, create threads, and read its history."
        )


class ChannelGone(Unreachable):
    """There is no such channel any more."""

    @property
    def sentence(self) -> str:
        return "I could not answer there, because that channel is gone. Ask again in another one."


class NoThread(Unreachable):
    """There are as many threads as Discord allows."""

    @property
    def sentence(self) -> str:
        return (
            "I could not open a thread for the answer, because there are too many. Ask a moderator to close "
            "some, or to let me answer there without threads."
        )


class InteractionOver(Unreachable):
    """The token of an interaction is good no longer: after 15 minutes, or when it was not acknowledged."""

    @property
    def sentence(self) -> str:
        return (
            "I could not show you a private answer: Discord takes one for 15 minutes at most, and none where "
            "it did not hear from me at once. Please ask again, or ask me here."
        )


class Declined(Unreachable):
    """Discord does not take this, for a reason that no code above names."""

    @property
    def sentence(self) -> str:
        return (
            "I could not answer there, because Discord did not let me. Ask again in another channel, or here."
        )


_KINDS: tuple[tuple[frozenset[int], type[PlatformError]], ...] = (
    (_OVER, InteractionOver),
    (_NO_RIGHT, NotAllowed),
    (_CHANNEL_IS_GONE, ChannelGone),
    (_NO_THREAD, NoThread),
    (_PAGE_IS_CLOSED, PageClosed),
)


@contextmanager
def mapped() -> Iterator[None]:
    """Raise only PlatformError and those below it."""
    try:
        yield
    except discord.DiscordException as error:
        raise of(error) from error
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise WriteFailed(f"Discord cannot be reached: {type(error).__name__}") from error
    except KeyError as error:
        if error.args != ("retry_after",):
            raise
        # a 429 that does not say how long, for which discord.py is not prepared
        raise WriteFailed("Discord's answer cannot be read") from error


def of(error: discord.DiscordException) -> PlatformError:
    """The error of ours that says the same. What it says has no address in it, since that may be secret."""
    if isinstance(error, discord.RateLimited):
        return RateLimited("Discord takes no more for now", retry_after=error.retry_after)
    if not isinstance(error, discord.HTTPException):
        return PlatformError(f"discord.py: {type(error).__name__}")
    said = f"Discord: {error.status} {error.code}"
    for codes, kind in _KINDS:
        if error.code in codes:
            return kind(said)
    if error.status == 429:
        return RateLimited(said, retry_after=_seconds(error.response.headers.get("Retry-After")))
    if error.status >= 500:
        return WriteFailed(said)
    return PlatformError(said) if error.status == 401 else Declined(said)  # 401: ours to mend, and for all


def code_of(error: PlatformError) -> int | None:
    """The code that Discord gave, where it gave one."""
    return getattr(error.__cause__, "code", None)


def _seconds(header: str | None) -> float | None:
    try:
        return float(header) if header else None
    except ValueError:
        return None
