"""A worker for the tests, a whole process: `Worker` as `chasqui serve worker` runs it, with a model that is
known and the echo platform. SIGTERM drains it.

It can be made to die: ``die_at=7`` kills it (SIGKILL) right after the seventh call that it makes of Redis or
of the platform, before it learns anything of what came of it.
"""

import asyncio
import os
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.redis.connection import connect
from adapters.redis.documents import RedisDocuments
from adapters.redis.history import RedisHistory
from adapters.redis.inbox import RedisInbox
from adapters.redis.store import Store
from adapters.search import LexicalIndex
from bots import logs
from core.assistant import Assistant
from core.library import Library
from core.policy import Policy
from core.types import Grounding
from core.worker import Worker
from tests.emulators.echo_platform.client import EchoPlatform
from tests.fakes import TextExtractor
from tests.system.crash.answers import KnownModel


@dataclass(frozen=True, slots=True)
class Options:
    """What one worker is told. Times are in seconds; it makes so many `answers` at once, and all workers
    together no more than there are `slots` at the model.
    """

    redis: str
    echo: Path
    name: str
    log: Path
    delay: float = 0.02
    raw_text: bool = True
    ttl: float = 1.5
    answers: int = 8
    slots: int = 24
    grace: float = 10.0
    die_at: int | None = None


class Fate:
    """Counts the calls of this process, and ends it after a certain one."""

    def __init__(self, die_at: int | None) -> None:
        self._left = die_at

    def called(self) -> None:
        """A call was done."""
        if self._left is not None:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


class MortalStore(Store):
    """A store, each call of which may be the last."""

    def __init__(self, store: Store, fate: Fate) -> None:
        vars(self).update(vars(store))
        self._fate = fate

    async def insist(
        self, script: str, names: Sequence[str], *args: str | bytes | int, patience: float | None = None
    ) -> Any:
        """As `Store.insist`, which is also how `Store.run` asks."""
        result = await super().insist(script, names, *args, patience=patience)
        self._fate.called()
        return result

    async def command(self, name: str, *args: str | bytes | int) -> Any:
        """As `Store.command`."""
        result = await super().command(name, *args)
        self._fate.called()
        return result


class MortalEcho(EchoPlatform):
    """The echo platform, each call of which may be the last."""

    def __init__(self, options: Options, fate: Fate) -> None:
        super().__init__(options.echo, options.name)
        self._fate = fate

    async def call(self, call: str, **given: str | int | bool) -> Any:
        """As `EchoPlatform.call`."""
        result = await super().call(call, **given)
        self._fate.called()
        return result


def run(options: Options) -> None:
    """Work until SIGTERM; the log is JSON lines in a file."""
    with options.log.open("ab") as log:
        os.dup2(log.fileno(), 2)
    logs.configure("info", "json")
    asyncio.run(_work(options))


async def _work(options: Options) -> None:
    fate, draining = Fate(options.die_at), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, draining.set)
    async with AsyncExitStack() as stack:
        store = MortalStore(await stack.enter_async_context(connect(options.redis)), fate)
        library = Library(RedisDocuments(store), LexicalIndex(), TextExtractor())
        model = KnownModel(options.delay, raw_text=options.raw_text)
        assistant = Assistant(model, RedisHistory(store), library, Policy(Grounding.OFF))
        inbox = RedisInbox(
            store, worker=options.name, ttl=options.ttl, capacity=lambda model: {"known": options.slots}
        )
        platforms = {"echo": MortalEcho(options, fate)}
        worker = Worker(inbox.work, assistant.answer, platforms, at_once=options.answers, grace=options.grace)
        await worker.run(draining)
