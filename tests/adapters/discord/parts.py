"""What the tests of the Discord adapter share: the platform as a worker has it, at the emulator."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from adapters.discord import places
from adapters.discord.platform import DiscordPlatform, connected
from adapters.discord.reply import DiscordReply
from adapters.discord.sending import Token
from core.errors import UserError
from core.ports import END, FILE
from core.types import Message, Outcome
from tests.adapters.platform_parts import FakeNotes, FakeRates, Step, play
from tests.emulators.discord.server import DiscordServer
from tests.emulators.discord.views import SeenMessage
from tests.emulators.shared.faults import Fault
from tests.fakes import FakeLedger
from tests.parts import eventually

SEND = "POST /channels/*/messages"
EDIT = "PATCH /channels/*/messages/*"
ANSWERED = Outcome("answered", "An answer", left_out=("Read all of it.",))

PLAIN: list[Step] = [
    (0, lambda reply: reply.write(0, "It is", final=False)),
    (0, lambda reply: reply.write(0, "It is far.", final=True)),
    (1, lambda reply: reply.write(1, "Take a llama.", final=True)),
    (FILE, lambda reply: reply.attach("answer.md", "It is far.")),
    (END, lambda reply: reply.finish(ANSWERED)),
]
SILENT: list[Step] = [(END, lambda reply: reply.finish(Outcome("failed", why="The model is away.")))]


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


async def answers(discord: DiscordServer, message: Message) -> list[SeenMessage]:
    """What the bot says to a message, as people see it."""
    channel = discord.platform.world.channels[str(places.place(message).channel)]
    found = await discord.control.answers(channel.id)
    return [each for each in found if int(each.id) > int(message.id.removeprefix("i"))]


def shown(answer: SeenMessage) -> tuple[str, tuple[str, ...]]:
    """The text of a message and its buttons."""
    return answer.content, tuple(answer.buttons)


async def killed(
    discord: DiscordServer,
    reply: DiscordReply,
    ledger: FakeLedger,
    steps: list[Step],
    last: int,
    *,
    after: bool,
) -> int:
    """Play these steps and die at the call with this number; the step at which the worker was."""
    done = 0

    async def live() -> None:
        nonlocal done
        for step in steps:
            await play(reply, ledger, [step])
            done += 1

    fault = await discord.control.fault(
        Fault(on="* /**", skip=last, times=1, hold=True, reset=True, after=after)
    )
    life = asyncio.create_task(live())
    await eventually(lambda: discord.platform.faults.armed[fault].waiting or life.done(), "the call")
    assert not life.done()
    life.cancel()
    await asyncio.gather(life, return_exceptions=True)
    await discord.control.clear_faults()
    await asyncio.sleep(0)  # the call, which has no effect any more, ends
    return done


async def refused(reply: DiscordReply, ledger: FakeLedger, steps: list[Step]) -> Outcome:
    """The outcome that an assistant makes of a place where nothing can be said."""
    with pytest.raises(UserError) as raised:
        await play(reply, ledger, steps)
    return Outcome("failed", why=raised.value.sentence)
