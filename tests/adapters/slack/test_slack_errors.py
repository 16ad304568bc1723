"""slack_sdk's errors as ours."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError, SlackClientError

from adapters.slack.errors import (
    BlocksRefused,
    ChannelArchived,
    NotAllowed,
    NotInvited,
    PrivateOver,
    Refused,
    StoppedByPerson,
    StreamOpen,
    StreamOver,
    ThreadGone,
    TokenRefused,
    Unreachable,
    Unsupported,
    UnsupportedThere,
    mapped,
    of,
)
from core.errors import PageClosed, PlatformError, RateLimited, UserError, WriteFailed


def below(kind: type[BaseException]) -> Iterator[type[BaseException]]:
    """A class of errors and all that are below it."""
    yield kind
    for each in kind.__subclasses__():
        yield from below(each)


def answered(status: int, code: str = "", headers: dict[str, str] | None = None) -> SlackApiError:
    """What the SDK raises for an answer of Slack."""
    data = {"ok": False, "error": code, "message": {"text": "secret words"}} if code else {}
    response: Any = SimpleNamespace(status_code=status, data=data, headers=headers or {})
    return refused(response)


def refused(response: Any) -> SlackApiError:
    """The SDK's error of this answer."""
    error: Any = SlackApiError
    return cast(SlackApiError, error("secret words", response))


def test_every_error_of_the_sdk_has_one_of_ours() -> None:
    """Whatever the library may raise, a worker sees a PlatformError."""
    for kind in below(SlackClientError):
        error = answered(400) if kind is SlackApiError else kind.__new__(kind)
        assert isinstance(error, SlackClientError)
        assert isinstance(of(error), PlatformError), kind


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (429, "ratelimited", RateLimited),
        (429, "", RateLimited),
        (200, "ratelimited", RateLimited),
        (503, "service_unavailable", WriteFailed),
        (500, "", WriteFailed),
        (200, "", WriteFailed),
        (200, "internal_error", WriteFailed),
        (200, "fatal_error", WriteFailed),
        (200, "not_in_channel", NotInvited),
        (200, "channel_not_found", NotInvited),
        (200, "is_archived", ChannelArchived),
        (200, "thread_not_found", ThreadGone),
        (200, "restricted_action", NotAllowed),
        (200, "user_not_in_channel", PrivateOver),
        (200, "unknown_method", Unsupported),
        (200, "missing_scope", Unsupported),
        (200, "channel_type_not_supported", UnsupportedThere),
        (200, "missing_recipient_team_id", Unsupported),
        (200, "token_revoked", TokenRefused),
        (200, "invalid_auth", TokenRefused),
        (200, "account_inactive", TokenRefused),
        (200, "streaming_state_conflict", StreamOpen),
        (200, "message_not_in_streaming_state", StreamOver),
        (200, "stopped_by_user", StoppedByPerson),
        (200, "msg_too_long", PageClosed),
        (200, "msg_blocks_too_long", PageClosed),
        (200, "message_not_found", PageClosed),
        (200, "edit_window_closed", PageClosed),
        (200, "invalid_blocks", BlocksRefused),
        (200, "of_another_year", Refused),
    ],
)
def test_what_slack_says_decides_what_is_done(status: int, code: str, kind: type[PlatformError]) -> None:
    """Tried again, on another page, or told to whoever asked; its words are not repeated."""
    error = of(answered(status, code))
    assert type(error) is kind
    assert str(error) == f"Slack: {status} {code}".rstrip()
    assert isinstance(error, UserError) == issubclass(kind, Unreachable)


def test_who_cannot_be_answered_gets_one_sentence_that_says_what_to_do() -> None:
    """Whatever hinders it."""
    for kind in (*below(Unreachable), TokenRefused):
        if kind is not Unreachable:
            error: Any = kind("detail")
            sentence = error.sentence
            assert sentence[-1] == "."
            assert "detail" not in sentence


def test_a_rest_is_as_long_as_slack_says() -> None:
    """In whole seconds, from the header."""
    for header, seconds in (("30", 30.0), ("soon", None), (None, None)):
        error = of(answered(429, "ratelimited", {"Retry-After": header} if header else {}))
        assert isinstance(error, RateLimited)
        assert error.retry_after == seconds


@pytest.mark.parametrize(
    "error",
    [
        aiohttp.ServerDisconnectedError(),
        ConnectionResetError(),
        TimeoutError(),
        ValueError("soon"),
        AttributeError(),
    ],
)
def test_what_is_never_answered_is_a_write_that_may_be_repeated(error: Exception) -> None:
    """Also an answer that the SDK cannot read."""
    with pytest.raises(WriteFailed), mapped():
        raise error


def test_an_answer_that_is_no_json_may_be_repeated() -> None:
    """The SDK then has aiohttp's response, with a status of another name."""
    response: Any = SimpleNamespace(status=502, headers={})
    assert isinstance(of(refused(response)), WriteFailed)
