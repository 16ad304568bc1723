"""The control API: all verbs in one class, over HTTP as POST /_ctl/VERB with JSON, or in the same process.

Arguments and results are plain values, so that both ways are the same to a test; bytes are URL-safe base64.
"""

import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, cast, get_type_hints

import aiohttp
from aiohttp import web
from pydantic import TypeAdapter, ValidationError, validate_call
from pydantic_core import to_jsonable_python

from tests.emulators.discord.errors import ApiError, ControlError
from tests.emulators.discord.people import People
from tests.emulators.discord.platform import Platform
from tests.emulators.discord.scenery import Scene, Scenery
from tests.emulators.discord.trouble import Trouble
from tests.emulators.discord.views import Views

PATH = "/_ctl/"


class Control(Scenery, People, Trouble, Views):
    """All that a test may do; each verb is documented where it stands.

    `Scenery` builds, `People` act, `Trouble` disturbs, `Views` look. What cannot be done is a ControlError,
    or in the same process the API's own error.
    """

    def __init__(self, platform: Platform, scene: Scene | None = None) -> None:
        super().__init__(platform)
        self._scene = scene
        self._checked: dict[str, Callable[..., Awaitable[object]]] = {}

    async def scene(self) -> Scene:
        """What stands at the start."""
        if self._scene is None:
            raise ControlError("the platform has not started")
        return self._scene

    async def do(self, verb: str, given: dict[str, Any]) -> object:
        """Do a verb by its name, with arguments as JSON has them."""
        method = getattr(self, verb, None)
        if verb.startswith("_") or verb in ("do", "serve") or not inspect.iscoroutinefunction(method):
            raise ControlError(f"there is no verb {verb!r}")
        try:
            if verb not in self._checked:
                self._checked[verb] = validate_call(method)
            return await self._checked[verb](**given)
        except ValidationError as error:
            raise ControlError(str(error)) from error

    async def serve(self, request: web.Request) -> web.Response:
        """The HTTP side."""
        try:
            given = await request.json() if request.can_read_body else {}
            result = await self.do(request.match_info["verb"], given)
        except (ApiError, ControlError, KeyError) as error:
            return web.json_response({"error": f"{type(error).__name__}: {error}"}, status=400)
        return web.json_response(to_jsonable_python(result, bytes_mode="base64"))


class _Remote:
    """Has every verb of `Control`, and does it over HTTP."""

    def __init__(self, address: str, http: aiohttp.ClientSession) -> None:
        self._address = address
        self._http = http

    def __getattr__(self, verb: str) -> Any:
        signature, result = _shape(verb)

        async def do(*args: Any, **kwargs: Any) -> Any:
            given = signature.bind(self, *args, **kwargs).arguments
            _, *names = given
            sent = to_jsonable_python({name: given[name] for name in names}, bytes_mode="base64")
            async with self._http.post(f"{self._address}{PATH}{verb}", json=sent) as response:
                answer = await response.json()
            if response.status != 200:
                raise ControlError(answer["error"])
            return result.validate_python(answer)

        return do


@functools.cache
def _shape(verb: str) -> tuple[inspect.Signature, TypeAdapter[Any]]:
    """What a verb takes and gives."""
    method = getattr(Control, verb)
    return inspect.signature(method), TypeAdapter(get_type_hints(method)["return"])


def control_of(address: str, http: aiohttp.ClientSession) -> Control:
    """The control of a platform that runs elsewhere, at this address; it works as `Control` itself."""
    return cast(Control, _Remote(address, http))
