"""Fixtures of the adapters' tests: real servers."""

from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from adapters.redis.store import Store, connect
from tests.adapters.redis_parts import RedisServer


@pytest.fixture(scope="session")
def redis_session() -> Iterator[RedisServer]:
    """One server for all tests that do not hurt it."""
    server = RedisServer()
    yield server
    server.remove()


@pytest.fixture
def redis_server(redis_session: RedisServer) -> RedisServer:
    """The shared server, empty."""
    with redis_session.client() as client:
        client.flushall()
    return redis_session


@pytest.fixture
async def redis_store(redis_server: RedisServer) -> AsyncIterator[Store]:
    """A connection to the shared server, empty."""
    async with connect(redis_server.url) as store:
        yield store


@pytest.fixture
def start_redis() -> Iterator[Callable[..., RedisServer]]:
    """Starts a server with flags of its own, for a test that breaks it."""
    servers: list[RedisServer] = []

    def start(*flags: str) -> RedisServer:
        servers.append(RedisServer(*flags))
        return servers[-1]

    yield start
    for server in servers:
        server.remove()
