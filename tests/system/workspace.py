"""A team on Slack: the emulator, a model, and `chasqui serve` as whole processes between them."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

from bots.slack_manifest import manifest
from tests.emulators.slack.control import Control
from tests.emulators.slack.scenery import Scene
from tests.emulators.slack.seen import SeenMessage
from tests.emulators.slack.server import SlackServer
from tests.emulators.tgi import TgiStandIn
from tests.system.program import World
from tests.system.served import House, Served

Mode = Literal["socket", "http"]


class Workspace(House[SeenMessage]):
    """As `House`, with people's side of Slack."""

    def __init__(self, slack: SlackServer, model: TgiStandIn, world: World, mode: Mode) -> None:
        super().__init__(model, world)
        self.slack = slack
        self.mode = mode
        self.urls: list[str] = []
        """The request URL of each process that was started in HTTP mode."""

    @property
    def control(self) -> Control:
        """What people do and see."""
        return self.slack.control

    @property
    def scene(self) -> Scene:
        """What stands at the start."""
        return self.slack.scene

    async def serve(self, *roles: str, **settings: str) -> Served:
        """Start `chasqui serve` and wait until Slack reaches it."""
        port = str(free_port())
        served = await self.start(self.world.with_(HTTP__PORT=port, **settings), roles, is_ready)
        if served.said("slack.serving"):
            self.urls.append(f"http://127.0.0.1:{port}/slack/events")
            await self.control.use_http(self.urls[-1])
        return served

    async def ask(self, text: str, **more: Any) -> str:
        """Mention the bot in the channel; the message's timestamp."""
        return await self.control.say(self.scene.channel, self.scene.person, text, mention=True, **more)

    async def answers(self, channel: str | None = None) -> list[SeenMessage]:
        """As `House.answers`."""
        return await self.control.answers(channel or self.scene.channel)

    def reads(self, seen: SeenMessage) -> str:
        """As `House.reads`."""
        return seen.shown

    def ends(self, seen: SeenMessage) -> bool:
        """As `House.ends`."""
        return "chasqui:again" in seen.actions

    async def acknowledged(self, name: str = "") -> bool:
        """Whether everything that Slack told was acknowledged."""
        return all(each.state == "acknowledged" for each in await self.control.deliveries(name))


def is_ready(served: Served) -> bool:
    """Whether Slack reaches it, or nobody is to."""
    listens = served.said("slack.serving") or len(served.said("slack.connected")) >= 2
    roles = served.said("serve.started")
    return bool(listens or (roles and roles[0]["roles"] == ["worker"]))


@asynccontextmanager
async def workspace(
    data: Path, model: TgiStandIn | None = None, *, mode: Mode = "socket", **settings: str
) -> AsyncIterator[Workspace]:
    """Slack with our app in it, and a model; whatever was started is ended."""
    async with SlackServer() as slack, model or TgiStandIn() as replica:
        await slack.control.install(manifest())
        world = World.at(
            data,
            SLACK__BOT_TOKEN=slack.scene.token,
            SLACK__APP_TOKEN=slack.scene.app_token,
            SLACK__SIGNING_SECRET=slack.scene.signing_secret,
            SLACK__API_URL=slack.scene.api,
            SLACK__MODE=mode,
            BACKEND__URLS=replica.url,
            LOG__FORMAT="json",
            **settings,
        )
        built = Workspace(slack, replica, world, mode)
        try:
            yield built
        finally:
            await built.end()


def free_port() -> int:
    """A port on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
