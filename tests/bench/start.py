"""How long a person waits for the command line: a start time is a budget of its own, so it is in seconds."""

import subprocess
import sys
import time

from tests.bench.figure import Figure
from tests.bench.parts import ROOT

HELP_BUDGET = 0.3
RUNS = 7
_HEAVY = ("aiohttp", "pydantic", "redis", "snowballstemmer", "structlog")


def measure() -> list[Figure]:
    """The best of some starts of `chasqui --help`, and what it had no need to import."""
    heavy = [name for name in _HEAVY if name in _imported()]
    note = f"imports {', '.join(heavy)}" if heavy else ""
    return [Figure(f"chasqui --help, best of {RUNS}", _best(), "s", HELP_BUDGET, note=note)]


def _best() -> float:
    spent = []
    for _ in range(RUNS):
        begin = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "bots.cli", "--help"], cwd=ROOT, stdout=subprocess.DEVNULL, check=True
        )
        spent.append(time.perf_counter() - begin)
    return min(spent)


def _imported() -> set[str]:
    code = "import sys, bots.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())
