"""The inbox as those see it who run chasqui: what waits, and the dead letters.

A terminal answers its own threads, so they are not looked at.
"""

import asyncio
import json
import sys
from dataclasses import dataclass
from typing import Self

from adapters.redis import keys, scripts
from adapters.redis.keys import Address
from adapters.redis.limits import Bounds, Limits
from adapters.redis.ready import Head
from adapters.redis.store import Store
from adapters.redis.values import unpack_message
from core.errors import UserError
from core.types import Message, ThreadId


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many messages wait in a thread: since when (Unix time), how often the first was tried, and whether
    it is being answered. `thread` is None where that message cannot be read."""

    thread: ThreadId | None
    since: float
    messages: int
    attempts: int
    answering: bool


@dataclass(frozen=True, slots=True)
class Letter:
    """A message that was given up: when (Unix time), after how many attempts, and why.

    `thread` is the hash that stands for its thread; `message` is None where it cannot be read.
    """

    name: str
    thread: str
    at: float
    attempts: int
    why: str
    message: Message | None

    @classmethod
    def read(cls, name: str, stored: bytes) -> Self:
        """As `scripts.SET_ASIDE` wrote it. Whatever bytes stood for the message came through unchanged."""
        letter = json.loads(stored.decode("utf-8", "surrogateescape"))
        message = unpack_message(letter["message"].encode("utf-8", "surrogateescape"), "dead")
        return cls(name, letter["thread"], letter["at"], letter["attempts"], letter["why"], message)


class RedisLetters:
    """The dead letters of all partitions, by name."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def all(self) -> list[Letter]:
        """Every letter, oldest first."""
        partitions = map(keys.of_partition, _partitions(self._store))
        found = await asyncio.gather(*(self._store.run(scripts.LETTERS, names) for names in partitions))
        letters = [
            Letter.read(name.decode(), stored)
            for flat in found
            for name, stored in zip(flat[::2], flat[1::2], strict=True)
        ]
        return sorted(letters, key=lambda letter: letter.at)

    async def find(self, name: str) -> Letter:
        """The letter of this name. Raises UserError where there is none."""
        return (await self._found(name))[1]

    async def retry(self, name: str) -> None:
        """Put the message back, last in its thread, as if it had never been tried. Raises UserError."""
        partition, letter = await self._found(name)
        message = letter.message
        if message is None:
            raise UserError(f"The message of {name} cannot be read by this release. It can only be dropped.")
        at = Address(partition, letter.thread)
        limits = Limits(self._store, Bounds(sys.maxsize, sys.maxsize), slot_life=0)
        counted, person = keys.counted(message.id, at), keys.person(message.thread.platform, message.author)
        await limits.admit(counted, person, str(message.thread))
        life = self._store.retention.words
        if not await self._store.run(scripts.RETRY, keys.of_thread(at), name, message.id, life):
            await limits.end(counted)  # somebody dropped it meanwhile

    async def drop(self, name: str) -> None:
        """Delete the letter. Raises UserError where there is none."""
        partition, _ = await self._found(name)
        await self._store.command("HDEL", keys.of_partition(partition).dead, name)

    async def _found(self, name: str) -> tuple[str, Letter]:
        partitions = _partitions(self._store)
        asked = (self._store.command("HGET", keys.of_partition(each).dead, name) for each in partitions)
        for partition, stored in zip(partitions, await asyncio.gather(*asked), strict=True):
            if stored is not None:
                return partition, Letter.read(name, stored)
        raise UserError(f"There is no dead letter {name}. `chasqui inbox list` shows those there are.")


async def waiting(store: Store) -> list[Waiting]:
    """The threads in which messages wait, the longest first."""
    found = await asyncio.gather(*(_waiting_in(store, partition) for partition in _partitions(store)))
    return sorted((each for threads in found for each in threads), key=lambda each: each.since)


async def _waiting_in(store: Store, partition: str) -> list[Waiting]:
    flat = await store.run(scripts.HEADS, keys.of_partition(partition))
    threads = []
    for thread, head in zip(flat[::2], flat[1::2], strict=True):
        names = keys.of_thread(Address(partition, thread.decode()))
        found = await store.run(scripts.WAITING, names)
        if found is not None:
            messages, stored, attempts, answering = found
            first = unpack_message(stored, names.messages)
            since = first.at if first else Head.read(head).since / 1e6
            thread_id = first.thread if first else None
            threads.append(Waiting(thread_id, since, messages, attempts, bool(answering)))
    return threads


def _partitions(store: Store) -> list[str]:
    return [f"p{number}" for number in range(store.partitions)]
