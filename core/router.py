"""A backend made of backends: choose a replica, try again while nothing was said, go on elsewhere after it.

What a replica is worth is known to `core.breaker`, how often may be tried again to `core.budget`; which
replica a thread belongs to was decided with its slot, when a worker took its message.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import partial

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_delay
from tenacity.wait import wait_random_exponential

from core.affinity import weight
from core.budget import RetryBudget
from core.errors import BackendError, StreamBroken
from core.ports import Backend
from core.replica import LONGEST_WAIT, ReplicaView, RoutedReplica
from core.story import tally
from core.types import Delta, Finish, Limits, Sampling, Usage

log = structlog.get_logger()

ATTEMPTS = 3
PATIENCE = 90.0
"""Seconds: longer than one silent replica is waited for, which costs nobody the answer, and less than two."""


@dataclass(slots=True)
class _Answer:
    """What is made of one prompt: the `pieces` that were handed on, and who was asked for them."""

    prompt: str
    params: Sampling
    pieces: list[str] = field(default_factory=list)
    asked: list[RoutedReplica] = field(default_factory=list)

    @property
    def keeper(self) -> str:
        """The replica that keeps the slot, if any is kept: it went along to whoever was asked last."""
        return self.asked[-1].name if self.asked and self.params.replica else self.params.replica


class Router:
    """The Backend over all replicas, which have their numbers for `names` where none are given.

    A request goes to the replica that keeps a slot for it, else to the one with the fewest streams, and to
    one that failed lately only where no other is left. Until the first text was handed on, it is tried again,
    elsewhere where there is an elsewhere, for errors that say so. A stream that breaks after that is gone on
    with on another replica, once; where that is not possible, the error is the caller's to show. `clock`
    tells the time and `sleep` waits between two attempts, both in seconds. Before another replica is asked
    than the one that keeps a slot, an empty Delta names it, so that the slot can go along. After so many
    seconds of `patience` nothing is tried again.
    """

    def __init__(
        self,
        replicas: Sequence[Backend],
        *,
        names: Sequence[str] = (),
        patience: float = PATIENCE,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        if not replicas:
            raise ValueError("a router needs at least one replica")
        names = names or [str(number) for number in range(len(replicas))]
        self._replicas = [RoutedReplica(*each, clock) for each in zip(names, replicas, strict=True)]
        self._budget = RetryBudget(clock)
        self._patience = patience
        self._sleep = sleep

    async def stream(self, prompt: str, params: Sampling) -> AsyncGenerator[Delta, None]:
        """As `Backend.stream`. Raises the last attempt's BackendError, or how the stream broke after text."""
        answer = _Answer(prompt, params)
        self._budget.requested()
        try:
            async with aclosing(self._begun(answer)) as deltas:
                async for delta in deltas:
                    yield delta
        except StreamBroken as broken:
            async with aclosing(self._continued(answer, broken)) as deltas:
                async for delta in deltas:
                    yield delta

    async def count(self, text: str) -> int:
        """Tokens of `text`, always as the same replica counts it while that is well: it remembers."""
        return await max(self._well(), key=lambda replica: weight(text, replica.name)).backend.count(text)

    async def limits(self) -> Limits:
        """What every replica can take: the least of each number. Raises when none answers.

        Each replica is asked once; one that does not answer holds nobody up again before `ASK_AGAIN`.
        """
        somebody = any(replica.limits for replica in self._replicas)
        due = [r for r in self._replicas if not r.limits and (r.may_say_limits or not somebody)]
        errors = await asyncio.gather(*(replica.ask_limits() for replica in due))
        known = [replica.limits for replica in self._replicas if replica.limits]
        if not known:
            raise next(error for error in errors if error)
        return Limits(
            model=known[0].model,
            window=min(limits.window for limits in known),
            max_input=min(limits.max_input for limits in known),
            max_concurrent=sum(limits.max_concurrent for limits in known),
            raw_text=all(limits.raw_text for limits in known),
            template=known[0].template,
        )

    def capacity(self) -> dict[str, int]:
        """How many streams each replica takes at once: none while it is not well."""
        well = self._well()
        return {replica.name: replica.slots if replica in well else 0 for replica in self._replicas}

    def replicas(self) -> list[ReplicaView]:
        """All replicas as they are now."""
        return [replica.view() for replica in self._replicas]

    def _well(self) -> list[RoutedReplica]:
        """The replicas that may be asked: all of them where none is well, for somebody has to be."""
        return [replica for replica in self._replicas if replica.is_well] or self._replicas

    def _choose(self, name: str = "", asked: Sequence[RoutedReplica] = ()) -> RoutedReplica:
        return min(self._well(), key=lambda r: (asked.count(r), r.name != name, r.streams))

    def _successor(self, answer: _Answer, broken: StreamBroken) -> RoutedReplica:
        """Who can go on with an answer that broke off after some text. Raises `broken` where nobody can."""
        able = [r for r in self._replicas if r.is_well and r.limits and r.limits.raw_text]
        others = [replica for replica in able if answer.pieces and replica is not answer.asked[-1]]
        if not others:
            raise broken
        return min(others, key=lambda r: r.streams)

    async def _begun(self, answer: _Answer) -> AsyncGenerator[Delta, None]:
        """The answer up to its end, or to a failure after its first text."""
        retrying = AsyncRetrying(
            sleep=self._sleep,
            stop=stop_after_delay(self._patience),
            retry=retry_if_exception(lambda error: self._may_retry(answer, error)),
            wait=self._wait,
            before_sleep=partial(_log_retry, answer),
            reraise=True,
        )
        async for attempt in retrying:
            with attempt:
                replica = self._choose(answer.params.replica, answer.asked)
                number = len(answer.asked) + 1
                stream = replica.stream(answer.prompt, answer.params, answer.keeper, number)
                answer.asked.append(replica)
                async with aclosing(stream) as deltas:
                    async for delta in deltas:
                        if delta.text:
                            answer.pieces.append(delta.text)
                        yield delta

    async def _continued(self, answer: _Answer, broken: StreamBroken) -> AsyncGenerator[Delta, None]:
        """The rest of an answer that broke off, from another replica; it counts as if one had said all."""
        prompt, text = answer.prompt, "".join(answer.pieces)
        counting = self._successor(answer, broken).backend
        before = await counting.count(prompt)
        said = max(await counting.count(prompt + text) - before, len(answer.pieces))
        left = answer.params.max_new_tokens - said
        if left <= 0:
            yield Delta("", Finish("length", Usage(before, said)), broken.replica)
            return
        replica = self._successor(answer, broken)  # anew: counting took a moment
        log.info("router.continued", broken=broken.replica, replica=replica.name, tokens=said)
        replica.continued += 1
        params, number = replace(answer.params, max_new_tokens=left), len(answer.asked) + 1
        rest = replica.stream(prompt + text, params, answer.keeper, number)
        try:
            async with aclosing(rest) as deltas:
                async for delta in deltas:
                    yield replace(delta, finish=_behind(said, delta.finish)) if delta.finish else delta
        except BackendError as error:
            raise broken from error

    def _may_retry(self, answer: _Answer, error: BaseException) -> bool:
        """Whether what failed may be tried once more, which spends a retry."""
        passing = isinstance(error, BackendError) and error.retryable
        return passing and not answer.pieces and len(answer.asked) < ATTEMPTS and self._budget.grants()

    def _wait(self, state: RetryCallState) -> float:
        """Full jitter; what the failed replica asked for, within reason, where there is no other."""
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, BackendError) else None
        if asked is None or any(replica.is_well for replica in self._replicas):
            return float(_backoff(state))
        return min(asked, LONGEST_WAIT)


_backoff = wait_random_exponential(multiplier=0.2, max=5)


def _log_retry(answer: _Answer, state: RetryCallState) -> None:
    tally().model_retries += 1
    failed, seconds = answer.asked[-1].name, round(state.upcoming_sleep, 2)
    log.info("router.tries_again", replica=failed, attempt=state.attempt_number, seconds=seconds)


def _behind(said: int, finish: Finish) -> Finish:
    """How an answer ended of which another replica `said` so many tokens: they stood in the prompt."""
    usage = finish.usage
    prompt = max(usage.prompt_tokens - said, 0)
    return replace(finish, usage=Usage(prompt, said + usage.completion_tokens))
