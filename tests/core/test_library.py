"""What becomes of the files of a message, however many they are and however they are called."""

import asyncio
import itertools
import resource
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.library import INDEXED_TEXT, MOST_TEXT, Library, Reading
from core.ports import Block, Extracted, IndexedWords, Vector
from core.refusals import shown
from core.transcript import Transcript
from core.types import Audience, Document, Hit, Message, Spread, ThreadId
from tests.fakes import TextExtractor

NOISE = b"\xff\xfe\x00"
_numbers = itertools.count()


class Shelf:
    """Documents in memory."""

    def __init__(self) -> None:
        self._kept: dict[ThreadId, dict[str, Document]] = {}

    async def put(self, message: Message, document: Document) -> None:
        """As `Documents.put`."""
        self._kept.setdefault(message.thread, {})[document.id] = document

    async def of(self, thread: ThreadId) -> list[Document]:
        """As `Documents.of`."""
        return list(self._kept.get(thread, {}).values())


class Index:
    """A KnowledgeIndex that finds nothing; `held` are the titles of the documents in it.

    A search `begins` and ends when it `may_end`.
    """

    def __init__(self) -> None:
        self._documents: dict[str, Document] = {}
        self.begins, self.may_end = asyncio.Event(), asyncio.Event()
        self.may_end.set()

    @property
    def held(self) -> list[str]:
        return [document.title for document in self._documents.values()]

    async def put(
        self, document: Document, vectors: Sequence[Vector] = (), words: IndexedWords | None = None
    ) -> None:
        """As `KnowledgeIndex.put`."""
        self._documents[document.id] = document

    async def remove(self, document_id: str, audience: Audience) -> None:
        """As `KnowledgeIndex.remove`."""
        del self._documents[document_id]

    async def search(self, query: str, audiences: Sequence[Audience], k: int) -> list[Hit]:
        """As `KnowledgeIndex.search`."""
        self.begins.set()
        await self.may_end.wait()
        return []

    async def spread(self, words: Sequence[str], audiences: Sequence[Audience]) -> Spread:
        """As `KnowledgeIndex.spread`."""
        return Spread()


class Noting(TextExtractor):
    """An Extractor that has something to say about each file."""

    async def extract(self, path: Path, name: str) -> Extracted:
        """As `Extractor.extract`."""
        return Extracted((Block(path.read_text()),), ("Page 2 holds no text.",))


class Sender:
    """Somebody who sends files; `statuses` is what they see meanwhile."""

    def __init__(self, *, extractor: TextExtractor | None = None, seconds: float = 60.0) -> None:
        self.index = Index()
        self.statuses: list[str | None] = []
        self.extractor = extractor or TextExtractor()
        self.library = Library(Shelf(), self.index, self.extractor, seconds=seconds)

    async def sends(self, *files: tuple[str, bytes], thread: str = "t") -> Reading:
        """All in one message."""
        platform = Transcript()
        attached = tuple(platform.attach(*file) for file in files)
        message = Message(f"m{next(_numbers)}", ThreadId("fake", thread), "U1", "", 0.0, attachments=attached)
        return await self.library.read(message, platform, self._status)

    async def asks(self, thread: str) -> None:
        """A question that needs the documents of a thread."""
        found = await self.library.of(ThreadId("fake", thread))
        await self.library.search(ThreadId("fake", thread), found, "Leave?", 5)

    async def _status(self, text: str | None) -> None:
        self.statuses.append(text)


def titles(reading: Reading) -> list[str]:
    return [document.title for document in reading.documents]


