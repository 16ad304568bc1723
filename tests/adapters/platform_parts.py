"""What the tests of all platforms' adapters share."""

import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

from aiohttp import web

from core.channels import ChannelSettings
from core.intake import Intake
from core.ports import Platform, Rate, Reply
from core.types import Attachment, Checkpoint, Message
from tests.fakes import FakeInbox, FakeLedger

Step = tuple[int, Callable[[Reply], Awaitable[None]]]
"""What an answer does, and the part of it that this is."""


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


class Given:
    """What a gateway gave away, and the settings that it was given."""

    def __init__(self) -> None:
        self.inbox = FakeInbox()
        self.notes = FakeNotes()
        self.settings: dict[str, ChannelSettings] = {}
        self.offered: list[Message] = []

    @property
    def intake(self) -> Intake:
        """Where a gateway puts it."""
        inbox: Any = self.inbox
        return Intake(inbox, self.notes, self.settings_of)

    async def settings_of(self, *named: str) -> ChannelSettings:
        """Those of the nearest place that has some."""
        found = [self.settings[name] for name in named if name in self.settings]
        return found[-1] if found else ChannelSettings()


async def play(reply: Reply, ledger: FakeLedger, steps: Sequence[Step]) -> int:
    """Do these steps as an answer does, the ledger before each; how many were done."""
    for part, step in steps:
        await ledger.intend(part, Checkpoint())
        await step(reply)
    return len(steps)


async def content(platform: Platform, file: Attachment) -> bytes:
    """All of a file."""
    async with aclosing(platform.download(file)) as pieces:
        return b"".join([piece async for piece in pieces])


async def peak_of_endless(platform: Platform, file: Attachment) -> int:
    """The most bytes of memory that 26 MB of a file take, of which no end is read."""
    tracemalloc.start()
    try:
        taken = 0
        async with aclosing(platform.download(file)) as pieces:
            async for piece in pieces:
                taken += len(piece)
                if taken > 26_000_000:
                    break
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@asynccontextmanager
async def elsewhere() -> AsyncIterator[tuple[str, list[str]]]:
    """The address of another host, and the paths that it was asked for."""
    asked: list[str] = []

    async def serve(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(text="secret")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.2", 0).start()
    try:
        yield f"http://127.0.0.2:{runner.addresses[0][1]}", asked
    finally:
        await runner.cleanup()
