"""What people send that is hard to answer, and how each of it must end.

Files of known content come from `tests.files`; what is random comes from fixed seeds.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests import files
from tests.bench.parts import Language
from tests.system.program import Ended, World

RECEIPTS = "For how long are receipts kept?"
FACT = "Receipts are kept for seven years."
MOST_MEMORY = 900
"""MB that chasqui, its servers and the readers of files may use together."""
MOST_SECONDS = 20


class Sent(NamedTuple):
    """The arguments of `chasqui ask`, and what comes on stdin."""

    words: Sequence[str]
    stdin: bytes = b""


@dataclass(frozen=True, slots=True)
class Hard:
    """One thing that somebody sends: `sent` makes it in a folder.

    It ends with this exit `code`, and `says` is in what the person reads. `outcome` is that of --json, or
    None where the command ends before anything is asked, with a sentence on stderr.
    """

    name: str
    sent: Callable[[Path], Sent]
    says: str
    outcome: str | None = "failed"
    code: int = 1

    async def ask(self, world: World, sent: Sent) -> "Seen":
        """Send it by `chasqui ask --json`, in a thread of its own."""
        return seen(await world.run("ask", *sent.words, "--json", "--thread", self.name, stdin=sent.stdin))


class Seen(NamedTuple):
    """How it ended, and what a person reads of it."""

    code: int
    outcome: str | None
    text: str
    errors: str


def seen(ended: Ended) -> Seen:
    """What became of an `ask --json`."""
    if not ended.out:
        return Seen(ended.code, None, ended.sentence, ended.err)
    told = ended.json
    pages = [f" (page {cited['page']})" if cited["page"] else "" for cited in told["citations"]]
    sources = [
        f"Source: {cited['title']}{page}" for cited, page in zip(told["citations"], pages, strict=True)
    ]
    text = " ".join(filter(None, (told["answer"], told["why"], *sources, *told["left_out"])))
    return Seen(ended.code, told["outcome"], text, ended.err)


def _about(make: Callable[[Path], Path], question: str = RECEIPTS) -> Callable[[Path], Sent]:
    return lambda folder: Sent([question, "--file", str(make(folder))])


def _path(path: str | Path) -> Callable[[Path], Sent]:
    return lambda folder: Sent([RECEIPTS, "--file", str(path)])


def _text(name: str, content: str, encoding: str) -> Callable[[Path], Path]:
    return lambda folder: files.text(folder, name, content, encoding)


def _raw(name: str, content: bytes) -> Callable[[Path], Path]:
    return lambda folder: files.raw(folder, name, content)


@cache
def prose(words: int) -> str:
    """So many words of no language, in paragraphs."""
    language = Language(5)
    return "\n\n".join(language.prose(100) for _ in range(words // 100))


def paste() -> bytes:
    """100 kB of text with `FACT` in its middle."""
    text = prose(22_000)
    return f"{text[:50_000]}\n\n{FACT}\n\n{text[50_000:99_900]}".encode()


def long_pdf(folder: Path) -> Path:
    """A PDF of 3.6 million characters with `FACT` on its page 900."""
    text = prose(900_000)[:3_600_000]
    lines = [text[start : start + 75] for start in range(0, len(text), 75)]
    pages = [lines[start : start + 52] for start in range(0, len(lines), 52)]
    pages[899] = ["", FACT, "", *pages[899]]
    return files.plain_pdf(folder, "long.pdf", pages)


def _one_line(folder: Path) -> Path:
    text = prose(900_000).replace("\n", " ")
    return files.text(folder, "line.txt", f"{FACT} {text} {text} {text}"[:10_000_000])


def _mislabelled(make: Callable[[Path], Path], name: str) -> Callable[[Path], Path]:
    return lambda folder: make(folder).rename(folder / name)


def _unreadable(folder: Path) -> Path:
    """A file that nobody may read; root may read all, but not this one, which is no file of a disk."""
    if os.geteuid() == 0:
        return Path("/proc/self/mem")
    path = files.raw(folder, "secret.txt", b"Receipts.")
    path.chmod(0)
    return path


def _pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe")
    return folder / "pipe"


def bad_files(folder: Path) -> list[Path]:
    """Twelve files that cannot be read, for five reasons."""
    return [
        *(files.raw(folder, f"empty {number}.txt", b"") for number in range(5)),
        *(files.raw(folder, f"noise {number}.dat", bytes(range(256)) * 400) for number in range(4)),
        files.pdf(folder, "locked.pdf", password="secret"),
        files.shortened(files.word(folder, "whole.docx"), "cut.docx"),
        files.bomb(folder, "bomb.zip", 100, "zeros.txt"),
    ]


def good_files(folder: Path) -> list[Path]:
    """Thirteen files of six formats."""
    whole = [make(folder) for make in (files.markdown, files.word, files.pdf, files.slides, files.workbook)]
    text = prose(22_000)
    return [*whole, *(files.text(folder, f"note {n}.txt", text[n * 5000 :][:5000]) for n in range(8))]


def _many(folder: Path) -> Sent:
    """25 files, good and bad ones by turns."""
    good, bad = good_files(folder), bad_files(folder)
    mixed = sorted([*enumerate(good), *enumerate(bad)])
    return Sent([RECEIPTS, *(word for _, path in mixed for word in ("--file", str(path)))])


TOO_SLOW = ("takes too long to read, so please send the part that matters.", "There was no time to read")
"""What a machine that is busy with other things may say instead of an answer from a large file."""

LOCKED_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "EncryptedPackage".encode("utf-16-le")
_NO_QUESTION = "Ask something, or "
_CUT = "is damaged or incomplete, so please save it again and send the new copy."
_LOCKED = "is protected by a password, so please send a copy without one."
_NOT_TEXT = "This is not text. Attach it as a file, and ask about that."
_HOLIDAYS = "El señor Núñez recibe 24 días de vacaciones. ¿Y mañana? También.\n"

MESSAGES = (
    Hard("an empty message", lambda _: Sent([" "]), _NO_QUESTION, None, 2),
    Hard("nothing but invisible characters", lambda _: Sent(["\u200b\u2060\u202e\ufeff"]), _NO_QUESTION),
    Hard(
        "a line of 10 MB on stdin",
        lambda _: Sent(["-"], b"lorem ipsum dolor " * 555_556),
        "This is longer than 4,000,000 characters. Attach it as a file, or send the part that matters.",
        None,
    ),
    Hard("noise on stdin", lambda _: Sent(["-"], bytes(range(256)) * 400), _NOT_TEXT, None),
)
FILES = (
    Hard("an empty file", _about(_raw("nothing.txt", b"")), "is empty, so there is nothing to read in it."),
    Hard(
        "an unknown binary file",
        _about(_raw("noise.bin", bytes(range(256)) * 400)),
        "so please send it as text, PDF, DOCX, PPTX or XLSX.",
    ),
    Hard("an encrypted PDF", _about(lambda f: files.pdf(f, "locked.pdf", password="secret")), _LOCKED),
    Hard("an encrypted Office file", _about(_raw("locked.docx", LOCKED_OFFICE)), _LOCKED),
    Hard("a truncated PDF", _about(lambda f: files.shortened(files.pdf(f), "cut.pdf")), _CUT),
    Hard("a truncated Word file", _about(lambda f: files.shortened(files.word(f), "cut.docx")), _CUT),
    Hard(
        "a PDF called .docx",
        _about(_mislabelled(files.pdf, "really.docx")),
        "Source: really.docx (page 2)",
        "answered",
        0,
    ),
    Hard(
        "a Word file called .txt",
        _about(_mislabelled(files.word, "really.txt")),
        "two years",
        "answered",
        0,
    ),
    Hard(
        "a text in latin-1",
        _about(
            _text("latin.txt", _HOLIDAYS, "latin-1"), "¿Cuántos días de vacaciones recibe el señor Núñez?"
        ),
        "24 días",
        "answered",
        0,
    ),
    Hard("a text in UTF-16", _about(_text("wide.txt", FACT, "utf-16")), "Source: wide.txt", "answered", 0),
    Hard(
        "a zip bomb called .docx, 1 MB to 1 GB",
        _about(lambda f: files.bomb(f, "bomb.docx", 1000)),
        "unpacks to more than 100 MB, so please send the part that matters.",
    ),
    Hard(
        "a zip bomb called .zip, 1 MB to 1 GB",
        _about(lambda f: files.bomb(f, "bomb.zip", 1000, "zeros.txt")),
        "is an archive, so please send the files inside it instead.",
    ),
    Hard("a PDF of 3.6 M characters", _about(long_pdf), "Source: long.pdf (page 900)", "answered", 0),
    Hard(
        "a file of one line of 10 MB",
        _about(_one_line),
        "line.txt: Only the first 4,000,000 characters were read.",
        "answered",
        0,
    ),
    Hard("25 files, good and bad", _many, "two years", "answered", 0),
    Hard(
        "a file larger than the limit",
        _about(_raw("large.txt", b"Receipts. " * 2_600_000)),
        "large.txt is larger than 25 MB. Send a smaller file, or the part that matters.",
    ),
    Hard(
        "an unreadable file",
        _about(_unreadable),
        "may not be read. Check its permissions." if os.geteuid() else "cannot be read (Input/output error).",
    ),
)
PATHS = (
    Hard("a directory", _about(lambda f: f), "is not a file. Name a file after --file.", None, 2),
    Hard("a missing file", _about(lambda f: f / "gone"), "does not exist. Name a file", None, 2),
    Hard("a named pipe", _about(_pipe), "is not a file. Name a file after --file.", None, 2),
    Hard("/dev/zero", _path("/dev/zero"), "/dev/zero is not a file. Name a file", None, 2),
    Hard("no file name", _path(""), "is not a file. Name a file after --file.", None, 2),
    Hard("a file name of 300 characters", _path("x" * 300), "cannot be found. Name a file", None, 2),
)
HARD = (*MESSAGES, *FILES, *PATHS)
PASTE = Hard("a paste of 100 kB", lambda _: Sent(["-"], paste()), "your message", "answered", 0)
