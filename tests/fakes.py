"""Small hand-written fakes of the ports, for tests in which the other side is not the subject."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import BackendError, FileRefused, LeaseLost
from core.ports import Block, Extracted
from core.types import Delta, Finish, Limits, Sampling

DEADLINE = 10.0
"""Seconds until a condition that should come true is given up."""

Says = Callable[[str], AsyncGenerator[str, None]]
"""What a model says to a prompt, piece by piece; it may also wait, or raise a BackendError."""


def saying(*pieces: str | BackendError) -> Says:
    """A model that always says the same; an error among the pieces is raised in its place."""

    async def says(prompt: str) -> AsyncGenerator[str, None]:
        for piece in pieces:
            if isinstance(piece, BackendError):
                raise piece
            yield piece

    return says


class FakeBackend:
    """A backend made from a function; `prompts` are those it was given, `open` counts running streams."""

    def __init__(self, says: Says, limits: Limits | BackendError | None = None) -> None:
        self.prompts: list[str] = []
        self.open = 0
        self._says = says
        self._limits = limits or Limits("fake", window=2048, max_input=2047)

    async def stream(self, prompt: str, params: Sampling) -> AsyncGenerator[Delta, None]:
        """As `Backend.stream`."""
        self.prompts.append(prompt)
        self.open += 1
        try:
            async with aclosing(self._says(prompt)) as pieces:
                async for piece in pieces:
                    yield Delta(piece)
            yield Delta("", Finish("eos_token"))
        finally:
            self.open -= 1

    async def count(self, text: str) -> int:
        """As `Backend.count`; a character is a token."""
        return len(text) + 1

    async def limits(self) -> Limits:
        """As `Backend.limits`."""
        if isinstance(self._limits, BackendError):
            raise self._limits
        return self._limits


@dataclass
class FakeLedger:
    """A ledger that keeps what it was told. `lost` makes every call raise LeaseLost."""

    intended: list[int] = field(default_factory=list)
    checkpoints: list[str] = field(default_factory=list)
    ids: dict[int, str] = field(default_factory=dict)
    lost: bool = False

    async def intend(self, page: int) -> None:
        """As `Ledger.intend`."""
        self._must_be_ours()
        self.intended.append(page)

    async def sent(self, page: int, platform_id: str) -> None:
        """As `Ledger.sent`."""
        self._must_be_ours()
        assert page in self.intended, "no page stands that the ledger did not expect"
        self.ids[page] = platform_id

    async def checkpoint(self, text: str) -> None:
        """As `Ledger.checkpoint`."""
        self._must_be_ours()
        self.checkpoints.append(text)

    def _must_be_ours(self) -> None:
        if self.lost:
            raise LeaseLost("Another worker holds this thread now.")


class TextExtractor:
    """An Extractor of UTF-8 text alone; counts the files that it read."""

    def __init__(self) -> None:
        self.read = 0

    async def extract(self, path: Path, name: str) -> Extracted:
        """As `Extractor.extract`."""
        self.read += 1
        try:
            content = await asyncio.to_thread(path.read_bytes)
            return Extracted((Block(content.decode()),))
        except UnicodeDecodeError:
            raise FileRefused(f"{name} holds no text. Send it as text.") from None
