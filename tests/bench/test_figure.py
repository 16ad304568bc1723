"""A figure tells whether it keeps its budget, in the table and as JSON alike."""

import json

import pytest

from tests.bench.figure import Figure, lines, report

FIGURES = [
    Figure("time", 15.0, "ms", 15.0),
    Figure("time", 15.1, "ms", 15.0),
    Figure("share", 70.0, "%", 70.0, at_least=True),
    Figure("share", 69.9, "%", 70.0, at_least=True),
    Figure("beside", 12345.6, "us", note="for comparison"),
]
ROWS = ["<= 15 ms  met", "<= 15 ms  MISSED", ">= 70 %  met", ">= 70 %  MISSED", "12,346 us"]


@pytest.mark.parametrize(("figure", "row"), list(zip(FIGURES, ROWS, strict=True)))
def test_a_row_says_whether_the_budget_is_kept(figure: Figure, row: str) -> None:
    """The figure that is exactly its budget keeps it; one without a budget has no verdict."""
    assert lines(figure).splitlines()[0].endswith(row)


def test_a_note_stands_below_its_figure() -> None:
    """The table stays aligned, however long a note is."""
    assert lines(FIGURES[-1]).splitlines()[1:] == ["    for comparison"]


def test_json_holds_what_the_table_shows() -> None:
    """A run can be kept and compared with the next one."""
    kept = json.loads(json.dumps(report(FIGURES)))
    assert [figure["met"] for figure in kept["figures"]] == [True, False, True, False, None]
    assert [figure["value"] for figure in kept["figures"]] == [figure.value for figure in FIGURES]
    assert kept.keys() == {"at", "python", "system", "cores", "figures"}
