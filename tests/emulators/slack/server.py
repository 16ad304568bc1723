"""The platform as a server on loopback: Web API, Socket Mode, files and the control API on one port."""

from types import TracebackType
from typing import Self

from aiohttp import web

from tests.emulators.shared.faults import Armed
from tests.emulators.slack import transfers
from tests.emulators.slack.control import PATH, Control
from tests.emulators.slack.errors import ApiError
from tests.emulators.slack.http import API, REQUEST_BYTES, Http
from tests.emulators.slack.outbox import PATIENCE
from tests.emulators.slack.platform import Call, Platform
from tests.emulators.slack.scenery import Scene


class SlackServer:
    """``async with SlackServer() as slack:`` serves here; `control` and `scene` are for the test.

    `patience`: seconds that Slack waits for an acknowledgement.
    """

    scene: Scene

    def __init__(self, *, port: int = 0, patience: float = PATIENCE) -> None:
        self._port = port
        self._patience = patience

    async def __aenter__(self) -> Self:
        self.platform = Platform(patience=self._patience)
        self.control = Control(self.platform)
        self._http = Http(self.platform, self.control.do)
        self.platform.outbox.do = self.control.do
        app = web.Application(client_max_size=REQUEST_BYTES)
        self._route(app)
        # A long keep-alive: what ends idle connections makes clients see resets that no test asked for.
        self._runner = web.AppRunner(app, keepalive_timeout=3600, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self.platform.world.address = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self.scene = await self._start()
        self.control = Control(self.platform, self.scene)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        await self.platform.close()
        await self._runner.cleanup()

    def _route(self, app: web.Application) -> None:
        app.router.add_route("*", API + "{method}", self._http.method)
        app.router.add_get("/files-pri/{team}-{file}/{name}", self._download)
        app.router.add_get("/files-pri/{team}-{file}/download/{name}", self._download)
        app.router.add_post("/upload/v1/{file}", self._upload)
        app.router.add_post("/response/{key}", self._respond)
        app.router.add_get("/link/", self._connect)
        app.router.add_post(PATH + "{verb}", self._control)

    async def _control(self, request: web.Request) -> web.Response:
        return await self.control.serve(request)

    async def _download(self, request: web.Request) -> web.StreamResponse:
        async def act(call: Call, faults: list[Armed]) -> web.StreamResponse:
            cut = next((armed.fault.cut for armed in faults if armed.fault.cut is not None), None)
            return await transfers.download(self.platform, request, call, cut)

        return await self._http.conduct(request, request.path, act)

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        async def act(call: Call, faults: list[Armed]) -> web.StreamResponse:
            return await transfers.upload(self.platform, request)

        return await self._http.conduct(request, request.path, act)

    async def _respond(self, request: web.Request) -> web.StreamResponse:
        async def act(call: Call, faults: list[Armed]) -> web.StreamResponse:
            call.args = await request.json()
            try:
                self.platform.interactions.respond(request.match_info["key"], call.args)
            except ApiError as error:
                return web.Response(status=error.status, text=error.error)
            return web.Response(text="ok")

        return await self._http.conduct(request, request.path, act)

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        async def act(call: Call, faults: list[Armed]) -> web.StreamResponse:
            return await self.platform.sockets.serve(request)

        return await self._http.conduct(request, request.path, act)

    async def _start(self) -> Scene:
        """A channel with the bot and one person, and their direct messages."""
        world, control = self.platform.world, self.control
        channel = await control.new_channel("general")
        person = await control.new_person("ana", channel=channel)
        application = world.application
        return Scene(
            token=application.token,
            app_token=application.app_token,
            signing_secret=application.signing_secret,
            app=application.id,
            bot=application.bot,
            bot_id=application.bot_id,
            team=world.team.id,
            channel=channel,
            person=person,
            dm=await control.dm(person),
            api=world.address + API,
            address=world.address,
        )
