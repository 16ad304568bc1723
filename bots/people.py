"""What is kept of people: export it, delete it."""

from dataclasses import asdict
from typing import Any

from adapters.redis.history import RedisHistory
from adapters.redis.people import RedisPeople
from bots import wiring
from bots.output import print_json
from bots.settings import Settings
from core.ports import Kept, People
from core.types import Document, ThreadId

PLATFORMS = ("discord", "slack", "terminal")


async def export(settings: Settings, platform: str, author: str) -> int:
    """`chasqui export`: JSON on stdout."""
    async with wiring.redis(settings) as store:
        found = await exported(RedisPeople(store), platform, author)
    print_json(found)
    return 0


async def exported(people: People, platform: str, author: str) -> dict[str, Any]:
    """All that is kept of a person, as JSON. Platforms give it to whoever asks for their own."""
    kept = await people.kept(platform, author)
    return {"person": f"{platform}:{author}", "threads": [_thread(each) for each in kept]}


async def forget_person(settings: Settings, platform: str, author: str) -> int:
    """`chasqui forget --person`."""
    async with wiring.redis(settings) as store:
        await RedisPeople(store).forget(platform, author)
    print(f"Everything that was kept of {platform}:{author} is deleted.")
    return 0


async def forget_thread(settings: Settings, thread: ThreadId) -> int:
    """`chasqui forget --thread`."""
    async with wiring.redis(settings) as store:
        await RedisHistory(store).forget(thread)
    print(f"Everything that was kept of {thread} is deleted.")
    return 0


def _thread(kept: Kept) -> dict[str, Any]:
    return {
        "thread": str(kept.thread),
        "turns": [asdict(turn) for turn in kept.turns],
        "documents": [_document(document) for document in kept.documents],
        "waiting": [asdict(message) for message in kept.waiting],
        "set_aside": [asdict(message) for message in kept.set_aside],
    }


def _document(document: Document) -> dict[str, Any]:
    """Its passages follow each other and do not overlap: together they are the text that was read."""
    return {
        "title": document.title,
        "url": document.url,
        "at": document.at,
        "passages": [
            {"heading": passage.heading, "page": passage.page, "text": passage.text}
            for passage in document.passages
        ],
    }
