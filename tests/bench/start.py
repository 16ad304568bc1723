"""How long a person waits for the first sign: of the help, and of the demo's first answer.

These budgets are times on a clock, so the best of several runs counts; by the second one at the latest all
modules are compiled.
"""

import os
import re
import signal
import subprocess
import sys
import time

from tests.bench.figure import Figure
from tests.bench.parts import ROOT, data_dir

HELP_BUDGET, DEMO_BUDGET = 0.3, 5.0
HELP_RUNS, DEMO_RUNS = 7, 2
CHASQUI = ("-m", "bots.cli")
_IMPORT = re.compile(r"import time: +(\d+) \| +\d+ \| +(\S+)")  # own microseconds, with imports, module


def measure() -> list[Figure]:
    """Seconds until the help stands, and until the demo says its first word."""
    shown = min(_help_seconds() for _ in range(HELP_RUNS))
    said = min(_demo_seconds() for _ in range(DEMO_RUNS))
    why = _heaviest_imports() if shown > HELP_BUDGET else ""
    return [
        Figure(f"chasqui --help, best of {HELP_RUNS}", shown, "s", HELP_BUDGET, note=why),
        Figure(f"chasqui demo --once, first text, best of {DEMO_RUNS}", said, "s", DEMO_BUDGET),
    ]


def _environment(**more: str) -> dict[str, str]:
    """Ours without its settings of chasqui and of Python, which might forbid to keep compiled modules."""
    return {
        key: value for key, value in os.environ.items() if not key.startswith(("CHASQUI_", "PYTHON"))
    } | more


def _help_seconds() -> float:
    begin = time.perf_counter()
    command = [sys.executable, *CHASQUI, "--help"]
    subprocess.run(command, cwd=ROOT, env=_environment(), check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def _heaviest_imports() -> str:
    """The packages whose modules took longest to import for the help."""
    command = [sys.executable, "-X", "importtime", *CHASQUI, "--help"]
    done = subprocess.run(command, cwd=ROOT, env=_environment(), check=True, capture_output=True, text=True)
    taken: dict[str, int] = {}
    for own, module in _IMPORT.findall(done.stderr):
        package = module.partition(".")[0]
        taken[package] = taken.get(package, 0) + int(own)
    heaviest = sorted(taken, key=lambda package: -taken[package])[:8]
    return "imported: " + ", ".join(f"{package} {taken[package] / 1000:.0f} ms" for package in heaviest)


def _demo_seconds() -> float:
    """From the start of the process, of its servers and of the model to the first text of an answer."""
    with data_dir() as folder:
        environment = _environment(CHASQUI_DATA_DIR=str(folder), COLUMNS="200")  # a question is one line
        command = [sys.executable, *CHASQUI, "demo", "--once"]
        begin = time.perf_counter()
        with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE) as demo:
            assert demo.stdout
            asked = any(line.startswith(b"You: ") for line in demo.stdout)
            answered = demo.stdout.read(1)
            taken = time.perf_counter() - begin
            demo.send_signal(signal.SIGINT)  # stops the answer and ends the servers
            demo.stdout.read()
        assert asked
        assert answered.strip()
    return taken
