"""Documents -> sections -> passages. Holds no index.

A section is what stands under one heading; a passage is a piece of a section that fits the window
several times over. Each passage carries its heading path, so that it can be found and cited by it.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from core.blocks import State, step
from core.ports import Extracted
from core.terms import sentences
from core.types import Audience, Document, Entry, Hit, Passage

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
    return _document(identity(content), title, list(sections(extracted)), audience, extracted.notes, url, at)


def team_document(entry: Entry, extracted: Extracted) -> Document:
    """A document of the team. What it calls itself is its title: the heading that it begins with."""
    found = list(sections(extracted))
    title = found[0].heading[0] if found and found[0].heading and _headed(extracted) else entry.title
    named = [replace(s, heading=s.heading[1:] if s.heading[:1] == (title,) else s.heading) for s in found]
    made = _document(entry.id, title, named, entry.audience, extracted.notes, entry.url, entry.at)
    return replace(made, passages=tuple(replace(each, at=entry.at) for each in made.passages))


def team_identity(source: str, path: str, audience: Audience) -> str:
    """The id of the document of the team at this place, whatever it says; other readers, other document."""
    return identity("\0".join((source, path, str(audience))).encode("utf-8", "surrogatepass"))


def embedded(document: Document) -> list[str]:
    """What an embedder reads of each passage."""
    return [read_by_models(each) for each in document.passages]


def read_by_models(passage: Passage) -> str:
    """What models that find read of a passage: where it stands, and its text."""
    return f"{' › '.join((passage.title, *passage.heading))}\n{passage.text}"


def fingerprint(document: Document) -> str:
    """Changes with what an embedder reads of a document."""
    return identity("\0".join(embedded(document)).encode("utf-8", "surrogatepass"))


def one_per_section(hits: Iterable[Hit]) -> list[Hit]:
    """The best passage of each place that a link can lead to, in the order of `hits`."""
    best: dict[tuple[object, ...], Hit] = {}
    for hit in hits:
        best.setdefault(section_of(hit.passage), hit)
    return list(best.values())


def section_of(passage: Passage) -> tuple[object, ...]:
    """What passages of one section have in common: the place that a link can lead to."""
    return passage.document, passage.anchor or passage.section


def _headed(extracted: Extracted) -> bool:
    """Whether a text begins with a heading of its own, not with the name of a sheet or of some lines."""
    first = extracted.blocks[0]
    headings = (heading for _, heading, text in _cut(first.markdown) if heading or text.strip())
    return not first.label and bool(next(headings, ""))


def _document(
    ident: str,
    title: str,
    found: Sequence[Section],
    audience: Audience,
    notes: tuple[str, ...],
    url: str,
    at: float,
) -> Document:
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
    return Document(ident, title, audience, passages, len(found), url, at, notes)


def identity(content: bytes) -> str:
    """The id of the document that a file's bytes make."""
    return hashlib.sha256(content).hexdigest()[:16]


def sections(extracted: Extracted) -> Iterator[Section]:
    """Cut at headings outside code; a section may go on over pages.

    A heading with nothing below it, not even another heading, is text of the section above it.
    """
    path: list[tuple[int, str]] = []
    pieces: list[Piece] = []
    label, last = "", Piece("")
    for block in extracted.blocks:
        if block.label != label:
            yield from _section(path, pieces, label, last)
            path, pieces, label = [], [], block.label
        for level, heading, text in _cut(block.markdown):
            if level:
                if pieces or (path and level <= path[-1][0]):
                    yield from _section(path, pieces, label, last)
                path = [(n, h) for n, h in path if n < level] + [(level, heading)]
                pieces, last = [], Piece(heading, block.page, block.anchor)
            if text.strip():
                pieces.append(Piece(text.strip("\n"), block.page, block.anchor))
    yield from _section(path, pieces, label, last)


def in_reading_order(documents: Iterable[Document]) -> list[Hit]:
    """Every passage from the start, for questions about a document as a whole."""
    return [Hit(passage, 0.0) for document in documents for passage in document.passages]


def _section(path: list[tuple[int, str]], pieces: list[Piece], label: str, last: Piece) -> Iterator[Section]:
    """What stands under the last heading, or else that heading itself; nothing before the first one."""
    if pieces or path:
        heading = tuple(h for _, h in (path if pieces else path[:-1]))
        yield Section((label, *heading) if label else heading, tuple(pieces or [last]))


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
