"""What whole programs need to run in a test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adapters.redis_parts import RedisServer
from tests.system.program import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A world without a model."""
    return World.at(tmp_path / "data")


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    """One server for all tests of a module, which have threads of their own."""
    server = RedisServer()
    yield server
    server.remove()
