"""The control API: all verbs in one class, over HTTP as POST /_ctl/VERB with JSON, or in the same process.

Arguments and results are plain values, so that both ways are the same to a test; bytes are URL-safe base64.
"""

import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast, get_type_hints

import aiohttp
from aiohttp import web
from pydantic import TypeAdapter, ValidationError, validate_call
from pydantic_core import to_jsonable_python

from tests.emulators.shared.errors import ControlError, Refused

PATH = "/_ctl/"

T = TypeVar("T")


class Verbs:
    """Every coroutine method is a verb. What cannot be done is a ControlError, or in the same process the
    API's own error.
    """

    @functools.cached_property
    def _checked(self) -> dict[str, Callable[..., Awaitable[object]]]:
        return {}

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
        except (Refused, ControlError, KeyError) as error:
            return web.json_response({"error": f"{type(error).__name__}: {error}"}, status=400)
        return web.json_response(to_jsonable_python(result, bytes_mode="base64"))


class _Remote:
    """Has every verb of a `kind` of control, and does it over HTTP."""

    def __init__(self, kind: type[Any], address: str, http: aiohttp.ClientSession) -> None:
        self._kind = kind
        self._address = address
        self._http = http

    def __getattr__(self, verb: str) -> Any:
        signature, result = _shape(getattr(self._kind, verb))

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
def _shape(method: Callable[..., Any]) -> tuple[inspect.Signature, TypeAdapter[Any]]:
    """What a verb takes and gives."""
    return inspect.signature(method), TypeAdapter(get_type_hints(method)["return"])


def remote(kind: type[T], address: str, http: aiohttp.ClientSession) -> T:
    """The control of a platform that runs elsewhere, at this address; it works as `kind` itself."""
    return cast(T, _Remote(kind, address, http))
