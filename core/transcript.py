"""A platform in memory: it obeys any profile, refuses what a platform refuses, and fails on demand.

For tests of everything that answers; it ships beside the port that it implements. What is wrong with a
call is an AssertionError; what a real platform would do is an error of core/errors.py.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from core.errors import FileRefused, PageClosed, PlatformError, RateLimited, WriteFailed
from core.markdown import size
from core.ports import END, FILE, Ledger
from core.types import Attachment, Message, Outcome, PageProfile

LATE = 10 / 9
"""A page is closed at so many times its profile's `max_age` (Slack: after 300 s, where 270 s are used)."""

UNLIMITED = PageProfile(limit=None, pace=0.0)

Verb = Literal["status", "write", "attach", "finish"]


@dataclass(frozen=True, slots=True)
class Fault:
    """What a platform does to one call.

    ``slow`` takes it after `seconds`. ``limited`` refuses it, and says for how many `seconds` unless
    None. ``lost`` never receives it, ``vanished`` takes it but never answers. ``closed`` takes no more
    text on that page for good, and ``dead`` fails for good.
    """

    kind: Literal["none", "slow", "limited", "lost", "vanished", "closed", "dead"]
    seconds: float | None = None


NONE, LOST, VANISHED, CLOSED, DEAD = (
    Fault("none"), Fault("lost"), Fault("vanished"), Fault("closed"), Fault("dead")
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a reply, at one moment of its loop's time.

    `text` is a page's Markdown, a file's text, or a status, which is empty where it is taken away.
    """

    verb: Verb
    at: float
    text: str = ""
    page: int = -1
    final: bool = False


Faults = Callable[[Call], Fault]
"""What befalls each call."""


def script(*faults: Fault, verb: Verb = "write") -> Faults:
    """These faults befall the first calls of `verb`, one each; all other calls go well."""
    coming = iter(faults)
    return lambda call: next(coming, NONE) if call.verb == verb else NONE


def always(fault: Fault, *verbs: Verb) -> Faults:
    """This fault befalls every call of these verbs, or of all of them."""
    return lambda call: fault if not verbs or call.verb in verbs else NONE


def never(call: Call) -> Fault:
    """No fault befalls any call."""
    return NONE


class Transcript:
    """A Platform whose files are bytes by name; `replies` are those it made, oldest first.

    It takes at most one write of a bucket in `rate` seconds. What stands outlives the worker that wrote
    it: all replies to one message share it, and each knows of it what its ledger says.
    """

    name = "transcript"

    def __init__(
        self, profile: PageProfile = UNLIMITED, *, faults: Faults = never, rate: float = 0.0
    ) -> None:
        self.files: dict[str, bytes] = {}
        self.replies: list[TranscriptReply] = []
        self.places: list[tuple[str, str]] = []
        self.faults = faults
        self._profile = profile
        self._rate = rate
        self._free_at: dict[str, float] = {}

    def attach(self, name: str, content: bytes) -> Attachment:
        """Put a file where `download` finds it."""
        self.files[name] = content
        return Attachment(name, f"https://files.example/{name}", len(content))

    def reply(self, message: Message, ledger: Ledger) -> "TranscriptReply":
        """As `Platform.reply`."""
        before = next((made for made in self.replies if made.message_id == message.id), None)
        reply = TranscriptReply(self, self._profile, ledger, message.id)
        self.replies.append(reply.behind(before) if before else reply)
        return self.replies[-1]

    async def show_place(self, message: Message, text: str) -> None:
        """As `Platform.show_place`; `places` keeps what was shown. Any fault but a slow one befalls it."""
        if self.faults(Call("status", _now(), text)).kind not in ("none", "slow"):
            raise WriteFailed("no answer")
        self.places.append((message.id, text))

    async def download(self, file: Attachment) -> AsyncGenerator[bytes, None]:
        """As `Platform.download`, in two pieces."""
        content = self.files.get(file.name)
        if content is None:
            raise FileRefused(f"{file.name} is not there any more.")
        yield content[:7]
        yield content[7:]

    def count(self, bucket: str, now: float) -> None:
        """Count a write that arrives now. Raises RateLimited where it comes too early."""
        wait = self._free_at.get(bucket, now) - now
        if wait > 1e-6:
            raise RateLimited("too many writes", retry_after=wait)
        self._free_at[bucket] = now + self._rate


@dataclass(slots=True)
class Standing:
    """A message as it stands on the platform: one page of a reply.

    `doubtful` says that it may show more than the reply was told.
    """

    id: str
    page: int
    opened_at: float
    markdown: str = ""
    sealed: bool = False
    closed: bool = False
    doubtful: bool = False


@dataclass
class TranscriptReply:
    """A reply that keeps every call, and what of it stands. Its `profile` may be changed at any time.

    A part that it did not send itself it only finds where the ledger knows of it; to send such a part
    twice is a mistake. One that stands already as it is to be written is left as it is.
    """

    platform: Transcript
    profile: PageProfile
    ledger: Ledger
    message_id: str
    calls: list[Call] = field(default_factory=list)
    """All calls, also those that failed."""
    writes: list[Call] = field(default_factory=list)
    """Those that changed the platform, whether or not it said so."""
    standing: list[Standing] = field(default_factory=list)
    attached: dict[str, str] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)
    refused: set[int] = field(default_factory=set)
    """Pages that take no more text."""
    _sent: set[int] = field(default_factory=set)
    """The parts that this reply sent, or tried to."""
    _noted: set[int] = field(default_factory=set)
    """Those of which it told the ledger."""

    def behind(self, before: "TranscriptReply") -> "TranscriptReply":
        """This reply where what another one to the same message wrote stands."""
        return replace(
            self,
            profile=before.profile,
            calls=before.calls,
            writes=before.writes,
            standing=before.standing,
            attached=before.attached,
            outcomes=before.outcomes,
            refused=before.refused,
        )

    @property
    def pages(self) -> list[str]:
        """The text of each message, in the order in which they were posted."""
        return [message.markdown for message in self.standing]

    @property
    def statuses(self) -> list[str]:
        """Every status that was asked for, in order."""
        return [call.text for call in self.calls if call.verb == "status"]

    async def status(self, text: str | None) -> None:
        """As `Reply.status`."""
        await self._suffer(self._called(Call("status", _now(), text or "")), lambda: None)

    async def write(self, page: int, markdown: str, *, final: bool) -> None:
        """As `Reply.write`. A message whose write got no answer is found again by its page."""
        own, found = page in self._sent, await self._finds(page)
        call = self._called(Call("write", _now(), markdown, page, final))
        message = self._find(page)
        assert found or not message, "a page stands once"
        self._must_be_allowed(call, message)
        if own or not message or (message.markdown, message.sealed) != (markdown, final):
            self._must_be_open(page, message)
            self.platform.count(self.profile.bucket, call.at)
            await self._suffer(call, lambda: self._stands(call))
            message = self._find(page)
            assert message
        message.doubtful = False
        await self._note(page, message.id)

    async def attach(self, name: str, text: str) -> None:
        """As `Reply.attach`."""
        assert text.strip(), "a file holds something"
        found = await self._finds(FILE)
        call = self._called(Call("attach", _now(), text))
        assert found or name not in self.attached, "a file stands once"
        await self._suffer(call, lambda: self.attached.update({name: text}))
        await self._note(FILE, name)

    async def finish(self, outcome: Outcome) -> None:
        """As `Reply.finish`; the same end twice is one."""
        found = await self._finds(END)
        call = self._called(Call("finish", _now()))
        assert self.outcomes in ([], [outcome] if found else []), "a reply ends once"
        await self._suffer(call, lambda: self._ends(outcome))
        await self._note(END, "end")

    async def _finds(self, part: int) -> bool:
        """Whether this reply can find a part that it is about to send; from now on it can."""
        noted = (await self.ledger.standing()).pages
        found = part in self._sent or part in noted
        self._sent.add(part)
        return found

    async def _note(self, part: int, platform_id: str) -> None:
        if part not in self._noted:
            await self.ledger.sent(part, platform_id)
            self._noted.add(part)

    def _called(self, call: Call) -> Call:
        self.calls.append(call)
        return call

    def _find(self, page: int) -> Standing | None:
        return next((message for message in self.standing if message.page == page), None)

    def _must_be_allowed(self, call: Call, message: Standing | None) -> None:
        """Our own mistakes: no platform is to blame for them."""
        profile, page, markdown = self.profile, call.page, call.text
        pages = 1 + max((before.page for before in self.calls[:-1]), default=-1)
        assert not self.outcomes, "nothing is written after the end"
        assert max(0, pages - 1) <= page <= pages, "pages are opened in order"
        assert page < pages or all(m.sealed or m.closed for m in self.standing), "one page is open"
        unchanged = message is not None and message.markdown == markdown
        repeated = any((c.page, c.text) == (page, markdown) for c in self.calls[:-1])
        assert profile.render(markdown).strip(), "a page shows something"
        assert repeated or profile.limit is None or size(markdown, profile) <= profile.limit, "a page fits"
        if message:
            assert not message.sealed or (unchanged and call.final), "a sealed page never changes"
            shown = profile.render(message.markdown)
            assert profile.editable or profile.render(markdown).startswith(shown), (
                "what cannot be edited only grows"
            )

    def _must_be_open(self, page: int, message: Standing | None) -> None:
        age = self.profile.max_age
        if message and message.sealed:
            return  # this is the same write once more
        if message and age is not None and _now() > message.opened_at + age * LATE:
            message.closed = True
        if page in self.refused or (message and message.closed):
            raise PageClosed(f"page {page} takes no more text")

    async def _suffer(self, call: Call, effect: Callable[[], None]) -> None:
        """What the platform makes of a call, and what it says about it."""
        fault = self.platform.faults(call)
        if fault.kind == "limited":
            raise RateLimited("too many writes", retry_after=fault.seconds)
        if fault.kind == "dead":
            raise PlatformError("gone")
        if fault.kind == "closed":
            self._close(call.page)
        if fault.kind == "slow":
            await asyncio.sleep(fault.seconds or 0.0)
        if fault.kind != "lost":
            effect()
        if fault.kind in ("lost", "vanished"):
            raise WriteFailed("no answer")

    def _close(self, page: int) -> None:
        self.refused.add(page)
        if message := self._find(page):
            message.closed = True
        raise PageClosed(f"page {page} takes no more text")

    def _stands(self, call: Call) -> None:
        message = self._find(call.page)
        if message is None:
            message = Standing(f"message {len(self.standing)}", call.page, _now())
            self.standing.append(message)
        message.markdown, message.sealed, message.doubtful = call.text, call.final, True
        self.writes.append(call)

    def _ends(self, outcome: Outcome) -> None:
        self.outcomes[:] = [outcome]


def _now() -> float:
    return asyncio.get_running_loop().time()
