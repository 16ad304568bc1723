"""The platform: it takes posts and edits over a unix socket and records them all.

A call is one line of JSON on a connection of its own and so is its result::

    {"call": "post", "by": "w1", "message": "m7", "part": 0, "text": "Hello", "final": false} -> "17"
    {"call": "edit", "by": "w1", "id": "17", "text": "Hello there", "final": true}           -> null
    {"call": "find", "by": "w1", "message": "m7"}                                            -> [[0, "17"]]
    {"call": "status", "by": "w1", "message": "m7", "text": "Thinking …"}                    -> null

A `part` is a page's number, or FILE or END of `core.ports`. As on real platforms, a post that comes twice
stands twice: that it comes once is for the client to see to.
"""

import asyncio
import json
import time
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from core.ports import END

MAX_LINE = 1 << 20
"""Bytes of a call; an attached file is one too."""

Fault = Literal["refuse", "lose"]
"""The call is not done, or it is done and nobody is told: either way the connection just ends."""


@dataclass(frozen=True, slots=True)
class Event:
    """A call that was done, at a time of ``time.monotonic``, by the worker of that name."""

    at: float
    by: str
    call: str
    message: str
    part: int = 0
    id: str = ""
    text: str = ""
    final: bool = False


class EchoServer:
    """``async with EchoServer(socket) as server``: serves in this process.

    `events` is what was done, `ends` how many answers have ended. Each call that writes takes one fault off
    `faults`, if there is one.
    """

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self.events: list[Event] = []
        self.ends = 0
        self.faults: deque[Fault] = deque()
        self._of: defaultdict[str, list[Event]] = defaultdict(list)
        self._posts: list[Event] = []  # a post's id is its index

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_unix_server(self._serve, self.socket, limit=MAX_LINE)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._server.close()
        await self._server.wait_closed()

    def of(self, message: str) -> Sequence[Event]:
        """What was done for one message."""
        return self._of[message]

    def pages(self, message: str) -> list[str]:
        """The texts of a message's pages as they stand, in the order in which they were posted."""
        shown = {event.id: event.text for event in self._of[message] if event.id and event.part >= 0}
        return list(shown.values())

    def ended(self, message: str) -> bool:
        """Whether the answer to a message has its end."""
        return any(event.part == END for event in self._of[message])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if line := await reader.readline():
                call = json.loads(line)
                fault = self.faults.popleft() if self.faults and call["call"] in ("post", "edit") else None
                result = None if fault == "refuse" else self._do(**call)
                if fault is None:
                    writer.write(json.dumps(result).encode() + b"\n")
                    await writer.drain()
        except ConnectionError:
            pass  # whoever asked is gone
        finally:
            writer.close()

    def _do(self, call: str, by: str, **given: Any) -> Any:
        result: Any = None
        if call == "post":
            result = given["id"] = str(len(self._posts))
        elif call == "edit":
            post = self._posts[int(given["id"])]
            given |= {"message": post.message, "part": post.part}
        elif call == "find":
            result = [(each.part, each.id) for each in self._of[given["message"]] if each.call == "post"]
        event = Event(time.monotonic(), by, call, **given)
        if call == "post":
            self._posts.append(event)
            self.ends += event.part == END
        self.events.append(event)
        self._of[event.message].append(event)
        return result
