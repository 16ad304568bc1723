"""The team's documents, as those who run chasqui add them and look whether they changed."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from adapters.extraction.extractor import ExtractionLimits, SandboxedExtractor
from adapters.redis.shelf import RedisShelf
from adapters.redis.store import Store
from bots import kb_sync
from bots.kb import audience_of, documents
from bots.kb_files import absolute, is_page
from bots.kb_links import ADDRESS_IS_SHOWN
from bots.kb_sync import Report, Sync
from bots.knowledge import knowledge
from bots.output import one_line, print_json
from bots.settings import Settings
from bots.store import redis
from core.errors import EmbedderUnavailable, SettingsError
from core.types import Source

_BY_WORDS = (
    "The documents are found by their words. Check CHASQUI_EMBEDDINGS__URL and its server; vectors are then "
    "made by the workers, or by `chasqui kb sync`."
)


async def add(settings: Settings, named: Sequence[str], audience: str, *, as_json: bool) -> int:
    """`chasqui kb add`: files, folders and pages become documents of the team."""
    who = audience_of(audience)
    sources = [Source(_address(name), who, time.time()) for name in named]
    async with redis(settings) as store:
        shelf = RedisShelf(store)
        for source in sources:
            await shelf.add(source)
        return await _synced(settings, store, sources, as_json=as_json, are_new=True)


async def sync(settings: Settings, *, as_json: bool) -> int:
    """`chasqui kb sync`: what was added is looked at again."""
    async with redis(settings) as store:
        return await _synced(settings, store, await RedisShelf(store).sources(), as_json=as_json)


async def _synced(
    settings: Settings, store: Store, sources: Sequence[Source], *, as_json: bool, are_new: bool = False
) -> int:
    largest = settings.answers.max_file_bytes
    report = Report()
    shelf = RedisShelf(store)
    async with SandboxedExtractor(limits=ExtractionLimits(max_bytes=largest)) as extractor:
        syncing = Sync(shelf, extractor, max_bytes=largest, hosts=settings.kb.hosts)
        for source in sources:
            with _progress(source.address) as progress:
                await syncing.run(source, report, progress)
            if are_new:
                await syncing.give_up(source)
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
    async with knowledge(settings, store) as known:
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
        f"{documents(report.added)} added, {report.updated} updated, {report.unchanged} unchanged, "
        f"{report.removed} removed, {len(report.failed)} not read."
    )
    for path, sentence in (*sorted(report.failed), *sorted(report.notes)):
        print(f"  {one_line(path)}: {one_line(sentence)}")


def _address(name: str) -> str:
    """Where something lies that is added. Raises SettingsError for what is not there."""
    if is_page(name):
        if "@" in name.split("/")[2]:
            raise SettingsError(ADDRESS_IS_SHOWN)
        return name
    with suppress(OSError):  # no file can have this name
        if (path := absolute(name)).exists():
            return str(path)
    raise SettingsError(f"{name} does not exist. Name a file, a folder or an address of the web.")
