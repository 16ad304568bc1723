"""The lease under which one message is answered, and the ledger of its answer."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.redis import scripts
from adapters.redis.keys import ThreadKeys
from adapters.redis.ownership import Ownership
from adapters.redis.store import Retention
from adapters.redis.values import pack, unpack, unpack_message
from core.errors import LeaseLost
from core.ports import Ledger, Standing
from core.types import Checkpoint, Message, Turn

LETTERS = 1000
"""How many messages that were given up are kept per partition."""
UNREADABLE = "It cannot be read by this release."
"""Why a message is given up at once."""


class RedisLedger:
    """The ledger of one message; it outlives a worker and ends with `Lease.finish`."""

    def __init__(self, run: Callable[..., Awaitable[Any]], before: Standing, life: int) -> None:
        self._run = run
        self._before = before
        self._life = life

    async def standing(self) -> Standing:
        """As `Ledger.standing`."""
        return self._before

    async def intend(self, part: int, checkpoint: Checkpoint) -> None:
        """As `Ledger.intend`."""
        await self._run(scripts.INTEND, self._life, part, pack(checkpoint))

    async def sent(self, part: int, platform_id: str) -> None:
        """As `Ledger.sent`."""
        await self._run(scripts.SENT, self._life, part, platform_id)


@dataclass(frozen=True, slots=True)
class Taken:
    """What the server gives with a message that was taken."""

    message: Message
    attempts: int
    standing: Standing

    @classmethod
    def read(cls, keys: ThreadKeys, stored: bytes, attempts: int, ledger: Sequence[bytes]) -> "Taken | None":
        """As `scripts.TAKE` returns it; None for a message that cannot be read."""
        message = unpack_message(stored, keys.messages)
        if message is None:
            return None
        noted = dict(zip(ledger[::2], ledger[1::2], strict=True))
        kept = noted.pop(b"checkpoint", None)
        checkpoint = unpack(Checkpoint, kept, keys.ledger) if kept else None
        parts = {
            int(name.removeprefix(b"part:")): id_.decode("utf-8", "surrogatepass") or None
            for name, id_ in noted.items()
            if name.startswith(b"part:")  # the release before noted pages in another way
        }
        return cls(message, attempts, Standing(parts, checkpoint))


class RedisLease:
    """As `Lease`. `ended` says that the message has left the inbox, and `next_head` what is next there.

    `poll` is how many seconds pass between two looks at the stop flag for whom nobody wakes.
    """

    def __init__(
        self,
        keys: ThreadKeys,
        ownership: Ownership,
        taken: "Taken",
        *,
        replica: str = "",
        retention: Retention,
        poll: float,
    ) -> None:
        self.message = taken.message
        self.attempts = taken.attempts
        self.replica = replica
        self.ledger: Ledger = RedisLedger(self._run, taken.standing, retention.words)
        self.news = asyncio.Event()  # set when it is worth a look at the stop flag
        self.ended = False
        self.next_head = b""
        self._keys = keys
        self._ownership = ownership
        self._retention = retention
        self._poll = poll
        self._over = False
        ownership.watchers.add(self.news)

    async def stopped(self) -> None:
        """Return soon after a stop. Raises LeaseLost soon after the loss; waits out an outage."""
        while not await self._run(scripts.STOPPED):
            await wait(self.news, self._poll)
            self.news.clear()

    async def finish(self, turn: Turn | None) -> None:
        """End the answer in one step. To call it again, say after a StoreError, changes nothing."""
        kept = b"" if turn is None else pack(turn)
        self.next_head = await self._run(scripts.FINISH, self._retention.words, kept, self._retention.turns)
        self.ended = True

    async def set_aside(self, why: str) -> None:
        """As `Lease.set_aside`."""
        self.next_head = await self._run(scripts.SET_ASIDE, self._retention.words, LETTERS, why)
        self.ended = True

    async def give_back(self) -> None:
        """Let the attempt not count: nothing was wrong with the message."""
        await self._run(scripts.GIVE_BACK)

    def end(self) -> None:
        """Refuse every later call: the context in which the message was taken was left."""
        self._over = True

    async def _run(self, script: str, *args: str | bytes | int) -> Any:
        if self._over:
            raise LeaseLost("The lease of this message was given back.")
        result = await self._ownership.run(script, self._keys, self.message.id, *args)
        if result is None:
            raise LeaseLost("This message is no longer in the inbox: its thread was forgotten.")
        return result


async def wait(event: asyncio.Event, seconds: float) -> None:
    """Return once the event is set, or so many seconds have gone."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
