"""``python -m tests.bench``: every figure beside its budget. A report, not a test: it always ends with 0."""

import argparse
import json
from pathlib import Path

from bots import logs
from tests.bench import path, prefix, start, streaming, texts
from tests.bench.figure import heading, lines, report

MEASUREMENTS = {
    "streaming": streaming.measure,
    "path": path.measure,
    "prefix": prefix.measure,
    "start": start.measure,
    "texts": texts.measure,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", action="append", choices=MEASUREMENTS, help="measure only this; repeatable")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    arguments = parser.parse_args()
    logs.configure("error", "json")
    print(heading())
    figures = []
    for name in arguments.only or MEASUREMENTS:
        for figure in MEASUREMENTS[name]():
            figures.append(figure)
            print(lines(figure), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(report(figures), indent=2) + "\n")


if __name__ == "__main__":
    main()
