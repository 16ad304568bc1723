"""Answers from the team's documents: what everyone may see who sees the answer, as it is now, and no more."""

import asyncio
from dataclasses import dataclass, field, replace

import pytest

from adapters.search import LexicalIndex
from core.knowledge import document, one_per_section, team_document, team_identity
from core.ports import Block, Extracted, Shelf
from core.team import TeamDocuments
from core.transcript import Transcript
from core.types import Audience, Document, Entry, Grounding, Hit, Outcome, Passage
from tests.core.house import MESSAGE, POLICY, House
from tests.fakes import FakeShelf, Says, saying

PUBLIC, CREW, BOSS = (
    Audience("public"),
    Audience("channel", "transcript:C1"),
    Audience("person", "transcript:U1"),
)
HANDBOOK = "# Handbook\n\n## Leave\n\nNew crew get 24 days of paid leave in their first year.\n"
SALARIES = "# Salaries\n\n## The captain\n\nThe salary of the captain is 9000 soles a month.\n"
SALARY, LEAVE = "What is the salary of the captain?", "How many days of paid leave do new crew get?"
NOTHING = "I don't know: I found nothing about this in {}."


def shelved(
    name: str, markdown: str, audience: Audience = PUBLIC, anchor: str = ""
) -> tuple[Document, Entry]:
    """A document of the team as it comes from a folder."""
    ident = team_identity("/docs", name, audience)
    entry = Entry(ident, name, audience, name, "/docs", "digest", url=f"https://docs.example/{name}")
    return team_document(entry, Extracted((Block(markdown, anchor=anchor),))), entry


@dataclass
class Office:
    """A team that has documents; `prompts` are those that the model got."""

    shelf: Shelf = field(default_factory=FakeShelf)
    index: LexicalIndex = field(default_factory=LexicalIndex)
    prompts: list[str] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.team = TeamDocuments(self.shelf, self.index)

    async def has(self, name: str, markdown: str, audience: Audience = PUBLIC, anchor: str = "") -> str:
        """Put a document on the shelf; its id."""
        found, entry = shelved(name, markdown, audience, anchor)
        await self.shelf.put(found, entry)
        return found.id

    async def asks(
        self,
        text: str,
        *seen_by: Audience,
        says: str | Says = "I know it.",
        files: tuple[Document, ...] = (),
        grounding: Grounding = Grounding.PREFER,
        profile: str | None = POLICY.profile,
    ) -> Outcome:
        """Somebody asks where these audiences see the answer."""
        message = replace(MESSAGE, text=text, seen_by=tuple(map(str, seen_by)))
        house = House(
            Transcript(),
            saying(says) if isinstance(says, str) else says,
            message=message,
            index=self.index,
            team=self.team,
            documents=list(files),
            policy=replace(POLICY, grounding=grounding, profile=profile),
        )
        outcome = await house.works()
        self.prompts += house.backend.prompts
        self.statuses += [call.text for call in house.reply.calls if call.verb == "status"]
        return outcome


@pytest.fixture
def office() -> Office:
    """One without documents yet."""
    return Office()


def shows(outcome: Outcome) -> str:
    """All that people are told, and all that programs are."""
    return repr(outcome)


async def test_an_answer_stands_on_a_document_of_the_team_and_links_to_its_section(office: Office) -> None:
    """The source has title, heading and the address of the very place; how much was read is said."""
    await office.has("handbook.html", HANDBOOK, anchor="leave")
    await office.has("boats.md", "# Boats\n\nThe tug Paloma is refuelled on Mondays.")

    outcome = await office.asks(LEAVE, says="New crew get 24 days of paid leave.")

    (cited,) = outcome.citations
    assert outcome.kind == "answered"
    assert (cited.title, cited.heading) == ("Handbook", ("Leave",))
    assert cited.url == "https://docs.example/handbook.html#leave"
    assert outcome.left_out == ("Read the best 1 of 2 passages of the team's documents.",)
    assert "Reading the team's documents …" not in office.statuses


