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
