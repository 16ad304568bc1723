"""``python -m tests.bench``: measure, and print each figure beside its budget.

A report and no test: what misses its budget is said, and what is worse than when it was last recorded on a
machine with as many cores; the exit code is 0 all the same.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from bots import logs
from tests.bench import (
    cutting,
    delivering,
    discord,
    first_text,
    hard_input,
    knowledge,
    memory,
    prefix,
    routing,
    searching,
    slack,
    start,
    store,
    streaming,
    tracing,
)
from tests.bench.figure import Figure, heading, lines, report
from tests.bench.history import change, named, record, recorded

MEASUREMENTS: dict[str, Callable[[], list[Figure]]] = {
    "streaming": streaming.measure,
    "first-text": first_text.measure,
    "prefix": prefix.measure,
    "routing": routing.measure,
    "start": start.measure,
    "cutting": cutting.measure,
    "delivering": delivering.measure,
    "searching": searching.measure,
    "store": store.measure,
    "discord": discord.measure,
    "slack": slack.measure,
    "memory": memory.measure,
    "hard-input": hard_input.measure,
    "tracing": tracing.measure,
    "kb": knowledge.measure,
}
"""What is measured, in this order; docs/bench.md says how."""

_ASKED_FOR = frozenset(("kb",))
"""What is measured only when it is named, or with ``--all``: it takes ten minutes."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is asked for, and print as it goes."""
    parser = argparse.ArgumentParser(prog="tests.bench", description="Measure chasqui.")
    parser.add_argument(
        "--only", action="append", choices=MEASUREMENTS, help="measure this alone; may be repeated"
    )
    parser.add_argument("--all", action="store_true", help="measure what takes ten minutes by itself too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file too")
    parser.add_argument("--record", action="store_true", help="keep the run in docs/, beside those before")
    options = parser.parse_args(arguments)
    logs.configure("error", "json")
    print(heading())
    figures, before = list[Figure](), recorded()
    usual = [each for each in MEASUREMENTS if options.all or each not in _ASKED_FOR]
    for name in options.only or usual:
        for figure in MEASUREMENTS[name]():
            figures.append(figure)
            print(lines(figure), flush=True)
            *_, (own, seen) = named(report(figures)["figures"])
            if since := change(own, seen, before):
                print(f"    {since}")
    if options.record:
        record(report(figures))
    if options.json:
        options.json.write_text(json.dumps(report(figures), indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
