"""The finished turns of each thread."""

from adapters.redis import scripts
from adapters.redis.people import forget_thread
from adapters.redis.store import Store
from adapters.redis.values import text, unpack, unpack_message
from core.ports import Recent
from core.types import ThreadId, Turn

_FRESH = scripts.FRESH_MARK.encode()


class RedisHistory:
    """Turns as `RedisLease.finish` appended them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def turns(self, thread: ThreadId) -> list[Turn]:
        """Turns since the last `fresh`, oldest first, at most `Retention.turns`, without unreadable ones."""
        key = self._store.keys(thread).turns
        stored = await self._store.command("LRANGE", key, 0, -1)
        while _FRESH in stored:
            stored = stored[stored.index(_FRESH) + 1 :]
        return [turn for entry in stored if (turn := unpack(Turn, entry, key)) is not None]

    async def askers(self, thread: ThreadId) -> set[str]:
        """As `History.askers`."""
        names = self._store.keys(thread)
        waiting = await self._store.command("HVALS", names.messages)  # one that ends meanwhile is a turn then
        stored = await self._store.command("LRANGE", names.turns, 0, -1)
        turns = (unpack(Turn, entry, names.turns) for entry in stored if entry != _FRESH)
        messages = (unpack_message(entry, names.messages) for entry in waiting)
        return {each.author if each else "" for each in (*turns, *messages)}

    async def recent(self, thread: ThreadId, model: str) -> Recent:
        """As `History.recent`; a cut whose turn is gone counts no more."""
        names = self._store.keys(thread)
        left_out, stored = await self._store.run(scripts.RECENT, names, f"cut:{model}")
        found = (unpack(Turn, entry, names.turns) for entry in reversed(stored))
        turns = [turn for turn in found if turn is not None]
        return Recent(turns, left_out)

    async def set_cut(self, thread: ThreadId, model: str, message_id: str, left_out: int) -> None:
        """Move the cut. It ends with `fresh`."""
        names, life = self._store.keys(thread), self._store.retention.words
        await self._store.run(scripts.SET_CUT, names, f"cut:{model}", f"{left_out} {message_id}", life)

    async def chosen(self, thread: ThreadId) -> str:
        """As `History.chosen`."""
        return text(await self._store.command("HGET", self._store.keys(thread).state, "model") or b"")

    async def choose(self, thread: ThreadId, model: str) -> None:
        """As `History.choose`."""
        names, life = self._store.keys(thread), self._store.retention.words
        await self._store.run(scripts.CHOOSE, names, model, life)

    async def fresh(self, thread: ThreadId) -> None:
        """As `History.fresh`."""
        names, retention = self._store.keys(thread), self._store.retention
        await self._store.run(scripts.FRESH, names, retention.turns, retention.words)

    async def forget(self, thread: ThreadId) -> None:
        """As `History.forget`."""
        await forget_thread(self._store, thread)
