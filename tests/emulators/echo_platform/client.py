"""How a worker speaks on the echo platform: what every adapter of a platform has to do, and no more."""

import asyncio
import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from core.errors import WriteFailed
from core.ports import END, FILE, Ledger
from core.types import Attachment, Message, Outcome, PageProfile
from tests.emulators.echo_platform.server import MAX_LINE


class EchoPlatform:
    """As `Platform`; `worker` is the name under which the platform records what this one does."""

    name = "echo"

    def __init__(self, socket: Path, worker: str) -> None:
        self._socket = socket
        self._worker = worker

    def reply(self, message: Message, ledger: Ledger) -> "EchoReply":
        """As `Platform.reply`."""
        return EchoReply(self, message.id, ledger)

    async def show_place(self, message: Message, text: str) -> None:
        """As `Platform.show_place`."""
        await self.call("status", message=message.id, text=text)

    async def download(self, file: Attachment) -> AsyncGenerator[bytes, None]:
        """As `Platform.download`; there are no files here."""
        pieces: tuple[bytes, ...] = ()
        for piece in pieces:
            yield piece

    async def call(self, call: str, **given: str | int | bool) -> Any:
        """Let the platform do something; what it returns. Raises WriteFailed where no answer comes."""
        line = json.dumps({"call": call, "by": self._worker, **given})
        try:
            reader, writer = await asyncio.open_unix_connection(self._socket, limit=MAX_LINE)
            try:
                writer.write(line.encode() + b"\n")
                answer = await reader.readline()
            finally:
                writer.close()
        except OSError as error:
            raise WriteFailed(f"the platform cannot be reached: {error.strerror}") from error
        if not answer:
            raise WriteFailed("the platform did not say whether it was done")
        return json.loads(answer)


class EchoReply:
    """As `Reply`. Pages, the file and the end are parts of one kind: posted once, edited from then on."""

    profile = PageProfile(limit=200, pace=0.0)

    def __init__(self, platform: EchoPlatform, message_id: str, ledger: Ledger) -> None:
        self._platform = platform
        self._message_id = message_id
        self._ledger = ledger
        self._read = False
        self._ids: dict[int, str] = {}  # of the parts that stand
        self._doubtful: set[int] = set()  # parts that were on their way, and may stand
        self._noted: set[int] = set()  # parts whose id the ledger has

    async def status(self, text: str | None) -> None:
        """As `Reply.status`."""
        await self._platform.call("status", message=self._message_id, text=text or "")

    async def write(self, page: int, markdown: str, *, final: bool) -> None:
        """As `Reply.write`."""
        await self._put(page, markdown, final=final)

    async def attach(self, name: str, text: str) -> None:
        """As `Reply.attach`."""
        await self._put(FILE, f"{name}\n{text}", final=True)

    async def finish(self, outcome: Outcome) -> None:
        """As `Reply.finish`; what people read there is why an answer is none, or not whole."""
        await self._put(END, f"{outcome.kind} {outcome.why}".strip(), final=True)

    async def _put(self, part: int, text: str, *, final: bool) -> None:
        """Let `part` stand once, with this text; may be called again after any error."""
        await self._read_ledger()
        if part in self._doubtful:
            await self._look()
        if part in self._ids:
            await self._platform.call("edit", id=self._ids[part], text=text, final=final)
        else:
            self._doubtful.add(part)  # from here on, until the platform gives its id
            self._ids[part] = await self._platform.call(
                "post", message=self._message_id, part=part, text=text, final=final
            )
            self._doubtful.discard(part)
        if part not in self._noted:
            await self._ledger.sent(part, self._ids[part])
            self._noted.add(part)

    async def _read_ledger(self) -> None:
        """Learn, before the first write, what those who began this answer before have sent."""
        if self._read:
            return
        standing = await self._ledger.standing()
        self._ids = {part: known for part, known in standing.pages.items() if known is not None}
        self._noted = set(self._ids)
        self._doubtful = set(standing.pages) - self._noted
        self._read = True

    async def _look(self) -> None:
        """Ask the platform which parts stand; then there is no doubt left about any."""
        found = await self._platform.call("find", message=self._message_id)
        self._ids |= dict(found)
        self._doubtful.clear()
