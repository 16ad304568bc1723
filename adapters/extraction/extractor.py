"""The host's side: one confined process per file, and one sentence for whatever goes wrong."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from dataclasses import asdict, dataclass
from pathlib import Path, PurePath
from typing import Any, BinaryIO

import structlog

from core.errors import FileRefused
from core.ports import Block, Extracted

log = structlog.get_logger(__name__)

_PACKAGES = str(Path(__file__).parents[2])
_ENVIRONMENT = {
    "PYTHONPATH": _PACKAGES,
    "PYTHONUTF8": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "LC_ALL": "C.UTF-8",
    # Each thread's own heap and stack would count as address space.
    "MALLOC_ARENA_MAX": "2",
    "RAYON_NUM_THREADS": "1",
    "TOKIO_WORKER_THREADS": "1",
}
_TOO_LONG = "takes too long to read, so please send the part that matters"
_TOO_BIG = "needs too much memory to read, so please send the part that matters"
_BROKEN = "is damaged or of a kind that I cannot read, so please save it as PDF or text and send that"
_NOT_INSTALLED = "cannot be read here, so please ask whoever runs chasqui to install its extra `files`"
_DEATHS = {
    signal.SIGXCPU: _TOO_LONG,
    signal.SIGALRM: _TOO_LONG,
    signal.SIGABRT: _TOO_BIG,  # how Rust and C++ end when no memory is left
    signal.SIGKILL: _TOO_BIG,  # how the system ends the greediest process
}


@dataclass(frozen=True, slots=True)
class ExtractionLimits:
    """What one file may cost.

    `max_bytes` is the size of the file; `max_chars` the characters of text that are kept of it;
    `memory_bytes` the address space of the process that reads it, of which a parser maps 250 MB before it
    begins; `seconds` bounds its real and its CPU time alike. At most `parallel` files are read at once.
    """

    max_bytes: int = 25_000_000
    max_chars: int = 4_000_000
    memory_bytes: int = 1_000_000_000
    seconds: float = 15.0
    parallel: int = 2


class SandboxedExtractor:
    """Implements `core.ports.Extractor` with a process per file, which no file can escape or outlive."""

    def __init__(self, *, limits: ExtractionLimits = ExtractionLimits()) -> None:
        self._limits = limits
        self._slots = asyncio.Semaphore(limits.parallel)

    async def extract(self, path: Path, name: str) -> Extracted:
        """The text of the file at `path`; `name` is what people call it.

        The type comes from the content; the name's suffix only tells kinds of text apart. Pages of a PDF
        and slides bear their number, sheets their name, rows and lines of code their range as label, and
        sections of HTML the id of their heading as anchor. Raises FileRefused.
        """
        async with self._slots:
            try:
                return await self._ask(path, name)
            except _Unreadable as error:
                raise FileRefused(f"I cannot read {shown(name)}: it {error}.") from None

    async def _ask(self, path: Path, name: str) -> Extracted:
        limits = json.dumps({**asdict(self._limits), "suffix": _suffix(name)})
        with _opened(path) as file:
            if os.fstat(file.fileno()).st_size > self._limits.max_bytes:
                size = f"{self._limits.max_bytes / 1_000_000:g} MB"
                raise _Unreadable(f"is larger than {size}, so please send the part that matters")
            # A character takes at most four bytes, or two where JSON escapes it; each part adds its place.
            most = 6 * self._limits.max_chars + 1_000_000
            worker = await _start(limits, file, most)
        try:
            async with asyncio.timeout(self._limits.seconds):
                blocks, ending = await _answer(worker, most)
                status = await worker.wait()
        except TimeoutError as error:
            raise _Unreadable(_TOO_LONG) from error
        finally:
            await _end(worker)
        return Extracted(tuple(blocks), tuple(_notes(ending, status)))


class _Unreadable(Exception):
    """Completes the sentence "I cannot read NAME: it ..."."""


def _opened(path: Path) -> BinaryIO:
    try:
        if path.is_file():  # opening a named pipe would wait for a writer
            return path.open("rb")
    except OSError as error:
        log.warning("extraction.not_opened", error=type(error).__name__)
    raise _Unreadable("could not be opened, so please send it again")


async def _start(limits: str, file: BinaryIO, most: int) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-s", "-m", "adapters.extraction.worker", limits),
            stdin=file,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=_ENVIRONMENT,
            cwd="/",
            limit=most,
            start_new_session=True,
        )
    except OSError as error:
        log.exception("extraction.worker_not_started")
        raise _Unreadable("cannot be read at the moment, so please try again in a minute") from error


async def _answer(worker: asyncio.subprocess.Process, most: int) -> tuple[list[Block], dict[str, Any]]:
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


async def _end(worker: asyncio.subprocess.Process) -> None:
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
    if status < 0:
        log.warning("extraction.worker_died", signal=signal.Signals(-status).name)
        raise _Unreadable(_DEATHS.get(signal.Signals(-status), _BROKEN))
    if "refused" in ending:
        raise _Unreadable(ending["refused"])
    if "notes" not in ending:
        log.warning("extraction.worker_failed", error=ending.get("failed", ""), status=status)
        raise _Unreadable(_NOT_INSTALLED if ending.get("failed") == "ModuleNotFoundError" else _BROKEN)
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
