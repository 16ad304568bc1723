"""`chasqui serve` as whole processes between a platform and a model, whichever platform that is."""

import asyncio
import json
import signal
from abc import ABC, abstractmethod
from asyncio.subprocess import Process
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from tests.emulators.tgi import TgiStandIn
from tests.parts import until
from tests.system.program import World

STARTS = 60.0
"""Seconds in which a process with its Redis has to be ready."""
_PATIENCE = 30.0

Seen = TypeVar("Seen")
"""A message as people see it."""


class Served:
    """A running `chasqui serve`; what it says is read as it comes."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.log: list[dict[str, Any]] = []
        self.lines: list[str] = []
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stderr
        while line := await self.process.stderr.readline():
            self.lines.append(line.decode())
            if line.startswith(b"{"):
                self.log.append(json.loads(line))

    def said(self, event: str) -> list[dict[str, Any]]:
        """The lines of the log with this event."""
        return [line for line in self.log if line["event"] == event]

    async def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        await self.process.wait()
        await self._reading

    async def end(self) -> int:
        """SIGTERM, and wait for the end; the exit code."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(STARTS):
            code = await self.process.wait()
            await self._reading
        return code


class House(ABC, Generic[Seen]):
    """What one test has: the model, processes as they are started, and what the bot says to people."""

    def __init__(self, model: TgiStandIn, world: World) -> None:
        self.model = model
        self.world = world
        self.served: list[Served] = []

    @abstractmethod
    async def answers(self, channel: str | None = None) -> list[Seen]:
        """What the bot says in a channel."""

    @abstractmethod
    def reads(self, seen: Seen) -> str:
        """What people read of a message."""

    @abstractmethod
    def ends(self, seen: Seen) -> bool:
        """Whether a message has what stands under an answer that has ended."""

    async def start(self, world: World, roles: tuple[str, ...], ready: Callable[[Served], bool]) -> Served:
        """Start `chasqui serve` and wait until it is ready."""
        served = Served(await world.start("serve", *(roles or ("all",))))
        self.served.append(served)
        await until(lambda: served.process.returncode is not None or ready(served), STARTS)
        assert served.process.returncode is None, "".join(served.lines)
        return served

    async def answered(self, count: int = 1, channel: str | None = None) -> list[Seen]:
        """Wait until so many answers have their end in a channel; all that the bot says there."""
        return await self.once(lambda found: sum(map(self.ends, found)) >= count, channel)

    async def settled(self, count: int = 1, channel: str | None = None) -> list[Seen]:
        """As `answered`, and their turns are kept: what is done next finds them."""
        await self.answered(count, channel)
        await until(lambda: sum(len(each.said("assistant.answered")) for each in self.served) >= count)
        return await self.answers(channel)

    async def once(self, holds: Callable[[list[Seen]], bool], channel: str | None = None) -> list[Seen]:
        """Wait until this holds of what the bot says in a channel; all of it."""

        async def look() -> bool:
            alive = not self.served or self.served[-1].process.returncode is None
            assert alive, "".join(self.served[-1].lines)
            return holds(await self.answers(channel))

        try:
            await until(look, _PATIENCE)
        except TimeoutError:
            said = [self.reads(each) for each in await self.answers(channel)]
            raise AssertionError(f"the bot says {said}\n" + "".join(self.served[-1].lines[-20:])) from None
        return await self.answers(channel)

    async def end(self) -> None:
        """End whatever was started."""
        for served in self.served:
            await served.end()
