"""What Slack sends to the app, and what comes back: events that are tried again, commands that are not.

https://docs.slack.dev/apis/events-api#retries: an event that is not acknowledged within three seconds
comes again at once, after a minute, and after five.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from tests.emulators.shared.faults import Faults
from tests.emulators.shared.http import Verb
from tests.emulators.slack.clock import Clock
from tests.emulators.slack.model import Json

PATIENCE = 3.0
PAUSES = (0.0, 60.0, 300.0)
"""Seconds before each retry of an event, which a test can let pass."""

Kind = Literal["events_api", "slash_commands", "interactive"]


class Unacknowledged(Exception):
    """A try that failed; `reason` is what the next one says. `final`: the app wants no other."""

    def __init__(self, reason: str, *, final: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.final = final


@dataclass(slots=True)
class Attempt:
    """One try. `retry` counts from 0; `took` is None while nothing came; `failure` is why it failed."""

    retry: int
    reason: str
    at: float
    over: str = ""
    took: float | None = None
    failure: str | None = None


@dataclass(slots=True)
class Delivery:
    """One thing that the app is told. `state`: "waiting", "acknowledged" or "failed"."""

    number: int
    kind: Kind
    name: str
    payload: Json
    attempts: list[Attempt] = field(default_factory=list)
    state: Literal["waiting", "acknowledged", "failed"] = "waiting"
    answer: Any = None


class Route(Protocol):
    """A way to the app."""

    async def send(self, delivery: Delivery, attempt: Attempt, patience: float) -> Any:
        """The acknowledgement's content; raises `Unacknowledged`."""


class Outbox:
    """Delivers over `route`. Faults take "SEND name" before a try, "ACK name" before its answer counts."""

    def __init__(self, clock: Clock, faults: Faults, route: Route, patience: float) -> None:
        self.deliveries: list[Delivery] = []
        self.route = route
        self.do: Verb | None = None
        self._clock = clock
        self._faults = faults
        self._patience = patience
        self._tasks: set[asyncio.Task[None]] = set()

    def send(
        self, kind: Kind, name: str, payload: Json, then: Callable[[Delivery], None] | None = None
    ) -> Delivery:
        """Begin to deliver; `then` is called once it is acknowledged or has failed."""
        delivery = Delivery(len(self.deliveries), kind, name, payload)
        self.deliveries.append(delivery)
        self._begin(delivery, PAUSES if kind == "events_api" else (), then)
        return delivery

    def again(self, number: int, reason: str) -> None:
        """Deliver once more what was delivered, as Slack does when it missed the acknowledgement."""
        self._begin(self.deliveries[number], (), None, reason)

    async def close(self) -> None:
        """Deliver nothing more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(
        self,
        delivery: Delivery,
        pauses: tuple[float, ...],
        then: Callable[[Delivery], None] | None,
        reason: str = "",
    ) -> None:
        task = asyncio.create_task(self._deliver(delivery, pauses, then, reason))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(
        self,
        delivery: Delivery,
        pauses: tuple[float, ...],
        then: Callable[[Delivery], None] | None,
        reason: str,
    ) -> None:
        for pause in (0.0, *pauses):
            await self._clock.wait(pause)
            attempt = Attempt(len(delivery.attempts), reason, self._clock.now())
            delivery.attempts.append(attempt)
            try:
                delivery.answer = await self._try(delivery, attempt)
            except Unacknowledged as error:
                attempt.failure = reason = error.reason
                if error.final:
                    break
            else:
                delivery.state = "acknowledged"
                break
        if delivery.state == "waiting":
            delivery.state = "failed"
        if then:
            then(delivery)

    async def _try(self, delivery: Delivery, attempt: Attempt) -> Any:
        await self._disturb(f"SEND {delivery.name}")
        attempt.at = self._clock.now()
        answer = await self.route.send(delivery, attempt, self._patience)
        attempt.took = self._clock.now() - attempt.at
        await self._disturb(f"ACK {delivery.name}")
        return answer

    async def _disturb(self, call: str) -> None:
        for armed in self._faults.of(call):
            if self.do:
                await armed.happen(self.do)
            if armed.fault.reset:
                raise Unacknowledged("timeout")
