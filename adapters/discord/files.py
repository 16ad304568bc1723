"""What people attach on Discord, and what they said before, as files."""

import time
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
import discord
import structlog

from adapters.discord.errors import mapped
from core.errors import FileRefused, PlatformError
from core.types import Attachment

log = structlog.get_logger()

_HOSTS = frozenset({"cdn.discordapp.com", "media.discordapp.net"})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_AS_IT_IS = {"Accept-Encoding": "identity"}
_RAN_OUT = (403, 404)
"""What the servers of files answer to a link whose day is over."""
_READ_FOR = 30.0
"""Seconds for which it is known where the files of a message lie, that of which one was fetched last."""
_PIECE = 1 << 16
_CONVERSATION = "chasqui:conversation"
_MOST_MESSAGES = 1000
_UNREADABLE = (
    "I may not read what was said here. Whoever runs me can switch on Message Content Intent in Discord's "
    "Developer Portal, under Bot."
)
_NOT_THERE = "{name} is not there any more. Send it again."


def of_message(message: discord.Message) -> tuple[Attachment, ...]:
    """The files of a message, under its address, since their own is good for a day only."""
    found: dict[str, Attachment] = {}
    for file in message.attachments:
        name, others = file.filename, 1
        while name in found:  # two of one name would be the same file to whoever reads them
            others += 1
            stem, dot, ending = file.filename.rpartition(".")
            name = f"{stem} ({others}){dot}{ending}" if stem else f"{file.filename} ({others})"
        found[name] = Attachment(name, message.jump_url, file.size)
    return tuple(found.values())


def of_interaction(file: discord.Attachment) -> Attachment:
    """A file that was given with a command, which stands in no message."""
    return Attachment(file.filename, file.url, file.size)


def conversation(channel: int, since: int) -> Attachment:
    """What was said in a channel from one message on, as a text."""
    query = urlencode({"channel": channel, "since": since})
    name = f"this conversation (its newest {_MOST_MESSAGES:,} messages at most)"
    return Attachment(name, f"{_CONVERSATION}?{query}")


class Downloads:
    """Fetches files. The bot's token goes to Discord's API only, never to where files lie."""

    def __init__(self, client: discord.Client, session: aiohttp.ClientSession, host: str | None) -> None:
        """`host` is that of an API address which is not Discord's own: files may lie there, too."""
        self._client = client
        self._session = session
        self._read: tuple[tuple[int, int], float, dict[str, str]] = (0, 0), 0.0, {}
        self._hosts = _HOSTS | (_LOOPBACK if host in _LOOPBACK else {host} if host else frozenset())

    async def pieces(self, file: Attachment) -> AsyncGenerator[bytes, None]:
        """As `Platform.download`."""
        if file.url.startswith(_CONVERSATION):
            yield (await self._said(file)).encode()
            return
        url = await self._address(file)
        if urlsplit(url).hostname not in self._hosts:
            raise FileRefused(f"{file.name} does not lie on Discord. Attach the file itself.")
        try:
            async with AsyncExitStack() as stack:
                response = await stack.enter_async_context(self._get(url))
                if response.status in _RAN_OUT:
                    response = await stack.enter_async_context(self._get(await self._refreshed(file, url)))
                if response.status != 200:
                    raise FileRefused(_NOT_THERE.format(name=file.name))
                async for piece in response.content.iter_chunked(_PIECE):
                    yield piece
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise FileRefused(f"{file.name} could not be fetched from Discord. Send it again.") from error

    def _get(self, url: str) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        return self._session.get(url, headers=_AS_IT_IS, allow_redirects=False)

    async def _refreshed(self, file: Attachment, url: str) -> str:
        """The address of a file whose link ran out, good for another day."""
        route = discord.http.Route("POST", "/attachments/refresh-urls")
        try:
            with mapped():
                told = await self._client.http.request(route, json={"attachment_urls": [url]})
        except PlatformError as error:
            raise FileRefused(_NOT_THERE.format(name=file.name)) from error
        return str(told["refreshed_urls"][0]["refreshed"])

    async def _address(self, file: Attachment) -> str:
        """Where a file lies now: a message always knows the address that is good today."""
        if urlsplit(file.url).hostname in self._hosts:
            return file.url
        path = urlsplit(file.url).path.strip("/").split("/")
        if len(path) != 4 or path[0] != "channels" or not all(part.isdecimal() for part in path[2:]):
            return file.url
        lying = await self._lying(int(path[2]), int(path[3]))
        if file.name not in lying:
            raise FileRefused(_NOT_THERE.format(name=file.name))
        return lying[file.name]

    async def _lying(self, channel: int, number: int) -> dict[str, str]:
        """Where the files of a message lie, by their names; it is read once for all of them."""
        key, read_at, lying = self._read
        if key == (channel, number) and time.monotonic() - read_at < _READ_FOR:
            return lying
        try:
            with mapped():
                message = await self._client.get_partial_messageable(channel).fetch_message(number)
        except PlatformError as error:
            log.info("discord.files_not_found", error=str(error))
            return {}
        names = (file.name for file in of_message(message))
        lying = dict(zip(names, (there.url for there in message.attachments), strict=True))
        self._read = (channel, number), time.monotonic(), lying
        return lying

    async def _said(self, file: Attachment) -> str:
        """One paragraph for each message, oldest first: who said it, when, and what; of many the newest."""
        asked = parse_qs(urlsplit(file.url).query)
        channel = self._client.get_partial_messageable(int(asked["channel"][0]))
        after = discord.Object(int(asked["since"][0]) - 1)
        try:
            with mapped():
                history = channel.history(limit=_MOST_MESSAGES, after=after, oldest_first=False)
                said = [_line(message) async for message in history if text_of(message)]
        except PlatformError as error:
            raise FileRefused(f"I could not read this conversation. {error.sentence}") from error
        if not said:
            raise FileRefused(_UNREADABLE)
        return "\n\n".join(reversed(said))


def text_of(message: discord.Message) -> str:
    """What a message says, with what it forwards."""
    texts = [message.content, *(snapshot.content for snapshot in message.message_snapshots)]
    return "\n".join(text for text in texts if text).strip()


def _line(message: discord.Message) -> str:
    return f"{message.author.display_name} ({message.created_at:%Y-%m-%d %H:%M}): {text_of(message)}"
