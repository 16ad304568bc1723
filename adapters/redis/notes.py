"""The notes of platforms: one key each."""

from adapters.redis import keys
from adapters.redis.store import Store


class RedisNotes:
    """As `Notes`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def put(self, name: str, value: str, *, seconds: float | None = None) -> None:
        """As `Notes.put`."""
        life = () if seconds is None else ("PX", max(1, round(seconds * 1000)))
        await self._store.command("SET", keys.note(name), value, *life)

    async def get(self, name: str) -> str | None:
        """As `Notes.get`."""
        value = await self._store.command("GET", keys.note(name))
        return None if value is None else value.decode("utf-8", "surrogatepass")

    async def drop(self, name: str) -> None:
        """As `Notes.drop`."""
        await self._store.command("DEL", keys.note(name))
