"""Interactions: what people do with commands, buttons and modals, and how the bot may answer.

https://discord.com/developers/docs/interactions/receiving-and-responding
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from tests.emulators.discord import payloads, permissions, rules
from tests.emulators.discord.errors import invalid, refused
from tests.emulators.discord.messages import MAY_SEND, Messages
from tests.emulators.discord.model import (
    DEFAULT,
    EPHEMERAL,
    LOADING,
    MENU,
    REPLY,
    SLASH,
    Channel,
    File,
    Json,
    Message,
    Pinged,
)
from tests.emulators.discord.world import Event, World

COMMAND, COMPONENT, AUTOCOMPLETE, MODAL = 2, 3, 4, 5
"""Types of interactions."""

SAY, DEFER, DEFER_UPDATE, UPDATE, CHOICES, SHOW_MODAL = 4, 5, 6, 7, 8, 9
"""Types of first answers."""

ANSWERS = {
    COMMAND: (SAY, DEFER, SHOW_MODAL),
    COMPONENT: (SAY, DEFER, DEFER_UPDATE, UPDATE, SHOW_MODAL),
    AUTOCOMPLETE: (CHOICES,),
    MODAL: (SAY, DEFER, DEFER_UPDATE, UPDATE),
}
"""What may be answered to what."""

FIRST_ANSWER, TOKEN_LIFE, FOLLOW_UPS = 3.0, 900.0, 5
"""Seconds, seconds, and how many there are where the bot is not in the guild."""


@dataclass(slots=True)
class Interaction:
    """One thing that a person did, and what became of it."""

    id: str
    token: str
    type: int
    user: str
    channel: str
    data: Json
    at: float
    guest: bool
    """Whether the bot is there only because the person installed it."""
    source: str | None = None
    """The message whose component was used."""
    answer: int | None = None
    answered_at: float | None = None
    original: str | None = None
    follow_ups: list[str] = field(default_factory=list)
    choices: list[Json] = field(default_factory=list)
    modal: Json | None = None


@dataclass(slots=True)
class Interactions:
    """The interactions of a world."""

    world: World
    messages: Messages
    known: dict[str, Interaction] = field(default_factory=dict)

    def start(
        self, kind: int, user: str, channel: Channel, data: Json, source: Message | None = None
    ) -> Interaction:
        """Someone does something, and the bot is told."""
        world = self.world
        bot, key = world.application.bot, world.clock.snowflake()
        inside = bot in (world.guild(channel.guild).members if channel.guild else channel.people)
        interaction = Interaction(
            key, secrets.token_urlsafe(48), kind, user, channel.id, data, world.clock.now(), not inside
        )
        interaction.source = source.id if source else None
        self.known[key] = interaction
        payload = self._payload(interaction, channel)
        if source:
            payload["message"] = payloads.message(world, source)
        world.emit(Event("INTERACTION_CREATE", payload, channel.guild if inside else None))
        return interaction

    def callback(self, key: str, token: str, body: Json, files: Sequence[File]) -> Json:
        """The first answer; what POST /interactions/{id}/{token}/callback?with_response=1 gives back."""
        interaction = self._first(key, token)
        kind, data = body.get("type"), body.get("data") or {}
        if kind not in ANSWERS[interaction.type] or (
            kind in (DEFER_UPDATE, UPDATE) and not interaction.source
        ):
            raise invalid("type", "INTERACTION_RESPONSE_TYPE_INVALID", "This response is not valid for it")
        if kind == CHOICES:
            rules.check_choices(data.get("choices") or [])
            interaction.choices = data.get("choices") or []
        elif kind == SHOW_MODAL:
            rules.check_modal(data)
            interaction.modal = data
        elif kind in (SAY, DEFER):
            interaction.original = self._say(interaction, data, files, loading=kind == DEFER).id
        else:
            interaction.original = interaction.source
            if kind == UPDATE:
                self.messages.change(self._original(interaction), data, files)
        interaction.answer, interaction.answered_at = kind, self.world.clock.now()
        return self._response(interaction)

    def follow_up(self, token: str, body: Json, files: Sequence[File]) -> Message:
        """One more answer; the first after a deferral takes its place."""
        interaction = self._by_token(token)
        if interaction.answer is None:
            raise refused(10015)
        original = self._standing(interaction, interaction.original)
        if original and original.now.flags & LOADING:
            self.messages.change(original, body, files)
            return original
        if interaction.guest and len(interaction.follow_ups) >= FOLLOW_UPS:
            raise refused(40094)
        message = self._say(interaction, body, files, loading=False)
        interaction.follow_ups.append(message.id)
        return message

    def message(self, token: str, key: str) -> Message:
        """An answer by its id, or by "@original"."""
        interaction = self._by_token(token)
        if key == "@original":
            return self._original(interaction)
        found = self._standing(interaction, key)
        if found is None or key not in (interaction.original, *interaction.follow_ups):
            raise refused(10008)
        return found

    def _first(self, key: str, token: str) -> Interaction:
        interaction = self.known.get(key)
        if interaction is None or interaction.token != token:
            raise refused(10062)
        if interaction.answer is not None:
            raise refused(40060)
        if self.world.clock.now() - interaction.at > FIRST_ANSWER:
            raise refused(10062)
        return interaction

    def _by_token(self, token: str) -> Interaction:
        for interaction in self.known.values():
            if interaction.token == token:
                if self.world.clock.now() - interaction.at > TOKEN_LIFE:
                    raise refused(50027)
                return interaction
        raise refused(50027)

    def _original(self, interaction: Interaction) -> Message:
        found = self._standing(interaction, interaction.original)
        if found is None:
            raise refused(10008)
        return found

    def _standing(self, interaction: Interaction, key: str | None) -> Message | None:
        channel = self.world.channels[interaction.channel]
        found = channel.messages.get(key or "")
        return found if found and found.deleted_at is None and channel.deleted_at is None else None

    def _say(self, interaction: Interaction, body: Json, files: Sequence[File], *, loading: bool) -> Message:
        channel, bot = self.world.channel(interaction.channel), self.world.application.bot
        asked = body.get("flags") or 0
        flags = asked & (MAY_SEND | EPHEMERAL)
        outside = permissions.may(self.world, interaction.user, channel, "use_external_apps")
        if interaction.guest and not outside:
            flags |= EPHEMERAL
        rules.check_message(body, files, flags=flags)
        flags |= LOADING if loading else 0
        version = self.messages.version(bot, channel, body, files, flags)
        if not loading and rules.empty(version.content, version.embeds, version.components, files):
            raise refused(50006)
        if flags & EPHEMERAL:
            version = replace(version, pinged=Pinged())
        for file in files:
            file.ephemeral = bool(flags & EPHEMERAL)
        message = Message(self.world.clock.snowflake(), channel.id, bot, _kind(interaction), [version])
        if interaction.original:
            message.reference = {"type": 0, "message_id": interaction.original, "channel_id": channel.id}
        message.interaction, message.webhook = interaction.id, self.world.application.id
        message.seen_by = interaction.user if flags & EPHEMERAL else None
        self.messages.put(message)
        return message

    def _response(self, interaction: Interaction) -> Json:
        about: Json = {"id": interaction.id, "type": interaction.type}
        resource: Json = {"type": interaction.answer}
        if interaction.original:
            message = self._original(interaction)
            about["response_message_id"] = message.id
            about["response_message_loading"] = bool(message.now.flags & LOADING)
            about["response_message_ephemeral"] = bool(message.now.flags & EPHEMERAL)
            if interaction.answer in (SAY, DEFER, UPDATE):
                resource["message"] = payloads.message(self.world, message)
        return {"interaction": about, "resource": resource}

    def _payload(self, interaction: Interaction, channel: Channel) -> Json:
        world, application = self.world, self.world.application
        allowed = permissions.of(world, interaction.user, channel)
        shown: Json = {
            "id": interaction.id,
            "application_id": application.id,
            "type": interaction.type,
            "data": interaction.data,
            "token": interaction.token,
            "version": 1,
            "channel_id": channel.id,
            "channel": {**payloads.channel(world, channel), "permissions": str(allowed)},
            "app_permissions": str(permissions.of(world, application.bot, channel)),
            "locale": "en-US",
            "entitlements": [],
            "attachment_size_limit": rules.FILE_BYTES,
            "authorizing_integration_owners": {"1": interaction.user}
            if interaction.guest
            else {"0": channel.guild or "0"},
        }
        person = payloads.user(world.user(interaction.user))
        if channel.guild is None:
            return shown | {"user": person, "context": 2 if interaction.guest else 1}
        guild = world.guild(channel.guild)
        member = {**payloads.member(guild, interaction.user), "user": person, "permissions": str(allowed)}
        shown |= {"guild_id": guild.id, "guild_locale": "en-US", "member": member, "context": 0}
        return shown | {"guild": {"id": guild.id, "locale": "en-US", "features": []}}


def _kind(interaction: Interaction) -> int:
    """The type of the message that answers an interaction."""
    if interaction.original:
        return REPLY
    if interaction.type != COMMAND:
        return DEFAULT
    return SLASH if interaction.data.get("type") == 1 else MENU
