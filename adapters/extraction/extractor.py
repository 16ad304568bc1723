"""The host's side: one confined process per file, and one sentence for whatever goes wrong."""

import asyncio
import contextlib
import functools
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import weakref
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path, PurePath
from typing import Any, BinaryIO, Self

import structlog

from adapters.extraction import libraries
from adapters.extraction.nursery import ForkedReader, Nurseries
from core.errors import FileRefused
from core.ports import Block, Extracted

log = structlog.get_logger(__name__)

_ENVIRONMENT = {
    "PYTHONPATH": str(Path(__file__).parents[2]),
    "PYTHONUTF8": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "LC_ALL": "C.UTF-8",
    # Each thread's own heap and stack would count as memory.
    "MALLOC_ARENA_MAX": "2",
    "RAYON_NUM_THREADS": "1",
    "TOKIO_WORKER_THREADS": "1",
    "OMP_THREAD_LIMIT": "1",
}
LANGUAGES = (
    "/usr/share/tesseract-ocr/5/tessdata",
    "/usr/share/tesseract-ocr/4.00/tessdata",
    "/usr/share/tessdata",
    "/usr/local/share/tessdata",
    "/opt/homebrew/share/tessdata",
)
"""Where Debian, Fedora and Homebrew put Tesseract's data; its own TESSDATA_PREFIX goes before them."""

_TOO_LONG = "takes too long to read, so please send the part that matters"
_TOO_BIG = "needs too much memory to read, so please send the part that matters"
_BROKEN = "is damaged or of a kind that I cannot read, so please save it as PDF or text and send that"
_FAILURES = {
    "ModuleNotFoundError": (
        "cannot be read here, so please ask whoever runs chasqui to install its extra `files`"
    ),
    "Unconfined": "cannot be read safely here, so please ask whoever runs chasqui to look at its log",
}
_OUT_OF_TIME = (signal.SIGXCPU, signal.SIGALRM)
_OUT_OF_MEMORY = (
    signal.SIGABRT,  # how Rust and C++ end when no memory is left
    signal.SIGKILL,  # how the system ends the greediest process
)


@dataclass(frozen=True, slots=True)
class ExtractionLimits:
    """What files may cost.

    `max_bytes` is the size of one file; `max_chars` the characters and `max_parts` the pages, slides,
    sections or stretches of rows that are kept of it; `seconds` bounds its real and its CPU time alike.
    At most `parallel` files are read at once, each with an equal share of `memory_bytes`; a file for which
    that is too little is read again alone, with all of it. What libraries map from their files comes on
    top, 30 MB at most.
    """

    max_bytes: int = 25_000_000
    max_chars: int = 4_000_000
    max_parts: int = 20_000
    memory_bytes: int = 320_000_000
    seconds: float = 15.0
    parallel: int = 2


