"""What is kept of people: export it, delete it."""

from dataclasses import asdict
from typing import Any

from adapters.redis.history import RedisHistory
from adapters.redis.people import RedisPeople
from bots.output import print_json
from bots.settings import Settings
from bots.store import redis
from core.ports import Kept
from core.types import Document, ThreadId

PLATFORMS = ("discord", "slack", "terminal")


async def export(settings: Settings, platform: str, author: str) -> int:
    """`chasqui export`: JSON on stdout."""
    async with redis(settings) as store:
        kept = await RedisPeople(store).kept(platform, author)
    print_json({"person": f"{platform}:{author}", "threads": [_thread(each) for each in kept]})
    return 0


async def forget_person(settings: Settings, platform: str, author: str) -> int:
    """`chasqui forget --person`."""
    async with redis(settings) as store:
        threads = len(await RedisPeople(store).kept(platform, author))
        await RedisPeople(store).forget(platform, author)
    who, where = f"{platform}:{author}", "1 thread" if threads == 1 else f"{threads} threads"
    if threads:
        print(f"All that was kept of {who} is deleted, in {where}.")
    else:
        print(f"Nothing was kept of {who}.")
    return 0


async def forget_thread(settings: Settings, thread: ThreadId) -> int:
    """`chasqui forget --thread`."""
    async with redis(settings) as store:
        names = store.keys(thread)
        kept = await store.command("EXISTS", names.turns, names.documents, names.messages, names.feedback)
        await RedisHistory(store).forget(thread)
    print(f"Everything that was kept of {thread} is deleted." if kept else f"Nothing was kept of {thread}.")
    return 0


def _thread(kept: Kept) -> dict[str, Any]:
    return {
        "thread": str(kept.thread),
        "turns": [asdict(turn) for turn in kept.turns],
        "documents": [_document(document) for document in kept.documents],
        "waiting": [asdict(message) for message in kept.waiting],
        "set_aside": [asdict(message) for message in kept.set_aside],
        "feedback": [asdict(feedback) for feedback in kept.feedback],
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
