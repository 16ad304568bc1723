"""The platform as a server on loopback: the API, the gateway, the CDN and the control API on one port."""

from types import TracebackType
from typing import Self

from aiohttp import web

from tests.emulators.discord import cdn, rest_bot, rest_interactions, rest_messages
from tests.emulators.discord.control import PATH, Control
from tests.emulators.discord.gateway import Gateway
from tests.emulators.discord.http import API, REQUEST_BYTES, Http
from tests.emulators.discord.platform import Call, Platform
from tests.emulators.discord.scenery import Scene
from tests.emulators.discord.world import World
from tests.emulators.shared.faults import Armed


class DiscordServer:
    """``async with DiscordServer() as discord:`` serves here; `control` and `scene` are for the test.

    `shards` is what GET /gateway/bot recommends, `heartbeat` the seconds between heartbeats.
    """

    scene: Scene

    def __init__(self, *, port: int = 0, shards: int = 1, heartbeat: float = 41.25) -> None:
        world = World()
        self.platform = Platform(world, Gateway(world, shards=shards, heartbeat=heartbeat))
        self.control = Control(self.platform)
        self._port = port
        self._http = Http(self.platform, self.control.do)

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=REQUEST_BYTES)
        self._route(app)
        # A long keep-alive: what ends idle connections makes clients see resets that no test asked for.
        self._runner = web.AppRunner(app, keepalive_timeout=3600, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        port = self._runner.addresses[0][1]
        self.platform.world.address = f"http://127.0.0.1:{port}"
        self.scene = await self._start()
        self.control = Control(self.platform, self.scene)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.platform.faults.clear()
        await self.platform.gateway.drop(1001)
        await self._runner.cleanup()

    def _route(self, app: web.Application) -> None:
        self._http.add(app, rest_messages.ROUTES)
        self._http.add(app, rest_bot.ROUTES)
        self._http.add(app, rest_interactions.ROUTES, auth=False)
        self._http.unknown(app)
        for kind in ("attachments", "ephemeral-attachments"):
            app.router.add_get(f"/{kind}/{{channel}}/{{file}}/{{name}}", self._download)
        app.router.add_get("/gateway", self._connect)
        app.router.add_get("/gateway/", self._connect)
        app.router.add_post(PATH + "{verb}", self._control)

    async def _control(self, request: web.Request) -> web.Response:
        return await self.control.serve(request)

    async def _download(self, request: web.Request) -> web.StreamResponse:
        async def act(call: Call, faults: list[Armed]) -> web.StreamResponse:
            cut = next((armed.fault.cut for armed in faults if armed.fault.cut is not None), None)
            response = await cdn.serve(self.platform.world, request, call, cut)
            if cut is not None and request.transport:
                request.transport.abort()
            return response

        return await self._http.conduct(request, "/attachments/{channel}/{file}/{name}", act)

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        async def act(call: Call, faults: list[Armed]) -> web.StreamResponse:
            return await self.platform.gateway.serve(request)

        return await self._http.conduct(request, "/gateway", act)

    async def _start(self) -> Scene:
        """A guild with one channel and one person besides its owner."""
        world, control = self.platform.world, self.control
        guild = await control.new_guild("Llamas")
        person = await control.new_person("ana", guild)
        channel = world.channels_of(world.guild(guild))[0]
        application = world.application
        return Scene(
            token=application.token,
            bot=application.bot,
            application=application.id,
            guild=guild,
            channel=channel.id,
            person=person,
            api=world.address + API,
            gateway=self.platform.gateway.address,
            address=world.address,
        )
