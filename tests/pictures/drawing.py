"""Chat messages as an SVG: panels beside each other, to be read from left to right.

It needs no fonts of its own: each run of text is stretched to the width that was reckoned with, so that
nothing overlaps whatever font a reader has. Colours follow the reader's light or dark mode.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Literal, NamedTuple
from xml.sax.saxutils import escape

from reportlab.pdfbase.pdfmetrics import stringWidth

from core import gfm
from core.tables import Table

COLUMNS, WIDTH, GAP = 3, 300, 14
"""Panels in a row; pixels of a panel's width, and between two."""
_PADDING, _AVATAR, _LINE, _CODE_LINE, _SMALL_LINE = 10, 26, 17, 15, 14
_LEFT = _PADDING + _AVATAR + 8  # where the text of a message begins
_ROOM = WIDTH - _LEFT - _PADDING
_FULL = _ROOM * 0.95  # where a viewer stretches nothing, many fonts are wider
_FONTS = {"strong": "Helvetica-Bold", "em": "Helvetica-Oblique"}
_TEXT_SIZE, _SMALL_SIZE, _CODE_ADVANCE, _LABEL_ADVANCE = 12.5, 10.5, 6.02, 5.4
_BUTTON, _MOST_LINES, _FIRST_LINES = 22, 27, 14
"""Pixels of a button's height; lines of a message that are drawn, and how many of them from its beginning."""

_STYLE = """
text { font-family: "Helvetica Neue", Helvetica, Arial, sans-serif; font-size: 12.5px; fill: #1f2328 }
text, tspan { white-space: pre }
.title { font-size: 15px; font-weight: bold }
.strong, .name { font-weight: bold }
.em { font-style: italic }
.quiet { fill: #656d76 }
.small { font-size: 10.5px; fill: #656d76 }
.link { fill: #0969da }
.code, .label {
  font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: 10px
}
.label { font-size: 9px; fill: #656d76 }
.app { font-size: 9px; font-weight: bold; fill: #fff }
.paper { fill: #fff }
.frame { fill: #fbfbfc; stroke: #d0d7de }
.ink { fill: #eef0f3; stroke: #d8dce1 }
.discord { fill: #5865f2 }
.slack { fill: #611f69 }
.person { fill: #2a8c6a }
@media (prefers-color-scheme: dark) {
  text { fill: #dbdee1 }
  .quiet, .label, .small { fill: #9aa0a8 }
  .link { fill: #5cb2ff }
  .paper { fill: #0d1117 }
  .frame { fill: #2b2d31; stroke: #3f4248 }
  .ink { fill: #1e1f22; stroke: #3f4248 }
  .slack { fill: #9b59a6 }
}
"""

Look = Literal["discord", "slack"]


@dataclass(frozen=True, slots=True)
class Post:
    """A message: Markdown, and what stands around it. One without an author is the bot's.

    `above` and `below` are small words of the platform; of a long message the middle is left out.
    """

    markdown: str
    author: str = ""
    above: str = ""
    files: Sequence[str] = ()
    buttons: Sequence[str] = ()
    below: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """Messages below each other under a caption, which begins with some bold words."""

    lead: str
    caption: str
    posts: Sequence[Post]


@dataclass(frozen=True, slots=True)
class Strip:
    """Some panels under a title, drawn in the look of one platform."""

    title: str
    subtitle: str
    look: Look
    panels: Sequence[Panel]


def svg(strips: Sequence[Strip], description: str) -> str:
    """The strips below each other as one SVG document; `description` is for those who do not see it."""
    body, top = [], 0.0
    for strip in strips:
        drawn, height = _strip(strip)
        body.append(_at(GAP, top + GAP, drawn))
        top += height + GAP
    width, height = COLUMNS * (WIDTH + GAP) + GAP, top + GAP
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height:g}" role="img">'
    paper = f'<rect class="paper" width="{width}" height="{height:g}" rx="8"/>'
    return "\n".join(
        (head, f"<title>{escape(description)}</title>", f"<style>{_STYLE}</style>", paper, *body, "</svg>\n")
    )


def _strip(strip: Strip) -> tuple[list[str], float]:
    body = [_text(0, 14, strip.title, "title"), _text(0, 33, strip.subtitle, "quiet")]
    top = 46.0
    for first in range(0, len(strip.panels), COLUMNS):
        row = [_panel(panel, strip.look) for panel in strip.panels[first : first + COLUMNS]]
        height = max(height for _, height in row)
        for column, (drawn, _) in enumerate(row):
            panel = f'<rect class="frame" y="24" width="{WIDTH}" height="{height - 24:g}" rx="8"/>'
            caption, *messages = drawn
            body.append(_at(column * (WIDTH + GAP), top, [caption, panel, *messages]))
        top += height + GAP
    return body, top