async def test_a_question_waits_until_all_documents_are_read_and_is_told_so(office: Office) -> None:
    """A worker that has just come misses nothing, whether it began to read before the question or with it."""
    for number in range(40):
        await office.has(f"{number}.md", f"# Notes of day {number}\n\nNothing came.")
    await office.has("handbook.md", HANDBOOK)
    began = asyncio.create_task(office.team.catch_up())

    first = await office.asks(LEAVE, says="New crew get 24 days of paid leave.")
    await began
    await office.has("boats.md", "# Boats\n\nThe tug Paloma is refuelled on Mondays.")
    second = await office.asks("When is the Paloma refuelled?", says="It is refuelled on Mondays.")

    assert [cited.title for cited in (*first.citations, *second.citations)] == ["Handbook", "Boats"]
    assert office.statuses.count("Reading the team's documents …") == 1


async def test_a_search_brings_as_many_sections_as_it_is_asked_for(office: Office) -> None:
    """However many passages of one section come first."""
    await office.has("log.md", "# Log\n\n" + "The captain was on watch, and the captain slept.\n\n" * 400)
    others = [
        await office.has(f"{n}.md", f"# Note {n}\n\nOf many things, one is the captain.") for n in range(5)
    ]

    found = await office.team.search("captain", [PUBLIC], 4)
    assert len({hit.passage.document for hit in found}) == 4
    assert {hit.passage.document for hit in found[1:]} < set(others)
    assert len(await office.team.search("captain", [PUBLIC], 9)) == 6


async def test_what_others_may_see_is_neither_read_nor_named(office: Office) -> None:
    """Not in the prompt, nor in the refusal, its near misses or its reason; and who may see it gets it."""
    await office.has("salaries.md", SALARIES, BOSS)
    await office.has("handbook.md", HANDBOOK)

    for question in (SALARY, "Summarise Salaries", "What is in salaries.md?", "salry captian solas 9000"):
        outcome = await office.asks(question, CREW)
        assert outcome.kind == "refused"
        assert "alar" not in shows(replace(outcome, answer=""))
        assert "9000" not in shows(outcome)
    assert office.prompts == []

    outcome = await office.asks(SALARY, BOSS, says="It is 9000 soles a month.")
    assert [cited.title for cited in outcome.citations] == ["Salaries"]


async def test_a_gateway_that_says_nothing_opens_only_what_is_public(office: Office) -> None:
    """Nor does an audience of another platform, or the thread's own name."""
    await office.has("salaries.md", SALARIES, Audience("channel", "slack:C1"))
    await office.has("handbook.md", HANDBOOK, Audience("workspace", "transcript:T1"))

    for seen_by in ((), (Audience("channel", "slack:C1"),), (Audience.of_thread(MESSAGE.thread),)):
        outcome = await office.asks(SALARY, *seen_by, grounding=Grounding.REQUIRE)
        assert outcome.why == (
            "I don't know: there is no document here to answer from. Attach a file, and ask about it."
        )


async def test_what_is_deleted_is_not_in_the_next_answer(office: Office) -> None:
    """The worker that answered from it a moment ago has it no more, nor has it what was edited away."""
    kept = await office.has("handbook.md", HANDBOOK)
    await office.has("boats.md", "# Boats\n\nThe tug Paloma is refuelled on Mondays.")
    assert (await office.asks(LEAVE, says="They get 24 days of paid leave.")).citations

    await office.has("handbook.md", HANDBOOK.replace("24 days", "26 days"))
    outcome = await office.asks(LEAVE, says="They get 26 days of paid leave.")
    assert [cited.quote for cited in outcome.citations] == [
        "New crew get 26 days of paid leave in their first year."
    ]
    assert "24 days" not in office.prompts[-1]

    await office.shelf.remove(kept)
    outcome = await office.asks(LEAVE)
    assert (outcome.kind, outcome.why) == ("refused", NOTHING.format("the team's documents"))
    assert "26 days" not in shows(outcome)


