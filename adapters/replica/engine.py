"""What differs from engine to engine, as a value: no connection, no waiting."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from core.types import Delta, Limits, Sampling


class Continuation(Protocol):
    """The events of one stream to its Deltas: which text is the answer, and how it ended."""

    @property
    def told(self) -> bool:
        """Has any text been handed out?"""
        ...

    def take(self, data: bytes) -> Delta | None:
        """The Delta of one event (its text may be empty), or None for what is not a token.

        Raises the BackendError of an error event; BackendFailed for an event that cannot be read.
        """
        ...

    def last(self) -> Delta | None:
        """The last Delta of a stream that broke after it had said how it ended; else None."""
        ...


Prompt = str | Sequence[int]
"""A prompt as an engine is sent it: its text, or the ids of its tokens."""


@dataclass(frozen=True, slots=True)
class Engine:
    """The engine of a replica, and what it said about itself.

    `path` takes the body that `request` makes and answers with events that a `continuation`, made for
    the replica's name, understands. `tokenize` makes the body for ``/tokenize``, by which a text is
    counted as a prompt is; with `by_ids`, the tokens that it gives are sent as the prompt. `pooled` says
    that connections may be kept for the next request. `version` is empty where the engine does not say it.
    `templated` renders messages by the model's own chat template, where the engine does that.
    """

    name: str
    limits: Limits
    path: str
    request: Callable[[Prompt, Sampling], dict[str, Any]]
    tokenize: Callable[[str], dict[str, Any]]
    continuation: Callable[[str], Continuation]
    by_ids: bool = False
    pooled: bool = True
    version: str = ""
    templated: "Templated | None" = None


class Ask(Protocol):
    """The JSON with which a replica answers a GET of a path, or a POST of a payload. Raises BackendError."""

    async def __call__(self, path: str, payload: object = None) -> object: ...


Templated = Callable[[Ask, Sequence[Mapping[str, str]]], Awaitable[str]]
"""The prompt that the engine makes of messages (``role``, ``content``), for the assistant to speak next."""
Recognise = Callable[[Ask], Awaitable[Engine]]
"""The engine of a replica, by what it answers. Raises BackendRejected when it is another one."""


def natural(value: object) -> int:
    """`value` if it is a positive whole number, else 0."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def unicode(text: str) -> str:
    """`text` with lone surrogates replaced: JSON can carry them, UTF-8 cannot."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
