"""The two ways in which a part of an answer reaches people: a message of a channel, or an interaction."""

import asyncio
import hashlib
import io
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar, cast

import discord
from discord.ui import View

from adapters.discord import buttons, places
from adapters.discord.errors import (
    THREAD_EXISTS,
    ChannelGone,
    InteractionOver,
    Unreachable,
    code_of,
    mapped,
)
from core.errors import PageClosed, PlatformError, RateLimited, WriteFailed
from core.ports import Notes, Rate, Rates
from core.types import Message

T = TypeVar("T")

_FILE_ROOM = 10_000_000
"""Bytes of a file that Discord takes everywhere."""
_LOOKED_THROUGH = 200
"""Newest messages of a channel among which the parts of an answer are looked for."""
_ARCHIVED_AFTER: Literal[1440] = 1440
"""Minutes without a message."""
ACKNOWLEDGED_WITHIN = 5.0
"""Seconds: an interaction has three to be acknowledged."""
_EVERYWHERE = Rate("discord:global", 50, 1.1)
"""The 50 requests a second that a bot has, with room for what is late; interactions do not count there."""
_TYPING = Rate("discord:typing", 5, 1.0)
"""How many of those may only say that an answer will come."""
_ORIGINAL = cast(int, "@original")
"""The message that acknowledges an interaction: discord.py puts any id into the path as it stands."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What all senders of a process share: the client, and what is counted and noted over all workers."""

    client: discord.Client
    rates: Rates
    notes: Notes

    async def write(self, channel: int, call: Callable[[], Awaitable[T]]) -> T:
        """Write into a channel, whose creates and edits are counted together; raises PlatformError."""
        bucket = f"discord:channel:{channel}"
        await asyncio.gather(self.rates.wait(_EVERYWHERE), self.rates.wait(Rate(bucket, 10, 10.0)))
        try:
            with mapped():
                return await call()
        except RateLimited as error:
            await self.rates.rest(bucket, error.retry_after or 1.0)
            raise

    async def type(self, channel: int) -> None:
        """Be seen typing for ten seconds, once there is room for that; raises PlatformError."""
        await self.rates.wait(_TYPING)
        await self.rates.wait(_EVERYWHERE)
        with mapped():
            await self.client.get_partial_messageable(channel).typing()


class Sender(Protocol):
    """Raises only PlatformError."""

    async def open(self) -> None:
        """Make sure that there is a place to answer."""
        ...

    async def post(
        self, part: int, content: str, view: View | None, file: discord.File | None = None, *, first: bool
    ) -> discord.Message:
        """Let a part stand, the `first` one as the answer. One that stood already may say other things."""
        ...

    async def edit(self, message: int, content: str, view: View | None) -> None:
        """Let a message say this instead."""
        ...

    async def read(self, message: int) -> discord.Message:
        """A message of ours as it stands."""
        ...

    async def parts(self) -> dict[int, int]:
        """The parts of this answer that stand, as far as that can be seen, and their messages."""
        ...


def answer_file(name: str, text: str) -> discord.File:
    """A text as a file; what is more than Discord takes is cut."""
    return discord.File(io.BytesIO(text.encode("utf-8", "replace")[:_FILE_ROOM]), name)


class ChannelSender:
    """Messages in a channel; the first one is a reply to the question, where that stands there too."""

    def __init__(self, shared: Shared, message: Message) -> None:
        self._shared = shared
        self._message = message
        self._place = places.place(message)
        self._channel = shared.client.get_partial_messageable(self._place.channel)
        self._is_open = False

    async def open(self) -> None:
        """As `Sender.open`: open the thread that the question begins; a forum's post has no parent."""
        if self._place.begins and self._place.parent and not self._is_open:
            await self._open_thread(self._place.parent)
        self._is_open = True

    async def _open_thread(self, parent: int) -> None:
        title = " ".join(self._message.text.split())[:100].strip() or "Question"
        try:
            with mapped():  # by discord.py's lower half, since the upper one wants to know the guild before
                await self._shared.client.http.start_thread_with_message(
                    parent, self._place.channel, name=title, auto_archive_duration=_ARCHIVED_AFTER
                )
        except PageClosed as error:
            raise ChannelGone("the question is gone, and so is its thread") from error
        except PlatformError as error:
            if code_of(error) != THREAD_EXISTS:
                raise

    async def post(
        self, part: int, content: str, view: View | None, file: discord.File | None = None, *, first: bool
    ) -> discord.Message:
        """As `Sender.post`. For some minutes Discord knows a part again by its nonce, and keeps it single."""
        await self.open()
        reference = None
        if first and self._place.question and not self._place.begins:
            reference = discord.MessageReference(
                message_id=self._place.question, channel_id=self._place.channel, fail_if_not_exists=False
            )
        given = _given(view=view, file=file, reference=reference, nonce=self._nonce(part))
        return cast(discord.Message, await self._write(lambda: self._channel.send(content, **given)))

    async def edit(self, message: int, content: str, view: View | None) -> None:
        """As `Sender.edit`."""
        page = self._channel.get_partial_message(message)
        mentions = discord.AllowedMentions.none()
        await self._write(lambda: page.edit(content=content, view=view, allowed_mentions=mentions))

    async def read(self, message: int) -> discord.Message:
        """As `Sender.read`."""
        with mapped():
            return await self._channel.fetch_message(message)

    async def parts(self) -> dict[int, int]:
        """As `Sender.parts`."""
        await self.open()
        return await _standing(self._shared.client, self._message)

    async def _write(self, call: Callable[[], Awaitable[T]]) -> T:
        return await self._shared.write(self._place.channel, call)

    def _nonce(self, part: int) -> str:
        """At most 25 characters, as Discord wants it."""
        name = f"{self._message.thread} {self._message.id} {part}"
        return hashlib.blake2b(name.encode(), digest_size=12).hexdigest()


