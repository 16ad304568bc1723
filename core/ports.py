"""What the core needs of the outside world: few verbs each, implemented once per vendor in adapters/.

Implementations of one port run through the same contract tests (tests/adapters/).
"""

import math
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from core.types import (
    Attachment,
    Audience,
    Checkpoint,
    Delta,
    Document,
    Entry,
    Feedback,
    Hit,
    Limits,
    Message,
    Outcome,
    PageProfile,
    Passage,
    Sampling,
    Source,
    Spread,
    ThreadId,
    Turn,
)


class Backend(Protocol):
    """Something that continues a prompt. Raises only BackendError."""

    def stream(self, prompt: str, params: Sampling) -> AsyncGenerator[Delta, None]:
        """The continuation, piece by piece; the last Delta carries `finish`.

        Use it under ``contextlib.aclosing``: leaving early closes the connection, which frees the
        engine's slot.
        """
        ...

    async def count(self, text: str) -> int:
        """Tokens of `text` as the engine counts a prompt, begin-of-text token included."""
        ...

    async def limits(self) -> Limits:
        """What the engine can take; asked once and remembered."""
        ...


FILE, END = -1, -2
"""What a ledger calls the parts of an answer that are no pages: its file, and what `Reply.finish` sends."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the workers noted of an answer that began it before.

    `pages` gives the platform's id of each part (a page's number, FILE or END): None where it was about
    to be sent, and may stand or not. `checkpoint` is the last one. `noted_at` is the time of the last note,
    by the clock of the event loop.
    """

    pages: Mapping[int, str | None]
    checkpoint: Checkpoint | None = None
    noted_at: float = field(default=-math.inf, compare=False)


class Ledger(Protocol):
    """Which parts of an answer stand on the platform. Every call may raise LeaseLost."""

    async def standing(self) -> Standing:
        """What other workers, or earlier attempts, noted before this message was taken."""
        ...

    async def intend(self, part: int, checkpoint: Checkpoint) -> None:
        """Note how far the answer is, and that `part` is about to be sent or written again."""
        ...

    async def sent(self, part: int, platform_id: str) -> None:
        """Note the platform's id of a part that stands."""
        ...

    async def held(self) -> None:
        """Raise LeaseLost unless the message is still ours; costs nothing while that is certain."""
        ...


class Reply(Protocol):
    """One answer on its way out to one platform. Raises only PlatformError and LeaseLost."""

    @property
    def profile(self) -> PageProfile:
        """What a page may hold; read again before each page, since a fallback may change it."""
        ...

    async def status(self, text: str | None) -> None:
        """Show what is being done, before the first text; None takes it away.

        May go on showing it until it is cancelled, where what it shows fades.
        """
        ...

    async def write(self, page: int, markdown: str, *, final: bool) -> None:
        """Make `markdown` the whole text of page `page`; `final` says it will not change again.

        The same page may be written again after any error, and stands once whatever became of the
        write before. A page that is not editable is given a text that begins with what it showed.
        Raises RateLimited, WriteFailed, PageClosed.
        """
        ...

    async def attach(self, name: str, text: str) -> None:
        """Send `text` as a file, for what is longer than pages should be.

        May be called again after any error, and the file stands once, as with `write`.
        """
        ...

    async def finish(self, outcome: Outcome) -> None:
        """End the reply visibly: sources, notes, or the sentence of a refusal or failure."""
        ...


class Platform(Protocol):
    """Discord, Slack or the terminal, as a worker needs it: to speak and to fetch files."""

    @property
    def name(self) -> str: ...

    def reply(self, message: Message, ledger: Ledger) -> Reply:
        """A reply to `message`; any worker can make one, and go on with what another began.

        A part of which the ledger's standing knows the intent but no id is looked for on the platform
        before it is sent again. What stands already as it is to be written is left as it is, also where
        it takes no more: then PageClosed says that it shows only what was written before. A page that
        another reply could edit can be edited, and one that it could not is not given another text.
        """
        ...

    async def show_place(self, message: Message, text: str) -> None:
        """Let the asker of a message that waits read its place; the first text of its answer replaces it.

        Raises only PlatformError.
        """
        ...

    def download(self, file: Attachment) -> AsyncGenerator[bytes, None]:
        """The bytes of a file, in pieces. Raises FileRefused when it is gone or not ours to read."""
        ...


