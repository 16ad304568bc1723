"""The documents of a thread: files are read once, kept, and found again by every later question."""

import asyncio
import time
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import NamedTuple

import structlog

from core import trace
from core.attachments import downloaded, or_refused
from core.audience import in_reach
from core.errors import FileRefused
from core.knowledge import document, identity
from core.ports import Block, Documents, Extracted, Extractor, KnowledgeIndex, Platform
from core.prompt import clean
from core.refusals import Refusal, no_time, sentences, shown
from core.team import TeamDocuments
from core.types import Attachment, Audience, Document, Hit, Message, Spread, ThreadId

log = structlog.get_logger()

INDEXED_TEXT = 20_000_000
"""Characters of documents that are ready to be searched at once; others are indexed again when asked."""

_LEAST_INDEXED = 50_000
"""Characters that the documents of a thread count at least: an index has a place for each audience."""

MOST_TEXT = 10_000_000
"""Characters of all documents of a thread: each question looks at them all."""

Status = Callable[[str | None], Awaitable[None]]
"""Says to people what is being done; None takes it away."""


class _Indexed(NamedTuple):
    id: str
    audience: Audience
    size: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What became of a message's attachments: what was read, and a sentence for each that was not."""

    documents: tuple[Document, ...]
    refused: tuple[str, ...]


