"""The server of the tests that talk to an assistant."""

from collections.abc import Iterator

import pytest

from tests.adapters.redis_parts import RedisServer


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    """One server for all conversations; each has a thread of its own."""
    server = RedisServer()
    yield server
    server.remove()
