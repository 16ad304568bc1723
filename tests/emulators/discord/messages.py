"""What happens to messages: created, edited, deleted and reacted to, by the bot over REST or by people."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from tests.emulators.discord import mentions, payloads, permissions, rules
from tests.emulators.discord.clock import when
from tests.emulators.discord.errors import invalid, refused
from tests.emulators.discord.model import (
    COMPONENTS_V2,
    DEFAULT,
    DM,
    FORUM,
    LOADING,
    REPLY,
    SILENT,
    STARTER,
    SUPPRESS_EMBEDS,
    THREAD_CREATED,
    Channel,
    File,
    Json,
    Message,
    Version,
)
from tests.emulators.discord.world import (
    DM_MESSAGES,
    DM_REACTIONS,
    DM_TYPING,
    GUILD_MESSAGES,
    GUILD_REACTIONS,
    GUILD_TYPING,
    GUILDS,
    Event,
    World,
)

MAY_SEND = SUPPRESS_EMBEDS | SILENT | COMPONENTS_V2
"""Flags that a bot may set."""

NONCE_LIFE = 180
"""Seconds for which a nonce is known; Discord says "the past few minutes"."""


@dataclass(slots=True)
class Messages:
    """The messages of a world."""

    world: World
    _nonces: dict[tuple[str, str], Message] = field(default_factory=dict)

    def create(self, author: str, channel: Channel, body: Json, files: Sequence[File]) -> Message:
        """A message as POST /channels/{id}/messages takes it, or the one that already has its nonce."""
        self.may_send(author, channel, body, files)
        nonce = body.get("nonce")
        rules.check_nonce(nonce)
        if body.get("enforce_nonce") and nonce is not None and (known := self._sent(author, str(nonce))):
            return known
        flags = (body.get("flags") or 0) & MAY_SEND
        rules.check_message(body, files, flags=flags)
        reference = self._reference(author, channel, body.get("message_reference"))
        replied = self.world.message(channel.id, reference["message_id"]).author if reference else None
        version = self.version(author, channel, body, files, flags, replied)
        if rules.empty(version.content, version.embeds, version.components, files) and not body.get("poll"):
            raise refused(50006)
        message = Message(
            self.world.clock.snowflake(), channel.id, author, REPLY if reference else DEFAULT, [version]
        )
        if nonce is not None:
            message.nonce = str(nonce)
            self._nonces[author, message.nonce] = message
        message.reference, message.poll = reference, body.get("poll")
        self.put(message)
        return message

    def put(self, message: Message) -> None:
        """Let a message stand, and tell of it; a thread that was archived is so no more."""
        channel = self.world.channel(message.channel)
        if channel.thread and channel.thread.archived:
            channel.thread.archived = False
            channel.thread.changed_at = self.world.clock.now()
            self.world.emit(
                Event("THREAD_UPDATE", payloads.channel(self.world, channel), channel.guild, GUILDS)
            )
        channel.messages[message.id] = message
        self._tell("MESSAGE_CREATE", message)

    def edit(self, author: str, message: Message, body: Json, files: Sequence[File]) -> None:
        """Change a message as PATCH takes it."""
        channel = self.world.channel(message.channel)
        if message.author != author:
            raise refused(50005)
        if message.type in (THREAD_CREATED, STARTER):
            raise refused(50021)
        self._not_archived(channel)
        self._not_locked(author, channel)
        self.change(message, body, files)

    def change(self, message: Message, body: Json, files: Sequence[File]) -> None:
        """Change a message without asking who does it."""
        channel, now = self.world.channel(message.channel), message.now
        flags = now.flags & ~LOADING
        if "flags" in body and body["flags"] is not None:
            flags = (flags & ~SUPPRESS_EMBEDS) | (body["flags"] & (SUPPRESS_EMBEDS | COMPONENTS_V2))
        kept = self._kept(now, body)
        rules.check_message(body, [*kept, *files], flags=flags)
        whole: Json = {"content": now.content, "embeds": list(now.embeds), "components": list(now.components)}
        whole |= {name: body[name] for name in whole if name in body}
        whole["allowed_mentions"] = body.get("allowed_mentions")
        version = self.version(message.author, channel, whole, [*kept, *files], flags)
        if not {"content", "allowed_mentions"} & body.keys():
            version = replace(version, pinged=now.pinged)
        if (
            rules.empty(version.content, version.embeds, version.components, version.files)
            and not message.poll
        ):
            raise refused(50006)
        if not now.flags & LOADING:
            message.edited_at = version.at
        message.versions.append(version)
        self._tell("MESSAGE_UPDATE", message)

    def updated(self, message: Message) -> None:
        """Tell of a change that is no edit."""
        self._tell("MESSAGE_UPDATE", message)

    def unfurl(self, message: Message, embed: Json) -> None:
        """Add the preview of a link, which is an update and no edit."""
        if not message.now.flags & SUPPRESS_EMBEDS:
            embeds = (*message.now.embeds, embed)
            message.versions.append(replace(message.now, at=self.world.clock.now(), embeds=embeds))
        self.updated(message)

    def delete(self, message: Message) -> None:
        """Take a message away."""
        channel = self.world.channel(message.channel)
        self._not_archived(channel)
        message.deleted_at = self.world.clock.now()
        data: Json = {"id": message.id, "channel_id": channel.id, **_guild(channel)}
        self.world.emit(
            Event("MESSAGE_DELETE", data, channel.guild, _intent(channel, GUILD_MESSAGES, DM_MESSAGES))
        )

    def react(self, user: str, message: Message, emoji: str, *, added: bool) -> None:
        """Add or take away someone's reaction."""
        channel = self.world.channel(message.channel)
        self._not_archived(channel)
        people = message.reactions.setdefault(emoji, [])
        if (user in people) == added:
            return
        (people.append if added else people.remove)(user)
        if not people:
            del message.reactions[emoji]
        data: Json = {"user_id": user, "channel_id": channel.id, "message_id": message.id, **_guild(channel)}
        data |= {"emoji": {"id": None, "name": emoji}, "burst": False, "type": 0}
        if added and channel.guild:
            data["member"] = payloads.full_member(self.world, self.world.guild(channel.guild), user)
        if added:
            data["message_author_id"] = message.author
        name = "MESSAGE_REACTION_ADD" if added else "MESSAGE_REACTION_REMOVE"
        self.world.emit(Event(name, data, channel.guild, _intent(channel, GUILD_REACTIONS, DM_REACTIONS)))

    def type(self, user: str, channel: Channel) -> None:
        """Let someone be seen typing."""
        now = self.world.clock.now()
        channel.typing.append((now, user))
        data: Json = {"user_id": user, "channel_id": channel.id, "timestamp": int(now), **_guild(channel)}
        if channel.guild:
            data["member"] = payloads.full_member(self.world, self.world.guild(channel.guild), user)
        self.world.emit(Event("TYPING_START", data, channel.guild, _intent(channel, GUILD_TYPING, DM_TYPING)))

    def may_send(self, author: str, channel: Channel, body: Json, files: Sequence[File]) -> None:
        """Raise the error of someone who may not say this here."""
        world = self.world
        if channel.type == FORUM:
            raise refused(50008)
        if channel.type == DM and not all(
            world.user(key).accepts_dms for key in channel.people if key != author
        ):
            raise refused(50007)
        needed = ["send_messages_in_threads" if channel.thread else "send_messages"]
        needed += ["attach_files"] * bool(files) + ["embed_links"] * bool(body.get("embeds"))
        permissions.require(world, author, channel, *needed)
        self._not_locked(author, channel)

    def _not_locked(self, user: str, channel: Channel) -> None:
        locked = channel.thread and channel.thread.locked
        if locked and not permissions.may(self.world, user, channel, "manage_threads"):
            raise refused(160005)

    def _not_archived(self, channel: Channel) -> None:
        if channel.thread and channel.thread.archived:
            raise refused(50083)

    def _sent(self, author: str, nonce: str) -> Message | None:
        known = self._nonces.get((author, nonce))
        return known if known and self.world.clock.now() - when(known.id) < NONCE_LIFE else None

    def _reference(self, author: str, channel: Channel, given: Json | None) -> Json | None:
        if not given:
            return None
        permissions.require(self.world, author, channel)
        if not permissions.may(self.world, author, channel, "read_message_history"):
            raise refused(160002)
        found = channel.messages.get(str(given["message_id"]))
        if found is None or found.deleted_at is not None:
            if given.get("fail_if_not_exists", True):
                raise invalid("message_reference", "REPLIES_UNKNOWN_MESSAGE", "Unknown message")
            return None
        return {"type": 0, "message_id": found.id, "channel_id": channel.id, **_guild(channel)}

    def version(
        self,
        author: str,
        channel: Channel,
        body: Json,
        files: Sequence[File],
        flags: int = 0,
        replied: str | None = None,
    ) -> Version:
        """What a body makes of a message; `replied` is the author of the message that it replies to."""
        content = (body.get("content") or "").strip()
        pinged = mentions.pinged(self.world, author, channel, content, body.get("allowed_mentions"), replied)
        embeds = [{"type": "rich", **embed} for embed in body.get("embeds") or ()]
        components = numbered(body.get("components") or [])
        return Version(
            self.world.clock.now(), content, tuple(embeds), tuple(components), tuple(files), flags, pinged
        )

    def _kept(self, now: Version, body: Json) -> list[File]:
        if body.get("attachments") is None:
            return list(now.files) if "attachments" not in body else []
        kept = {str(each["id"]) for each in body["attachments"]}
        return [file for file in now.files if file.id in kept]

    def _tell(self, name: str, message: Message) -> None:
        channel = self.world.channel(message.channel)
        bot = self.world.application.bot
        if (
            channel.guild
            and not permissions.may(self.world, bot, channel, "view_channel")
            and not message.seen_by
        ):
            return
        extra: Json = {}
        if channel.guild and not message.seen_by:  # an ephemeral message names no guild
            extra = _guild(channel)
            if not message.webhook:
                extra["member"] = payloads.member(self.world.guild(channel.guild), message.author)
        data = payloads.message(self.world, message) | extra
        meant = payloads.meant_for_bot(self.world, message)
        hidden = None if meant else payloads.message(self.world, message, content=False) | extra
        intent = _intent(channel, GUILD_MESSAGES, DM_MESSAGES)
        self.world.emit(Event(name, data, channel.guild, intent, hidden))


def numbered(components: Sequence[Json]) -> list[Json]:
    """Components with the ids that Discord gives to those without."""
    components = [dict(each) for each in components]
    for place, each in enumerate(rules.every(components), start=1):
        each.setdefault("id", place)
    return list(components)


def _guild(channel: Channel) -> Json:
    return {"guild_id": channel.guild} if channel.guild else {}


def _intent(channel: Channel, in_guild: int, in_dm: int) -> int:
    return in_guild if channel.guild else in_dm
