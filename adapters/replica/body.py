"""The body of a response, read within its time and its bounds."""

import asyncio
import contextlib
import math

import aiohttp

from adapters.replica.errors import TRANSPORT


class Body:
    """The body of a stream, read piece by piece, each up to a deadline.

    One timer serves the whole stream and is moved only when it goes off: `asyncio.timeout` around
    each read would cost as much as all else that is done with a token.
    """

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self._loop = asyncio.get_running_loop()
        self._deadline = math.inf  # of the read under way
        self._late = False
        self._timer: asyncio.TimerHandle | None = None

    async def read(self, deadline: float) -> bytes:
        """The next bytes, or b"" at the end. Raises TimeoutError at `deadline`, in the loop's time."""
        self._deadline = deadline
        if self._timer is None or self._timer.when() > deadline:
            self._set_timer()
        try:
            return await self._response.content.readany()
        except aiohttp.ClientError as exc:
            if self._late:
                raise TimeoutError from exc
            raise
        finally:
            self._deadline = math.inf

    async def drain(self) -> None:
        """Read the end that follows the last event, so that the connection can serve the next request."""
        with contextlib.suppress(*TRANSPORT):
            async with asyncio.timeout(0.05):
                while await self._response.content.readany():
                    pass

    def close(self) -> None:
        """Let go; a body that was not read to its end takes its connection along."""
        self._response.close()
        if self._timer is not None:
            self._timer.cancel()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._deadline, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        if self._deadline <= self._loop.time():
            self._late = True
            self._response.close()
        elif self._deadline < math.inf:
            self._set_timer()


async def read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """The body, or its first `limit` bytes (about)."""
    body = bytearray()
    while len(body) < limit and (chunk := await response.content.readany()):
        body += chunk
    return bytes(body)
