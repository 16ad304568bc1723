"""Showing Discord the token while it is away."""

import asyncio
import gc
from typing import Any

import discord
import pytest

from adapters.discord.address import aim
from adapters.discord.login import whoami
from core.errors import ChasquiError


async def test_no_try_leaves_a_connection_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often Discord is asked before it is given up: what is left is said on stderr by aiohttp."""
    monkeypatch.setattr(discord.http.Route, "BASE", discord.http.Route.BASE)  # put back after the test
    aim("http://127.0.0.1:1")
    left: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: left.append(context))

    with pytest.raises(ChasquiError, match="Discord cannot be reached"):
        await whoami("MTA1.Gxyz.secret", patience=0.5)
    gc.collect()

    assert left == []