class Lease(Protocol):
    """A worker's fenced right to answer one message. Every call may raise LeaseLost.

    `attempts` says how often the message was taken, this time included; `replica` names the replica that
    keeps a slot for its answer, where slots are kept. `model` is the one that the thread chose, else its
    channel; "" where neither did.
    """

    message: Message
    attempts: int
    replica: str
    model: str
    ledger: Ledger

    async def stopped(self) -> None:
        """Return when someone pressed Stop or deleted the question."""
        ...

    async def move(self, replica: str) -> None:
        """Let this replica keep the slot, for it answers now. It does not wait until one is free there."""
        ...

    async def finish(self, turn: Turn | None, tokens: int = 0) -> None:
        """End the answer in one step: keep the turn (if any), take the message out, free the thread.

        The next prompt of the thread begins with about so many `tokens`.
        """
        ...

    async def uncount(self) -> None:
        """Let this attempt not count: nothing was wrong with the message."""
        ...

    async def set_aside(self, why: str) -> None:
        """Give the message up: it leaves the inbox for the dead letters, where people can look at it."""
        ...


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a message that was put; a duplicate is not `accepted`.

    `ahead` are the messages of its thread that wait before it.
    """

    accepted: bool
    ahead: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message stands: `ahead` come before it; its turn comes in about `seconds`, if known."""

    message: Message
    ahead: int
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Load:
    """How much there is to do: messages that wait and that are answered now, and the seconds for which
    the oldest of those that wait does so. One that is tried again waits anew.
    """

    waiting: int
    answering: int
    oldest: float


class Work(Protocol):
    """The inbox as one worker takes from it."""

    def take(self) -> AbstractAsyncContextManager[Lease | None]:
        """The next message that is this worker's to answer, once there is one and a replica has a slot.

        None once the work is closed. People have fair shares, and so have the threads of each. Leaving
        the context without `Lease.finish` leaves the message in the inbox: it is tried again after a
        while, or at once by another worker when it is left by a cancellation.
        """
        ...

    def close(self) -> None:
        """Take nothing more: the threads that wait go to other workers, the others when they are done."""
        ...

    async def waiting(self) -> Sequence[Place]:
        """The messages that wait for this worker, those first that come first."""
        ...


Fact = str | int | float | None
"""What is known of a step: a number or a fixed word, and nobody's words; None is not known."""
Facts = Mapping[str, Fact]


class Step(Protocol):
    """A stretch of a message's way, from when it began until it ends."""

    @property
    def place(self) -> str:
        """Its place in the trace, as a W3C traceparent: steps of other processes may lie under it."""
        ...

    def note(self, **facts: Fact) -> None:
        """Add to what is known of it; an `error` is the name of what it failed of."""
        ...

    def tell(self, event: str, facts: Facts) -> None:
        """Something happened within it, now."""
        ...

    def end(self) -> None:
        """It is over; the first end counts."""
        ...

    def drop(self) -> None:
        """It was nothing: nobody is to see it."""
        ...


class Tracer(Protocol):
    """Collects the steps of messages' ways. Raises nothing."""

    def begin(self, name: str, under: str, at: float | None, facts: Facts) -> Step:
        """A step that begins now or began at this Unix time, under that place or as the first of a trace."""
        ...


class Inbox(Protocol):
    """Accepted messages not yet answered; the only queue."""

    async def put(self, message: Message) -> Receipt:
        """Accept a message: durable and de-duplicated before this returns. Raises InboxFull."""
        ...

    def take(self, thread: ThreadId) -> AbstractAsyncContextManager[Lease | None]:
        """The thread's next message, once this process holds the thread; None where nothing waits.

        For a platform whose process answers itself. Waits while another process holds the thread.
        """
        ...

    def work(self) -> AbstractAsyncContextManager[Work]:
        """Join the workers; leaving gives every thread back, so that others go on at once."""
        ...

    async def load(self) -> Load:
        """How much there is to do on the platforms that workers serve."""
        ...

    async def stop(self, thread: ThreadId, message_id: str | None = None) -> None:
        """Ask for the answer to that message to stop, wherever it is made, or before it begins.

        Without `message_id` it is the message that is being answered or comes next.
        """
        ...

    async def edit(self, message: Message) -> bool:
        """Let a message that nobody began to answer say this instead; returns whether it was in time."""
        ...

    async def delete(self, thread: ThreadId, message_id: str) -> None:
        """Take a message out: an answer to it stops, and its turn is kept no longer."""
        ...


