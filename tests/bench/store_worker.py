"""A worker whose model takes no time: it takes a message, reads the history and finishes with a turn."""

import asyncio
import sys

from adapters.redis.connection import connect
from adapters.redis.history import RedisHistory
from adapters.redis.inbox import RedisInbox
from adapters.redis.store import Store
from bots import logs
from core.ports import Work
from core.types import Message, Turn

ANSWERS = 32
"""How many messages it answers at once."""


async def answer_next(store: Store, work: Work, *, read: bool = True) -> None:
    """Answer one message, with `read` False without a look at the history."""
    async with work.take() as lease:
        assert lease
        if read:
            await RedisHistory(store).recent(lease.message.thread, "model")
        await lease.finish(turn_of(lease.message))


def turn_of(asked: Message) -> Turn:
    """The turn with which a message ends."""
    answer = "A message, over the mountain."
    return Turn(asked.id, asked.text, answer, "answered", asked.at, asked.author)


async def main(url: str, name: str) -> None:
    """Work until killed."""
    async with connect(url) as store, RedisInbox(store, worker=name).work() as work:

        async def serve() -> None:
            while True:
                await answer_next(store, work)

        await asyncio.gather(*(serve() for _ in range(ANSWERS)))


if __name__ == "__main__":
    logs.configure("error", "json")
    asyncio.run(main(*sys.argv[1:]))
