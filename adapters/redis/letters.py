"""The dead letters: messages that were set aside.

A terminal answers its own threads, so they are not looked at.
"""

import asyncio
import json
from dataclasses import dataclass
from typing import Any, Self

import structlog

from adapters.redis import keys, scripts
from adapters.redis.counts import Counts
from adapters.redis.keys import Address
from adapters.redis.store import Store
from adapters.redis.values import unpack_message
from core.errors import UserError
from core.types import Message

log = structlog.get_logger()

_VERSION = 1
"""Of what `scripts.SET_ASIDE` writes."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A message that was set aside: when (Unix time), after how many attempts, and why.

    `thread` is the hash that stands for its thread in `partition`; `message` is None where it cannot be read.
    """

    id: str
    partition: str
    thread: str
    at: float
    attempts: int
    why: str
    message: Message | None

    @classmethod
    def read(cls, partition: str, letter_id: str, stored: bytes) -> Self | None:
        """As `scripts.SET_ASIDE` wrote it; None where it cannot be read, which is logged.

        Whatever bytes stood for the message came through unchanged.
        """
        try:
            letter = _decoded(stored)
            message = unpack_message(letter["message"].encode("utf-8", "surrogateescape"), "dead")
            about = letter["thread"], letter["at"], letter["attempts"], letter["why"]
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            log.warning("redis.value_unreadable", kind="Letter", key=partition, error=type(error).__name__)
            return None
        return cls(letter_id, partition, *about, message)


class RedisLetters:
    """The dead letters of all partitions, by id."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._keys = {name: keys.of_partition(name).dead for name in keys.partitions(store.partitions)}

    async def all(self) -> list[Letter]:
        """Every letter, oldest first, without unreadable ones."""
        found = await asyncio.gather(*(self._store.command("HGETALL", key) for key in self._keys.values()))
        letters = [
            Letter.read(partition, letter_id.decode(), stored)
            for partition, those in zip(self._keys, found, strict=True)
            for letter_id, stored in those.items()
        ]
        return sorted(filter(None, letters), key=lambda letter: letter.at)

    async def find(self, letter_id: str) -> Letter:
        """The letter of this id. Raises UserError where there is none."""
        for letter in await self.all():
            if letter.id == letter_id:
                return letter
        raise _missing(letter_id)

    async def retry(self, letter_id: str) -> None:
        """Put the message back, last in its thread, as if it had never been tried. Raises UserError."""
        letter = await self.find(letter_id)
        message = letter.message
        if message is None:
            raise UserError(
                f"The message of {letter_id} cannot be read by this release. It can only be dropped."
            )
        at, counts = Address(letter.partition, letter.thread), Counts(self._store)
        counted, person = keys.counted(message.id, at), keys.person(message.thread.platform, message.author)
        await counts.admit(counted, person, str(message.thread))
        life = self._store.retention.words
        if not await self._store.run(scripts.RETRY, keys.of_thread(at), letter_id, message.id, life):
            await counts.finish(counted)  # somebody dropped it meanwhile

    async def drop(self, letter_id: str) -> None:
        """Delete the letter, readable or not. Raises UserError where there is none."""
        asked = (self._store.command("HDEL", key, letter_id) for key in self._keys.values())
        if not any(await asyncio.gather(*asked)):
            raise _missing(letter_id)


def _decoded(stored: bytes) -> dict[str, Any]:
    letter: dict[str, Any] = json.loads(stored.decode("utf-8", "surrogateescape"))
    if letter["v"] != _VERSION:
        raise ValueError("not a letter of this release")
    return letter


def _missing(letter_id: str) -> UserError:
    return UserError(f"There is no dead letter {letter_id}. `chasqui inbox list` shows those there are.")
