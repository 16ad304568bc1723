"""How commands reach a server: redis-py's clients for one server and for a cluster, asked in one way."""

import asyncio
from contextlib import suppress
from typing import Any

from redis.asyncio import ConnectionPool, Redis, RedisCluster
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.driver_info import DriverInfo
from redis.exceptions import RedisClusterException, RedisError

from adapters.redis.address import unusable

Argument = str | bytes | int
_Asked = tuple[tuple[Argument, ...], asyncio.Future[Any]]

_LANES = 4
"""Pipelines under way to one server at a time: one that carries a large document must not stop the rest."""

_CONNECTIONS = 64
"""Commands under way to a cluster at a time."""

_SCANNED = 1000
"""Keys that a server looks at in one step, while nobody else is served: half a millisecond."""


def _options() -> dict[str, Any]:
    return {
        "protocol": 2,  # all that is needed, on every server and proxy, without a handshake
        # A server that stands still is noticed after so long. One that goes on sooner answers at once,
        # also a connection that was made meanwhile: the system keeps it until the server looks.
        "socket_timeout": 5,
        "socket_connect_timeout": 2,
        "retry": Retry(NoBackoff(), 0),  # the store tries again
        "driver_info": DriverInfo(),  # shared: redis-py else looks its version up for each connection
    }


class Single:
    """One server. Whatever is asked while its lanes are busy goes as one pipeline over the next free one.

    With 16 callers that takes a third of the CPU of commands by themselves, and one alone waits for
    nobody (docs/decisions/0010-every-server.md).
    """

    def __init__(self, url: str) -> None:
        try:
            pool = ConnectionPool.from_url(url, **_options())
        except ValueError:
            raise unusable("the value of one of its options cannot be read") from None
        self._client = Redis.from_pool(pool)
        self._renewing = asyncio.Lock()  # while idle connections are closed, none of them may be taken
        self._waiting: list[_Asked] = []
        self._lanes: set[asyncio.Task[None]] = set()

    async def ask(self, *command: Argument) -> Any:
        """The answer to a command. Raises errors of redis-py."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((command, answer))
        if len(self._lanes) < _LANES:
            self._lanes.add(asyncio.create_task(self._carry()))
        return await answer

    async def _carry(self) -> None:
        """Carry what waits until nothing does; who was cancelled meanwhile is left out."""
        carried: list[_Asked] = []
        try:
            while carried := [asked for asked in self._waiting if not asked[1].done()]:
                self._waiting.clear()
                for (_, answer), result in zip(carried, await self._results(carried), strict=True):
                    if answer.done():
                        continue
                    if isinstance(result, Exception):
                        answer.set_exception(result)
                    else:
                        answer.set_result(result)
        finally:
            self._lanes.discard(_this_task())
            _fail(carried)  # only where this lane is closed before its time

    async def _results(self, carried: list[_Asked]) -> list[Any]:
        pipeline = self._client.pipeline(transaction=False)
        for command, _ in carried:
            pipeline.execute_command(*command)
        async with self._renewing:
            pass  # from here on the next connection is taken without a pause
        try:
            return await pipeline.execute(raise_on_error=False)
        except Exception as error:  # noqa: BLE001  # whatever it is, those who asked must hear of it
            return [error] * len(carried)

    def scope(self, key: Argument) -> Argument:
        """What an outage that hits this key is told by."""
        return ""

    async def refresh(self) -> None:
        """Connect anew: the name of a primary may stand for another server by now."""
        if self._renewing.locked():
            return
        async with self._renewing:
            with suppress(RedisError):  # closing may take too long as well
                await self._client.connection_pool.disconnect(inuse_connections=False)

    async def matching(self, pattern: str) -> list[bytes]:
        """The names of all keys that match a glob."""
        return [key async for key in self._client.scan_iter(pattern, count=_SCANNED)]

    async def listener(self) -> PubSub:
        """A subscription over a connection of its own, not yet to anything."""
        return self._client.pubsub()

    async def aclose(self) -> None:
        """Close every connection."""
        for lane in self._lanes:
            lane.cancel()
        if self._lanes:
            await asyncio.wait(self._lanes)
        _fail(self._waiting)
        await self._client.aclose()


class Cluster:
    """A cluster: each command goes to the node that holds the slot of its keys, wherever that moves."""

    def __init__(self, url: str) -> None:
        try:
            # Which slots must be served is for the nodes to say.
            self._client = RedisCluster.from_url(
                url, max_connections=_CONNECTIONS, require_full_coverage=False, **_options()
            )
        except RedisClusterException:
            raise unusable(
                "that server is a node of a cluster, which has only database 0 "
                "and is named by host and port, as in redis://localhost:6379"
            ) from None
        self._turns = asyncio.Semaphore(_CONNECTIONS)

    async def ask(self, *command: Argument) -> Any:
        """The answer to a command. Raises errors of redis-py."""
        async with self._turns:
            return await self._client.execute_command(*command)

    def scope(self, key: Argument) -> Argument:
        """What an outage that hits this key is told by: the others may be served all the while."""
        return str(key).partition("}")[0]

    async def refresh(self) -> None:
        """Nothing: redis-py looks for the nodes anew after a failure."""

    async def matching(self, pattern: str) -> list[bytes]:
        """The names of all keys that match a glob, on every node."""
        await self._client.initialize()
        return [key async for key in self._client.scan_iter(pattern, count=_SCANNED)]

    async def listener(self) -> PubSub:
        """A subscription over a connection of its own to any node, since each hears all that is published."""
        await self._client.initialize()
        return self._client.pubsub(node=self._client.get_random_node())

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()


def _fail(asked: list[_Asked]) -> None:
    for _, answer in asked:
        if not answer.done():
            answer.set_exception(RuntimeError("The store was closed while somebody used it."))


def _this_task() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    assert task
    return task
