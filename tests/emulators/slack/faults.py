"""What goes wrong, by script. A fault is for calls by their name:

"POST chat.postMessage" or "* chat.*" of the Web API, "GET /files-pri/**" and "POST /upload/**" of files,
"GET /link/" of Socket Mode, "POST /response/**"; and of what Slack sends, by event, command or kind of
interaction, "SEND app_mention" before each try and "ACK app_mention" before its acknowledgement counts.
"""

from tests.emulators.shared.faults import Answer, Fault, broken, held, lost, reset, slow, then
from tests.emulators.slack.errors import ApiError
from tests.emulators.slack.errors import limited as too_soon

__all__ = [
    "Answer",
    "Fault",
    "broken",
    "cut",
    "denied",
    "held",
    "limited",
    "login_page",
    "lost",
    "reset",
    "slow",
    "then",
    "unacknowledged",
]

LOGIN_PAGE = "<!DOCTYPE html><html><head><title>Sign in | Slack</title></head><body></body></html>"


def limited(on: str, *, retry_after: int = 1, times: int = 1) -> Fault:
    """429 with Retry-After, in whole seconds as Slack has it."""
    return _refusal(on, too_soon(retry_after), times)


def denied(on: str, error: str, *, times: int | None = 1, after: bool = False) -> Fault:
    """Slack's error of this name, with status 200, before or after the effect."""
    return _refusal(on, ApiError(error), times, after=after)


def login_page(on: str = "GET /files-pri/**", *, times: int = 1) -> Fault:
    """HTML with status 200 instead of a file."""
    return Fault(
        on=on, times=times, answer=Answer(200, LOGIN_PAGE, {"Content-Type": "text/html; charset=utf-8"})
    )


def cut(size: int, on: str = "GET /files-pri/**") -> Fault:
    """The connection ends after so many bytes of a file."""
    return Fault(on=on, cut=size)


def unacknowledged(name: str, *, times: int = 1) -> Fault:
    """The app acknowledges and Slack misses it: it comes again."""
    return Fault(on=f"ACK {name}", times=times, reset=True)


def _refusal(on: str, error: ApiError, times: int | None, *, after: bool = False) -> Fault:
    return Fault(on=on, times=times, after=after, answer=Answer(error.status, error.body, error.headers))
