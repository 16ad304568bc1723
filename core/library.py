"""The documents of a thread: files are read once, kept, and found again by every later question."""

import asyncio
import contextlib
import tempfile
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from core.errors import FileRefused
from core.knowledge import document, identity
from core.ports import Block, Documents, Extracted, Extractor, KnowledgeIndex, Platform
from core.prompt import clean
from core.types import Attachment, Audience, Document, Hit, Message, ThreadId

log = structlog.get_logger()

INDEXED_THREADS = 32
"""How many threads' documents are ready to be searched at once; others are indexed again when asked."""

Status = Callable[[str | None], Awaitable[None]]
"""Says to people what is being done; None takes it away."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What became of a message's attachments: what was read, and a sentence for each that was not."""

    documents: tuple[Document, ...]
    refused: tuple[str, ...]


class Library:
    """Reads attachments into passages, keeps them with their thread, and searches them.

    The index holds the documents of the threads that were asked last, and only those that still count.
    Files of one message are read one after the other, so that many large ones need no more memory
    than one.
    """

    def __init__(
        self,
        documents: Documents,
        index: KnowledgeIndex,
        extractor: Extractor,
        *,
        max_bytes: int = 25_000_000,
    ) -> None:
        self._documents = documents
        self._index = index
        self._extractor = extractor
        self._max_bytes = max_bytes
        self._indexing = asyncio.Lock()
        self._indexed: OrderedDict[ThreadId, list[Document]] = OrderedDict()

    async def read(self, message: Message, platform: Platform, status: Status) -> Reading:
        """Read and keep every attachment of `message`; one that cannot be read stops no other."""
        known = {found.id: found for found in await self._documents.of(message.thread)}
        read: list[Document] = []
        refused: list[str] = []
        for number, sent in enumerate(message.attachments, 1):
            total = f" ({number} of {len(message.attachments)})" if len(message.attachments) > 1 else ""
            file = replace(sent, name=" ".join(clean(sent.name).split()) or "a file")
            await status(f"Reading {file.name}{total} …")
            try:
                found = await self._read(file, message, platform, known)
            except FileRefused as error:
                log.info("library.file_refused", size=file.size)
                refused.append(error.sentence)
            else:
                known[found.id] = found
                read.append(found)
        await status(None)
        return Reading(tuple(read), tuple(refused))

    async def keep_text(self, message: Message, title: str) -> Document:
        """Keep a message that is too long for a question as a document of its thread."""
        extracted = Extracted((Block(clean(message.text)),))
        return await self._keep(message.text.encode("utf-8", "replace"), title, extracted, message, url="")

    async def of(self, thread: ThreadId) -> list[Document]:
        """The documents of a thread, oldest first."""
        return await self._documents.of(thread)

    async def search(self, thread: ThreadId, documents: Sequence[Document], query: str, k: int) -> list[Hit]:
        """The best passages of a thread's `documents`, best first."""
        async with self._indexing:  # else another thread could push these out before they are searched
            await self._index_only(thread, documents)
            audiences = list(dict.fromkeys(item.audience for item in documents))
            return await self._index.search(query, audiences, k)

    async def _index_only(self, thread: ThreadId, found: Sequence[Document]) -> None:
        there = {item.id for item in found}
        for old in self._indexed.pop(thread, []):
            if old.id not in there:  # forgotten, or from before a fresh start
                await self._index.remove(old.id, old.audience)
        for item in found:
            await self._index.put(item)
        self._indexed[thread] = list(found)
        if len(self._indexed) > INDEXED_THREADS:
            _, oldest = self._indexed.popitem(last=False)
            for old in oldest:
                await self._index.remove(old.id, old.audience)

    async def _read(
        self, file: Attachment, message: Message, platform: Platform, known: dict[str, Document]
    ) -> Document:
        async with _downloaded(file, platform, self._max_bytes) as path:
            content = await asyncio.to_thread(path.read_bytes)
            same = known.get(identity(content))
            if same is not None:
                return await self._again(same, file, message)
            extracted = await self._extractor.extract(path, file.name)
        return await self._keep(content, file.name, extracted, message, url=file.url)

    async def _again(self, known: Document, file: Attachment, message: Message) -> Document:
        """The same bytes came before: not read again, but the newest name counts, and who sent it."""
        passages = tuple(replace(passage, title=file.name) for passage in known.passages)
        renamed = replace(known, title=file.name, passages=passages)
        await self._documents.put(message, renamed)
        return renamed

    async def _keep(
        self, content: bytes, title: str, extracted: Extracted, message: Message, *, url: str
    ) -> Document:
        audience = Audience.of_thread(message.thread)
        kept = await asyncio.to_thread(document, content, title, extracted, audience, url=url, at=message.at)
        if not kept.passages:
            raise FileRefused(f"{title} holds no text that can be read. Send a file with text in it.")
        await self._documents.put(message, kept)
        log.info("library.document_kept", passages=len(kept.passages), sections=kept.sections)
        return kept


@contextlib.asynccontextmanager
async def _downloaded(file: Attachment, platform: Platform, max_bytes: int) -> AsyncIterator[Path]:
    """The file on disk for as long as it is read; more than `max_bytes` are never taken."""
    with tempfile.TemporaryDirectory(prefix="chasqui-") as folder:
        path = Path(folder) / "attachment"
        taken = 0
        with path.open("wb") as out:
            async with aclosing(platform.download(file)) as pieces:
                async for piece in pieces:
                    taken += len(piece)
                    if taken > max_bytes:
                        raise FileRefused(
                            f"{file.name} is larger than {max_bytes // 1_000_000} MB. "
                            "Send a smaller file, or the part that matters."
                        )
                    out.write(piece)
        yield path
