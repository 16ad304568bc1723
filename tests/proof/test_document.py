"""docs/tgi-proof.md tells what was proved, by the names that are true today."""

import re
from itertools import takewhile

from tests.emulators.tgi import FAULTS
from tests.proof.__main__ import DOCUMENT
from tests.proof.checks import CHECKS
from tests.proof.environment import PACKAGES, ROOT

TEXT = DOCUMENT.read_text(encoding="utf-8")


def rows(head: str, text: str) -> list[list[str]]:
    """The cells of the table below this beginning of a line."""
    lines = text[text.index(head) :].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in takewhile(str.strip, lines)]


def test_the_document_lists_the_checks_that_the_proof_runs() -> None:
    """In their order, with the versions that the locks pin; none of them failed when it was written."""
    heads = " | ".join(f"{package.name} {package.version}" for package in PACKAGES)
    table = rows(f"| check | {heads} |", TEXT)

    assert [name for name, *_ in table] == list(CHECKS)
    assert all(len(cells) == 1 + len(PACKAGES) and "FAILED" not in str(cells) for cells in table)


def test_the_locks_pin_every_file_by_its_hash() -> None:
    """And name no index."""
    for package in PACKAGES:
        lock = package.lock.read_text(encoding="utf-8")
        pins = re.findall(r"^[a-z0-9-]+==\S+", lock, re.MULTILINE)

        assert len(re.findall(r"==.*\\\n +--hash=sha256:[0-9a-f]{64}", lock)) == len(pins) > 10
        assert "://" not in lock


def test_every_fault_that_the_document_tells_has_its_test() -> None:
    """The numbers are complete, and names that the table gives are those of faults and of tests."""
    table = rows("| | fault |", TEXT)
    tests = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "adapters").glob("*.py"))

    assert [int(number) for number, *_ in table] == list(range(15, 49))
    for _, _, fault, test in table:
        assert set(re.findall(r"`(\w+)`", fault)) <= set(FAULTS)
        for name in re.findall(r"`(test_\w+)`", test):
            assert f"def {name}(" in tests, name
