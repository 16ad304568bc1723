"""CPU time of one streamed token, from the bytes of the stream to the pages on a reply.

A figure is (long answers - short answers) / (tokens between them), so that connecting, asking and ending
are not in it. The model is another process, so that only our CPU time counts. It speaks at two paces: as
fast as it can, so that our process is never idle, and at a GPU's pace, where a processor that sleeps
between two tokens takes several times as long for the same work: only the bare client beside it tells how
much of that is ours.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from adapters.tgi import Tgi
from bots.wiring import App
from core.addresses import Addresses
from core.assistant import Assistant
from core.claims import bears_out
from core.delivery import Delivery
from core.draft import Draft
from core.file_names import FileNames
from core.pace import Paces
from core.profiles import AIROBOROS
from core.retrying import RetryingReply
from core.router import Router
from core.types import Checkpoint, Passage, Sampling
from tests.bench.figure import Figure
from tests.bench.parts import (
    TOKEN_DELAY,
    BareClient,
    Language,
    NoLedger,
    RecordedReply,
    Recorder,
    message,
    model,
    unlimited_session,
    whole_app,
)
from tests.emulators.tgi import tokens_of

BUDGET = 25.0
STREAMS = 64
SHORT, LONG = 8, 108
"""Tokens of an answer."""

_LANGUAGE = Language(seed=1)
ANSWER = " " + _LANGUAGE.prose(180)
SAID = {
    tokens: "".join("".join(token.text for token in tokens_of(ANSWER)[:tokens]).split())
    for tokens in (SHORT, LONG)
}
"""The answers of these lengths without white space, which pages may change at their ends."""
QUESTION = "What does the chasqui carry?"

Read = Callable[[int], Coroutine[Any, Any, None]]
"""Asks for an answer of so many tokens and reads it in some way."""


def measure() -> list[Figure]:
    """CPU time per token with 64 streams at once and with one, and what some kinds of answers add."""
    return [*asyncio.run(_hurried()), *asyncio.run(_paced())]


async def _hurried() -> list[Figure]:
    async with model(ANSWER, token_delay=0) as url, Tgi(url) as tgi, unlimited_session() as session:
        to_pages, to_nowhere = _ToPages(tgi), BareClient(session, url, QUESTION)
        many = await _least(_Load(STREAMS, rounds=5), to_pages, to_nowhere, _ToPages(tgi, cited=True))
        (checked,) = await _least(_Load(STREAMS // 4, rounds=1), _ToPages(tgi, cited=True, checked=True))
        one = await _least(_Load(1, times=STREAMS // 2, rounds=2), to_pages, to_nowhere)
    return [
        Figure(f"CPU per streamed token, {STREAMS} streams at once", many[0], "us", BUDGET),
        Figure("  a bare aiohttp client that drops the bytes", many[1], "us"),
        Figure("  with the source trailer held back and each link looked up", many[2], "us"),
        Figure("  with each sentence checked against 6 passages too", checked, "us"),
        Figure("CPU per streamed token, 1 stream", one[0], "us"),
        Figure("  a bare aiohttp client that drops the bytes", one[1], "us"),
    ]


async def _paced() -> list[Figure]:
    async with (
        model(ANSWER) as url,
        Tgi(url) as tgi,
        unlimited_session() as session,
        whole_app(url) as app,
    ):
        to_pages, to_nowhere = _ToPages(tgi), BareClient(session, url, QUESTION)
        many = await _least(_Load(STREAMS, rounds=2), to_pages, to_nowhere)
        (whole,) = await _least(_Load(STREAMS, rounds=1), _Whole(app))
    pace = f"{1 / TOKEN_DELAY:.0f} tokens/s each"
    return [
        Figure(f"CPU per streamed token, {STREAMS} streams at {pace}", many[0], "us", BUDGET),
        Figure("  a bare aiohttp client that drops the bytes", many[1], "us"),
        Figure("  with inbox, lease, ledger and stop flag in Redis", whole, "us"),
    ]


class _ToPages:
    """The stream through router, filters and delivery to rendered pages, without a store."""

    def __init__(self, tgi: Tgi, *, cited: bool = False, checked: bool = False) -> None:
        self._router = Router([tgi])
        self._paces = Paces()
        self._cited = cited
        self._checked = checked
        texts = [*(_LANGUAGE.prose(130) for _ in range(5)), ANSWER]
        self._passages = [Passage(str(n), "d", "Title", text) for n, text in enumerate(texts)]
        self._numbers = count()

    async def __call__(self, tokens: int) -> None:
        reply = RecordedReply(NoLedger())
        draft = Draft(
            AIROBOROS.stop,
            cited=self._cited,
            check=self._borne_out if self._checked else None,
            files=FileNames(self._passages, QUESTION) if self._cited else None,
            known=Addresses(self._passages) if self._cited else None,
        )
        own = f"answer{next(self._numbers)}"  # a renderer that knows the paragraph already costs nothing
        delivery = Delivery(
            RetryingReply(reply, NoLedger()),
            NoLedger(),
            paces=self._paces,
            said=lambda: Checkpoint(draft.raw),
        )
        async with delivery:
            delivery.add(own)
            stream = self._router.stream(QUESTION, Sampling(tokens, stop=AIROBOROS.stop))
            async with aclosing(stream) as deltas:
                async for delta in deltas:
                    if visible := draft.feed(delta.text):
                        delivery.add(visible)
                    delivery.check()
            delivery.add(draft.close())
        _prove(reply, tokens, own)

    def _borne_out(self, sentence: str) -> bool:
        return any(bears_out(passage, sentence, QUESTION) for passage in self._passages)


class _Whole:
    """Everything that happens to a message, from the inbox to its turn in the history."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._platform = Recorder()
        self._numbers = count()

    async def __call__(self, tokens: int) -> None:
        number = next(self._numbers)
        asked = message(number, f"thread {number}", QUESTION)
        usual = self._app.assistant
        policy = replace(usual.policy, max_new_tokens=tokens)
        assistant = Assistant(usual.backend, usual.history, usual.library, policy)
        await self._app.inbox.put(asked)
        async with self._app.inbox.take(asked.thread) as lease:
            assert lease
            await assistant.answer(lease, self._platform)
        _prove(self._platform.replies.pop(asked.id), tokens)