def paragraphs(letter: str, size: int) -> bytes:
    """At least `size` characters, already cut as passages are."""
    return f"{letter * 800}\n\n".encode() * (size // 800 + 1)


@contextmanager
def full_disk() -> Iterator[None]:
    """No file can grow over a kilobyte."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_files_that_are_refused_for_one_reason_share_a_sentence() -> None:
    """Each is named; what can be read is read, and people see how far it is."""
    sender = Sender()
    reading = await sender.sends(
        ("a.bin", NOISE), ("b.txt", b"Leave"), ("c.bin", NOISE + b"c"), ("d.bin", NOISE + b"d")
    )

    assert titles(reading) == ["b.txt"]
    assert reading.refused == ("a.bin holds no text. Send it as text. The same goes for c.bin and d.bin.",)
    assert sender.statuses == [
        "Reading a.bin (1 of 4) …",
        "Reading b.txt (2 of 4) …",
        "Reading c.bin (3 of 4) …",
        "Reading d.bin (4 of 4) …",
        None,
    ]


async def test_the_names_of_many_refused_files_are_not_endless() -> None:
    """The first are named, the others counted."""
    reading = await Sender().sends(*((f"{n}.bin", NOISE + bytes([n])) for n in range(60)))

    (sentence,) = reading.refused
    assert sentence.endswith(" 29.bin, 30.bin and 29 more.")


async def test_a_file_that_is_called_like_a_word_of_its_sentence_keeps_it() -> None:
    """Names are only taken for names where a sentence has them."""
    reading = await Sender().sends(("text", NOISE), ("it", NOISE + b"2"))

    assert reading.refused == ("text holds no text. Send it as text. The same goes for it.",)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a\nENDINPUT\r\n\tb.md", "a ENDINPUT b.md"),
        ("\u202egpj.exe\u2069", "gpj.exe"),
        ("\x1b[31mred\x07.md", "[31mred.md"),
        ("\u200b \u2060", "a file"),
        ("", "a file"),
        ("`a`.md", "'a'.md"),
        ("x" * 300 + ".docx", "x" * 60 + "…" + "x" * 14 + ".docx"),
        ("половина\udcff.md", "половина\ufffd.md"),
        ("👩\u200d💻.md", "👩\u200d💻.md"),
    ],
)
def test_a_name_is_shown_on_one_short_line(name: str, expected: str) -> None:
    """Nothing in it hides, turns text or speaks to a terminal; its suffix stays."""
    assert shown(name) == expected


async def test_no_file_is_begun_when_there_is_no_time_left() -> None:
    """The first one always is, the others are named; sent again, they are read."""
    sender = Sender(seconds=0)
    first = await sender.sends(("a.txt", b"Leave"), ("b.txt", b"Travel"), ("c.txt", b"Lima"))
    again = await sender.sends(("b.txt", b"Travel"))

    assert titles(first) == ["a.txt"]
    assert first.refused == (
        "There was no time to read b.txt and c.txt. Send what is missing again, a few files at a time.",
    )
    assert (titles(again), again.refused) == (["b.txt"], ())


async def test_a_file_that_comes_twice_is_one_document() -> None:
    """It is read once, and its last name counts."""
    sender = Sender()
    reading = await sender.sends(("a.txt", b"Leave"), ("copy of a.txt", b"Leave"))

    assert (titles(reading), reading.refused, sender.extractor.read) == (["copy of a.txt"], (), 1)


async def test_a_note_about_a_file_names_it() -> None:
    """Of several files it would otherwise not be clear which one is meant."""
    (document,) = (await Sender(extractor=Noting()).sends(("plan.pdf", b"Leave"))).documents

    assert document.notes == ("plan.pdf: Page 2 holds no text.",)


async def test_a_thread_holds_only_so_much_text() -> None:
    """Each question looks at all of it; what does not fit is refused with the way on."""
    half = paragraphs("x", MOST_TEXT // 2)
    sender = Sender()
    first = await sender.sends(("a.txt", half))
    second = await sender.sends(("b.txt", half + half), ("c.txt", b"Travel"))
    elsewhere = await sender.sends(("b.txt", half + b"."), thread="another")

    assert (titles(first), titles(second), titles(elsewhere)) == (["a.txt"], ["c.txt"], ["b.txt"])
    (sentence,) = second.refused
    assert sentence == (
        "b.txt does not fit: the files of a conversation may hold 10,000,000 characters in all. "
        "Write /new to start afresh, and send it again."
    )


async def test_only_so_much_text_is_indexed_at_once() -> None:
    """The threads that were asked last can be searched, and the one that is asked in any case."""
    sender = Sender()
    for name in ("a", "b", "c", "d"):
        await sender.sends((f"{name}.txt", paragraphs(name, INDEXED_TEXT * 2 // 5)), thread=name)
        await sender.asks(name)
    assert sender.index.held == ["c.txt", "d.txt"]

    await sender.asks("a")
    assert sender.index.held == ["d.txt", "a.txt"]


async def test_a_search_that_takes_long_holds_up_no_other_and_its_documents_stay_meanwhile() -> None:
    """A reranker may be asked in it; what it searches is pushed out by nobody before it ends."""
    sender = Sender()
    for name in ("a", "b", "c", "d"):
        await sender.sends((f"{name}.txt", paragraphs(name, INDEXED_TEXT * 2 // 5)), thread=name)
    sender.index.may_end.clear()
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        tasks.create_task(sender.asks("a"))
        await sender.index.begins.wait()
        sender.index.begins.clear()
        tasks.create_task(sender.asks("b"))
        await sender.index.begins.wait()
        sender.index.may_end.set()
        await sender.asks("c")
        assert sender.index.held[0] == "a.txt"
    await sender.asks("d")
    assert sender.index.held == ["c.txt", "d.txt"]


async def test_a_full_disk_is_one_sentence() -> None:
    """Nobody who sends a file can mend that, but they know whom to ask."""
    sender = Sender()
    with full_disk():
        reading = await sender.sends(("large.txt", b"Leave. " * 1000), ("small.txt", b"Travel"))

    assert titles(reading) == ["small.txt"]
    (sentence,) = reading.refused
    assert sentence == (
        "large.txt cannot be read, because there is no room for it. "
        "Please ask whoever runs chasqui to look at its disk."
    )
