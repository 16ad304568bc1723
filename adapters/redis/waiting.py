"""What waits in the inbox, as those see it who run chasqui.

A terminal answers its own threads, so they are not looked at.
"""

import asyncio
from dataclasses import dataclass

from adapters.redis import keys, scripts
from adapters.redis.keys import Address
from adapters.redis.ready import Head
from adapters.redis.store import Store
from adapters.redis.values import unpack_message
from core.types import ThreadId


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many messages wait in a thread: since when (Unix time), how often the first was tried, and whether
    it is being answered. `thread` is None where that message cannot be read."""

    thread: ThreadId | None
    since: float
    messages: int
    attempts: int
    answering: bool


async def waiting(store: Store) -> list[Waiting]:
    """The threads in which messages wait, the longest first."""
    found = await asyncio.gather(*(_waiting_in(store, name) for name in keys.partitions(store.partitions)))
    return sorted((each for threads in found for each in threads), key=lambda each: each.since)


async def _waiting_in(store: Store, partition: str) -> list[Waiting]:
    heads = await store.command("HGETALL", keys.of_partition(partition).heads)
    threads = []
    for thread, head in heads.items():
        names = keys.of_thread(Address(partition, thread.decode()))
        found = await store.run(scripts.WAITING, names)
        if found is not None:
            messages, stored, attempts, answering = found
            first = unpack_message(stored, names.messages)
            thread_id, since = (first.thread, first.at) if first else (None, Head.read(head).since / 1e6)
            threads.append(Waiting(thread_id, since, messages, attempts, bool(answering)))
    return threads
