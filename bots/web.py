"""The one HTTP server of a process: whether it lives and is ready, its metrics, and what platforms call.

``/healthz`` answers while the event loop runs, whatever is wrong elsewhere: a restart would not mend Redis.
``/readyz`` says which part cannot do its work, with status 503. ``/metrics`` is for Prometheus.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog
from aiohttp import web

from adapters.metrics import CONTENT_TYPE, Metrics
from bots.settings import HttpSettings
from core.errors import SettingsError

log = structlog.get_logger()

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Check = Callable[[], Awaitable[str]]
"""Says why a part cannot do its work, or nothing."""
Look = Callable[[Metrics], Awaitable[None]]
"""Tells the metrics what no event counts."""

STARTING, DRAINING = "it is starting", "this process drains"
_LONGEST_LOOK = 3.0
"""Seconds for all checks, or for all looks: who asks has patience for little more."""
_LARGEST = 4_000_000
"""Bytes of a request."""
_LAST_ANSWERED = 5.0
"""Seconds in which requests can end that were begun when nothing more is taken."""


class Web:
    """What is served. A process is ready once all its parts are, and never again once it drains."""

    def __init__(self, metrics: Metrics, draining: asyncio.Event) -> None:
        self._metrics = metrics
        self._draining = draining
        self._checks: dict[str, Check] = {}
        self._looks: list[Look] = []
        self._handlers: dict[str, Handler] = {}
        self._looking = asyncio.Lock()

    def expect(self, *parts: str) -> None:
        """These parts start: until each is watched, it is not ready."""
        self._checks.update(dict.fromkeys(parts, _starting))

    def watch(self, part: str, check: Check) -> None:
        """A part is ready while its check says nothing."""
        self._checks[part] = check

    def look(self, look: Look) -> None:
        """Let this tell the metrics, each time that they are asked for."""
        self._looks.append(look)

    @asynccontextmanager
    async def mounted(self, path: str, handler: Handler) -> AsyncIterator[None]:
        """Within this context a platform may call `path`; what it began is ended before the context is."""
        running: set[asyncio.Task[object]] = set()

        async def handle(request: web.Request) -> web.StreamResponse:
            task = asyncio.current_task()
            assert task
            running.add(task)
            try:
                return await handler(request)
            finally:
                running.discard(task)

        self._handlers[path] = handle
        try:
            yield
        finally:
            del self._handlers[path]
            if running:
                await asyncio.wait(running, timeout=_LAST_ANSWERED)

    async def wrong(self) -> dict[str, str]:
        """Each part that cannot do its work, and why."""
        names = list(self._checks)
        try:
            async with asyncio.timeout(_LONGEST_LOOK):
                said = await asyncio.gather(*(self._checks[name]() for name in names))
        except TimeoutError:
            said = ["nobody knows: something took too long"] * len(names)
        found = {name: why for name, why in zip(names, said, strict=True) if why}
        return {**found, "process": DRAINING} if self._draining.is_set() else found

    @asynccontextmanager
    async def listening(self, http: HttpSettings) -> AsyncIterator[None]:
        """Serve within this context. Raises SettingsError where nothing can listen there."""
        app = web.Application(client_max_size=_LARGEST)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._page)
        app.router.add_route("*", "/{path:.*}", self._mounted)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_LAST_ANSWERED)
        await runner.setup()
        try:
            try:
                await web.TCPSite(runner, http.host, http.port).start()
            except OSError as error:
                raise SettingsError(
                    f"Nothing can listen on {http.host}, port {http.port} ({error.strerror}). Set "
                    "CHASQUI_HTTP__HOST and CHASQUI_HTTP__PORT to a free address of this machine."
                ) from None
            log.info("web.listening", host=http.host, port=runner.addresses[0][1])
            yield
        finally:
            await runner.cleanup()

    async def _healthz(self, request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, request: web.Request) -> web.Response:
        wrong = await self.wrong()
        return web.json_response({"ready": not wrong, "wrong": wrong}, status=503 if wrong else 200)

    async def _page(self, request: web.Request) -> web.Response:
        async with self._looking:
            self._metrics.forget()
            wrong = await self.wrong()
            for part in self._checks:
                self._metrics.tell("chasqui_ready", float(part not in wrong), part)
            try:
                async with asyncio.timeout(_LONGEST_LOOK):
                    for look in self._looks:
                        await look(self._metrics)
            except TimeoutError:
                log.warning("web.metrics_incomplete")
            page = self._metrics.page()
        return web.Response(body=page, headers={"Content-Type": CONTENT_TYPE})

    async def _mounted(self, request: web.Request) -> web.StreamResponse:
        handler = self._handlers.get(request.path)
        if handler:
            return await handler(request)
        return web.Response(status=503 if self._draining.is_set() else 404)


async def _starting() -> str:
    return STARTING
