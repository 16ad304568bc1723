"""How much memory gateway and worker take, with nothing to do, and whether it grows with what they did.

Both are one process here, `chasqui serve all`, with what it starts to read files. Memory is the proportional
set size, so that what processes share counts once. The store and the model have processes of their own.
"""

import asyncio

from tests.bench.discord import SHORT, House, opened, rate
from tests.bench.figure import Figure
from tests.system.memory import megabytes_of

IDLE_BUDGET, GROWTH_BUDGET = 150, 5
"""MB; a leak of 2 kB for each message is more than the second."""
WARM, TIMES, EACH = 2, 8, 3
_STEADY, _LONGEST = 1.0, 30


def measure() -> list[Figure]:
    """MB with nothing to do, and MB more after some thousands of messages."""
    return asyncio.run(_measure())


async def _measure() -> list[Figure]:
    async with opened(SHORT, token_delay=0.0) as house:
        idle = await _steady(house)
        messages = 2 * EACH * len(house.places)
        for _ in range(WARM):
            await rate(house, house.command, each=EACH)
        before = await _steady(house)
        for _ in range(TIMES):
            await rate(house, house.command, each=EACH)
        after = await _steady(house)
    return [
        Figure("memory of gateway and worker, idle", idle, "MB", IDLE_BUDGET),
        Figure(f"  after {WARM * messages:,} messages", before, "MB"),
        Figure(f"  and more after {TIMES * messages:,} others", after - before, "MB", GROWTH_BUDGET),
    ]


async def _steady(house: House) -> float:
    """What is taken once it changes no more, or half a minute later."""
    taken = megabytes_of(house.served.process.pid)
    for _ in range(_LONGEST):
        await asyncio.sleep(_STEADY)
        before, taken = taken, megabytes_of(house.served.process.pid)
        if abs(taken - before) < 1:
            break
    return taken
