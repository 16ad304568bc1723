"""What is left once a process is asked to end."""

import asyncio

import pytest

from core.draining import Drained, unless


async def test_what_waits_is_left_once_the_process_drains() -> None:
    """Wherever it waits; what it holds is given back."""
    draining, given_back = asyncio.Event(), False

    async def wait() -> None:
        nonlocal given_back
        try:
            async with unless(draining):
                await asyncio.Event().wait()
        finally:
            given_back = True

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0)
    draining.set()
    with pytest.raises(Drained):
        await waiting
    assert given_back


async def test_a_process_that_drains_already_begins_nothing_new() -> None:
    """Its first wait is its last one."""
    draining = asyncio.Event()
    draining.set()
    with pytest.raises(Drained):
        async with unless(draining):
            await asyncio.Event().wait()


async def test_what_is_done_before_is_done() -> None:
    """Its value and its own errors are its caller's; to drain later ends nothing of it."""
    draining = asyncio.Event()
    async with unless(draining):
        await asyncio.sleep(0)
    draining.set()
    await asyncio.sleep(0)
    with pytest.raises(TimeoutError, match="of its own"):
        async with unless(asyncio.Event()):
            raise TimeoutError("of its own")


async def test_a_cancellation_stays_one() -> None:
    """Who cancels the task wants its end, not an explanation."""

    async def wait() -> None:
        async with unless(asyncio.Event()):
            await asyncio.Event().wait()

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
