"""A Redis-protocol server as chasqui uses it: scripts, commands and subscriptions, through its outages."""

import asyncio
import hashlib
import math
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import cache
from typing import Any

import structlog
from redis.exceptions import NoScriptError
from redis.exceptions import TimeoutError as RedisTimeoutError

from adapters.redis import keys
from adapters.redis.errors import mapped
from adapters.redis.keys import Address, ThreadKeys
from adapters.redis.outage import Outage
from adapters.redis.retention import Retention
from adapters.redis.server import Argument, Cluster, Single
from core.errors import StoreError
from core.types import ThreadId

log = structlog.get_logger()

HICCUP = 1.0
"""Seconds for which every call tries again: a server that restarts or hands over is no error."""

QUIET = 2.5
"""Seconds of silence after which a subscription is asked whether it still stands, and has for its answer: a
connection that something on its way forgot is silent for ever.
"""

FIRST_WAIT, LONGEST_WAIT = 0.05, 1.0
"""The longest wait before the first try anew and before any later one, in seconds."""


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
        """What a script returns; strings come as bytes, nil as None.

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

        return await self._outlast(ask, (self._server.scope(names[0]), script), patience)

    async def command(self, name: str, *args: Argument) -> Any:
        """What a single command returns; like a script it may run twice."""
        command, scope = [name, *map(_argument, args)], self._server.scope(str(args[0] if args else name))
        return await self._outlast(lambda: self._server.ask(*command), (scope, name), HICCUP)

    async def matching(self, pattern: str) -> list[bytes]:
        """The names of all keys that match a glob. Every name is looked at: too slow for answers."""
        found: list[bytes] = await self._outlast(lambda: self._server.matching(pattern), ("", "SCAN"), HICCUP)
        return found

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
            was_asked = False
            while True:
                with mapped(self._address):
                    news = await listener.get_message(timeout=QUIET)
                    if not news and was_asked:
                        raise RedisTimeoutError
                    if not news:
                        await listener.ping()
                was_asked = not news
                if news and news["type"] == "message":
                    yield news["data"]
                elif news and missing:
                    missing.discard(news["channel"])
                    if not missing:
                        yield None
        finally:
            await listener.aclose()  # type: ignore[no-untyped-call]  # redis-py leaves it so

    async def _outlast(self, ask: Callable[[], Awaitable[Any]], scope: object, patience: float | None) -> Any:
        """What a call returns, tried again after errors that pass; says an outage once."""
        longest = FIRST_WAIT
        until = None if patience is None else time.monotonic() + patience
        while True:
            try:
                with mapped(self._address):
                    answer = await ask()
            except StoreError as error:
                if not error.passing:
                    raise
                self._outage.failed(scope, error)
                left = math.inf if until is None else until - time.monotonic()
                if left <= 0:
                    raise
            else:
                self._outage.worked(scope)
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
