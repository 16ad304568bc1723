"""What delivery costs, and how often it writes: cutter, pace and renderer, without a model or a platform.

Time is virtual (tests/clock.py): an answer of half a minute takes as long as its work. Each platform's
own profile decides about pages, markup and pace. Every answer has words of its own all through, because
renderers remember blocks.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from adapters.discord.markdown import CONTENT
from adapters.slack.markdown import MARKDOWN, MRKDWN
from adapters.terminal import QuietReply
from core.delivery import Delivery
from core.pace import Paces
from core.retrying import RetryingReply
from core.transcript import Transcript
from core.types import PageProfile
from tests.bench.figure import Figure
from tests.bench.parts import TOKEN_DELAY, Language, NoLedger, RecordedReply, message
from tests.clock import run
from tests.emulators.tgi import tokens_of

CHATS = {"Discord": CONTENT, "Slack stream": MARKDOWN, "Slack mrkdwn": MRKDWN}
STREAMS, ROUNDS = 64, 3
SHORT, LONG = 50, 450
"""Tokens of the answers whose difference tells what a token costs."""
LENGTHS = (400, 1500)
"""Tokens of the answers whose writes are counted; what stands beside them is of the longest."""
SHARING = 4
"""Answers at the same time in one bucket."""
_LANGUAGE = Language(seed=4)


def measure() -> list[Figure]:
    """CPU time per token, and how often and when an answer is written, on each platform."""
    idle = _per_token(None)
    figures = [
        Figure(f"CPU per token through cutter and delivery, {chat}", _per_token(profile) - idle, "us")
        for chat, profile in CHATS.items()
    ]
    for platform, profile in (CHATS | {"terminal": QuietReply.profile}).items():
        figures += _writes(platform, profile)
    return figures


def _answer(tokens: int) -> list[str]:
    """So many tokens of Markdown that was never said before."""
    said: list[str] = []
    while len(said) < tokens:
        said += [token.text for token in tokens_of(_LANGUAGE.section() + "\n\n")]
    return said[:tokens]


# ---- CPU per token ----------------------------------------------------------------------------------


def _per_token(profile: PageProfile | None) -> float:
    """CPU microseconds of one more token of an answer; without a profile, of nothing but time."""
    return (_cpu_seconds(profile, LONG) - _cpu_seconds(profile, SHORT)) / (LONG - SHORT) / STREAMS * 1e6


def _cpu_seconds(profile: PageProfile | None, tokens: int) -> float:
    """What so many streams at once cost, the least of some rounds."""
    costs = []
    for _ in range(ROUNDS):
        answers = [_answer(tokens) for _ in range(STREAMS)]
        begin = time.process_time()
        run(_together(answers, profile))
        costs.append(time.process_time() - begin)
    return min(costs)


async def _together(answers: Sequence[Sequence[str]], profile: PageProfile | None) -> None:
    """Say these answers at the same time, to nobody without a profile."""
    paces = Paces()
    async with asyncio.TaskGroup() as group:
        for number, answer in enumerate(answers):
            group.create_task(_say(answer, profile, paces, TOKEN_DELAY * number / len(answers)))


async def _say(answer: Sequence[str], profile: PageProfile | None, paces: Paces, delay: float) -> None:
    await asyncio.sleep(delay)
    if profile is None:
        await _tell(answer, [])
        return
    reply = RecordedReply(NoLedger(), profile)
    async with Delivery(RetryingReply(reply, NoLedger()), NoLedger(), paces=paces) as delivery:
        await _tell(answer, [delivery])
    assert reply.pages


async def _tell(answer: Sequence[str], deliveries: Sequence[Delivery]) -> None:
    """Add the tokens of an answer to these deliveries, at the pace of a model."""
    for token in answer:
        for delivery in deliveries:
            delivery.add(token)
            delivery.check()
        await asyncio.sleep(TOKEN_DELAY)


# ---- writes per answer ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Written:
    """What one answer needed; in seconds, when its first text came, and the longest pause between two."""

    writes: int
    pages: int
    first_text: float
    pause: float


def _writes(platform: str, profile: PageProfile) -> list[Figure]:
    """What answers of some lengths need alone, and where as many as `SHARING` share a bucket."""
    figures: list[Figure] = []
    for tokens in LENGTHS:
        (alone,) = run(_answered(profile, tokens, 1))
        pages = f"{alone.pages} page" + "s" * (alone.pages > 1)
        figures.append(Figure(f"writes for {tokens:,} tokens, {platform}, {pages}", alone.writes, ""))
    figures.append(Figure("  first text after the first token", alone.first_text * 1000, "ms"))
    figures.append(Figure("  longest pause between two writes", alone.pause, "s"))
    if platform in CHATS:
        shared = run(_answered(profile, tokens, SHARING))
        each = sum(answer.writes for answer in shared) / SHARING
        last = max(answer.first_text for answer in shared)
        figures.append(Figure(f"  each of {SHARING} in one bucket", each, "writes"))
        figures.append(Figure("  the last first text of these", last * 1000, "ms"))
    return figures


async def _answered(profile: PageProfile, tokens: int, replies: int) -> list[_Written]:
    """As many answers at the same time in one bucket, on a platform that takes every write at once."""
    platform, paces = Transcript(replace(profile, bucket="C1")), Paces()
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_transcribed(platform, paces, tokens, delay=number / 10))
            for number in range(replies)
        ]
    return [task.result() for task in tasks]


async def _transcribed(platform: Transcript, paces: Paces, tokens: int, *, delay: float) -> _Written:
    await asyncio.sleep(delay)
    reply = platform.reply(message(delay, "C1", "What?"), NoLedger())
    begin = asyncio.get_running_loop().time()
    async with Delivery(RetryingReply(reply, NoLedger()), NoLedger(), paces=paces) as delivery:
        await _tell(_answer(tokens), [delivery])
    at = [write.at for write in reply.writes]
    pause = max(after - before for before, after in pairwise(at))
    return _Written(len(at), len(reply.pages), at[0] - begin, pause)
