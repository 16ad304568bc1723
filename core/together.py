"""Several pieces of work at once, of which none outlives the others' failure."""

import asyncio
from collections.abc import Coroutine
from typing import Any


async def together(*work: Coroutine[Any, Any, None]) -> None:
    """Return when all are done. The first that fails cancels the others, and its error is raised as it is.

    Where this is cancelled, so are they, and whatever they raise then is not heard of: an `asyncio.TaskGroup`
    would raise that instead.
    """
    tasks = [asyncio.create_task(each) for each in work]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
