"""The whole way of a message on Slack: `chasqui serve all` between the emulator and a model.

Times are the emulator's: from the moment in which somebody's message stands there, and its events go out, to
the moment in which the first words of its answer do, or in which an event is acknowledged. The emulator runs
in this process; the model, chasqui (gateway and worker in one) and the store have processes of their own.
"""

import asyncio
import statistics
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import aiohttp

from tests.bench.discord import LONG, PLACES, QUESTION, SHORT, WARM, Place
from tests.bench.figure import Figure
from tests.bench.first_text import BUDGET_ALONE, BUDGET_TOGETHER, floor, p95
from tests.bench.parts import TOKEN_DELAY, data_dir, model
from tests.emulators.slack.seen import SeenMessage
from tests.parts import eventually
from tests.system.workspace import Mode, Workspace, workspace

ALONE, ROUNDS, MENTIONS = 12, 3, 100
_SLACKS = 3000.0
"""Milliseconds in which an event is to be acknowledged."""


def measure() -> list[Figure]:
    """First words alone and at once, calls of an answer, and how soon a hundred mentions are acknowledged."""
    return asyncio.run(_measure())


async def _measure() -> list[Figure]:
    added, calls = await _alone()
    together = [await _together(limits=False) for _ in range(ROUNDS)]
    best, limited = min(together, key=p95), await _together(limits=True)
    socket, http = [await _acknowledged("socket"), await _acknowledged("http")]
    first = "Slack, event to first words"
    return [
        Figure(f"{first}, alone, added: p50", statistics.median(added), "ms", BUDGET_ALONE),
        Figure("  p95", p95(added), "ms"),
        Figure(f"{first}, {PLACES} threads at once: p50", statistics.median(best), "ms"),
        Figure("  p95", p95(best), "ms", BUDGET_TOGETHER),
        Figure("  p95 where Slack begins 20 streams a minute", p95(limited), "ms"),
        Figure("Web API calls for an answer of 2 s", calls, ""),
        *_of_acknowledgements("Socket Mode", socket),
        *_of_acknowledgements("HTTP mode", http),
    ]


def _of_acknowledgements(mode: str, took: Sequence[float]) -> list[Figure]:
    p99 = statistics.quantiles(took, n=100)[-1]
    return [
        Figure(f"{MENTIONS} mentions at once, {mode}, acknowledged: p50", statistics.median(took), "ms"),
        Figure("  p99", p99, "ms", _SLACKS),
    ]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question: its channel and its timestamp."""

    channel: str
    ts: str


@asynccontextmanager
async def _house(
    answer: str, places: int, *, mode: Mode = "socket", token_delay: float = TOKEN_DELAY
) -> AsyncIterator[tuple[Workspace, list[Place], str]]:
    """A workspace with a bot that is ready, so many places, and the model's address."""
    with data_dir() as data:
        async with (
            model(answer, token_delay=token_delay) as url,
            workspace(data, mode=mode, LOG__LEVEL="info", WORKER__GRACE_SECONDS="0") as here,
        ):
            made = [await _place(here, number) for number in range(places)]
            await here.serve(BACKEND__URLS=url)
            yield here, made, url


async def _place(here: Workspace, number: int) -> Place:
    channel = await here.control.new_channel(f"channel-{number}")
    return Place(channel, await here.control.new_person(f"person-{number}", channel=channel))


async def _alone() -> tuple[list[float], float]:
    """One person asks again and again: milliseconds that are added to each answer, and calls for one."""
    async with _house(LONG, 1) as (here, [place], url), aiohttp.ClientSession() as session:
        for _ in range(WARM):
            await _ended(here, await _ask(here, place))
        before, added = len(await here.control.calls()), []
        for _ in range(ALONE):
            asked = await _ask(here, place)
            added.append(_waited(asked, await _ended(here, asked)) - await floor(session, url))
        return added, (len(await here.control.calls()) - before) / ALONE


async def _together(*, limits: bool) -> list[float]:
    """All ask at once, each in a channel of their own: milliseconds to the first words of each answer."""
    async with _house(LONG, PLACES) as (here, places, _):
        await here.control.limit_rates(on=limits)
        asked = await asyncio.gather(*(_ask(here, place) for place in places))
        return [_waited(each, await eventually(partial(_answer, here, each))) for each in asked]


async def _acknowledged(mode: Mode) -> list[float]:
    """Milliseconds to the acknowledgement of each event of mentions by people who never asked before."""
    async with _house(SHORT, MENTIONS, mode=mode, token_delay=0.0) as (here, places, _):
        asked = {each.ts for each in await asyncio.gather(*(_ask(here, place) for place in places))}
        await eventually(here.acknowledged)
        events = [*await here.control.deliveries("message"), *await here.control.deliveries("app_mention")]
        told = [each for each in events if each.payload["event"].get("ts") in asked]
        assert len(told) == 2 * MENTIONS
        return [(attempt.took or _SLACKS / 1000) * 1000 for each in told for attempt in each.attempts]


async def _ask(here: Workspace, place: Place) -> _Asked:
    say = here.control.say(place.channel, place.person, QUESTION, mention=True)
    return _Asked(place.channel, await say)


async def _answer(here: Workspace, asked: _Asked) -> SeenMessage | None:
    """The answer to a question, once it has its first words."""
    return next(iter(await here.control.answers(asked.channel, asked.ts)), None)


async def _ended(here: Workspace, asked: _Asked) -> SeenMessage:
    """The answer to a question, once it has its end."""

    async def look() -> SeenMessage | None:
        answer = await _answer(here, asked)
        return answer if answer and here.ends(answer) else None

    found: SeenMessage = await eventually(look)
    return found


def _waited(asked: _Asked, answer: SeenMessage) -> float:
    """Milliseconds from a question to the first words of its answer."""
    return (answer.versions[0].at - float(asked.ts)) * 1000
