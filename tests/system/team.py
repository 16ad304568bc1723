"""A team on Discord: the emulator, a model, and `chasqui serve` as whole processes between them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.emulators.discord.control import Control
from tests.emulators.discord.scenery import Scene
from tests.emulators.discord.server import DiscordServer
from tests.emulators.discord.views import SeenMessage
from tests.emulators.tgi import TgiStandIn
from tests.system.program import World
from tests.system.served import House, Served


class Team(House[SeenMessage]):
    """As `House`, with people's side of Discord."""

    def __init__(self, discord: DiscordServer, model: TgiStandIn, world: World) -> None:
        super().__init__(model, world)
        self.discord = discord

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
        world = self.world.with_(**settings)
        return await self.start(world, roles, lambda served: bool(served.said("discord.ready")))

    async def ask(self, text: str, **more: Any) -> str:
        """Mention the bot in the channel; the message's id."""
        return await self.control.say(self.scene.channel, self.scene.person, text, mention=True, **more)

    async def answers(self, channel: str | None = None) -> list[SeenMessage]:
        """As `House.answers`."""
        return await self.control.answers(channel or self.scene.channel)

    def reads(self, seen: SeenMessage) -> str:
        """As `House.reads`."""
        return seen.content

    def ends(self, seen: SeenMessage) -> bool:
        """As `House.ends`."""
        return "Regenerate" in seen.buttons


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
            await built.end()
