"""Readers for many files: forked from a process that has its libraries already and sees no byte of a file.

Starting Python takes five times as long as reading a page. Each file still has a process of its own, which
confines itself as one that was started for it does; only who starts it differs.
"""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Mapping
from typing import BinaryIO


class Nurseries:
    """Starts readers. As many processes stay as there were readers at once, until `aclose`."""

    def __init__(self) -> None:
        self._idle: list[_Nursery] = []

    async def start(
        self, limits: str, file: BinaryIO, environment: Mapping[str, str], most: int
    ) -> "ForkedReader":
        """A reader of `file`, whose lines have at most `most` bytes. Raises OSError."""
        nursery = self._idle.pop() if self._idle else await _Nursery.start(environment)
        return await nursery.fork(limits, file, most, self._idle)

    async def aclose(self) -> None:
        """End all that wait for a file."""
        while self._idle:
            await self._idle.pop().end()


class ForkedReader:
    """The part of `asyncio.subprocess.Process` that its host needs; `pid` is that of its process group."""

    def __init__(self, nursery: "_Nursery", stdout: asyncio.StreamReader, idle: "list[_Nursery]") -> None:
        self.pid = nursery.process.pid
        self.stdout = stdout
        self.returncode: int | None = None
        self._nursery = nursery
        self._idle = idle

    async def wait(self) -> int:
        """How it ended: its exit code, or less the signal that ended it."""
        if self.returncode is None:
            said = await asyncio.get_running_loop().sock_recv(self._nursery.control, 16)
            if said:
                self._idle.append(self._nursery)
            else:  # the whole group was ended
                await self._nursery.end()
            self.returncode = int(said) if said else -signal.SIGKILL
        return self.returncode


class _Nursery:
    """The process, and the socket over which it is told of files and says how their readers ended."""

    def __init__(self, process: asyncio.subprocess.Process, control: socket.socket) -> None:
        self.process = process
        self.control = control

    @classmethod
    async def start(cls, environment: Mapping[str, str]) -> "_Nursery":
        control, theirs = socket.socketpair()
        control.setblocking(False)
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-s", "-m", "adapters.extraction.worker"),
                stdin=theirs.fileno(),
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                env=environment,
                cwd="/",
                start_new_session=True,
            )
        return cls(process, control)

    async def fork(self, limits: str, file: BinaryIO, most: int, idle: "list[_Nursery]") -> ForkedReader:
        answer, theirs = os.pipe()
        stdout = asyncio.StreamReader(limit=most)
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stdout), os.fdopen(answer, "rb")
        )
        try:
            socket.send_fds(self.control, [limits.encode()], [file.fileno(), theirs])
        finally:
            os.close(theirs)
        return ForkedReader(self, stdout, idle)

    async def end(self) -> None:
        self.control.close()
        await self.process.wait()
