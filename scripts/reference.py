"""Write docs/reference/ from the code: `make reference`. A test fails while it says something else."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from adapters.metrics import METRICS  # noqa: E402 - the path comes first

REFERENCE = ROOT / "docs" / "reference"
NOTE = "<!-- Written by scripts/reference.py from the code: change that, and run `make reference`. -->\n\n"


def metrics() -> str:
    """Every metric, as Prometheus reads it from ``/metrics``."""
    rows = [
        (f"`{each.name}`", each.kind, ", ".join(f"`{label}`" for label in each.labels), each.about)
        for each in METRICS
    ]
    about = """# Metrics

`chasqui serve` has these at `/metrics`, on the address of `CHASQUI_HTTP__HOST` and `CHASQUI_HTTP__PORT`, in
Prometheus' text format, beside Prometheus' own of the process (`process_resident_memory_bytes` and the
like). Names are part of what is public. No label holds a person's name, words or ids. Why metrics are counted
from the log is told in [decision 19](../decisions/0019-metrics.md).

"""
    return about + table(("metric", "kind", "labels", "what it says"), rows)


def table(titles: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A table of Markdown."""
    lines = [titles, tuple("---" for _ in titles), *rows]
    cells = [[cell.replace("|", r"\|") for cell in line] for line in lines]
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


PAGES: dict[str, Callable[[], str]] = {"metrics.md": metrics}


def main() -> None:
    """Write all pages."""
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(NOTE + page(), "utf-8")


if __name__ == "__main__":
    main()
