"""A crowd that asks, and a hand that kills: one run, and what became of it."""

import asyncio
import itertools
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from random import Random

from adapters.redis.connection import connect
from adapters.redis.counts import NO_BOUNDS
from adapters.redis.inbox import RedisInbox
from adapters.redis.store import Store
from core.errors import StoreError
from core.types import Message, ThreadId
from tests.parts import until
from tests.system.crash.answers import message
from tests.system.crash.oracle import Asked, Kill, Verdict, fairness, judge, takeovers
from tests.system.crash.stage import Stage, WorkerProcess, history, stage

WORKERS, THREADS, PEOPLE = 3, 300, 30


@dataclass(frozen=True, slots=True)
class Plan:
    """A run: so many waves, in which each person asks about `each` questions, every fifth three times that.

    About `between` answers end between two kills, every fourth of which is one of the server. Answers of a
    wave that do not come within `patience` seconds count as lost. A worker's lease lasts `ttl` seconds.
    """

    seed: int
    waves: int
    each: int = 18
    between: int = 100
    patience: float = 90.0
    ttl: float = 1.5


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a run; `jain` is the fairness of each wave, `takeovers` are seconds."""

    asked: Sequence[Asked]
    verdict: Verdict
    jain: Sequence[float]
    worker_kills: int
    redis_kills: int
    takeovers: Sequence[float]
    seconds: float

    def __str__(self) -> str:
        times = sorted(self.takeovers) or [0.0]
        rows = {
            "questions": len(self.asked),
            "kills of workers": self.worker_kills,
            "kills of the server": self.redis_kills,
            "lost": len(self.verdict.lost),
            "doubled": len(self.verdict.doubled),
            "out of order": len(self.verdict.disordered),
            "Jain's index, worst wave": f"{min(self.jain, default=0):.3f}",
            "answers taken over": len(self.takeovers),
            "takeover, median": f"{times[len(times) // 2]:.2f} s",
            "takeover, longest": f"{times[-1]:.2f} s",
            "messages a second": f"{len(self.asked) / self.seconds:.0f}",
        }
        return "\n".join(f"{name:<28}{value:>10}" for name, value in rows.items())


async def run(plan: Plan) -> Report:
    """Let the crowd ask and the hand kill until every wave is answered, then judge."""
    random = Random(plan.seed)
    async with stage() as play, _gateways(play) as stores:
        crowd, hand = _Crowd(stores, random), _Hand(play, random, plan)
        started = time.monotonic()
        waves = []
        async with hand.killing():
            for _ in range(plan.waves):
                waves.append(await crowd.ask(plan.each))
                with suppress(TimeoutError):  # then some are lost, and the verdict says so
                    await until(lambda: play.all_ended(waves[-1]), plan.patience)
        seconds = time.monotonic() - started
        asked = [each for wave in waves for each in wave]
        verdict = judge(asked, play.echo, await history(stores[0], asked))
        return Report(
            asked=asked,
            verdict=verdict,
            jain=[] if verdict.lost else [fairness(wave, play.echo) for wave in waves],
            worker_kills=len(hand.kills),
            redis_kills=hand.redis_kills,
            takeovers=takeovers(hand.kills, play.echo),
            seconds=seconds,
        )


@asynccontextmanager
async def _gateways(play: Stage) -> AsyncIterator[Sequence[Store]]:
    """Two gateways that hear the same."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(connect(play.redis.url)) for _ in range(2)]


class _Crowd:
    """People who ask, some much more than others; each has nine threads, and all share some more."""

    def __init__(self, stores: Sequence[Store], random: Random) -> None:
        self._gateways = [RedisInbox(store, bounds=NO_BOUNDS) for store in stores]
        self._random = random
        self._numbers: Counter[int] = Counter()

    async def ask(self, each: int) -> list[Asked]:
        """Ask a wave in an order drawn by lot: most of it at once, the rest one by one."""
        askers = [
            person
            for person in range(PEOPLE)
            for _ in range(round(each * self._random.uniform(0.9, 1.1)) * (1 if person % 5 else 3))
        ]
        self._random.shuffle(askers)
        rush = len(askers) * 2 // 3
        threads: defaultdict[ThreadId, list[Message]] = defaultdict(list)
        for person in askers[:rush]:
            asks = self._message(person)
            threads[asks.thread].append(asks)
        asked = await asyncio.gather(*map(self._ask_in_turn, threads.values()))
        late = await self._ask_in_turn([self._message(person) for person in askers[rush:]])
        return [*itertools.chain(*asked), *late]

    async def _ask_in_turn(self, messages: Sequence[Message]) -> list[Asked]:
        return [await self._ask(asks) for asks in messages]

    async def _ask(self, asks: Message) -> Asked:
        """Let the inbox have a message, as a platform does: again and again until it is acknowledged.

        Every fifth is delivered to both gateways at once. It is accepted once at most, or the run fails.
        """
        gateways = self._gateways if self._random.random() < 0.2 else self._gateways[:1]
        accepted = 0
        while True:
            at = time.monotonic()
            puts = (gateway.put(asks) for gateway in gateways)
            receipts = await asyncio.gather(*puts, return_exceptions=True)
            accepted += sum(not isinstance(each, BaseException) and each.accepted for each in receipts)
            errors = [each for each in receipts if isinstance(each, BaseException)]
            assert accepted <= 1, f"{asks.id} was accepted twice"
            if not errors:
                return Asked(asks, at)
            if not all(isinstance(error, StoreError) for error in errors):
                raise errors[0]
            await asyncio.sleep(0.1)

    def _message(self, person: int) -> Message:
        own = self._random.random() < 0.9
        thread = self._random.randrange(9) * PEOPLE + person if own else self._random.randrange(270, THREADS)
        self._numbers[thread] += 1
        return message(f"t{thread}", self._numbers[thread], author=f"U{person}")


class _Hand:
    """Starts the workers; kills workers and the server, and starts them again."""

    def __init__(self, play: Stage, random: Random, plan: Plan) -> None:
        self.kills: list[Kill] = []
        self.redis_kills = 0
        self._play = play
        self._random = random
        self._plan = plan
        self._alive = [self._start_worker() for _ in range(WORKERS)]

    @asynccontextmanager
    async def killing(self) -> AsyncIterator[None]:
        """Kill as long as the context lasts; what was killed is started again before it ends."""
        async with asyncio.TaskGroup() as group:
            enough = asyncio.Event()
            group.create_task(self._kill(enough))
            yield
            enough.set()

    async def _kill(self, enough: asyncio.Event) -> None:
        """Kill by what was done and not by the clock, so that a slow machine has no more of it."""
        due = 0.0
        for number in itertools.count():
            due += self._plan.between * self._random.uniform(0.5, 1.5)
            while self._play.echo.ends < due:
                if enough.is_set():
                    return
                await asyncio.sleep(0.01)
            await (self._kill_redis() if number % 4 == 1 else self._kill_worker())

    async def _kill_worker(self) -> None:
        victim = self._random.choice(self._alive)
        self.kills.append(Kill(victim.name, time.monotonic()))
        victim.kill()
        await asyncio.sleep(self._random.uniform(0.0, 0.5))
        self._alive[self._alive.index(victim)] = self._start_worker()

    def _start_worker(self) -> WorkerProcess:
        return self._play.start_worker(ttl=self._plan.ttl)

    async def _kill_redis(self) -> None:
        self._play.redis.kill()
        self.redis_kills += 1
        await asyncio.sleep(self._random.uniform(0.0, 0.5))
        await asyncio.to_thread(self._play.redis.start)
