"""What `core.ports.Platform` and `Reply` promise, kept by every platform on which people are answered."""

import io
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from rich.console import Console

from adapters.discord import places as discord_places
from adapters.terminal import Terminal
from core.errors import FileRefused, LeaseLost, PlatformError
from core.markdown import split
from core.ports import END, Platform, Standing
from core.types import Attachment, Checkpoint, Message, Outcome, ThreadId
from tests.adapters.discord import parts as on_discord
from tests.adapters.platform_parts import content, play
from tests.adapters.slack import answering as on_slack
from tests.adapters.slack import parts as of_slack
from tests.emulators.discord.server import DiscordServer
from tests.emulators.echo_platform.client import EchoPlatform
from tests.emulators.echo_platform.server import EchoServer
from tests.emulators.shared import faults
from tests.emulators.slack.server import SlackServer
from tests.fakes import FakeLedger

ENDED = Outcome("answered", "It is far.")
FAILED = Outcome("failed", why="The model is away.")


@dataclass(frozen=True, slots=True)
class Stage:
    """A platform with somebody who asks, and one who reads; `lose` cuts off the next call that writes."""

    platform: Platform
    ask: Callable[[], Awaitable[Message]]
    read: Callable[[Message], Awaitable[list[str]]]
    lose: Callable[[], Awaitable[object]]


@asynccontextmanager
async def echo(folder: Path) -> AsyncIterator[Stage]:
    """The platform of the tests, which all others follow."""
    async with EchoServer(folder / "echo.sock") as server:

        async def ask() -> Message:
            return Message("m1", ThreadId("echo", "t1"), "ana", "How far?", time.time())

        async def read(message: Message) -> list[str]:
            standing = {event.id: event.text for event in server.of(message.id) if event.id}
            return list(standing.values())

        async def lose() -> None:
            server.faults.append("lose")

        yield Stage(EchoPlatform(server.socket, "w1"), ask, read, lose)


@asynccontextmanager
async def discord(folder: Path) -> AsyncIterator[Stage]:
    """Discord, in a channel."""
    async with DiscordServer() as server, on_discord.speaking(server) as platform:

        async def read(message: Message) -> list[str]:
            place = discord_places.place(message)
            return [each.content for each in await server.control.answers(str(place.channel))]

        async def lose() -> None:
            await server.control.fault(faults.lost("POST /channels/*/messages"))

        yield Stage(platform, lambda: on_discord.asked(server), read, lose)


@asynccontextmanager
async def slack(folder: Path, *, streams: bool = True) -> AsyncIterator[Stage]:
    """Slack, in a thread of a channel."""
    async with SlackServer() as server, of_slack.speaking(server) as platform:
        if not streams:
            await on_slack.without_streams(server)
            ledger = FakeLedger()  # the first answer finds out
            await play(platform.reply(await of_slack.asked(server), ledger), ledger, on_slack.SHORT)

        async def read(message: Message) -> list[str]:
            return [each.shown for each in await on_slack.answers(server, message)]

        async def lose() -> None:
            await server.control.fault(faults.lost(on_slack.START if streams else on_slack.POST))

        yield Stage(platform, lambda: of_slack.asked(server), read, lose)


@asynccontextmanager
async def terminal(folder: Path) -> AsyncIterator[Stage]:
    """A pipe, which shows what is written at once and for good."""
    out = io.StringIO()

    async def ask() -> Message:
        return Message("m1", ThreadId("terminal", "t1"), "ana", "How far?", time.time())

    async def read(message: Message) -> list[str]:
        return [out.getvalue()]

    async def lose() -> None:
        """Nothing is lost on the way to a pipe."""

    console = Console(file=out, force_terminal=False, width=80)
    yield Stage(Terminal(console, console), ask, read, lose)


SHARED = {
    "echo": echo,
    "discord": discord,
    "slack": slack,
    "slack without streams": partial(slack, streams=False),
}
"""Platforms on which any worker can go on with what another began."""
EVERY = {**SHARED, "terminal": terminal}


@pytest.fixture
async def stage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stage]:
    """The platform that the test is run on."""
    async with request.param(tmp_path) as set_up:
        yield set_up


on_every = pytest.mark.parametrize("stage", EVERY.values(), ids=EVERY, indirect=True)
on_shared = pytest.mark.parametrize("stage", SHARED.values(), ids=SHARED, indirect=True)


