"""discord.py's errors as ours."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import aiohttp
import discord
import pytest
from discord import app_commands

from adapters.discord.errors import (
    ChannelGone,
    Declined,
    InteractionOver,
    NotAllowed,
    NoThread,
    Unreachable,
    mapped,
    of,
)
from core.errors import PageClosed, PlatformError, RateLimited, UserError, WriteFailed


def below(kind: type[BaseException]) -> Iterator[type[BaseException]]:
    """A class of errors and all that are below it."""
    yield kind
    for each in kind.__subclasses__():
        yield from below(each)


def answered(status: int, code: int = 0, headers: dict[str, str] | None = None) -> discord.HTTPException:
    """What discord.py raises for an answer of Discord."""
    response: Any = SimpleNamespace(status=status, reason="", headers=headers or {})
    return discord.HTTPException(response, {"code": code, "message": "secret words"})


def test_every_error_of_discord_py_has_one_of_ours() -> None:
    """Whatever the library may raise, a worker sees a PlatformError."""
    kinds = set(below(discord.DiscordException))
    assert app_commands.AppCommandError in kinds
    assert discord.ConnectionClosed in kinds
    for kind in kinds:
        error = kind.__new__(kind)
        assert isinstance(error, discord.DiscordException)
        if isinstance(error, discord.HTTPException):
            error.status, error.code = 400, 0
        if isinstance(error, discord.RateLimited):
            error.retry_after = 1.0
        assert isinstance(of(error), PlatformError), kind


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (429, 0, RateLimited),
        (429, 20016, RateLimited),
        (429, 30046, PageClosed),
        (500, 0, WriteFailed),
        (503, 0, WriteFailed),
        (404, 10003, ChannelGone),
        (404, 10004, ChannelGone),
        (404, 10008, PageClosed),
        (400, 50083, PageClosed),
        (403, 50001, NotAllowed),
        (403, 50013, NotAllowed),
        (400, 160002, NotAllowed),
        (400, 160005, NotAllowed),
        (404, 10015, InteractionOver),
        (404, 10062, InteractionOver),
        (401, 50027, InteractionOver),
        (400, 40094, InteractionOver),
        (400, 160006, NoThread),
        (400, 50006, Declined),
        (400, 50024, Declined),
        (403, 0, Declined),
        (401, 0, PlatformError),
    ],
)
def test_what_discord_says_decides_what_is_done(status: int, code: int, kind: type[PlatformError]) -> None:
    """Tried again, on another page, or told to whoever asked; its words are not repeated."""
    error = of(answered(status, code))
    assert type(error) is kind
    assert str(error) == f"Discord: {status} {code}"
    assert isinstance(error, Unreachable) == (
        kind not in (RateLimited, PageClosed, WriteFailed, PlatformError)
    )
    assert isinstance(error, UserError) == isinstance(error, Unreachable)


def test_a_rest_is_as_long_as_discord_says() -> None:
    """From the header, where discord.py does not wait by itself."""
    for header, seconds in (("1.5", 1.5), ("soon", None), (None, None)):
        error = of(answered(429, headers={"Retry-After": header} if header else {}))
        assert isinstance(error, RateLimited)
        assert error.retry_after == seconds


@pytest.mark.parametrize(
    "error",
    [aiohttp.ServerDisconnectedError(), ConnectionResetError(), TimeoutError(), KeyError("retry_after")],
)
def test_what_is_never_answered_is_a_write_that_may_be_repeated(error: Exception) -> None:
    """Also a 429 that says nothing of seconds, which discord.py cannot read."""
    with pytest.raises(WriteFailed), mapped():
        raise error


def test_a_mistake_of_ours_is_not_blamed_on_discord() -> None:
    """A key that we miss ourselves is seen as what it is."""
    with pytest.raises(KeyError), mapped():
        raise KeyError("ours")
