"""Fixtures of the adapters' tests: real servers, and what platforms are given."""

from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from adapters.redis.connection import connect
from adapters.redis.store import Store
from tests.adapters.platform_parts import FakeNotes, FakeRates
from tests.adapters.redis_parts import SERVERS, RedisCluster, RedisServer, start_server


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what uses the shared server on one server; with the mark or the option on several."""
    if "redis_session" not in metafunc.fixturenames:
        return
    if metafunc.config.getoption("--all-servers"):
        names = list(SERVERS)
    elif metafunc.definition.get_closest_marker("every_server"):
        names = [name for name in SERVERS if name != "redis-server"]  # what everyone has
    else:
        names = ["valkey"]
    metafunc.parametrize("redis_session", names, indirect=True, scope="session")


@pytest.fixture(scope="session")
def redis_session(request: pytest.FixtureRequest) -> Iterator[RedisServer | RedisCluster]:
    """One server for all tests that do not hurt it."""
    server = start_server(request.param)
    yield server
    server.remove()


@pytest.fixture
def redis_server(redis_session: RedisServer | RedisCluster) -> RedisServer | RedisCluster:
    """The shared server, empty."""
    with redis_session.client() as client:
        client.flushall()
    return redis_session


@pytest.fixture
async def redis_store(redis_server: RedisServer | RedisCluster) -> AsyncIterator[Store]:
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


@pytest.fixture
def notes() -> FakeNotes:
    """What all processes know."""
    return FakeNotes()


@pytest.fixture
def rates() -> FakeRates:
    """What was asked of the buckets."""
    return FakeRates()
