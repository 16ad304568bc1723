"""Messages that are kept for the team instead of being answered: their words and files become documents,
or the page of the web to which they link.
"""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import structlog

from core.attachments import downloaded, or_refused
from core.audience import for_team, in_reach
from core.errors import FileRefused, HostRefused
from core.knowledge import team_document, team_identity
from core.ports import END, Block, Extracted, Extractor, Lease, Links, PageRead, Platform, Shelf
from core.prompt import clean
from core.refusals import Refusal, sentences, shown
from core.retrying import RetryingReply
from core.story import telling
from core.types import Addition, Attachment, Audience, Checkpoint, Entry, Message, Outcome, Source

log = structlog.get_logger()

WORDS = "message"
"""The path of what a message says itself, beside those of its files."""
_NAMED, _TITLE = 5, 60
"""Documents that are told by their titles, and characters of one."""
_ADDRESS = 120
"""Characters of an address that are told."""
_NOTHING = "Nothing was added to the knowledge base: there is nothing in this message that can be read."
_NOT_FROM_HERE = "This page cannot be added from here. Whoever runs me can do it with `chasqui kb add`."
_WHOSE = {
    "channel": "everybody who reads this channel",
    "workspace": "everybody of this workspace or server",
    "person": "you alone",
}


@dataclass(frozen=True, slots=True)
class Keeper:
    """Puts messages with an `Addition` on the shelf; files within `max_bytes` and what `extractor` allows.

    Pages of the web are read by `links`.
    """

    shelf: Shelf
    extractor: Extractor
    max_bytes: int
    links: Links

    async def keep(self, lease: Lease, platform: Platform) -> Outcome:
        """Keep `lease.message`, tell its author what became of it, and end the lease.

        It leaves no turn. Adding the same again replaces what was kept of it. LeaseLost, StoreError and
        PlatformError are raised, and leave the message in the inbox.
        """
        message = lease.message
        with telling(message):
            reply = RetryingReply(platform.reply(message, lease.ledger), lease.ledger)
            left = (await lease.ledger.standing()).checkpoint
            outcome = left.outcome if left and left.outcome else await self._kept(message, platform)
            await lease.ledger.intend(END, Checkpoint(outcome=outcome))
            await reply.finish(outcome)
            await lease.finish(None)
            log.info("keeper.kept", outcome=outcome.kind, files=len(message.attachments))
        return outcome

    async def _kept(self, message: Message, platform: Platform) -> Outcome:
        addition = message.addition
        audience = for_team(addition.audience) if addition else None
        if not addition or not audience:
            return Outcome("failed", why=_NOTHING)
        if addition.is_link:
            return await self._linked(message, Source(addition.source, audience, addition.at))
        ends: list[Entry | Refusal] = []
        notes: list[str] = []
        text, paths = clean(message.text).strip(), dict(_paths(message.attachments))
        if text:
            words = self._put(Extracted((Block(text),)), text.encode("utf-8", "replace"), addition, WORDS)
            ends.append(await or_refused(Attachment(addition.title, ""), words))
        for path, file in paths.items():
            ends.append(await or_refused(file, self._read(file, path, addition, platform, notes)))
        entries = [end for end in ends if isinstance(end, Entry)]
        await self._take_out(addition, {*paths, *([WORDS] if text else [])})
        left_out = (*sentences(end for end in ends if isinstance(end, Refusal)), *notes)
        if not entries:
            return Outcome(
                "failed", why=_NOTHING if not left_out else "Nothing was added.", left_out=left_out
            )
        return Outcome("answered", why=_told(entries, audience), left_out=left_out)

    async def _linked(self, message: Message, source: Source) -> Outcome:
        address = _short(source.address)
        end = await or_refused(Attachment(address, ""), self._page(message, source))
        if isinstance(end, Refusal):
            said = end.sentence.replace(source.address, address)
            return Outcome("failed", why=f"Nothing was added. {said}")
        # What a worker read of it for this message and did not live to tell is new to who added it.
        is_new = end.fresh or end.entry.at >= message.at
        why = _told([end.entry], source.audience) if is_new else _unchanged(end.entry, source.audience)
        return Outcome("answered", why=why, left_out=end.notes)

    async def _page(self, message: Message, source: Source) -> PageRead:
        """Keep a page, unless it is kept for people to whom its author may not belong: they would lose it."""
        theirs = {each.audience for each in await self.shelf.sources() if each.address == source.address}
        theirs |= {each.audience for each in await self.shelf.entries() if each.source == source.address}
        if not theirs.issubset(in_reach(message)):
            raise FileRefused(_NOT_FROM_HERE)
        try:
            return await self.links.add(source)
        except HostRefused as error:
            host = _short(error.host)
            raise FileRefused(
                f"{source.address} leads to {host}, which is inside your network: whoever runs me has to "
                f"name {host} in CHASQUI_KB__HOSTS, if its pages may be documents."
            ) from None

    async def _read(
        self, file: Attachment, path: str, addition: Addition, platform: Platform, notes: list[str]
    ) -> Entry:
        async with downloaded(file, platform, self.max_bytes) as place:
            content = await asyncio.to_thread(place.read_bytes)
            extracted = await self.extractor.extract(place, file.name)
        entry = await self._put(extracted, content, replace(addition, title=file.name), path)
        notes += [f"{file.name}: {note}" for note in extracted.notes]
        return entry

    async def _put(self, extracted: Extracted, content: bytes, addition: Addition, path: str) -> Entry:
        audience = Audience.parse(addition.audience)
        made = Entry(
            team_identity(addition.source, path, audience),
            addition.title,
            audience,
            path,
            addition.source,
            hashlib.sha256(content).hexdigest(),
            url=addition.url,
            at=addition.at,
        )
        document = await asyncio.to_thread(team_document, made, extracted)
        if not document.passages:
            raise FileRefused(f"{addition.title} holds no text that can be read.")
        entry = replace(made, title=document.title, passages=len(document.passages))
        await self.shelf.put(document, entry)
        return entry

    async def _take_out(self, addition: Addition, paths: set[str]) -> None:
        """Remove what this message said before and does not say now, and what others than now could read."""
        for entry in await self.shelf.entries():
            is_ours = entry.source == addition.source
            if is_ours and (entry.path not in paths or str(entry.audience) != addition.audience):
                await self.shelf.remove(entry.id)


def _paths(files: Sequence[Attachment]) -> Iterator[tuple[str, Attachment]]:
    """Each file under a path of its own: several may have one name."""
    names = Counter([WORDS])
    for file in (replace(each, name=shown(each.name)) for each in files):
        names[file.name] += 1
        number = names[file.name]
        yield file.name if number == 1 else f"{file.name} ({number})", file


def _told(entries: Sequence[Entry], audience: Audience) -> str:
    titles = [entry.title[:_TITLE] for entry in entries[:_NAMED]]
    if len(entries) > _NAMED:
        titles.append(f"{len(entries) - _NAMED} more")
    return (
        f"Added to the knowledge base, for {_WHOSE[audience.kind]}: {', '.join(titles)}. "
        "/kb list shows it, and /kb remove takes it out again."
    )


def _unchanged(entry: Entry, audience: Audience) -> str:
    return (
        f"Unchanged: {entry.title[:_TITLE]} is in the knowledge base already, "
        f"for {_WHOSE[audience.kind]}, and says what it said before."
    )


def _short(address: str) -> str:
    return address if len(address) <= _ADDRESS else f"{address[:_ADDRESS]}…"
