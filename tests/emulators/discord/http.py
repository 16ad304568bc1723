"""How every HTTP call goes: it is noted, faults take it, rate limits count it, and errors become JSON."""

import json
import re
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from aiohttp import web

from tests.emulators.discord.errors import ApiError, refused, unauthorized
from tests.emulators.discord.platform import Asked, Call, Platform
from tests.emulators.shared.faults import Answer, Armed
from tests.emulators.shared.http import Reset, Verb, hang_up, happened

API = "/api/v10"
REQUEST_BYTES = 25 << 20

Handler = Callable[[Platform, Asked], Any]
"""Gives JSON, or None for 204."""

Route = tuple[str, str, Handler]
"""Method, path and what answers."""


class Http:
    """The calls of one platform; `do` is how faults reach the control API."""

    def __init__(self, platform: Platform, do: Verb) -> None:
        self._platform = platform
        self._do = do

    def add(self, app: web.Application, routes: Iterable[Route], *, auth: bool = True) -> None:
        """Let these routes answer; with `auth` only to the bot."""
        for method, path, handler in routes:
            app.router.add_route(method, API + path, self._answering(path, handler, auth=auth))

    def unknown(self, app: web.Application) -> None:
        """Answer all other calls as Discord does."""
        app.router.add_route("*", API + "/{rest:.*}", self._answering("/{rest}", _unknown, auth=False))

    async def conduct(
        self,
        request: web.Request,
        route: str,
        act: Callable[[Call, list[Armed]], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        """Answer one call by `act`, with the faults that take it before and after."""
        platform, path = self._platform, request.path.removeprefix(API)
        call = Call(
            len(platform.calls),
            request.method,
            route,
            _without_token(path, request.match_info.get("token")),
            platform.world.clock.now(),
            {name: value for name, value in request.headers.items() if name.lower() != "authorization"},
        )
        platform.calls.append(call)
        started = time.monotonic()
        faults = platform.faults.of(f"{request.method} {path}")
        try:
            answer = await happened(faults, self._do, after=False)
            if not answer:
                response = await act(call, faults)
                answer = await happened(faults, self._do, after=True)
            if answer:
                response = _given(answer)
        except ApiError as error:
            response = _json(error.body, error.status, error.headers)
        except Reset:
            hang_up(request)
            return web.Response(status=500)
        finally:
            call.took = time.monotonic() - started
        call.status = response.status
        return response

    def _answering(
        self, path: str, handler: Handler, *, auth: bool
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def act(request: web.Request, call: Call) -> web.StreamResponse:
            if (
                auth
                and request.headers.get("Authorization") != f"Bot {self._platform.world.application.token}"
            ):
                raise unauthorized()
            asked = await _read(request)
            call.body = asked.body
            headers = self._platform.buckets.take(f"{request.method} {request.path.removeprefix(API)}")
            result = handler(self._platform, asked)
            return (
                web.Response(status=204, headers=headers) if result is None else _json(result, 200, headers)
            )

        async def answer(request: web.Request) -> web.StreamResponse:
            return await self.conduct(request, path, lambda call, faults: act(request, call))

        return answer


def _given(answer: Answer) -> web.Response:
    if isinstance(answer.body, str):
        return web.Response(status=answer.status, text=answer.body, headers=answer.headers)
    return _json(answer.body, answer.status, answer.headers)


def _json(body: Any, status: int, headers: dict[str, str]) -> web.Response:
    """JSON with the one content type that discord.py takes for JSON."""
    text = json.dumps(body, separators=(",", ":")).encode()
    return web.Response(body=text, status=status, headers=headers, content_type="application/json")


def _without_token(path: str, token: str | None) -> str:
    return path.replace(token, "{token}") if token else path


async def _read(request: web.Request) -> Asked:
    uploads: dict[str, tuple[str, bytes]] = {}
    body: Any = {}
    try:
        if request.content_type == "multipart/form-data":
            form = await request.post()
            body = json.loads(str(form["payload_json"]))
            for name, part in form.items():
                if (number := re.fullmatch(r"files\[(\d+)\]", name)) and isinstance(part, web.FileField):
                    uploads[number[1]] = (part.filename, part.file.read())
        elif request.can_read_body:
            body = await request.json()
    except web.HTTPRequestEntityTooLarge:
        raise refused(40005) from None
    except (KeyError, ValueError):
        raise refused(50109) from None
    return Asked(dict(request.match_info), dict(request.query), body, uploads)


def _unknown(platform: Platform, asked: Asked) -> Any:
    raise refused(0)
