"""What whole programs need to run in a test."""

from pathlib import Path

import pytest

from tests.system.program import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A world without a model."""
    return World.at(tmp_path / "data")
