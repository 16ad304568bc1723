"""What happens to messages."""

from dataclasses import replace
from typing import Any

from tests.emulators.slack import blocks, payloads
from tests.emulators.slack.errors import ApiError, invalid
from tests.emulators.slack.events import Events
from tests.emulators.slack.model import Channel, Json, Message, Version
from tests.emulators.slack.world import World

TEXT = 40_000
"""Characters of a message's text; the rest is cut off without an error."""

UPDATED_TEXT = 4_000
"""Characters of a text that `chat.update` takes."""


def content(args: Json, at: float) -> Version:
    """What a call says, or the error of what cannot be said."""
    text, marked = str(args.get("text") or ""), args.get("markdown_text")
    given = blocks.checked(args.get("blocks"))
    if marked:
        if text or given:
            raise ApiError("markdown_text_conflict")
        if len(marked) > blocks.MARKDOWN:
            raise ApiError("msg_too_long")
        text, given = marked, blocks.checked([{"type": "markdown", "text": marked}])
    attachments = tuple(args.get("attachments") or ())
    if not text.strip() and not given and not attachments:
        raise ApiError("no_text")
    return Version(at, text[:TEXT], given, attachments, blocks.metadata(args.get("metadata")))


class Messages:
    """Keeps messages, and tells of them."""

    def __init__(self, world: World, events: Events) -> None:
        self._world = world
        self._events = events

    def put(self, message: Message) -> Message:
        """Let a message stand."""
        self._world.channels[message.channel].messages[message.ts] = message
        if message.seen_by is None:
            self._events.said(message)
        return message

    def post(self, channel: Channel, version: Version, args: Json, **more: Any) -> Message:
        """Our bot says something, in the thread that `args` name."""
        thread = self.thread(channel, args.get("thread_ts"))
        broadcast = {"subtype": "thread_broadcast"} if thread and args.get("reply_broadcast") else {}
        options: Json = {
            name: args[name] for name in ("unfurl_links", "unfurl_media", "username") if name in args
        }
        bot = self._world.application.bot
        ts = self._world.clock.ts()
        return self.put(
            Message(ts, channel.id, bot, [version], thread, options=options, **{**broadcast, **more})
        )

    def thread(self, channel: Channel, given: Any) -> str | None:
        """The thread of this timestamp, or of the reply that has it."""
        if not given:
            return None
        found = channel.messages.get(str(given))
        if found is None or found.seen_by is not None:
            raise ApiError("thread_not_found")
        return found.root

    def change(self, message: Message, version: Version) -> None:
        """The author edits a message."""
        before = payloads.message(self._world, message)
        message.versions.append(version)
        message.edited_at = version.at
        self._events.changed(message, before)

    def update(self, message: Message, args: Json) -> None:
        """`chat.update`: what is not given stays, blocks too."""
        self.owned(message, "cant_update_message")
        if message.stream and message.stream.state == "in_progress":
            raise ApiError("streaming_state_conflict")
        if len(str(args.get("text") or "")) > UPDATED_TEXT:
            raise ApiError("msg_too_long")
        version, old = content(args, self._world.clock.now()), message.now
        if "blocks" not in args and "markdown_text" not in args:
            version = replace(version, blocks=old.blocks)
        if "attachments" not in args:
            version = replace(version, attachments=old.attachments)
        if "metadata" not in args:
            version = replace(version, metadata=old.metadata)
        self.change(message, version)

    def delete(self, message: Message) -> None:
        """A message is taken away."""
        message.deleted_at = self._world.clock.now()
        self._events.deleted(message)

    def owned(self, message: Message, error: str) -> None:
        """Raise unless our bot wrote the message."""
        if message.author != self._world.application.bot:
            raise ApiError(error)

    def react(self, message: Message, user: str, name: str) -> None:
        """Somebody reacts."""
        if not name or name.strip(":") != name:
            raise ApiError("invalid_name")
        people = message.reactions.setdefault(name, [])
        if user in people:
            raise ApiError("already_reacted")
        people.append(user)
        self._reacted("reaction_added", message, user, name)

    def take_back(self, message: Message, user: str, name: str) -> None:
        """Somebody takes a reaction away."""
        if user not in message.reactions.get(name, ()):
            raise ApiError("no_reaction")
        message.reactions[name].remove(user)
        self._reacted("reaction_removed", message, user, name)

    def replies(self, channel: Channel, root: Message) -> list[Message]:
        """A thread without its first message, oldest first."""
        return [each for each in channel.standing() if each.thread_ts == root.ts and each is not root]

    def _reacted(self, event: str, message: Message, user: str, name: str) -> None:
        item = {"type": "message", "channel": message.channel, "ts": message.ts}
        about = {"user": user, "reaction": name, "item": item, "item_user": message.author}
        self._events.tell(event, about, self._world.channels[message.channel])


def page(args: Json, found: list[Message], most: int) -> tuple[list[Message], Json]:
    """The part of a list that a call asks for with `cursor`, `limit`, `oldest` and `latest`."""
    oldest, latest = str(args.get("oldest") or "0"), str(args.get("latest") or "9999999999.0")
    inclusive = args.get("inclusive") in (True, "1", "true")
    within = [
        each
        for each in found
        if float(oldest) < float(each.ts) < float(latest) or (inclusive and each.ts in (oldest, latest))
    ]
    try:
        start = int(str(args["cursor"]).removeprefix("next_ts:")) if args.get("cursor") else 0
        limit = min(int(args.get("limit") or most), 1000)
    except ValueError:
        raise ApiError("invalid_cursor") from None
    if limit < 1:
        raise invalid("must be greater than 0 [json-pointer:/limit]")
    more = start + limit < len(within)
    told: Json = {"has_more": more}
    if more:
        told["response_metadata"] = {"next_cursor": f"next_ts:{start + limit}"}
    return within[start : start + limit], told
