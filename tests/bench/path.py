"""What the way from the inbox to the first text adds to a bare request, and how many messages it carries."""

import asyncio
import json
import statistics
import time

import aiohttp

from core.types import Message
from tests.bench.figure import Figure
from tests.bench.parts import Recorder, message, model, whole_app

ADDED_BUDGET = 15.0
PAIRS = 40
MESSAGES = 300
_ASKED = "What does the chasqui carry?"


def measure() -> list[Figure]:
    """Added time to first text, each time beside a bare request; messages per second without a model."""
    return asyncio.run(_measure())


async def _measure() -> list[Figure]:
    async with model(" A message, and a knotted cord.", token_delay=0) as url, whole_app(url) as app:
        platform = Recorder()

        async def ours(asked: Message) -> float:
            begin = time.perf_counter()
            await app.inbox.put(asked)
            async with app.inbox.take(asked.thread) as lease:
                assert lease
                await app.assistant.answer(lease, platform)
            return platform.replies.pop(asked.id).first_text_at - begin

        await ours(message(-1, "warm", _ASKED))
        async with aiohttp.ClientSession() as session:
            await _bare(session, url)
            pairs = [
                (await ours(message(n, f"t{n}", _ASKED)), await _bare(session, url)) for n in range(PAIRS)
            ]
        added = sorted((mine - bare) * 1e3 for mine, bare in pairs)
        begin = time.process_time()
        for n in range(MESSAGES):
            asked = message(1000 + n, "one thread", _ASKED)
            await app.inbox.put(asked)
            async with app.inbox.take(asked.thread) as lease:
                assert lease
                await lease.finish(None)
        spent = (time.process_time() - begin) / MESSAGES
    note = (
        f"p95 {added[int(PAIRS * 0.95)]:.1f} ms; a whole word is shown, a bare request counts its first token"
    )
    return [
        Figure(
            "added time to first text, alone, p50", statistics.median(added), "ms", ADDED_BUDGET, note=note
        ),
        Figure("inbox alone, our CPU per message (put, take, finish)", spent * 1e6, "us"),
    ]


async def _bare(session: aiohttp.ClientSession, url: str) -> float:
    """Seconds to the first token of a bare client."""
    prompt = {"inputs": f"USER: {_ASKED} ASSISTANT:", "parameters": {"max_new_tokens": 64}}
    begin = time.perf_counter()
    first = 0.0
    async with session.post(f"{url}/generate_stream", json=prompt) as response:
        async for line in response.content:
            if line.startswith(b"data:") and json.loads(line[5:])["token"]["text"] and not first:
                first = time.perf_counter() - begin
    return first