@dataclass(frozen=True, slots=True)
class Recent:
    """The turns of a thread that may go into a prompt, oldest first.

    They begin at the cut, where one was made; `left_out` turns come before it.
    """

    turns: Sequence[Turn] = ()
    left_out: int = 0


class History(Protocol):
    """The finished turns of each thread."""

    async def turns(self, thread: ThreadId) -> list[Turn]:
        """Turns since the last `fresh`, oldest first, at most the cap."""
        ...

    async def askers(self, thread: ThreadId) -> set[str]:
        """Who asked what is kept of a thread: its turns, also from before a `fresh`, and what waits.

        "" stands for somebody who is not known any more.
        """
        ...

    async def recent(self, thread: ThreadId, model: str) -> Recent:
        """What may go into the next prompt of `model`; it costs the same however long the thread is."""
        ...

    async def set_cut(self, thread: ThreadId, model: str, message_id: str, left_out: int) -> None:
        """Let the prompts of `model` begin with the turn of this message; so many come before it."""
        ...

    async def chosen(self, thread: ThreadId) -> str:
        """The model that people chose for this thread, by its name in the settings; "" where they did not."""
        ...

    async def choose(self, thread: ThreadId, model: str) -> None:
        """Let this model answer from the next question on; "" takes the choice back.

        It outlives `fresh`, and ends with `forget`.
        """
        ...

    async def fresh(self, thread: ThreadId) -> None:
        """Start afresh: earlier turns and files stay stored but no longer count.

        An answer that is being made ends before the fresh start: its turn and files do not count either.
        """
        ...

    async def forget(self, thread: ThreadId) -> None:
        """Delete everything that is kept of the thread; an answer that is being made there ends."""
        ...


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of one person in one thread, oldest first."""

    thread: ThreadId
    turns: tuple[Turn, ...] = ()
    documents: tuple[Document, ...] = ()
    waiting: tuple[Message, ...] = ()
    set_aside: tuple[Message, ...] = ()
    feedback: tuple[Feedback, ...] = ()


class People(Protocol):
    """What is kept of each person over all threads. A person is an author on a platform."""

    async def kept(self, platform: str, author: str) -> list[Kept]:
        """Everything that this person said, thought of answers, attached and was answered, by thread."""
        ...

    async def forget(self, platform: str, author: str) -> None:
        """Delete that; their answers that are being made end. What others said stays."""
        ...


class Documents(Protocol):
    """The texts that were read, kept as the source of truth of every index."""

    async def put(self, message: Message, document: Document) -> None:
        """Keep a document that came with a message, in its thread; the same id replaces.

        Raises LeaseLost, and keeps nothing, once the message is no longer in the inbox.
        """
        ...

    async def of(self, thread: ThreadId) -> list[Document]:
        """The documents of this thread since the last `History.fresh`, oldest first."""
        ...


Vector = bytes
"""A direction: a signed byte for each dimension, of which only the proportions count."""


@dataclass(frozen=True, slots=True)
class Vectors:
    """What an embedder made of the passages of a document, in their order.

    `of` tells for which texts (see `core.knowledge.fingerprint`): those of an older text do not count.
    """

    of: str
    rows: tuple[Vector, ...]


@dataclass(frozen=True, slots=True)
class IndexedWords:
    """The stems of a document's passages, in their order: of the title, of the headings and of the text.

    `of` tells for which texts, and how they were read (see `core.indexed`): others do not count.
    """

    of: str
    rows: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Shelved:
    """A document with what was made of it, where somebody did and this release can read it."""

    document: Document
    vectors: Vectors | None = None
    words: IndexedWords | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed on the shelf up to `version`, in no order; with `anew` nothing from before counts.

    `gone` are the ids of documents that are no longer there. There may be `more` behind this version.
    """

    version: str
    entries: Sequence[Entry] = ()
    gone: Sequence[str] = ()
    anew: bool = False
    more: bool = False


