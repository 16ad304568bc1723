"""What the tests of backends share: listening to a stream, waiting, and servers of raw bytes."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any

from core.errors import BackendError, BackendFailed, BackendUnavailable
from core.ports import Backend
from core.types import Finish, Sampling

OF_THE_CONNECTION: dict[str, type[BackendError]] = {
    "eof": BackendFailed,
    "fin": BackendFailed,
    "rst": BackendFailed,
    "cut_json": BackendFailed,
    "not_json": BackendFailed,
    "stall": BackendUnavailable,
    "stall_comments": BackendUnavailable,
}
"""Faults in mid-stream that every engine can have, and what they are before the first text."""
SILENT = ("hang", "stall", "stall_comments")
"""Faults that only a deadline ends; all others are met with patience."""


class Heard:
    """Everything that one stream gave."""

    def __init__(self) -> None:
        self.text = ""
        self.finishes: list[Finish] = []
        self.replicas: set[str] = set()

    async def listen(self, backend: Backend, prompt: str = "USER: hi ASSISTANT:", **sampling: Any) -> "Heard":
        params = Sampling(**({"max_new_tokens": 200} | sampling))
        async with aclosing(backend.stream(prompt, params)) as stream:
            async for delta in stream:
                assert not self.finishes, "nothing follows the last Delta"
                self.text += delta.text
                self.replicas.add(delta.replica)
                self.finishes += [delta.finish] if delta.finish else []
        return self


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait until `condition` holds; fail when it does not within a generous time."""
    async with asyncio.timeout(5):
        while not condition():  # what is polled happens on the other side of a socket
            await asyncio.sleep(0.005)


@asynccontextmanager
async def raw_server(*answers: bytes, **of_path: bytes) -> AsyncIterator[str]:
    """The address of a server that answers its requests with these bytes, in turn, and hangs up.

    Requests for a path of one word that is named in `of_path` have an answer of their own.
    """
    left = itertools.cycle(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split(b" ")[1].decode().strip("/")
            writer.write(of_path[path] if path in of_path else next(left))
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
