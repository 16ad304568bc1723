"""What commands print on stdout: JSON for programs, tables and single lines for people."""

import json
import sys
from collections.abc import Sequence
from typing import Any

from core.characters import sendable


def print_json(value: Any) -> None:
    """Half a surrogate pair, which JSON of a platform may bring, is written as JSON's own escape."""
    text = json.dumps(value, ensure_ascii=False, indent=2) + "\n"
    sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))


def print_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as their widest cell, numbers to the right."""
    lines = [titles, *([one_line(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    right = [all(cell.isdecimal() for cell in column[1:]) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = zip(line, widths, right, strict=True)
        print("  " + "  ".join(cell.rjust(w) if r else cell.ljust(w) for cell, w, r in cells).rstrip())


def one_line(text: str) -> str:
    """On one line, and without signs that a terminal would obey."""
    return " ".join(sendable(text).split())
