"""Documents -> sections -> passages. Holds no index.

A section is what stands under one heading; a passage is a piece of a section that fits the window
several times over. Each passage carries its heading path, so that it can be found and cited by it.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from core.blocks import State, step
from core.ports import Extracted
from core.terms import sentences
from core.types import Audience, Document, Hit, Passage

PASSAGE_LENGTH = 900
"""Characters; about 200 tokens of English, so that four passages and their labels fit beside a turn."""

HEADING_LENGTH = 120
"""Characters of a heading that are shown; of a longer one the whole stands in the text too."""

_HEADING = re.compile(r"^ {0,3}(#{1,6})[ \t]+(.*)$")
_CLOSING = re.compile(r"(?:^|[ \t])#+$")  # a heading may end with the signs it began with
_UNDERLINE = re.compile(r"^ {0,3}(=+|-+)[ \t]*$")
_MARKUP = re.compile(
    r"[*`]{1,3}|(?<!\w)_{1,3}|_{1,3}(?!\w)|\[([^\[\]]*)\]\([^()]*\)|</?[A-Za-z][^<>]*>|\\(?=\W)"
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a section that stands in one place of the file."""

    text: str
    page: int | None = None
    anchor: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """What stands under one heading; `heading` is the path to it, outermost first."""

    heading: tuple[str, ...]
    pieces: tuple[Piece, ...]


def document(
    content: bytes, title: str, extracted: Extracted, audience: Audience, *, url: str = "", at: float = 0.0
) -> Document:
    """A document of an extracted file. Its id is a hash of the bytes, so the same file is the same."""
    ident = identity(content)
    found = list(sections(extracted))
    passages = tuple(
        Passage(
            id=f"{ident}:{number}",
            document=ident,
            title=title,
            text=text,
            section=index,
            heading=section.heading,
            url=url,
            anchor=piece.anchor or (f"page={piece.page}" if piece.page is not None else ""),
            page=piece.page,
        )
        for number, (index, section, piece, text) in enumerate(_texts(found))
    )
    return Document(ident, title, audience, passages, len(found), url, at, extracted.notes)


def identity(content: bytes) -> str:
    """The id of the document that a file's bytes make."""
    return hashlib.sha256(content).hexdigest()[:16]


def sections(extracted: Extracted) -> Iterator[Section]:
    """Cut at headings outside code; a section may go on over pages. Sections without text are left out."""
    path: list[tuple[int, str]] = []
    pieces: list[Piece] = []
    label = ""
    for block in extracted.blocks:
        if block.label != label:
            yield from _section(path, pieces, label)
            path, pieces, label = [], [], block.label
        for level, heading, text in _cut(block.markdown):
            if level:
                yield from _section(path, pieces, label)
                path = [(n, h) for n, h in path if n < level] + [(level, heading)]
                pieces = []
            if text.strip():
                pieces.append(Piece(text.strip("\n"), block.page, block.anchor))
    yield from _section(path, pieces, label)


def in_reading_order(documents: Iterable[Document]) -> list[Hit]:
    """Every passage from the start, for questions about a document as a whole."""
    return [Hit(passage, 0.0) for document in documents for passage in document.passages]


def _section(path: list[tuple[int, str]], pieces: list[Piece], label: str) -> Iterator[Section]:
    if pieces:
        heading = tuple(h for _, h in path)
        yield Section((label, *heading) if label else heading, tuple(pieces))


def _cut(markdown: str) -> Iterator[tuple[int, str, str]]:
    """Stretches of (level, heading, text below it); level 0 for what comes before any heading."""
    level, heading, state = 0, "", State()
    lines: list[str] = []
    for line in markdown.splitlines():
        state, kind = step(state, line)
        code = kind in ("opener", "code", "closer")
        found = None if code else _HEADING.match(line)
        title = plain(_CLOSING.sub("", found[2].rstrip())) if found else ""
        underline = None if code or found else _UNDERLINE.match(line)
        if underline and lines and _may_be_title(lines):
            title = plain(lines.pop())
            yield level, heading, "\n".join(lines)
            level, heading, lines = (1 if underline[1][0] == "=" else 2), title, []
        elif found and title:
            yield level, heading, "\n".join(lines)
            level, heading = len(found[1]), title[:HEADING_LENGTH]
            lines = [title] if len(title) > HEADING_LENGTH else []
        else:
            lines.append(line)
    yield level, heading, "\n".join(lines)


def _may_be_title(lines: list[str]) -> bool:
    """Whether the last line, underlined, is a heading: short, alone, no list or table, no sentence's end."""
    *_, before, last = "", *lines
    alone = not before.strip() and len(last) <= HEADING_LENGTH and "|" not in last
    ends = last.rstrip().endswith((".", ",", ";", ":"))
    return alone and not ends and bool(re.match(r" {0,3}\w", last) and plain(last))


def plain(heading: str) -> str:
    """A heading without Markdown marks, on one line."""
    bare = _MARKUP.sub(lambda m: m[1] or "", heading)
    return " ".join(bare.split())


def _texts(found: Iterable[Section]) -> Iterator[tuple[int, Section, Piece, str]]:
    for index, section in enumerate(found):
        for piece in section.pieces:
            for text in passages(piece.text):
                yield index, section, piece, text


def passages(text: str, length: int = PASSAGE_LENGTH) -> Iterator[str]:
    """Cut `text` into pieces of at most `length` characters: at paragraphs, lines, sentences, words.

    No character but white space at the cuts is lost.
    """
    current = ""
    for part, joint in _parts(text, length):
        if current and len(current) + len(joint) + len(part) > length:
            yield current
            current = part
        else:
            current = f"{current}{joint}{part}" if current else part
    if current.strip():
        yield current


def _parts(text: str, length: int) -> Iterator[tuple[str, str]]:
    """The smallest needed parts of `text`, each with what joins it to the one before."""
    for paragraph in re.split(r"\n\s*\n", text):
        if not paragraph.strip():
            continue
        if len(paragraph) <= length:
            yield paragraph.strip("\n"), "\n\n"
            continue
        joint = "\n\n"
        for line in paragraph.splitlines():
            for part in filter(str.strip, _line_parts(line, length)):
                yield part, joint
                joint = " "
            joint = "\n"


def _line_parts(line: str, length: int) -> Iterator[str]:
    if len(line) <= length:
        yield line
        return
    for sentence in sentences(line):
        start = 0
        while len(sentence) - start > length:
            space = sentence.rfind(" ", start + length // 2, start + length)
            end = start + length if space < 0 else space + 1
            yield sentence[start:end].strip()
            start = end
        yield sentence[start:].strip()
