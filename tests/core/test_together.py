"""Several pieces of work at once."""

import asyncio

import pytest

from core.together import together


async def test_none_outlives_the_failure_of_another() -> None:
    """Its error comes as it is, once the others have ended."""
    begun, ended = asyncio.Event(), asyncio.Event()

    async def long() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def fails() -> None:
        await begun.wait()
        raise KeyError("gone")

    with pytest.raises(KeyError, match="gone"):
        await together(long(), fails())
    assert ended.is_set()


async def test_an_error_keeps_what_it_came_from() -> None:
    """Who looks for the reason finds it."""

    async def fails() -> None:
        raise KeyError("gone") from ValueError("lost")

    with pytest.raises(KeyError) as raised:
        await together(fails())
    assert isinstance(raised.value.__cause__, ValueError)


async def test_who_is_cancelled_hears_of_that_alone() -> None:
    """Work that fails while it is cancelled does not make an error of it."""
    begun = asyncio.Event()

    async def long() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            raise KeyError("gone")

    task = asyncio.create_task(together(long()))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
