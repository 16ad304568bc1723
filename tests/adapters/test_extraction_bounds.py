"""What files may cost and touch: time, memory, disk and secrets stay bounded, whatever is in them."""

import asyncio
import json
import os
import re
import signal
import sys
import tracemalloc
from dataclasses import asdict
from pathlib import Path

import pytest

from adapters.extraction.extractor import ExtractionLimits, SandboxedExtractor
from core.ports import Block, Extracted
from tests import files
from tests.adapters.extraction_parts import PAST_DEADLINE, read, refusal, until, whole, workers

CACHE = Path.home() / ".cache" / "kreuzberg"
SLOW_PAGE = "<p><i>a</i></p>" * 250_000


def environment() -> bytes:
    """The environment of the worker, empty while it is starting."""
    return b"".join(Path(f"/proc/{worker}/environ").read_bytes() for worker in workers())


def listing(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


async def stopped_worker() -> None:
    """Wait for the worker and stop it, so that it cannot end unless it is ended."""
    os.kill((await until(workers))[0], signal.SIGSTOP)


async def test_a_large_file_is_refused_unread(tmp_path: Path) -> None:
    """More bytes than the limit are not looked at."""
    path = files.raw(tmp_path, "big.txt", b"a" * 1001)
    assert "is larger than 0.001 MB" in await refusal(path, max_bytes=1000)


async def test_long_text_is_cut_and_the_cut_is_said(tmp_path: Path) -> None:
    """What is kept of a long text is its beginning, and a note says how much that is."""
    path = files.text(tmp_path, "long.txt", "word " * 1000)
    assert await read(path, max_chars=100) == Extracted(
        (Block(("word " * 20)),), ("Only the first 100 characters were read.",)
    )


async def test_a_zip_bomb_is_refused_and_the_host_stays_small(tmp_path: Path) -> None:
    """1 MB that unpacks to 1 GB costs neither time nor the host's memory."""
    path = files.bomb(tmp_path)
    assert path.stat().st_size < 10_000_000
    tracemalloc.start()
    try:
        assert "unpacks to more than 100 MB" in await refusal(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000


async def test_entities_that_multiply_are_refused(tmp_path: Path) -> None:
    """A billion laughs end in one sentence."""
    assert re.search("damaged|memory", await refusal(files.laughs(tmp_path)))


async def test_a_file_that_takes_too_long_is_refused(tmp_path: Path) -> None:
    """When the time is over the worker ends, even one that hangs, and the person hears why."""
    reading = asyncio.ensure_future(refusal(files.text(tmp_path, "slow.html", SLOW_PAGE), seconds=2))
    await stopped_worker()
    async with asyncio.timeout(PAST_DEADLINE):
        assert "takes too long" in await reading
    assert workers() == []


async def test_a_worker_does_not_outlive_its_host(tmp_path: Path) -> None:
    """A worker to which nobody listens any more, and which nobody ends, ends by itself."""
    limits = {**asdict(ExtractionLimits(seconds=0.5)), "memory": 300_000_000, "suffix": "txt"}
    path = files.text(tmp_path, "more than a pipe holds.txt", "words " * 100_000)
    unread, answers = os.pipe()
    with path.open("rb") as file:
        worker = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "adapters.extraction.worker", json.dumps(limits)),
            stdin=file,
            stdout=answers,
            env={**os.environ, "TMPDIR": str(tmp_path)},
        )
    async with asyncio.timeout(PAST_DEADLINE):
        assert await worker.wait() == -signal.SIGALRM
    os.close(unread)
    os.close(answers)


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has no limit on a process's memory")
async def test_a_file_that_needs_too_much_memory_is_refused(tmp_path: Path) -> None:
    """The worker may not take more memory than it was given."""
    paths = (
        files.text(tmp_path, "nested.json", "[" + "[]," * 1_300_000 + "[]]"),
        files.bare_word(
            tmp_path, "runs.docx", b"<d><body><p>%b</p></body></d>" % (b"<r><t>a</t></r>" * 300_000)
        ),
    )
    for path in paths:
        assert "too much memory" in await refusal(path, memory_bytes=60_000_000, parallel=1, seconds=100)


@pytest.mark.parametrize(
    ("death", "words"), [(signal.SIGSEGV, "damaged"), (signal.SIGKILL, "too much memory")]
)
async def test_a_worker_that_dies_is_one_sentence(tmp_path: Path, death: signal.Signals, words: str) -> None:
    """A crash of a native parser, or the system's out-of-memory killer, does not reach the host."""
    path = files.text(tmp_path, "slow.html", SLOW_PAGE)
    reading = asyncio.create_task(refusal(path))
    while not reading.done():  # one that ran out of memory is tried again with more
        for worker in workers():
            os.kill(worker, death)
        await asyncio.sleep(0.01)
    assert words in await reading
    assert workers() == []


