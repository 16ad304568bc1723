"""One answer on Slack: pages are messages of its thread, streams where Slack has them."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from typing import Any, Literal

import structlog

from adapters.slack import abilities, blocks, places
from adapters.slack.blocks import Content
from adapters.slack.errors import StoppedByPerson, TokenRefused, Unreachable, Unsupported, UnsupportedThere
from adapters.slack.markdown import MARKDOWN, MRKDWN, neutral
from adapters.slack.sending import Shared, ThreadSender, tell_asker
from adapters.slack.standing import Parts
from adapters.slack.streaming import Stream
from adapters.slack.waiting import Waiting
from core.errors import PageClosed, PlatformError, RateLimited, WriteFailed
from core.markdown import size
from core.ports import END, FILE, Ledger
from core.types import Message, Outcome, PageProfile

log = structlog.get_logger()

_STATUS_AFTER, _STATUS_EVERY = 0.4, 100.0
"""Seconds: a quick answer needs no status; Slack shows one for two minutes."""
_REST = 10.0
"""Seconds without new streams where Slack wants no more and does not say for how long."""


class SlackReply:
    """As `Reply`. A page is a stream while it grows, where Slack has streams, else a message that is edited.

    A stream of which anything is not known or not possible (a call without an answer, its end after five
    minutes, another worker) is left, and its message edited from then on. Every part bears metadata that say
    which it is, so that it is found again when its id got lost; a stream gets them when it ends, and
    until then is known by having none.
    """

    def __init__(self, shared: Shared, message: Message, ledger: Ledger, waiting: Waiting) -> None:
        self._begun = False
        self._shared = shared
        self._message = message
        self._place = places.place(message)
        self._sender = ThreadSender(shared, message)
        self._parts = Parts(self._sender, ledger)
        self._streams = abilities.PANE_STREAMS if self._place.is_direct else abilities.CHANNEL_STREAMS
        self._plain = self._place.root is None or not shared.abilities.has(self._streams, self._place.channel)
        self._stream: Stream | None = None
        self._growing = 0  # the page that the stream is
        self._announced = False  # a status may be shown
        self._processing = False  # the thread's session may not know that the work is over
        self._stopped = False  # somebody pressed Slack's own Stop
        self._waiting = waiting
        self._texts: dict[int, str] = {}  # Markdown of the pages, as far as this worker knows

    @property
    def profile(self) -> PageProfile:
        """As `Reply.profile`."""
        edited = bool(self._parts.ids) and self._stream is None
        kind = "message" if self._plain else "edited stream" if edited else "stream"
        return _profile(self._shared.slack.us.team, kind, first=not self._parts.ids)

    async def status(self, text: str | None) -> None:
        """As `Reply.status`, until it is cancelled, where a thread can show one."""
        if not self._place.root or not self._shared.abilities.has(abilities.STATUS, self._place.channel):
            return
        try:
            if text is None:
                if self._announced:
                    await self._set_status("")
                return
            await asyncio.sleep(_STATUS_AFTER)
            self._announced = True
            while True:
                await self._set_status(text)
                await asyncio.sleep(_STATUS_EVERY)
        except UnsupportedThere:
            self._shared.abilities.missing_in(self._place.channel, abilities.STATUS)
        except Unsupported as error:
            await self._shared.abilities.missing(abilities.STATUS, error)

    async def _set_status(self, text: str) -> None:
        where: dict[str, Any] = {"channel_id": self._place.channel, "thread_ts": self._place.root}
        loading: dict[str, Any] = {"loading_messages": [text]} if text else {}
        await self._shared.slack.call("assistant.threads.setStatus", status=text, **where, **loading)

    async def write(self, page: int, markdown: str, *, final: bool) -> None:
        """As `Reply.write`."""
        await self._begin()
        if self._stream and self._growing != page:
            await self._seal(self._stream)
        if self._stopped and not final:
            return  # until the answer ends, people see what they saw when they pressed
        await self._parts.settle(page)
        if self._stream:
            await self._go_on(self._stream, page, markdown, final=final)
        elif page not in self._parts.ids:
            await self._open(page, markdown, final=final)
        else:
            await self._edit_page(page, markdown, final=final)
        await self._parts.note(page)
        with suppress(RateLimited, WriteFailed):  # the next write does it, or the end
            await self._waiting.take_away()

    async def attach(self, name: str, text: str) -> None:
        """As `Reply.attach`. The file is noted before anybody sees it, so it is known whether they do."""
        await self._begin()
        files, note, channel = self._shared.files, places.file_note(self._message.id), self._place.channel
        known = await self._shared.notes.get(note) if FILE in self._parts.doubtful else None
        if known and await files.is_shared(known, channel):
            self._parts.ids[FILE] = known
        if FILE not in self._parts.ids:
            file = await files.upload(name, text)
            await self._shared.notes.put(note, file, seconds=places.MAY_WAIT)
            self._parts.doubtful.add(FILE)
            await files.share(file, name, channel, self._place.root)
            self._parts.ids[FILE] = file
        await self._parts.note(FILE)

    async def finish(self, outcome: Outcome) -> None:
        """As `Reply.finish`: under the last page, or as a message of its own where that takes nothing.

        Who can be told nothing where they asked is told so directly.
        """
        await self._begin()
        try:
            await self._end(outcome)
            await self._waiting.take_away()
            await self._leave_session()
        except Unreachable as error:
            await tell_asker(self._shared.slack, self._message, error)
        await self._shared.streams.over(self._message)
        await self._parts.note(END)

    # ---- pages ------------------------------------------------------------------------------------

    async def _open(self, page: int, markdown: str, *, final: bool) -> None:
        """Let a page stand for the first time."""
        if not self._plain and await self._start(page, markdown):
            return
        self._plain = True
        if size(markdown, MRKDWN) > (MRKDWN.limit or 0):
            raise PageClosed("pages are shorter without streams")  # and begin anew with the next one
        content = blocks.page(markdown)
        await self._parts.post(page, content if final else content.over(blocks.stop(self._message)))
        self._texts[page] = markdown

    async def _start(self, page: int, markdown: str) -> bool:
        """Begin a stream; whether Slack has one for us now."""
        if not self._shared.abilities.has(self._streams, self._place.channel):
            return False
        self._parts.doubtful.add(page)  # from here on, until Slack gives its id
        try:
            stream = await self._shared.streams.start(self._message, neutral(markdown))
        except UnsupportedThere:
            self._shared.abilities.missing_in(self._place.channel, self._streams)
        except Unsupported as error:
            await self._shared.abilities.missing(self._streams, error)
        except RateLimited as error:
            self._shared.abilities.rest(self._streams, error.retry_after or _REST)
        except (WriteFailed, TokenRefused):
            raise
        except PlatformError as error:  # for what is said, for who asked, or for good: a message will tell
            log.info("slack.stream_not_begun", error=type(error).__name__, detail=str(error))
        else:
            self._stream, self._growing = stream, page
            self._parts.ids[page], self._texts[page] = stream.ts, markdown
        self._parts.doubtful.discard(page)
        return self._stream is not None

    async def _go_on(self, stream: Stream, page: int, markdown: str, *, final: bool) -> None:
        """Let the stream show more; what it does not take is put into its message."""
        try:
            await stream.show(neutral(markdown))
        except PageClosed as error:
            log.info("slack.stream_over", error=type(error).__name__, detail=str(error))
            if stream.text is None:
                self._texts.pop(page, None)
            await self._leave_stream(error)
        else:
            self._texts[page] = markdown
            return
        if final or not self._stopped:
            await self._edit_page(page, markdown, final=final)

    async def _edit_page(self, page: int, markdown: str, *, final: bool) -> None:
        """What stands already as it is to be is left so where it takes no more."""
        known = self._texts.pop(page, None)  # until Slack says that it shows this
        content, stop = blocks.page(markdown), blocks.stop(self._message)
        try:
            await self._sender.edit(self._parts.ids[page], page, content if final else content.over(stop))
        except PageClosed:
            if known is None and content.is_page_of(await self._sender.read(self._parts.ids[page])):
                known = markdown
            if known != markdown:
                raise
        self._texts[page] = markdown

    async def _seal(self, stream: Stream) -> None:
        """End the stream of a page that has its last text."""
        page = self._growing
        try:
            await stream.stop(metadata=blocks.marked(self._message, page))
            self._stream = None
        except PageClosed as error:
            await self._leave_stream(error)
            await self._mark(page)

    async def _mark(self, page: int) -> None:
        """Let a page whose stream ended by itself bear its metadata."""
        try:
            await self._sender.edit(self._parts.ids[page], page, await self._shown(page))
        except PageClosed as error:
            log.info("slack.page_not_marked", detail=str(error))

    async def _shown(self, page: int) -> Content:
        """What a page that stands shows."""
        if page in self._texts:
            return blocks.page(self._texts[page])
        return Content.of(await self._sender.read(self._parts.ids[page]))

    async def _leave_stream(self, error: PageClosed | None = None) -> None:
        """Its message is edited from now on, and its end does not end the session.

        Where it was a person who ended it, the answer ends: that is all a worker hears of it.
        """
        self._stream, self._processing = None, True
        if isinstance(error, StoppedByPerson) and not self._stopped:
            self._stopped = True
            await self._shared.stop(self._message.thread, self._message.id)

    # ---- the end ----------------------------------------------------------------------------------

    async def _end(self, outcome: Outcome) -> None:
        await self._parts.settle(END)
        ids, last = self._parts.ids, self._parts.last_page
        if END in ids:
            return
        end = blocks.end(outcome, self._message)
        if last is not None and await self._end_under(last, end):
            ids[END] = ids[last]
        else:
            await self._parts.post(END, end)

    async def _end_under(self, last: int, end: Content) -> bool:
        """Whether the end could be put under the last page."""
        try:
            if self._stream and await self._stop_over(self._stream, end):
                return True
            content = await self._shown(last)
            await self._sender.edit(self._parts.ids[last], last, content.over(end))
        except PageClosed as error:
            log.info("slack.end_apart", detail=str(error))
            return False
        return True

    async def _stop_over(self, stream: Stream, end: Content) -> bool:
        """Whether the stream ended with the end of the answer under it."""
        metadata = blocks.marked(self._message, self._growing)
        try:
            await stream.stop(metadata=metadata, blocks=list(end.blocks))
        except PageClosed:
            await self._leave_stream()
            return False
        self._stream = None
        return True

    # ---- before and after it ----------------------------------------------------------------------

    async def _begin(self) -> None:
        """Learn, before the first write, where the answer is; its last page may be a stream that is open."""
        if self._begun:
            return
        await self._parts.recall()
        self._processing = self._parts.taken_over
        last = self._parts.last_page
        if last is not None and not self._plain:
            self._growing = last
            self._stream = Stream(self._shared.slack, self._place.channel, self._parts.ids[last])
        await self._waiting.end()
        self._begun = True

    async def _leave_session(self) -> None:
        """Take Slack's own Stop away where no end of a stream did."""
        if not self._processing or self._place.root is None:
            return
        where: dict[str, Any] = {"channel_id": self._place.channel, "thread_ts": self._place.root}
        try:
            await self._shared.slack.call("agents.sessions.setStatus", status="active", **where)
        except PlatformError as error:
            log.info("slack.session_not_left", error=type(error).__name__, detail=str(error))


@lru_cache
def _profile(team: str, kind: Literal["stream", "edited stream", "message"], *, first: bool) -> PageProfile:
    """Only what follows the first words of an answer is paced with other answers."""
    if kind == "stream":
        return replace(MARKDOWN, bucket="" if first else f"slack:{team}:append")
    bucket = "" if first else f"slack:{team}:update"
    return replace(MRKDWN if kind == "message" else replace(MARKDOWN, pace=MRKDWN.pace), bucket=bucket)
