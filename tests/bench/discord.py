"""The whole way of a message on Discord: `chasqui serve all` between the emulator and a model.

Times are the emulator's: from the moment in which somebody's message stands there, and its event goes out,
to the moment in which the first page of its answer does. The emulator runs in this process; the model,
chasqui (gateway and worker in one) and the store have processes of their own.
"""

import asyncio
import os
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import aiohttp

from adapters.discord.buttons import Press
from tests.bench.figure import Figure
from tests.bench.first_text import BUDGET_ALONE, BUDGET_TOGETHER, floor, p95
from tests.bench.parts import TOKEN_DELAY, data_dir, model
from tests.emulators.discord.clock import when
from tests.emulators.discord.views import SeenMessage
from tests.parts import eventually
from tests.system.served import Served
from tests.system.team import Team, team

LONG = " It does, " + "and over the next one, " * 12 + "day and night."  # 2 s at the model's pace
SHORT = " It does."
QUESTION = "Does the chasqui carry the message over the mountain?"
PLACES, ALONE, WARM, ROUNDS = 50, 20, 5, 5
_SPENT = 2.0
"""Seconds before each round: of the 50 calls that Discord takes in one, none is spent on the round before."""


def measure() -> list[Figure]:
    """First pages alone and at once, calls of an answer, and how many answers there are in a second."""
    return asyncio.run(_measure())


async def _measure() -> list[Figure]:
    async with opened(LONG, token_delay=TOKEN_DELAY) as house, aiohttp.ClientSession() as session:
        await house.answers([await house.mention(place) for place in house.places[:WARM]])
        before, added = len(await house.here.control.calls()), []
        for place in house.places[WARM : WARM + ALONE]:
            waited = await _first_pages(house, [place])
            added.append(waited[0] - await floor(session, house.model_url))
        calls = len(await house.here.control.calls()) - before
        together = [await _together(house) for _ in range(ROUNDS)]
    async with opened(SHORT, token_delay=0.0) as house:
        await rate(house, house.command, each=1)  # warm
        mentions = await rate(house, house.mention, each=1)
        commands = await rate(house, house.command, each=3)
        late = house.late
    best = min(together, key=p95)
    return [
        Figure(
            "Discord, event to first page, alone, added: p50", statistics.median(added), "ms", BUDGET_ALONE
        ),
        Figure("  p95", p95(added), "ms"),
        Figure(
            f"Discord, event to first page, {PLACES} channels at once: p50", statistics.median(best), "ms"
        ),
        Figure("  p95", p95(best), "ms", BUDGET_TOGETHER),
        Figure("REST calls for an answer of 2 s", calls / ALONE, ""),
        Figure("whole path, mentions (Discord takes 50 calls a second)", mentions.a_second, "messages/s"),
        Figure("whole path, commands", commands.a_second, "messages/s", budget=150, at_least=True),
        Figure("  acknowledged later than in Discord's 3 s", late, ""),
        Figure("  CPU of gateway and worker for each", commands.cpu_ms, "ms"),
    ]


@dataclass(frozen=True, slots=True)
class Place:
    """A channel and who asks there. Everybody has one, so that nobody asks more than one person may."""

    channel: str
    person: str


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question by the id of its message, or of the interaction by which it came."""

    place: Place
    id: str

    def is_answered_by(self, said: SeenMessage) -> bool:
        """Whether a message has the end of its answer, wherever that stands."""
        press = Press.read(said.buttons.get("Regenerate"))
        return press is not None and press.message_id.removeprefix("i") == self.id


@dataclass(frozen=True, slots=True)
class House:
    """A team whose bot listens, and the places where it is asked."""

    here: Team
    served: Served
    places: Sequence[Place]
    model_url: str

    async def mention(self, place: Place) -> _Asked:
        """Ask by a message."""
        control = self.here.control
        return _Asked(place, await control.say(place.channel, place.person, QUESTION, mention=True))

    async def command(self, place: Place) -> _Asked:
        """Ask by `/ask`."""
        control, given = self.here.control, {"question": QUESTION}
        return _Asked(place, await control.command(place.channel, place.person, "ask", given))

    async def answers(self, asked: Sequence[_Asked]) -> list[SeenMessage]:
        """The answers to these questions, once all have their ends."""
        found: list[SeenMessage] = []
        for question in asked:
            found += await eventually(partial(self._answer, question), f"an answer to {question}")
        return found

    async def _answer(self, asked: _Asked) -> list[SeenMessage]:
        """The answer to a question in a list, once it has its end."""
        return list(filter(asked.is_answered_by, await self.here.answers(asked.place.channel)))

    @property
    def late(self) -> int:
        """How many commands were acknowledged too late: they were answered in the channel all the same."""
        return sum(each.answer is None for each in self.here.discord.platform.interactions.known.values())

    @property
    def cpu(self) -> float:
        """Seconds of CPU time that gateway and worker took; 0 where there is no /proc."""
        try:
            told = Path(f"/proc/{self.served.process.pid}/stat").read_text()
        except OSError:
            return 0.0
        user, system = told.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def opened(answer: str, *, token_delay: float) -> AsyncIterator[House]:
    """A team with its places, and a bot that is ready."""
    with data_dir() as data:
        async with model(answer, token_delay=token_delay) as url, team(data, LOG__LEVEL="info") as here:
            control, guild = here.control, here.scene.guild
            places = [
                Place(
                    await control.new_channel(guild, f"channel-{number}"),
                    await control.new_person(f"person-{number}", guild),
                )
                for number in range(PLACES)
            ]
            yield House(here, await here.serve(BACKEND__URLS=url), places, url)


async def _first_pages(house: House, places: Sequence[Place]) -> list[float]:
    """Ask in these places at once; milliseconds from each event to the first page of its answer."""
    asked = await asyncio.gather(*map(house.mention, places))
    answers = await house.answers(asked)
    pairs = zip(asked, answers, strict=True)
    return [(answer.versions[0].at - when(question.id)) * 1000 for question, answer in pairs]


async def _together(house: House) -> list[float]:
    """As `_first_pages` in all places, once no call for earlier answers counts any more."""
    await asyncio.sleep(_SPENT)
    return await _first_pages(house, house.places)


@dataclass(frozen=True, slots=True)
class _Rate:
    """How many answers there were in a second, and what each cost us."""

    a_second: float
    cpu_ms: float


async def rate(house: House, ask: Callable[[Place], Awaitable[_Asked]], *, each: int) -> _Rate:
    """Everybody asks so often at once, and as often again when all are answered."""
    began, cpu, number = time.perf_counter(), house.cpu, 2 * each * PLACES
    for _ in range(2):
        await house.answers(await asyncio.gather(*map(ask, [*house.places] * each)))
    return _Rate(number / (time.perf_counter() - began), (house.cpu - cpu) / number * 1000)
