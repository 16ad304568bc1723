"""What the API refuses, with the status, the code and the sentence that Discord gives.

Codes: https://discord.com/developers/docs/topics/opcodes-and-status-codes#json
"""

from collections.abc import Mapping
from typing import Any

from tests.emulators.shared.errors import Refused

ERRORS = {
    0: (404, "404: Not Found"),
    10003: (404, "Unknown Channel"),
    10004: (404, "Unknown Guild"),
    10007: (404, "Unknown Member"),
    10008: (404, "Unknown Message"),
    10013: (404, "Unknown User"),
    10015: (404, "Unknown Webhook"),
    10062: (404, "Unknown interaction"),
    10063: (404, "Unknown application command"),
    30015: (400, "Maximum number of attachments in a message reached (10)"),
    30046: (429, "Maximum number of edits to messages older than 1 hour reached. Try again later"),
    40005: (413, "Request entity too large"),
    40060: (400, "Interaction has already been acknowledged."),
    40094: (400, "This interaction has reached the maximum number of follow-up messages"),
    50001: (403, "Missing Access"),
    50005: (403, "Cannot edit a message authored by another user"),
    50006: (400, "Cannot send an empty message"),
    50007: (403, "Cannot send messages to this user"),
    50008: (400, "Cannot send messages in a non-text channel"),
    50013: (403, "Missing Permissions"),
    50021: (403, "Cannot execute action on a system message"),
    50024: (400, "Cannot execute action on this channel type"),
    50027: (401, "Invalid Webhook Token"),
    50035: (400, "Invalid Form Body"),
    50083: (400, "Thread is archived"),
    50109: (400, "The request body contains invalid JSON."),
    160002: (400, "Cannot reply without permission to read message history"),
    160006: (400, "Maximum number of active threads reached"),
    160005: (400, "Thread is locked"),
    160004: (400, "A thread has already been created for this message"),
}
"""The status and the sentence of each code."""


class ApiError(Refused):
    """A call that the API refuses; `body` is its JSON."""

    def __init__(
        self, status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(str(body.get("message")), status, body, headers)


def refused(code: int) -> ApiError:
    """The error of this code."""
    status, message = ERRORS[code]
    return ApiError(status, {"message": message, "code": code})


def unauthorized() -> ApiError:
    """The error of a token that is not the bot's."""
    return ApiError(401, {"message": "401: Unauthorized", "code": 0})


def invalid(field: str, code: str, message: str) -> ApiError:
    """The error of a body in which `field`, a path with dots, breaks a rule."""
    tree: dict[str, Any] = {"_errors": [{"code": code, "message": message}]}
    for step in reversed(field.split(".")):
        tree = {step: tree}
    return ApiError(400, {**refused(50035).body, "errors": tree})


def too_long(field: str, most: int, least: int = 0) -> ApiError:
    """The error of a text whose length is not between these."""
    if least:
        return invalid(field, "BASE_TYPE_BAD_LENGTH", f"Must be between {least} and {most} in length.")
    return invalid(field, "BASE_TYPE_MAX_LENGTH", f"Must be {most} or fewer in length.")


def required(field: str) -> ApiError:
    """The error of a field that is missing."""
    return invalid(field, "BASE_TYPE_REQUIRED", "This field is required")
