"""One answer on Discord: pages are messages, sources and buttons stand under the last one."""

import asyncio
from dataclasses import dataclass, replace

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
from adapters.discord.waiting import Waiting
from core.errors import PageClosed, PlatformError, RateLimited, WriteFailed
from core.ports import END, FILE, Ledger
from core.types import Message, Outcome

log = structlog.get_logger()

_TYPING_AFTER, _TYPING_EVERY = 0.4, 8.0
"""Seconds: a quick answer needs no typing; Discord shows it for ten."""
_PAGES_OF_AN_INTERACTION = 4
"""Where only a person installed the bot there are five follow-ups: three pages, the file and the end."""


@dataclass(slots=True)
class Part:
    """One message of an answer. Without an `id` it was on its way, and may stand.

    `text` is what it says, as far as this worker knows; `noted` tells whether the ledger has its id.
    """

    id: int | None = None
    text: str | None = None
    noted: bool = False


class DiscordReply:
    """As `Reply`. Every part is posted once and edited from then on.

    A part is posted with a button that says which it is, so that it is found again when its id got lost.
    Of an ephemeral answer only the first part can be found: another may stand twice when a worker is
    killed in the moment of posting it.
    """

    def __init__(self, shared: Shared, message: Message, ledger: Ledger, waiting: Waiting) -> None:
        place = places.place(message)
        self.profile = replace(CONTENT, bucket=f"discord:{place.channel}")
        if place.by_interaction:
            self.profile = replace(self.profile, max_pages=_PAGES_OF_AN_INTERACTION)
        self._begun = False
        self._shared = shared
        self._message = message
        self._ledger = ledger
        self._waiting = waiting
        self._place = place
        self._sender: Sender = (InteractionSender if place.by_interaction else ChannelSender)(shared, message)
        self._parts: dict[int, Part] = {}
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
        stands = self._stands(page)
        view = None if final and stands else self._row(page, "stop")
        await self._put(page, CONTENT.render(markdown), view)
        self._unsealed = page if final and not stands else None

    async def attach(self, name: str, text: str) -> None:
        """As `Reply.attach`."""
        await self._begin()
        if not await self._found(FILE):
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
        stands = await self._found(END)
        verbs = [] if self._message.addition else _verbs(outcome)  # what asks nothing is not answered again
        under, last = footer(outcome), self._last_page()
        if last is not None and not stands and await self._end_under(last, under, verbs):
            self._parts[END] = Part(self._parts[last].id)
            return
        await self._seal()
        if under or last is None:
            await self._put(END, under or "There is nothing to say.", self._row(END, *verbs))

    async def _end_under(self, last: int, under: str, verbs: list[Verb]) -> bool:
        """Whether the end could be put under the last page, or stands there already."""
        page = self._parts[last]
        try:
            if page.text is None:
                posted = await self._read(page)
                if any(press.verb != "stop" for press in buttons.presses(posted)):
                    return True
            whole = f"{page.text}\n{under}".strip()
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
            page = self._parts[self._unsealed]
            # What another worker wrote is read. What this one wrote has a button.
            if page.text is not None or buttons.presses(await self._read(page)):
                await self._edit(self._unsealed, page.text or "", None)
        except PageClosed as error:
            log.info("discord.page_not_sealed", detail=str(error))
        self._unsealed = None  # and no earlier: what failed is tried again

    async def _begin(self) -> None:
        """Learn, before the first write, what those who began this answer before have sent."""
        if self._begun:
            return
        standing = await self._ledger.standing()
        for part, known in standing.pages.items():
            self._parts[part] = Part() if known is None else Part(int(known), noted=True)
        self._unsealed = self._last_page()
        self._begun = True
        self._waiting.end()
        if self._stands(0) or self._place.by_interaction:
            return
        if shown := await self._waiting.message():
            # Where the asker read their place, the first page stands, if anybody began to write it.
            self._parts[0] = Part(shown, None if 0 in standing.pages else "")

    def _stands(self, part: int) -> bool:
        """Whether a part stands for certain."""
        return part in self._parts and self._parts[part].id is not None

    def _last_page(self) -> int | None:
        """The last page that stands for certain."""
        return max((part for part in self._parts if part >= 0 and self._stands(part)), default=None)

    async def _found(self, part: int) -> bool:
        """Whether a part stands; where that is in doubt Discord is asked, of all parts at once."""
        if part in self._parts and not self._stands(part):
            found = await self._sender.parts()
            self._parts = {each: self._parts[each] for each in self._parts if self._stands(each)}
            for each, message in found.items():
                self._parts.setdefault(each, Part()).id = message
        return self._stands(part)

    async def _read(self, known: Part) -> discord.Message:
        """A part that stands, as it stands now."""
        assert known.id is not None, "it stands"
        posted = await self._sender.read(known.id)
        known.text = posted.content
        return posted

    async def _put(self, part: int, content: str, view: View | None) -> None:
        """Let `part` stand once, with this text; may be called again after any error."""
        if await self._found(part):
            await self._edit(part, content, view)
        else:
            await self._post(part, content, view)
        await self._note(part)

    async def _post(
        self, part: int, content: str, view: View | None, file: discord.File | None = None
    ) -> None:
        first = not any(map(self._stands, self._parts))
        self._parts[part] = Part()  # from here on, until Discord gives its id
        try:
            posted = await self._sender.post(part, content, view, file, first=first)
        except InteractionOver:
            posted = await self._elsewhere().post(part, content, view, file, first=first)
        self._parts[part] = Part(posted.id, posted.content)
        if posted.content.strip() != content.strip():  # it was posted before, as its nonce told Discord
            await self._edit(part, content, view)

    async def _edit(self, part: int, content: str, view: View | None) -> None:
        """What stands already is left as it is where it takes no more."""
        known = self._parts[part]
        assert known.id is not None, "it stands"
        try:
            if known.text is None:
                await self._read(known)
            await self._sender.edit(known.id, content, view)
        except InteractionOver:
            await self._elsewhere().edit(known.id, content, view)
        except PageClosed:
            if (known.text or "").strip() != content.strip():
                raise
        known.text = content

    def _elsewhere(self) -> Sender:
        """An interaction is over: what everybody may see goes on in the channel, anything else ends."""
        if self._place.private:
            raise InteractionOver("a private answer cannot be shown any more")
        log.info("discord.interaction_over")
        self._sender = ChannelSender(self._shared, self._message)
        return self._sender

    async def _note(self, part: int) -> None:
        """Tell the ledger that a part stands, and all gateways to which thread it belongs."""
        known = self._parts.setdefault(part, Part())  # an end that nobody could be shown has no id
        if known.noted:
            return
        await self._ledger.sent(part, str(known.id or 0))
        known.noted = True
        if known.id:
            await Asked(self._shared.notes).answered(known.id, self._message.thread)
        if part == 0:
            await self._waiting.taken()

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
