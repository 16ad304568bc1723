"""Bringing the shelf up to date with a source: what is new is read, what changed is read again, what is gone
leaves. One document that fails stops no other.
"""

import asyncio
import hashlib
import tempfile
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from adapters import webpages
from bots.kb_files import Found, found_in, is_page
from core.errors import FileRefused, HostRefused
from core.knowledge import team_document, team_identity
from core.ports import Extractor, PageRead, Shelf
from core.refusals import shown
from core.together import together
from core.types import Document, Entry, Source

_AT_ONCE = 4
"""Documents that are under way at a time; the extractor reads fewer."""


@dataclass(slots=True)
class Report:
    """How many documents were read, read again, left as they are and removed.

    By path it says of each that was not read why, and in `notes` what of others was not.
    """

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)

    @property
    def useless(self) -> bool:
        """Whether nothing of what was there could be read."""
        return bool(self.failed) and not (self.added or self.updated or self.unchanged)


Progress = Callable[[int, int], None]
"""Hears how many of how many documents are done."""


class Sync:
    """Brings the shelf up to date with sources. Inside the network pages are read of these `hosts` alone.

    `not_asked` are the addresses of pages that were not read for that reason. Implements `Links`.
    """

    def __init__(
        self, shelf: Shelf, extractor: Extractor, *, max_bytes: int, hosts: Collection[str] = ()
    ) -> None:
        self._shelf = shelf
        self._extractor = extractor
        self._max_bytes = max_bytes
        self._hosts = hosts
        self.not_asked: set[str] = set()

    async def run(self, source: Source, report: Report, progress: Progress) -> None:
        """Let the shelf hold what `source` holds now, and nothing else of it."""
        others = [each.address for each in await self._shelf.sources() if each.address != source.address]
        entries = await self._shelf.entries()
        await self._take_over(source, entries)
        known = {e.path: e for e in entries if e.source == source.address and e.audience == source.audience}
        try:
            found = await asyncio.to_thread(_found, source, others)
        except OSError as error:
            report.failed.append((source.address, f"It cannot be opened ({error.strerror})."))
            return
        todo, done = iter(found), count(1)

        async def work() -> None:
            for each in todo:
                await self._one(source, each, known.get(each.path), report)
                progress(next(done), len(found))

        await together(*(work() for _ in range(_AT_ONCE)))
        for path in known.keys() - {each.path for each in found}:
            await self._shelf.remove(known[path].id)
            report.removed += 1

    async def give_up(self, source: Source) -> None:
        """Look at `source` no more where its host is not to be asked and nothing of it is kept."""
        if source.address in self.not_asked and not await self._kept(source):
            await self._shelf.drop(source.address)

    async def add(self, source: Source) -> PageRead:
        """As `Links.add`. Whoever could read the page before can until it is read for others."""
        (found,), report, before = _found(source, ()), Report(), await self._kept(source)
        entry = next((each for each in before if each.audience == source.audience), None)
        if not await self._fetch(source, found, entry, report):
            raise FileRefused(f"There is no page at {source.address}. Check the address.")
        await self._shelf.add(source)
        after = await self._kept(source)
        await self._take_over(source, after)
        made = [each for each in after if each.audience == source.audience]
        if not made:
            raise FileRefused(f"Somebody removed {source.address} meanwhile. Add it again.")
        return PageRead(made[0], fresh=not report.unchanged, notes=tuple(note for _, note in report.notes))

    async def _kept(self, source: Source) -> list[Entry]:
        return [entry for entry in await self._shelf.entries() if entry.source == source.address]

    async def _take_over(self, source: Source, entries: Iterable[Entry]) -> None:
        """Remove what has the audience that `source` had before, or that of a wider source around it."""
        for entry in entries:
            own = entry.source == source.address
            before = own and entry.audience != source.audience
            if before or (not own and _holds(source, entry)):
                await self._shelf.remove(entry.id)

    async def _one(self, source: Source, found: Found, entry: Entry | None, report: Report) -> None:
        """Bring one document up to date."""
        try:
            if entry and found.stamp and found.stamp == entry.stamp:
                report.unchanged += 1
            elif is_page(source.address):
                await self._look_at(source, found, entry, report)
            else:
                await self._read(source, found, entry, report)
        except FileRefused as error:
            if isinstance(error, HostRefused):
                self.not_asked.add(source.address)
            report.failed.append((found.path, error.sentence))
        except OSError as error:  # it went while we looked, or is not ours to read
            report.failed.append((found.path, f"It cannot be opened ({error.strerror})."))

    async def _look_at(self, source: Source, found: Found, entry: Entry | None, report: Report) -> None:
        """Bring a page up to date that was added before."""
        if not await self._fetch(source, found, entry, report):
            raise FileRefused(f"It is gone. `chasqui kb remove {source.address}` forgets the address.")

    async def _fetch(self, source: Source, found: Found, entry: Entry | None, report: Report) -> bool:
        """Bring a page up to date; whether it is there still."""
        with tempfile.TemporaryDirectory(prefix="chasqui-") as folder:
            file, known = Path(folder) / "page", entry.stamp if entry else ""
            fetched = await webpages.fetch(
                source.address, file, known=known, max_bytes=self._max_bytes, hosts=self._hosts
            )
            if fetched.kind == "new":
                await self._read(source, replace(found, file=file, stamp=fetched.version), entry, report)
            elif fetched.kind == "same":
                report.unchanged += 1
            else:
                await self._remove(entry)
            return fetched.kind != "gone"

    async def _read(self, source: Source, found: Found, entry: Entry | None, report: Report) -> None:
        digest = await asyncio.to_thread(_digest, found.file)
        if entry and entry.digest == digest and (document := await self._shelf.document(entry.id)):
            if found.stamp != entry.stamp:
                await self._shelf.put(document, replace(entry, stamp=found.stamp))
            report.unchanged += 1
            return
        try:
            document, made = await self._extract(source, found, digest)
        except FileRefused:
            await self._remove(entry)  # what it said is not true any more
            raise
        await self._shelf.put(document, made)
        report.notes += [(found.path, note) for note in document.notes]
        if entry:
            report.updated += 1
        else:
            report.added += 1

    async def _extract(self, source: Source, found: Found, digest: str) -> tuple[Document, Entry]:
        name = shown(PurePosixPath(found.path).name)
        extracted = await self._extractor.extract(found.file, name)
        ident = team_identity(source.address, found.path, source.audience)
        url = source.address if is_page(source.address) else found.file.as_uri()
        made = Entry(
            ident, name, source.audience, found.path, source.address, digest, found.stamp, url, found.at
        )
        document = await asyncio.to_thread(team_document, made, extracted)
        if not document.passages:
            raise FileRefused("It holds no text that can be read.")
        return document, replace(made, title=document.title, passages=len(document.passages))

    async def _remove(self, entry: Entry | None) -> None:
        if entry:
            await self._shelf.remove(entry.id)


def _found(source: Source, others: Sequence[str]) -> list[Found]:
    """The documents of a source now. What is in a source inside this one is that one's. Raises OSError."""
    if is_page(source.address):
        path = urlsplit(source.address).path.rstrip("/").rpartition("/")[2] or "index.html"
        found = [Found(path, Path(), "", time.time())]
    else:
        root = Path(source.address)
        root.stat()  # one that is gone is not one that is empty
        inner = [other for other in others if _within(other, source.address)]
        found = [
            each for each in found_in(root) if not any(_within(str(each.file), other) for other in inner)
        ]
    return [each for each in found if each.path not in source.without]


def _holds(source: Source, entry: Entry) -> bool:
    """Whether a document of a source around this one lies in this one."""
    around = not is_page(source.address) and _within(source.address, entry.source)
    return around and _within(entry.url, Path(source.address).as_uri())


def _within(address: str, folder: str) -> bool:
    return address == folder or address.startswith(f"{folder.rstrip('/')}/")


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
