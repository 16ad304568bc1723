"""How faults take HTTP calls."""

import socket
import struct
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from aiohttp import web

from tests.emulators.shared.faults import Answer, Armed

Verb = Callable[[str, dict[str, Any]], Awaitable[object]]
"""How a fault does something of the control API."""


class Reset(Exception):
    """The connection is to be reset."""


async def happened(faults: Iterable[Armed], do: Verb, *, after: bool) -> Answer | None:
    """Let happen what should before or after the effect; the answer that a call gets instead of its own."""
    for armed in faults:
        if armed.fault.after == after:
            await armed.happen(do)
            if armed.fault.reset:
                raise Reset
            if armed.fault.answer:
                return armed.fault.answer
    return None


def hang_up(request: web.Request) -> None:
    """End the connection with a reset: whoever waits for an answer sees ECONNRESET."""
    if request.transport:
        line = request.transport.get_extra_info("socket")
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
