"""The Redis-protocol server as chasqui uses it: connection, scripts, partitions, retention."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlsplit

import structlog
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.commands.core import AsyncScript

from adapters.redis import keys
from adapters.redis.errors import mapped
from adapters.redis.keys import ThreadKeys
from core.errors import SettingsError, StoreError
from core.types import ThreadId

log = structlog.get_logger()

_OPTIONS = frozenset(
    {"db", "password", "username"}
    | {"ssl_ca_certs", "ssl_cert_reqs", "ssl_certfile", "ssl_check_hostname", "ssl_keyfile"}
)
_SIGNS = "in a user name or password write the signs @ : / ? # % as %40 %3A %2F %3F %23 %25"


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
    """A connected server. Its methods raise only StoreError, and LeaseLost from a fenced script."""

    def __init__(self, client: Redis, address: str, partitions: int, retention: Retention) -> None:
        self.retention = retention
        self._client = client
        self._address = address
        self._partitions = partitions
        self._scripts: dict[str, AsyncScript] = {}

    def keys(self, thread: ThreadId) -> ThreadKeys:
        """Names of all keys of a thread on this server."""
        return keys.of_thread(thread, self._partitions)

    def seen(self, thread: ThreadId, message_id: str) -> str:
        """Name of the de-duplication mark of a message on this server."""
        return keys.seen(thread, message_id, self._partitions)

    async def run(self, script: str, names: Sequence[str], *args: str | bytes | int) -> Any:
        """What a script of `adapters.redis.scripts` returns; strings come as bytes, nil as None."""
        if script not in self._scripts:
            self._scripts[script] = self._client.register_script(script)
        with mapped(self._address):
            return await self._scripts[script](keys=list(names), args=[_argument(arg) for arg in args])

    async def command(self, name: str, *args: str | bytes | int) -> Any:
        """What a single command returns."""
        with mapped(self._address):
            return await self._client.execute_command(name, *map(_argument, args))  # type: ignore[no-untyped-call]  # redis-py leaves it so

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
    """A store at a ``redis://``, ``rediss://`` or ``unix://`` address.

    The first process that ever connects pins the number of partitions; for all later ones that
    number counts and `partitions` does not. Raises SettingsError for an address that cannot be used
    and StoreError where no server serves.
    """
    address = _checked(url)
    client = _client(url)
    try:
        with mapped(address):
            pinned = await _pin(client, partitions)
        yield Store(client, address, pinned, retention or Retention())
    finally:
        await client.aclose()


def _client(url: str) -> Redis:
    try:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=64,
            timeout=10,
            socket_timeout=5,
            socket_connect_timeout=5,
            # Harmless, since every script may run twice; covers a dead connection and a quick restart.
            # (health_check_interval is no use: redis-py 8.1 never ends where a password is wanted.)
            retry=Retry(ExponentialWithJitterBackoff(base=0.05, cap=0.5), retries=3),
        )
    except ValueError:
        raise _unusable("the value of one of its options cannot be read") from None
    return Redis.from_pool(pool)


async def _pin(client: Redis, partitions: int) -> int:
    await client.set(keys.PARTITIONS, partitions, nx=True)
    stored = await client.get(keys.PARTITIONS) or b""
    pinned = int(stored) if stored.isdigit() else 0
    if pinned == 0:
        raise StoreError(f"The key {keys.PARTITIONS} in Redis must hold a whole number above 0: restore it.")
    if pinned != partitions:
        log.info("redis.partitions_pinned", pinned=pinned, configured=partitions)
    return pinned


def _checked(url: str) -> str:
    """The address without credentials, fit for people and logs. Refuses what redis-py passes over."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _unusable(f"its host or port cannot be read; {_SIGNS}") from None
    if parts.scheme not in ("redis", "rediss", "unix"):
        raise _unusable("it must begin with redis://, rediss:// or unix://")
    if parts.fragment or "@" in parts.path + parts.query:
        raise _unusable(_SIGNS)
    unknown = parse_qs(parts.query, keep_blank_values=True).keys() - _OPTIONS
    if unknown:
        raise _unusable(f"there is no option {min(unknown)!r}")
    return _unix_address(parts) if parts.scheme == "unix" else _network_address(parts, port)


def _unix_address(parts: SplitResult) -> str:
    if parts.hostname or len(parts.path) < 2:
        raise _unusable("a socket is written with its whole path, as unix:///run/valkey.sock")
    return f"unix://{parts.path}"


def _network_address(parts: SplitResult, port: int | None) -> str:
    database = parts.path.strip("/")
    if database and not database.isdecimal():
        raise _unusable(
            "after the host may stand only the number of a database, as in redis://localhost:6379/0"
        )
    host = parts.hostname or "localhost"
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}:{port or 6379}/{database or 0}"


def _unusable(why: str) -> SettingsError:
    return SettingsError(f"CHASQUI_REDIS__URL cannot be used: {why}.")


def _argument(value: str | bytes | int) -> bytes | int:
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
