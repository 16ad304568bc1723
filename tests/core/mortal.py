"""A worker that can be killed: what it does to the outside are its calls of the ledger and the platform.

It dies right before one of them, and nothing that it does afterwards reaches anybody. So it dies behind
each one too.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from core.ports import Ledger, Reply, Standing
from core.transcript import Transcript, TranscriptReply
from core.types import Attachment, Checkpoint, Message, Outcome, PageProfile
from tests.fakes import FakeLedger


class Killed(BaseException):
    """The worker is no more."""


@dataclass
class Life:
    """A worker's life: it ends before the call with the number `last`, if there is one."""

    last: int | None = None
    calls: int = 0
    over: bool = False

    def step(self) -> None:
        """One more call of the outside; raises Killed from the end on."""
        self.calls += 1
        self.over = self.over or self.calls == self.last
        if self.over:
            raise Killed


@dataclass
class MortalLedger:
    """The ledger as a worker reaches it while it lives; what was noted before came with the message."""

    ledger: FakeLedger
    life: Life

    async def standing(self) -> Standing:
        return await self.ledger.standing()

    async def intend(self, part: int, checkpoint: Checkpoint) -> None:
        self.life.step()
        await self.ledger.intend(part, checkpoint)

    async def sent(self, part: int, platform_id: str) -> None:
        self.life.step()
        await self.ledger.sent(part, platform_id)

    async def held(self) -> None:
        await self.ledger.held()


@dataclass
class MortalReply:
    """A reply as a worker reaches it while it lives. A status is nobody's step: it may come at any time."""

    reply: TranscriptReply
    life: Life

    @property
    def profile(self) -> PageProfile:
        return self.reply.profile

    async def status(self, text: str | None) -> None:
        if not self.life.over:
            await self.reply.status(text)

    async def write(self, page: int, markdown: str, *, final: bool) -> None:
        self.life.step()
        await self.reply.write(page, markdown, final=final)

    async def attach(self, name: str, text: str) -> None:
        self.life.step()
        await self.reply.attach(name, text)

    async def finish(self, outcome: Outcome) -> None:
        self.life.step()
        await self.reply.finish(outcome)


@dataclass
class MortalPlatform:
    """The platform as a worker reaches it while it lives."""

    platform: Transcript
    life: Life
    name: str = "transcript"

    def reply(self, message: Message, ledger: Ledger) -> Reply:
        return MortalReply(self.platform.reply(message, ledger), self.life)

    async def show_place(self, message: Message, text: str) -> None:
        await self.platform.show_place(message, text)

    def download(self, file: Attachment) -> AsyncGenerator[bytes, None]:
        return self.platform.download(file)
