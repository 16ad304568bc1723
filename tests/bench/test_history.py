"""What became slower is seen."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.bench.figure import Figure, report
from tests.bench.history import change, named, page, plot, record


def runs(*values: float, at_least: bool = False) -> list[dict[str, object]]:
    """Runs of one figure, one after the other."""
    return [report([Figure("pace", value, "ms", 100.0, at_least)]) for value in values]


def test_a_figure_that_became_worse_is_bold_though_it_keeps_its_budget() -> None:
    """A budget is a wall far away; what counts is the step towards it."""
    assert "| **pace** | 50 ms | ≤ 100 ms | 20 | 150% worse |" in page(runs(20.0, 50.0))
    assert "| pace | 21 ms | ≤ 100 ms | 20 | 5% worse |" in page(runs(20.0, 21.0))


def test_a_run_says_what_became_of_each_figure() -> None:
    """In capitals what is worse than the noise of a machine; a figure that is new has nothing to say."""
    [now] = report([Figure("pace", 50.0, "ms", 100.0)])["figures"]

    assert change("pace", now, runs(20.0, 40.0)).startswith("25% WORSE than 40 ms of ")
    assert change("pace", now, runs(20.0, 49.0)).startswith("2% worse than 49 ms of ")
    assert change("pace", now, runs(100.0)).startswith("50% better than 100 ms of ")
    assert change("pace", now, []) == ""


def test_figures_that_are_set_in_are_told_apart() -> None:
    """Several have a p95: each is that of the figure above it."""
    names = ("one", "  p95", "two", "  p95")
    figures = report([Figure(name, 1.0, "ms") for name in names])["figures"]

    assert [name for name, _ in named(figures)] == ["one", "one: p95", "two", "two: p95"]


def test_more_is_better_where_a_budget_is_the_least() -> None:
    """And less than it is bold, whatever was before."""
    assert "| pace | 200 ms | ≥ 100 ms | 150 | 33% better |" in page(runs(150.0, 200.0, at_least=True))
    assert "| **pace** | 90 ms |" in page(runs(90.0, at_least=True))


def test_a_figure_is_compared_with_machines_like_its_own() -> None:
    """Twice the cores say nothing of the code."""
    other, own = runs(10.0, 50.0)
    assert "| pace | 50 ms | ≤ 100 ms |  |  |" in page([{**other, "cores": 1_000}, own])


def test_a_run_is_kept_with_its_page_and_plot(tmp_path: Path) -> None:
    """All of them, and the plot is a picture with a line for each figure that has a budget."""
    (tmp_path / "pictures").mkdir()
    for run in runs(20.0, 30.0):
        record(run, tmp_path)

    kept = [json.loads(line) for line in (tmp_path / "bench-history.jsonl").read_text().splitlines()]
    assert [run["figures"][0]["value"] for run in kept] == [20.0, 30.0]
    assert "50% worse" in (tmp_path / "bench-latest.md").read_text()
    drawn = ET.fromstring((tmp_path / "pictures" / "bench.svg").read_text())
    assert len(drawn.findall("{*}circle")) == 1, "the run before the newest"
    assert plot([]).startswith("<svg")
