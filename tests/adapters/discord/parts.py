"""What the tests of the Discord adapter share: the platform as a worker has it, at the emulator."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from adapters.discord import places
from adapters.discord.platform import DiscordPlatform, connected
from adapters.discord.sending import Token
from core.types import Message
from tests.adapters.platform_parts import FakeNotes, FakeRates
from tests.emulators.discord.server import DiscordServer


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
    message_id = places.by_interaction(number)
    await notes.put(places.token_note(message_id), Token(int(scene.application), interaction.token).written())
    channel = int(there)
    thread = places.private(channel, int(scene.person)) if private else places.in_channel(channel, number)
    return Message(message_id, thread, scene.person, "How far?", time.time())
