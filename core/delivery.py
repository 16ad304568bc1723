"""One growing text -> pages on a Reply, at the platform's pace.

One writer per reply. What was said between two writes is never queued: a write shows the newest
text. The first write is the first whole word, at once.
"""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

from core.markdown import Fence, framed, next_page, open_fence, size
from core.ports import Ledger, Reply

LAST_WRITE = 3.0
"""Seconds that a cancelled delivery still has for showing what was added."""

_LONGEST_WORD = 24
"""Characters: a longer stretch without a space is shown as it comes; not every script has spaces."""


class Delivery:
    """``async with Delivery(reply, ledger) as delivery: delivery.add(text)``.

    Leaving the context writes what is left, also when it is left by an error or a cancellation of
    the model: what was added is shown. A failure of the platform is raised by `check` and on leaving.
    """

    def __init__(self, reply: Reply, ledger: Ledger, *, said: Callable[[], str] | None = None) -> None:
        """`said` gives the model's raw text for the checkpoints; without it they hold what was added."""
        self._reply = reply
        self._ledger = ledger
        self._said = said or (lambda: self.text)
        self._text = ""  # of the page that is open
        self._fence: Fence | None = None  # the code block that page starts in
        self._page = 0
        self._shown = ""
        self._all: list[str] = []
        self._news = asyncio.Event()
        self._closing = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._writer = asyncio.create_task(self._write_while_open())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        assert self._writer
        self._closing.set()
        self._news.set()
        try:
            await asyncio.shield(self._writer)
        except asyncio.CancelledError:
            await asyncio.wait({self._writer}, timeout=LAST_WRITE)  # what was added is to be seen
            self._writer.cancel()
            raise

    @property
    def text(self) -> str:
        """All that was added."""
        return "".join(self._all)

    def add(self, text: str) -> None:
        """Show `text` behind what is shown, as soon as the pace allows."""
        self._all.append(text)
        self._text += text
        self._news.set()

    def check(self) -> None:
        """Raise what the writer met, so that nobody waits for a model whose text cannot be shown."""
        if self._writer and self._writer.done():
            self._writer.result()

    async def _write_while_open(self) -> None:
        while not self._closing.is_set():
            await self._news.wait()
            self._news.clear()
            if await self._write(self._whole_words()):
                await self._pause()
        await self._write(len(self._text), final=True)

    async def _pause(self) -> None:
        """Keep the pace, but do not keep the end of an answer waiting."""
        try:
            async with asyncio.timeout(self._reply.profile.pace):
                await self._closing.wait()
        except TimeoutError:
            pass

    def _whole_words(self) -> int:
        """How much of the open page's text ends with a word, as far as its script tells words apart."""
        end = max(self._text.rfind(" "), self._text.rfind("\n")) + 1
        return end if len(self._text) - end < _LONGEST_WORD else len(self._text)

    async def _write(self, end: int, *, final: bool = False) -> bool:
        """Show the text up to `end`; full pages are sealed, and with `final` the last one too.

        Returns whether anything was written.
        """
        wrote = False
        while self._overflows(end):
            page, rest, self._fence = next_page(self._text, self._reply.profile, self._fence)
            end -= len(self._text) - len(rest)
            self._text = rest
            if page.strip():
                await self._put(page, final=True)
                self._page, self._shown, wrote = self._page + 1, "", True
        shown = self._text[: max(end, 0)]
        if shown.strip():
            wrote = await self._put(self._framed(shown, final=final), final=final) or wrote
        return wrote

    def _framed(self, shown: str, *, final: bool) -> str:
        """The open page with its code blocks; where it can only be appended to, none is closed early."""
        if self._reply.profile.editable:
            return framed(shown, self._fence)
        page = f"{self._fence.opener}\n{shown}" if self._fence else shown
        if final and (fence := open_fence(page)):
            page += fence.closer if page.endswith("\n") else f"\n{fence.closer}"
        return page

    def _overflows(self, end: int) -> bool:
        profile = self._reply.profile
        return profile.limit is not None and (
            size(self._framed(self._text[:end], final=True), profile) > profile.limit
        )

    async def _put(self, markdown: str, *, final: bool) -> bool:
        if markdown == self._shown and not final:
            return False
        if not self._shown:
            await self._ledger.intend(self._page)
        await self._ledger.checkpoint(self._said())  # fenced: who lost the lease writes nothing more
        await self._reply.write(self._page, markdown, final=final)
        self._shown = markdown
        return True
