"""What the tests of the Discord adapter share: the platform as a worker has it, at the emulator."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from adapters.discord import places
from adapters.discord.platform import DiscordPlatform, connected
from adapters.discord.sending import Token
from core.ports import Rate
from core.types import Message
from tests.emulators.discord.server import DiscordServer

DEADLINE = 30.0


class FakeNotes:
    """Notes in memory, kept for ever."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    async def put(self, name: str, value: str, *, seconds: float | None = None) -> None:
        """As `Notes.put`."""
        self.kept[name] = value

    async def get(self, name: str) -> str | None:
        """As `Notes.get`."""
        return self.kept.get(name)

    async def drop(self, name: str) -> None:
        """As `Notes.drop`."""
        self.kept.pop(name, None)


class FakeRates:
    """Rates that let every call go at once. `asked` are those that were waited for, `rests` what was told."""

    def __init__(self) -> None:
        self.asked: list[Rate] = []
        self.rests: list[tuple[str, float]] = []

    async def wait(self, rate: Rate) -> None:
        """As `Rates.wait`."""
        self.asked.append(rate)

    async def rest(self, bucket: str, seconds: float) -> None:
        """As `Rates.rest`."""
        self.rests.append((bucket, seconds))


@asynccontextmanager
async def speaking(
    discord: DiscordServer, notes: FakeNotes | None = None, rates: FakeRates | None = None
) -> AsyncIterator[DiscordPlatform]:
    """The platform as a worker has it."""
    connection = connected(
        discord.scene.token, api_url=discord.scene.api, notes=notes or FakeNotes(), rates=rates or FakeRates()
    )
    async with connection as platform:
        yield platform


async def asked(discord: DiscordServer, text: str = "How far is it?") -> Message:
    """A question that somebody asks in the channel, as the gateway would take it."""
    scene = discord.scene
    number = int(await discord.control.say(scene.channel, scene.person, text, mention=True))
    thread = places.in_channel(int(scene.channel), number)
    return Message(str(number), thread, scene.person, text, time.time(), author_name="Ana")


async def asked_by_command(
    discord: DiscordServer,
    notes: FakeNotes,
    *,
    private: bool = False,
    deferred: bool = True,
    where: str | None = None,
) -> Message:
    """A question that came by an interaction, which was acknowledged unless told otherwise."""
    scene, platform = discord.scene, discord.platform
    there = where or scene.channel
    interaction = platform.interactions.start(
        2, scene.person, platform.world.channel(there), {"id": "1", "name": "ask", "type": 1}
    )
    number = int(interaction.id)
    if deferred:
        flags = {"flags": 64} if private else {}
        platform.interactions.callback(interaction.id, interaction.token, {"type": 5, "data": flags}, [])
    await notes.put(places.token_note(number), Token(int(scene.application), interaction.token).written())
    channel = int(there)
    thread = places.private(channel, int(scene.person)) if private else places.in_channel(channel, number)
    return Message(places.by_interaction(number), thread, scene.person, "How far?", time.time())


async def eventually(come: Callable[[], Awaitable[Any] | Any], what: str = "it") -> Any:
    """What `come` gives once it is true, with much patience."""
    deadline = time.monotonic() + DEADLINE
    while True:
        found = come()
        found = await found if isinstance(found, Awaitable) else found
        if found:
            return found
        assert time.monotonic() < deadline, f"{what} did not come"
        await asyncio.sleep(0.01)
