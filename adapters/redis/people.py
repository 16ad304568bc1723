"""What is kept of each person, over all threads.

The threads in which somebody asked stand in an index (`keys.threads_of`), which `Limits.admit` writes
before a message is put; so nothing of a person is where the index does not lead.
"""

import asyncio
from collections.abc import Iterable, Sequence

from adapters.redis import keys, scripts
from adapters.redis.documents import in_order
from adapters.redis.keys import Address
from adapters.redis.letters import Letter
from adapters.redis.limits import Bounds, Limits
from adapters.redis.store import Store
from adapters.redis.values import unpack, unpack_message
from core.ports import Kept
from core.types import Message, ThreadId, Turn

_THREADS = """
-- KEYS: the threads of a person -> each and when they last asked there
return redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
"""

_UNLIST = """
-- KEYS: the threads of a person. ARGV: thread, when they last asked there or nothing for whenever that was
if ARGV[2] == '' or redis.call('ZSCORE', KEYS[1], ARGV[1]) == ARGV[2] then
  redis.call('ZREM', KEYS[1], ARGV[1])
end
"""


class RedisPeople:
    """As `People`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def kept(self, platform: str, author: str) -> list[Kept]:
        """As `People.kept`, by the time of the last question; also what a fresh start hid."""
        person = keys.person(platform, author)
        threads = [_thread(name) for name, _ in await self._threads(person)]
        found = [await self._kept_in(thread, person, author) for thread in threads]
        return [kept for kept in found if kept.turns or kept.documents or kept.waiting or kept.set_aside]

    async def forget(self, platform: str, author: str) -> None:
        """As `People.forget`: each thread in one step, the index last, so that it can be done again.

        A turn that the release before stored does not say whose it is: it stays where others are, too.
        """
        person = keys.person(platform, author)
        for name, asked_at in await self._threads(person):
            thread = _thread(name)
            at = self._store.address(thread)
            waited = await self._store.run(scripts.FORGET_PERSON, keys.of_thread(at), person, author)
            await count_out(self._store, at, waited)
            await unlist(self._store, person, thread, asked_at)  # not where they asked again meanwhile

    async def _threads(self, person: str) -> list[tuple[bytes, bytes]]:
        flat = await self._store.run(_THREADS, [keys.threads_of(person)])
        return list(zip(flat[::2], flat[1::2], strict=True))

    async def _kept_in(self, thread: ThreadId, person: str, author: str) -> Kept:
        at = self._store.address(thread)
        names = keys.of_thread(at)
        turns, waiting, documents, dead = await self._store.run(scripts.KEPT, names)
        attached = await asyncio.to_thread(in_order, documents, names.documents)
        letters = [letter for stored in dead if (letter := Letter.read("", stored)).thread == at.thread]
        return Kept(
            thread,
            tuple(turn for stored in turns if (turn := _turn(stored, names.turns)) and turn.author == author),
            tuple(found.document for found in attached if person in found.people),
            _of(author, (unpack_message(stored, names.messages) for stored in waiting)),
            _of(author, (letter.message for letter in sorted(letters, key=lambda letter: letter.at))),
        )


async def count_out(store: Store, at: Address, message_ids: Sequence[bytes]) -> None:
    """These messages of a thread wait no longer."""
    limits = Limits(store, Bounds(), slot_life=0)
    await asyncio.gather(*(limits.end(keys.counted(message_id, at)) for message_id in message_ids))


async def unlist(store: Store, person: str, thread: ThreadId, asked_at: bytes = b"") -> None:
    """Take a thread out of those in which a person asked; given a time, only if they last asked then."""
    await store.run(_UNLIST, [keys.threads_of(person)], str(thread), asked_at)


def _thread(name: bytes) -> ThreadId:
    platform, _, key = str(name, "utf-8", "surrogatepass").partition(":")
    return ThreadId(platform, key)


def _turn(stored: bytes, key: str) -> Turn | None:
    return None if stored == scripts.FRESH_MARK.encode() else unpack(Turn, stored, key)


def _of(author: str, messages: Iterable[Message | None]) -> tuple[Message, ...]:
    return tuple(message for message in messages if message and message.author == author)
