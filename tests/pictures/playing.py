"""A recording of a terminal as an SVG that plays: each version of a line is shown as long as it stood there.

It needs no script and no font of its own: runs of text are stretched to the width of their cells. Who wants
no motion, or has a viewer that knows none, sees the end.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from xml.sax.saxutils import escape

from tests.pictures.grid import Cell, Look
from tests.pictures.recording import Moment

_ADVANCE, _LINE, _SIZE = 8.4, 19.0, 14
"""Pixels of a cell's width, of a line's height, and of the font."""
_PADDING, _BAR = 18, 34
_LONGEST, _LAST = 1.0, 5.0
"""Seconds of stillness that are left of a longer one, and of the end."""
_FEWEST = 0.08
"""Seconds between two moments that are told apart."""
_SPINNER = re.compile("[⠀-⣿]")
_COLOURS = (
    *("#6e7681", "#ff7b72", "#7ee787", "#e3b341", "#79c0ff", "#d2a8ff", "#76e3ea", "#c9d1d9"),
    *("#8b949e", "#ffa198", "#aff5b4", "#f2cc60", "#a5d6ff", "#e2c5ff", "#b3f0f4", "#ffffff"),
)
_STYLE = """
text {
  font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: %dpx; fill: #dbe1e8; white-space: pre
}
.b { font-weight: bold }
.d { fill: #8b949e }
.i { font-style: italic }
.u { text-decoration: underline }
.title { fill: #8b949e; font-size: 12px }
.screen { fill: #12161d; stroke: #30363d }
.bar { fill: #1c222b }
.past { opacity: 0 }
@media (prefers-reduced-motion: reduce) { g { animation: none !important } }
"""

Line = tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class _Version:
    """How a line looked from one second to another."""

    row: int
    line: Line
    begin: float
    end: float


def svg(moments: Sequence[Moment], columns: int, title: str, description: str) -> str:
    """The whole document; `title` stands above the terminal, `description` is for those who do not see it."""
    moments = _without_stillness(_told_apart(moments))
    length = moments[-1].at + _LAST
    width = columns * _ADVANCE + 2 * _PADDING
    height = _BAR + 2 * _PADDING + len(moments[-1].lines) * _LINE
    styles = [_STYLE % _SIZE]
    drawn: list[str] = []
    for number, version in enumerate(_versions(moments, length)):
        drawn += _played(version, number, length, styles)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img">'
    return "\n".join(
        [
            head,
            f"<title>{escape(description)}</title>",
            f"<style>{''.join(styles)}</style>",
            *_window(width, height, title),
            *drawn,
            "</svg>\n",
        ]
    )


def _window(width: float, height: float, title: str) -> Iterator[str]:
    yield (
        f'<rect class="screen" x=".5" y=".5" width="{width - 1:g}" height="{height - 1:g}" rx="9"/>'
        f'<path class="bar" d="M1 {_BAR} V10 a9 9 0 0 1 9 -9 H{width - 10:g} a9 9 0 0 1 9 9 V{_BAR} Z"/>'
    )
    for number, colour in enumerate(("#ff5f57", "#febc2e", "#28c840")):
        yield f'<circle cx="{20 + 20 * number}" cy="{_BAR / 2:g}" r="6" fill="{colour}"/>'
    middle = f'x="{width / 2:g}" y="{_BAR / 2 + 4:g}" text-anchor="middle"'
    yield f'<text class="title" {middle}>{escape(title)}</text>'


def _played(version: _Version, number: int, length: float, styles: list[str]) -> Iterator[str]:
    """The group of one version, and when it is to be seen."""
    if version.begin <= 0 and version.end >= length:
        yield "<g>"
    else:
        begin, end = (f"{100 * at / length:.2f}%" for at in (version.begin, version.end))
        over = "" if version.end >= length else f" {end} {{ opacity: 0 }}"
        styles.append(f"@keyframes k{number} {{ 0% {{ opacity: 0 }} {begin} {{ opacity: 1 }}{over} }}\n")
        past = "" if version.end >= length else ' class="past"'
        yield f'<g{past} style="animation: k{number} {length:.2f}s step-end infinite">'
    y = _BAR + _PADDING + version.row * _LINE + 13
    x = 0
    for look, cells in groupby(version.line, lambda cell: cell[1]):
        text = "".join(character for character, _ in cells)
        if text.strip():
            yield _run(text, look, _PADDING + x * _ADVANCE, y)
        x += len(text)
    yield "</g>"


def _run(text: str, look: Look, x: float, y: float) -> str:
    stripped = text.strip(" ")
    x += (len(text) - len(text.lstrip(" "))) * _ADVANCE
    marks = zip("bdiu", (look.bold, look.dim, look.italic, look.underline), strict=True)
    kind = " ".join(mark for mark, is_on in marks if is_on)
    style = f' class="{kind}"' if kind else ""
    fill = f' style="fill: {_COLOURS[look.colour]}"' if look.colour is not None else ""
    width = len(stripped) * _ADVANCE
    return (
        f'<text{style}{fill} x="{x:.1f}" y="{y:g}" textLength="{width:.1f}" xml:space="preserve">'
        f"{escape(stripped)}</text>"
    )


def _told_apart(moments: Sequence[Moment]) -> list[Moment]:
    """Those that differ by more than a turn of a spinner, and of some in quick succession the last."""
    kept: list[Moment] = []
    for moment in moments:
        if kept and _still(kept[-1]) == _still(moment):
            continue
        soon = kept and moment.at - kept[-1].at < _FEWEST
        kept.append(Moment(kept.pop().at, moment.lines) if soon else moment)
    return kept


def _still(moment: Moment) -> list[str]:
    """What stands there, with all pictures of a spinner alike."""
    return [_SPINNER.sub("⠋", "".join(c for c, _ in line)) for line in moment.lines]


def _without_stillness(moments: Sequence[Moment]) -> list[Moment]:
    """The same from second 0 on, with no wait that is longer than others need to read."""
    at, before, timed = 0.0, moments[0].at, []
    for moment in moments:
        at += min(_LONGEST, moment.at - before)
        before = moment.at
        timed.append(Moment(at, moment.lines))
    return timed


def _versions(moments: Sequence[Moment], length: float) -> Iterator[_Version]:
    """Each look of each line, with the time in which it stood there."""
    ends = [*(moment.at for moment in moments[1:]), length]
    for row in range(max(len(moment.lines) for moment in moments)):
        at = [
            (moment.lines[row] if row < len(moment.lines) else (), moment.at, end)
            for moment, end in zip(moments, ends, strict=True)
        ]
        for line, times in groupby(at, lambda each: each[0]):
            first, *later = times
            if line:
                yield _Version(row, line, first[1], later[-1][2] if later else first[2])
