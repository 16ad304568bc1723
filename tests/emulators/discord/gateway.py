"""The gateway: sessions that live on without their connection, each with a log of what it was told.

https://discord.com/developers/docs/events/gateway
"""

import asyncio
import json
import secrets
import zlib
from dataclasses import dataclass, field

from aiohttp import WSMsgType, web

from tests.emulators.discord import payloads
from tests.emulators.discord.model import Json
from tests.emulators.discord.world import (
    GUILD_MEMBERS,
    GUILDS,
    MESSAGE_CONTENT,
    PRESENCES,
    Event,
    World,
)

DISPATCH, HEARTBEAT, IDENTIFY, RESUME, RECONNECT, ASK_MEMBERS, INVALID, HELLO, ACK = (
    0,
    1,
    2,
    6,
    7,
    8,
    9,
    10,
    11,
)
"""Opcodes."""

KNOWN_INTENTS = (1 << 26) - 1


class Closed(Exception):
    """The server ends the connection with this code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(eq=False, slots=True)
class Session:
    """What one shard of one client is told; `log` is what RESUME may ask for again."""

    id: str
    shard: tuple[int, int]
    intents: int
    log: list[Json] = field(default_factory=list)
    connection: "Connection | None" = None
    resumes: int = 0
    heartbeats: int = 0

    def sees(self, event: Event) -> bool:
        """Whether it is told of this."""
        shard, shards = self.shard
        mine = (int(event.guild or 0) >> 22) % shards == shard
        return mine and (not event.intents or bool(self.intents & event.intents))

    def tell(self, name: str, data: Json) -> None:
        """Write an event to the log, and say it where somebody listens."""
        frame = {"op": DISPATCH, "t": name, "s": len(self.log) + 1, "d": data}
        self.log.append(frame)
        if self.connection:
            self.connection.send(frame)


class Connection:
    """One web socket: frames go out in the order in which they were sent, compressed if the client asked."""

    def __init__(self, socket: web.WebSocketResponse, line: asyncio.Transport, *, compress: bool) -> None:
        self.socket = socket
        self.line = line
        self.silent = False
        """Whether it says nothing any more."""
        self.dropped = False
        """Whether it was the server that ended it."""
        self._deflate = zlib.compressobj() if compress else None
        self._waiting: asyncio.Queue[Json] = asyncio.Queue()

    def send(self, frame: Json) -> None:
        """Say this after all that was said before."""
        if not self.silent:
            self._waiting.put_nowait(frame)

    async def write(self) -> None:
        """Write what was sent, until the socket ends."""
        while True:
            text = json.dumps(await self._waiting.get(), separators=(",", ":"))
            try:
                if self._deflate:
                    packed = self._deflate.compress(text.encode()) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
                    await self.socket.send_bytes(packed)
                else:
                    await self.socket.send_str(text)
            except ConnectionError:
                return


class Gateway:
    """All sessions of a world's bot. `closes` are the codes with which the server ended connections."""

    def __init__(self, world: World, *, shards: int = 1, heartbeat: float = 41.25) -> None:
        self.shards = shards
        self.heartbeat = heartbeat
        self.sessions: dict[str, Session] = {}
        self.connections: set[Connection] = set()
        self.identifies = 0
        self.closes: list[int] = []
        self._world = world
        world.listeners.append(self._tell)

    @property
    def address(self) -> str:
        """Where it listens."""
        return self._world.address.replace("http", "ws", 1) + "/gateway"

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """One connection from HELLO to its end."""
        socket = web.WebSocketResponse(compress=False, max_msg_size=1 << 16, timeout=1)
        await socket.prepare(request)
        line = request.transport
        assert line is not None
        connection = Connection(socket, line, compress=request.query.get("compress") == "zlib-stream")
        writer = asyncio.create_task(connection.write())
        self.connections.add(connection)
        connection.send({"op": HELLO, "d": {"heartbeat_interval": int(self.heartbeat * 1000)}})
        try:
            await self._listen(connection)
        except Closed as closed:
            self.closes.append(closed.code)
            await socket.close(code=closed.code, message=closed.reason.encode())
        finally:
            writer.cancel()
            self.connections.discard(connection)
            self._left(connection)
        return socket

    def _left(self, connection: Connection) -> None:
        """Sessions outlive their connection, unless the client said that it goes for good."""
        for session in list(self.sessions.values()):
            if session.connection is connection:
                session.connection = None
                if connection.socket.close_code in (1000, 1001) and not connection.dropped:
                    del self.sessions[session.id]

    async def _listen(self, connection: Connection) -> None:
        session: Session | None = None
        async for message in connection.socket:
            if message.type != WSMsgType.TEXT:
                raise Closed(4002, "Error while decoding payload.")
            frame = json.loads(message.data)
            op, data = frame["op"], frame.get("d")
            if op == HEARTBEAT:
                connection.send({"op": ACK})
                if session:
                    session.heartbeats += 1
            elif op == IDENTIFY:
                session = self._identify(connection, data)
            elif op == RESUME:
                session = self._resume(connection, data)
            elif session is None:
                raise Closed(4003, "Not authenticated.")
            elif op == ASK_MEMBERS:
                self._members(session, data)

    def _identify(self, connection: Connection, data: Json) -> Session:
        self._check_token(data)
        intents, application = data.get("intents", 0), self._world.application
        shard, shards = data.get("shard", (0, 1))
        if intents & ~KNOWN_INTENTS:
            raise Closed(4013, "Invalid intent(s).")
        refused = MESSAGE_CONTENT * (not application.message_content) | PRESENCES * (
            not application.presence_intent
        )
        if intents & (refused | GUILD_MEMBERS * (not application.members_intent)):
            raise Closed(4014, "Disallowed intent(s).")
        if not 0 <= shard < shards:
            raise Closed(4010, "Invalid shard.")
        self.identifies += 1
        session = Session(secrets.token_hex(16), (shard, shards), intents, connection=connection)
        self.sessions[session.id] = session
        self._ready(session)
        return session

    def _check_token(self, data: Json) -> None:
        if data.get("token") != self._world.application.token:
            raise Closed(4004, "Authentication failed.")

    def _ready(self, session: Session) -> None:
        world, application = self._world, self._world.application
        guilds = [
            guild
            for guild in world.guilds.values()
            if application.bot in guild.members and session.sees(Event("GUILD_CREATE", {}, guild.id))
        ]
        session.tell(
            "READY",
            {
                "v": 10,
                "user": payloads.user(world.user(application.bot)),
                "guilds": [{"id": guild.id, "unavailable": True} for guild in guilds],
                "session_id": session.id,
                "resume_gateway_url": self.address,
                "shard": list(session.shard),
                "application": {"id": application.id, "flags": application.flags},
            },
        )
        for guild in guilds if session.intents & GUILDS else ():
            session.tell("GUILD_CREATE", payloads.guild_created(world, guild))

    def _resume(self, connection: Connection, data: Json) -> Session | None:
        self._check_token(data)
        session = self.sessions.get(data["session_id"])
        if session is None:
            connection.send({"op": INVALID, "d": False})
            return None
        if data["seq"] > len(session.log):
            raise Closed(4007, "Invalid seq.")
        session.resumes += 1
        session.connection = connection
        for frame in session.log[data["seq"] :]:
            connection.send(frame)
        session.tell("RESUMED", {"_trace": []})
        return session

    def _members(self, session: Session, data: Json) -> None:
        guild = self._world.guild(str(data["guild_id"]))
        wanted = data.get("user_ids")
        asked = [str(key) for key in (wanted if isinstance(wanted, list) else [wanted])] if wanted else None
        if asked is None and not session.intents & GUILD_MEMBERS:
            raise Closed(4014, "Disallowed intent(s).")
        start = data.get("query") or ""
        found = [
            key
            for key in guild.members
            if (key in asked if asked is not None else self._world.users[key].name.startswith(start))
        ]
        found = found[: data.get("limit") or None]
        chunk = {"guild_id": guild.id, "chunk_index": 0, "chunk_count": 1, "nonce": data.get("nonce")}
        members = [payloads.full_member(self._world, guild, key) for key in found]
        missing = [key for key in asked or () if key not in found]
        session.tell("GUILD_MEMBERS_CHUNK", {**chunk, "members": members, "not_found": missing})

    def _tell(self, event: Event) -> None:
        for session in self.sessions.values():
            if session.sees(event):
                unread = event.hidden is not None and not session.intents & MESSAGE_CONTENT
                session.tell(event.name, event.hidden if unread and event.hidden else event.data)

    # ---- what goes wrong ---------------------------------------------------------------------------

    async def drop(self, code: int) -> None:
        """End all connections with this code; 1006 is the line going dead without a word."""
        for connection in list(self.connections):
            connection.dropped = True
            if code == 1006:
                connection.line.abort()
            else:
                self.closes.append(code)
                await connection.socket.close(code=code)

    def ask_to_reconnect(self) -> None:
        """Send op 7 to everyone."""
        for connection in self.connections:
            connection.send({"op": RECONNECT, "d": None})

    def invalidate(self, *, resumable: bool, shard: int | None = None) -> None:
        """Send op 9 to a shard or to everyone; sessions that are not resumable are gone."""
        for key, session in list(self.sessions.items()):
            if shard in (None, session.shard[0]):
                if not resumable:
                    del self.sessions[key]
                if session.connection:
                    session.connection.send({"op": INVALID, "d": resumable})

    def silence(self) -> None:
        """Let the connections that stand say nothing any more: no events, no ACKs."""
        for connection in self.connections:
            connection.silent = True

    def replay(self, events: int) -> None:
        """Send each session's last events once more, as they were."""
        for session in self.sessions.values():
            for frame in session.log[-events:]:
                if session.connection:
                    session.connection.send(frame)
