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
from adapters.discord.sending import ChannelSender, InteractionSender, Shared
from core.ports import Ledger, Notes, Rates
from core.types import Attachment, Message

_PLACES_ARE_KNOWN = 86_400.0
"""Seconds that a message may wait and still be answered where its place was shown."""
_QUIET = aiohttp.ClientTimeout(total=None, connect=10, sock_read=30)


class DiscordPlatform:
    """As `Platform`."""

    name = places.NAME

    def __init__(self, shared: Shared, downloads: Downloads) -> None:
        self._shared = shared
        self._downloads = downloads
        self._replies: WeakValueDictionary[str, DiscordReply] = WeakValueDictionary()

    def reply(self, message: Message, ledger: Ledger) -> DiscordReply:
        """As `Platform.reply`."""
        reply = DiscordReply(self._shared, message, ledger)
        self._replies[message.id] = reply
        return reply

    async def show_place(self, message: Message, text: str) -> None:
        """As `Platform.show_place`: in the message that becomes the first page."""
        notes, note = self._shared.notes, places.waiting_note(message.id)
        if places.place(message).by_interaction:
            if not self._is_answered(message):
                await InteractionSender(self._shared, message).post(0, text, None, first=True)
            return
        shown = await notes.get(note)
        if self._is_answered(message):
            return
        sender = ChannelSender(self._shared, message)
        if shown is not None:
            await sender.edit(int(shown), text, None)
            return
        posted = await sender.post(0, text, None, first=True)
        await notes.put(note, str(posted.id), seconds=_PLACES_ARE_KNOWN)

    def _is_answered(self, message: Message) -> bool:
        """Whether its turn came while its place was about to be shown."""
        reply = self._replies.get(message.id)
        return reply is not None and reply.begun

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
