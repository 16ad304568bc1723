"""The Redis-protocol server as chasqui uses it: connection, scripts, outages, partitions, retention."""

import asyncio
import hashlib
import math
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import structlog
from redis.exceptions import NoScriptError

from adapters.redis import keys, layout
from adapters.redis.address import checked
from adapters.redis.errors import mapped
from adapters.redis.keys import Address, ThreadKeys
from adapters.redis.outage import Outage
from adapters.redis.server import Argument, Cluster, Single
from core.errors import StoreError
from core.types import ThreadId

log = structlog.get_logger()

HICCUP = 1.0
"""Seconds for which every call tries again: a server that restarts or hands over is no error."""

FIRST_WAIT, LONGEST_WAIT = 0.05, 1.0
"""The longest wait before the first try anew and before any later one, in seconds."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long things are kept, in seconds, and how many turns of a thread.

    `words` is the life of everything that people wrote, counted anew from each change of the thread;
    `seen` that of the marks which recognise a message delivered twice (they hold no words).
    """

    words: int = 30 * 24 * 3600
    seen: int = 2 * 24 * 3600
    turns: int = 200


@dataclass(frozen=True, slots=True)
class Pulse:
    """What a server says of itself, as ``valkey 9.1.2``, and the time of one round trip."""

    version: str
    latency_ms: float


class Store:
    """A connected server or cluster. Its methods raise only StoreError, and a fenced script LeaseLost."""

    def __init__(self, server: Single | Cluster, address: str, partitions: int, retention: Retention) -> None:
        self.partitions = partitions
        self.retention = retention
        self._server = server
        self._address = address
        self._outage = Outage()

    def keys(self, thread: ThreadId) -> ThreadKeys:
        """Names of all keys of a thread on this server."""
        return keys.of_thread(self.address(thread))

    def address(self, thread: ThreadId) -> Address:
        """Where a thread is kept on this server."""
        return keys.address(thread, self.partitions)

    def seen(self, thread: ThreadId, message_id: str) -> str:
        """Name of the de-duplication mark of a message on this server."""
        return keys.seen(thread, message_id, self.partitions)

    async def run(self, script: str, names: Sequence[str], *args: Argument) -> Any:
        """What a script of `adapters.redis.scripts` returns; strings come as bytes, nil as None.

        It may run twice, since it is sent again when its answer is lost.
        """
        return await self.insist(script, names, *args, patience=HICCUP)

    async def insist(
        self, script: str, names: Sequence[str], *args: Argument, patience: float | None = None
    ) -> Any:
        """As `run`, but waits an outage out: for ever, or until a try fails `patience` seconds from now."""
        rest = [len(names), *names, *map(_argument, args)]

        async def ask() -> Any:
            try:
                return await self._server.ask("EVALSHA", _sha(script), *rest)
            except NoScriptError:
                return await self._server.ask("EVAL", script, *rest)

        return await self._outlast(ask, names[0], patience)

    async def command(self, name: str, *args: Argument) -> Any:
        """What a single command returns; like a script it may run twice."""
        command = [name, *map(_argument, args)]
        return await self._outlast(lambda: self._server.ask(*command), str(args[0] if args else name), HICCUP)

    async def subscribe(self, *channels: str) -> AsyncGenerator[bytes | None, None]:
        """What is published on these channels, over one connection; close it with `contextlib.aclosing`.

        None comes each time that the subscription stands anew, since something may have been missed.
        Raises nothing: whatever is wrong is logged once and waited out.
        """
        longest, told = FIRST_WAIT, ""
        try:
            while True:
                try:
                    async with aclosing(self._published(channels)) as published:
                        async for payload in published:
                            self._outage.worked(channels)
                            longest = FIRST_WAIT
                            yield payload
                except StoreError as error:
                    if error.passing:
                        self._outage.failed(channels, error)
                    elif str(error) != told:
                        log.warning("redis.subscription_refused", channels=channels, error=str(error))
                        told = str(error)
                    await asyncio.sleep(_jittered(longest))
                    longest = min(2 * longest, LONGEST_WAIT)
        finally:
            self._outage.left(channels)

    async def _published(self, channels: Sequence[str]) -> AsyncGenerator[bytes | None, None]:
        """As `subscribe`, until the connection fails. Raises StoreError."""
        with mapped(self._address):
            listener = await self._server.listener()
        try:
            with mapped(self._address):
                await listener.subscribe(*channels)
            missing = {channel.encode() for channel in channels}
            while True:
                with mapped(self._address):
                    news = await listener.get_message(timeout=None)
                if news and news["type"] == "message":
                    yield news["data"]
                elif news and missing:
                    missing.discard(news["channel"])
                    if not missing:
                        yield None
        finally:
            await listener.aclose()  # type: ignore[no-untyped-call]  # redis-py leaves it so

    async def _outlast(self, ask: Callable[[], Awaitable[Any]], key: str, patience: float | None) -> Any:
        """What a call returns, tried again after errors that pass; says an outage once."""
        place, longest = self._server.place(key), FIRST_WAIT
        until = None if patience is None else time.monotonic() + patience
        while True:
            try:
                with mapped(self._address):
                    answer = await ask()
            except StoreError as error:
                if not error.passing:
                    raise
                self._outage.failed(place, error)
                left = math.inf if until is None else until - time.monotonic()
                if left <= 0:
                    raise
            else:
                self._outage.worked(place)
                return answer
            await self._server.refresh()
            await asyncio.sleep(min(_jittered(longest), left))
            longest = min(2 * longest, LONGEST_WAIT)

    async def ping(self) -> Pulse:
        """Time one round trip and ask the server for its version."""
        start = time.perf_counter()
        await self.command("PING")
        latency = time.perf_counter() - start
        info = await self.command("INFO", "server")
        name = "valkey" if "valkey_version" in info else "redis"
        return Pulse(f"{name} {info[f'{name}_version']}", latency * 1000)


@asynccontextmanager
async def connect(
    url: str, *, partitions: int = 64, retention: Retention | None = None
) -> AsyncIterator[Store]:
    """A store at a ``redis://``, ``rediss://`` or ``unix://`` address: a server, or any node of a cluster.

    The first process that ever connects pins the number of partitions; for all later ones that
    number counts and `partitions` does not. Raises SettingsError for an address that cannot be used
    and StoreError where no server serves, or one that holds what this release cannot read.
    """
    address, retention = checked(url), retention or Retention()
    server: Single | Cluster = Single(url)
    try:
        store = Store(server, address, partitions, retention)
        if (await store.command("INFO", "cluster")).get("cluster_enabled"):
            await server.aclose()
            server = Cluster(url)
            store = Store(server, address, partitions, retention)
        store.partitions = await layout.pin(store, partitions)
        yield store
    finally:
        await server.aclose()


@cache
def _sha(script: str) -> str:
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()


def _argument(value: Argument) -> bytes | int:
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value


def _jittered(longest: float) -> float:
    """A wait of any length up to `longest`: all who were cut off at once must not come back at once.

    "Full jitter": M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.
    """
    return random.uniform(0, longest)  # noqa: S311  # no secret