class InteractionSender:
    """The response to an interaction, which takes the first part, and what follows it up.

    It needs no right in the channel, for 15 minutes.
    """

    def __init__(self, shared: Shared, message: Message) -> None:
        self._shared = shared
        self._message = message
        self._place = places.place(message)
        self._webhook: discord.Webhook | None = None

    async def open(self) -> None:
        """As `Sender.open`: an interaction always has its place."""

    async def post(
        self, part: int, content: str, view: View | None, file: discord.File | None = None, *, first: bool
    ) -> discord.Message:
        """As `Sender.post`."""
        webhook = await self._opened()
        if first:
            return await self._answer(webhook, content, view)
        given = _given(view=view, file=file, ephemeral=self._place.private)
        with mapped():
            return cast(discord.Message, await webhook.send(content, wait=True, **given))

    async def edit(self, message: int, content: str, view: View | None) -> None:
        """As `Sender.edit`."""
        webhook = await self._opened()
        await self._edit(webhook, message, content, view)

    async def read(self, message: int) -> discord.Message:
        """As `Sender.read`."""
        webhook = await self._opened()
        with mapped():
            return await webhook.fetch_message(message)

    async def parts(self) -> dict[int, int]:
        """As `Sender.parts`; of what only the asker sees, only the first can be found."""
        try:
            found = _presses_of(await self.read(_ORIGINAL), self._message)
        except (InteractionOver, PageClosed):  # nothing acknowledges it yet, or it takes nothing more
            found = {}
        if self._place.private:
            return found
        try:
            return found | await _standing(self._shared.client, self._message)
        except Unreachable:  # a bot that only a person installed does not see the channel
            return found

    async def _answer(self, webhook: discord.Webhook, content: str, view: View | None) -> discord.Message:
        try:
            return await self._edit(webhook, _ORIGINAL, content, view)
        except (InteractionOver, PageClosed) as error:
            if self._is_new and not await self._shared.notes.get(places.late_note(self._message.id)):
                raise WriteFailed("the interaction is not acknowledged yet") from error
            raise InteractionOver("nothing acknowledges the interaction") from error

    @property
    def _is_new(self) -> bool:
        """Whether the gateway may still be about to note the token, or to acknowledge the interaction."""
        return time.time() - self._message.at < ACKNOWLEDGED_WITHIN

    async def _edit(
        self, webhook: discord.Webhook, message: int, content: str, view: View | None
    ) -> discord.Message:
        mentions = discord.AllowedMentions.none()
        with mapped():
            return await webhook.edit_message(message, content=content, view=view, allowed_mentions=mentions)

    async def _opened(self) -> discord.Webhook:
        if self._webhook is None:
            note = await self._shared.notes.get(places.token_note(self._message.id))
            if note is None:
                raise (
                    WriteFailed("no token yet")
                    if self._is_new
                    else InteractionOver("its 15 minutes are over")
                )
            token = Token.read(note)
            client = self._shared.client
            self._webhook = discord.Webhook.partial(token.application, token.secret, client=client)
            self._webhook.type = discord.WebhookType.application  # else it may say nothing privately
        return self._webhook


@dataclass(frozen=True, slots=True, repr=False)
class Token:
    """What lets us answer an interaction."""

    application: int
    secret: str

    def written(self) -> str:
        """As a note keeps it."""
        return json.dumps([self.application, self.secret])

    @classmethod
    def read(cls, note: str) -> "Token":
        """What `written` gave."""
        return cls(*json.loads(note))


def _given(**options: Any) -> dict[str, Any]:
    """Options of a message: nobody is mentioned, no link is drawn, and what is None is left out."""
    there = {name: value for name, value in options.items() if value is not None}
    return {"suppress_embeds": True, "allowed_mentions": discord.AllowedMentions.none(), **there}


async def _standing(client: discord.Client, message: Message) -> dict[int, int]:
    """The parts of an answer behind its question: each is posted with buttons that say what it is."""
    place = places.place(message)
    channel = client.get_partial_messageable(place.channel)
    after = discord.Object(place.after)
    found: dict[int, int] = {}
    with mapped():
        async for posted in channel.history(limit=_LOOKED_THROUGH, after=after, oldest_first=False):
            found |= _presses_of(posted, message)
    return found


def _presses_of(posted: discord.Message, message: Message) -> dict[int, int]:
    """The part of an answer that a message is, if it is one."""
    presses = buttons.presses(posted)
    return {
        press.part: posted.id
        for press in presses
        if (press.thread, press.message_id) == (message.thread, message.id)
    }


async def tell_directly(shared: Shared, message: Message, text: str) -> None:
    """Tell the asker of a message something, once; raises PlatformError where they take nothing."""
    nonce = hashlib.blake2b(f"{message.id} directly".encode(), digest_size=12).hexdigest()
    with mapped():
        direct = await shared.client.create_dm(discord.Object(int(message.author)))
        await direct.send(text, allowed_mentions=discord.AllowedMentions.none(), nonce=nonce)
