"""Discord's gateway: listens, and puts what people ask into the inbox, or says why it does not."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from weakref import WeakValueDictionary

import discord
import structlog

from adapters.discord import inbound, places
from adapters.discord.catching_up import CatchingUp
from adapters.discord.errors import Unreachable, mapped
from adapters.discord.inbound import Quoted
from adapters.discord.insisting import insist
from adapters.discord.questions import Asked
from core.channels import ChannelSettings
from core.errors import InboxFull, PlatformError, StoreError
from core.intake import UNREACHABLE, Intake
from core.types import Message, ThreadId

log = structlog.get_logger()

_CHAIN = 5
"""Messages that are followed back from one that points at another."""
_REFUSED = 2 * 86_400.0
"""Seconds for which it is known what was declined: longer than what was missed is looked for."""
_PATIENCE = 30.0
"""Seconds for which a sentence is tried."""
_OURS = ("discord.py: ", "CommandTree", "discord-ui-")
"""How the tasks in which discord.py tells us things are called."""


class Gateway(discord.AutoShardedClient):
    """The bot as Discord sees it."""

    def __init__(
        self,
        intake: Intake,
        changed: Callable[[Message, discord.Message], Awaitable[None]],
        *,
        content: bool,
        shards: int | None = None,
    ) -> None:
        """`content`: read also messages that are not for the bot, which Discord has to allow.

        `changed` is called when the message of a question says something else, and its answer was begun.
        """
        intents = discord.Intents(guilds=True, guild_messages=True, dm_messages=True, message_content=content)
        super().__init__(
            intents=intents,
            allowed_mentions=discord.AllowedMentions.none(),
            max_messages=None,
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            max_ratelimit_timeout=30.0,
            shard_count=shards,
        )
        self.intake = intake
        self._changed = changed
        self.questions = Asked(intake.notes)
        self._catching_up = CatchingUp(self, intake.notes)
        self._stopping = False
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    async def stop_listening(self, patience: float) -> None:
        """Take nothing more, and let what is being taken be taken; whoever listens next finds the rest."""
        self._stopping = True
        named = [task for task in asyncio.all_tasks() if task.get_name().startswith(_OURS)]
        if named:
            await asyncio.wait(named, timeout=patience)

    async def wrong(self) -> str:
        """Why not everything is heard, or nothing."""
        if not self.is_ready():
            return "Discord is not connected"
        lost = sorted(number for number, shard in self.shards.items() if shard.is_closed())
        return f"Discord is not connected on the shards {lost}" if lost else ""

    # --- What Discord tells ---------------------------------------------------------------------

    async def on_ready(self) -> None:
        """All shards listen."""
        log.info("discord.ready", guilds=len(self.guilds), shards=self.shard_count)

    async def on_shard_ready(self, shard: int) -> None:
        """A new session: nobody told us what was said since the last one."""
        await self._catching_up.read(shard, self.on_message)

    async def on_shard_disconnect(self, shard: int) -> None:
        """Its session may be lost."""
        self._catching_up.lost(shard)

    async def on_shard_resumed(self, shard: int) -> None:
        """Its session goes on, and all that was missed has been told."""
        self._catching_up.found(shard)

    async def on_message(self, message: discord.Message) -> None:
        """Accept a question. Whatever is wrong with it, its author hears why."""
        if self._stopping or not inbound.is_spoken(message):
            return
        with structlog.contextvars.bound_contextvars(message_id=str(message.id)):
            try:
                async with self._alone(message.id):
                    await self._take(message)
                await self._catching_up.saw(message)
            except StoreError as error:
                log.error("discord.not_accepted", error=str(error))  # noqa: TRY400 - where it arose says no more
                await self.say(message, UNREACHABLE)

    async def on_raw_message_edit(self, event: discord.RawMessageUpdateEvent) -> None:
        """A question that waits is answered as it stands now; one that was answered may be so again."""
        message = event.message
        if self._stopping or not inbound.is_spoken(message) or message.edited_at is None:
            return
        async with self._alone(message.id):
            ids = await self.questions.asked(str(message.id))
            known = await self.questions.of(ids[-1]) if ids else None
            if known is None:
                return
            asked = replace(await self._question(message, known[0]), id=ids[-1])
            if not await self.intake.inbox.edit(asked):
                await self._changed(asked, message)

    async def on_raw_message_delete(self, event: discord.RawMessageDeleteEvent) -> None:
        """A question that is taken back is not answered, and its turn is kept no longer."""
        await self._deleted(event.message_id)

    async def on_raw_bulk_message_delete(self, event: discord.RawBulkMessageDeleteEvent) -> None:
        """As with one."""
        for message in event.message_ids:
            await self._deleted(message)

    async def on_error(self, event_method: str, /, *args: object, **kwargs: object) -> None:
        """One event that cannot be taken stops no other."""
        log.exception("discord.event_failed", handler=event_method)

    async def read_again(self, thread: ThreadId, message: int) -> Message | None:
        """The question that a message asks in a thread, as it stands now; None where it is gone."""
        for number in filter(None, places.channels_of(thread)):
            try:
                with mapped():
                    channel = self.get_channel(number) or await self.fetch_channel(number)
                    assert isinstance(channel, discord.abc.Messageable), "something was said there"
                    found = await channel.fetch_message(message)
            except PlatformError as error:
                log.info("discord.question_not_read", error=str(error))
            else:
                return await self._question(found, thread)
        return None

    # --- Accepting ------------------------------------------------------------------------------

    def _alone(self, message: int) -> asyncio.Lock:
        """What is told of one message is done in its order: it may be deleted while it is being taken."""
        return self._locks.setdefault(message, asyncio.Lock())

    async def _take(self, message: discord.Message) -> None:
        if not inbound.is_addressed(message, self.us) and not inbound.can_follow(message):
            return
        settings = await self._settings(message)
        if not await self._may_ask(settings, message) or not await self._is_for_us(message, settings):
            return
        if await self.intake.notes.get(places.refused_note(message.id)):
            return
        quoted = await self._quoted(message)
        if refusal := inbound.refusal(message, quoted, self.us):
            await self._refuse(message, refusal)
            return
        asked = inbound.question(message, self.us, settings, quoted)
        try:
            await self.intake.inbox.put(asked)
        except InboxFull as error:
            await self._refuse(message, error.sentence)
        else:
            await self.questions.remember(asked)

    async def _refuse(self, message: discord.Message, why: str) -> None:
        """Say why a message is no question, once, however often we hear of it."""
        await self.say(message, why)
        await self.intake.notes.put(places.refused_note(message.id), "yes", seconds=_REFUSED)

    async def _may_ask(self, settings: ChannelSettings, message: discord.Message) -> bool:
        """Whether this person may; what was missed is read without their roles."""
        person = message.author
        if settings.roles and message.guild and isinstance(person, discord.User):
            try:
                with mapped():
                    person = await message.guild.fetch_member(person.id)
            except PlatformError as error:
                log.info("discord.member_not_read", error=str(error))
        return inbound.may_ask(settings, person)

    async def _question(self, message: discord.Message, thread: ThreadId) -> Message:
        """What a message asks in a thread."""
        quoted = Quoted((await self._quoted(message)).said, thread)
        return inbound.question(message, self.us, await self._settings(message), quoted)

    async def _is_for_us(self, message: discord.Message, settings: ChannelSettings) -> bool:
        """Whether a message is for the bot, by name or by where it stands."""
        if inbound.is_addressed(message, self.us) or settings.every_message:
            return True
        if inbound.is_in_our_thread(message, self.us):
            return True
        replied = inbound.replied_to(message)
        return bool(replied and await self.questions.is_page(replied.message_id or 0))

    async def _settings(self, message: discord.Message) -> ChannelSettings:
        channel = message.channel
        parent = channel.parent_id if isinstance(channel, discord.Thread) else channel.id
        named = (message.guild.id, parent) if message.guild else (parent,)
        return await self.intake.settings(*map(str, named))

    async def _quoted(self, message: discord.Message) -> Quoted:
        """What a message points at, back to the first that is a question or answer of ours, or is gone."""
        said: list[discord.Message] = []
        reference = inbound.replied_to(message)
        while reference and reference.message_id and len(said) < _CHAIN:
            thread = await self.questions.thread_of(reference.message_id)
            if thread is not None:
                return Quoted(said, thread)
            found = await self._referenced(message, reference)
            if found is None or found.author.id == self.us:
                break
            said.insert(0, found)
            reference = inbound.replied_to(found)
        return Quoted(said)

    async def _referenced(
        self, message: discord.Message, reference: discord.MessageReference
    ) -> discord.Message | None:
        """The message that is pointed at, None where it is gone or not ours to read."""
        if isinstance(reference.resolved, discord.Message):
            return reference.resolved
        if reference.resolved or not reference.message_id:
            return None
        try:
            with mapped():
                return await message.channel.fetch_message(reference.message_id)
        except PlatformError as error:
            log.info("discord.reference_not_read", error=str(error))
            return None

    async def _deleted(self, message: int) -> None:
        async with self._alone(message):
            for asked in await self.questions.asked(str(message)):
                known = await self.questions.of(asked)
                if known is not None:
                    await self.intake.inbox.delete(known[0], asked)
                    await self._take_away_place(known[0], asked)

    async def _take_away_place(self, thread: ThreadId, message_id: str) -> None:
        """Nobody waits any more: what said how long goes, unless an answer stands there."""
        note = places.waiting_note(message_id)
        shown = await self.intake.notes.get(note)
        if shown is None:
            return
        await self.intake.notes.drop(note)
        channel, _ = places.channels_of(thread)
        page = self.get_partial_messageable(channel).get_partial_message(int(shown))
        try:
            with mapped():
                await page.delete()
        except PlatformError as error:
            log.info("discord.place_not_taken_away", error=str(error))

    async def say(self, message: discord.Message, text: str, view: discord.ui.View | None = None) -> None:
        """Reply to a message with a sentence; where that cannot be done its author is told directly."""
        given: dict[str, Any] = {} if view is None else {"view": view}
        given["nonce"] = hashlib.blake2b(f"{message.id} {text}".encode(), digest_size=12).hexdigest()
        reference = message.to_reference(fail_if_not_exists=False)

        async def say() -> None:
            try:
                with mapped():
                    await message.channel.send(text, reference=reference, **given)
            except Unreachable:
                with mapped():
                    await message.author.send(text, **given)

        try:
            await insist(say, patience=_PATIENCE, event="discord.not_said_yet")
        except PlatformError as error:
            log.warning("discord.not_said", error=str(error))

    @property
    def us(self) -> int:
        """The bot's own id."""
        assert self.user, "events come after the login"
        return self.user.id
