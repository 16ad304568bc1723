"""What is kept of each person, over all threads; and all that deletes it.

The threads in which somebody asked stand in an index (`keys.threads_of`), which `Counts.admit` writes
before any message is put or retried, and `Counts.list_again` after it was put, in case all was deleted in
between; with feedback it is the same. So nothing of a person is where the index does not lead.
"""

import asyncio
from collections.abc import Iterable, Sequence

from adapters.redis import keys, scripts
from adapters.redis.counts import Counts
from adapters.redis.documents import in_order
from adapters.redis.feedbacks import read_feedback
from adapters.redis.letters import Letter
from adapters.redis.store import Store
from adapters.redis.values import pairs, text, unpack, unpack_message
from core.ports import Kept
from core.types import Message, ThreadId, Turn

UNLIST = """
-- KEYS: the threads of a person. ARGV: thread, when they last asked there
if redis.call('ZSCORE', KEYS[1], ARGV[1]) == ARGV[2] then redis.call('ZREM', KEYS[1], ARGV[1]) end
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
        return [kept for kept in found if kept != Kept(kept.thread)]

    async def forget(self, platform: str, author: str) -> None:
        """As `People.forget`: each thread in one step, the index last, so that it can be done again.

        A turn that the release before stored does not say whose it is: it stays where others are, too.
        """
        person = keys.person(platform, author)
        for name, asked_at in await self._threads(person):
            thread = _thread(name)
            waited = await self._store.run(scripts.FORGET_PERSON, self._store.keys(thread), person, author)
            await _count_out(self._store, thread, waited)
            await unlist(self._store, person, thread, asked_at)  # not where they asked again meanwhile

    async def _threads(self, person: str) -> list[tuple[bytes, bytes]]:
        """Each thread in which they asked, and when they last did."""
        flat = await self._store.command("ZRANGE", keys.threads_of(person), 0, -1, "WITHSCORES")
        return list(pairs(flat))

    async def _kept_in(self, thread: ThreadId, person: str, author: str) -> Kept:
        at = self._store.address(thread)
        names = keys.of_thread(at)
        turns, waiting, documents, feedback, dead = await self._store.run(scripts.KEPT, names)
        attached = await asyncio.to_thread(in_order, documents, names.documents)
        read = filter(None, (Letter.read(at.partition, "", stored) for stored in dead))
        letters = sorted((each for each in read if each.thread == at.thread), key=lambda each: each.at)
        return Kept(
            thread,
            tuple(turn for stored in turns if (turn := _turn(stored, names.turns)) and turn.author == author),
            tuple(found.document for found in attached if person in found.people),
            _of(author, (unpack_message(stored, names.messages) for stored in waiting)),
            _of(author, (letter.message for letter in letters)),
            tuple(each for each in read_feedback(feedback, names.feedback) if each.author == author),
        )


async def forget_thread(store: Store, thread: ThreadId) -> None:
    """As `History.forget`: all that is kept of the thread in one step, also what waits or is being answered.

    The worker that answers meets LeaseLost at once. De-duplication marks stay until they expire: they
    hold no words, and without them a platform's redelivery would bring a forgotten message back.
    """
    waited, authors, people = await store.run(scripts.FORGET, store.keys(thread))
    wrote = {keys.person(thread.platform, text(author)) for author in authors}
    await _count_out(store, thread, waited)
    for person in wrote | {person.decode() for person in people}:
        asked_at = await store.command("ZSCORE", keys.threads_of(person), str(thread))
        if asked_at and not await store.command("EXISTS", store.keys(thread).messages):
            await unlist(store, person, thread, int(asked_at))


async def unlist(store: Store, person: str, thread: ThreadId, asked_at: bytes | int) -> None:
    """Take a thread out of those in which a person asked, if they last asked then: what is put is listed
    with another time."""
    await store.run(UNLIST, [keys.threads_of(person)], str(thread), asked_at)


async def _count_out(store: Store, thread: ThreadId, message_ids: Sequence[bytes]) -> None:
    """These messages of a thread wait no longer."""
    counts, at = Counts(store), store.address(thread)
    await asyncio.gather(*(counts.finish(keys.counted(text(each), at)) for each in message_ids))


def _thread(name: bytes) -> ThreadId:
    platform, _, key = text(name).partition(":")
    return ThreadId(platform, key)


def _turn(stored: bytes, key: str) -> Turn | None:
    return None if stored == scripts.FRESH_MARK.encode() else unpack(Turn, stored, key)


def _of(author: str, messages: Iterable[Message | None]) -> tuple[Message, ...]:
    return tuple(message for message in messages if message and message.author == author)
