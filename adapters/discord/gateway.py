"""Discord's gateway: listens, and puts what people ask into the inbox. It never answers."""

import asyncio
from typing import Any

import discord
import structlog

from adapters.discord import inbound, places
from adapters.discord.catching_up import CatchingUp
from adapters.discord.errors import Unreachable, mapped
from adapters.discord.inbound import Quoted
from adapters.discord.questions import Questions
from core.channels import ChannelSettings
from core.errors import InboxFull, PlatformError, StoreError
from core.intake import UNREACHABLE, Intake
from core.types import Message

log = structlog.get_logger()

_CHAIN = 5
"""Messages that are followed back from one that points at another."""
_KNOWN = 30 * 86_400.0
"""Seconds for which a promised thread may be opened."""
_OURS = ("discord.py: ", "CommandTree", "discord-ui-")
"""How the tasks in which discord.py tells us things are called."""


class Gateway(discord.AutoShardedClient):
    """The bot as Discord sees it."""

    def __init__(self, intake: Intake, *, content: bool, shards: int | None = None) -> None:
        """`content`: read also messages that are not for the bot, which Discord has to allow."""
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
        self.questions = Questions(intake.notes)
        self._catching_up = CatchingUp(self, intake.notes)
        self._stopping = False

    async def stop_listening(self, patience: float) -> None:
        """Take nothing more, and let what is being taken be taken; whoever listens next finds the rest."""
        self._stopping = True
        named = [task for task in asyncio.all_tasks() if task.get_name().startswith(_OURS)]
        if named:
            await asyncio.wait(named, timeout=patience)

    # --- What Discord tells ---------------------------------------------------------------------

    async def on_ready(self) -> None:
        """A new session: nobody told us what was said since the last one."""
        log.info("discord.ready", guilds=len(self.guilds), shards=self.shard_count)
        await self._catching_up.read(self.on_message)

    async def on_message(self, message: discord.Message) -> None:
        """Accept a question. Whatever is wrong with it, its author hears why."""
        if self._stopping or not inbound.is_spoken(message):
            return
        with structlog.contextvars.bound_contextvars(message_id=str(message.id)):
            try:
                await self._take(message)
                await self._catching_up.saw(message)
            except InboxFull as error:
                await self.say(message, error.sentence)
            except StoreError as error:
                log.error("discord.not_accepted", error=str(error))  # noqa: TRY400 - where it arose says no more
                await self.say(message, UNREACHABLE)

    async def on_raw_message_edit(self, event: discord.RawMessageUpdateEvent) -> None:
        """A question that waits is answered as it stands now; one that was answered may be so again."""
        message = event.message
        if self._stopping or not inbound.is_spoken(message) or message.edited_at is None:
            return
        known = await self.questions.of(str(message.id))
        if known is not None:
            quoted = Quoted((await self._quoted(message)).said, known[0])
            asked = inbound.question(message, self.us, await self._settings(message), quoted)
            if not await self.intake.inbox.edit(asked):
                await self.was_edited(asked, message)

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

    async def was_edited(self, asked: Message, message: discord.Message) -> None:
        """A question says something else now, and its answer was begun: `bots` says what is offered."""

    # --- Accepting ------------------------------------------------------------------------------

    async def _take(self, message: discord.Message) -> None:
        if not inbound.is_addressed(message, self.us) and not inbound.can_follow(message):
            return
        settings = await self._settings(message)
        if not inbound.may_ask(settings, message.author) or not await self._is_for_us(message, settings):
            return
        quoted = await self._quoted(message)
        if refusal := inbound.refusal(message, quoted, self.us):
            await self.say(message, refusal)
            return
        asked = inbound.question(message, self.us, settings, quoted)
        if asked.thread == places.conversation(message.id):
            note = places.opens_note(message.id)
            await self.intake.notes.put(note, str(message.channel.id), seconds=_KNOWN)
        await self.questions.remember(asked)
        await self.intake.inbox.put(asked)

    async def _is_for_us(self, message: discord.Message, settings: ChannelSettings) -> bool:
        """Whether a message is for the bot, by name or by where it stands."""
        if inbound.is_addressed(message, self.us) or settings.every_message:
            return True
        if inbound.is_in_our_thread(message, self.us):
            return True
        reference = message.reference
        page = reference.message_id if reference else None
        return page is not None and await self.questions.answered_by(page) is not None

    async def _settings(self, message: discord.Message) -> ChannelSettings:
        channel = message.channel
        parent = channel.parent_id if isinstance(channel, discord.Thread) else channel.id
        named = (message.guild.id, parent) if message.guild else (parent,)
        return await self.intake.settings(*map(str, named))

    async def _quoted(self, message: discord.Message) -> Quoted:
        """What a message points at, back to the first that is a question or answer of ours, or is gone."""
        said: list[discord.Message] = []
        reference = message.reference
        while reference and reference.message_id and len(said) < _CHAIN:
            known = await self.questions.of(str(reference.message_id))
            thread = known[0] if known else await self.questions.answered_by(reference.message_id)
            if thread is not None:
                return Quoted(said, thread)
            found = await self._referenced(message, reference)
            if found is None or found.author.id == self.us:
                break
            said.insert(0, found)
            reference = found.reference
        return Quoted(said)

    async def _referenced(
        self, message: discord.Message, reference: discord.MessageReference
    ) -> discord.Message | None:
        """The message that is pointed at, None where it is gone or not ours to read."""
        if isinstance(reference.resolved, discord.Message):
            return reference.resolved
        if reference.resolved or reference.channel_id != message.channel.id or not reference.message_id:
            return None
        try:
            with mapped():
                return await message.channel.fetch_message(reference.message_id)
        except PlatformError as error:
            log.info("discord.reference_not_read", error=str(error))
            return None

    async def _deleted(self, message: int) -> None:
        known = await self.questions.of(str(message))
        if known is not None:
            await self.intake.inbox.delete(known[0], str(message))

    async def say(self, message: discord.Message, text: str, view: discord.ui.View | None = None) -> None:
        """Reply to a message with a sentence; where that cannot be done its author is told directly."""
        given: dict[str, Any] = {} if view is None else {"view": view}
        reference = message.to_reference(fail_if_not_exists=False)
        try:
            try:
                with mapped():
                    await message.channel.send(text, reference=reference, **given)
            except Unreachable:
                with mapped():
                    await message.author.send(text, **given)
        except PlatformError as error:
            log.warning("discord.not_said", error=str(error))

    @property
    def us(self) -> int:
        """The bot's own id."""
        assert self.user, "events come after the login"
        return self.user.id
