"""The servers and the worker processes of one test."""

import asyncio
import json
import multiprocessing
import os
import signal
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

from adapters.redis.history import RedisHistory
from adapters.redis.inbox import RedisInbox
from adapters.redis.store import Store
from core.types import ThreadId, Turn
from tests.adapters.redis_parts import RedisServer
from tests.emulators.echo_platform.server import EchoServer
from tests.parts import DEADLINE, until
from tests.system import worker_program
from tests.system.crash.answers import message
from tests.system.crash.oracle import Asked
from tests.system.worker_program import Options

# Each worker is a process of its own, forked from one that has imported everything: a start takes
# milliseconds, so that many can be killed.
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload([worker_program.__name__])


class WorkerProcess:
    """A worker (see worker_program.py); `name` is the one under which it writes."""

    def __init__(self, options: Options) -> None:
        self.name = options.name
        self._log = options.log
        self._log.touch()
        self._process = _PROCESSES.Process(target=worker_program.run, args=(options,))
        self._process.start()

    @property
    def exit_code(self) -> int | None:
        """As `subprocess.Popen.poll`."""
        return self._process.exitcode

    def kill(self) -> None:
        """kill -9, of exactly the process that was started here; nothing where it is dead already."""
        self._process.kill()
        self._process.join()

    def terminate(self) -> None:
        """SIGTERM."""
        if self._process.pid and self._process.is_alive():
            os.kill(self._process.pid, signal.SIGTERM)

    async def ended(self) -> int | None:
        """Wait for the end; the exit code."""
        await until(lambda: self.exit_code is not None)
        return self.exit_code

    def said(self, *levels: str) -> list[dict[str, Any]]:
        """The lines of its log, all or those of some levels."""
        lines = [json.loads(line) for line in self._log.read_bytes().splitlines()]
        return [line for line in lines if not levels or line["level"] in levels]


class Stage:
    """One Redis-protocol server, one echo platform, and workers as they are started."""

    def __init__(self, redis: RedisServer, echo: EchoServer) -> None:
        self.redis = redis
        self.echo = echo
        self.workers: list[WorkerProcess] = []

    def start_worker(self, **changed: Any) -> WorkerProcess:
        """Start a worker with these options, others as they are."""
        name = f"w{len(self.workers)}"
        options = Options(
            redis=self.redis.url, echo=self.echo.socket, name=name, log=self.redis.directory / f"{name}.log"
        )
        self.workers.append(WorkerProcess(replace(options, **changed)))
        return self.workers[-1]

    def all_ended(self, asked: Sequence[Asked]) -> bool:
        """Whether all answers have their ends."""
        return all(self.echo.ended(each.message.id) for each in asked)


@asynccontextmanager
async def stage(*flags: str) -> AsyncIterator[Stage]:
    """Servers with nothing in them; what still runs at the end is killed."""
    durable = ("--appendonly", "yes", "--appendfsync", "no")  # as the embedded server
    redis = await asyncio.to_thread(RedisServer, *durable, *flags)
    try:
        async with EchoServer(redis.directory / "echo") as echo:
            play = Stage(redis, echo)
            try:
                yield play
            finally:
                for worker in play.workers:
                    worker.kill()
    finally:
        redis.remove()


async def ask(store: Store, thread: str, number: int, *, words: int | None = None) -> Asked:
    """Put the question with this number in its thread."""
    asked = Asked(message(thread, number, words=words), time.monotonic())
    await RedisInbox(store).put(asked.message)
    return asked


async def history(store: Store, asked: Sequence[Asked]) -> Mapping[ThreadId, Sequence[Turn]]:
    """The turns of all threads, once there are as many as questions: a turn is kept after its answer ended.

    Where some never come, it is what there is.
    """
    turns: dict[ThreadId, Sequence[Turn]] = {}
    with suppress(TimeoutError):
        async with asyncio.timeout(DEADLINE):
            while sum(map(len, turns.values())) < len(asked):
                for thread in {each.message.thread for each in asked}:
                    turns[thread] = await RedisHistory(store).turns(thread)
                await asyncio.sleep(0.01)
    return turns