class SandboxedExtractor:
    """Implements `core.ports.Extractor` with a process per file, which no file can escape or outlive.

    As a context manager it reads many files: their processes are forked from some that stay ready.
    """

    def __init__(self, *, limits: ExtractionLimits = ExtractionLimits()) -> None:
        self._limits = limits
        self._slots = asyncio.Semaphore(limits.parallel)
        self._alone = asyncio.Lock()
        self._nurseries: Nurseries | None = None

    async def __aenter__(self) -> Self:
        self._nurseries = Nurseries()
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._nurseries:
            await self._nurseries.aclose()
            self._nurseries = None

    async def extract(self, path: Path, name: str) -> Extracted:
        """The text of the file at `path`; `name` is what people call it.

        The type comes from the content; the name's suffix only tells kinds of text apart. Pages of a PDF
        and slides bear their number, sheets their name, rows and lines of code their range as label, and
        sections of HTML the id of their heading as anchor. Raises FileRefused.
        """
        limits = self._limits
        seconds = limits.seconds
        try:
            async with self._slots:
                began = time.monotonic()
                with contextlib.suppress(_OutOfMemory):
                    return await self._ask(path, name, limits.memory_bytes // limits.parallel, seconds)
                seconds -= time.monotonic() - began
            async with self._alone, AsyncExitStack() as slots:
                for _ in range(limits.parallel):
                    await slots.enter_async_context(self._slots)
                return await self._ask(path, name, limits.memory_bytes, seconds)
        except _Unreadable as error:
            raise FileRefused(f"I cannot read {shown(name)}: it {error}.") from None

    async def _ask(self, path: Path, name: str, memory: int, seconds: float) -> Extracted:
        limits = {**asdict(self._limits), "memory": memory, "seconds": seconds, "suffix": _suffix(name)}
        with _opened(path) as file:
            if os.fstat(file.fileno()).st_size > self._limits.max_bytes:
                size = f"{self._limits.max_bytes / 1_000_000:g} MB"
                raise _Unreadable(f"is larger than {size}, so please send the part that matters")
            # A character takes at most four bytes, or two where JSON escapes it; each part adds its place.
            most = 6 * self._limits.max_chars + 1_000_000
            start = self._nurseries.start if self._nurseries else _start
            worker = await start(json.dumps(limits), file, {**_ENVIRONMENT, **self._libraries}, most)
        try:
            async with asyncio.timeout(seconds):
                blocks, ending = await _answer(worker, most)
                status = await worker.wait()
        except TimeoutError as error:
            raise _Unreadable(_TOO_LONG) from error
        finally:
            await _end(worker)
        return Extracted(tuple(blocks), tuple(_notes(ending, status)))

    @functools.cached_property
    def _libraries(self) -> dict[str, str]:
        """Where workers find pdfium, else a folder that is ours and ends with us; and Tesseract's data."""
        folder = str(libraries.PREPARED)
        if not libraries.PREPARED.is_dir():
            folder = tempfile.mkdtemp(prefix="chasqui-")
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        found = filter(os.path.isdir, (os.environ.get("TESSDATA_PREFIX", ""), *LANGUAGES))
        return {"TMPDIR": folder, "TESSDATA_PREFIX": next(found, "")}


_Worker = asyncio.subprocess.Process | ForkedReader


class _Unreadable(Exception):
    """Completes the sentence "I cannot read NAME: it ..."."""


class _OutOfMemory(_Unreadable):
    """More memory may help."""


def _opened(path: Path) -> BinaryIO:
    try:
        if path.is_file():  # opening a named pipe would wait for a writer
            return path.open("rb")
    except OSError as error:
        log.warning("extraction.not_opened", error=type(error).__name__)
    raise _Unreadable("could not be opened, so please send it again")


async def _start(
    limits: str, file: BinaryIO, environment: Mapping[str, str], most: int
) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-s", "-m", "adapters.extraction.worker", limits),
            stdin=file,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=environment,
            cwd="/",
            limit=most,
            start_new_session=True,
        )
    except OSError as error:
        log.exception("extraction.worker_not_started")
        raise _Unreadable("cannot be read at the moment, so please try again in a minute") from error


async def _answer(worker: _Worker, most: int) -> tuple[list[Block], dict[str, Any]]:
    """The blocks as they come, and the last line, which is empty where the worker died before it."""
    assert worker.stdout is not None
    blocks: list[Block] = []
    async for line in worker.stdout:
        most -= len(line)
        if most < 0:
            raise _Unreadable(_TOO_BIG)
        if not line.endswith(b"\n"):
            break
        found = json.loads(line)
        if isinstance(found, dict):
            return blocks, found
        blocks.append(Block(*found))
    return blocks, {}


async def _end(worker: _Worker) -> None:
    """Kill the worker with all that it started, and take its last words so that its pipe closes."""
    if worker.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(worker.pid, signal.SIGKILL)
    assert worker.stdout is not None
    while await worker.stdout.read(1 << 16):
        pass
    await worker.wait()


def _notes(ending: dict[str, Any], status: int) -> list[str]:
    """The notes of a worker that ended well; _Unreadable says why it did not."""
    # Python ends in 1, without a word, where no memory is left even to say so.
    if "memory" in ending or -status in _OUT_OF_MEMORY or (status == 1 and not ending):
        raise _OutOfMemory(_TOO_BIG)
    if status < 0:
        log.warning("extraction.worker_died", signal=signal.Signals(-status).name)
        raise _Unreadable(_TOO_LONG if -status in _OUT_OF_TIME else _BROKEN)
    if "refused" in ending:
        raise _Unreadable(ending["refused"])
    if "notes" not in ending:
        failure = ending.get("failed", "")
        log.warning("extraction.worker_failed", error=failure, status=status)
        raise _Unreadable(_FAILURES.get(failure, _BROKEN))
    notes: list[str] = ending["notes"]
    return notes


def shown(name: str) -> str:
    """A file's name as it may stand in a sentence: short, one line, nothing that hides or turns text."""
    plain = "".join(character if character.isprintable() else " " for character in name)
    plain = " ".join(plain.replace("`", "'").split()) or "the file"
    if len(plain) > 80:
        plain = f"{plain[:60]}…{plain[-19:]}"
    return f"`{plain}`"


def _suffix(name: str) -> str:
    """The name's suffix without its dot, or a name without one: ``py``, ``makefile``."""
    base = PurePath(name.replace("\\", "/")).name.lower()
    return (PurePath(base).suffix[1:] or base.lstrip("."))[:20]
