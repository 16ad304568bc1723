"""The team's documents, as those who run chasqui add, list, search and remove them."""

import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from adapters.extraction.extractor import ExtractionLimits, SandboxedExtractor
from adapters.redis.shelf import RedisShelf
from adapters.redis.store import Store
from adapters.redis.survey import RedisSurvey
from bots import kb_sync, wiring
from bots.inbox import one_line, print_table
from bots.kb_sync import Report, Sync, is_page
from bots.output import print_json
from bots.people import PLATFORMS
from bots.settings import Settings
from core.audience import HOW_WRITTEN, PUBLIC, for_team
from core.curating import take_out
from core.errors import EmbedderUnavailable, SettingsError, UserError
from core.types import Audience, Entry, Hit, Source

_BY_WORDS = (
    "The documents are found by their words. Check CHASQUI_EMBEDDINGS__URL and its server; vectors are then "
    "made by the workers, or by `chasqui kb sync`."
)
_SNIPPET = 200
"""Characters of a passage that are shown to people."""


async def add(settings: Settings, named: Sequence[str], audience: str, *, as_json: bool) -> int:
    """`chasqui kb add`: files, folders and pages become documents of the team."""
    who = _audience(audience)
    sources = [Source(_address(name), who, time.time()) for name in named]
    async with wiring.redis(settings) as store:
        shelf = RedisShelf(store)
        for source in sources:
            await shelf.add(source)
        return await _synced(settings, store, sources, as_json=as_json)


async def sync(settings: Settings, *, as_json: bool) -> int:
    """`chasqui kb sync`: what was added is looked at again."""
    async with wiring.redis(settings) as store:
        return await _synced(settings, store, await RedisShelf(store).sources(), as_json=as_json)


async def show_all(settings: Settings, *, as_json: bool) -> int:
    """`chasqui kb list`: every document of the team."""
    async with wiring.redis(settings) as store:
        entries = await RedisShelf(store).entries()
    if as_json:
        print_json([_entry(entry) for entry in entries])
    elif entries:
        rows = [(e.id, str(e.audience), str(e.passages), e.path, e.title) for e in entries]
        print_table(("ID", "AUDIENCE", "PASSAGES", "PATH", "TITLE"), rows)
    else:
        print("There are no documents. `chasqui kb add PATH` adds some.")
    return 0


async def remove(settings: Settings, name: str, *, as_json: bool) -> int:
    """`chasqui kb remove`: a document by its id, or all of what was added by its address."""
    async with wiring.redis(settings) as store:
        shelf = RedisShelf(store)
        entries, sources = await shelf.entries(), [source.address for source in await shelf.sources()]
        address = name if is_page(name) else str(_absolute(name))
        leaving = [entry for entry in entries if entry.id == name or entry.source == address]
        if not leaving and address not in sources:
            raise UserError(f"{name} is neither a document nor what was added. `chasqui kb list` shows all.")
        await shelf.drop(address)
        for entry in leaving:
            await take_out(shelf, entry)
    if as_json:
        print_json({"removed": [entry.id for entry in leaving]})
    else:
        print(f"Removed {_documents(len(leaving))}.")
    return 0


async def search(settings: Settings, query: str, k: int, audience: str, *, as_json: bool) -> int:
    """`chasqui kb search`: the best sections, as an answer to this audience would find them."""
    who = _audience(audience)
    async with wiring.redis(settings) as store, wiring.knowledge(settings, store) as known:
        hits = await known.team.search(query, list(dict.fromkeys((PUBLIC, who))), k)
    if as_json:
        print_json([_hit(hit, known.team.entry(hit.passage.document)) for hit in hits])
    elif hits:
        for number, passage in enumerate((hit.passage for hit in hits), 1):
            print(f"{number}. {one_line(passage.place)}\n   {passage.link}\n   {_snippet(passage.text)}\n")
    else:
        print("Nothing was found.")
    return 0


