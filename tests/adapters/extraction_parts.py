"""What the tests of extraction share: reading a file as people send it, and watching the workers."""

import asyncio
import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from adapters.extraction.extractor import ExtractionLimits, SandboxedExtractor
from core.errors import FileRefused
from core.ports import Extracted, Extractor

PAST_DEADLINE = 20.0
Found = TypeVar("Found")


async def read(path: Path, name: str = "", **limits: float) -> Extracted:
    """Extract a file under its own name, or under another."""
    extractor: Extractor = SandboxedExtractor(limits=ExtractionLimits(**limits))  # type: ignore[arg-type]
    return await extractor.extract(path, name or path.name)


async def refusal(path: Path, name: str = "", **limits: float) -> str:
    """The sentence with which a file is refused."""
    with pytest.raises(FileRefused) as caught:
        await read(path, name, **limits)
    assert is_helpful(str(caught.value))
    return str(caught.value)


def is_helpful(sentence: str) -> bool:
    """Whether a refusal names the file, says what is wrong and then what to do."""
    said = re.fullmatch(r"I cannot read `[^`\n]+`: it [^\n]+, so please [^\n]+\.", sentence)
    return bool(said) or sentence.endswith("nothing to read in it.")


def whole(found: Extracted) -> str:
    """The text of all blocks."""
    return "\n\n".join(block.markdown for block in found.blocks)


def workers() -> list[int]:
    """Ids of the processes that read files for this one."""
    found = subprocess.run(
        ["pgrep", "-P", str(os.getpid()), "-f", "adapters.extraction.worker"],
        capture_output=True,
        text=True,
        check=False,
    )
    return [int(line) for line in found.stdout.split()]


async def until(condition: Callable[[], Found]) -> Found:
    """What a condition gives once it is true."""
    deadline = time.monotonic() + PAST_DEADLINE
    while not (found := condition()):
        assert time.monotonic() < deadline, "it never came true"
        await asyncio.sleep(0.01)
    return found
