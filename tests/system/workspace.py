"""A team on Slack: the emulator, a model, and `chasqui serve` as whole processes between them."""

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

from bots.slack_manifest import manifest
from tests.emulators.slack.control import Control
from tests.emulators.slack.scenery import Scene
from tests.emulators.slack.seen import SeenMessage
from tests.emulators.slack.server import SlackServer
from tests.emulators.tgi import TgiStandIn
from tests.parts import until
from tests.system.program import World
from tests.system.team import STARTS, Served

Mode = Literal["socket", "http"]


class Workspace:
    """What one test has: people's side of Slack, the model, and processes as they are started."""

    def __init__(self, slack: SlackServer, model: TgiStandIn, world: World, mode: Mode) -> None:
        self.slack = slack
        self.model = model
        self.world = world
        self.mode = mode
        self.served: list[Served] = []

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
        port = str(_free_port())
        world = self.world.with_(HTTP__PORT=port, **settings)
        served = Served(await world.start("serve", *(roles or ("all",))))
        self.served.append(served)
        await until(lambda: served.process.returncode is not None or self._is_ready(served), STARTS)
        assert served.process.returncode is None, "".join(served.lines)
        if self.mode == "http" and served.said("slack.serving"):
            await self.control.use_http(f"http://127.0.0.1:{port}/slack/events")
        return served

    def _is_ready(self, served: Served) -> bool:
        listens = served.said("slack.serving") or len(served.said("slack.connected")) >= 2
        roles = served.said("serve.started")
        return bool(listens or (roles and roles[0]["roles"] == ["worker"]))

    async def ask(self, text: str, **more: Any) -> str:
        """Mention the bot in the channel; the message's timestamp."""
        return await self.control.say(self.scene.channel, self.scene.person, text, mention=True, **more)

    async def answers(self, channel: str | None = None) -> list[SeenMessage]:
        """What the bot says in a channel."""
        return await self.control.answers(channel or self.scene.channel)

    async def answered(self, count: int = 1, channel: str | None = None) -> list[SeenMessage]:
        """Wait until so many answers have their end in a channel; all that the bot says there."""
        return await self.once(
            lambda found: sum("chasqui:again" in each.actions for each in found) >= count, channel
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
            await until(look, 30)
        except TimeoutError:
            said = [each.shown for each in await self.answers(channel)]
            raise AssertionError(f"the bot says {said}\n" + "".join(self.served[-1].lines[-20:])) from None
        return await self.answers(channel)

    async def acknowledged(self, name: str = "") -> bool:
        """Whether everything that Slack told was acknowledged."""
        return all(each.state == "acknowledged" for each in await self.control.deliveries(name))


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
            for served in built.served:
                await served.end()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
