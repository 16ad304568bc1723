"""What happens to channels and threads: made, changed, archived and deleted, by the bot or by people."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tests.emulators.discord import payloads, permissions, rules
from tests.emulators.discord.errors import refused
from tests.emulators.discord.messages import Messages
from tests.emulators.discord.model import (
    DM,
    FORUM,
    HAS_THREAD,
    PRIVATE_THREAD,
    PUBLIC_THREAD,
    STARTER,
    TEXT,
    THREAD_CREATED,
    THREADS,
    Channel,
    File,
    Json,
    Message,
    Thread,
    Version,
)
from tests.emulators.discord.world import GUILDS, Event, World


@dataclass(slots=True)
class Channels:
    """The channels of a world."""

    world: World
    messages: Messages

    def new(self, guild: str, name: str, kind: int = TEXT, tags: Sequence[str] = ()) -> Channel:
        """A channel of a guild; a forum has tags."""
        channel = Channel(self.world.clock.snowflake(), kind, name, guild)
        channel.tags = {self.world.clock.snowflake(): tag for tag in tags}
        self._add(channel)
        self._tell("CHANNEL_CREATE", channel)
        return channel

    def dm(self, one: str, other: str) -> Channel:
        """The DM channel of these two, made if there is none."""
        for channel in self.world.channels.values():
            if channel.type == DM and {one, other} == set(channel.people):
                return channel
        channel = Channel(self.world.clock.snowflake(), DM, people=[one, other])
        self._add(channel)
        return channel

    def thread_from(self, user: str, channel: Channel, message: Message, body: Json) -> Channel:
        """The thread that someone starts from a message; it bears the message's id."""
        rules.check_thread(body)
        if channel.type != TEXT:
            raise refused(50024)
        permissions.require(self.world, user, channel, "create_public_threads")
        if message.id in self.world.channels:
            raise refused(160004)
        thread = self._thread(user, channel, body, message.id)
        message.versions[-1] = replace(message.now, flags=message.now.flags | HAS_THREAD)
        self.messages.updated(message)
        reference = {"type": 0, "message_id": message.id, "channel_id": channel.id, "guild_id": channel.guild}
        self._system(user, thread, STARTER, "", reference)
        return thread

    def thread(self, user: str, channel: Channel, body: Json) -> Channel:
        """A thread without a message to start from; the channel says so."""
        rules.check_thread(body)
        if channel.type != TEXT:
            raise refused(50024)
        private = body.get("type") == PRIVATE_THREAD
        permissions.require(self.world, user, channel, f"create_{'private' if private else 'public'}_threads")
        thread = self._thread(user, channel, body, None)
        if not private:
            reference = {"type": 0, "channel_id": thread.id, "guild_id": channel.guild}
            self._system(user, channel, THREAD_CREATED, thread.name, reference)
        return thread

    def post(self, user: str, forum: Channel, body: Json, files: Sequence[File]) -> tuple[Channel, Message]:
        """A forum's post: a thread and its first message, of one id."""
        rules.check_thread(body)
        if forum.type != FORUM:
            raise refused(50024)
        permissions.require(self.world, user, forum, "send_messages")
        first = body.get("message") or {}
        rules.check_message(first, files, flags=0)
        if rules.empty(
            first.get("content") or "", first.get("embeds") or [], first.get("components") or [], files
        ):
            raise refused(50006)
        post = self._thread(user, forum, body, None)
        version = self.messages.version(user, post, first, files)
        message = Message(post.id, post.id, user, 0, [version])
        self.messages.put(message)
        return post, message

    def update(self, user: str, channel: Channel, body: Json) -> None:
        """Change a channel or a thread as PATCH takes it."""
        thread = channel.thread
        if thread is None:
            permissions.require(self.world, user, channel, "manage_channels")
            channel.name, channel.topic = body.get("name", channel.name), body.get("topic", channel.topic)
            self._tell("CHANNEL_UPDATE", channel)
            return
        opens = body.get("archived") is False
        mine = channel.owner == user and "locked" not in body
        if not ((mine or opens) and not thread.locked):
            permissions.require(self.world, user, channel, "manage_threads")
        if thread.archived and not opens:
            raise refused(50083)
        thread.archived = body.get("archived", thread.archived)
        thread.locked = body.get("locked", thread.locked)
        thread.auto_archive = body.get("auto_archive_duration", thread.auto_archive)
        thread.tags = [str(tag) for tag in body.get("applied_tags", thread.tags)]
        thread.changed_at = self.world.clock.now()
        channel.name = body.get("name", channel.name)
        self._tell("THREAD_UPDATE", channel)

    def delete(self, channel: Channel) -> None:
        """Take a channel away, with its threads."""
        for each in self.world.channels.values():
            if each.thread and each.thread.parent == channel.id and each.deleted_at is None:
                each.deleted_at = self.world.clock.now()
        data = payloads.channel(self.world, channel)
        channel.deleted_at = self.world.clock.now()
        if channel.thread:
            data = {name: data[name] for name in ("id", "guild_id", "parent_id", "type")}
        self.world.emit(
            Event("THREAD_DELETE" if channel.thread else "CHANNEL_DELETE", data, channel.guild, GUILDS)
        )

    def overwritten(self, channel: Channel) -> None:
        """Tell that the permissions of a channel are others."""
        self._tell("CHANNEL_UPDATE", channel)

    def _thread(self, user: str, parent: Channel, body: Json, key: str | None) -> Channel:
        kind = body.get("type") if body.get("type") in THREADS else PUBLIC_THREAD
        thread = Channel(
            key or self.world.clock.snowflake(), kind or PUBLIC_THREAD, body["name"], parent.guild, user
        )
        thread.thread = Thread(
            parent.id,
            changed_at=self.world.clock.now(),
            auto_archive=body.get("auto_archive_duration") or 1440,
            tags=[str(tag) for tag in body.get("applied_tags") or ()],
            joined={user},
        )
        self._add(thread)
        self._tell("THREAD_CREATE", thread, newly_created=True)
        return thread

    def _system(self, user: str, channel: Channel, kind: int, content: str, reference: Json) -> None:
        version = Version(self.world.clock.now(), content)
        message = Message(
            self.world.clock.snowflake(), channel.id, user, kind, [version], reference=reference
        )
        self.messages.put(message)

    def _add(self, channel: Channel) -> None:
        self.world.channels[channel.id] = channel

    def _tell(self, name: str, channel: Channel, **more: bool) -> None:
        if permissions.may(self.world, self.world.application.bot, channel, "view_channel"):
            data = payloads.channel(self.world, channel) | more
            self.world.emit(Event(name, data, channel.guild, GUILDS))
