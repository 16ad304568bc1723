"""Fixtures of the Discord adapter's tests."""

from collections.abc import AsyncIterator

import pytest

from adapters.discord.platform import DiscordPlatform
from tests.adapters.discord.parts import speaking
from tests.adapters.platform_parts import FakeNotes, FakeRates
from tests.emulators.discord.server import DiscordServer


@pytest.fixture
async def discord() -> AsyncIterator[DiscordServer]:
    """The emulator."""
    async with DiscordServer() as server:
        yield server


@pytest.fixture
async def platform(
    discord: DiscordServer, notes: FakeNotes, rates: FakeRates
) -> AsyncIterator[DiscordPlatform]:
    """Discord as a worker has it."""
    async with speaking(discord, notes, rates) as connected:
        yield connected
