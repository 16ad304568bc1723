"""Socket Mode: Slack tells us things over connections that we open.

https://docs.slack.dev/apis/events-api/using-socket-mode. slack_sdk's own client closes a connection before
it opens the next one, tries a used-up address for ever, and forgets what it is doing when it is closed.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import aiohttp
import structlog
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient
from tenacity import AsyncRetrying, retry_if_exception_type
from tenacity.wait import wait_random_exponential

from adapters.slack.errors import TokenRefused, Unsupported, mapped
from core.errors import PlatformError, SettingsError

log = structlog.get_logger()

Dispatch = Callable[[Any, Mapping[str, str]], Awaitable[BoltResponse]]
"""Takes a payload with its headers and says how it went: only what has status 200 is acknowledged."""

COUNT = 2
"""Connections that are held, so that one listens while another is renewed."""
HEARTBEAT = 10.0
"""Seconds between two pings; a connection that does not answer one in half of that is given up."""
LAST_TAKEN = 5.0
"""Seconds in which what is being taken can be taken, once it drains."""
_LEAST, _SLOWEST = 1.0, 30.0
"""Seconds between two connections at least, and between two tries to connect at most."""
NOT_ACCEPTED = (
    "Slack does not accept the app-level token. Set CHASQUI_SLACK__APP_TOKEN to one with the scope "
    "connections:write, from Basic Information in the app's settings, and switch on Socket Mode there."
)


async def ticket(client: AsyncWebClient, app_token: str) -> str:
    """The address of one connection. Raises SettingsError where the token lets nobody connect."""
    try:
        with mapped():
            told = await client.apps_connections_open(app_token=app_token)
    except (TokenRefused, Unsupported):
        raise SettingsError(NOT_ACCEPTED) from None
    return str(told["url"])


class Sockets:
    """The connections of one process."""

    def __init__(
        self, client: AsyncWebClient, app_token: str, dispatch: Dispatch, *, heartbeat: float = HEARTBEAT
    ) -> None:
        self._client = client
        self._app_token = app_token
        self._dispatch = dispatch
        self._heartbeat = heartbeat
        self._open: set[_Connection] = set()
        self._ending: set[asyncio.Task[None]] = set()

    async def listen(self, draining: asyncio.Event) -> None:
        """Listen until `draining` is set, and end what was begun. Raises SettingsError for a wrong token."""
        async with aiohttp.ClientSession() as http:
            holding = [asyncio.create_task(self._hold(http, draining)) for _ in range(COUNT)]
            drained = asyncio.create_task(draining.wait())
            try:
                await asyncio.wait({*holding, drained}, return_when=asyncio.FIRST_COMPLETED)
                for each in holding:
                    if each.done():
                        each.result()
                await asyncio.gather(*(self._end(each) for each in set(self._open)))
            finally:
                tasks = [*holding, drained, *self._ending]
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def wrong(self) -> str:
        """Why nothing is heard, or nothing."""
        return "" if any(connection.is_open for connection in self._open) else "Slack is not connected"

    async def _hold(self, http: aiohttp.ClientSession, draining: asyncio.Event) -> None:
        """One connection after the other: the next one is open before the last one is closed."""
        last: _Connection | None = None
        while not draining.is_set():
            connection = await self._connect(http)
            self._open.add(connection)
            if last:
                ending = asyncio.create_task(self._end(last))
                self._ending.add(ending)
                ending.add_done_callback(self._ending.discard)
            await asyncio.gather(connection.leaving.wait(), asyncio.sleep(_LEAST))
            last = connection

    async def _end(self, connection: "_Connection") -> None:
        self._open.discard(connection)
        await connection.end()

    async def _connect(self, http: aiohttp.ClientSession) -> "_Connection":
        """A new connection, however long it takes."""
        retrying = AsyncRetrying(
            retry=retry_if_exception_type((PlatformError, aiohttp.ClientError, OSError, TimeoutError)),
            wait=wait_random_exponential(multiplier=0.5, max=_SLOWEST),
            before_sleep=lambda state: log.warning("slack.not_connected", attempt=state.attempt_number),
        )
        return await retrying(self._opened, http)

    async def _opened(self, http: aiohttp.ClientSession) -> "_Connection":
        url = await ticket(self._client, self._app_token)
        timeout = aiohttp.ClientWSTimeout(ws_close=1.0)
        socket = await http.ws_connect(url, heartbeat=self._heartbeat, timeout=timeout)
        return _Connection(socket, self._dispatch)


class _Connection:
    """One connection, and what of it is being taken.

    It is `leaving` once Slack asks for another one, or it is lost. Until it is ended what comes is taken.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, dispatch: Dispatch) -> None:
        self._socket = socket
        self._dispatch = dispatch
        self._taking: set[asyncio.Task[None]] = set()
        self.leaving = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    @property
    def is_open(self) -> bool:
        """Whether it can be heard on."""
        return not self._socket.closed

    async def _read(self) -> None:
        try:
            await self._take_all()
        finally:
            self.leaving.set()

    async def _take_all(self) -> None:
        async for frame in self._socket:
            told = _told(frame)
            if told.get("type") == "hello":
                log.info("slack.connected", connections=told.get("num_connections"))
            elif told.get("type") == "disconnect":
                log.info("slack.disconnect_asked", reason=told.get("reason"))
                self.leaving.set()
            elif "envelope_id" in told:
                task = asyncio.create_task(self._take(told))
                self._taking.add(task)
                task.add_done_callback(self._taking.discard)
        if not self.leaving.is_set():
            log.warning("slack.connection_lost", code=self._socket.close_code)

    async def _take(self, envelope: Mapping[str, Any]) -> None:
        """Acknowledge an envelope once it is taken; Slack sends one again that is not."""
        attempt = envelope.get("retry_attempt")
        headers = {} if attempt is None else {"x-slack-retry-num": str(attempt)}
        response = await self._dispatch(envelope.get("payload"), headers)
        if response.status != 200:
            return
        told = {"envelope_id": envelope["envelope_id"]}
        try:
            await self._socket.send_json({**told, "payload": _payload(response)} if response.body else told)
        except ConnectionError:
            log.info("slack.not_acknowledged")

    async def end(self) -> None:
        """Let what is being taken be acknowledged, and close."""
        if self._taking:
            _, late = await asyncio.wait(self._taking, timeout=LAST_TAKEN)
            for task in late:
                task.cancel()
        self.leaving.set()
        await self._socket.close()
        await asyncio.gather(self._reading, return_exceptions=True)


def _told(frame: aiohttp.WSMessage) -> dict[str, Any]:
    """What a frame says; one that is no JSON object says nothing to us."""
    try:
        told = json.loads(frame.data) if frame.type is aiohttp.WSMsgType.TEXT else {}
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _payload(response: BoltResponse) -> Any:
    kind = response.headers.get("content-type", [""])[0]
    return json.loads(response.body) if kind.startswith("application/json") else {"text": response.body}
