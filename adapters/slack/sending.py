"""How the parts of an answer reach people: as messages of a thread, or so that one person sees them."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog
from tenacity import AsyncRetrying, retry_if_exception_type
from tenacity.stop import stop_after_delay
from tenacity.wait import wait_random_exponential

from adapters.slack import blocks, places, threads
from adapters.slack.abilities import Abilities
from adapters.slack.blocks import Content
from adapters.slack.client import Slack
from adapters.slack.errors import BlocksRefused, PrivateOver, StreamOpen, Unreachable
from adapters.slack.files import Files
from adapters.slack.people import People
from adapters.slack.responding import respond
from adapters.slack.streaming import Streams
from core.errors import NotAdmitted, PageClosed, PlatformError, RateLimited, WriteFailed
from core.ports import Notes
from core.types import Message, ThreadId

log = structlog.get_logger()

_MOST_AT_ONCE = 200
"""Messages of a thread that are read with one call."""
_INSISTS = 15.0
"""Seconds for which a sentence is tried."""
_QUIETLY: dict[str, Any] = {"unfurl_links": False, "unfurl_media": False}


@dataclass(frozen=True, slots=True)
class Shared:
    """What all replies of a process share."""

    slack: Slack
    notes: Notes
    abilities: Abilities
    files: Files
    people: People
    streams: Streams
    stop: Callable[[ThreadId, str], Awaitable[None]]
    """As `Inbox.stop`: workers see that somebody pressed Slack's own Stop, also where no gateway is told."""


@dataclass(frozen=True, slots=True)
class Found:
    """The messages of an answer that stand, by part; `loose` is one that nobody came to mark."""

    parts: dict[int, str]
    loose: str | None


class ThreadSender:
    """Messages of the thread in which a question is answered, each marked with the part that it is.

    Raises PlatformError.
    """

    def __init__(self, shared: Shared, message: Message) -> None:
        self._slack = shared.slack
        self._streams = shared.streams
        self._message = message
        self._place = places.place(message)

    async def post(self, part: int, content: Content) -> str:
        """Let a part stand; its timestamp."""
        thread: dict[str, Any] = {"thread_ts": self._place.root} if self._place.root else {}
        where: dict[str, Any] = {"channel": self._place.channel, **thread, **_QUIETLY}
        return str((await self._say("chat.postMessage", where, part, content))["ts"])

    async def edit(self, ts: str, part: int, content: Content) -> None:
        """Let a message be this part and say this, also if it is still a stream."""
        where: dict[str, Any] = {"channel": self._place.channel, "ts": ts}
        try:
            await self._say("chat.update", where, part, content)
        except StreamOpen:
            await self._streams.end(self._place, ts)
            await self._say("chat.update", where, part, content)

    async def delete(self, ts: str) -> None:
        """Take a message away, if it is there."""
        with suppress(PageClosed):
            await self._slack.call("chat.delete", channel=self._place.channel, ts=ts)

    async def read(self, ts: str) -> Mapping[str, Any]:
        """A message of ours as it stands."""
        posted = await threads.one(self._slack, self._place.channel, self._place.root or ts, ts)
        if posted is None:
            raise PageClosed("Slack: the message is gone")
        return posted

    async def parts(self) -> Found:
        """Which parts of the answer stand."""
        since = self._place.question or self._place.root or f"{self._message.at - 60:.6f}"
        found, loose = dict[int, str](), list[str]()
        async for posted in self._said(oldest=since, limit=_MOST_AT_ONCE, include_all_metadata=True):
            if posted.get("user") != self._slack.us.user:
                continue
            if (part := blocks.part_of(posted, self._message)) is not None:
                found[part] = str(posted["ts"])
            if blocks.is_loose_stream(posted):
                loose.append(str(posted["ts"]))
        return Found(found, max(loose, key=float, default=None))

    def _said(self, **args: Any) -> AsyncGenerator[dict[str, Any], None]:
        if self._place.root:
            where: dict[str, Any] = {"channel": self._place.channel, "ts": self._place.root}
            return self._slack.each("conversations.replies", "messages", **where, **args)
        return self._slack.each("conversations.history", "messages", channel=self._place.channel, **args)

    async def _say(self, method: str, where: dict[str, Any], part: int, content: Content) -> dict[str, Any]:
        """Say it in blocks; as a text that says the same where Slack has not all of them."""
        written = {"text": content.text, "metadata": blocks.marked(self._message, part)}
        try:
            return await self._slack.call(method, **where, **written, blocks=list(content.blocks))
        except BlocksRefused as error:
            if not content.whole:
                raise
            log.warning("slack.blocks_refused", method=method, detail=str(error))
            return await self._slack.call(method, **where, **written)


class PrivateSender:
    """Messages that only the asker sees: over the response URL of what they did, then by the bot itself.

    None can be edited, or found again. Raises PlatformError.
    """

    def __init__(self, shared: Shared, message: Message) -> None:
        self._shared = shared
        self._message = message
        self._place = places.place(message)

    async def post(self, content: Content) -> None:
        """Show something."""
        try:
            await self._respond(content)
        except PrivateOver:
            await self._shared.slack.call(
                "chat.postEphemeral",
                channel=self._place.channel,
                user=self._place.person,
                text=content.text,
                blocks=list(content.blocks),
            )

    async def _respond(self, content: Content) -> None:
        url = await self._shared.notes.get(places.respond_note(self._message.id))
        if url is None:
            raise PrivateOver("its 30 minutes are over")
        await respond(self._shared.slack, url, content.text, blocks=content.blocks)


async def insist(call: Callable[..., Awaitable[None]], *args: Any, **named: Any) -> None:
    """Make a call that nobody else makes again, for some seconds where Slack is away or busy."""
    retrying = AsyncRetrying(
        retry=retry_if_exception_type((RateLimited, WriteFailed)),
        wait=wait_random_exponential(multiplier=0.5, max=4),
        stop=stop_after_delay(_INSISTS),
        reraise=True,
    )
    await retrying(call, *args, **named)


async def tell_asker(slack: Slack, message: Message, error: Unreachable) -> None:
    """Tell who asked that nothing can be said there. Raises PlatformError for what is to be tried again."""
    log.warning("slack.unreachable", error=type(error).__name__, detail=str(error))
    channel = places.place(message).channel
    try:
        await tell_directly(slack, message.author, f"You asked me in <#{channel}>. {error.sentence}")
    except (RateLimited, WriteFailed, NotAdmitted):
        raise
    except PlatformError as refusal:
        log.warning("slack.asker_not_told", error=type(refusal).__name__, detail=str(refusal))


async def tell_directly(slack: Slack, person: str, mrkdwn: str) -> None:
    """Say something to a person where nobody else reads it. Raises PlatformError."""
    direct = (await slack.call("conversations.open", users=person))["channel"]["id"]
    content = blocks.said(mrkdwn)
    written: dict[str, Any] = {"text": content.text, "blocks": list(content.blocks)}
    await slack.call("chat.postMessage", channel=direct, **written, **_QUIETLY)
