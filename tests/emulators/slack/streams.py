"""Messages that are written bit by bit: https://docs.slack.dev/reference/methods/chat.startStream.

What Slack does not document was measured there by others: a stream dies five minutes after its start, holds
about 10.6 kB of UTF-8 in all, refuses `chat.update` while it is open, and keeps to the form
of its first words.
"""

from dataclasses import replace

from tests.emulators.slack import blocks
from tests.emulators.slack.errors import ApiError, explained, missing
from tests.emulators.slack.messages import Messages
from tests.emulators.slack.model import Channel, Json, Message, Stream, StreamMode, Version
from tests.emulators.slack.world import World

LIFE = 300.0
"""Seconds."""

CAP = 10_600
"""Bytes."""

_CHUNKS = ("markdown_text", "task_update", "plan_update", "blocks")


class Streams:
    """Begins, goes on with and ends messages."""

    def __init__(self, world: World, messages: Messages) -> None:
        self._world = world
        self._messages = messages

    def start(self, channel: Channel, args: Json) -> Message:
        """`chat.startStream`."""
        if not args.get("thread_ts"):
            raise missing("thread_ts")
        if channel.kind != "im":
            for name in ("recipient_user_id", "recipient_team_id"):
                if not args.get(name):
                    raise ApiError(f"missing_{name}")
        now = self._world.clock.now()
        stream = Stream(now, args.get("recipient_user_id"), args.get("recipient_team_id"))
        added = self._added(stream, args)
        version = self._version(stream, Version(now), added)
        return self._messages.post(channel, version, args, stream=stream)

    def append(self, message: Message, args: Json) -> None:
        """`chat.appendStream`."""
        stream = self._open(message)
        if not args.get("markdown_text") and not args.get("chunks"):
            raise ApiError("markdown_text_or_chunks_required")
        added = self._added(stream, args)
        message.versions.append(self._version(stream, message.now, added))

    def stop(self, message: Message, args: Json) -> None:
        """`chat.stopStream`; the blocks come below the text."""
        stream = self._open(message)
        below = blocks.checked(args.get("blocks"))
        metadata = blocks.metadata(args.get("metadata"))
        added = self._added(stream, args)
        version = self._version(stream, message.now, [*added, *below])
        stream.state = "completed"
        self._messages.change(message, replace(version, metadata=metadata or version.metadata))

    def end(self, message: Message, *, by_person: bool) -> None:
        """Slack ends the stream: its time is over, or somebody pressed Stop."""
        if message.stream and message.stream.state == "in_progress":
            message.stream.state = "stopped" if by_person else "died"

    def expire(self) -> None:
        """End the streams whose time is over."""
        for channel in self._world.channels.values():
            for message in channel.messages.values():
                if message.stream and self._world.clock.now() - message.stream.started >= LIFE:
                    self.end(message, by_person=False)

    def _open(self, message: Message) -> Stream:
        self._messages.owned(message, "message_not_owned_by_app")
        stream = message.stream
        if stream and stream.state == "stopped":
            raise ApiError("stopped_by_user")
        if stream is None or stream.state != "in_progress":
            raise ApiError("message_not_in_streaming_state")
        return stream

    def _added(self, stream: Stream, args: Json) -> list[Json]:
        """Take the words of a call into the stream, all or none; the blocks that came with them."""
        text, chunks = args.get("markdown_text"), args.get("chunks")
        if text and chunks:
            raise ApiError("cannot_provide_both_markdown_text_and_chunks")
        mode: StreamMode | None = "markdown_text" if text else "chunks" if chunks else None
        if mode and stream.mode and mode != stream.mode:
            raise ApiError("streaming_mode_mismatch")
        for chunk in chunks or ():
            _check_chunk(chunk)
        words = text or "".join(each["text"] for each in chunks or () if each["type"] == "markdown_text")
        if len(words) > blocks.MARKDOWN or len((stream.text + words).encode()) > CAP:
            raise ApiError("msg_too_long")
        given = [block for each in chunks or () if each["type"] == "blocks" for block in each["blocks"]]
        checked = blocks.checked(given)
        stream.mode = stream.mode or mode
        stream.text += words
        stream.tasks += [each for each in chunks or () if each["type"] in ("task_update", "plan_update")]
        return list(checked)

    def _version(self, stream: Stream, old: Version, added: list[Json]) -> Version:
        words = ({"type": "markdown", "text": stream.text, "block_id": "stream"},) if stream.text else ()
        kept = tuple(each for each in old.blocks if each.get("block_id") != "stream")
        now = self._world.clock.now()
        return replace(old, at=now, text=stream.text, blocks=(*words, *kept, *added))


def _check_chunk(chunk: Json) -> None:
    if chunk.get("type") not in _CHUNKS:
        raise explained("invalid_chunks", f"unsupported chunk: {chunk.get('type')}")
    if chunk["type"] == "markdown_text" and not isinstance(chunk.get("text"), str):
        raise explained("invalid_chunks", "missing required field: text")
    if chunk["type"] == "task_update" and not chunk.get("id"):
        raise explained("invalid_chunks", "missing required field: id")
    if chunk["type"] == "blocks" and not isinstance(chunk.get("blocks"), list):
        raise explained("invalid_chunks", "missing required field: blocks")
