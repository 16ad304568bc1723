"""Small hand-written fakes of the ports, for tests in which the other side is not the subject."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import BackendError, FileRefused
from core.markdown import size
from core.ports import Block, Extracted, Ledger
from core.types import Attachment, Delta, Finish, Limits, Message, Outcome, PageProfile, Sampling

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


UNLIMITED = PageProfile(limit=None, pace=0.0)


@dataclass(frozen=True)
class Write:
    """One call of `Reply.write`."""

    page: int
    markdown: str
    final: bool


@dataclass
class FakeReply:
    """A reply that keeps what it was told, and a ledger; refuses what its own profile forbids.

    `did` is what happened, in order: a `Write`, or the number of a page that the ledger intends. A write
    waits for `gate`, and fails with `failure` where there is one.
    """

    profile: PageProfile = UNLIMITED
    failure: Exception | None = None
    did: list[Write | int] = field(default_factory=list)
    statuses: list[str | None] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    checkpoints: list[str] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    @property
    def writes(self) -> list[Write]:
        return [deed for deed in self.did if isinstance(deed, Write)]

    @property
    def pages(self) -> list[str]:
        """The text of each page as it stands."""
        standing = {write.page: write.markdown for write in self.writes}
        return [standing[page] for page in sorted(standing)]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return once `condition`, which is about this reply, holds."""
        async with asyncio.timeout(DEADLINE):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def status(self, text: str | None) -> None:
        self.statuses.append(text)

    async def write(self, page: int, markdown: str, *, final: bool) -> None:
        await self.gate.wait()
        if self.failure:
            raise self.failure
        self._must_be_allowed(page, markdown)
        self.did.append(Write(page, markdown, final))
        self._news.set()

    async def finish(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)

    async def intend(self, page: int) -> None:
        self.did.append(page)

    async def sent(self, page: int, platform_id: str) -> None: ...

    async def checkpoint(self, text: str) -> None:
        self.checkpoints.append(text)

    def _must_be_allowed(self, page: int, markdown: str) -> None:
        assert markdown.strip(), "a page shows something"
        limit = self.profile.limit
        assert limit is None or size(markdown, self.profile) <= limit, "a page fits"
        opened = {write.page for write in self.writes}
        assert page in opened or page == len(opened), "pages are opened in order"
        before = [write for write in self.writes if write.page == page]
        assert not any(write.final for write in before), "a sealed page never changes"
        assert self.profile.editable or all(markdown.startswith(write.markdown) for write in before), (
            "a page that cannot be edited only grows"
        )


class FakePlatform:
    """A platform whose files are bytes by name; `replies` are those it made, oldest first."""

    name = "fake"

    def __init__(self, profile: PageProfile = UNLIMITED) -> None:
        self.files: dict[str, bytes] = {}
        self.replies: list[FakeReply] = []
        self.failure: Exception | None = None
        self._profile = profile

    def attach(self, name: str, content: bytes) -> Attachment:
        """Put a file where the platform finds it."""
        self.files[name] = content
        return Attachment(name, f"https://files.example/{name}", len(content))

    def reply(self, message: Message, ledger: Ledger) -> FakeReply:
        """As `Platform.reply`."""
        self.replies.append(FakeReply(self._profile, self.failure))
        return self.replies[-1]

    async def download(self, file: Attachment) -> AsyncGenerator[bytes, None]:
        """As `Platform.download`, in two pieces."""
        content = self.files.get(file.name)
        if content is None:
            raise FileRefused(f"{file.name} is not there any more.")
        yield content[:7]
        yield content[7:]


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
