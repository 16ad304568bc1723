"""The team's documents, as those who run chasqui list, search and remove them."""

from collections import Counter
from dataclasses import asdict
from typing import Any

from adapters.redis.shelf import RedisShelf
from adapters.redis.survey import RedisSurvey
from bots.kb_files import absolute, is_page
from bots.knowledge import knowledge
from bots.output import one_line, print_json, print_table
from bots.people import PLATFORMS
from bots.settings import Settings
from bots.store import redis
from core.audience import HOW_WRITTEN, PUBLIC, for_team
from core.curating import take_out
from core.errors import SettingsError, UserError
from core.types import Audience, Entry, Hit

_SNIPPET = 200
"""Characters of a passage that are shown to people."""


async def show_all(settings: Settings, *, as_json: bool) -> int:
    """`chasqui kb list`: every document of the team."""
    async with redis(settings) as store:
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
    async with redis(settings) as store:
        shelf = RedisShelf(store)
        entries, sources = await shelf.entries(), [source.address for source in await shelf.sources()]
        address = name if is_page(name) else str(absolute(name))
        leaving = [entry for entry in entries if entry.id == name or entry.source == address]
        if not leaving and address not in sources:
            raise UserError(f"{name} is neither a document nor what was added. `chasqui kb list` shows all.")
        await shelf.drop(address)
        for entry in leaving:
            await take_out(shelf, entry)
    if as_json:
        print_json({"removed": [entry.id for entry in leaving]})
    else:
        print(f"Removed {documents(len(leaving))}.")
    return 0


async def search(settings: Settings, query: str, k: int, audience: str, *, as_json: bool) -> int:
    """`chasqui kb search`: the best sections, as an answer to this audience would find them."""
    who = audience_of(audience)
    async with redis(settings) as store, knowledge(settings, store) as known:
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
    async with redis(settings) as store:
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
    print(f"{documents(len(entries))}, {passages:,} passages.")
    print(f"{unanswered} questions unanswered (kb gaps), {thumbs[True]} thumbs up, {thumbs[False]} down.")
    if sources:
        rows = [(s.address, str(s.audience), str(held[s.address])) for s in sources]
        print_table(("SOURCE", "AUDIENCE", "DOCUMENTS"), rows)
    return 0


def audience_of(written: str) -> Audience:
    """Who is meant. Raises SettingsError for nobody."""
    audience = for_team(written)
    if audience is None or (audience != PUBLIC and audience.ref.partition(":")[0] not in PLATFORMS):
        raise SettingsError(f"{written!r} is no audience. {HOW_WRITTEN}")
    return audience


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


def documents(number: int) -> str:
    """So many, for people."""
    return "1 document" if number == 1 else f"{number:,} documents"


def _snippet(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= _SNIPPET else f"{line[:_SNIPPET]} …"
