"""Many questions to four replicas that fail at random and are killed again and again."""

import asyncio
import random
import re
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext

import pytest

from adapters.redis.counts import Bounds
from core.transcript import TranscriptReply
from core.types import Message, Outcome, ThreadId, Turn
from core.worker import Worker
from tests.adapters.redis_parts import RedisServer
from tests.emulators.tgi import TgiStandIn
from tests.fakes import said_before
from tests.parts import until
from tests.system.replicas import Office, office

THREADS, QUESTIONS = 200, 10
AT_ONCE = 48
FAULTY = 0.05
"""The share of requests that meet a fault."""
FAULTS = (
    *("overloaded", "no_upstream", "generation", "incomplete", "bad_gateway", "overloaded_event"),
    *("generation_midway", "incomplete_midway", "eof", "fin", "rst", "cut_json", "aborted", "batch"),
    *("byte_by_byte", "crlf", "coalesced", "gzip", "more_after_final"),
)
_ASKED = re.compile(r"Tell me story (\d+) of (\w+)\.")
DEADLINE = 270.0
"""Seconds; it takes about forty of a processor."""


def story(number: int, name: str) -> str:
    """What the model says to a question."""
    return f" {name}.{number} went from hand to hand over the hills."


def tells(prompt: str) -> str:
    """What is left to say of the answer to the last question."""
    whole = story(*next((int(n), name) for n, name in reversed(_ASKED.findall(prompt))))
    return whole[said_before(prompt, whole) :]


class Frail(TgiStandIn):
    """A replica some of whose requests meet a fault."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__(tells, max_total_tokens=4096)
        self._chance = chance

    def _next_fault(self, path: str) -> str:
        if self._chance.random() > FAULTY:
            return ""
        return f"{self._chance.choice(FAULTS)}@{self._chance.randrange(16)}"


@pytest.mark.timeout(300)
async def test_whatever_happens_to_replicas_every_question_ends_well(redis: RedisServer) -> None:
    """Each has one end; what was answered is whole, what broke off twice is marked, and all is in order."""
    chance = random.Random(7)
    replicas = [Frail(chance) for _ in range(4)]
    async with (
        office(redis, *replicas, bounds=Bounds(in_all=THREADS * QUESTIONS)) as team,
        asyncio.timeout(DEADLINE),
    ):
        asked = await _asked(team)
        await _answered(team, replicas, chance, len(asked))
        ends = {reply.message_id: reply.outcomes for reply in team.platform.replies}
        kinds = Counter[str]()
        for message in asked:
            (outcome,) = ends[message.id]
            _must_end_well(message, outcome)
            kinds[outcome.kind] += 1
        for thread in {message.thread for message in asked}:
            _must_be_in_order(
                await team.assistant.history.turns(thread), [m for m in asked if m.thread == thread], ends
            )
        await team.must_be_idle()
        assert kinds["answered"] > 0.9 * len(asked), kinds
        assert sum(view.continued for view in team.router.replicas()) > 20


async def _asked(team: Office) -> list[Message]:
    """All threads ask all their questions."""
    threads = [ThreadId("slack", f"C{number}") for number in range(THREADS)]
    asked = [
        Message(f"{thread.key}/{n}", thread, thread.key, f"Tell me story {n} of {thread.key}.", 0.0)
        for n in range(QUESTIONS)
        for thread in threads
    ]
    for message in asked:
        assert (await team.inbox.put(message)).accepted
    return asked


async def _answered(team: Office, replicas: Sequence[Frail], chance: random.Random, number: int) -> None:
    """A worker answers while one replica after the other is killed and comes back."""
    draining, seen = asyncio.Event(), 0

    def ended(replies: Sequence[TranscriptReply]) -> int:
        nonlocal seen  # looked through once, and not again at every look
        while seen < len(replies) and replies[seen].outcomes:
            seen += 1
        return seen

    worker = Worker(
        lambda: nullcontext(team.work),
        team.assistant.answer,
        {"slack": team.platform},
        at_once=AT_ONCE,
        grace=DEADLINE,
    )
    async with asyncio.TaskGroup() as group:
        running = group.create_task(worker.run(draining))
        killing = group.create_task(_killed_in_turn(replicas, chance))
        await until(lambda: ended(team.platform.replies) == number, DEADLINE)
        killing.cancel()
        draining.set()
        await running


async def _killed_in_turn(replicas: Sequence[Frail], chance: random.Random) -> None:
    while True:
        replica = chance.choice(replicas)
        await asyncio.sleep(1.0)
        await replica.refuse()
        await asyncio.sleep(0.3)
        await replica.listen()


def _must_end_well(message: Message, outcome: Outcome) -> None:
    whole = story(int(message.id.partition("/")[2]), message.thread.key).strip()
    if outcome.kind == "answered":
        assert outcome.answer == whole
    else:
        assert outcome.why
        assert whole.startswith(outcome.answer)
        assert bool(outcome.answer) == (outcome.kind == "partial")


def _must_be_in_order(
    turns: Sequence[Turn], asked: Sequence[Message], ends: dict[str, list[Outcome]]
) -> None:
    """History has what people saw, as it was asked; of a failure it has nothing."""
    told = [(m.id, ends[m.id][0].answer) for m in asked if ends[m.id][0].kind != "failed"]
    assert [(turn.message_id, turn.answer) for turn in turns] == told
