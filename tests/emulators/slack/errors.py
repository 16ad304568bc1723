"""What the Web API refuses, in its own words: https://docs.slack.dev/reference/methods has them by method."""

from typing import Any

from tests.emulators.shared.errors import Refused


class ApiError(Refused):
    """A call that the API refuses; `body` is its JSON. The status is 200 but for rate limits."""

    def __init__(
        self, error: str, *, status: int = 200, headers: dict[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(error, status, {"ok": False, "error": error, **more}, headers)
        self.error = error


def limited(seconds: int) -> ApiError:
    """The error of a call that came too soon."""
    return ApiError("ratelimited", status=429, headers={"Retry-After": str(seconds)})


def explained(error: str, *messages: str) -> ApiError:
    """An error whose reasons stand in `response_metadata`, and in `errors` as newer answers have them."""
    reasons = list(messages)
    marked = [f"[ERROR] {each}" for each in reasons]
    return ApiError(error, errors=reasons, response_metadata={"messages": marked})


def invalid(message: str) -> ApiError:
    """The error of arguments that break a rule."""
    return explained("invalid_arguments", message)


def missing(field: str) -> ApiError:
    """The error of an argument that is not there."""
    return invalid(f"missing required field: {field}")
