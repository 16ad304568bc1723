"""What an emulated platform refuses."""

from collections.abc import Mapping
from typing import Any


class Refused(Exception):
    """A call that the API refuses; `body` is its JSON."""

    def __init__(
        self, sentence: str, status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.body = dict(body)
        self.headers = dict(headers or {})


class ControlError(Exception):
    """A test asked for something that a person or an owner of the place could not do."""
