"""Tables of GitHub Flavored Markdown, for platforms that have none: read, and drawn as aligned text.

A cell holds inline Markdown. Source of the syntax: GFM 0.29, "Tables (extension)"; beyond it, a bar
inside a code span is text, and cells that a row has too many are kept in its last one.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Self

from wcwidth import wcswidth

WIDEST = 60
"""Columns of the widest table that is drawn; in a wider one people lose the row."""

Align = Literal["left", "right", "center"]

_DELIMITER = re.compile(r"(:?)-+(:?)")
_ATOM = re.compile(r"\\[|`]|(?P<ticks>`+)(?:.*?[^`])?(?P=ticks)(?!`)|(?P<bar>\|)|`+|[^\\`|]+|\\")
_BARE_BAR = re.compile(r"(?<!\\)\|")
_GAP = "  "


@dataclass(frozen=True, slots=True)
class Table:
    """A header, how its columns are aligned, and rows that have as many cells as the header."""

    header: tuple[str, ...]
    aligns: tuple[Align, ...]
    rows: tuple[tuple[str, ...], ...]

    @classmethod
    def parse(cls, lines: Sequence[str]) -> Self | None:
        """The table that `lines` are, from header to last row; None where the first two begin none."""
        if len(lines) < 2 or "|" not in lines[0] or "|" not in lines[1]:
            return None  # without a bar, the second line would underline a heading
        marks = [_DELIMITER.fullmatch(cell.strip()) for cell in _trimmed(lines[1].split("|"))]
        header = _cells(lines[0], len(marks))
        if len(header) != len(marks):
            return None
        aligns: list[Align] = []
        for mark in marks:
            if not mark:
                return None
            aligns.append("center" if mark[1] and mark[2] else "right" if mark[2] else "left")
        rows = (_cells(line, len(header)) for line in lines[2:])
        return cls(header, tuple(aligns), tuple(_filled(row, len(header)) for row in rows))

    def drawn(self, text: Callable[[str], str] = str) -> str | None:
        """Aligned lines for a fixed-width font; None where they would be wider than `WIDEST`.

        `text` makes one line of plain text of a cell's Markdown.
        """
        grid = [tuple(text(cell) for cell in row) for row in (self.header, *self.rows)]
        widths = self._widths(grid)
        if _total(widths) > WIDEST:
            return None
        lines = [_GAP.join(map(_padded, row, widths, self.aligns)).rstrip() for row in grid]
        lines.insert(1, _GAP.join("-" * width for width in widths))
        return "\n".join(lines)

    def records(self) -> list[list[tuple[str, str]]]:
        """Each row as pairs of column name and cell, without the empty cells.

        A table without rows, as it stands while it streams, gives its names.
        """
        if not self.rows:
            return [[(name, "") for name in self.header]]
        return [[pair for pair in zip(self.header, row, strict=True) if pair[1]] for row in self.rows]

    @staticmethod
    def _widths(grid: Sequence[Sequence[str]]) -> list[int]:
        return [max(map(_width, column)) for column in zip(*grid, strict=True)]


class Extent:
    """How much room a table takes when it is drawn, or written as records, while its rows come one by one."""

    def __init__(self, header: str) -> None:
        self._names = _cells(header, 0)
        self._widths = [_width(name) for name in self._names]
        self._rows = 2  # the header and the line below it
        self._cells = 0
        self._ends = self._widths[-1]  # of all last cells, behind which nothing is drawn

    @property
    def size(self) -> int:
        """Code points with all line ends, cells taken as they are written and the last one as on the left."""
        total, last = _total(self._widths), self._widths[-1]
        if total <= WIDEST:
            return self._rows * (total - last + 1) + self._ends + last
        names = sum(len(name) + len("  ****: \n") for name in self._names)
        return names * max(1, self._rows - 2) + self._cells

    @property
    def repeated(self) -> int:
        """Code points of what a page repeats that goes on with the rows; records hold their names."""
        total = _total(self._widths)
        return 2 * (total + 1) if total <= WIDEST else 0

    def add(self, row: str) -> None:
        """One more row."""
        cells = _filled(_cells(row, len(self._names)), len(self._names))
        self._widths = [max(width, _width(cell)) for width, cell in zip(self._widths, cells, strict=True)]
        self._rows += 1
        self._ends += _width(cells[-1])
        self._cells += sum(map(len, cells))


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _width(text: str) -> int:
    """Cells of a terminal; a sign without a width counts as one."""
    if text.isascii():
        return len(text)
    width = wcswidth(text)
    return width if width >= 0 else len(text)


def _padded(cell: str, width: int, align: Align) -> str:
    room = width - _width(cell)
    left = {"left": 0, "right": room, "center": room // 2}[align]
    return " " * left + cell + " " * (room - left)


def _cells(line: str, columns: int) -> tuple[str, ...]:
    """The cells of a row. A bar in code separates only where the row would be short without it."""
    cells = [""]
    for atom in _ATOM.finditer(line):
        if atom["bar"]:
            cells.append("")
        else:
            cells[-1] += atom[0]
    cells = _trimmed(cells)
    if len(cells) < columns and len(bare := _trimmed(_BARE_BAR.split(line))) == columns:
        cells = bare
    return tuple(cell.strip().replace("\\|", "|") for cell in cells)


def _trimmed(cells: list[str]) -> list[str]:
    """Without what stands before the first bar and behind the last one, where that is nothing."""
    start = 1 if len(cells) > 1 and not cells[0].strip() else 0
    end = len(cells) - 1 if len(cells) > start + 1 and not cells[-1].strip() else len(cells)
    return cells[start:end]


def _filled(row: tuple[str, ...], columns: int) -> tuple[str, ...]:
    if len(row) <= columns:
        return row + ("",) * (columns - len(row))
    return (*row[: columns - 1], " | ".join(row[columns - 1 :]))
