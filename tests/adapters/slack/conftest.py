"""Fixtures of the Slack adapter's tests."""

from collections.abc import AsyncIterator

import pytest

from adapters.slack.platform import SlackPlatform
from tests.adapters.platform_parts import FakeNotes, FakeRates
from tests.adapters.slack.house import House
from tests.adapters.slack.parts import speaking
from tests.emulators.slack.server import SlackServer


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    """The emulator."""
    async with SlackServer() as server:
        yield server


@pytest.fixture
async def platform(slack: SlackServer, notes: FakeNotes, rates: FakeRates) -> AsyncIterator[SlackPlatform]:
    """Slack as a worker has it."""
    async with speaking(slack, notes, rates) as connected:
        yield connected


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """A house with nobody listening yet."""
    async with SlackServer() as server:
        yield House(server)
