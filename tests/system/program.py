"""`chasqui` and its stand-in model as whole processes, each in a world of its own."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0
"""Seconds after which a process that should have ended is a failure."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What a process left behind."""

    code: int
    out: bytes
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def sentence(self) -> str:
        """The one line on stderr; fails when there are more, as in a traceback."""
        lines = self.err.strip().splitlines()
        assert len(lines) == 1, self.err
        return lines[0]


@dataclass(frozen=True, slots=True)
class World:
    """A data directory and an environment in which programs run."""

    data: Path
    environment: dict[str, str]
    folder: Path = ROOT
    """The working directory."""

    @classmethod
    def at(cls, data: Path, **settings: str) -> "World":
        """Settings are written without their prefix: ``BACKEND__URLS="..."``."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CHASQUI_")}
        given = {f"CHASQUI_{name}": value for name, value in settings.items()}
        return cls(data, {**kept, "CHASQUI_DATA_DIR": str(data), "CHASQUI_HTTP__PORT": "0", **given})

    def with_(self, **settings: str) -> "World":
        """The same world with more settings."""
        given = {f"CHASQUI_{name}": value for name, value in settings.items()}
        return replace(self, environment={**self.environment, **given})

    def inside(self, folder: Path) -> "World":
        """The same world in another working directory."""
        return replace(self, folder=folder, environment={**self.environment, "PYTHONPATH": str(ROOT)})

    async def start(self, *words: str) -> Process:
        """A `chasqui` that goes on; its output is piped."""
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bots.cli", *words,
            stdin=PIPE, stdout=PIPE, stderr=PIPE, cwd=self.folder, env=self.environment,
        )  # fmt: skip

    async def run(self, *words: str, stdin: bytes = b"") -> Ended:
        """A `chasqui` to its end."""
        return await ended(await self.start(*words), stdin)


async def ended(process: Process, stdin: bytes = b"") -> Ended:
    """Wait for the end of a process. One that does not end is killed and fails the test."""
    try:
        async with asyncio.timeout(PATIENCE):
            out, err = await process.communicate(stdin)
    except TimeoutError:
        process.kill()
        out, err = await process.communicate()
        raise AssertionError(f"it did not end; it said {out!r} and {err!r}") from None
    assert process.returncode is not None
    return Ended(process.returncode, out, err.decode())


@asynccontextmanager
async def stand_in(*options: str) -> AsyncIterator[str]:
    """The address of a TGI stand-in in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.emulators.tgi", *options, stdout=PIPE, cwd=ROOT
    )
    assert process.stdout
    try:
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.terminate()
        await process.communicate()


def left_behind(data: Path) -> list[str]:
    """The command lines of processes that still run in a data directory."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:  # it ended meanwhile
            continue
        if str(data) in line:
            found.append(line)
    return found


async def until(condition: Any, what: str) -> None:
    """Wait until `condition` holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.05)
    assert condition(), what
