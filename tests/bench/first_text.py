"""How much later the first text stands on the platform than the model's bytes could have told it.

The floor is a bare client that gets the first whole word: a word is whole once the model begins the next.
Ours is the way of a message: put into the inbox, taken under its lease, history and files looked up, the
prompt fitted and counted, the answer streamed, the first page written. Both ask the same model in turns.
"""

import asyncio
import json
import statistics
import time

import aiohttp

from bots.wiring import App
from tests.bench.figure import Figure
from tests.bench.parts import Recorder, message, model, whole_app

BUDGET_ALONE, BUDGET_TOGETHER = 15.0, 300.0
ANSWER = " It does."
QUESTION = "Does the chasqui carry the message over the mountain?"
PAIRS, WARM = 55, 5
TOGETHER, ROUNDS = 50, 5


def measure() -> list[Figure]:
    """Milliseconds that are added to one message at a time, and all that pass with 50 threads at once."""
    return asyncio.run(_measure())


async def _measure() -> list[Figure]:
    async with model(ANSWER) as url, whole_app(url) as app, aiohttp.ClientSession() as session:
        added = [await _ours(app, number) - await floor(session, url) for number in range(PAIRS)][WARM:]
        together = [
            p95(await asyncio.gather(*(_ours(app, number) for number in range(first, first + TOGETHER))))
            for first in range(PAIRS, PAIRS + TOGETHER * ROUNDS, TOGETHER)
        ]
    return [
        Figure("added time to first text, alone: p50", statistics.median(added), "ms", BUDGET_ALONE),
        Figure("  p95", p95(added), "ms"),
        Figure(f"time to first text, {TOGETHER} threads at once: p95", min(together), "ms", BUDGET_TOGETHER),
    ]


async def _ours(app: App, number: int) -> float:
    """Milliseconds from the event to the first text on the platform, in a thread of its own."""
    asked = message(number, f"thread {number}", f"{number}. {QUESTION}")  # as a prompt, not counted before
    platform = Recorder()
    begin = time.perf_counter()
    await app.inbox.put(asked)
    async with app.inbox.take(asked.thread) as lease:
        assert lease
        outcome = await app.assistant.answer(lease, platform)
    assert outcome.answer == ANSWER.strip()
    return (platform.replies[asked.id].first_text_at - begin) * 1000


async def floor(session: aiohttp.ClientSession, url: str) -> float:
    """Milliseconds until a bare client can show a whole word of the same answer."""
    asked = {"inputs": QUESTION, "parameters": {"max_new_tokens": 32}}
    begin, text = time.perf_counter(), ""
    async with session.post(f"{url}/generate_stream", json=asked) as response:
        async for line in response.content:
            if line.startswith(b"data:"):
                text += json.loads(line[5:])["token"]["text"]
            if " " in text.lstrip():
                break
        return (time.perf_counter() - begin) * 1000


def p95(values: list[float]) -> float:
    """What all but one in twenty stay below."""
    return statistics.quantiles(values, n=20)[-1]
