"""Socket Mode: https://docs.slack.dev/apis/events-api/using-socket-mode."""

import asyncio
import secrets
import uuid
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import WSMsgType, web

from tests.emulators.slack.errors import ApiError
from tests.emulators.slack.model import Json
from tests.emulators.slack.outbox import Attempt, Delivery, Unacknowledged
from tests.emulators.slack.world import World

MOST = 10
"""Sockets that an app may have at once."""

Farewell = Literal["warning", "refresh_requested", "link_disabled"]


@dataclass(slots=True)
class Socket:
    """One connection, and the envelopes in it that wait for an acknowledgement."""

    number: int
    web: web.WebSocketResponse
    transport: asyncio.Transport | None
    waiting: dict[str, asyncio.Future[Any]] = field(default_factory=dict)
    envelopes: int = 0
    leaving: bool = False
    silent: bool = False


class Sockets:
    """The app's connections; each envelope goes to one of them, in turn."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._tickets: set[str] = set()
        self._turn = 0
        self._count = 0
        self.open: list[Socket] = []

    def ticket(self) -> str:
        """The address of one new connection."""
        if len(self.open) >= MOST:
            raise ApiError("too_many_websockets")
        ticket = secrets.token_hex(8)
        self._tickets.add(ticket)
        address = self._world.address.replace("http", "ws", 1)
        return f"{address}/link/?ticket={ticket}&app_id={self._world.application.id}"

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One connection, from its hello to its end."""
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            return web.Response(status=408, text="Invalid ticket")
        self._tickets.discard(ticket)
        connection = web.WebSocketResponse(autoping=False)
        await connection.prepare(request)
        self._count += 1
        socket = Socket(self._count, connection, request.transport)
        self.open.append(socket)
        try:
            await connection.send_json(self._hello())
            await self._listen(socket)
        finally:
            self.open.remove(socket)
            for waiting in socket.waiting.values():
                if not waiting.done():
                    waiting.set_exception(Unacknowledged("timeout"))
            await connection.close()
        return connection

    async def send(self, delivery: Delivery, attempt: Attempt, patience: float) -> Any:
        """Send an envelope over one socket; what its acknowledgement carries."""
        ready = [each for each in self.open if not each.leaving]
        if not ready:
            raise Unacknowledged("connection_failed")
        self._turn += 1
        socket = ready[self._turn % len(ready)]
        attempt.over = f"socket {socket.number}"
        envelope = str(uuid.uuid4())
        waiting: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        socket.waiting[envelope] = waiting
        sent: Json = {"envelope_id": envelope, "type": delivery.kind, "payload": delivery.payload}
        sent["accepts_response_payload"] = delivery.kind != "events_api"
        if delivery.kind == "events_api":
            sent |= {"retry_attempt": attempt.retry, "retry_reason": attempt.reason}
        socket.envelopes += 1
        try:
            if not socket.silent:
                await socket.web.send_json(sent)
            async with asyncio.timeout(patience):
                return await waiting
        except (TimeoutError, ConnectionError):
            raise Unacknowledged("timeout") from None
        finally:
            socket.waiting.pop(envelope, None)

    async def refresh(self, reason: Farewell) -> None:
        """Ask every client to connect anew; the old sockets get nothing more."""
        for socket in list(self.open):
            if reason != "warning":
                socket.leaving = True
            await socket.web.send_json(_farewell(reason))

    def drop(self) -> None:
        """End all connections without a word."""
        for socket in list(self.open):
            if socket.transport:
                socket.transport.abort()

    async def babble(self, text: str) -> None:
        """Send a text frame that is none of Slack's."""
        for socket in self.open:
            await socket.web.send_str(text)

    def silence(self) -> None:
        """Send nothing more over the open connections, not even a pong, and keep them open."""
        for socket in self.open:
            socket.silent = True

    async def close(self) -> None:
        """End all connections."""
        for socket in list(self.open):
            await socket.web.close(code=1001)

    async def _listen(self, socket: Socket) -> None:
        async for message in socket.web:
            if message.type is WSMsgType.PING and not socket.silent:
                await socket.web.pong(message.data)
            if message.type is not WSMsgType.TEXT or socket.silent:
                continue
            answer = message.json()
            waiting = socket.waiting.get(answer.get("envelope_id", ""))
            if waiting and not waiting.done():
                waiting.set_result(answer.get("payload"))

    def _hello(self) -> Json:
        debug = {"host": "applink-1", "build_number": 1, "approximate_connection_time": 18_060}
        about = {"app_id": self._world.application.id}
        return {
            "type": "hello",
            "num_connections": len(self.open),
            "debug_info": debug,
            "connection_info": about,
        }


def _farewell(reason: str) -> Json:
    return {"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-1"}}
