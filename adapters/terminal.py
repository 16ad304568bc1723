"""The terminal as a platform: Markdown that grows on the screen, or plain text into a pipe.

What is finished is printed for good, block by block; only the block that still grows is redrawn, so
an answer longer than the screen stays whole in the scroll-back.
"""

import asyncio
import os
import stat
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import quote, unquote_to_bytes, urlsplit

from rich.console import Console
from rich.style import Style
from rich.text import Text

from core.blocks import Fence, state_after
from core.citations import numbered
from core.errors import FileRefused
from core.markdown import closed
from core.ports import Ledger
from core.prompt import clean
from core.types import Attachment, Citation, Message, Outcome, PageProfile

if TYPE_CHECKING:
    from rich.live import Live
    from rich.markdown import Markdown
    from rich.status import Status

_CHUNK = 1 << 16
_LONGEST_QUOTE = 300
_PROFILE = PageProfile(limit=None, editable=False, pace=0.05)


class Terminal:
    """Platform over one terminal. `quiet` keeps answers off it, for callers that print JSON."""

    name = "terminal"

    def __init__(self, out: Console, errors: Console, *, quiet: bool = False) -> None:
        self._out = out
        self._errors = errors
        self._quiet = quiet

    def reply(self, message: Message, ledger: Ledger) -> "QuietReply | TerminalReply":
        """As `Platform.reply`."""
        return QuietReply() if self._quiet else TerminalReply(self._out, self._errors)

    def note(self, text: str) -> None:
        """Tell people something that is no part of an answer."""
        if not self._quiet:
            _print(self._out, text, "dim")

    async def show(self, outcome: Outcome) -> None:
        """Print an answer that stands already, with its sources."""
        reply = QuietReply() if self._quiet else TerminalReply(self._out, self._errors)
        await reply.finish(outcome)

    async def show_place(self, message: Message, text: str) -> None:
        """As `Platform.show_place`: the process that asks answers too, so nothing waits here."""

    async def download(self, file: Attachment) -> AsyncGenerator[bytes, None]:
        """As `Platform.download`, for the files of this machine."""
        try:
            with _opened(path_of(file)) as source:
                if not stat.S_ISREG(os.fstat(source.fileno()).st_mode):
                    raise FileRefused(f"{file.name} is not a file. Name a file, not a folder or a device.")
                while piece := await asyncio.to_thread(source.read, _CHUNK):
                    yield piece
        except FileNotFoundError:
            raise FileRefused(f"{file.name} is not there any more. Check the path.") from None
        except PermissionError:
            raise FileRefused(f"{file.name} may not be read. Check its permissions.") from None
        except OSError as error:
            raise FileRefused(f"{file.name} cannot be read ({error.strerror}). Try a copy of it.") from error


def attachment(path: Path) -> Attachment:
    """A file of this machine as it travels in a message."""
    absolute = path.expanduser().absolute()
    return Attachment(path.name or str(path), absolute.as_uri())


def path_of(file: Attachment) -> Path:
    """Where a file of `attachment` lies."""
    return Path(os.fsdecode(unquote_to_bytes(urlsplit(file.url).path)))  # names need not be UTF-8


def _opened(path: Path) -> BinaryIO:
    """The file, looked at only once it is open: by then it may be a pipe, which would wait for a writer."""
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb")


class QuietReply:
    """A reply that nobody reads as it grows."""

    profile = _PROFILE

    async def status(self, text: str | None) -> None: ...

    async def write(self, page: int, markdown: str, *, final: bool) -> None: ...

    async def attach(self, name: str, text: str) -> None: ...

    async def finish(self, outcome: Outcome) -> None: ...


