"""Many files in one go: their readers are forked, and each is as alone and as confined as one of its own."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.extraction.extractor import ExtractionLimits, SandboxedExtractor
from core.errors import FileRefused
from tests import files
from tests.adapters.extraction_parts import read, until, workers

SLOW_PAGE = "<p><i>a</i></p>" * 250_000


def readers() -> list[int]:
    """Ids of the processes that were forked for a file."""
    parents = ",".join(map(str, workers()))
    if not parents:
        return []
    found = subprocess.run(["pgrep", "-P", parents], capture_output=True, text=True, check=False)
    return [int(line) for line in found.stdout.split()]


async def test_many_files_become_what_each_becomes_alone(tmp_path: Path) -> None:
    """Whatever their kind, and in any order; afterwards no process is left."""
    paths = [make(tmp_path) for make in (files.html, files.pdf, files.word, files.markdown, files.csv)]
    async with SandboxedExtractor() as extractor:
        found = await asyncio.gather(*(extractor.extract(path, path.name) for path in paths * 3))
        assert 1 <= len(workers()) <= 2
    assert workers() == []
    assert found == [await read(path) for path in paths] * 3


async def test_a_file_that_ends_its_reader_stops_no_other(tmp_path: Path) -> None:
    """One that crashes, hangs or is damaged is a sentence, and the next one is read."""
    slow, page = files.text(tmp_path, "slow.html", SLOW_PAGE), files.html(tmp_path)
    alone = await read(page)
    async with SandboxedExtractor(limits=ExtractionLimits(parallel=1, seconds=60)) as extractor:
        reading = asyncio.ensure_future(extractor.extract(slow, slow.name))
        os.kill((await until(readers))[0], signal.SIGSEGV)
        with pytest.raises(FileRefused, match="damaged"):
            await reading
        assert await extractor.extract(page, page.name) == alone

    async with SandboxedExtractor(limits=ExtractionLimits(parallel=1, seconds=1)) as extractor:
        with pytest.raises(FileRefused, match="takes too long"):
            await extractor.extract(slow, slow.name)
        assert await until(lambda: not readers())
        assert await extractor.extract(page, page.name) == alone


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux confines a process")
async def test_each_forked_reader_is_confined_and_what_forks_it_reads_nothing(tmp_path: Path) -> None:
    """The kernel says so of a reader; the process that stays holds no file of people."""
    page = files.text(tmp_path, "slow.html", SLOW_PAGE)
    async with SandboxedExtractor() as extractor:
        reading = asyncio.ensure_future(extractor.extract(page, page.name))

        def filtered() -> bool:
            states = [Path(f"/proc/{reader}/status").read_text() for reader in readers()]
            return any("Seccomp:\t2" in state and "NoNewPrivs:\t1" in state for state in states)

        assert await until(filtered)
        (nursery,) = workers()
        held = [link.readlink() for link in Path(f"/proc/{nursery}/fd").iterdir()]
        assert page not in held
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    assert workers() == []
