"""What was said while nobody listened: looked for when a session begins."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable

import discord
import structlog

from adapters.discord import places
from adapters.discord.errors import mapped
from core.errors import PlatformError
from core.ports import Notes

log = structlog.get_logger()

_MISSED = 500
"""Messages of one channel that are looked at."""
_LONGEST = 86_400.0
"""Seconds: nobody waits for an answer to what was asked before."""
_MARGIN = 60.0
"""Seconds before the last message that was taken: of two that came together, the earlier may be missing."""
_NOTED_EVERY = 5.0
"""Seconds between two notes of where we are."""
_DIRECTS = 200
"""Direct conversations that are remembered: Discord does not list them."""
_SEEN, _SEEN_DIRECTLY = f"{places.NAME}:seen", f"{places.NAME}:directs"


class CatchingUp:
    """Reads again what may have been missed. What was taken already is known in the inbox by its id."""

    def __init__(self, client: discord.AutoShardedClient, notes: Notes) -> None:
        self._client = client
        self._notes = notes
        self._noted_at = 0.0
        self._heard: dict[int, int] = {}  # by shard, the last id up to which it missed nothing
        self._listening: set[int] = set()  # shards that miss nothing

    def lost(self, shard: int) -> None:
        """From now on this shard may miss something."""
        self._listening.discard(shard)

    def found(self, shard: int) -> None:
        """It missed nothing."""
        if shard in self._heard:
            self._listening.add(shard)

    async def saw(self, message: discord.Message) -> None:
        """Remember how far we are, and with whom the bot speaks directly."""
        if message.guild is None:
            known = [number for number in await self._directs() if number != message.channel.id]
            listed = [*known, message.channel.id][-_DIRECTS:]
            await self._notes.put(_SEEN_DIRECTLY, ",".join(map(str, listed)))
        shard = message.guild.shard_id if message.guild else 0
        if shard not in self._listening:
            return  # what came before this may be missing
        self._heard[shard] = message.id
        now = time.monotonic()
        if message.guild and now - self._noted_at < _NOTED_EVERY:
            return
        self._noted_at = now
        await self._notes.put(_SEEN, str(message.id))

    async def read(self, shard: int, take: Callable[[discord.Message], Awaitable[None]]) -> None:
        """Let `take` have every message that a shard may have missed; the first time there is none."""
        now = time.time()
        seen = self._heard.get(shard) or await self._notes.get(_SEEN)
        if seen is None:
            await self._notes.put(_SEEN, str(_snowflake(now)))
        else:
            moment = discord.utils.snowflake_time(int(seen)).timestamp() - _MARGIN
            await self._read(shard, _snowflake(max(moment, now - _LONGEST)), take)
        self._heard[shard] = _snowflake(now)
        self._listening.add(shard)

    async def _read(self, shard: int, after: int, take: Callable[[discord.Message], Awaitable[None]]) -> None:
        missed = 0
        async for channel in self._spoken_in(shard, after):
            try:
                with mapped():
                    history = channel.history(limit=_MISSED, after=discord.Object(after), oldest_first=True)
                    said = [message async for message in history]
            except PlatformError as error:
                log.info("discord.channel_not_caught_up", error=str(error))
                continue
            for message in said:
                await take(message)
            missed += len(said)
        log.info("discord.caught_up", shard=shard, messages=missed)

    async def _spoken_in(self, shard: int, since: int) -> AsyncIterator[discord.abc.Messageable]:
        """Channels, threads and direct conversations of a shard in which something was said since."""
        for guild in self._client.guilds:
            if guild.shard_id != shard:
                continue
            there: list[discord.TextChannel | discord.VoiceChannel | discord.Thread]
            there = [*guild.text_channels, *guild.voice_channels, *guild.threads]
            for channel in there:
                if (channel.last_message_id or 0) > since:
                    yield channel
        for number in await self._directs() if shard == 0 else ():
            yield self._client.get_partial_messageable(number)

    async def _directs(self) -> list[int]:
        listed = await self._notes.get(_SEEN_DIRECTLY)
        return [int(number) for number in (listed or "").split(",") if number]


def _snowflake(moment: float) -> int:
    """The least id of that time."""
    return (int(moment * 1000) - 1_420_070_400_000) << 22
