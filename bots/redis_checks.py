"""What `chasqui doctor` asks the Redis-protocol server: whether what is accepted there stays."""

import re
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from adapters.redis.letters import RedisLetters
from adapters.redis.store import Store
from bots.check import Check

_LEAST = (6, 2)
_SKEW = 5.0
"""Seconds by which two clocks may differ."""
_EVICTS = "the server throws keys away when its memory is full: maxmemory-policy is {}"
_OVERWRITTEN = "the server is a copy: what is put there is lost when it follows its primary again"
_FORGETS = "the server keeps nothing on disk: what waits for an answer is lost when it restarts"


async def of_store(
    store: Store, version: str, clock: Callable[[], float] = time.time
) -> AsyncIterator[Check]:
    """Every mistake that there is; nothing where there is none. `clock` tells the Unix time here."""
    if tuple(map(int, re.findall(r"\d+", version)[:2])) < _LEAST:
        yield Check("redis", False, f"{version} is too old", "Install Redis 6.2 or newer, or Valkey.")
    memory, disk, copies = [await _info(store, part) for part in ("memory", "persistence", "replication")]
    policy = str(memory.get("maxmemory_policy", "noeviction"))
    if policy != "noeviction":
        yield Check("redis", False, _EVICTS.format(policy), "CONFIG SET maxmemory-policy noeviction")
    if not int(disk.get("aof_enabled", 1)):
        mend = "CONFIG SET appendonly yes, and the same in its file of settings."
        yield Check("redis", False, _FORGETS, mend)
    if copies.get("role") == "slave":
        # One that cannot be written was told of when it was connected to.
        yield Check("redis", False, _OVERWRITTEN, "Let CHASQUI_REDIS__URL name the primary.")
    seconds, micros = await store.command("TIME")
    skew = abs(clock() - (int(seconds) + int(micros) / 1e6))
    if skew > _SKEW:
        told = f"the clocks of this machine and of the server differ by {skew:.0f} s"
        yield Check("clock", False, told, "Let both follow NTP: Slack refuses what is five minutes off.")
    if letters := len(await RedisLetters(store).all()):
        told = f"{letters} {'message was' if letters == 1 else 'messages were'} set aside unanswered"
        yield Check("inbox", False, told, "`chasqui inbox list` shows them: retry or drop each.")


async def _info(store: Store, part: str) -> dict[str, Any]:
    found = await store.command("INFO", part)
    return found if isinstance(found, dict) else {}
