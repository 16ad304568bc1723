"""Discord as a worker needs it: to speak and to fetch files. It needs no gateway."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

import aiohttp
import discord

from adapters.discord import places
from adapters.discord.address import aim
from adapters.discord.files import Downloads
from adapters.discord.login import login
from adapters.discord.reply import DiscordReply
from adapters.discord.sending import Shared
from adapters.discord.waiting import Waiting
from core.ports import Ledger, Notes, Rates
from core.types import Attachment, Message

_QUIET = aiohttp.ClientTimeout(total=None, connect=10, sock_read=30)


class DiscordPlatform:
    """As `Platform`."""

    name = places.NAME

    def __init__(self, shared: Shared, downloads: Downloads) -> None:
        self._shared = shared
        self._downloads = downloads
        self._waiting: WeakValueDictionary[str, Waiting] = WeakValueDictionary()

    def reply(self, message: Message, ledger: Ledger) -> DiscordReply:
        """As `Platform.reply`."""
        return DiscordReply(self._shared, message, ledger, self._waiting_of(message))

    async def show_place(self, message: Message, text: str) -> None:
        """As `Platform.show_place`: in the message that becomes the first page."""
        await self._waiting_of(message).show(text)

    def _waiting_of(self, message: Message) -> Waiting:
        """One for all who show and answer it: its turn may come while its place is about to be shown."""
        return self._waiting.setdefault(message.id, Waiting(self._shared, message))

    def download(self, file: Attachment) -> AsyncGenerator[bytes, None]:
        """As `Platform.download`."""
        return self._downloads.pieces(file)


@asynccontextmanager
async def connected(
    token: str, *, api_url: str | None, notes: Notes, rates: Rates
) -> AsyncIterator[DiscordPlatform]:
    """The platform of a bot. Raises SettingsError for a token that Discord does not take."""
    host = aim(api_url)
    client = discord.Client(
        intents=discord.Intents(guilds=True),
        allowed_mentions=discord.AllowedMentions.none(),
        max_messages=None,
        max_ratelimit_timeout=30.0,
    )
    async with client, aiohttp.ClientSession(timeout=_QUIET) as session:
        await login(client, token)
        yield DiscordPlatform(Shared(client, rates, notes), Downloads(client, session, host))