class Library:
    """Reads attachments into passages, keeps them with their thread, and searches them and the `team`'s.

    The index holds the documents of the threads that were asked last, and only those that still count;
    where the team has documents, they are in the same one, so that scores can be compared.
    Files of one message are read one after the other, so that many large ones need no more memory
    than one; none is begun once that took `seconds`.
    """

    def __init__(
        self,
        documents: Documents,
        index: KnowledgeIndex,
        extractor: Extractor,
        *,
        team: TeamDocuments | None = None,
        max_bytes: int = 25_000_000,
        seconds: float = 12.0,
    ) -> None:
        self._documents = documents
        self._index = index
        self._extractor = extractor
        self._team = team
        self._max_bytes = max_bytes
        self._seconds = seconds
        self._indexing = asyncio.Lock()
        self._indexed: OrderedDict[ThreadId, list[_Indexed]] = OrderedDict()
        self._searched: Counter[ThreadId] = Counter()  # how many searches of a thread go on

    async def read(self, message: Message, platform: Platform, status: Status) -> Reading:
        """Read and keep the attachments of `message`; one that cannot be read stops no other.

        Files that there is no time for are refused. What was read before them is kept, and costs no time
        when the same files are sent again.
        """
        known = {found.id: found for found in await self._documents.of(message.thread)}
        files = [replace(sent, name=shown(sent.name)) for sent in message.attachments]
        ends: list[Document | Refusal] = []  # of each file, in order
        until = time.monotonic() + self._seconds
        for number, file in enumerate(files, 1):
            if ends and time.monotonic() > until:
                break
            total = f" ({number} of {len(files)})" if len(files) > 1 else ""
            await status(f"Reading {file.name}{total} …")
            with trace.step("file.read", {"number": number}) as step:
                end = await or_refused(file, self._read(file, message, platform, known))
                step.note(refused=isinstance(end, Refusal))
            if isinstance(end, Document):
                known[end.id] = end
            ends.append(end)
        await status(None)
        refused = sentences(end for end in ends if isinstance(end, Refusal))
        if late := [file.name for file in files[len(ends) :]]:
            log.info("library.no_time", files=len(late))
            refused.append(no_time(late))
        # The same file may have come twice; then its last name counts.
        read = {end.id: end for end in ends if isinstance(end, Document)}
        return Reading(tuple(read.values()), tuple(refused))

    async def keep_text(self, message: Message, title: str) -> Document:
        """Keep a message that is too long for a question as a document of its thread."""
        known = await self._documents.of(message.thread)
        extracted = Extracted((Block(clean(message.text)),))
        content = message.text.encode("utf-8", "replace")
        return await self._keep(content, Attachment(title, url=""), extracted, message, known)

    async def of(self, thread: ThreadId) -> list[Document]:
        """The documents of a thread, oldest first."""
        return await self._documents.of(thread)

    async def of_team(self, message: Message, status: Status) -> list[Document]:
        """The documents of the team that everyone may see who will see the answer to `message`."""
        return await self._team.visible(in_reach(message), status) if self._team else []

    async def search(
        self,
        thread: ThreadId,
        documents: Sequence[Document],
        query: str,
        k: int,
        team: Sequence[Document] = (),
    ) -> list[Hit]:
        """The best passages of a thread's `documents` and of the `team`'s, best first."""
        with trace.step("passages.find", {"documents": len(documents) + len(team)}) as step:
            async with self._indexed_only(thread, documents):
                hits = await self._index.search(query, _audiences(documents, team), k)
            step.note(found=len(hits))
        return hits

    async def spread(
        self, thread: ThreadId, documents: Sequence[Document], words: Sequence[str], team: Sequence[Document]
    ) -> Spread:
        """How many passages of all that `search` looks at hold each of these stemmed words."""
        async with self._indexed_only(thread, documents):
            return await self._index.spread(words, _audiences(documents, team))

    async def gone(
        self, hits: Sequence[Hit], documents: Sequence[Document], team: Sequence[Document]
    ) -> frozenset[str]:
        """The ids of the team's documents that these were found in, and that are not as they were any more.

        Those of the thread, its `documents`, do not count: who forgets them ends the answer.
        """
        own = {document.id for document in documents}
        found_in = frozenset(hit.passage.document for hit in hits) - own
        return await self._team.gone(found_in, team) if self._team else frozenset()

    @asynccontextmanager
    async def _indexed_only(self, thread: ThreadId, found: Sequence[Document]) -> AsyncIterator[None]:
        """While of a thread only these can be found. Several threads may search at once."""
        async with self._indexing:
            await self._index_only(thread, found)
            self._searched[thread] += 1
        try:
            yield
        finally:
            self._searched[thread] -= 1
            if not self._searched[thread]:
                del self._searched[thread]

    async def _index_only(self, thread: ThreadId, found: Sequence[Document]) -> None:
        """Index these, and take out the oldest of others, but for those that are searched right now."""
        there = {item.id for item in found}
        for old in self._indexed.pop(thread, []):
            if old.id not in there:  # forgotten, or from before a fresh start
                await self._index.remove(old.id, old.audience)
        for item in found:
            await self._index.put(item)
        self._indexed[thread] = [_Indexed(item.id, item.audience, _size(item)) for item in found]
        size = sum(map(_indexed_size, self._indexed.values()))
        for other in [each for each in self._indexed if each != thread and each not in self._searched]:
            if size <= INDEXED_TEXT:
                break
            oldest = self._indexed.pop(other)
            for old in oldest:
                await self._index.remove(old.id, old.audience)
            size -= _indexed_size(oldest)

    async def _read(
        self, file: Attachment, message: Message, platform: Platform, known: dict[str, Document]
    ) -> Document:
        async with downloaded(file, platform, self._max_bytes) as path:
            content = await asyncio.to_thread(path.read_bytes)
            same = known.get(identity(content))
            if same is not None:
                return await self._again(same, file, message)
            extracted = await self._extractor.extract(path, file.name)
        return await self._keep(content, file, extracted, message, known.values())

    async def _again(self, known: Document, file: Attachment, message: Message) -> Document:
        """The same bytes came before: not read again, but the newest name counts, and who sent it."""
        passages = tuple(replace(passage, title=file.name) for passage in known.passages)
        renamed = replace(known, title=file.name, passages=passages)
        await self._documents.put(message, renamed)
        return renamed

    async def _keep(
        self,
        content: bytes,
        file: Attachment,
        extracted: Extracted,
        message: Message,
        known: Iterable[Document],
    ) -> Document:
        title, audience = file.name, Audience.of_thread(message.thread)
        named = replace(extracted, notes=tuple(f"{title}: {note}" for note in extracted.notes))
        kept = await asyncio.to_thread(document, content, title, named, audience, url=file.url, at=message.at)
        if not kept.passages:
            raise FileRefused(f"{title} holds no text that can be read. Send a file with text in it.")
        if sum(map(_size, (kept, *known))) > MOST_TEXT:
            most = f"the files of a conversation may hold {MOST_TEXT:,} characters in all"
            raise FileRefused(f"{title} does not fit: {most}. Write /new to start afresh, and send it again.")
        await self._documents.put(message, kept)
        log.info("library.document_kept", passages=len(kept.passages), sections=kept.sections)
        return kept


def _audiences(documents: Sequence[Document], team: Sequence[Document]) -> list[Audience]:
    return list(dict.fromkeys(item.audience for item in (*documents, *team)))


def _size(found: Document) -> int:
    """Characters of text."""
    return sum(len(passage.text) for passage in found.passages)


def _indexed_size(found: Sequence[_Indexed]) -> int:
    return max(_LEAST_INDEXED, sum(item.size for item in found))
