"""The block structure of Markdown, line by line: what is open behind each line.

CommonMark 0.31 with the tables of GFM, as far as it matters for where text can be cut: which line
belongs to which quote, list item, code block or table. HTML is text.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from core.tables import Table

QUOTE = 0
"""A container that is a quote; any other number is a list item whose content stands so many columns in."""

Kind = Literal[
    "blank", "text", "item", "heading", "underline", "rule", "opener", "code", "closer", "delimiter", "row"
]

_LONGEST_INFO = 60
_DEEPEST = 20
"""Quotes and list items within each other; deeper ones are text (and so is what `core.gfm` finds deeper)."""

# A longer row of signs is no code block here: twice on every page, it would leave no room for code.
_OPENER = re.compile(r"(?P<indent> {0,3})(?:(`{3,200})([^`]*)|(~{3,200})(?!~)(.*))\Z")
_CLOSER = re.compile(r" {0,3}(`{3,}|~{3,})[ \t]*\Z")
_BLANK = " \t"
"""What a line holds that holds nothing; other white space is text (CommonMark 0.31, 2.1)."""

_QUOTE = re.compile(r" {0,3}> ?")
_ITEM = re.compile(r"( {0,3})([-+*]|(\d{1,9})[.)])( +|\Z)")
_HEADING = re.compile(r" {0,3}#{1,6}(?:[ \t]|\Z)")
_RULE = re.compile(r" {0,3}(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,})\Z")
_UNDERLINE = re.compile(r" {0,3}(?:=+|-+)[ \t]*\Z")
_BEGINNING = re.compile(r"(?:[ \t]+|>|(?:[-+*]|\d{1,9}[.)])(?=[ \t]))*")
_PLAIN_LINES = re.compile(r"(?:[^\W\d_][^\n|]*\n)+")
_TEXT = re.compile(r"[^\W\d_]")


@dataclass(frozen=True, slots=True)
class Fence:
    """A fenced code block: its row of signs, what stands behind them in the line that opens it, and before.

    Each line of code is read without the indent of the opener (CommonMark 0.31, 4.5).
    """

    sign: str
    info: str = ""
    indent: str = ""

    @property
    def opener(self) -> str:
        """The line that opens it again; an info string too long to be repeated is left out."""
        return self.indent + self.sign + (self.info if len(self.info) <= _LONGEST_INFO else "")


@dataclass(frozen=True, slots=True)
class TableHead:
    """The header of a table and the line below it, which a page that goes on with its rows repeats."""

    header: str
    delimiter: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Text; its last line may prove to be the head of a table."""

    last: str = ""


@dataclass(frozen=True, slots=True)
class IndentedCode:
    """Code that is code because it is indented."""


Leaf = Fence | TableHead | Paragraph | IndentedCode | None


@dataclass(frozen=True, slots=True)
class State:
    """What is open at one place of a text, from the outside in.

    `inside` says that the place is within a line, whose containers are not written there again;
    `marks` are the signs of emphasis that are open there.
    """

    containers: tuple[int, ...] = ()
    leaf: Leaf = None
    inside: bool = False
    marks: tuple[str, ...] = ()

    @property
    def quotes(self) -> str:
        """The signs with which each line of these quotes begins."""
        return quote_signs(self.containers)


class Line(NamedTuple):
    """One line of a text: its offsets without the line end, and what is open before and behind it."""

    start: int
    end: int
    before: State
    after: State
    kind: Kind


def lines(text: str, state: State = State(), start: int = 0) -> Iterator[Line]:
    """The lines of `text` from the offset `start`, where `state` is open.

    Lines of plain text that follow each other come as one.
    """
    while True:
        plain = state.containers == () and not state.inside
        if plain and (state.leaf is None or type(state.leaf) is Paragraph):
            if run := _PLAIN_LINES.match(text, start):
                after = State((), Paragraph())
                yield Line(start, run.end() - 1, state, after, "text")
                start, state = run.end(), after
        elif plain and isinstance(state.leaf, Fence):
            for code_start, code_end in _code_lines(text, state.leaf, start):
                yield Line(code_start, code_end, state, state, "code")
                start = code_end + 1
        end = text.find("\n", start)
        stop = end if end >= 0 else len(text)
        after, kind = step(state, text[start:stop])
        yield Line(start, stop, state, after, kind)
        if end < 0:
            return
        start, state = end + 1, after


def _code_lines(text: str, fence: Fence, start: int) -> Iterator[tuple[int, int]]:
    """The lines before the one that closes `fence`, which is in no quote or list; never the last line."""
    sign = re.escape(fence.sign[0])
    closer = re.compile(rf"^ {{0,3}}{sign}{{{len(fence.sign)},}}[ \t]*$", re.MULTILINE).search(text, start)
    stop = closer.start() if closer else len(text)
    while (end := text.find("\n", start, stop)) >= 0:
        yield start, end
        start = end + 1