async def stats(settings: Settings, *, as_json: bool) -> int:
    """`chasqui kb stats`: how much there is, for whom, where it came from, and what became of questions."""
    async with wiring.redis(settings) as store:
        entries, sources = await RedisShelf(store).entries(), await RedisShelf(store).sources()
        unanswered = len(await RedisSurvey(store).refused())
        thumbs = Counter(feedback.helped for feedback, _ in await RedisSurvey(store).feedback())
    passages = sum(entry.passages for entry in entries)
    audiences = Counter(str(entry.audience) for entry in entries)
    held = Counter(entry.source for entry in entries)
    if as_json:
        found = [{**asdict(source), "audience": str(source.audience)} for source in sources]
        for each in found:
            each["documents"] = held[each["address"]]
        counts = {"documents": len(entries), "passages": passages, "audiences": dict(audiences)}
        said = {"unanswered": unanswered, "helped": thumbs[True], "not_helped": thumbs[False]}
        print_json({**counts, "sources": found, **said})
        return 0
    print(f"{_documents(len(entries))}, {passages:,} passages.")
    print(f"{unanswered} questions unanswered (kb gaps), {thumbs[True]} thumbs up, {thumbs[False]} down.")
    if sources:
        rows = [(s.address, str(s.audience), str(held[s.address])) for s in sources]
        print_table(("SOURCE", "AUDIENCE", "DOCUMENTS"), rows)
    return 0


async def _synced(settings: Settings, store: Store, sources: Sequence[Source], *, as_json: bool) -> int:
    largest = settings.answers.max_file_bytes
    report = Report()
    shelf = RedisShelf(store)
    async with SandboxedExtractor(limits=ExtractionLimits(max_bytes=largest)) as extractor:
        syncing = Sync(shelf, extractor, max_bytes=largest, hosts=settings.kb.hosts)
        for source in sources:
            with _progress(source.address) as progress:
                await syncing.run(source, report, progress)
    await _embedded(settings, store)
    if as_json:
        failed = [{"path": path, "why": why} for path, why in sorted(report.failed)]
        notes = [{"path": path, "note": note} for path, note in sorted(report.notes)]
        print_json({**asdict(report), "failed": failed, "notes": notes})
    else:
        _print_report(report)
    return int(report.useless)


async def _embedded(settings: Settings, store: Store) -> None:
    """Make the vectors that documents lack. Without them they are found by their words."""
    async with wiring.knowledge(settings, store) as known:
        if known.embedding:
            try:
                with _progress("finding by meaning") as progress:
                    await known.embedding.finish(progress)
            except EmbedderUnavailable as error:
                print(f"{error} {_BY_WORDS}", file=sys.stderr)


@contextmanager
def _progress(address: str) -> Iterator[kb_sync.Progress]:
    """A bar on a terminal, and nothing elsewhere."""
    console = Console(stderr=True)
    columns = TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn()
    quiet = not console.is_terminal
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True, disable=quiet) as bar:
        task = bar.add_task(one_line(address), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _print_report(report: Report) -> None:
    print(
        f"{_documents(report.added)} added, {report.updated} updated, {report.unchanged} unchanged, "
        f"{report.removed} removed, {len(report.failed)} not read."
    )
    for path, sentence in (*sorted(report.failed), *sorted(report.notes)):
        print(f"  {one_line(path)}: {one_line(sentence)}")


def _audience(written: str) -> Audience:
    audience = for_team(written)
    if audience is None or (audience != PUBLIC and audience.ref.partition(":")[0] not in PLATFORMS):
        raise SettingsError(f"{written!r} is no audience. {HOW_WRITTEN}")
    return audience


def _address(name: str) -> str:
    """Where something lies that is added. Raises SettingsError for what is not there."""
    if is_page(name):
        if "@" in name.split("/")[2]:
            raise SettingsError("Leave the name and the password out of the address: it is shown to people.")
        return name
    with suppress(OSError):  # no file can have this name
        if (path := _absolute(name)).exists():
            return str(path)
    raise SettingsError(f"{name} does not exist. Name a file, a folder or an address of the web.")


def _absolute(name: str) -> Path:
    """The shell knows whose home is meant by ``~``."""
    return Path(name).resolve()


def _entry(entry: Entry) -> dict[str, Any]:
    return {**asdict(entry), "audience": str(entry.audience)}


def _hit(hit: Hit, entry: Entry) -> dict[str, Any]:
    passage = hit.passage
    return {
        "document": passage.document,
        "path": entry.path,
        "anchor": passage.anchor,
        "title": passage.title,
        "heading": " › ".join(passage.heading),
        "url": passage.link,
        "text": passage.text,
        "score": hit.score,
    }


def _documents(number: int) -> str:
    return "1 document" if number == 1 else f"{number:,} documents"


def _snippet(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= _SNIPPET else f"{line[:_SNIPPET]} …"