class TerminalReply:
    """An answer on the screen; pages are append-only and have no limit, so there is one."""

    profile = _PROFILE

    def __init__(self, out: Console, errors: Console) -> None:
        self._out = out
        self._errors = errors
        self._status: Status | None = None
        self._live: Live | None = None
        self._printed = ""

    async def status(self, text: str | None) -> None:
        """As `Reply.status`: a spinner on the error stream, where that is a terminal."""
        if self._status:
            self._status.stop()
            self._status = None
        if text and self._errors.is_terminal:
            self._status = self._errors.status(Text(clean(text)))
            self._status.start()

    async def write(self, page: int, markdown: str, *, final: bool) -> None:
        """As `Reply.write`."""
        await self.status(None)
        markdown = clean(markdown)  # no escape sequence of a model reaches the terminal
        if not self._out.is_terminal:
            self._print_plain(markdown, final=final)
            return
        settled = len(markdown) if final else _settled(markdown, len(self._printed))
        if settled > len(self._printed):
            self._stop_live()
            self._out.print(_drawn(markdown[len(self._printed) : settled]))
            self._printed = markdown[:settled]
        growing = markdown[settled:]
        if growing.strip():
            self._redraw(growing)

    async def attach(self, name: str, text: str) -> None:
        """As `Reply.attach`; a page without a limit leaves nothing to attach."""

    async def finish(self, outcome: Outcome) -> None:
        """As `Reply.finish`: the source under the answer, and what was not read."""
        await self.status(None)
        if not self._printed and outcome.answer and outcome.kind in ("answered", "partial"):
            await self.write(0, outcome.answer, final=True)  # it stands on another screen
        self._stop_live()
        if outcome.why:
            failed = outcome.kind == "failed"
            style = {"failed": "bold red", "partial": "yellow"}.get(outcome.kind, "")
            _print(self._errors if failed else self._out, outcome.why, style)
        for called, cited in numbered(outcome.citations):
            self._print_source(called, cited, quoted=cited.quote in outcome.answer)
        for place, near in enumerate(outcome.nearest):
            _print(self._out, f"  Nearest: {near.label}", "dim")
            if place == 0:
                self._print_quote(near.quote)
        for note in outcome.left_out:
            _print(self._out, f"  {note}", "dim")

    def _print_source(self, called: str, cited: Citation, *, quoted: bool) -> None:
        address = quote(clean(cited.url), safe="%/:=&?~#+!$,;'@()*[]")  # nothing that ends a terminal's link
        place = Text(clean(cited.label), Style(color="cyan", link=address or None))
        self._out.print(Text.assemble((f"{called}: ", "bold"), place), soft_wrap=True)
        if not quoted:
            self._print_quote(cited.quote)

    def _print_quote(self, text: str) -> None:
        if text:
            shown = text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}…"
            _print(self._out, f"  “{shown}”", "italic dim")

    def _print_plain(self, markdown: str, *, final: bool) -> None:
        fresh = markdown.removeprefix(self._printed)
        self._out.file.write(fresh + ("\n" if final else ""))
        self._out.file.flush()
        self._printed = markdown

    def _redraw(self, growing: str) -> None:
        if self._live is None:
            from rich.live import Live  # noqa: PLC0415 - only on a terminal, as below

            self._live = Live(console=self._out, transient=True, auto_refresh=False)
            self._live.start()
        self._live.update(_drawn(closed(growing)), refresh=True)

    def _stop_live(self) -> None:
        if self._live:
            self._live.stop()
            self._live = None


def _drawn(markdown: str) -> "Markdown":
    from rich.markdown import Markdown  # noqa: PLC0415 - it brings a parser, and programs read plain text

    return Markdown(markdown)


def _print(console: Console, text: str, style: str) -> None:
    """A line, without what a person, a file or a model could do to the terminal."""
    console.print(Text(clean(text), style), soft_wrap=True)


def _settled(markdown: str, start: int) -> int:
    """Up to where no further text can change how `markdown` is drawn: an empty line outside code."""
    end = markdown.rfind("\n\n", start)
    while end >= 0:
        # A list or a quote may go on behind an empty line.
        following = markdown[end:].lstrip("\n")
        in_code = isinstance(state_after(markdown[start:end]).leaf, Fence)
        if not in_code and following and following[0] not in " \t-*+>0123456789":
            return end + 2
        end = markdown.rfind("\n\n", start, end)
    return start
