"""One answer on Discord: pages are messages, sources and buttons stand under the last one."""

import asyncio
from dataclasses import replace

import discord
import structlog
from discord.ui import View

from adapters.discord import buttons, places
from adapters.discord.buttons import Verb
from adapters.discord.errors import InteractionOver, Unreachable
from adapters.discord.footer import footer
from adapters.discord.markdown import CONTENT
from adapters.discord.questions import Asked
from adapters.discord.sending import (
    ChannelSender,
    InteractionSender,
    Sender,
    Shared,
    answer_file,
    tell_directly,
)
from core.errors import PageClosed, PlatformError, RateLimited, WriteFailed
from core.ports import END, FILE, Ledger
from core.types import Message, Outcome

log = structlog.get_logger()

_TYPING_AFTER, _TYPING_EVERY = 0.4, 8.0
"""Seconds: a quick answer needs no typing; Discord shows it for ten."""
_PAGES_OF_AN_INTERACTION = 4
"""Where only a person installed the bot there are five follow-ups: three pages, the file and the end."""


class DiscordReply:
    """As `Reply`. Every part is posted once and edited from then on.

    A part is posted with a button that says which it is, so that it is found again when its id got lost.
    Of an ephemeral answer only the first part can be found: another may stand twice when a worker is
    killed in the moment of posting it.
    """

    def __init__(self, shared: Shared, message: Message, ledger: Ledger) -> None:
        place = places.place(message)
        self.profile = replace(CONTENT, bucket=f"discord:{place.channel}")
        if place.by_interaction:
            self.profile = replace(self.profile, max_pages=_PAGES_OF_AN_INTERACTION)
        self.begun = False
        """Whether it has shown anything: from then on nobody needs to read a place."""
        self._shared = shared
        self._message = message
        self._ledger = ledger
        self._place = place
        self._sender: Sender = (InteractionSender if place.by_interaction else ChannelSender)(shared, message)
        self._ids: dict[int, int] = {}  # of the parts that stand
        self._doubtful: set[int] = set()  # parts that were on their way, and may stand
        self._noted: set[int] = set()  # parts whose id the ledger has
        self._texts: dict[int, str] = {}  # what the parts say, as far as this worker knows
        self._unsealed: int | None = None  # a page that has its last text, and may have a Stop button

    async def status(self, text: str | None) -> None:
        """As `Reply.status`: the bot types, until it is cancelled. An interaction shows it by itself."""
        if text is None or self._place.by_interaction:
            return
        await self._sender.open()
        await asyncio.sleep(_TYPING_AFTER)
        while True:
            await self._shared.type(self._place.channel)
            await asyncio.sleep(_TYPING_EVERY)

    async def write(self, page: int, markdown: str, *, final: bool) -> None:
        """As `Reply.write`."""
        await self._begin()
        if self._unsealed not in (None, page):
            await self._seal()
        stands = page in self._ids
        view = None if final and stands else self._row(page, "stop")
        await self._put(page, CONTENT.render(markdown), view)
        self._unsealed = page if final and not stands else None

    async def attach(self, name: str, text: str) -> None:
        """As `Reply.attach`."""
        await self._begin()
        if FILE in self._doubtful:
            await self._look()
        if FILE not in self._ids:
            await self._post(FILE, "The whole answer:", self._row(FILE, "sources"), answer_file(name, text))
        await self._note(FILE)

    async def finish(self, outcome: Outcome) -> None:
        """As `Reply.finish`: under the last page, or as a message of its own where that has no room.

        Who can be told nothing where they asked is told so directly.
        """
        await self._begin()
        try:
            await self._end(outcome)
        except Unreachable as error:
            log.warning("discord.unreachable", error=type(error).__name__, detail=str(error))
            await self._tell_directly(f"You asked me in <#{self._place.channel}>. {error.sentence}")
        await self._note(END)

    async def _end(self, outcome: Outcome) -> None:
        if END in self._doubtful:
            await self._look()
        verbs, under = _verbs(outcome), footer(outcome)
        pages = [part for part in self._ids if part >= 0]
        if pages and END not in self._ids and await self._end_under(max(pages), under, verbs):
            self._ids[END] = self._ids[max(pages)]
            return
        await self._seal()
        if under or not pages:
            await self._put(END, under or "There is nothing to say.", self._row(END, *verbs))

    async def _end_under(self, last: int, under: str, verbs: list[Verb]) -> bool:
        """Whether the end could be put under the last page, or stands there already."""
        try:
            if last not in self._texts:
                posted = await self._sender.read(self._ids[last])
                if any(press.verb != "stop" for press in buttons.presses(posted)):
                    return True
                self._texts[last] = posted.content
            whole = f"{self._texts[last]}\n{under}".strip()
            if len(whole) > (CONTENT.limit or 0):
                return False
            await self._edit(last, whole, self._row(last, *verbs))
        except PageClosed as error:
            log.info("discord.end_apart", detail=str(error))
            return False
        self._unsealed = None
        return True

    async def _seal(self) -> None:
        """Take the Stop button away from a page that has it though it has its last text."""
        if self._unsealed is None:
            return
        try:
            if await self._has_button(self._unsealed):
                await self._edit(self._unsealed, self._texts[self._unsealed], None)
        except PageClosed as error:
            log.info("discord.page_not_sealed", detail=str(error))
        self._unsealed = None  # and no earlier: what failed is tried again

    async def _has_button(self, part: int) -> bool:
        """Whether an unsealed page has one: what another worker wrote is read."""
        if part in self._texts:
            return True
        posted = await self._sender.read(self._ids[part])
        self._texts[part] = posted.content
        return bool(buttons.presses(posted))

    async def _begin(self) -> None:
        """Learn, before the first write, what those who began this answer before have sent."""
        if self.begun:
            return
        standing = await self._ledger.standing()
        self._ids = {part: int(known) for part, known in standing.pages.items() if known is not None}
        self._noted = set(self._ids)
        self._doubtful = set(standing.pages) - self._noted
        self._unsealed = max((part for part in self._ids if part >= 0), default=None)
        self.begun = True
        if 0 in self._ids or self._place.by_interaction:
            return
        if waiting := await self._shared.notes.get(places.waiting_note(self._message.id)):
            self._ids[0] = int(waiting)  # where the asker read their place, the first page stands
            self._doubtful.discard(0)
            if 0 not in standing.pages:
                self._texts[0] = ""

    async def _look(self) -> None:
        """Ask Discord which parts stand; then there is no doubt left about any."""
        self._ids |= await self._sender.parts()
        self._doubtful.clear()

    async def _put(self, part: int, content: str, view: View | None) -> None:
        """Let `part` stand once, with this text; may be called again after any error."""
        if part in self._doubtful:
            await self._look()
        if part in self._ids:
            await self._edit(part, content, view)
        else:
            await self._post(part, content, view)
        await self._note(part)

    async def _post(
        self, part: int, content: str, view: View | None, file: discord.File | None = None
    ) -> None:
        first = not self._ids
        self._doubtful.add(part)  # from here on, until Discord gives its id
        try:
            posted = await self._sender.post(part, content, view, file, first=first)
        except InteractionOver:
            posted = await self._elsewhere().post(part, content, view, file, first=first)
        self._ids[part], self._texts[part] = posted.id, posted.content
        self._doubtful.discard(part)
        if posted.content.strip() != content.strip():  # it was posted before, as its nonce told Discord
            await self._edit(part, content, view)

    async def _edit(self, part: int, content: str, view: View | None) -> None:
        """What stands already is left as it is where it takes no more."""
        try:
            if part not in self._texts:
                self._texts[part] = (await self._sender.read(self._ids[part])).content
            await self._sender.edit(self._ids[part], content, view)
        except InteractionOver:
            await self._elsewhere().edit(self._ids[part], content, view)
        except PageClosed:
            if self._texts.get(part, "").strip() != content.strip():
                raise
        self._texts[part] = content

    def _elsewhere(self) -> Sender:
        """An interaction is over: what everybody may see goes on in the channel, anything else ends."""
        if self._place.private:
            raise InteractionOver("a private answer cannot be shown any more")
        log.info("discord.interaction_over")
        self._sender = ChannelSender(self._shared, self._message)
        return self._sender

    async def _note(self, part: int) -> None:
        """Tell the ledger that a part stands, and all gateways to which thread it belongs."""
        if part in self._noted:
            return
        message = self._ids.get(part, 0)
        await self._ledger.sent(part, str(message))
        self._noted.add(part)
        if message:
            await Asked(self._shared.notes).answered(message, self._message.thread)
        if part == 0:
            await self._shared.notes.drop(places.waiting_note(self._message.id))

    async def _tell_directly(self, text: str) -> None:
        """Raises what may be over when it is tried again; who takes no messages hears nothing."""
        try:
            await tell_directly(self._shared, self._message, text)
        except (RateLimited, WriteFailed):
            raise
        except PlatformError as error:
            log.warning("discord.asker_not_told", error=type(error).__name__, detail=str(error))

    def _row(self, part: int, *verbs: Verb) -> View:
        return buttons.row(self._message.thread, self._message.id, part, *verbs)


def _verbs(outcome: Outcome) -> list[Verb]:
    """The buttons under an answer that ended so."""
    verbs: list[Verb] = ["again"]
    if outcome.citations:
        verbs.append("sources")
    if outcome.kind != "failed":
        verbs += ["good", "bad"]
    return verbs
