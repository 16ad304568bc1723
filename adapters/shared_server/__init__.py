"""One server process for each data directory and name, shared by all chasqui processes that use it.

Locks decide, never counters: each is an ``flock``, which the kernel drops when its last holder dies,
however it dies. In ``<data directory>/run``:

``NAME.users``
    Shared by everyone who uses the server. The keeper waits for it exclusively: once it has it,
    nobody uses the server, and newcomers wait until the keeper has ended it.
``NAME.start``
    Held while someone looks whether the server runs, and starts it.
``NAME.alive``
    Held by the keeper and, inherited, by the server itself: while it is held there is no second
    server over the same data, whatever was killed.
``NAME.keeper``
    Held by the keeper alone: free while ``alive`` is held, it tells of a server left behind.

The server is the child of the keeper (keeper.py), a small process in a session of its own, so the
Ctrl-C of one user reaches neither. ``NAME.json`` says which server runs, ``NAME.log`` has its output.
"""

import asyncio
import contextlib
import errno
import fcntl
import hashlib
import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import structlog

from adapters.shared_server import keeper
from core.errors import UserError

log = structlog.get_logger()

_LONGEST_SOCKET = 100
"""Bytes; the kernels allow 104 (macOS) and 108 (Linux)."""

_POLL = 0.02
"""Seconds between two looks at a lock or a socket: waiting in a thread could not be cancelled."""

_HANDOVER = 1.0
"""Seconds for a server of another version to be gone, if its last user has just left."""

_WATCH, _LONGEST_WATCH = 0.5, 30.0
"""Seconds between two looks whether the server is still alive."""

_ORPHAN_GRACE = 2.0
"""Seconds that a server without keeper has between SIGTERM and SIGKILL, and then to be gone."""


@dataclass(frozen=True, slots=True)
class Server:
    """What to run and how to know it.

    `command` makes the argument list from the path of the unix socket to listen on. `version` changes
    whenever a server that runs already cannot be shared with this program. The server is ready once
    it answers `hail` with something that begins with `answer`. What it writes into the folder `flushed`
    is on the disk a second later.
    """

    name: str
    command: Callable[[Path], list[str]]
    version: str
    hail: bytes
    answer: bytes
    flushed: Path | None = None


@asynccontextmanager
async def shared(data_dir: Path, server: Server, *, patience: float = 30.0) -> AsyncIterator[Path]:
    """The unix socket of the one `server` of `data_dir`, started if need be; the last user out ends it.

    Should it die while it is used, it is started again, and answers at the same socket.
    `patience` is in seconds and bounds everything that comes before the server answers. Raises
    UserError when the directory cannot be used, when the server does not come up, or when one of
    another version runs.
    """
    files = _Files.of(data_dir, server.name)
    with _opened(files.path("users")) as users:
        try:
            async with asyncio.timeout(patience):
                socket = await _enter(files, server, users)
        except TimeoutError:
            words = files.last_words()
            raise UserError(f"The {server.name} server did not answer in {patience:g} s{words}") from None
        keeping = asyncio.create_task(_keep_up(files, server))
        try:
            yield socket
        finally:
            keeping.cancel()
            await asyncio.wait([keeping])


@dataclass(frozen=True, slots=True)
class _State:
    """What the keeper wrote about the server that runs."""

    version: str
    socket: str
    pid: int
    birth: str | None