class Shelf(Protocol):
    """The documents of the team, kept for good as the source of truth of every index."""

    async def put(self, document: Document, entry: Entry) -> None:
        """Keep a document; the same id replaces."""
        ...

    async def remove(self, document_id: str) -> None:
        """Keep it no longer."""
        ...

    async def document(self, document_id: str) -> Document | None:
        """The text of a document, where it is there and this release can read it."""
        ...

    async def entries(self) -> list[Entry]:
        """All that are kept, by source and path."""
        ...

    async def changes(self, since: str) -> Changes:
        """The first of what changed since a version; "" is the one of whoever knows nothing yet."""
        ...

    async def put_vectors(self, document_id: str, model: str, vectors: Vectors) -> None:
        """Keep what an embedder made of a document that is kept; those that the same `model` made go."""
        ...

    async def put_words(self, document_id: str, words: IndexedWords) -> None:
        """Keep the stems of a document, while it is kept, so that others need not find them."""
        ...

    async def shelved(self, document_ids: Sequence[str], model: str) -> list[Shelved | None]:
        """These documents with what was made of them, vectors by this `model`; None for what is gone."""
        ...

    async def claim(self, document_id: str, model: str, seconds: float) -> bool:
        """Whether the caller is to make these vectors; nobody else is told so before `seconds` are over."""
        ...

    async def release(self, document_id: str, model: str) -> None:
        """End a claim: whoever asks next is to make them."""
        ...

    async def add(self, source: Source) -> None:
        """Keep a source; the same address replaces."""
        ...

    async def drop(self, address: str) -> None:
        """Keep a source no longer; its documents stay."""
        ...

    async def sources(self) -> list[Source]:
        """All that were added, by address."""
        ...


@dataclass(frozen=True, slots=True)
class PageRead:
    """A page of the web as it is kept now. Not `fresh`, it said the same before.

    `notes` say what of it was not read.
    """

    entry: Entry
    fresh: bool
    notes: tuple[str, ...] = ()


class Links(Protocol):
    """Pages of the web among the documents of the team."""

    async def add(self, source: Source) -> PageRead:
        """Read a page and keep it, and let it be looked at again in each sync from now on.

        Raises FileRefused with a sentence for whatever keeps it from being read, and HostRefused where its
        host is not to be asked. The sources are then what they were before.
        """
        ...


class Feedbacks(Protocol):
    """What people think of answers."""

    async def put(self, thread: ThreadId, feedback: Feedback) -> None:
        """Keep it with its thread; a person's newest word on a message replaces the one before."""
        ...

    async def of(self, thread: ThreadId) -> list[Feedback]:
        """All that is kept of a thread, oldest first."""
        ...


class Survey(Protocol):
    """What stands over all threads, for those who look after the team's documents."""

    async def refused(self) -> list[Turn]:
        """The questions that were not answered, oldest first."""
        ...


class Notes(Protocol):
    """Small things that all processes of a platform have to know, by name; nobody's words.

    Names are the platform's own: ``discord:seen:CHANNEL``.
    """

    async def put(self, name: str, value: str, *, seconds: float | None = None) -> None:
        """Keep a value, for so long; None is for good."""
        ...

    async def get(self, name: str) -> str | None:
        """The value, while it is kept."""
        ...

    async def drop(self, name: str) -> None:
        """Keep it no longer."""
        ...


@dataclass(frozen=True, slots=True)
class Rate:
    """What a platform takes in one of its buckets: `calls` in any `seconds`."""

    bucket: str
    calls: int
    seconds: float


class Rates(Protocol):
    """The buckets of a platform, over all workers."""

    async def wait(self, rate: Rate) -> None:
        """Return when this call may be made, in the order of asking."""
        ...

    async def rest(self, bucket: str, seconds: float) -> None:
        """The platform wants no call of this bucket for so long: let all workers know."""
        ...