def _prove(reply: RecordedReply, tokens: int, own: str = "") -> None:
    """What was measured was done: every character of the answer stands on the pages."""
    assert "".join("".join(reply.pages.values()).split()) == own + SAID[tokens]


@dataclass(frozen=True, slots=True)
class _Load:
    """How many streams run at once, and how many times one after the other; `rounds` of all that."""

    streams: int
    rounds: int
    times: int = 1


async def _least(load: _Load, *readers: Read) -> list[float]:
    """CPU microseconds per token of each reader, from the least of all rounds for either length.

    The readers take turns, so that all of them meet the same machine. The least difference of a round would
    be that in which the short answers met it at its worst.
    """
    spent: dict[tuple[Read, int], list[float]] = {
        (read, size): [] for read in readers for size in (LONG, SHORT)
    }
    for _ in range(load.rounds):
        for (read, size), costs in spent.items():
            costs.append(await _cpu_seconds(load, read, size))
    least = {of: min(costs) for of, costs in spent.items()}
    tokens = (LONG - SHORT) * load.streams * load.times
    return [(least[read, LONG] - least[read, SHORT]) / tokens * 1e6 for read in readers]


async def _cpu_seconds(load: _Load, read: Read, tokens: int) -> float:
    begin = time.process_time()
    for _ in range(load.times):
        async with asyncio.TaskGroup() as group:
            for _ in range(load.streams):
                group.create_task(read(tokens))
    return time.process_time() - begin
