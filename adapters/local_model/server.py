"""The embedded model as a server: where it listens, from its start to its end."""

import asyncio
import errno
import os
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from adapters.local_model.api import application
from adapters.local_model.engine import loaded
from adapters.local_model.request import Limits
from adapters.local_model.service import Service
from core.errors import UserError

_DRAIN = 30.0
"""Seconds that running requests have to end once the server is told to stop."""


async def serve(
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    unix_socket: Path | None = None,
    limits: Limits | None = None,
    slots: int = 2,
    ready: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve until SIGTERM or cancelled; then take nothing new and let running requests end.

    Listens on `host` and `port` (0: any free one), or on `unix_socket`, whose directory must be private.
    Calls `ready` with the address once it answers. At most `slots` requests generate at once, the others
    wait. Raises UserError when the address or the model cannot be had.
    """
    limits = limits or Limits()
    with _sigterm() as stopped, _at(host, port) if unix_socket is None else _at_path(unix_socket) as place:
        async with loaded(place.engine, window=limits.max_total_tokens, slots=slots) as engine:
            app = application(Service(engine, limits, slots=slots))
            runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=_DRAIN)
            await runner.setup()
            try:
                await place.site(runner).start()
                ready(place.url)
                await stopped.wait()
            finally:
                await runner.cleanup()


@dataclass(frozen=True, slots=True)
class _Place:
    """Where to listen; `engine` is a path for llama.cpp's own socket, in a private directory."""

    url: str
    site: Callable[[web.AppRunner], web.BaseSite]
    engine: Path


@contextmanager
def _at(host: str, port: int) -> Iterator[_Place]:
    """A port, taken before the model is loaded, so that a busy one is told at once."""
    six = ":" in host
    try:
        listener = socket.create_server((host, port), family=socket.AF_INET6 if six else socket.AF_INET)
    except (OSError, OverflowError) as error:
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            raise UserError(f"Port {port} is already in use; choose another with --port.") from error
        raise UserError(f"Cannot listen on {host}, port {port}: {error}.") from error
    with listener, tempfile.TemporaryDirectory(prefix="chasqui-model-", dir=_short_tempdir()) as private:
        url = f"http://{f'[{host}]' if six else host}:{listener.getsockname()[1]}"
        yield _Place(url, lambda runner: web.SockSite(runner, listener), Path(private) / "llama.sock")


@contextmanager
def _at_path(path: Path) -> Iterator[_Place]:
    engine = path.with_name("llama.sock")
    engine.unlink(missing_ok=True)
    try:
        yield _Place(f"unix:{path}", lambda runner: web.UnixSite(runner, str(path)), engine)
    finally:
        engine.unlink(missing_ok=True)
        path.unlink(missing_ok=True)


def _short_tempdir() -> str:
    """Where the path of a socket stays below the 104 bytes that macOS allows."""
    usual = tempfile.gettempdir()
    return usual if len(os.fsencode(usual)) <= 60 else "/tmp"  # noqa: S108 - a new private directory in it


@contextmanager
def _sigterm() -> Iterator[asyncio.Event]:
    """An event that SIGTERM sets, instead of ending the process."""
    came = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, came.set)
    try:
        yield came
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
