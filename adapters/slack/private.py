"""One answer on Slack that only its asker sees."""

from dataclasses import replace

from adapters.slack import blocks
from adapters.slack.errors import Unreachable
from adapters.slack.markdown import MARKDOWN
from adapters.slack.sending import PrivateSender, Shared, tell_asker
from core.errors import PlatformError
from core.ports import END, Ledger
from core.types import Message, Outcome

_NOTED = "private"
"""What the ledger has for a part: Slack gives no id for what one person sees."""


class PrivateReply:
    """As `Reply`. A page is shown once it is whole, since nothing private can be edited.

    Nor can it be found again: a page may stand twice when a worker is killed in the moment of showing it, or
    when Slack does not answer. No part ever goes to where others read.
    """

    profile = replace(MARKDOWN, pace=3.0, max_age=None)

    def __init__(self, shared: Shared, message: Message, ledger: Ledger) -> None:
        self.begun = False
        self._shared = shared
        self._message = message
        self._ledger = ledger
        self._sender = PrivateSender(shared, message)
        self._sent: set[int] = set()

    async def status(self, text: str | None) -> None:
        """As `Reply.status`: there is none that nobody else sees."""

    async def write(self, page: int, markdown: str, *, final: bool) -> None:
        """As `Reply.write`."""
        await self._begin()
        if final and page not in self._sent:
            await self._sender.post(blocks.page(markdown))
            await self._note(page)

    async def attach(self, name: str, text: str) -> None:
        """As `Reply.attach`: Slack has no file for one person of a channel."""
        raise PlatformError("there are no private files")

    async def finish(self, outcome: Outcome) -> None:
        """As `Reply.finish`; who can be shown nothing any more is told so directly."""
        await self._begin()
        if END in self._sent:
            return
        try:
            await self._sender.post(blocks.end(outcome, self._message))
        except Unreachable as error:
            await tell_asker(self._shared.slack, self._message, error)
        await self._note(END)

    async def _begin(self) -> None:
        if not self.begun:
            pages = (await self._ledger.standing()).pages
            self._sent = {part for part, known in pages.items() if known is not None}
            self.begun = True

    async def _note(self, part: int) -> None:
        self._sent.add(part)
        await self._ledger.sent(part, _NOTED)
