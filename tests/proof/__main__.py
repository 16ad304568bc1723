"""The proof that ``chasqui model serve`` speaks TGI, as TGI's own clients see it: one table."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.proof.checks import CHECKS
from tests.proof.environment import PACKAGES, ROOT, CannotInstall, Package

DOCUMENT = ROOT / "docs" / "tgi-proof.md"

Outcomes = dict[str, dict[str, str]]
"""{check: {way to use the client: outcome}}"""


def main() -> int:
    """Print the table; 1 where a check failed or the document holds another table."""
    try:
        pythons = [package.python() for package in PACKAGES]
    except CannotInstall as error:
        sys.exit(str(error))
    with served() as url:
        found = [outcomes(package, python, url) for package, python in zip(PACKAGES, pythons, strict=True)]
    shown = table(found)
    print(shown)
    if "FAILED" in shown:
        return 1
    if shown not in DOCUMENT.read_text(encoding="utf-8"):
        sys.exit(f"{DOCUMENT.relative_to(ROOT)} holds another table: put this one there.")
    return 0


@contextmanager
def served() -> Iterator[str]:
    """The address of a server as people start it, in a process of its own."""
    command = [sys.executable, "-m", "bots.cli", "model", "serve", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        try:
            said = server.stdout.readline().split()
            if not said:
                sys.exit("chasqui model serve did not start, so nothing was proved.")
            yield said[-1]
        finally:
            server.terminate()


def outcomes(package: Package, python: Path, url: str) -> Outcomes:
    """What one client's program found."""
    command = [str(python), "-m", f"tests.proof.with_{package.module}", url]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "HF_"))}
    done = subprocess.run(command, cwd=ROOT, env=kept, stdout=subprocess.PIPE, check=True)
    found: Outcomes = json.loads(done.stdout)
    return found


def table(found: list[Outcomes]) -> str:
    """The outcomes side by side, in Markdown."""
    heads = [f"{package.name} {package.version}" for package in PACKAGES]
    lines = [f"| check | {' | '.join(heads)} |", "|---|---|---|"]
    lines += [f"| {name} | {' | '.join(cell(each[name]) for each in found)} |" for name in CHECKS]
    return "\n".join(lines)


def cell(ways: dict[str, str]) -> str:
    """One outcome where all ways to use a client have the same, else each with its way."""
    if len(set(ways.values())) == 1:
        return next(iter(ways.values()))
    return "; ".join(f"{way}: {outcome}" for way, outcome in ways.items())


if __name__ == "__main__":
    sys.exit(main())