def state_after(text: str, state: State = State()) -> State:
    """What is open behind `text`, at whose start `state` is open."""
    for line in lines(text, state):
        state = line.after
    return state


def quote_signs(containers: Sequence[int]) -> str:
    """The signs with which a line in these containers begins, but for the indent of items."""
    return "> " * containers.count(QUOTE)


def step(state: State, line: str) -> tuple[State, Kind]:
    """The state behind `line`, which follows `state`, and what the line is.

    ``item`` is text that begins an item of a list; ``code`` is a line of a fenced or indented block.
    """
    leaf = state.leaf
    if state.inside:
        fenced = isinstance(leaf, Fence)
        return State(state.containers, leaf if fenced else Paragraph(line)), "code" if fenced else "text"
    if not state.containers and (leaf is None or type(leaf) is Paragraph) and _TEXT.match(line):
        return State((), Paragraph(line)), "text"  # most lines
    line = untabbed(line)
    at, matched = continued(state.containers, line)
    goes_on = matched == len(state.containers)
    if isinstance(leaf, Fence) and goes_on:
        mark = _CLOSER.match(line, at)
        closes = mark and mark[1].startswith(leaf.sign)
        return (State(state.containers), "closer") if closes else (State(state.containers, leaf), "code")
    if not line[at:].strip(_BLANK):
        return State(state.containers[:matched]), "blank"
    text_before = leaf if isinstance(leaf, Paragraph) else None
    opened, rest = _open(
        state.containers[:matched], line[at:], after_text=goes_on and text_before is not None
    )
    if not rest.strip(_BLANK):
        return State(opened), "item"
    if len(opened) > matched or not goes_on:
        leaf = None
    after, kind = _leaf(leaf, rest)
    if kind in ("text", "code") and not goes_on and text_before is not None and len(opened) == matched:
        opened, after, kind = state.containers, Paragraph(rest), "text"  # goes on without their signs
    elif kind == "text" and any(opened[matched:]):
        kind = "item"
    return State(opened, after), kind


def continued(containers: Sequence[int], line: str) -> tuple[int, int]:
    """Where the content of `line` begins, and how many of these containers it goes on with."""
    at = matched = 0
    for container in containers:
        if container == QUOTE:
            sign = _QUOTE.match(line, at)
            if not sign:
                break
            at = sign.end()
        elif line.startswith(" " * container, at):
            at += container
        elif line[at:].strip(_BLANK):
            break
        matched += 1
    return at, matched


def untabbed(line: str) -> str:
    """`line` with spaces for the tabs that indent it or stand behind the signs of its containers."""
    if "\t" not in line[:40]:
        return line
    at = content_start(line)
    return line[:at].expandtabs(4) + line[at:]


def content_start(line: str) -> int:
    """Where the content of a line begins: behind its indent and the signs of its containers."""
    begins = _BEGINNING.match(line)
    assert begins
    return begins.end()


def _open(containers: tuple[int, ...], rest: str, *, after_text: bool) -> tuple[tuple[int, ...], str]:
    """The containers with those that `rest` opens, and what stands in them."""
    while len(containers) < _DEEPEST:
        if sign := _QUOTE.match(rest):
            containers, rest = (*containers, QUOTE), rest[sign.end() :]
        elif (item := _ITEM.match(rest)) and not _RULE.match(rest):
            empty = not rest[item.end() :].strip(_BLANK)
            if after_text and (empty or item[3] not in (None, "1")):
                return containers, rest  # only a list that begins at 1 can end a paragraph
            spaces = len(item[4])
            width = len(item[1]) + len(item[2]) + (spaces if 1 <= spaces <= 4 and not empty else 1)
            containers, rest = (*containers, width), rest[width:]
        else:
            return containers, rest
        after_text = False
    return containers, rest


def _leaf(leaf: Leaf, line: str) -> tuple[Leaf, Kind]:
    """The leaf behind the content `line` of a container that goes on with `leaf`."""
    if opener := _OPENER.match(line):
        sign, info = opener[2] or opener[4], opener[3] or opener[5] or ""
        return Fence(sign, info, opener["indent"]), "opener"
    if isinstance(leaf, Paragraph):
        return _after_text(leaf, line)
    if _HEADING.match(line):
        return None, "heading"
    if _RULE.match(line):
        return None, "rule"
    if line.startswith("    "):
        return IndentedCode(), "code"
    return (leaf, "row") if isinstance(leaf, TableHead) else (Paragraph(line), "text")


def _after_text(text: Paragraph, line: str) -> tuple[Leaf, Kind]:
    """The same where `line` may go on with a paragraph."""
    if "|" in text.last and Table.parse((text.last, line)):
        return TableHead(text.last.strip(), line.strip()), "delimiter"
    if _UNDERLINE.match(line):
        return None, "underline"
    if _HEADING.match(line):
        return None, "heading"
    return (None, "rule") if _RULE.match(line) else (Paragraph(line), "text")
