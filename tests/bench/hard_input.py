"""What it costs to answer hard input or to refuse it: seconds of waiting, and memory.

Every process is real: `chasqui ask` for each input, the embedded servers, and the readers of files.
"""

import asyncio
import tempfile
import time
from pathlib import Path

from tests.bench.figure import Figure
from tests.bench.parts import data_dir
from tests.system.hard_input import HARD, MOST_MEMORY, MOST_SECONDS, PASTE, Hard
from tests.system.memory import Memory
from tests.system.program import World, ended

_SHOWN = 160


def measure() -> list[Figure]:
    """For each input the seconds until its end, what the person reads then, and the most memory till then."""
    return asyncio.run(_measure())


async def _measure() -> list[Figure]:
    figures: list[Figure] = []
    with data_dir() as data:
        world = World.at(data)
        conversation = await world.start("chat")  # which keeps the servers, as an open terminal does
        await world.run("ask", "Hello!")
        for hard in (PASTE, *HARD):
            with tempfile.TemporaryDirectory() as folder:
                figures += await _figures(hard, world, Path(folder))
        await ended(conversation)
    return figures


async def _figures(hard: Hard, world: World, folder: Path) -> list[Figure]:
    sent = hard.sent(folder)
    begin = time.perf_counter()
    with Memory(world.data) as memory:
        seen = await hard.ask(world, sent)
    seconds = time.perf_counter() - begin
    told = seen.text.replace(str(folder), "folder")  # its name is another one in each run
    text = told if len(told) <= _SHOWN else f"{told[:_SHOWN]}…"
    return [
        Figure(hard.name, seconds, "s", MOST_SECONDS, note=f"{seen.outcome or 'not asked'}: {text}"),
        Figure("  memory of all processes", memory.peak, "MB", MOST_MEMORY),
    ]
