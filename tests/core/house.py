"""All that outlives a worker, so that a test can kill one and let the next one go on."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from core.assistant import Assistant
from core.library import Library
from core.policy import Policy
from core.ports import Ledger, Recent
from core.team import TeamDocuments
from core.transcript import Transcript, TranscriptReply
from core.types import Checkpoint, Document, Limits, Message, Outcome, ThreadId, Turn
from tests.core.mortal import Killed, Life, MortalLedger, MortalPlatform
from tests.fakes import FakeBackend, FakeLedger, Says, TextExtractor

MESSAGE = Message("M1", ThreadId("transcript", "T1"), "U1", "What is in the handbook?", at=0.0)
POLICY = Policy(profile="airoboros_v2", max_new_tokens=2048)
WIDE = Limits("fake", window=1 << 16, max_input=1 << 15)


@dataclass
class MortalLease:
    """The right to answer the message while the worker lives."""

    house: "House"
    life: Life
    message: Message
    attempts: int
    ledger: Ledger
    replica: str
    model: str = ""

    async def stopped(self) -> None:
        await self.house.stop.wait()

    async def move(self, replica: str) -> None:
        self.replica = replica

    async def finish(self, turn: Turn | None, tokens: int = 0) -> None:
        self.life.step()
        self.house.ended.append(turn)

    async def uncount(self) -> None: ...

    async def set_aside(self, why: str) -> None: ...


@dataclass
class House:
    """All that outlives a worker: the platform, the model, the ledger, the history and the documents."""

    platform: Transcript
    says: Says
    limits: Limits = WIDE
    policy: Policy = POLICY
    message: Message = MESSAGE
    ledger: FakeLedger = field(default_factory=FakeLedger)
    documents: list[Document] = field(default_factory=list)
    index: Any = None
    team: TeamDocuments | None = None
    ended: list[Turn | None] = field(default_factory=list)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    attempts: int = 0

    def __post_init__(self) -> None:
        self.backend = FakeBackend(self.says, self.limits)

    @property
    def reply(self) -> TranscriptReply:
        """What stands, as the reply shows it that was made last."""
        return self.platform.replies[-1]

    @property
    def noted(self) -> Checkpoint:
        """The last checkpoint."""
        assert self.ledger.checkpoint
        return self.ledger.checkpoint

    async def works(self, life: Life | None = None) -> Outcome:
        """A new worker takes the message, and answers it if it lives long enough."""
        life = life or Life()
        self.attempts += 1
        self.ledger = self.ledger.taken_over()
        ledger = MortalLedger(self.ledger, life)
        lease = MortalLease(self, life, self.message, self.attempts, ledger, f"gpu-{self.attempts}")
        library = Library(self, self.index, TextExtractor(), team=self.team)
        assistant = Assistant(self.backend, self, library, self.policy)
        return await assistant.answer(lease, MortalPlatform(self.platform, life))

    async def is_killed(self, last: int) -> int:
        """A worker dies before its call with this number, or ends its work; returns how many it made."""
        life = Life(last)
        with suppress(Killed):
            await self.works(life)
        return life.calls

    async def turns(self, thread: ThreadId) -> list[Turn]:
        return []

    async def askers(self, thread: ThreadId) -> set[str]:
        return set()

    async def recent(self, thread: ThreadId, model: str) -> Recent:
        return Recent()

    async def set_cut(self, thread: ThreadId, model: str, message_id: str, left_out: int) -> None: ...

    async def chosen(self, thread: ThreadId) -> str:
        return ""

    async def choose(self, thread: ThreadId, model: str) -> None: ...

    async def fresh(self, thread: ThreadId) -> None:
        self.documents.clear()

    async def forget(self, thread: ThreadId) -> None: ...

    async def of(self, thread: ThreadId) -> list[Document]:
        return list(self.documents)

    async def put(self, message: Message, document: Document) -> None:
        self.documents = [each for each in self.documents if each.id != document.id] + [document]