class KnowledgeIndex(Protocol):
    """Finds passages. Holds only what can be made anew from `Documents` and the `Shelf`."""

    async def put(
        self, document: Document, vectors: Sequence[Vector] = (), words: IndexedWords | None = None
    ) -> None:
        """Make a document findable; the same id and audience replaces.

        With a vector for each of its passages it is found by what it means too, where the index can.
        With its `words` (see `core.indexed`) that is quicker.
        """
        ...

    async def remove(self, document_id: str, audience: Audience) -> None:
        """Make a document unfindable."""
        ...

    async def search(self, query: str, audiences: Sequence[Audience], k: int) -> list[Hit]:
        """The `k` best passages among documents of exactly these audiences, best first.

        The audience is a filter before ranking. A query without a searchable word finds nothing.
        """
        ...

    async def spread(self, words: Sequence[str], audiences: Sequence[Audience]) -> Spread:
        """How many passages of exactly these audiences hold each of these stemmed words.

        One that stands nowhere counts as those that are one typing slip away.
        """
        ...


class WordIndex(KnowledgeIndex, Protocol):
    """A KnowledgeIndex by words, which tells of any passage what it would score."""

    async def scores(
        self, query: str, audiences: Sequence[Audience], passages: Sequence[Passage]
    ) -> list[float]:
        """The score of each as `search` would give it; 0 where no word of the query stands, or not there."""
        ...


class VectorIndex(Protocol):
    """Finds passages by their vectors. Holds only what can be made anew from the `Shelf`."""

    def put(self, document: Document, vectors: Sequence[Vector]) -> None:
        """Make a document findable, by a vector for each passage; the same id and audience replaces."""
        ...

    def remove(self, document_id: str, audience: Audience) -> None:
        """Make a document unfindable, if it is there."""
        ...

    def holds(self, audiences: Sequence[Audience]) -> bool:
        """Whether any document of these audiences can be found."""
        ...

    async def nearest(
        self, vector: Vector, audiences: Sequence[Audience], k: int, also: Sequence[Passage] = ()
    ) -> list[Hit]:
        """The `k` nearest passages among documents of exactly these audiences, and those of `also` there.

        Nearest first: a score is the mean of two cosines, the passage's, which is its `nearness`, and that of
        the mean direction of its section. The audience is a filter before ranking.
        """
        ...


class Embedder(Protocol):
    """Makes vectors of texts: those of a question and of the passages that answer it are near each other.

    Raises only EmbedderUnavailable.
    """

    @property
    def model(self) -> str:
        """What makes them, and how: vectors of different models cannot be compared.

        It is empty while nobody knows, since a server has not answered yet.
        """
        ...

    async def passages(self, texts: Sequence[str]) -> list[Vector]:
        """The vector of each text; of a long one, of its beginning."""
        ...

    async def question(self, text: str) -> Vector:
        """The vector of what somebody asks."""
        ...


@runtime_checkable
class Comparer(Protocol):
    """Compares a question with texts word by word, each word as it is meant in its sentence."""

    async def likenesses(self, question: str, texts: Sequence[str]) -> list[float]:
        """How near each text comes to each word of the question, on average: at most 1, in their order."""
        ...


class Reranker(Protocol):
    """Reads a question together with each text. Raises only RerankerUnavailable."""

    async def scores(self, query: str, texts: Sequence[str]) -> list[float]:
        """How well each text answers, in their order: finite numbers, more is better."""
        ...


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of extracted Markdown that shares one place in its document.

    `page` counts from 1 and stands for pages and slides; `label` names a sheet; `anchor` is an
    address inside the document where the format has one.
    """

    markdown: str
    page: int | None = None
    label: str = ""
    anchor: str = ""


@dataclass(frozen=True, slots=True)
class Extracted:
    """The text of a file, in order. `notes` are sentences for people about what was cut or lost."""

    blocks: tuple[Block, ...]
    notes: tuple[str, ...] = ()


class Extractor(Protocol):
    """Files to text, within limits of bytes, time and memory."""

    async def extract(self, path: Path, name: str) -> Extracted:
        """The text of the file at `path`; `name` is what people call it.

        Raises FileRefused with a sentence for anything that cannot be read.
        """
        ...