@dataclass(frozen=True, slots=True)
class _Files:
    """The files of one server."""

    run: Path
    name: str

    @classmethod
    def of(cls, data_dir: Path, name: str) -> Self:
        run = data_dir.absolute() / "run"
        try:
            data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            run.mkdir(mode=0o700, exist_ok=True)
            if not os.access(run, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        except OSError as error:
            raise UserError(
                f"The data directory {data_dir} cannot be used ({error.strerror}): "
                "set CHASQUI_DATA_DIR to a directory of your own."
            ) from error
        return cls(run, name)

    def path(self, kind: str) -> Path:
        return self.run / f"{self.name}.{kind}"

    def state(self) -> _State | None:
        try:
            found = json.loads(self.path("json").read_text())
            return _State(found["version"], found["socket"], found["pid"], found["birth"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    def new_socket(self) -> Path:
        """Where the server shall listen: beside its files, or where the path is short enough."""
        near = self.path("sock")
        if len(os.fsencode(near)) < _LONGEST_SOCKET:
            return near
        key = hashlib.sha256(os.fsencode(self.run)).hexdigest()[:16]
        for base in (tempfile.gettempdir(), "/tmp"):  # noqa: S108 - the directory in it is ours, or we refuse
            far = Path(base) / f"chasqui-{os.getuid()}-{key}" / near.name
            if len(os.fsencode(far)) < _LONGEST_SOCKET:
                _make_private(far.parent)
                return far
        raise UserError(f"{self.run} is too long for a socket: set CHASQUI_DATA_DIR to a shorter path.")

    def last_words(self) -> str:
        """The end of a sentence: what the server wrote last, and where."""
        try:
            lines = self.path("log").read_text(errors="replace").split("\n")
        except FileNotFoundError:
            lines = []
        last = next((line.strip() for line in reversed(lines) if line.strip()), "nothing")
        return f". The last line of {self.path('log')}: {last}"


async def _enter(files: _Files, server: Server, users: int) -> Path:
    """Become one of the `users`; the socket of the server, which answers."""
    deadline = time.monotonic() + _HANDOVER
    while True:
        await _lock(users, fcntl.LOCK_SH)
        with _opened(files.path("start")) as start:
            await _lock(start)
            if (socket := await _join_or_start(files, server)) is not None:
                return socket
        if time.monotonic() > deadline:
            raise UserError(
                f"The {server.name} server in {files.run.parent} has another version or other settings: "
                "close the other chasqui programs that use this data directory, then try again."
            )
        fcntl.flock(users, fcntl.LOCK_UN)
        await asyncio.sleep(_POLL)


async def _join_or_start(files: _Files, server: Server) -> Path | None:
    """The socket of the server once it answers; None if the one that runs is of another version.

    The caller holds ``users`` (shared) and ``start``.
    """
    with _opened(files.path("alive")) as alive, _opened(files.path("keeper")) as keeper_lock:
        while not _try_lock(alive):
            state = files.state()
            if _try_lock(keeper_lock):
                await _end_orphan(state, alive)
            elif state is not None and await _answers(state.socket, server):
                return Path(state.socket) if state.version == server.version else None
            else:
                await asyncio.sleep(_POLL)
        await _lock(keeper_lock)  # the keeper of a server that died is about to go
        socket = await _start(files, server, alive, keeper_lock)
    await _wait_until_up(files, server, socket)
    return socket


async def _keep_up(files: _Files, server: Server) -> None:
    """Start the server again whenever it is dead, until cancelled; less often where it does not come up."""
    wait = _WATCH
    while True:
        await asyncio.sleep(wait)
        with _opened(files.path("alive")) as alive:
            is_dead = _try_lock(alive)
        if not is_dead:
            continue
        log.warning("shared_server.died", server=server.name)
        with _opened(files.path("start")) as start:
            await _lock(start)
            try:
                await _join_or_start(files, server)
                wait = _WATCH
            except UserError as error:
                wait = min(2 * wait, _LONGEST_WATCH)
                log.error("shared_server.not_started_again", server=server.name, error=error.sentence)  # noqa: TRY400


async def _end_orphan(state: _State | None, alive: int) -> None:
    """End a server whose keeper was killed; returns when `alive` is ours.

    Only the recorded process is touched, and only if it is surely the one that was recorded.
    """
    for deed in (signal.SIGTERM, signal.SIGKILL):
        if state is not None and state.birth is not None and keeper.birth(state.pid) == state.birth:
            with contextlib.suppress(ProcessLookupError):
                os.kill(state.pid, deed)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_ORPHAN_GRACE):
                await _lock(alive)
                return
    await _lock(alive)


async def _start(files: _Files, server: Server, alive: int, keeper_lock: int) -> Path:
    """Start a keeper with its server, and hand it the two locks."""
    socket = files.new_socket()
    socket.unlink(missing_ok=True)
    files.path("json").unlink(missing_ok=True)
    order = {
        "command": server.command(socket),
        "version": server.version,
        "socket": str(socket),
        "state": str(files.path("json")),
        "users": str(files.path("users")),
        "alive": alive,
        "flushed": str(server.flushed) if server.flushed else None,
    }
    with _launch(files, json.dumps(order), (alive, keeper_lock)) as launcher:
        await _until(lambda: launcher.poll() is not None)  # at once: the keeper is no child of ours
    return socket


def _launch(files: _Files, order: str, locks: tuple[int, int]) -> "subprocess.Popen[bytes]":
    log = os.open(files.path("log"), os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_APPEND, 0o600)
    try:
        return subprocess.Popen(  # noqa: S603 - the command is our own
            [sys.executable, "-I", "-S", keeper.__file__, order],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=files.run,
            pass_fds=locks,
            start_new_session=True,
        )
    finally:
        os.close(log)


async def _wait_until_up(files: _Files, server: Server, socket: Path) -> None:
    with _opened(files.path("alive")) as alive:
        while not (files.path("json").exists() and await _answers(str(socket), server)):
            if _try_lock(alive):
                raise UserError(f"The {server.name} server did not come up{files.last_words()}")
            await asyncio.sleep(_POLL)


async def _answers(socket: str, server: Server) -> bool:
    try:
        async with asyncio.timeout(1.0):
            reader, writer = await asyncio.open_unix_connection(socket)
            try:
                writer.write(server.hail)
                return await reader.readexactly(len(server.answer)) == server.answer
            finally:
                writer.close()
    except (OSError, asyncio.IncompleteReadError):  # TimeoutError is an OSError
        return False


@contextmanager
def _opened(lock: Path) -> Iterator[int]:
    """The descriptor of a lock file. Closing it drops what was locked, unless it was handed on."""
    descriptor = os.open(lock, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int, how: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def _lock(descriptor: int, how: int = fcntl.LOCK_EX) -> None:
    await _until(lambda: _try_lock(descriptor, how))


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - the doings of other processes raise no event
        await asyncio.sleep(_POLL)


def _make_private(directory: Path) -> None:
    directory.mkdir(mode=0o700, exist_ok=True)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise UserError(f"{directory} is not a private directory of yours: remove it, then try again.")
