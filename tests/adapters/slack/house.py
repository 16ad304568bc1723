"""A gateway of Slack at the emulator, and what it gave away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from adapters.slack.gateway import Gateway
from adapters.slack.login import logged_in
from adapters.slack.people import People
from adapters.slack.sockets import Sockets
from core.types import Message
from tests.adapters.platform_parts import FakeRates, Given
from tests.emulators.slack.control import Control
from tests.emulators.slack.scenery import Scene
from tests.emulators.slack.server import SlackServer
from tests.parts import eventually


class House(Given):
    """A gateway at the emulator, and what it gave away."""

    def __init__(self, slack: SlackServer) -> None:
        super().__init__()
        self.slack = slack

    @property
    def control(self) -> Control:
        """What people do and see."""
        return self.slack.control

    @property
    def scene(self) -> Scene:
        """What stands at the start."""
        return self.slack.scene

    @asynccontextmanager
    async def listening(
        self, *, pane: bool = True, app_token: str = "", heartbeat: float = 10.0
    ) -> AsyncIterator[Gateway]:
        """A gateway that is ready."""
        patience, rates = aiohttp.ClientTimeout(total=30), FakeRates()
        async with logged_in(self.scene.token, self.scene.api, rates, patience=patience) as slack:
            gateway = Gateway(slack, self.intake, People(slack), pane=pane)

            async def was_edited(asked: Message) -> None:
                self.offered.append(asked)

            gateway.was_edited = was_edited  # type: ignore[method-assign] # as bots do
            token = app_token or self.scene.app_token
            self.sockets, draining = (
                Sockets(slack.web, token, gateway.take, heartbeat=heartbeat),
                asyncio.Event(),
            )
            task = asyncio.create_task(self.sockets.listen(draining))
            try:
                await eventually(lambda: self._ready(task))
                yield gateway
            finally:
                draining.set()
                await task

    async def _ready(self, task: asyncio.Task[None]) -> bool:
        return task.done() or len((await self.control.sockets()).envelopes) == 2

    async def say(self, text: str, **more: Any) -> str:
        """Say something that mentions the bot."""
        return await self.control.say(self.scene.channel, self.scene.person, text, mention=True, **more)

    async def over(self) -> None:
        """Wait until everything that was told is acknowledged."""

        async def look() -> bool:
            return all(each.state == "acknowledged" for each in await self.control.deliveries())

        await eventually(look)

    async def taken(self, count: int = 1) -> Message:
        """The last of so many questions."""
        await eventually(lambda: len(self.inbox.messages) >= count, "a question")
        await self.over()
        assert len(self.inbox.messages) == count
        return self.inbox.messages[-1]

    async def told(self, channel: str | None = None) -> list[str]:
        """What the bot says there, once it says something."""
        found = await eventually(lambda: self.control.answers(channel or self.scene.channel), "a word")
        return [each.shown for each in found]
