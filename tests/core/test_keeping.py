"""What becomes of messages that are kept for the team."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import pytest

from core.errors import FileRefused, HostRefused
from core.keeping import Keeper
from core.knowledge import team_document, team_identity
from core.ports import Block, Extracted, PageRead
from core.transcript import Transcript
from core.types import Addition, Attachment, Entry, Message, Outcome, Source, ThreadId
from tests.core.house import House, MortalLease
from tests.core.mortal import Killed, Life, MortalLedger, MortalPlatform
from tests.fakes import FakeLedger, FakeShelf, TextExtractor, saying

CHANNEL, WORKSPACE = "channel:transcript:C1", "workspace:transcript:T1"
ADDITION = Addition("transcript:M0", "Message of Ben", "https://chat.example.org/M0", 1.0, CHANNEL)
MESSAGE = Message("M1", ThreadId("transcript", "T1"), "U1", "The code is tangerine.", 2.0, addition=ADDITION)


READ = 3.0
"""When pages are read, behind the messages that add them."""


class FakeLinks:
    """Links to one page, which never changes; `error` is raised instead, and `reads` are counted."""

    def __init__(self, shelf: FakeShelf) -> None:
        self.error: FileRefused | None = None
        self.notes: tuple[str, ...] = ()
        self.reads = 0
        self._shelf = shelf

    async def add(self, source: Source) -> PageRead:
        """As `Links.add`."""
        self.reads += 1
        if self.error:
            raise self.error
        ident = team_identity(source.address, "boats", source.audience)
        known = {entry.id: entry for entry in await self._shelf.entries()}
        made = Entry(ident, "Boats", source.audience, "boats", source.address, "1", "1", source.address, READ)
        if ident not in known:
            await self._shelf.put(team_document(made, Extracted((Block("Berth seven."),))), made)
        return PageRead(known.get(ident, made), ident not in known, self.notes)


class Desk:
    """Where messages are added; the shelf outlives each worker."""

    def __init__(self) -> None:
        self.shelf = FakeShelf()
        self.links = FakeLinks(self.shelf)
        self.platform = Transcript()
        self.house = House(self.platform, saying())
        self.ledger = FakeLedger()

    def file(self, name: str, content: bytes = b"Berth seven.") -> Attachment:
        return self.platform.attach(name, content)

    async def adds(self, message: Message = MESSAGE, life: Life | None = None) -> Outcome:
        """A worker takes the message, and keeps it if it lives long enough."""
        life, self.ledger = life or Life(), self.ledger.taken_over()
        lease = MortalLease(self.house, life, message, 1, MortalLedger(self.ledger, life), "")
        keeper = Keeper(self.shelf, TextExtractor(), 1000, self.links)
        return await keeper.keep(lease, MortalPlatform(self.platform, life))

    async def adds_anew(self, message: Message) -> Outcome:
        """As `adds`, of a message that was not put before."""
        self.ledger = FakeLedger()
        number = len(self.platform.replies)
        return await self.adds(replace(message, id=f"A{number}"))

    async def kept(self) -> Sequence[tuple[str, str]]:
        """The paths and audiences on the shelf."""
        return sorted((entry.path, str(entry.audience)) for entry in await self.shelf.entries())


async def test_words_and_files_become_documents_that_lead_to_their_message() -> None:
    """Each of them; one that cannot be read is named with its reason, and stops no other."""
    desk = Desk()
    files = (desk.file("berth.md"), desk.file("noise.bin", b"\xff"), desk.file("large.md", b"x" * 1001))
    outcome = await desk.adds(replace(MESSAGE, attachments=files))

    assert outcome.kind == "answered"
    assert "for everybody who reads this channel: Message of Ben, berth.md." in outcome.why
    assert [sentence.split()[0] for sentence in outcome.left_out] == ["noise.bin", "large.md"]
    assert await desk.kept() == [("berth.md", CHANNEL), ("message", CHANNEL)]
    for entry in await desk.shelf.entries():
        document = await desk.shelf.document(entry.id)
        assert document
        assert {(each.link, each.at) for each in document.passages} == {("https://chat.example.org/M0", 1.0)}
    assert desk.house.ended == [None], "it is no turn of a conversation"


async def test_adding_a_message_again_replaces_what_was_kept_of_it() -> None:
    """What it says no longer is gone, and so is what others than now could read."""
    desk = Desk()
    wide = replace(MESSAGE, addition=replace(ADDITION, audience=WORKSPACE), attachments=(desk.file("a.md"),))
    await desk.adds_anew(wide)
    await desk.adds_anew(wide)
    assert await desk.kept() == [("a.md", WORKSPACE), ("message", WORKSPACE)]
    await desk.adds_anew(replace(MESSAGE, text="", attachments=(desk.file("a.md"),)))
    assert await desk.kept() == [("a.md", CHANNEL)]
    other = replace(MESSAGE, addition=replace(ADDITION, source="transcript:M9"))
    await desk.adds_anew(other)
    assert await desk.kept() == [("a.md", CHANNEL), ("message", CHANNEL)], "another message is another source"


async def test_files_of_one_name_are_each_kept() -> None:
    """Also one that is called as the words are."""
    desk = Desk()
    named = [desk.file(name) for name in ("message", "a.md", "a.md")]
    await desk.adds(replace(MESSAGE, attachments=tuple(named)))
    assert [path for path, _ in await desk.kept()] == ["a.md", "a.md (2)", "message", "message (2)"]


async def test_who_adds_nothing_that_can_be_read_is_told_so() -> None:
    """And nothing is kept for an audience that is none."""
    desk = Desk()
    for message in (
        replace(MESSAGE, text=" \u200b"),
        replace(MESSAGE, text="", attachments=(desk.file("noise.bin", b"\xff"),)),
        replace(MESSAGE, addition=replace(ADDITION, audience="")),
        replace(MESSAGE, addition=replace(ADDITION, audience="thread:transcript:T1")),
    ):
        outcome = await desk.adds_anew(message)
        assert (outcome.kind, outcome.why[:17]) == ("failed", "Nothing was added")
    assert await desk.kept() == []


async def test_a_worker_that_dies_half_way_leaves_it_to_the_next() -> None:
    """Whichever call it dies before: it is kept once, and told once."""
    last = 0
    while True:
        desk, last = Desk(), last + 1
        dying = Life(last)
        with suppress(Killed):
            await desk.adds(life=dying)
        if not dying.over:
            break
        await desk.adds()
        assert await desk.kept() == [("message", CHANNEL)]
        assert [outcome.kind for outcome in desk.platform.replies[-1].outcomes] == ["answered"]
    assert last > 3


PAGE = "https://wiki.example.org/boats"
INSIDE = (
    "which is inside your network: whoever runs me has to name wiki.corp in CHASQUI_KB__HOSTS, if its pages "
    "may be documents."
)
LINK = replace(
    MESSAGE,
    text="",
    seen_by=(CHANNEL, WORKSPACE),
    addition=Addition(PAGE, PAGE, PAGE, 1.0, CHANNEL, is_link=True),
)


async def test_a_page_is_added_and_told_as_unchanged_when_it_is() -> None:
    """With what of it could not be read."""
    desk = Desk()
    desk.links.notes = ("Only its beginning was read.",)
    outcome = await desk.adds_anew(LINK)
    assert (outcome.kind, outcome.left_out) == ("answered", desk.links.notes)
    assert outcome.why.startswith("Added to the knowledge base, for everybody who reads this channel: Boats.")
    assert await desk.kept() == [("boats", CHANNEL)]
    assert desk.house.ended == [None]

    again = await desk.adds_anew(replace(LINK, at=READ + 1))
    assert again.why.startswith("Unchanged: Boats is in the knowledge base already, for everybody who reads")


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (FileRefused(f"{PAGE} takes longer than 30 seconds."), f"{PAGE} takes longer than 30 seconds."),
        (
            HostRefused(f"{PAGE} leads to wiki.corp (10.0.0.5).", "wiki.corp"),
            f"{PAGE} leads to wiki.corp, {INSIDE}",
        ),
    ],
)
async def test_a_page_that_is_refused_is_told_with_its_reason(error: FileRefused, why: str) -> None:
    """No address of the network is told to a curator, and a long one of the page is cut."""
    desk = Desk()
    desk.links.error = error
    outcome = await desk.adds(LINK)
    assert (outcome.kind, outcome.why) == ("failed", f"Nothing was added. {why}")
    assert await desk.kept() == []

    long = f"{PAGE}/{'x' * 1500}"
    desk.links.error = FileRefused(f"{long} is too much.")
    outcome = await desk.adds_anew(
        replace(LINK, addition=Addition(long, long, long, 1.0, CHANNEL, is_link=True))
    )
    assert outcome.why == f"Nothing was added. {long[:120]}… is too much."


async def test_a_page_that_others_keep_is_not_taken_from_them() -> None:
    """Nor is it told who they are; of those whom the curator belongs to it is."""
    desk = Desk()
    wide = replace(LINK, addition=Addition(PAGE, PAGE, PAGE, 1.0, WORKSPACE, is_link=True))
    await desk.adds_anew(wide)
    outcome = await desk.adds_anew(replace(LINK, seen_by=(CHANNEL,)))
    assert outcome.why.startswith("Nothing was added. This page cannot be added from here.")
    assert (desk.links.reads, await desk.kept()) == (1, [("boats", WORKSPACE)])
    assert (await desk.adds_anew(LINK)).kind == "answered"


async def test_a_worker_that_dies_while_it_adds_a_page_leaves_it_to_the_next() -> None:
    """Whichever call it dies before: what it read already is told as added, and told once."""
    last = 0
    while True:
        desk, last = Desk(), last + 1
        dying = Life(last)
        with suppress(Killed):
            await desk.adds(LINK, life=dying)
        if not dying.over:
            break
        await desk.adds(LINK)
        assert await desk.kept() == [("boats", CHANNEL)]
        [outcome] = desk.platform.replies[-1].outcomes
        assert outcome.why.startswith("Added to the knowledge base")
    assert last > 3
