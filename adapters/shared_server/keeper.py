"""The keeper: a small process that runs one server and ends it once nobody uses it any more.

`adapters.shared_server` runs this file by its path and without site-packages, so that it starts in
milliseconds and stays small: it imports nothing but the standard library.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

_GRACE = 10.0
"""Seconds that a server has between SIGTERM and SIGKILL."""

_FLUSH = 1.0
"""Seconds between two flushes of what the server wrote."""

_PR_SET_PDEATHSIG = 1


def birth(pid: int) -> str | None:
    """When the process `pid` was started, as the system writes it; None if there is none.

    A pid alone may belong to somebody else by now; a pid and its birth do not.
    """
    if Path("/proc/self/stat").exists():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]  # starttime, proc(5)
        return None
    ps = ["/bin/ps", "-o", "lstart=", "-p", str(pid)]
    return subprocess.run(ps, capture_output=True, text=True, check=False).stdout.strip() or None  # noqa: S603 - a fixed command


def keep(
    command: list[str],
    *,
    version: str,
    socket: str,
    state: Path,
    users: Path,
    alive: int,
    flushed: Path | None = None,
) -> int:
    """Run `command` until it ends, or until nobody holds a lock on `users`; returns its exit code.

    `alive` is the descriptor of a held lock, which the server inherits. What newcomers need to know
    (`version`, `socket`, ids of the processes) stands in the file `state` meanwhile. What is written to
    files in the folder `flushed` reaches the disk within a second or so.
    """
    child = subprocess.Popen(  # noqa: S603 - the command is our own
        command,
        stdin=subprocess.DEVNULL,
        pass_fds=[alive],
        preexec_fn=_ended_with(os.getpid()),  # noqa: PLW1509 - no thread runs yet
    )
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    server = {"pid": child.pid, "birth": birth(child.pid), "keeper": os.getpid()}
    _write(state, {"version": version, "socket": socket, **server})
    threading.Thread(target=_end_when_unused, args=(child, users), daemon=True).start()
    if flushed:
        threading.Thread(target=_keep_flushing, args=(flushed,), daemon=True).start()
    code = child.wait()
    state.unlink(missing_ok=True)
    return code


def _ended_with(parent: int) -> Callable[[], None]:
    """What the child does before it becomes the server: ask to be ended when its keeper is killed."""
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None  # elsewhere the next user sees to it

    def bind() -> None:
        if libc is not None:
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return bind


def _write(file: Path, value: dict[str, object]) -> None:
    new = file.with_suffix(".new")
    new.write_text(json.dumps(value))
    new.replace(file)


def _end_when_unused(child: subprocess.Popen[bytes], users: Path) -> None:
    with users.open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # newcomers wait until this process is gone
        child.terminate()
        try:
            child.wait(_GRACE)
        except subprocess.TimeoutExpired:
            child.kill()
        child.wait()
        threading.Event().wait()  # the lock goes with the process, after the state file


def _keep_flushing(folder: Path) -> None:
    """Whoever flushes a file flushes what others wrote to it, too."""
    known: dict[Path, int] = {}
    while True:
        time.sleep(_FLUSH)
        for file in folder.rglob("*"):
            with contextlib.suppress(OSError):  # it went meanwhile
                changed = file.stat().st_mtime_ns
                if file.is_file() and known.get(file) != changed:
                    with file.open("rb") as written:
                        os.fsync(written)
                    known[file] = changed


def main() -> None:
    """Detach from the process that started us, so that it has no child to wait for, and keep."""
    arguments = json.loads(sys.argv[1])
    if os.fork():
        os._exit(0)
    os.umask(0o077)
    code = keep(
        arguments["command"],
        version=arguments["version"],
        socket=arguments["socket"],
        state=Path(arguments["state"]),
        users=Path(arguments["users"]),
        alive=arguments["alive"],
        flushed=Path(arguments["flushed"]) if arguments["flushed"] else None,
    )
    sys.exit(code != 0)


if __name__ == "__main__":
    main()
