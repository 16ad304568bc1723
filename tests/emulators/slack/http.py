"""How every HTTP call goes: it is noted, faults take it, tiers count it, and errors become JSON."""

import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from tests.emulators.shared.faults import Answer, Armed
from tests.emulators.shared.http import Reset, Verb, hang_up, happened
from tests.emulators.slack import methods_chat, methods_places
from tests.emulators.slack.errors import ApiError
from tests.emulators.slack.model import Json
from tests.emulators.slack.platform import Asked, Call, Platform

API = "/api/"
REQUEST_BYTES = 64 << 20

_METHODS = {**methods_chat.METHODS, **methods_places.METHODS}
_STRUCTURED = "attachments blocks chunks files loading_messages metadata prompts view".split()
"""Arguments that are JSON inside a form."""


class Http:
    """The calls of one platform; `do` is how faults reach the control API."""

    def __init__(self, platform: Platform, do: Verb) -> None:
        self._platform = platform
        self._do = do

    async def method(self, request: web.Request) -> web.StreamResponse:
        """Answer a call of the Web API."""
        name = request.match_info["method"]
        return await self.conduct(request, name, lambda call, faults: self._answer(request, call))

    async def conduct(
        self,
        request: web.Request,
        name: str,
        act: Callable[[Call, list[Armed]], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        """Answer one call by `act`, with the faults that take it before and after."""
        platform = self._platform
        call = Call(len(platform.calls), name, platform.world.clock.now())
        platform.calls.append(call)
        started = time.monotonic()
        faults = platform.faults.of(f"{request.method} {name}")
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
        call.error = _error_of(response)
        return response

    async def _answer(self, request: web.Request, call: Call) -> web.Response:
        platform, application = self._platform, self._platform.world.application
        args = await _arguments(request)
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        token = str(args.pop("token", "")) or bearer
        call.args = args
        if call.name not in _METHODS:
            raise ApiError("unknown_method", req_method=call.name)
        application.authorize(token, app_level=call.name == "apps.connections.open")
        handler, scopes = _METHODS[call.name]
        application.permit(*scopes)
        platform.tiers.take(call.name, args)
        platform.streams.expire()
        result = handler(platform, Asked(args))
        headers = {
            "x-oauth-scopes": ",".join(application.scopes),
            "x-accepted-oauth-scopes": ",".join(scopes),
        }
        return _json({"ok": True, **result}, 200, headers)


def _given(answer: Answer) -> web.Response:
    if isinstance(answer.body, str):
        return web.Response(status=answer.status, text=answer.body, headers=answer.headers)
    return _json(answer.body, answer.status, answer.headers)


def _json(body: Json, status: int, headers: dict[str, str]) -> web.Response:
    return web.json_response(body, status=status, headers=headers)


def _error_of(response: web.StreamResponse) -> str | None:
    """Slack's error in an answer."""
    if isinstance(response, web.Response) and response.content_type == "application/json":
        error = json.loads(response.text or "{}").get("error")
        return str(error) if error else None
    return None


async def _arguments(request: web.Request) -> Json:
    """The arguments of a call, from its query and its body: a form, or JSON."""
    args: Json = dict(request.query)
    if request.content_type == "application/json" and request.can_read_body:
        try:
            body = await request.json()
        except ValueError:
            raise ApiError("invalid_json") from None
        if not isinstance(body, dict):
            raise ApiError("json_not_object")
        args |= body
    elif request.can_read_body:
        args |= dict(await request.post())
    for name in _STRUCTURED:
        if isinstance(args.get(name), str):
            args[name] = _decoded(name, args[name])
    return args


def _decoded(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        if name == "blocks":
            raise ApiError("invalid_blocks_format") from None
        raise ApiError("invalid_arguments") from None
