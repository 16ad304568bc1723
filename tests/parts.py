"""Parts that tests of every kind need."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

DEADLINE = 30.0
"""Seconds until a condition that should come true is no longer waited for."""


async def until(condition: Callable[[], bool | Awaitable[Any]], seconds: float = DEADLINE) -> None:
    """Return once the condition holds; a TimeoutError where it does not come true."""
    async with asyncio.timeout(seconds):
        while not await _holds(condition()):  # another process makes it true
            await asyncio.sleep(0.005)


async def _holds(found: bool | Awaitable[Any]) -> bool:
    return found if isinstance(found, bool) else bool(await found)


async def eventually(come: Callable[[], Any], what: str = "it") -> Any:
    """What `come` gives, or what that awaits, once it is true."""
    found: list[Any] = []

    async def look() -> bool:
        value = come()
        found[:] = [await value if isinstance(value, Awaitable) else value]
        return bool(found[0])

    try:
        await until(look)
    except TimeoutError:
        raise AssertionError(f"{what} did not come") from None
    return found[0]
