"""A reply that does not give up: what must stand is tried again, what only helps never hurts."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import dataclass

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type
from tenacity.wait import wait_random_exponential

from core import trace
from core.errors import ChasquiError, RateLimited, WriteFailed
from core.ports import Ledger, Reply
from core.types import Outcome, PageProfile

log = structlog.get_logger()

PATIENCE = 60.0
"""Seconds for which something that must stand is tried."""
LONGEST_CALL = 20.0
"""Seconds: a platform that did not answer by then does not answer."""
DOUBT = 5.0
"""Seconds for which what another worker sent may still come to stand: it cannot be looked for before."""


@dataclass(slots=True)
class Sent:
    """What became of a reply on its platform: `pages` stand after so many `writes`, the edits included.

    So often it was `rate_limited`, and something that must stand was tried again.
    """

    pages: int = 0
    writes: int = 0
    rate_limited: int = 0
    retries: int = 0


class RetryingReply:
    """The Reply over another one.

    Final writes, files and the end are tried again while that may help; raises the PlatformError that
    is left. Other writes are tried once. A status neither delays nor breaks an answer. Before each try
    the ledger says whether the message is still ours: a worker that was paused writes nothing more. Nor is
    anything written while what a worker before sent may still be on its way.
    """

    def __init__(self, reply: Reply, ledger: Ledger) -> None:
        self._reply = reply
        self._ledger = ledger
        self._status: asyncio.Task[None] | None = None
        self.sent = Sent()

    @property
    def profile(self) -> PageProfile:
        """As `Reply.profile`."""
        return self._reply.profile

    async def status(self, text: str | None) -> None:
        """As `Reply.status`, but returns at once; the newest one wins."""
        self.drop_status()
        self._status = asyncio.create_task(self._show_status(text))

    async def write(self, page: int, markdown: str, *, final: bool) -> None:
        """As `Reply.write`; a final write is tried again."""
        self.drop_status()

        async def write() -> None:
            await self._reply.write(page, markdown, final=final)

        is_step = final or page >= self.sent.pages  # what grows in between is only counted
        with trace.step("reply.write", {"page": page, "final": final}) if is_step else nullcontext():
            await (self._insist(write) if final else self._once(write))
        self.sent.writes += 1
        self.sent.pages = max(self.sent.pages, page + 1)

    async def attach(self, name: str, text: str) -> None:
        """As `Reply.attach`, tried again."""
        with trace.step("reply.attach"):
            await self._insist(lambda: self._reply.attach(name, text))

    async def finish(self, outcome: Outcome) -> None:
        """As `Reply.finish`, tried again."""
        self.drop_status()
        with trace.step("reply.finish"):
            await self._insist(lambda: self._reply.finish(outcome))

    def drop_status(self) -> None:
        """No status comes after the text that it announced, nor from a worker that gave up the answer."""
        if self._status:
            self._status.cancel()
            self._status = None

    async def _show_status(self, text: str | None) -> None:
        try:
            await self._ledger.held()
            await self._reply.status(text)
        except ChasquiError as error:
            log.info("reply.status_failed", error=type(error).__name__, detail=str(error))

    async def _once(self, call: Callable[[], Awaitable[None]]) -> None:
        await self._outlast_doubt()
        await self._ledger.held()
        try:
            async with asyncio.timeout(LONGEST_CALL):
                await call()
        except TimeoutError:
            raise WriteFailed(f"the platform did not answer within {LONGEST_CALL:.0f} s") from None
        except RateLimited:
            self.sent.rate_limited += 1
            raise

    async def _outlast_doubt(self) -> None:
        before = await self._ledger.standing()
        if None in before.pages.values():
            await asyncio.sleep(before.noted_at + DOUBT - asyncio.get_running_loop().time())

    async def _insist(self, call: Callable[[], Awaitable[None]]) -> None:
        retrying = AsyncRetrying(
            sleep=asyncio.sleep,
            retry=retry_if_exception_type((RateLimited, WriteFailed)),
            wait=_wait,
            before_sleep=self._tries_again,
        )
        try:
            async with asyncio.timeout(PATIENCE):
                await retrying(self._once, call)
        except TimeoutError:
            raise WriteFailed(f"the platform took nothing for {PATIENCE:.0f} s") from None

    def _tries_again(self, state: RetryCallState) -> None:
        self.sent.retries += 1
        error = state.outcome.exception() if state.outcome else None
        log.warning(
            "reply.attempt_failed",
            attempt=state.attempt_number,
            error=type(error).__name__,
            detail=str(error),
        )


_backoff = wait_random_exponential(multiplier=0.5, max=8)


def _wait(state: RetryCallState) -> float:
    """Full jitter, behind what the platform asked for."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, RateLimited) else None
    return float(_backoff(state)) + (asked or 0.0)
