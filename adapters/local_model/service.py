"""From a request to its tokens: admission, validation, the wait for a slot, and what is counted."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from adapters.local_model.answer import Continuation, Token
from adapters.local_model.engine import Engine
from adapters.local_model.failure import Failure, incomplete, overloaded
from adapters.local_model.metrics import Metrics
from adapters.local_model.request import Limits, Request, fit, validate


@dataclass(slots=True)
class Job:
    """One request on its way. `prompt` are the ids it continues; times are monotonic, in seconds."""

    request: Request
    prompt: list[int] = field(default_factory=list)
    continuation: Continuation = field(default_factory=lambda: Continuation(max_new_tokens=0))
    arrived: float = field(default_factory=time.monotonic)
    queued: float = 0.0
    begun: float = 0.0
    ended: float = 0.0

    @property
    def text(self) -> str:
        """What the client asked to get back."""
        return (self.request.inputs if self.request.full_text else "") + self.continuation.text

    @property
    def seed(self) -> int | None:
        """What the tokens were drawn with, if they were."""
        return self.request.seed if self.request.parameters.samples else None


class Service:
    """The engine, shared by as many requests as `limits` and its slots allow."""

    def __init__(self, engine: Engine, limits: Limits, *, slots: int) -> None:
        self.engine = engine
        self.limits = limits
        self.metrics = Metrics()
        self._slots = asyncio.Semaphore(slots)
        self._admitted = 0

    async def generate(self, job: Job) -> AsyncGenerator[Token, None]:
        """The tokens of `job` as they come. Closing the generator frees the slot. Raises Failure."""
        self.metrics.requests += 1
        try:
            with self._admission():
                await self._prepare(job)
                async with self._slot(job), aclosing(self._tokens(job)) as tokens:
                    async for token in tokens:
                        yield token
        except Failure as failure:
            self.metrics.failures[failure.kind] += 1
            raise
        except (asyncio.CancelledError, GeneratorExit):
            self.metrics.failures["dropped"] += 1
            raise
        self._succeeded(job)

    @contextmanager
    def _admission(self) -> Iterator[None]:
        if self._admitted >= self.limits.max_concurrent_requests:
            raise overloaded()
        self._admitted += 1
        try:
            yield
        finally:
            self._admitted -= 1

    async def _prepare(self, job: Job) -> None:
        parameters = job.request.parameters
        validate(job.request, self.limits)
        ids = await self.engine.ids(job.request.inputs)
        job.prompt, most = fit(ids, parameters, self.limits)
        job.continuation = Continuation(most, parameters.stop)
        self.metrics.observe("input_length", len(job.prompt))
        self.metrics.observe("max_new_tokens", most)

    @asynccontextmanager
    async def _slot(self, job: Job) -> AsyncIterator[None]:
        job.queued = time.monotonic()
        self.metrics.queued += 1
        try:
            await self._slots.acquire()
        finally:
            self.metrics.queued -= 1
        job.begun = time.monotonic()
        self.metrics.running += 1
        try:
            yield
        finally:
            self.metrics.running -= 1
            self._slots.release()
            job.ended = time.monotonic()

    async def _tokens(self, job: Job) -> AsyncGenerator[Token, None]:
        steps = self.engine.complete(
            job.prompt,
            job.request.parameters,
            seed=job.request.seed,
            max_new_tokens=job.continuation.max_new_tokens,
        )
        async with aclosing(steps):
            async for step in steps:
                for token in job.continuation.take(step):
                    yield token
                if job.continuation.finish:
                    return
        raise incomplete(stream=job.request.stream)

    def _succeeded(self, job: Job) -> None:
        self.metrics.successes += 1
        generated = len(job.continuation.tokens)
        self.metrics.observe("generated_tokens", generated)
        self.metrics.observe("duration", job.ended - job.arrived)
        self.metrics.observe("validation_duration", job.queued - job.arrived)
        self.metrics.observe("queue_duration", job.begun - job.queued)
        self.metrics.observe("inference_duration", job.ended - job.begun)
        self.metrics.observe("mean_time_per_token_duration", (job.ended - job.begun) / generated)
