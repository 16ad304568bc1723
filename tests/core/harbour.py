"""A team at a harbour, and its files: an assistant over a real Redis-protocol server, asking a stand-in."""

import itertools
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from adapters.redis.connection import connect
from adapters.redis.documents import RedisDocuments
from adapters.redis.history import RedisHistory
from adapters.redis.inbox import RedisInbox
from adapters.redis.people import RedisPeople
from adapters.search import LexicalIndex
from adapters.tgi import Tgi, Timeouts
from core.assistant import Assistant
from core.commands import Conversation, find
from core.library import Library
from core.policy import Policy
from core.router import Router
from core.transcript import Transcript, TranscriptReply
from core.types import Message, Outcome, ThreadId, Turn
from tests.adapters.redis_parts import RedisServer
from tests.emulators.tgi import TgiStandIn
from tests.fakes import TextExtractor

HANDBOOK = b"""# Harbour handbook

Everything that the crew of the harbour office agreed on.

## Leave

### Paid leave

New crew get 24 days of paid leave in their first year.
Up to 5 days of leave can be carried over to the next year.

### Sick leave

Tell the watch before 8:00. A doctor's note is needed from the third day on.

## Boats

The tug Paloma is refuelled on Mondays. Its key hangs in the harbour office.
"""
MENU = b"""# Canteen

## Opening hours

The canteen serves lunch from 11:30 to 14:00.

## Prices

A bowl of soup costs 3 euros, a main dish 7 euros.
"""
LEAVE = "How many days of paid leave do new crew get?"
FROM_HANDBOOK = "harbour.md \u203a Harbour handbook \u203a "
TRAILER = "\nSource:\nsource identifier: S1"
LONG = " word" * 400
PATIENCE = Timeouts(first_token=60.0)
IMPATIENCE = Timeouts(first_token=0.5, next_token=0.5, probe=1.0)

_threads = itertools.count()


@dataclass
class Team:
    """A thread of people with an assistant; `tgi` is its model."""

    tgi: TgiStandIn
    inbox: RedisInbox
    history: RedisHistory
    people: RedisPeople
    documents: RedisDocuments
    policy: Policy
    backend: Router
    platform: Transcript = field(default_factory=Transcript)
    extractor: TextExtractor = field(default_factory=TextExtractor)
    thread: ThreadId = field(default_factory=lambda: ThreadId("terminal", f"thread {next(_threads)}"))
    index: LexicalIndex = field(default_factory=LexicalIndex)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def prompt(self) -> str:
        """The prompt that the model got last."""
        return self.tgi.asked[-1].prompt

    @property
    def reply(self) -> TranscriptReply:
        """The reply that was made last."""
        return self.platform.replies[-1]

    async def says(self, text: str, files: Mapping[str, bytes] | None = None, **more: str) -> Outcome:
        """Someone asks, and the assistant answers."""
        await self.puts(text, files, **more)
        return await self.is_answered()

    async def puts(
        self, text: str, files: Mapping[str, bytes] | None = None, *, name: str = "", **channel: Any
    ) -> None:
        """Someone asks, in a channel that may want things in its own way."""
        attached = tuple(self.platform.attach(file, content) for file, content in (files or {}).items())
        id_ = f"{self.thread.key}/{next(self._numbers)}"
        message = Message(id_, self.thread, "U1", text, 1_700_000_000.0, name, attached, **channel)
        assert (await self.inbox.put(message)).accepted

    async def is_answered(self) -> Outcome:
        """The assistant answers the question that is next."""
        library = Library(self.documents, self.index, self.extractor, max_bytes=100_000)
        assistant = Assistant(self.backend, self.history, library, self.policy)
        async with self.inbox.take(self.thread) as lease:
            assert lease is not None
            return await assistant.answer(lease, self.platform)

    async def types(self, command: str) -> str:
        """Someone gives a command."""
        found = find(command)
        assert found is not None
        told = await found.run(Conversation(self.thread, "U1", self.history, self.people, self.inbox), "")
        return told.text or "\n".join(f"{cited.place} says: {cited.quote}" for cited in told.citations)

    async def turns(self) -> list[Turn]:
        return await self.history.turns(self.thread)

    async def waits(self) -> bool:
        """Whether a question of the thread is still in the inbox."""
        async with self.inbox.take(self.thread) as lease:
            return lease is not None


Answer = str | Callable[[str], str]


@asynccontextmanager
async def hired(
    redis: RedisServer, answer: Answer, *, timeouts: Timeouts = PATIENCE, key: str = "", **tgi: Any
) -> AsyncIterator[Team]:
    """A team around a model that says `answer`."""
    async with AsyncExitStack() as stack:
        stand_in = await stack.enter_async_context(TgiStandIn(answer, api_key=key, **tgi))
        client = await stack.enter_async_context(Tgi(stand_in.url, api_key=key, timeouts=timeouts))
        store = await stack.enter_async_context(connect(redis.url))
        team = Team(
            stand_in,
            RedisInbox(store),
            RedisHistory(store),
            RedisPeople(store),
            RedisDocuments(store),
            Policy(),
            Router([client], sleep=_at_once),
        )
        yield team


async def _at_once(seconds: float) -> None:
    """A pause between two attempts that takes no time."""
