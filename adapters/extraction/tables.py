"""Rows to Markdown that a language model reads well, one passage at a time.

Rows become Markdown tables of about one passage, each with the header row again: a model that sees
only one passage must know which column is which. Rows too wide for that become records, one
``column: value`` line per filled cell, because a model loses count of the bars in a wide table.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from adapters.extraction.parts import PART_CHARS, Part, literal

Row = Sequence[str]


def separated(text: str, *, tabs: bool) -> Iterator[Part]:
    """A CSV or TSV file. Labels count rows as a spreadsheet shows them: ``rows 2-14``."""
    csv.field_size_limit(len(text) + 1)
    delimiter = "\t" if tabs else _delimiter(text)
    rows = list(csv.reader(io.StringIO(text.replace("\0", ""), newline=""), delimiter=delimiter))
    for start, end, markdown in table(rows):
        yield Part(markdown, label=f"rows {start}-{end}" if end > start else f"row {start}")


def _delimiter(text: str) -> str:
    """The sign that splits the first lines most evenly into columns; csv.Sniffer guesses letters too."""
    lines = [line for line in text[:20_000].split("\n")[:20] if line.strip()]

    def evenness(sign: str) -> tuple[int, int]:
        counts = [line.count(sign) for line in lines]
        usual = max(set(counts), key=counts.count, default=0)
        return (counts.count(usual) if usual else 0, usual)

    return max(",;\t|", key=evenness)


def table(rows: Iterable[Row]) -> Iterator[tuple[int, int, str]]:
    """Stretches of rows as ``(first row, last row, Markdown)``, rows counted from 1.

    Rows before the first one with two filled cells are a title; that one is the header.
    """
    numbered = [
        (number, [_cell(cell) for cell in row])
        for number, row in enumerate(rows, 1)
        if any(cell.strip() for cell in row)
    ]
    wide = any(len(row) - row.count("") > 1 for _, row in numbered)
    while wide and len(numbered[0][1]) - numbered[0][1].count("") < 2:
        number, row = numbered.pop(0)
        yield number, number, literal(" ".join(filter(None, row)))
    if not numbered:
        return
    (first, header), body = numbered[0], numbered[1:]
    body = [(number, row + [""] * (len(header) - len(row))) for number, row in body]
    row_chars = sum(len(_line(row)) for _, row in body) / max(len(body), 1)
    head = f"{_line(header)}\n{_line(['---'] * len(header))}"
    if len(head) + 2 * row_chars > PART_CHARS and len(header) > 1 and body:
        yield from _records(header, body)
    else:
        yield from _tables(first, head, body)


def _tables(first: int, head: str, body: list[tuple[int, list[str]]]) -> Iterator[tuple[int, int, str]]:
    start = last = first
    lines: list[str] = []
    size = len(head)
    for number, row in body:
        line = _line(row)
        if lines and size + len(line) > PART_CHARS:
            yield start, last, "\n".join((head, *lines))
            start, lines, size = number, [], len(head)
        lines.append(line)
        size += len(line) + 1
        last = number
    yield start, last, "\n".join((head, *lines))


def _records(header: list[str], body: list[tuple[int, list[str]]]) -> Iterator[tuple[int, int, str]]:
    for number, row in body:
        named = ((header[place : place + 1], place, cell) for place, cell in enumerate(row) if cell)
        lines = (f"- {''.join(name) or f'column {place + 1}'}: {cell}" for name, place, cell in named)
        yield number, number, "\n".join(lines)


def _cell(text: str) -> str:
    return " ".join(text.split())


def _line(row: Row) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"
