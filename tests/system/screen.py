"""What a person sees who runs `chasqui` in a terminal, and what they type."""

import asyncio
import os
import pty
import re
import sys
from asyncio.subprocess import Process, create_subprocess_exec
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.system.program import World, until

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Screen:
    """A `chasqui` at a terminal of its own; `text` is all that it wrote there, without colours and moves."""

    def __init__(self, process: Process, terminal: int) -> None:
        self.process = process
        self.text = ""
        self._terminal = terminal

    @classmethod
    @asynccontextmanager
    async def of(cls, world: World, *words: str) -> AsyncIterator["Screen"]:
        """Started, and its terminal read all the time, as a real one is."""
        ours, theirs = pty.openpty()
        process = await create_subprocess_exec(
            *(sys.executable, "-m", "bots.cli", *words),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=world.folder,
            env=world.environment | {"TERM": "xterm", "COLUMNS": "200"},
        )
        screen = cls(process, ours)
        loop = asyncio.get_running_loop()
        loop.add_reader(ours, screen._read)
        try:
            yield screen
        finally:
            loop.remove_reader(ours)
            if process.returncode is None:
                process.kill()
                await process.wait()
            os.close(ours)
            os.close(theirs)

    async def types(self, text: str) -> None:
        """Press these keys; a terminal takes a few at a time."""
        keys = text.encode()
        while keys:
            keys = keys[await asyncio.to_thread(os.write, self._terminal, keys[:1000]) :]

    async def shows(self, text: str, times: int = 1) -> None:
        """Wait until that stands there, so often."""
        why = f"the screen shows {text!r}: {self.text[-500:]!r}"
        await until(lambda: self.text.count(text) >= times, why)

    def _read(self) -> None:
        written = os.read(self._terminal, 1 << 16).decode("utf-8", "replace")
        self.text = _ESCAPES.sub("", self.text + written)
