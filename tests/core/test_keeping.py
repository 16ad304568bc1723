"""What becomes of messages that are kept for the team."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from core.keeping import Keeper
from core.transcript import Transcript
from core.types import Addition, Attachment, Message, Outcome, ThreadId
from tests.core.house import House, MortalLease
from tests.core.mortal import Killed, Life, MortalLedger, MortalPlatform
from tests.fakes import FakeLedger, FakeShelf, TextExtractor, saying

CHANNEL, WORKSPACE = "channel:transcript:C1", "workspace:transcript:T1"
ADDITION = Addition("transcript:M0", "Message of Ben", "https://chat.example.org/M0", 1.0, CHANNEL)
MESSAGE = Message("M1", ThreadId("transcript", "T1"), "U1", "The code is tangerine.", 2.0, addition=ADDITION)


class Desk:
    """Where messages are added; the shelf outlives each worker."""

    def __init__(self) -> None:
        self.shelf = FakeShelf()
        self.platform = Transcript()
        self.house = House(self.platform, saying())
        self.ledger = FakeLedger()

    def file(self, name: str, content: bytes = b"Berth seven.") -> Attachment:
        return self.platform.attach(name, content)

    async def adds(self, message: Message = MESSAGE, life: Life | None = None) -> Outcome:
        """A worker takes the message, and keeps it if it lives long enough."""
        life, self.ledger = life or Life(), self.ledger.taken_over()
        lease = MortalLease(self.house, life, message, 1, MortalLedger(self.ledger, life), "")
        keeper = Keeper(self.shelf, TextExtractor(), max_bytes=1000)
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
