"""A small server to share, and a program that uses it until it is killed."""

import asyncio
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from adapters.shared_server import Server, shared

_CODE = """
import fcntl, os, signal, socket, sys
path, data, how = sys.argv[1:]
owner = open(os.path.join(data, "owner"), "a+")
try:
    fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    open(os.path.join(data, "two servers at once"), "w").close()
owner.truncate(0)
owner.write(str(os.getpid()))
owner.flush()
if how == "broken":
    sys.exit("the store is broken")
if how == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen()
while True:
    connection, _ = listener.accept()
    with connection:
        if connection.recv(100):
            connection.sendall(b"+%d\\n" % os.getpid())
"""


def small_server(data_dir: Path, how: str = "well", version: str = "1") -> Server:
    """A server that answers with its pid, and marks `data_dir` if it is ever started twice at once."""
    return Server(
        name="small",
        command=lambda socket: [sys.executable, "-c", _CODE, str(socket), str(data_dir), how],
        version=version,
        hail=b"?",
        answer=b"+",
    )


async def pid_behind(socket: Path) -> int:
    """The process that answers at `socket`."""
    reader, writer = await asyncio.open_unix_connection(socket)
    writer.write(b"?")
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return int(answer[1:])


def runs(pid: int) -> bool:
    """Whether there is such a process, other than one that has ended and waits to be noticed."""
    if Path("/proc/self/stat").exists():
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            return state != "Z" or len(list(Path(f"/proc/{pid}/task").iterdir())) > 1
        except (FileNotFoundError, ProcessLookupError):
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Return once `condition` holds; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        await asyncio.sleep(0.01)


async def use(data_dir: Path, times: int) -> None:
    """Use the server `times` times, saying each time who answers, and the last time for ever."""
    for left in range(times - 1, -1, -1):
        async with shared(data_dir, small_server(data_dir)) as socket:
            print(await pid_behind(socket), flush=True)
            if not left:
                await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(use(Path(sys.argv[1]), int(sys.argv[2])))
