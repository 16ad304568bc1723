"""The lease under which one message is answered, and the ledger of its answer."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from adapters.redis import scripts
from adapters.redis.keys import ThreadKeys, of_replica
from adapters.redis.ownership import Ownership
from adapters.redis.values import pack, pairs, text, unpack, unpack_message
from core.errors import LeaseLost
from core.ports import Ledger, Standing
from core.types import Checkpoint, Message, Turn

_LETTERS = 1000
"""How many dead letters are kept per partition."""
_UNREADABLE = "It cannot be read by this release."
"""Why a message is set aside at once."""


class RedisLedger:
    """The ledger of one message; it outlives a worker and ends with `Lease.finish`."""

    def __init__(self, lease: "RedisLease", before: Standing, life: int) -> None:
        self._lease = lease
        self._before = before
        self._life = life

    async def standing(self) -> Standing:
        """As `Ledger.standing`."""
        return self._before

    async def intend(self, part: int, checkpoint: Checkpoint) -> None:
        """As `Ledger.intend`."""
        await self._lease.run(scripts.INTEND, self._life, part, pack(checkpoint))

    async def sent(self, part: int, platform_id: str) -> None:
        """As `Ledger.sent`."""
        await self._lease.run(scripts.SENT, self._life, part, platform_id)
        self._lease.came_further = True

    async def held(self) -> None:
        """As `Ledger.held`."""
        await self._lease.held()


@dataclass(frozen=True, slots=True)
class Taken:
    """What the server gives with a message that was taken."""

    message: Message
    attempts: int
    model: str
    standing: Standing

    @classmethod
    def read(
        cls, keys: ThreadKeys, stored: bytes, attempts: int, model: bytes, age: int, ledger: Sequence[bytes]
    ) -> "Taken | None":
        """As `scripts.TAKE` returns it; None for a message that cannot be read."""
        message = unpack_message(stored, keys.messages)
        if message is None:
            return None
        noted = dict(pairs(ledger))
        kept = noted.pop(b"checkpoint", None)
        checkpoint = unpack(Checkpoint, kept, keys.ledger) if kept else None
        parts = {
            int(name.removeprefix(b"part:")): text(id_) or None
            for name, id_ in noted.items()
            if name.startswith(b"part:")  # the release before noted pages in another way
        }
        noted_at = asyncio.get_running_loop().time() - age / 1000
        return cls(message, attempts, text(model) or message.model, Standing(parts, checkpoint, noted_at))


class RedisLease:
    """As `Lease`. Once the message `is_settled` it has left the inbox, and `next_head` is what is next there.
    The answer `came_further` once something of it stands that did not before.

    `poll` is how many seconds pass between two looks at the stop flag for whom nobody wakes.
    """

    def __init__(
        self,
        keys: ThreadKeys,
        ownership: Ownership,
        taken: Taken,
        *,
        replica: str,
        poll: float,
    ) -> None:
        self.message = taken.message
        self.attempts = taken.attempts
        self.model = taken.model
        self.replica = replica
        self.ledger: Ledger = RedisLedger(self, taken.standing, ownership.retention.words)
        self.news = asyncio.Event()  # set when it is worth a look at the stop flag
        self.moves: Callable[[str, str], Awaitable[None]] | None = None  # the slot, from one to another
        self.is_settled = self.came_further = False
        self.next_head = b""
        self._keys = keys
        self._ownership = ownership
        self._retention = ownership.retention
        self._poll = poll
        self.is_revoked = False
        ownership.watchers.add(self.news)

    async def stopped(self) -> None:
        """Return soon after a stop. Raises LeaseLost soon after the loss; waits out an outage."""
        while not await self.run(scripts.STOPPED):
            with suppress(TimeoutError):
                async with asyncio.timeout(self._poll):
                    await self.news.wait()
            self.news.clear()

    async def move(self, replica: str) -> None:
        """As `Lease.move`."""
        before, self.replica = self.replica, replica
        if self.moves:
            await self.moves(before, replica)

    async def finish(self, turn: Turn | None, tokens: int = 0) -> None:
        """End the answer in one step. To call it again, say after a StoreError, changes nothing."""
        kept, retention = b"" if turn is None else pack(turn), self._retention
        home = of_replica(self.replica) if self.replica else ""
        self.next_head = await self.run(scripts.FINISH, retention.words, kept, retention.turns, tokens, home)
        self.is_settled = True

    async def set_aside(self, why: str) -> None:
        """As `Lease.set_aside`."""
        self.next_head = await self.run(scripts.SET_ASIDE, self._retention.words, _LETTERS, why)
        self.is_settled = True

    async def uncount(self) -> None:
        """Let the attempt not count: nothing was wrong with the message."""
        await self.run(scripts.UNCOUNT)

    def revoke(self) -> None:
        """Refuse every later call: the context in which the message was taken was left."""
        self.is_revoked = True

    async def held(self) -> None:
        """As `Ledger.held`."""
        self._check()
        await self._ownership.held()

    def _check(self) -> None:
        if self.is_revoked:
            raise LeaseLost("The lease of this message has ended.")

    async def run(self, script: str, *args: str | bytes | int) -> Any:
        """Run a script on the message. Raises LeaseLost where it is no longer ours."""
        self._check()
        result = await self._ownership.run(script, self._keys, self.message.id, *args)
        if result is None:
            self.is_settled = True
            raise LeaseLost("This message is no longer in the inbox: it was deleted or forgotten.")
        return result


async def take_message(
    ownership: Ownership, keys: ThreadKeys, *, message_id: str = "", replica: str = "", poll: float
) -> RedisLease | None:
    """Take the next message of a thread, if it is the one of that id where one is given.

    One that cannot be read is set aside. None where nothing is left to take. Raises LeaseLost.
    """
    life = ownership.retention.words
    while stored := await ownership.run(scripts.TAKE, keys, life, message_id):
        found, *rest = stored
        if taken := Taken.read(keys, *rest):
            return RedisLease(keys, ownership, taken, replica=replica, poll=poll)
        await ownership.run(scripts.SET_ASIDE, keys, found, life, _LETTERS, _UNREADABLE)
    return None
