"""Tables: read as GitHub reads them, drawn so that columns stand under each other, no cell lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wcwidth import wcswidth

from core.tables import WIDEST, Extent, Table
from tests.core.hostile import STEADY

HEAD = ["| Name | Qty |", "|:--|--:|"]
cells = st.text(
    st.characters(codec="utf-8", exclude_characters="|\\`\n\r", categories=["L", "N", "P"]), max_size=9
)


def parsed(*lines: str) -> Table:
    """The table that these lines are."""
    table = Table.parse(lines)
    assert table
    return table


@pytest.mark.parametrize(
    ("row", "cells"),
    [
        ("| a | b |", ("a", "b")),
        ("a | b", ("a", "b")),
        (r"| a \| b | c |", ("a | b", "c")),
        (r"| `a \| b` | c |", ("`a | b`", "c")),
        ("| `a | b` | c |", ("`a | b`", "c")),
        ("| ` | ` |", ("`", "`")),
        ("| a |", ("a", "")),
        ("| a | b | c | d |", ("a", "b | c | d")),
        ("|| b |", ("", "b")),
        ("no bar", ("no bar", "")),
    ],
)
def test_rows_have_a_cell_for_each_column(row: str, cells: tuple[str, ...]) -> None:
    """Bars that are escaped or in code are text; short rows are filled, surplus cells stay in the last."""
    assert parsed(*HEAD, row).rows == (cells,)


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["| a | b |"],
        ["a", "---"],
        ["a `|` b", "---"],
        ["| a | b |", "|---|"],
        ["| a | b |", "|---|--x|"],
        ["| a | b |", "| | |"],
        ["| a | b |", "---||---"],
    ],
)
def test_lines_that_are_no_table(lines: list[str]) -> None:
    """A header needs a bar, and below it as many delimiters as it has cells."""
    assert Table.parse(lines) is None


def test_columns_are_aligned_as_people_see_them() -> None:
    """Wide characters count two columns, alignment is obeyed, and lines end without spaces."""
    table = parsed(
        "| Fruit | Qty | At |", "|:--|--:|:-:|", "| 日本 | 3 | x |", "| Äpfel | 12 |", "| e\u0301 | | yes |"
    )

    drawn = table.drawn()

    assert drawn is not None
    assert drawn.split("\n") == [
        "Fruit  Qty  At",
        "-----  ---  ---",
        "日本     3   x",
        "Äpfel   12",
        "e\u0301           yes",
    ]


def test_a_table_that_is_too_wide_becomes_records() -> None:
    """Each row names its columns; empty cells go, and a table without rows still gives its names."""
    wide = parsed("| Name | Note |", "|---|---|", f"| a | {'x' * WIDEST} |", "| b | |")

    assert wide.drawn() is None
    assert wide.records() == [[("Name", "a"), ("Note", "x" * WIDEST)], [("Name", "b")]]
    assert parsed(*HEAD).records() == [[("Name", ""), ("Qty", "")]]


@STEADY
@given(st.lists(st.lists(cells, min_size=3, max_size=3), min_size=1, max_size=5))
def test_every_cell_is_drawn_and_columns_stand_under_each_other(grid: list[list[str]]) -> None:
    """No line is wider than the line below the header, and without its spaces it is its row."""
    grid[0][0] = grid[0][0] or "x"
    lines = [f"| {' | '.join(row)} |" for row in grid]
    drawn = parsed(lines[0], "|---|---|---|", *lines[1:]).drawn()

    assert drawn is not None
    header, rule, *rows = drawn.split("\n")
    for line, row in zip([header, *rows], grid, strict=True):
        assert "".join(line.split()) == "".join("".join(row).split())
        assert wcswidth(line) <= len(rule)


@STEADY
@given(st.lists(st.lists(cells | st.just("long " * 9), min_size=3, max_size=3), min_size=1, max_size=5))
def test_an_extent_is_what_a_table_takes_at_most(grid: list[list[str]]) -> None:
    """Row by row it says how many characters the table has so far, drawn or as records."""
    grid[0][0] = grid[0][0] or "x"
    lines = [f"| {' | '.join(row)} |" for row in grid]
    extent = Extent(lines[0])
    for end in range(1, len(lines) + 1):
        table = parsed(lines[0], "|---|---|---|", *lines[1:end])
        drawn = table.drawn()
        named = "".join(f"  **{name}:** {cell}\n" for record in table.records() for name, cell in record)

        assert len(named if drawn is None else f"{drawn}\n") <= extent.size
        if end < len(lines):
            extent.add(lines[end])
