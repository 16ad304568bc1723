"""Runs that were recorded: a page that shows the newest figures beside those before, and a plot of all.

``make bench ARGS=--record`` adds a line to docs/bench-history.jsonl and writes docs/bench-latest.md and
docs/pictures/bench.svg anew. A run may hold some of the figures: each is compared with its own last value on
a machine with as many cores.
"""

import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2] / "docs"
PLOT = ROOT / "pictures" / "bench.svg"
WORSE = 0.2
"""Share by which a figure may be worse than before: less is the noise of shared machines."""
_WIDTH, _ROW, _LEFT = 900, 34, 520

Run = Mapping[str, Any]


def record(run: Run, folder: Path = ROOT) -> None:
    """Add a run, as `tests.bench.figure.report` has it, and write page and plot anew."""
    file = folder / "bench-history.jsonl"
    with file.open("a", encoding="utf-8") as out:
        out.write(json.dumps(run) + "\n")
    runs = recorded(folder)
    (folder / "bench-latest.md").write_text(page(runs), "utf-8")
    (folder / "pictures" / PLOT.name).write_text(plot(runs), "utf-8")


def recorded(folder: Path = ROOT) -> list[Run]:
    """All runs that were recorded, the oldest first."""
    return [json.loads(line) for line in (folder / "bench-history.jsonl").read_text("utf-8").splitlines()]


def drawn() -> str:
    """The plot of all recorded runs."""
    return plot(recorded())


def worse(figure: Mapping[str, Any], before: float) -> float:
    """By which share of its last value a figure is worse; negative where it is better."""
    if not before:
        return 0.0
    change = (float(figure["value"]) - before) / abs(before)
    return -change if figure["at_least"] else change


def page(runs: Sequence[Run]) -> str:
    """The newest value of each figure, its budget and the value before; what became worse is said."""
    lines = [
        "# Figures of the last runs\n",
        "Written by `make bench ARGS=--record`; [what is measured, and how](bench.md). Bold is what became",
        f"worse by more than {WORSE:.0%} or misses its budget.\n",
        "![Each figure as a share of its budget, over all runs](pictures/bench.svg)\n",
        "| figure | value | budget | before | change | measured |",
        "|---|---|---|---|---|---|",
    ]
    for values in _series(runs).values():
        at, figure = values[-1]
        before = float(values[-2][1]["value"]) if len(values) > 1 else None
        change = None if before is None else worse(figure, before)
        sign = "≥" if figure["at_least"] else "≤"
        budget = "" if figure["budget"] is None else f"{sign} {figure['budget']:g} {figure['unit']}"
        said = "" if change is None else f"{abs(change):.0%} {'worse' if change > 0 else 'better'}"
        bad = figure["met"] is False or (change is not None and change > WORSE)
        name = f"**{figure['name']}**" if bad else figure["name"]
        known = "" if before is None else f"{before:.4g}"
        lines.append(
            f"| {name} | {figure['value']:.4g} {figure['unit']} | {budget} | {known} | {said} | {at[:10]} |"
        )
    return "\n".join(lines) + "\n"


def plot(runs: Sequence[Run]) -> str:
    """A row for each figure with a budget: its values as shares of it, the line being the budget."""
    rows = [(name, values) for name, values in _series(runs).items() if values[-1][1]["budget"]]
    height = _ROW * (len(rows) + 1)
    size = f'viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" font-size="12"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}>',
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
    ]
    for number, (name, values) in enumerate(rows):
        base = _ROW * (number + 1)
        shares = [min(_share(figure), 2.0) for _, figure in values]
        step = (_WIDTH - _LEFT - 40) / max(len(shares) - 1, 1)
        points = [(_LEFT + step * i, base + 8 - 12 * share) for i, share in enumerate(shares)]
        colour = "#1a7f37" if values[-1][1]["met"] else "#cf222e"
        drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts += [
            f'<text x="8" y="{base + 4}">{escape(name)}</text>',
            f'<line x1="{_LEFT}" x2="{_WIDTH - 30}" y1="{base - 4}" y2="{base - 4}" stroke="#d0d7de"/>',
            f'<polyline points="{drawn}" fill="none" stroke="{colour}"/>',
            f'<circle cx="{points[-1][0]:.1f}" cy="{points[-1][1]:.1f}" r="3" fill="{colour}"/>',
        ]
    return "\n".join([*parts, "</svg>\n"])


def _share(figure: Mapping[str, Any]) -> float:
    """How much of its budget a figure uses: 1 is all of it, and more is too much."""
    value, budget = float(figure["value"]), float(figure["budget"])
    if figure["at_least"]:
        return budget / value if value else 2.0
    return value / budget


def _series(runs: Sequence[Run]) -> dict[str, list[tuple[str, Mapping[str, Any]]]]:
    """The values of each figure with their times, on machines like that of its last run."""
    found: dict[str, list[tuple[str, int, Mapping[str, Any]]]] = {}
    for run in runs:
        for figure in run["figures"]:
            found.setdefault(figure["name"], []).append((run["at"], run["cores"], figure))
    return {
        name: [(at, figure) for at, cores, figure in values if cores == values[-1][1]]
        for name, values in found.items()
    }