async def test_a_file_that_needs_more_than_its_share_is_read_alone(tmp_path: Path) -> None:
    """With a quarter of the memory it cannot be read, and with all of it, it is."""
    path = files.text(tmp_path, "nested.html", "<p><i>a</i></p>" * 60_000)
    assert "too much memory" in await refusal(path, memory_bytes=35_000_000, parallel=1, seconds=100)
    extractor = SandboxedExtractor(limits=ExtractionLimits(memory_bytes=140_000_000, parallel=4, seconds=100))
    others = [files.csv(tmp_path, f"{number}.csv") for number in range(6)]
    found = await asyncio.gather(*(extractor.extract(one, one.name) for one in (path, *others)))
    assert all(one.blocks for one in found)


async def test_a_large_workbook_is_read_row_by_row(tmp_path: Path) -> None:
    """300,000 cells fit where a parser of whole workbooks would need many times the memory."""
    path = files.large_workbook(tmp_path, 30_000, 10)
    found = await read(path, memory_bytes=40_000_000, max_chars=100_000, parallel=1, seconds=100)
    assert found.blocks[0].markdown.startswith("## Large\n\n| 0 | 1 | 2 |")
    assert found.notes == ("Only the first 100,000 characters were read.",)


async def test_a_long_word_file_is_read_paragraph_by_paragraph(tmp_path: Path) -> None:
    """Hundreds of thousands of elements never stand in memory at once."""
    part = f"<document><body>{'<p><r><t>leave</t></r></p>' * 120_000}</body></document>"
    path = files.bare_word(tmp_path, "long.docx", part.encode())
    assert (await read(path, memory_bytes=60_000_000, parallel=1, seconds=100)).notes == ()


async def test_at_most_so_many_blocks_are_kept(tmp_path: Path) -> None:
    """A file of nothing but headings or pages cannot fill the host either, and the cut is said."""
    path = files.text(tmp_path, "many.html", "<!doctype html>" + "<h2>a</h2><p>b</p>" * 100)
    found = await read(path, max_parts=10)
    assert len(found.blocks) == 10
    assert found.notes == ("Only the first 70 characters were read.",)


@pytest.mark.parametrize("name", ["a.html", "a.csv", "a.txt", "a.py", "a.json"])
async def test_what_is_cut_before_it_is_parsed_is_said_too(tmp_path: Path, name: str) -> None:
    """Where markup takes part of what may be read, the text that is kept is shorter and that is said."""
    path = files.text(tmp_path, name, "<p>some words, and more</p>\n" * 1000)
    found = await read(path, max_chars=1000)
    kept = sum(len(block.markdown) for block in found.blocks)
    assert found.notes == (f"Only the first {kept:,} characters were read.",)
    assert kept <= 1000


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32", "cp1252"])
async def test_a_cut_falls_between_two_characters(tmp_path: Path, encoding: str) -> None:
    """However many bytes a character takes, the text that is kept has no broken one at its end."""
    path = files.text(tmp_path, "a.txt", "año " * 5000, encoding)
    assert whole(await read(path, max_chars=998)) == "año " * 249 + "añ"


async def test_cancelling_ends_the_worker(tmp_path: Path) -> None:
    """Nothing goes on reading when nobody waits for it, and no dead process is left either."""
    reading = asyncio.ensure_future(read(files.text(tmp_path, "slow.html", SLOW_PAGE)))
    await stopped_worker()
    reading.cancel()
    async with asyncio.timeout(PAST_DEADLINE):
        with pytest.raises(asyncio.CancelledError):
            await reading
    assert workers() == []


async def test_at_most_so_many_files_are_read_at_once(tmp_path: Path) -> None:
    """Twenty-five files in one message do not start twenty-five parsers."""
    paths = [files.csv(tmp_path, f"{number}.csv") for number in range(12)]
    extractor = SandboxedExtractor(limits=ExtractionLimits(parallel=2))
    most = 0

    async def watch() -> None:
        nonlocal most
        while True:
            most = max(most, len(await asyncio.to_thread(workers)))

    watching = asyncio.create_task(watch())
    found = await asyncio.gather(*(extractor.extract(path, path.name) for path in paths))
    watching.cancel()
    assert len(set(found)) == 1
    assert 1 <= most <= 2


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="only /proc shows another process's environment")
async def test_the_worker_knows_no_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A parser that was taken over finds no token in its environment."""
    monkeypatch.setenv("CHASQUI_DISCORD__TOKEN", "sesame")
    reading = asyncio.ensure_future(read(files.text(tmp_path, "slow.html", SLOW_PAGE)))
    await until(lambda: b"PYTHONPATH" in environment())
    assert b"sesame" not in environment()
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)


async def test_nothing_is_left_on_disk(tmp_path: Path) -> None:
    """Private text is not cached, neither beside the file nor in anyone's home."""
    before = listing(CACHE)
    made = [make(tmp_path) for make in (files.pdf, files.word, files.slides, files.workbook, files.html)]
    for path in made:
        await read(path)
    assert listing(CACHE) == before
    assert listing(tmp_path) == sorted(made)
