"""What people think of the answers in each thread."""

from collections.abc import Iterable

from adapters.redis import scripts
from adapters.redis.counts import Counts
from adapters.redis.keys import person
from adapters.redis.store import Store
from adapters.redis.values import pack, unpack
from core.types import Feedback, ThreadId


class RedisFeedbacks:
    """As `Feedbacks`; it is deleted with its thread, and with the person who gave it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._counts = Counts(store)

    async def put(self, thread: ThreadId, feedback: Feedback) -> None:
        """As `Feedbacks.put`."""
        names, life = self._store.keys(thread), self._store.retention.words
        whose = person(thread.platform, feedback.author)
        field = f"{whose}:{feedback.message_id}"
        await self._counts.admit(field, whose, str(thread), is_counted=False)
        await self._store.run(scripts.KEEP_FEEDBACK, names, field, pack(feedback), life)
        await self._counts.list_again(whose, str(thread))

    async def of(self, thread: ThreadId) -> list[Feedback]:
        """As `Feedbacks.of`, without what cannot be read."""
        key = self._store.keys(thread).feedback
        return read_feedback(await self._store.command("HVALS", key), key)


def read_feedback(stored: Iterable[bytes], key: str) -> list[Feedback]:
    """The feedback of a thread as it is stored under `key`, oldest first, without what cannot be read."""
    found = filter(None, (unpack(Feedback, entry, key) for entry in stored))
    return sorted(found, key=lambda feedback: feedback.at)
