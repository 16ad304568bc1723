"""A backend made of backends: choose a replica, and try again while nothing was said yet."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, stop_after_delay
from tenacity.wait import wait_random_exponential

from core.errors import BackendError
from core.ports import Backend
from core.types import Delta, Limits, Sampling

log = structlog.get_logger()

ATTEMPTS = 3
PATIENCE = 60.0
"""Seconds after which nothing is tried again: who waited so long for a silent replica is told so."""
LONGEST_WAIT = 20.0
"""Seconds: a replica that asks for more patience is asked again after this."""
REST = 5.0
"""Seconds for which a replica that just failed is only the last resort."""
ASK_AGAIN = 60.0
"""Seconds until a replica that did not say its limits is asked for them again."""
SLOTS_UNTIL_KNOWN = 16
"""Slots that are counted on at a replica that did not say yet how many it has."""


@dataclass(slots=True)
class _Replica:
    name: str
    backend: Backend
    streams: int = 0
    failed_at: float = -REST
    limits: Limits | None = None
    ask_at: float = 0.0


class Router:
    """The Backend over all replicas, which have their numbers for `names` where none are given.

    A request goes to the replica that keeps a slot for it, else to the one with the fewest streams, and
    to one that failed a moment ago last. It is tried again, elsewhere where there is an elsewhere, only
    for errors that say so and only until the first text was handed on; after that an error is the
    caller's to show. `clock` tells the time and `sleep` waits between two attempts, both in seconds.
    """

    def __init__(
        self,
        replicas: Sequence[Backend],
        *,
        names: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        if not replicas:
            raise ValueError("a router needs at least one replica")
        names = names or [str(number) for number in range(len(replicas))]
        self._replicas = [_Replica(*each) for each in zip(names, replicas, strict=True)]
        self._clock = clock
        self._sleep = sleep

    async def stream(self, prompt: str, params: Sampling) -> AsyncGenerator[Delta, None]:
        """As `Backend.stream`. Raises the last attempt's BackendError."""
        said = False
        retrying = AsyncRetrying(
            sleep=self._sleep,
            stop=stop_after_attempt(ATTEMPTS) | stop_after_delay(PATIENCE),
            retry=retry_if_exception(lambda e: isinstance(e, BackendError) and e.retryable and not said),
            wait=_wait,
            reraise=True,
        )
        async for attempt in retrying:
            with attempt:
                replica = self._choose(params.replica)
                async with aclosing(self._one(replica, prompt, params)) as deltas:
                    async for delta in deltas:
                        said = said or bool(delta.text)
                        yield delta

    async def count(self, text: str) -> int:
        """Tokens of `text`, as the replica chosen now counts them."""
        return await self._choose().backend.count(text)

    async def limits(self) -> Limits:
        """What every replica can take: the least of each number. Raises when none answers.

        Each replica is asked once; one that does not answer holds nobody up again before `ASK_AGAIN`.
        """
        somebody = any(replica.limits for replica in self._replicas)
        due = [r for r in self._replicas if not r.limits and not (somebody and self._clock() < r.ask_at)]
        errors = await asyncio.gather(*map(self._ask_limits, due))
        known = [replica.limits for replica in self._replicas if replica.limits]
        if not known:
            raise next(error for error in errors if error)
        return Limits(
            model=known[0].model,
            window=min(limits.window for limits in known),
            max_input=min(limits.max_input for limits in known),
            max_concurrent=sum(limits.max_concurrent for limits in known),
            raw_text=all(limits.raw_text for limits in known),
        )

    async def _ask_limits(self, replica: _Replica) -> BackendError | None:
        try:
            replica.limits = await replica.backend.limits()
        except BackendError as error:
            replica.ask_at = self._clock() + ASK_AGAIN
            return error
        return None

    def capacity(self) -> dict[str, int]:
        """How many streams each replica takes at once, as far as it said so."""
        return {r.name: r.limits.max_concurrent if r.limits else SLOTS_UNTIL_KNOWN for r in self._replicas}

    def _choose(self, name: str = "") -> _Replica:
        now = self._clock()
        return min(
            self._replicas,
            key=lambda r: (now - r.failed_at < REST, not name or r.name != name, r.streams, r.failed_at),
        )

    async def _one(self, replica: _Replica, prompt: str, params: Sampling) -> AsyncGenerator[Delta, None]:
        replica.streams += 1
        try:
            async with aclosing(replica.backend.stream(prompt, params)) as deltas:
                async for delta in deltas:
                    yield delta
        except BackendError as error:
            replica.failed_at = self._clock()
            log.warning(
                "router.attempt_failed",
                replica=error.replica,
                error=type(error).__name__,
                detail=error.detail,
            )
            raise
        finally:
            replica.streams -= 1


_backoff = wait_random_exponential(multiplier=0.2, max=5)


def _wait(state: RetryCallState) -> float:
    """Full jitter, or what the replica asked for within reason."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, BackendError) else None
    return float(_backoff(state) if asked is None else min(asked, LONGEST_WAIT))
