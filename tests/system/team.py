"""A team on Discord: the emulator, a model, and `chasqui serve` as whole processes between them."""

import asyncio
import json
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.emulators.discord.control import Control
from tests.emulators.discord.scenery import Scene
from tests.emulators.discord.server import DiscordServer
from tests.emulators.discord.views import SeenMessage
from tests.emulators.tgi import TgiStandIn
from tests.parts import until
from tests.system.program import World

STARTS = 60.0
"""Seconds in which a process with its Redis has to be ready."""


class Served:
    """A running `chasqui serve`; what it says is read as it comes."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.log: list[dict[str, Any]] = []
        self.lines: list[str] = []
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stderr
        while line := await self.process.stderr.readline():
            self.lines.append(line.decode())
            if line.startswith(b"{"):
                self.log.append(json.loads(line))

    def said(self, event: str) -> list[dict[str, Any]]:
        """The lines of the log with this event."""
        return [line for line in self.log if line["event"] == event]

    async def ready(self) -> None:
        """Wait until it listens and answers."""
        await until(lambda: self.process.returncode is not None or bool(self.said("discord.ready")), STARTS)
        assert self.process.returncode is None, "".join(self.lines)

    async def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        await self.process.wait()
        await self._reading

    async def end(self) -> int:
        """SIGTERM, and wait for the end; the exit code."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(STARTS):
            code = await self.process.wait()
            await self._reading
        return code


class Team:
    """What one test has: people's side of Discord, the model, and processes as they are started."""

    def __init__(self, discord: DiscordServer, model: TgiStandIn, world: World) -> None:
        self.discord = discord
        self.model = model
        self.world = world
        self.served: list[Served] = []

    @property
    def control(self) -> Control:
        """What people do and see."""
        return self.discord.control

    @property
    def scene(self) -> Scene:
        """What stands at the start."""
        return self.discord.scene

    async def serve(self, *roles: str, **settings: str) -> Served:
        """Start `chasqui serve` and wait until it is ready."""
        served = Served(await self.world.with_(**settings).start("serve", *(roles or ("all",))))
        self.served.append(served)
        await served.ready()
        return served

    async def ask(self, text: str, **more: Any) -> str:
        """Mention the bot in the channel; the message's id."""
        return await self.control.say(self.scene.channel, self.scene.person, text, mention=True, **more)

    async def answers(self, channel: str | None = None) -> list[SeenMessage]:
        """What the bot says in a channel."""
        return await self.control.answers(channel or self.scene.channel)

    async def answered(self, count: int = 1, channel: str | None = None) -> list[SeenMessage]:
        """Wait until so many answers have their end in a channel; all that the bot says there."""
        return await self.once(
            lambda found: sum("Regenerate" in each.buttons for each in found) >= count, channel
        )

    async def settled(self, count: int = 1, channel: str | None = None) -> list[SeenMessage]:
        """As `answered`, and their turns are kept: what is done next finds them."""
        await self.answered(count, channel)
        await until(lambda: sum(len(each.said("assistant.answered")) for each in self.served) >= count)
        return await self.answers(channel)

    async def once(
        self, holds: Callable[[list[SeenMessage]], bool], channel: str | None = None
    ) -> list[SeenMessage]:
        """Wait until this holds of what the bot says in a channel; all of it."""

        async def look() -> bool:
            alive = not self.served or self.served[-1].process.returncode is None
            assert alive, "".join(self.served[-1].lines)
            return holds(await self.answers(channel))

        try:
            await until(look, 20)
        except TimeoutError:
            said = [each.content for each in await self.answers(channel)]
            raise AssertionError(f"the bot says {said}\n" + "".join(self.served[-1].lines[-20:])) from None
        return await self.answers(channel)


@asynccontextmanager
async def team(data: Path, model: TgiStandIn | None = None, **settings: str) -> AsyncIterator[Team]:
    """Discord and a model; whatever was started is ended."""
    async with DiscordServer() as discord, model or TgiStandIn() as replica:
        world = World.at(
            data,
            DISCORD__TOKEN=discord.scene.token,
            DISCORD__API_URL=discord.scene.api,
            DISCORD__GATEWAY_URL=discord.scene.gateway,
            BACKEND__URLS=replica.url,
            LOG__FORMAT="json",
            **settings,
        )
        built = Team(discord, replica, world)
        try:
            yield built
        finally:
            for served in built.served:
                await served.end()
