"""Excel workbooks to Markdown (ECMA-376 part 1, 18): the rows of each sheet under a heading with its name.

Read row by row, and no further than what is kept, because a parser that holds all cells of a large
workbook at once takes a kilobyte for each hundred bytes of it.
"""

import datetime as dt
import functools
import re
from collections.abc import Iterator
from xml.etree import ElementTree as ET
from xml.parsers import expat

from adapters.extraction import tables
from adapters.extraction.ooxml import Package, attribute, child, each, relation
from adapters.extraction.parts import Part

_DATES = frozenset({*range(14, 23), *range(27, 37), 45, 47, *range(50, 59)})  # 18.8.30 numFmt
_ELAPSED, _PERCENTS = frozenset({46}), frozenset({9, 10})
_UNSPOKEN = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.IGNORECASE)
_MOST_COLUMNS = 16_384
_PIECE = 1 << 16
_DIGITS = "0123456789"

Cell = tuple[dict[str, str], str]  # its attributes and what it holds, as it is written

_EPOCH, _EPOCH_1904 = dt.datetime(1899, 12, 30, tzinfo=dt.UTC), dt.datetime(1904, 1, 1, tzinfo=dt.UTC)


def parts(data: bytes, most: int) -> Iterator[Part]:
    """Parts labelled with the name of their sheet; of each sheet at least its first `most` characters."""
    package = Package(data)
    main = package.main()
    targets = package.targets(main)
    book = _Book(package, dict(targets.values()), package.xml(main))
    for sheet in each(child(package.xml(main), "sheets"), "sheet"):
        name = attribute(sheet, "name")
        heading = f"## {' '.join(name.split())}\n\n"
        rows = _first(book.rows(targets.get(relation(sheet), ("", ""))[1]), most)
        for _, _, markdown in tables.table(rows):
            yield Part(heading + markdown, label=name)
            heading = ""


def _first(rows: Iterator[list[str]], most: int) -> Iterator[list[str]]:
    for row in rows:
        yield row
        most -= sum(map(len, row))
        if most < 0:
            return


class _Book:
    """What the cells of all sheets refer to: the strings, and the formats by style."""

    def __init__(self, package: Package, named: dict[str, str], root: ET.Element | None) -> None:
        self._package = package
        self._strings = list(map(_text, package.stream(named.get("sharedStrings", ""))))
        styles = package.xml(named.get("styles", ""))
        codes = {attribute(one, "numFmtId"): one for one in each(child(styles, "numFmts"), "numFmt")}
        self._formats = [
            _format(
                attribute(style, "numFmtId", "0"),
                attribute(codes.get(attribute(style, "numFmtId")), "formatCode"),
            )
            for style in each(child(styles, "cellXfs"), "xf")
        ]
        from_1904 = attribute(child(root, "workbookPr"), "date1904") in ("1", "true")
        self._epoch = _EPOCH_1904 if from_1904 else _EPOCH

    def rows(self, part: str) -> Iterator[list[str]]:
        """The rows of a sheet as people see them, without the empty cells at their ends."""
        sheet = _Sheet()
        with self._package.open(part) as file:
            while piece := file.read(_PIECE):
                for row in sheet.feed(piece):
                    cells: list[str] = []
                    for about, text in row:
                        gap = _column(about.get("r", "").rstrip(_DIGITS)) - len(cells)
                        cells += [""] * min(gap, _MOST_COLUMNS)
                        cells.append(self._value(about, text) if text else "")
                    while cells and not cells[-1]:
                        cells.pop()
                    yield cells

    def _value(self, about: dict[str, str], text: str) -> str:
        kind = about.get("t", "n")
        if kind == "n":
            return self._number(text, about.get("s", ""))
        if kind == "s":
            at = int(text) if text.isdecimal() else -1
            return self._strings[at] if 0 <= at < len(self._strings) else ""
        return {"0": "FALSE", "1": "TRUE"}.get(text, text) if kind == "b" else text

    def _number(self, text: str, style: str) -> str:
        shown = self._formats[int(style)] if style.isdecimal() and int(style) < len(self._formats) else ""
        try:
            number = float(text)
            if shown == "date":
                return _date(self._epoch, number)
            if shown == "elapsed":
                seconds = round(number * 86_400)
                return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
            if shown == "percent":
                return f"{number * 100:.15g}%"
            return text if text.lstrip("-").isdecimal() else f"{number:.15g}"
        except (ValueError, OverflowError):
            return text


class _Sheet:
    """The cells of a sheet by expat, which takes a third of the time that an element for each would."""

    def __init__(self) -> None:
        self._expat = expat.ParserCreate()
        self._expat.buffer_text = True
        self._expat.StartElementHandler = self._starts
        self._expat.EndElementHandler = self._ends
        self._expat.CharacterDataHandler = self._says
        self._rows: list[list[Cell]] = []
        self._row: list[Cell] = []
        self._about: dict[str, str] = {}
        self._words: list[str] = []
        self._reads = False
        self._names: dict[str, str] = {}

    def feed(self, piece: bytes) -> list[list[Cell]]:
        """The rows that this piece of XML completes."""
        self._rows = []
        self._expat.Parse(piece)
        return self._rows

    def _starts(self, name: str, attributes: dict[str, str]) -> None:
        if not self._names:  # the root: what matters here has the same prefix, if any
            prefix = name.removesuffix("worksheet")
            self._names = {prefix + one: one for one in ("c", "row", "t", "v")}
        found = self._names.get(name)
        if found == "c":
            self._about, self._words = attributes, []
        elif found in ("v", "t"):
            self._reads = True

    def _says(self, words: str) -> None:
        if self._reads:
            self._words.append(words)

    def _ends(self, name: str) -> None:
        found = self._names.get(name)
        if found in ("v", "t"):
            self._reads = False
        elif found == "c":
            self._row.append((self._about, "".join(self._words)))
        elif found == "row":
            self._rows.append(self._row)
            self._row = []


def _date(epoch: dt.datetime, days: float) -> str:
    """A date, a time of day, or both; seconds are what Excel shows at most."""
    if days < 60 and epoch == _EPOCH:
        days += 1  # Excel takes 1900 for a leap year
    moment = epoch + dt.timedelta(seconds=round(days * 86_400))
    if days < 2 and epoch == _EPOCH:
        return f"{moment:%H:%M:%S}"
    return f"{moment:%Y-%m-%d %H:%M:%S}".removesuffix(" 00:00:00")


def _format(number: str, code: str) -> str:
    """How a number is shown: ``date``, ``elapsed``, ``percent`` or, as it is, ``""``."""
    plain = _UNSPOKEN.sub("", code.partition(";")[0]).lower()
    at = int(number) if number.isdecimal() else 0
    if at in _ELAPSED or re.search(r"\[[hms]+\]", plain):
        return "elapsed"
    if at in _DATES or re.search(r"[ymdhs]", plain.replace("general", "")):
        return "date"
    return "percent" if at in _PERCENTS or "%" in plain else ""


@functools.cache
def _column(letters: str) -> int:
    """The number of a column from 0: 27 for ``AB``."""
    column = 0
    for letter in letters[:3]:
        column = column * 26 + ord(letter) - 64
    return max(column - 1, 0)


def _text(element: ET.Element | None) -> str:
    """A string's words, without what only says how they are pronounced."""
    runs = (element, *each(element, "r"))
    return "".join(text.text or "" for run in runs for text in each(run, "t"))