def _panel(panel: Panel, look: Look) -> tuple[list[str], float]:
    """The caption of a panel, then its messages, and the height of all."""
    lead = f'<tspan class="strong">{escape(panel.lead)}</tspan>'
    caption = f'<text x="2" y="16">{lead}  {escape(panel.caption)}</text>'
    drawn, top = [caption], 24.0 + _PADDING
    for post in panel.posts:
        message, height = _message(post, look)
        drawn.append(_at(0, top, message))
        top += height + _PADDING
    return drawn, top


# ---- one message ------------------------------------------------------------------------------------


class _Run(NamedTuple):
    """A stretch of text in one style."""

    text: str
    style: str = "text"

    @property
    def width(self) -> float:
        if self.style == "code":
            return len(self.text) * _CODE_ADVANCE
        size = _SMALL_SIZE if "small" in self.style else _TEXT_SIZE
        return float(stringWidth(self.text, _FONTS.get(self.style, "Helvetica"), size))


class _Line(NamedTuple):
    """Runs of one line that begin at `x`; it is `height` pixels high.

    `marker` stands before it. `box` says that it is the first or a later line of a block of code or a table,
    and `label` what language that is. `beside` are the other cells of a table's row.
    """

    runs: list[_Run]
    height: float
    x: float = 0.0
    marker: str = ""
    box: Literal["", "first", "later"] = ""
    label: str = ""
    beside: tuple["_Line", ...] = ()


def _message(post: Post, look: Look) -> tuple[list[str], float]:
    lines = _shortened(list(_lines(post)))
    drawn = _person(post.author) if post.author else _bot(look)
    top = 17.0
    for number, line in enumerate(lines):
        if line.box == "first":
            later = takewhile(lambda each: each.box == "later", lines[number + 1 :])
            height = sum(each.height for each in (line, *later))
            drawn.append(
                f'<rect class="ink" x="{_LEFT}" y="{top:g}" width="{_ROOM}" height="{height:g}" rx="4"/>'
            )
        top += line.height
        drawn += _line(line, top - 5)
    if post.buttons:
        drawn += _buttons(post.buttons, top + 4)
        top += _BUTTON + 8
    if post.below:
        top += _SMALL_LINE
        drawn += _line(_Line([_Run(post.below, "small")], _SMALL_LINE), top - 4)
    return drawn, max(top, float(_AVATAR))


def _bot(look: Look) -> list[str]:
    corner = _AVATAR / 2 if look == "discord" else 6
    return [
        f'<rect class="{look}" x="{_PADDING}" width="{_AVATAR}" height="{_AVATAR}" rx="{corner:g}"/>',
        _text(_PADDING + _AVATAR / 2, 17, "C", "app", 'text-anchor="middle"'),
        _text(_LEFT, 10, "chasqui", "name", 'textLength="50"'),
        f'<rect class="{look}" x="{_LEFT + 56}" width="26" height="13" rx="3"/>',
        _text(_LEFT + 69, 9.8, "APP", "app", 'text-anchor="middle"'),
    ]


def _person(name: str) -> list[str]:
    return [
        f'<rect class="person" x="{_PADDING}" width="{_AVATAR}" height="{_AVATAR}" rx="{_AVATAR / 2:g}"/>',
        _text(_PADDING + _AVATAR / 2, 17, name[0], "app", 'text-anchor="middle"'),
        _text(_LEFT, 10, name, "name"),
    ]


def _buttons(labels: Sequence[str], top: float) -> Iterator[str]:
    x = float(_LEFT)
    for label in labels:
        width = 16 + max(16.0, _Run(label, "small").width)
        yield f'<rect class="ink" x="{x:.1f}" y="{top:g}" width="{width:.1f}" height="{_BUTTON}" rx="4"/>'
        yield _text(round(x + width / 2, 1), top + 15, label, "small", 'text-anchor="middle"')
        x += width + 6
    assert x - 6 <= _LEFT + _ROOM, "the buttons fit"


def _shortened(lines: list[_Line]) -> list[_Line]:
    """The lines that are drawn: of many the first ones, and the last ones from where something begins."""
    if len(lines) <= _MOST_LINES:
        return lines
    head, tail = lines[:_FIRST_LINES], lines[_FIRST_LINES - _MOST_LINES :]
    points = [number for number, line in enumerate(tail) if line.marker]
    gaps = [number for number, line in enumerate(tail) if not line.runs]
    tail = tail[(points or gaps)[0] :]
    assert not head[-1].box, "code and tables are drawn whole"
    left_out = sum(bool(line.runs) for line in lines[len(head) : len(lines) - len(tail)])
    return [*head, _Line([_Run(f"⋮  {left_out} more lines", "small")], _LINE + 6), *tail]


def _lines(post: Post) -> Iterator[_Line]:
    """What a message says, with the small lines at its end, between what stands around it."""
    if post.above:
        yield _Line([_Run(post.above, "small")], _SMALL_LINE)
    body, *small = re.split("^-# ", post.markdown, flags=re.MULTILINE)
    yield from _markdown(body)
    for line in small:
        yield _Line([], 3)
        yield from _wrapped(line, 0.0, "small", _SMALL_LINE)
    for file in post.files:
        yield _Line([], 4)
        yield _Line([_Run(file, "code")], _CODE_LINE + 6, 8, box="first")


