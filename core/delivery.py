"""One growing text -> pages on a Reply, at the platform's pace.

One writer per reply. What was said between two writes is never queued: a write shows the newest
text. The first write is the first whole word, at once. What a page should show is `Paging`'s to say,
and when the next write may come is the `Pace`'s.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Self

import structlog

from core.errors import PageClosed, PlatformError, RateLimited, WriteFailed
from core.pace import Paces
from core.paging import ANSWER_FILE, Due, Paging
from core.ports import FILE, Ledger, Reply
from core.retrying import LONGEST_CALL
from core.types import Checkpoint, PageProfile

log = structlog.get_logger()

LAST_WRITE = LONGEST_CALL + 5.0
"""Seconds that a cancelled delivery still has for showing what was added: no call is left on its way."""


class Delivery:
    """``async with Delivery(reply, ledger) as delivery: delivery.add(text)``.

    Leaving the context writes what is left, also when it is left by an error or a cancellation of
    the model: what was added is shown. A failure of the platform is raised by `check` and on leaving.
    Only the last write of a page must succeed: a `RetryingReply` tries it again.

    The ledger knows of each write before the platform does, so that another worker can go on from what
    this one `left`. Whoever lost the lease learns it there, and writes nothing more.
    """

    def __init__(
        self,
        reply: Reply,
        ledger: Ledger,
        *,
        paces: Paces | None = None,
        said: Callable[[], Checkpoint] = Checkpoint,
        left: Checkpoint | None = None,
    ) -> None:
        """`said` gives what the checkpoints say of the model; `left` is the last one of a worker before."""
        self._reply = reply
        self._ledger = ledger
        self._pace = (paces or Paces()).pace()
        self._said = said
        self._added = [left.shown] if left else []
        self._fed = len(self._added)
        self._pages = Paging(left)
        self._hands_over = False
        self._news = asyncio.Event()
        self._closing = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._writer = asyncio.create_task(self._write_to_the_end())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        assert self._writer
        self._closing.set()
        self._news.set()
        try:
            await asyncio.wait({self._writer}, timeout=LAST_WRITE if _cancelled(error) else None)
        except asyncio.CancelledError:
            await asyncio.wait({self._writer}, timeout=LAST_WRITE)  # what was added is to be seen
            self._writer.cancel()
            raise
        if self._writer.done():
            self._writer.result()
        else:
            log.warning("delivery.cut_short", page=self._pages.number)
            self._writer.cancel()

    @property
    def text(self) -> str:
        """All that was added."""
        return "".join(self._added)

    def add(self, text: str) -> None:
        """Show `text` behind what is shown, as soon as the pace allows."""
        self._added.append(text)
        self._news.set()

    def hand_over(self) -> None:
        """Another worker goes on: what was added is still shown, but no page ends where this one stops."""
        self._hands_over = True

    def check(self) -> None:
        """Raise what the writer met, so that nobody waits for a model whose text cannot be shown."""
        if self._writer and self._writer.done():
            self._writer.result()

    async def _write_to_the_end(self) -> None:
        try:
            if due := self._pages.again(self._reply.profile):
                await self._put(due, self._reply.profile)
                self._news.set()
            while not self._closing.is_set():
                await self._news_or_age()
                await self._keep_pace()
                if await self._write_what_is_due():
                    self._news.set()  # there may be more, or it has to be tried again
                elif self._pages.begun:  # what is held back is not looked for with every token
                    await self._until(_now() + self._reply.profile.pace / 4)
            while await self._write_what_is_due():
                pass
        finally:
            self._pace.leave()

    async def _news_or_age(self) -> None:
        """Wait until there is something new to say, or the open page has to end."""
        try:
            async with asyncio.timeout_at(self._pages.ends_at(self._reply.profile)):
                await self._news.wait()
        except TimeoutError:
            pass
        self._news.clear()

    async def _keep_pace(self) -> None:
        """Wait for the pace, which keeps neither the end of the answer waiting nor that of an old page."""
        while not self._closing.is_set():
            profile, now = self._reply.profile, _now()
            next_write = now + self._pace.delay(profile, now)
            until = min(next_write, self._pages.ends_at(profile) or next_write)
            if until <= now:
                return
            await self._until(until)

    async def _until(self, moment: float) -> None:
        """Wait for this moment or for the end of the answer."""
        try:
            async with asyncio.timeout_at(moment):
                await self._closing.wait()
        except TimeoutError:
            pass

    async def _write_what_is_due(self) -> bool:
        """Write one page as it should stand now; returns whether there was anything to write."""
        closing = self._closing.is_set() and not self._hands_over
        if self._pages.is_done(self._reply.profile) and not closing:
            return False
        self._pages.feed("".join(self._added[self._fed :]))
        self._fed = len(self._added)
        if closing:
            self._pages.close()
            if self._pages.wants_file(self._reply.profile):
                await self._attach()
        profile = self._reply.profile
        due = self._pages.due(profile, _now())
        if due and (wait := self._pace.closed_for(profile, _now())):
            await asyncio.sleep(wait)  # and look again: much can have changed
        elif due:
            await self._put(due, profile)
        return due is not None

    async def _attach(self) -> None:
        """Send the whole text as a file; where that cannot be done, it goes on in pages after all."""
        profile = self._reply.profile
        page = None if self._pages.begun else self._pages.growing(profile)
        if page and not self._pages.is_done(profile):
            await self._put(Due(page, final=False), profile)  # so that the file comes behind it
        await self._ledger.intend(FILE, self._checkpoint(None))
        try:
            await self._reply.attach(ANSWER_FILE, self.text)
            self._pages.has_file = True
        except PlatformError as error:
            log.warning("delivery.attach_failed", error=type(error).__name__, detail=str(error))
            self._pages.has_file = False

    async def _put(self, due: Due, profile: PageProfile) -> None:
        page, pages = due.page, self._pages
        if not page.markdown.strip():
            pages.pass_over(page)
            return
        await self._ledger.intend(pages.number, self._checkpoint(due))
        began = _now()
        self._pace.began(profile, began)
        try:
            await self._reply.write(pages.number, page.markdown, final=due.final)
        except PageClosed:
            log.warning("delivery.page_closed", page=pages.number, begun=pages.begun)
            if not pages.refused():
                raise
        except (RateLimited, WriteFailed) as error:
            if due.final or self._hands_over:
                raise
            self._drop(due, began, error)
        else:
            self._pace.ended(profile, _now() - began)
            pages.stands(due, began)

    def _checkpoint(self, due: Due | None) -> Checkpoint:
        return self._pages.checkpoint(replace(self._said(), shown=self.text), due)

    def _drop(self, due: Due, began: float, error: RateLimited | WriteFailed) -> None:
        """What is not the last word on its page is not repeated: the next write shows more."""
        log.info("delivery.write_dropped", error=type(error).__name__, page=self._pages.number)
        if isinstance(error, RateLimited):
            self._pace.refused(self._reply.profile, _now(), error.retry_after)
        else:
            self._pace.refused(self._reply.profile, _now(), None)
            self._pages.may_stand(due, began)


def _cancelled(error: BaseException | None) -> bool:
    return isinstance(error, asyncio.CancelledError)


def _now() -> float:
    return asyncio.get_running_loop().time()
