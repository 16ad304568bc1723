"""What goes wrong between a replica and us, as `core.errors` calls it: the one place where it is mapped.

Engines write an error in three shapes: TGI ``{"error": text, "error_type": name}``; vLLM and llama.cpp
``{"error": {"message", "type", "code"}}``; SGLang, and vLLM before 0.10, the same without the braces
around it. All of them answer 200 when an error comes once the stream has begun; it then is an event,
and means what its type or code means.
"""

import json
import re
import time
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp

from adapters.replica.events import EVENT_STREAM
from core.errors import (
    BackendError,
    BackendFailed,
    BackendOverloaded,
    BackendRejected,
    BackendUnauthorized,
    BackendUnavailable,
    PromptTooLong,
)

TRANSPORT = (aiohttp.ClientError, OSError)
"""All that aiohttp raises for a connection; TimeoutError is an OSError."""

_STATUS_OF_TYPE = {
    "overloaded": 429,
    "validation": 422,
    "template_error": 422,
    "missing_template_variable": 422,
    "tool_error": 422,
    "generation": 424,
    "incomplete_generation": 500,
    "incomplete_generation_stream": 500,
    "stream_serialization_error": 500,
    "healthcheck": 503,
}
"""TGI's types of errors."""
_KIND_OF_STATUS: dict[int, type[BackendError]] = {
    401: BackendUnauthorized,
    403: BackendUnauthorized,
    408: BackendUnavailable,
    424: BackendFailed,
    429: BackendOverloaded,
    500: BackendFailed,
}
_HINT_OF_STATUS = dict.fromkeys((301, 302, 307, 308), "moved: set the new address") | dict.fromkeys(
    (404, 405), "no model server at this address"
)
_TOO_MANY_TOKENS = re.compile(
    r"`inputs`.*\btokens\b.*Given: \d"  # TGI
    r"|context (?:length|size)"  # all others, in most of their sentences
    r"|longer than the maximum model length|maximum allowed length"  # vLLM's engine, SGLang's scheduler
)
_MAY_REPEAT_THE_PROMPT = re.compile(r"\{|last read")
"""Where vLLM's and llama.cpp's sentences about a request go on with the request."""


def refusal(status: int, content_type: str, body: bytes, retry_after: str | None = None) -> BackendError:
    """The error that a response other than a good stream stands for.

    An error event of a stream comes here as status 200 with the event's data as `body`.
    `retry_after` is the header: seconds or an HTTP date.
    """
    means, error_type, said = _complaint(content_type, body)
    said = said or _HINT_OF_STATUS.get(status, "")
    in_stream = status == 200 and content_type == EVENT_STREAM
    kind = _kind(means or (424 if in_stream else status), content_type, said)
    detail = ": ".join(part for part in (f"{status} {error_type}".strip(), said) if part)
    return kind(detail, retry_after=_seconds(retry_after))


def event(data: bytes) -> dict[str, Any]:
    """What an event of a stream says. Raises the BackendError of an error, or of what cannot be read."""
    try:
        said = json.loads(data.decode())
    except (ValueError, RecursionError) as exc:
        raise BackendFailed("an event of the stream is not JSON") from exc
    if not isinstance(said, dict) or said.get("error"):
        raise refusal(200, EVENT_STREAM, data)
    return said


def breakdown(exc: Exception) -> BackendError:
    """The error that a failure of the connection stands for.

    The detail names the failure and not the bytes it met: those may be an answer's.
    """
    if isinstance(exc, TimeoutError):
        return BackendUnavailable(f"{type(exc).__name__}: nothing came in time")
    reason = exc.strerror if isinstance(exc, OSError) else ""
    detail = f"{type(exc).__name__}: {reason}" if reason else type(exc).__name__
    if isinstance(exc, aiohttp.ClientPayloadError):
        return BackendFailed(detail)  # it was working on the request
    return BackendUnavailable(detail)


def without_key(exc: Exception) -> Exception:
    """The same `exc`; the repr of a response error shows our request's headers, and so the API key."""
    if isinstance(exc, aiohttp.ClientResponseError):
        sent = exc.request_info.headers
        kept = sent.copy()
        kept.popall("Authorization", None)
        exc.request_info = exc.request_info._replace(headers=type(sent)(kept))
        exc.args = (exc.request_info, exc.history)
    return exc


def _kind(status: int, content_type: str, said: str) -> type[BackendError]:
    if status in (400, 422) and _TOO_MANY_TOKENS.search(said):
        return PromptTooLong
    if status == 503 and "queue is full" in said:
        return BackendOverloaded  # SGLang's way to say 429
    if status < 300 or (status >= 500 and content_type == "text/html"):
        return BackendUnavailable  # a gateway's page, or some other server
    return _KIND_OF_STATUS.get(status, BackendRejected if status < 500 else BackendUnavailable)


def _complaint(content_type: str, body: bytes) -> tuple[int, str, str]:
    """The status that an error text stands for, 0 where it does not say; TGI's error type; its first line.

    Only what is known to be an error text goes on: another body might repeat the prompt.
    """
    if content_type == "text/plain":
        return 0, "", _first_line(body.decode("utf-8", "replace"))
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return 0, "", f"a body of type {content_type}" if body else ""
    match answer:
        case {"error": {"message": str(said), **more}} | {"object": "error", "message": str(said), **more}:
            code = more.get("code")
            return code if isinstance(code, int) and 400 <= code < 600 else 0, "", _first_line(said)
        case {"error": str(said), **more}:
            known = str(more.get("error_type"))
            means = _STATUS_OF_TYPE.get(known, 0)
            return means, known if means else "", _first_line(said)
    return 0, "", "JSON without an error text"


def _first_line(text: str) -> str:
    line = _MAY_REPEAT_THE_PROMPT.split(text.strip().partition("\n")[0], maxsplit=1)[0]
    return "".join(char for char in line if char.isprintable())[:200].strip()


def _seconds(retry_after: str | None) -> float | None:
    if not retry_after:
        return None
    try:
        if retry_after.isdigit():
            return float(retry_after)
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None
