"""What stands over all threads, for those who look after the team's documents.

Nothing of it is kept a second time: unanswered questions are turns, with the life of their thread, and go
when a person or a thread is forgotten.
"""

import asyncio

from adapters.redis import keys, scripts
from adapters.redis.feedbacks import read_feedback
from adapters.redis.store import Store
from adapters.redis.values import unpack
from core.types import Feedback, Turn

_FRESH = scripts.FRESH_MARK.encode()
_AT_ONCE = 64
"""Threads that are read at the same time."""


class RedisSurvey:
    """Reads all threads: seconds for a hundred thousand of them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def refused(self) -> list[Turn]:
        """The questions that were not answered, oldest first."""
        names = await self._store.matching(keys.ALL_TURNS)
        found: list[Turn] = []
        for start in range(0, len(names), _AT_ONCE):
            read = await asyncio.gather(*map(self._turns, _texts(names[start : start + _AT_ONCE])))
            found += [turn for turns in read for turn in turns if turn.kind == "refused"]
        return sorted(found, key=lambda turn: turn.at)

    async def feedback(self) -> list[tuple[Feedback, Turn | None]]:
        """What people think of answers, oldest first, each with its turn where that is still kept."""
        names = await self._store.matching(keys.ALL_FEEDBACK)
        found: list[tuple[Feedback, Turn | None]] = []
        for start in range(0, len(names), _AT_ONCE):
            read = await asyncio.gather(*map(self._feedback, _texts(names[start : start + _AT_ONCE])))
            found += [each for of_thread in read for each in of_thread]
        return sorted(found, key=lambda each: each[0].at)

    async def _turns(self, key: str) -> list[Turn]:
        stored = await self._store.command("LRANGE", key, 0, -1)
        turns = (unpack(Turn, entry, key) for entry in stored if entry != _FRESH)
        return [turn for turn in turns if turn]

    async def _feedback(self, key: str) -> list[tuple[Feedback, Turn | None]]:
        given = read_feedback(await self._store.command("HVALS", key), key)
        turns = {turn.message_id: turn for turn in await self._turns(keys.turns_beside(key))}
        return [(each, turns.get(each.message_id)) for each in given]


def _texts(names: list[bytes]) -> list[str]:
    return [name.decode() for name in names]
