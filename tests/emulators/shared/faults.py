"""What goes wrong, by script: each next call waits, lets something happen, or gets another answer.

A call is named "METHOD /path" as its platform says; `*` is one step of the path, `**` any number, and
"* /path" any method.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call gets instead of its own answer."""

    status: int
    body: dict[str, Any] | str = ""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault; its parts happen in the order of the fields. `times` None: until it is taken away.

    `after`: once the effect stands, and not before it. `hold`: until the test releases it.
    `do`: a verb of the control API and what it takes. `reset`: the connection is reset.
    `cut`: only so many bytes of a file are sent.
    """

    on: str
    times: int | None = 1
    skip: int = 0
    after: bool = False
    hold: bool = False
    seconds: float = 0.0
    do: tuple[str, dict[str, Any]] | None = None
    reset: bool = False
    cut: int | None = None
    answer: Answer | None = None


def broken(on: str, status: int = 502, *, times: int = 1, after: bool = False) -> Fault:
    """An answer of a server that has failed, before or after the effect."""
    return Fault(on=on, times=times, after=after, answer=Answer(status, f"error code: {status}"))


def reset(on: str, *, times: int = 1) -> Fault:
    """The connection is reset before anything happened."""
    return Fault(on=on, times=times, reset=True)


def lost(on: str, *, times: int = 1) -> Fault:
    """It happens, and then the connection is reset: nobody is told."""
    return Fault(on=on, times=times, reset=True, after=True)


def held(on: str, *, times: int = 1, after: bool = False) -> Fault:
    """The call waits until the test releases it."""
    return Fault(on=on, times=times, hold=True, after=after)


def slow(on: str, seconds: float, *, times: int | None = 1) -> Fault:
    """The call takes so long."""
    return Fault(on=on, times=times, seconds=seconds)


def then(on: str, verb: str, *, skip: int = 0, after: bool = False, **given: Any) -> Fault:
    """A verb of the control API is done at this call."""
    return Fault(on=on, skip=skip, after=after, do=(verb, given))


@dataclass(slots=True)
class Armed:
    """A fault on its way; `run` is what it calls, if it was given in this process."""

    fault: Fault
    route: re.Pattern[str]
    run: Callable[[], Awaitable[object]] | None = None
    seen: int = 0
    waiting: int = 0
    released: asyncio.Event = field(default_factory=asyncio.Event)

    def takes(self, call: str) -> bool:
        """Whether this call, by its method and path, is one of those that it is for."""
        if not self.route.fullmatch(call):
            return False
        self.seen += 1
        past = self.seen - self.fault.skip
        return past > 0 and (self.fault.times is None or past <= self.fault.times)

    async def happen(self, do: Callable[[str, dict[str, Any]], Awaitable[object]]) -> None:
        """Everything of it but its answer."""
        if self.fault.hold:
            self.waiting += 1
            await self.released.wait()
            self.waiting -= 1
        if self.fault.seconds:
            await asyncio.sleep(self.fault.seconds)
        if self.fault.do:
            await do(*self.fault.do)
        if self.run:
            await self.run()


class Faults:
    """All faults that are armed, by number."""

    def __init__(self) -> None:
        self.armed: dict[int, Armed] = {}
        self._count = 0

    def add(self, fault: Fault, run: Callable[[], Awaitable[object]] | None = None) -> int:
        """Arm a fault; its number. `run` is called at each call that it takes."""
        self._count += 1
        self.armed[self._count] = Armed(fault, _pattern(fault.on), run)
        return self._count

    def release(self, number: int) -> None:
        """Let the calls that a fault holds go on, and those to come."""
        self.armed[number].released.set()

    def clear(self) -> None:
        """Take all faults away; what they hold goes on."""
        for armed in self.armed.values():
            armed.released.set()
        self.armed.clear()

    def of(self, call: str) -> list[Armed]:
        """The faults that take this call."""
        return [armed for armed in list(self.armed.values()) if armed.takes(call)]


def _pattern(route: str) -> re.Pattern[str]:
    """The routes that a pattern is for."""
    method, _, path = route.partition(" ")
    steps = re.escape(path).replace(r"\*\*", ".*").replace(r"\*", "[^/]*")
    return re.compile((r"\w+" if method == "*" else method) + " " + steps)