async def seen(stage: Stage, message: Message) -> str:
    """All that people read."""
    return "\n".join(await stage.read(message))


@on_every
async def test_a_page_that_grows_stands_once_as_it_was_written_last(stage: Stage) -> None:
    """Also where its last text is written twice."""
    message, ledger = await stage.ask(), FakeLedger()
    reply = stage.platform.reply(message, ledger)
    await ledger.intend(0, Checkpoint())
    for text, final in (("It is", False), ("It is far.", True), ("It is far.", True)):
        await reply.write(0, text, final=final)
    await ledger.intend(END, Checkpoint())
    await reply.finish(ENDED)

    assert (await seen(stage, message)).count("It is") == 1
    assert "It is far." in await seen(stage, message)


@on_every
async def test_a_reason_without_a_page_is_read(stage: Stage) -> None:
    """An answer that failed ends with its sentence."""
    message, ledger = await stage.ask(), FakeLedger()
    await play(stage.platform.reply(message, ledger), ledger, [(END, lambda reply: reply.finish(FAILED))])

    assert (await seen(stage, message)).count("The model is away.") == 1


@on_every
async def test_pages_as_long_as_the_profile_allows_are_taken_whole(stage: Stage) -> None:
    """Whatever counts there is what the platform counts: no word is missing, and all are in order."""
    message, ledger = await stage.ask(), FakeLedger()
    reply = stage.platform.reply(message, ledger)
    words = [f"w{number}é" for number in range(1000)]
    pages = split(" ".join(words), reply.profile)
    for number, page in enumerate(pages):
        await ledger.intend(number, Checkpoint())
        await reply.write(number, page, final=True)

    read = (await seen(stage, message)).split()
    assert [word for word in read if word.startswith("w")] == words


@on_shared
async def test_what_a_worker_began_another_ends(stage: Stage) -> None:
    """The page that stands is edited, and no second one comes."""
    message, ledger = await stage.ask(), FakeLedger()
    await ledger.intend(0, Checkpoint())
    await stage.platform.reply(message, ledger).write(0, "It is", final=False)
    ledger = ledger.taken_over()

    reply = stage.platform.reply(message, ledger)
    await ledger.intend(0, Checkpoint())
    await reply.write(0, "It is far.", final=True)
    await ledger.intend(END, Checkpoint())
    await reply.finish(ENDED)

    assert (await seen(stage, message)).count("It is") == 1
    assert "It is far." in await seen(stage, message)


@on_shared
async def test_a_page_that_stands_unknown_to_the_ledger_is_found(stage: Stage) -> None:
    """The worker died between the call and its note."""
    message, ledger = await stage.ask(), FakeLedger()
    await ledger.intend(0, Checkpoint())
    await stage.platform.reply(message, ledger).write(0, "It is far.", final=True)

    ledger = FakeLedger(before=Standing({0: None}, Checkpoint()))
    await ledger.intend(0, Checkpoint())
    await stage.platform.reply(message, ledger).write(0, "It is far.", final=True)

    assert (await seen(stage, message)).count("It is far.") == 1


@on_shared
async def test_a_page_whose_answer_was_lost_stands_once(stage: Stage) -> None:
    """It is told as an error of the platform, or mended unseen; written again it is no second page."""
    message, ledger = await stage.ask(), FakeLedger()
    reply = stage.platform.reply(message, ledger)
    await stage.lose()
    await ledger.intend(0, Checkpoint())
    for _ in range(5):
        try:
            await reply.write(0, "It is far.", final=True)
            break
        except PlatformError:
            continue

    assert (await seen(stage, message)).count("It is far.") == 1


@on_shared
async def test_who_lost_the_lease_writes_nothing(stage: Stage) -> None:
    """Another worker answers by then."""
    message = await stage.ask()

    with pytest.raises(LeaseLost):
        await stage.platform.reply(message, FakeLedger(lost=True)).write(0, "It is far.", final=True)

    assert "far" not in await seen(stage, message)


@pytest.mark.parametrize("stage", [discord, slack, terminal], indirect=True)
async def test_a_file_that_is_gone_is_refused_with_a_sentence(stage: Stage) -> None:
    """People read its name in it."""
    with pytest.raises(FileRefused, match=r"^map\.pdf .+\.$"):
        await content(stage.platform, Attachment("map.pdf", "file:///nowhere/map.pdf"))
