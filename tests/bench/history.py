"""Runs that were recorded: a page that shows the newest figures beside those before, and a plot of all.

``make bench ARGS=--record`` adds a line to docs/bench-history.jsonl and writes docs/bench-latest.md and
docs/pictures/bench.svg anew. A run may hold some of the figures: each is compared with its own last value on
a machine with as many cores.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2] / "docs"
PLOT = ROOT / "pictures" / "bench.svg"
WORSE = 0.2
"""Share by which a figure may be worse than before: less is the noise of shared machines."""
_SAME = 0.005
_WIDTH, _ROW, _TOP, _LEFT, _BUDGET, _MOST = 1000, 24, 34, 470, 280, 1.5
"""Pixels of the plot: of a row, where bars begin, of a whole budget; and how many budgets are shown."""
_STYLE = """
text { font-family: "Helvetica Neue", Helvetica, Arial, sans-serif; font-size: 12px; fill: #1f2328 }
.quiet { fill: #59636e }
.paper { fill: #ffffff }
.met { fill: #4ac26b }
.missed { fill: #e5534b }
.before { fill: #59636e }
.line { stroke: #1f2328; stroke-dasharray: 4 3 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .quiet { fill: #9198a1 }
  .paper { fill: #0d1117 }
  .met { fill: #2ea043 }
  .before { fill: #c9d1d9 }
  .line { stroke: #e6edf3 }
}
"""

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


def named(figures: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each figure with a name that no other has: one that is set in belongs to the one above it."""
    above = ""
    for figure in figures:
        name = figure["name"]
        if not name.startswith(" "):
            above = name
        yield (f"{above}: {name.strip()}" if name.startswith(" ") else name), figure


def change(name: str, figure: Mapping[str, Any], runs: Sequence[Run]) -> str:
    """What became of a figure since it was last recorded on such a machine, in words; empty where it is new.

    Name and figure are of `named`, from `tests.bench.figure.report`.
    """
    alike = (run for run in runs if run["cores"] == os.cpu_count())
    values = [
        (run["at"][:10], each["value"]) for run in alike for key, each in named(run["figures"]) if key == name
    ]
    if not values:
        return ""
    at, before = values[-1]
    by = worse(figure, before)
    said = _said(by).replace("worse", "WORSE") if by > WORSE else _said(by)
    return f"as on {at}" if abs(by) < _SAME else f"{said} than {before:.4g} {figure['unit']} of {at}"


def _said(by: float) -> str:
    if abs(by) < _SAME:
        return "as before"
    return f"{abs(by):.0%} {'worse' if by > 0 else 'better'}"


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
    for name, values in _series(runs).items():
        at, figure = values[-1]
        before = float(values[-2][1]["value"]) if len(values) > 1 else None
        change = None if before is None else worse(figure, before)
        sign = "≥" if figure["at_least"] else "≤"
        budget = "" if figure["budget"] is None else f"{sign} {figure['budget']:g} {figure['unit']}"
        said = "" if change is None else _said(change)
        bad = figure["met"] is False or (change is not None and change > WORSE)
        marked = f"**{name}**" if bad else name
        known = "" if before is None else f"{before:.4g}"
        lines.append(
            f"| {marked} | {figure['value']:.4g} {figure['unit']} | {budget} | {known} | {said} | {at[:10]} |"
        )
    return "\n".join(lines) + "\n"


def plot(runs: Sequence[Run]) -> str:
    """A row for each figure with a budget: a bar of how much of it is used, and a dot for each run before."""
    rows = [(name, values) for name, values in _series(runs).items() if values[-1][1]["budget"]]
    height = _TOP + _ROW * len(rows) + 12
    line = _LEFT + _BUDGET
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">',
        "<title>How much of its budget each figure uses</title>",
        f"<style>{_STYLE}</style>",
        f'<rect class="paper" width="{_WIDTH}" height="{height}" rx="8"/>',
        f'<text x="{line}" y="22" text-anchor="middle">budget</text>',
    ]
    for number, (name, values) in enumerate(rows):
        top = _TOP + _ROW * number
        *before, now = (round(_BUDGET * min(_share(figure), _MOST), 1) for _, figure in values)
        newest = values[-1][1]
        look = "met" if newest["met"] else "missed"
        value = f"{newest['value']:.4g} {newest['unit']}"
        parts += [
            f'<text x="{_LEFT - 12}" y="{top + 14}" text-anchor="end">{escape(name)}</text>',
            f'<rect class="{look}" x="{_LEFT}" y="{top + 3}" width="{now}" height="14" rx="3"/>',
            *(f'<circle class="before" cx="{_LEFT + x}" cy="{top + 10}" r="3"/>' for x in before),
            f'<text class="quiet" x="{_WIDTH - 14}" y="{top + 14}" text-anchor="end">{escape(value)}</text>',
        ]
    parts.append(f'<line class="line" x1="{line}" x2="{line}" y1="28" y2="{height - 8}"/>')
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
        for name, figure in named(run["figures"]):
            found.setdefault(name, []).append((run["at"], run["cores"], figure))
    return {
        name: [(at, figure) for at, cores, figure in values if cores == values[-1][1]]
        for name, values in found.items()
    }
