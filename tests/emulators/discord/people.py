"""What people do: they write, react, run commands, press buttons and fill in forms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import Base64UrlBytes

from tests.emulators.discord import commands, interactions, payloads, rules
from tests.emulators.discord.model import (
    DEFAULT,
    HAS_SNAPSHOT,
    REPLY,
    VOICE,
    File,
    Json,
    Message,
)
from tests.emulators.discord.platform import Platform
from tests.emulators.shared.errors import ControlError


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that someone sends, whose metadata may lie.

    It `claims` a size in bytes, and the CDN `serves` so many: the data over and over; -1 is without end.
    """

    name: str
    data: Base64UrlBytes
    content_type: str | None = None
    claims: int | None = None
    serves: int | None = None


class People:
    """Verbs of people. `user` is who does it, by id."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._world = platform.world

    async def say(
        self,
        channel: str,
        user: str,
        content: str = "",
        *,
        mention: bool = False,
        files: Sequence[Upload] = (),
        reply_to: str | None = None,
        ping: bool = True,
        forward: tuple[str, str] | None = None,
        voice: bool = False,
        poll: str | None = None,
        webhook: bool = False,
    ) -> str:
        """Write a message; its id. `mention` puts our bot's mention before the text.

        `forward` is the channel and the id of another message; `voice` makes the first file a voice message;
        `webhook`: an integration says it, not a person.
        """
        where = self._world.channel(channel)
        text = f"<@{self._world.application.bot}> {content}" if mention else content
        sent = [self._file(channel, each, voice=voice) for each in files]
        self._platform.messages.may_send(user, where, {}, sent)
        replied = self._world.message(channel, reply_to) if reply_to else None
        author = replied.author if replied and ping else None
        version = self._platform.messages.version(user, where, {"content": text}, sent, VOICE * voice, author)
        kind = REPLY if replied else DEFAULT
        message = Message(self._world.clock.snowflake(), channel, user, kind, [version])
        if replied:
            message.reference = {"type": 0, "message_id": replied.id, "channel_id": channel}
        if forward:
            self._forward(message, *forward)
        message.poll = _poll(poll) if poll else None
        message.webhook = user if webhook else None
        self._platform.messages.put(message)
        return message.id

    async def post(
        self,
        forum: str,
        user: str,
        title: str,
        content: str,
        *,
        files: Sequence[Upload] = (),
        tags: Sequence[str] = (),
    ) -> str:
        """Open a forum's post; the id of its thread and of its first message."""
        where = self._world.channel(forum)
        ids = [key for key, name in where.tags.items() if name in tags]
        body = {"name": title, "message": {"content": content}, "applied_tags": ids}
        sent = [self._file(forum, each) for each in files]
        return self._platform.channels.post(user, where, body, sent)[0].id

    async def edit(self, channel: str, message: str, content: str) -> None:
        """The author changes the text."""
        self._platform.messages.change(self._world.message(channel, message), {"content": content}, [])

    async def delete(self, channel: str, message: str) -> None:
        """Someone takes a message away."""
        self._platform.messages.delete(self._world.message(channel, message))

    async def unfurl(self, channel: str, message: str, url: str) -> None:
        """Discord adds the preview of a link some time after: an update of the message that is no edit."""
        embed = {"type": "link", "url": url, "title": url}
        self._platform.messages.unfurl(self._world.message(channel, message), embed)

    async def react(self, channel: str, message: str, user: str, emoji: str, *, added: bool = True) -> None:
        """React, or take the reaction away."""
        self._platform.messages.react(user, self._world.message(channel, message), emoji, added=added)

    async def type(self, channel: str, user: str) -> None:
        """Be seen typing."""
        self._platform.messages.type(user, self._world.channel(channel))

    async def command(
        self,
        channel: str,
        user: str,
        name: str,
        options: Mapping[str, Any] | None = None,
        *,
        files: Mapping[str, Upload] | None = None,
    ) -> str:
        """Run a slash command ("kb add" is a subcommand) as it was registered; the interaction's id.

        Attachment options stand in `files`; people, channels and roles are given by id.
        """
        data = self._command(channel, name, options or {}, files or {}, None)
        return self._start(interactions.COMMAND, user, channel, data)

    async def complete(
        self, channel: str, user: str, name: str, focused: str, options: Mapping[str, Any]
    ) -> str:
        """Type into the option `focused` and ask for its completions; the interaction's id."""
        data = self._command(channel, name, options, {}, focused)
        return self._start(interactions.AUTOCOMPLETE, user, channel, data)

    async def message_menu(self, channel: str, user: str, name: str, message: str) -> str:
        """Pick a command of a message's context menu; the interaction's id."""
        found = commands.find(self._world, self._world.channel(channel).guild, commands.MESSAGE, name)
        shown = payloads.message(self._world, self._world.message(channel, message))
        data = {"id": found["id"], "name": name, "type": commands.MESSAGE, "target_id": message}
        return self._start(
            interactions.COMMAND, user, channel, {**data, "resolved": {"messages": {message: shown}}}
        )

    async def click(self, channel: str, user: str, message: str, custom_id: str) -> str:
        """Press a button; the interaction's id."""
        return self._use(channel, user, message, custom_id, None)

    async def choose(
        self, channel: str, user: str, message: str, custom_id: str, values: Sequence[str]
    ) -> str:
        """Choose in a select menu; the interaction's id."""
        return self._use(channel, user, message, custom_id, list(values))

    async def submit(self, interaction: str, values: Mapping[str, str]) -> str:
        """Fill in the modal that an interaction showed, by custom id; the new interaction's id."""
        shown = self._platform.interactions.known[interaction]
        if shown.modal is None:
            raise ControlError("that interaction shows no modal")
        unknown = values.keys() - {each.get("custom_id") for each in rules.every(shown.modal["components"])}
        if unknown:
            raise ControlError(f"the modal has no {', '.join(sorted(unknown))}")
        filled = [_filled(each, values) for each in shown.modal["components"]]
        data = {"custom_id": shown.modal["custom_id"], "components": filled}
        return self._start(interactions.MODAL, shown.user, shown.channel, data, shown.source)

    def _command(
        self,
        channel: str,
        name: str,
        options: Mapping[str, Any],
        files: Mapping[str, Upload],
        focused: str | None,
    ) -> Json:
        first, *path = name.split()
        found = commands.find(self._world, self._world.channel(channel).guild, commands.SLASH, first)
        sent = {option: self._file(channel, upload, ephemeral=True) for option, upload in files.items()}
        given = {**options, **{option: file.id for option, file in sent.items()}}
        filled = commands.filled(path, found["options"], given, focused)
        resolved = self._resolved(channel, filled, list(sent.values()))
        return {
            "id": found["id"],
            "name": first,
            "type": commands.SLASH,
            "options": filled,
            "resolved": resolved,
        }

    def _resolved(self, channel: str, options: Sequence[Json], files: Sequence[File]) -> Json:
        while options and "options" in options[0]:
            options = options[0]["options"]
        world = self._world
        found: Json = {"attachments": {each.id: payloads.attachment(world, each) for each in files}}
        for option in options:
            key = option["value"]
            if option["type"] == commands.PERSON:
                found.setdefault("users", {})[key] = payloads.user(world.user(key))
                if guild := world.channel(channel).guild:
                    found.setdefault("members", {})[key] = payloads.member(world.guild(guild), key)
            elif option["type"] == commands.CHANNEL:
                shown = payloads.channel(world, world.channel(key))
                found.setdefault("channels", {})[key] = {**shown, "permissions": "0"}
            elif option["type"] == commands.ROLE:
                role = world.guild(world.channel(channel).guild or "").roles[key]
                found.setdefault("roles", {})[key] = payloads.role(role, 0)
        return found

    def _use(self, channel: str, user: str, message: str, custom_id: str, values: list[str] | None) -> str:
        found = self._world.channel(channel).messages[message]
        for each in rules.every(found.now.components):
            if each.get("custom_id") == custom_id:
                if each.get("disabled"):
                    raise ControlError(f"{custom_id} is disabled")
                data = {"custom_id": custom_id, "component_type": each["type"], "id": each["id"]}
                if values is not None:
                    data["values"] = values
                return self._start(interactions.COMPONENT, user, channel, data, message)
        raise ControlError(f"the message has no {custom_id}")

    def _start(self, kind: int, user: str, channel: str, data: Json, source: str | None = None) -> str:
        where = self._world.channel(channel)
        found = where.messages[source] if source else None
        return self._platform.interactions.start(kind, user, where, data, found).id

    def _file(self, channel: str, upload: Upload, *, voice: bool = False, ephemeral: bool = False) -> File:
        extra: Json = {"duration_secs": 1.5, "waveform": "AAAA"} if voice else {}
        file = self._platform.file(
            channel,
            upload.name,
            upload.data,
            claims=upload.claims,
            serves=upload.serves,
            content_type=upload.content_type,
            **extra,
        )
        file.ephemeral = ephemeral
        return file

    def _forward(self, message: Message, channel: str, key: str) -> None:
        found = self._world.message(channel, key)
        guild = self._world.channel(channel).guild
        message.reference = {"type": 1, "message_id": key, "channel_id": channel, "guild_id": guild}
        message.snapshots = [payloads.snapshot(self._world, found)]
        message.versions = [replace(message.now, flags=message.now.flags | HAS_SNAPSHOT)]


def _poll(question: str) -> Json:
    answers = [{"answer_id": key, "poll_media": {"text": text}} for key, text in ((1, "Yes"), (2, "No"))]
    fixed = {"expiry": "2038-01-01T00:00:00+00:00", "allow_multiselect": False, "layout_type": 1}
    return {"question": {"text": question}, "answers": answers, **fixed}


def _filled(component: Json, values: Mapping[str, str]) -> Json:
    """A component of a modal as it is sent back, with what was typed or chosen."""
    kept: Json = {name: component[name] for name in ("type", "id", "custom_id") if name in component}
    if "component" in component:
        return {**kept, "component": _filled(component["component"], values)}
    if "components" in component:
        return {**kept, "components": [_filled(each, values) for each in component["components"]]}
    value = values.get(component.get("custom_id", ""), "")
    return {
        **kept,
        **({"values": [value] if value else []} if component["type"] in rules.SELECTS else {"value": value}),
    }
