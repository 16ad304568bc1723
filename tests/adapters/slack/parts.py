"""What the tests of the Slack adapter share: the platform as a worker has it, at the emulator."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from adapters.slack import places
from adapters.slack.platform import SlackPlatform, connected
from core.types import Message
from tests.adapters.platform_parts import FakeNotes, FakeRates
from tests.emulators.slack.server import SlackServer
from tests.fakes import FakeInbox


@asynccontextmanager
async def speaking(
    slack: SlackServer,
    notes: FakeNotes | None = None,
    rates: FakeRates | None = None,
    inbox: FakeInbox | None = None,
) -> AsyncIterator[SlackPlatform]:
    """The platform as a worker has it."""
    scene = slack.scene
    connection = connected(
        scene.token,
        api_url=scene.api,
        notes=notes or FakeNotes(),
        rates=rates or FakeRates(),
        stop=(inbox or FakeInbox()).stop,
    )
    async with connection as platform:
        yield platform


async def asked(
    slack: SlackServer, text: str = "How far is it?", *, where: str | None = None, person: str | None = None
) -> Message:
    """A question that begins a thread, as the gateway would take it."""
    channel, who = where or slack.scene.channel, person or slack.scene.person
    ts = await slack.control.say(channel, who, text, mention=True)
    thread = places.in_thread(channel, ts)
    return Message(places.by_message(channel, ts), thread, who, text, time.time())


async def asked_privately(slack: SlackServer, notes: FakeNotes) -> Message:
    """A question that came by a slash command, with its response URL."""
    scene, interactions = slack.scene, slack.platform.interactions
    channel = slack.platform.world.channels[scene.channel]
    found = interactions.command(scene.person, channel, "/ask", "How far?")
    message_id = places.by_callback(found.id)
    await notes.put(places.respond_note(message_id), f"{scene.address}/response/{found.id}")
    thread = places.private(scene.channel, scene.person)
    return Message(message_id, thread, scene.person, "How far?", time.time())
