"""One replica as its router knows it: what it can take, what runs there, and how it did so far."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

import structlog

from core import trace
from core.breaker import Asked, Breaker, State
from core.errors import BackendError, BackendFailed, BackendUnavailable, StreamBroken
from core.ports import Backend, Step
from core.prefixes import Prefixes
from core.story import tally
from core.types import Delta, Limits, Sampling

log = structlog.get_logger()

LONGEST_WAIT = 20.0
"""Seconds: a replica that asks for more patience is asked again after this."""
REST = 5.0
"""Seconds for which a replica that could not be reached is left alone: it may be loading."""
ASK_AGAIN = 15.0
"""Seconds until a replica that did not say its limits is asked for them again."""
SLOTS_UNTIL_KNOWN = 16
"""Slots that are counted on at a replica that was not asked yet how many it has."""


@dataclass(frozen=True, slots=True)
class ReplicaView:
    """A replica as it is now, with what was counted since the start.

    `continued` counts the answers with which this replica went on after another one broke off. `outstanding`
    are the tokens that its streams may still say. Of all `prompt_characters` that it was sent, it may have
    known `known_characters`.
    """

    name: str
    state: State
    limits: Limits | None
    streams: int
    requests: int
    failures: int
    ejections: int
    continued: int
    outstanding: int = 0
    prompt_characters: int = 0
    known_characters: int = 0


class RoutedReplica:
    """A replica among others. `clock` tells the time in seconds."""

    def __init__(self, name: str, backend: Backend, clock: Callable[[], float]) -> None:
        self.name = name
        self.backend = backend
        self.limits: Limits | None = None
        self.streams = self.continued = 0
        self._clock = clock
        self._breaker = Breaker(clock)
        self._ask_at: float | None = None
        self._requests = self._failures = self._ejections = 0
        self._outstanding = self._prompt_characters = self._known_characters = 0
        self._prefixes = Prefixes()

    @property
    def is_well(self) -> bool:
        """Whether it may be asked; one that was asked for its limits and never said them is not there yet."""
        return self._breaker.lets_through and (self.limits is not None or self._ask_at is None)

    @property
    def slots(self) -> int:
        """How many streams it takes at once, as far as it said so."""
        return self.limits.max_concurrent if self.limits else SLOTS_UNTIL_KNOWN

    @property
    def may_say_limits(self) -> bool:
        """Whether it is time to ask for limits that are not known."""
        return self.limits is None and (self._ask_at is None or self._clock() >= self._ask_at)

    async def ask_limits(self) -> BackendError | None:
        """Learn what it can take, or why it does not say; whoever comes meanwhile need not wait for that."""
        self._ask_at = self._clock() + ASK_AGAIN
        try:
            self.limits = await self.backend.limits()
        except BackendError as error:
            return error
        return None

    async def stream(
        self, prompt: str, params: Sampling, keeper: str = "", attempt: int = 1
    ) -> AsyncGenerator[Delta, None]:
        """As `Backend.stream`; what becomes of it is remembered.

        Where another one is the `keeper` of the slot, an empty Delta names this one before it is asked. It
        counts as asked from then on: moving the slot takes a moment, in which nobody else may try it too.
        """
        error, first, said, left = None, None, 0, params.max_new_tokens
        self.streams += 1
        self._requests += 1
        tally().replicas.append(self.name)
        self._outstanding += left
        self._prompt_characters += len(prompt)
        self._known_characters += self._prefixes.add(prompt)
        asked = self._breaker.begins()
        step = trace.begin("replica.stream", {"replica": self.name, "attempt": attempt})
        try:
            if keeper not in ("", self.name):
                yield Delta("", None, self.name)
            async with aclosing(self.backend.stream(prompt, replace(params, trace=step.place))) as deltas:
                async for delta in deltas:
                    if delta.text and left:
                        left -= 1
                        self._outstanding -= 1
                    if first is None and (delta.text or delta.finish):
                        first = self._clock()
                    if delta.finish:
                        said = delta.finish.usage.completion_tokens
                    yield delta
        except BackendError as exc:
            error = exc
            raise
        finally:
            self.streams -= 1
            self._outstanding -= left
            if first is not None:
                self._tell(asked, first, said, step)
            if error:
                step.note(error=type(error).__name__)
                self._learn(error, asked)
            elif first is not None:  # also one that is left early, because enough was said
                self._breaker.succeeded(asked)
            else:
                self._breaker.left(asked)
            step.end()

    def _tell(self, asked: Asked, first: float, said: int, step: Step) -> None:
        """Log how long the first text took, and how fast the tokens came behind it, if all of them did."""
        speaking = self._clock() - first
        first_text_ms = round((first - asked.began) * 1000, 1)
        pace = round(said / speaking, 1) if said and speaking > 0 else None
        log.info(
            "router.replica_spoke",
            replica=self.name,
            first_text_ms=first_text_ms,
            tokens_per_second=pace,
        )
        step.note(first_text_ms=first_text_ms, tokens_per_second=pace, completion_tokens=said or None)

    def _learn(self, error: BackendError, asked: Asked) -> None:
        """Note that a stream failed."""
        kind = type(error).__name__
        log.warning("router.attempt_failed", replica=error.replica, error=kind, detail=error.detail)
        self._failures += 1
        if isinstance(error, BackendUnavailable):
            self._breaker.rests(REST)
        if error.retry_after is not None:
            self._breaker.rests(min(error.retry_after, LONGEST_WAIT))
        if not isinstance(error, BackendUnavailable | BackendFailed | StreamBroken):
            self._breaker.left(asked)  # it works: the request was wrong, or there were too many
        elif self._breaker.failed(asked):
            self._ejections += 1
            log.warning("router.replica_ejected", replica=self.name)

    def view(self) -> ReplicaView:
        """How it is now."""
        return ReplicaView(
            self.name,
            self._breaker.state,
            self.limits,
            self.streams,
            self._requests,
            self._failures,
            self._ejections,
            self.continued,
            self._outstanding,
            self._prompt_characters,
            self._known_characters,
        )