_MARKERS = {"list_item_open": "•", "blockquote_open": "▎"}


def _markdown(markdown: str) -> Iterator[_Line]:
    """The lines of a message; it may hold paragraphs, lists of one level, tables and code."""
    begun, marker, x = False, "", 0.0
    for token in gfm.blocks(markdown):
        if token.type in _MARKERS:
            marker, x = _MARKERS[token.type], 12.0
        elif token.type in ("list_item_close", "blockquote_close"):
            x = 0.0
        elif token.type in ("fence", "inline", "table"):
            if begun:
                yield _Line([], 2 if marker else 6)
            if token.type == "fence":
                yield from _code(token.content, token.info)
            elif token.type == "table":
                yield from _table(token.meta["table"])
            else:
                first, *later = _wrapped(token.content, x)
                yield from (first._replace(marker=marker), *later)
            begun, marker = True, ""


def _code(content: str, language: str) -> Iterator[_Line]:
    first, *later = content.removesuffix("\n").split("\n")
    yield _code_line(first, _CODE_LINE + 4, "first", language)
    for line in later:
        yield _code_line(line, _CODE_LINE, "later")
    yield _Line([], 5, box="later")


def _code_line(line: str, height: float, box: Literal["first", "later"], label: str = "") -> _Line:
    assert len(line) * _CODE_ADVANCE <= _ROOM - 16, "a line of code fits"
    code = line.lstrip(" ")
    indent = len(line) - len(code)
    runs = [_Run(code, "code")] if code else []
    return _Line(runs, height, 8 + indent * _CODE_ADVANCE, box=box, label=label)


def _table(table: Table) -> Iterator[_Line]:
    """Rows whose cells are plain text, below the names of the columns."""
    room = (_ROOM - 8) / len(table.header)
    for number, row in enumerate((table.header, *table.rows)):
        cells = []
        for column, (text, align) in enumerate(zip(row, table.aligns, strict=True)):
            run = _Run(text, "text" if number else "strong")
            free = room - 8 - run.width if align == "right" else 0
            cells.append(_Line([run], _LINE, 8 + column * room + free, box="later" if number else "first"))
        yield cells[0]._replace(beside=tuple(cells[1:]))
    yield _Line([], 5, box="later")


def _wrapped(source: str, x: float, style: str = "text", height: float = _LINE) -> Iterator[_Line]:
    """Inline Markdown in lines that are no wider than a message."""
    runs: list[_Run] = []
    for word in _words(source, style):
        if runs and x + sum(run.width for run in (*runs, word)) > _FULL:
            yield _Line(runs, height, x)
            runs = []
        if runs and runs[-1].style == word.style:
            runs[-1] = _Run(runs[-1].text + word.text, word.style)
        else:
            runs.append(word)
    yield _Line(runs, height, x)


def _words(source: str, plain: str) -> Iterator[_Run]:
    """Each word with the space behind it."""
    style = plain
    for token in gfm.inline(source):
        if token.tag in ("strong", "em"):
            style = token.tag if token.nesting > 0 else plain
        elif token.tag == "a":
            style = f"{plain} link" if token.nesting > 0 else plain
        elif token.type in ("softbreak", "hardbreak"):
            yield _Run(" ", style)
        else:
            shown = "code" if token.type == "code_inline" else style
            yield from (_Run(word, shown) for word in re.findall(r" +|[^ ]+ *", token.content))


# ---- SVG --------------------------------------------------------------------------------------------


def _line(line: _Line, y: float) -> Iterator[str]:
    """A line whose runs flow behind each other, so that they never overlap."""
    if line.runs:
        *before, last = line.runs
        runs = [*before, last._replace(text=last.text.rstrip())]
        width = sum(run.width for run in runs)
        spans = "".join(f'<tspan class="{run.style}">{escape(run.text)}</tspan>' for run in runs)
        kept = ' xml:space="preserve"' * ("  " in spans)
        yield f'<text x="{_LEFT + line.x:.1f}" y="{y:g}" textLength="{width:.1f}"{kept}>{spans}</text>'
    if line.marker:
        yield _text(_LEFT, y, line.marker, "text")
    if line.label:
        x = _LEFT + _ROOM - 8 - len(line.label) * _LABEL_ADVANCE
        yield _text(x, y, line.label, "label")
    for cell in line.beside:
        yield from _line(cell, y)


def _text(x: float, y: float, text: str, style: str, how: str = "") -> str:
    return f'<text class="{style}" x="{x:g}" y="{y:g}"{" " * bool(how)}{how}>{escape(text)}</text>'


def _at(x: float, y: float, drawn: Sequence[str]) -> str:
    return f'<g transform="translate({x:g} {y:g})">\n' + "\n".join(drawn) + "\n</g>"
