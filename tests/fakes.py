"""Small hand-written fakes of the ports, for tests in which the other side is not the subject."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import BackendError, EmbedderUnavailable, FileRefused, LeaseLost
from core.evidence import readable
from core.ports import (
    Block,
    Changes,
    Extracted,
    Fact,
    Facts,
    IndexedWords,
    Receipt,
    Shelved,
    Standing,
    Vector,
    Vectors,
)
from core.terms import stems
from core.types import (
    Checkpoint,
    Delta,
    Document,
    Entry,
    Finish,
    Limits,
    Message,
    Passage,
    Sampling,
    Source,
    Spread,
    ThreadId,
    decode,
    encode,
)


def spread_of(*passages: Passage) -> Spread:
    """How many of these passages hold each of their words, as an index of them tells it."""
    return Spread(len(passages), Counter(word for each in passages for word in {*stems(readable(each))}))


DEADLINE = 10.0
"""Seconds until a condition that should come true is given up."""


@dataclass
class FakeStep:
    """A step as it was noted."""

    name: str
    number: int
    under: str
    facts: dict[str, Fact]
    at: float | None = None
    flags: str = "01"
    events: list[tuple[str, Facts]] = field(default_factory=list)
    ended: bool = False
    dropped: bool = False

    @property
    def trace(self) -> str:
        """The id of the trace: that of what it lies under, or its own."""
        return self.under.split("-")[1] if self.under else f"{self.number:032x}"

    @property
    def place(self) -> str:
        """As `Step.place`."""
        return f"00-{self.trace}-{self.number:016x}-{self.flags}"

    def note(self, **facts: Fact) -> None:
        """As `Step.note`."""
        self.facts.update(facts)

    def tell(self, event: str, facts: Facts) -> None:
        """As `Step.tell`."""
        self.events.append((event, facts))

    def end(self) -> None:
        """As `Step.end`."""
        self.ended = True

    def drop(self) -> None:
        """As `Step.drop`."""
        self.dropped = True


@dataclass
class FakeTracer:
    """A tracer that keeps the steps in the order in which they began; all have these flags of W3C."""

    flags: str = "01"
    steps: list[FakeStep] = field(default_factory=list)

    def begin(self, name: str, under: str, at: float | None, facts: Facts) -> FakeStep:
        """As `Tracer.begin`."""
        self.steps.append(FakeStep(name, len(self.steps) + 1, under, dict(facts), at, self.flags))
        return self.steps[-1]


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


def said_before(prompt: str, answer: str) -> int:
    """How many characters of `answer` the prompt ends with."""
    return next(length for length in range(len(answer), -1, -1) if prompt.endswith(answer[:length]))


def continuing(answer: str, piece: int = 4, pause: float = 0.0) -> Says:
    """A model that says `answer`, `piece` characters at a time, from where the prompt already says it."""

    async def says(prompt: str) -> AsyncGenerator[str, None]:
        for start in range(said_before(prompt, answer), len(answer), piece):
            await asyncio.sleep(pause)
            yield answer[start : start + piece]

    return says


class FakeBackend:
    """A backend made from a function; `prompts` are those it was given, `open` counts running streams.

    `params` are what came with the prompts.
    """

    def __init__(self, says: Says, limits: Limits | BackendError | None = None) -> None:
        self.prompts: list[str] = []
        self.params: list[Sampling] = []
        self.open = 0
        self._says = says
        self._limits = limits or Limits("fake", window=2048, max_input=2047)

    async def stream(self, prompt: str, params: Sampling) -> AsyncGenerator[Delta, None]:
        """As `Backend.stream`."""
        self.prompts.append(prompt)
        self.params.append(params)
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
    """A ledger that keeps what it was told; `before` is what other workers were.

    `lost` makes every call raise LeaseLost.
    """

    intended: list[int] = field(default_factory=list)
    checkpoints: list[Checkpoint] = field(default_factory=list)
    ids: dict[int, str] = field(default_factory=dict)
    before: Standing = field(default_factory=lambda: Standing({}))
    lost: bool = False

    @property
    def checkpoint(self) -> Checkpoint | None:
        """The last one, whoever noted it."""
        return self.checkpoints[-1] if self.checkpoints else self.before.checkpoint

    def taken_over(self) -> "FakeLedger":
        """The ledger as the next worker has it, and this one no more."""
        self.lost = True
        parts = {**dict.fromkeys(self.intended), **self.before.pages, **self.ids}
        return FakeLedger(before=Standing(parts, self.checkpoint))

    async def standing(self) -> Standing:
        """As `Ledger.standing`."""
        self._must_be_ours()
        return self.before

    async def intend(self, part: int, checkpoint: Checkpoint) -> None:
        """As `Ledger.intend`; the checkpoint is stored and read again."""
        self._must_be_ours()
        self.intended.append(part)
        self.checkpoints.append(decode(Checkpoint, encode(checkpoint)))

    async def sent(self, part: int, platform_id: str) -> None:
        """As `Ledger.sent`."""
        self._must_be_ours()
        assert part in self.intended, "no part stands that the ledger did not expect"
        self.ids[part] = platform_id

    async def held(self) -> None:
        """As `Ledger.held`."""
        self._must_be_ours()

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


class FakeInbox:
    """An inbox that keeps what is put; `error` is raised instead."""

    def __init__(self) -> None:
        self.put_: dict[str, Message] = {}
        self.edited: list[Message] = []
        self.deleted: list[tuple[ThreadId, str]] = []
        self.stopped: list[tuple[ThreadId, str | None]] = []
        self.error: Exception | None = None
        self.begun = False

    @property
    def messages(self) -> Sequence[Message]:
        """What was accepted, in its order."""
        return list(self.put_.values())

    async def put(self, message: Message) -> Receipt:
        """As `Inbox.put`."""
        if self.error:
            raise self.error
        known = message.id in self.put_
        self.put_.setdefault(message.id, message)
        return Receipt(not known, 0)

    async def edit(self, message: Message) -> bool:
        """As `Inbox.edit`."""
        self.edited.append(message)
        return not self.begun

    async def delete(self, thread: ThreadId, message_id: str) -> None:
        """As `Inbox.delete`."""
        self.deleted.append((thread, message_id))

    async def stop(self, thread: ThreadId, message_id: str | None = None) -> None:
        """As `Inbox.stop`."""
        self.stopped.append((thread, message_id))


class FakeShelf:
    """A shelf in memory, without sources."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Document, Entry]] = {}
        self._vectors: dict[tuple[str, str], Vectors] = {}
        self.kept_words: dict[str, IndexedWords] = {}
        self._claimed: set[tuple[str, str]] = set()
        self._changes: list[str] = []

    async def put(self, document: Document, entry: Entry) -> None:
        """As `Shelf.put`."""
        self._kept[document.id] = document, entry
        self._changes.append(document.id)

    async def remove(self, document_id: str) -> None:
        """As `Shelf.remove`."""
        if self._kept.pop(document_id, None):
            self.kept_words.pop(document_id, None)
            self._changes.append(document_id)

    async def document(self, document_id: str) -> Document | None:
        """As `Shelf.document`."""
        return self._kept[document_id][0] if document_id in self._kept else None

    async def entries(self) -> list[Entry]:
        """As `Shelf.entries`."""
        return [entry for _, entry in self._kept.values()]

    async def changes(self, since: str) -> Changes:
        """As `Shelf.changes`; a version is how many changes there were."""
        changed = set(self._changes[int(since or 0) :])
        entries = [self._kept[name][1] for name in changed if name in self._kept]
        gone = [name for name in changed if name not in self._kept]
        return Changes(str(len(self._changes)), entries, gone, anew=not since)

    async def put_vectors(self, document_id: str, model: str, vectors: Vectors) -> None:
        """As `Shelf.put_vectors`."""
        self._vectors[document_id, model] = vectors
        self._changes.append(document_id)

    async def put_words(self, document_id: str, words: IndexedWords) -> None:
        """As `Shelf.put_words`."""
        if document_id in self._kept:
            self.kept_words[document_id] = words

    async def shelved(self, document_ids: Sequence[str], model: str) -> list[Shelved | None]:
        """As `Shelf.shelved`."""
        return [
            Shelved(self._kept[name][0], self._vectors.get((name, model)), self.kept_words.get(name))
            if name in self._kept
            else None
            for name in document_ids
        ]

    async def claim(self, document_id: str, model: str, seconds: float) -> bool:
        """As `Shelf.claim`; it never ends by itself."""
        fresh = (document_id, model) not in self._claimed
        self._claimed.add((document_id, model))
        return fresh

    async def release(self, document_id: str, model: str) -> None:
        """As `Shelf.release`."""
        self._claimed.discard((document_id, model))

    async def add(self, source: Source) -> None: ...

    async def drop(self, address: str) -> None: ...

    async def sources(self) -> list[Source]:
        return []


class FakeEmbedder:
    """An Embedder whose vectors count the words of each of `meanings`; `down` it makes none.

    Each meaning is a group of words, with spaces between them. `read` are the passages that it got.
    Of a text with the word `unreadable` it makes none either.
    """

    def __init__(self, *meanings: str) -> None:
        self.model = "fake"
        self.meanings = [set(meaning.split()) for meaning in meanings]
        self.read: list[str] = []
        self.down = False

    async def passages(self, texts: Sequence[str]) -> list[Vector]:
        """As `Embedder.passages`."""
        self.read += texts
        return [await self.question(text) for text in texts]

    async def question(self, text: str) -> Vector:
        """As `Embedder.question`."""
        if self.down or "unreadable" in text:
            raise EmbedderUnavailable("the embedder is down")
        said = re.findall(r"\w+", text.lower())
        return bytes([1, *(sum(word in meaning for word in said) * 10 for meaning in self.meanings)])