async def test_a_document_that_changed_its_audience_is_for_the_new_one_alone(office: Office) -> None:
    """Whoever could see it before finds it no more with the next question."""
    before = await office.has("salaries.md", SALARIES)
    assert (await office.asks(SALARY, says="It is 9000 soles a month.")).citations

    await office.shelf.remove(before)
    assert await office.has("salaries.md", SALARIES, BOSS) != before
    assert "9000" not in shows(await office.asks(SALARY, CREW))
    assert (await office.asks(SALARY, BOSS, says="It is 9000 soles a month.")).citations


async def test_an_entry_that_contradicts_its_document_is_passed_over(office: Office) -> None:
    """Who may see a document is what both say, or nobody."""
    found, entry = shelved("salaries.md", SALARIES, BOSS)
    await office.shelf.put(found, replace(entry, audience=PUBLIC))

    assert await office.team.visible((PUBLIC, BOSS)) == []


async def test_files_of_the_thread_and_documents_of_the_team_are_searched_together(office: Office) -> None:
    """The one that holds the answer comes first, wherever it is; a refusal names both places."""
    await office.has("handbook.md", HANDBOOK)
    menu = document(
        b"menu",
        "menu.md",
        Extracted((Block("# Prices\n\nA bowl of soup costs 3 euros.\n"),)),
        Audience.of_thread(MESSAGE.thread),
    )

    leave = await office.asks(LEAVE, says="New crew get 24 days of paid leave.", files=(menu,))
    soup = await office.asks("What does a bowl of soup cost?", says="It costs 3 euros.", files=(menu,))
    neither = await office.asks("Who won the football championship?", files=(menu,))

    assert [cited.title for cited in (*leave.citations, *soup.citations)] == ["Handbook", "menu.md"]
    assert leave.left_out == ("Read the best 1 of 2 passages of menu.md and the team's documents.",)
    assert neither.why == NOTHING.format("menu.md and the team's documents")


async def test_whole_documents_are_those_of_the_thread(office: Office) -> None:
    """Nobody asks for a summary of all that a team ever wrote: its best passages answer."""
    await office.has("handbook.md", HANDBOOK)

    outcome = await office.asks("List all days of paid leave of new crew", says="24 days of paid leave.")

    assert outcome.left_out[0] == "Read all of the team's documents."
    assert [cited.title for cited in outcome.citations] == ["Handbook"]


async def test_small_talk_is_not_answered_from_documents(office: Office) -> None:
    """A greeting goes to the model; where documents are required, a sentence says what to ask about."""
    await office.has("handbook.md", HANDBOOK)

    assert (await office.asks("Thanks!", says="You are welcome.")).answer == "You are welcome."
    required = await office.asks("Thanks!", grounding=Grounding.REQUIRE)
    assert required.why == "I only answer from the team's documents. Ask something about them."


def test_a_document_of_the_team_is_called_what_it_calls_itself() -> None:
    """Its first heading, which is then in no heading path; else its name."""
    named, _ = shelved("a.md", HANDBOOK)
    unnamed, _ = shelved("b.md", "Ahoy!\n\n# Handbook\n\nText.")

    assert (named.title, [p.place for p in named.passages]) == ("Handbook", ["Handbook › Leave"])
    assert (unnamed.title, [p.heading for p in unnamed.passages]) == ("b.md", [(), ("Handbook",)])


def test_the_id_of_a_document_of_the_team_is_that_of_its_place() -> None:
    """It stays when the text changes; another audience, root or path is another document."""
    one, _ = shelved("a.md", "One.")
    other, _ = shelved("a.md", "Other.")
    assert one.id == other.id
    ids = {team_identity(*at) for at in (("/a", "b/c", PUBLIC), ("/a/b", "c", PUBLIC), ("/a", "b/c", CREW))}
    assert len(ids) == 3


def test_a_section_is_found_once() -> None:
    """Its best passage stands for it; sections without an address of their own are told by their number."""

    def hit(number: int, section: int, anchor: str = "") -> Hit:
        return Hit(Passage(str(number), "d", "d", "text", section=section, anchor=anchor), 1 / number)

    hits = [hit(1, 0), hit(2, 0), hit(3, 1), hit(4, 2, "x"), hit(5, 3, "x"), hit(6, 4, "y")]
    assert [each.passage.id for each in one_per_section(hits)] == ["1", "3", "4", "6"]
