"""What leaves the team's documents, or some of their readers, while a question about it is being answered."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from adapters.redis.connection import connect
from adapters.redis.shelf import RedisShelf
from adapters.search import LexicalIndex
from core.types import Grounding, Hit
from tests.adapters.redis_parts import RedisServer
from tests.core.test_team import BOSS, CREW, HANDBOOK, LEAVE, NOTHING, Office, shows
from tests.fakes import Says

BOATS = "# Boats\n\n## The tug\n\nThe tug Paloma is refuelled on Mondays.\n"
ANSWER = "New crew get 24 days of paid leave."
GONE = "Some of what was read for this answer has left the team's documents since"
Change = Callable[[Office, str], Awaitable[object]]


@pytest.fixture
async def office(redis: RedisServer) -> AsyncIterator[Office]:
    """One whose shelf is a real server's, and whose index is a real one."""
    with redis.client() as client:
        client.flushall()
    async with connect(redis.url) as store:
        made = Office(RedisShelf(store))
        await made.has("boats.md", BOATS)
        yield made


async def remove(office: Office, document: str) -> None:
    """Somebody takes it out."""
    await office.shelf.remove(document)


async def narrow(office: Office, document: str) -> None:
    """From now on it is for others."""
    await office.shelf.remove(document)
    await office.has("handbook.md", HANDBOOK, BOSS)


async def edit(office: Office, document: str) -> None:
    """It says something else from now on."""
    await office.has("handbook.md", HANDBOOK.replace("24 days", "26 days"))


CHANGES = pytest.mark.parametrize("change", [remove, narrow])


def while_saying(*pieces: str | Callable[[], Awaitable[object]]) -> Says:
    """A model that says these pieces; in between something happens, once."""
    coming = list(pieces)

    async def says(prompt: str) -> AsyncGenerator[str, None]:
        while coming:
            piece = coming.pop(0)
            if isinstance(piece, str):
                yield piece
            else:
                await piece()

    return says


@dataclass
class Interrupted(LexicalIndex):
    """An index during whose first search something happens."""

    happens: list[Callable[[], Awaitable[object]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    async def search(self, *given: object) -> list[Hit]:
        """As `KnowledgeIndex.search`."""
        found = await super().search(*given)  # type: ignore[arg-type] # as it was given
        while self.happens:
            await self.happens.pop()()
        return found


@CHANGES
@pytest.mark.parametrize("grounding", list(Grounding))
async def test_what_leaves_while_the_model_thinks_is_neither_quoted_nor_cited(
    grounding: Grounding, change: Change, office: Office
) -> None:
    """No word of the answer that it made is shown; the question is answered from what is left."""
    kept = await office.has("handbook.md", HANDBOOK, CREW)
    says = while_saying(lambda: change(office, kept), ANSWER, "I cannot tell.")

    outcome = await office.asks(LEAVE, CREW, says=says, grounding=grounding)

    assert "24 days" not in shows(outcome)
    assert not outcome.citations
    assert "24 days" in office.prompts[0]
    assert "24 days" not in "".join(office.prompts[1:])
    if grounding is not Grounding.OFF:
        assert (outcome.kind, outcome.why) == ("refused", NOTHING.format("the team's documents"))


@CHANGES
@pytest.mark.parametrize("question", [LEAVE, "How many whales did new crew see in a museum?"])
async def test_what_leaves_while_it_is_searched_is_read_by_no_model_and_named_by_no_refusal(
    question: str, change: Change, office: Office
) -> None:
    """Nor are its words among the near misses."""
    index = Interrupted()
    office = Office(office.shelf, index)
    kept = await office.has("handbook.md", HANDBOOK, CREW)
    index.happens.append(lambda: change(office, kept))

    outcome = await office.asks(question, CREW)

    assert outcome.kind == "refused"
    assert "24 days" not in shows(outcome)
    assert office.prompts == []


async def test_what_is_edited_while_the_model_thinks_is_answered_as_it_stands(office: Office) -> None:
    """The old words are neither shown nor cited."""
    kept = await office.has("handbook.md", HANDBOOK)
    says = while_saying(lambda: edit(office, kept), ANSWER)

    async def again(prompt: str) -> AsyncGenerator[str, None]:
        async for piece in says(prompt):
            yield piece
        if "26 days" in prompt:
            yield ANSWER.replace("24", "26")

    outcome = await office.asks(LEAVE, says=again)

    assert outcome.answer == ANSWER.replace("24", "26")
    assert [cited.quote for cited in outcome.citations] == [
        "New crew get 26 days of paid leave in their first year."
    ]


@CHANGES
async def test_what_leaves_while_words_of_it_stand_is_no_source(change: Change, office: Office) -> None:
    """The words were true when they were shown, and stand; people are told why no source does."""
    kept = await office.has("handbook.md", HANDBOOK, CREW)
    says = while_saying(f"{ANSWER} ", lambda: change(office, kept), "It is in their first year.")

    outcome = await office.asks(LEAVE, CREW, says=says)

    assert (outcome.kind, outcome.citations, outcome.hits) == ("answered", (), ())
    assert any(said.startswith(GONE) for said in outcome.left_out)


@CHANGES
async def test_a_passage_that_left_does_not_speak_for_itself(change: Change, office: Office) -> None:
    """Where a small model only invents, what would be quoted is looked at once more."""
    kept = await office.has("handbook.md", HANDBOOK, CREW)
    says = while_saying("The moon is made of 99 cheeses.", lambda: change(office, kept))

    outcome = await office.asks(LEAVE, CREW, says=says, profile="smollm2")

    assert outcome.kind == "refused"
    assert "24 days" not in shows(outcome)


async def test_what_else_changes_ends_no_answer(office: Office) -> None:
    """Only what the answer is made of counts: its other documents may come and go."""
    await office.has("handbook.md", HANDBOOK)
    other = await office.has("menu.md", "# Menu\n\nSoup costs 3 euros.")
    says = while_saying(lambda: remove(office, other), ANSWER)

    outcome = await office.asks(LEAVE, says=says)

    assert [cited.title for cited in outcome.citations] == ["Handbook"]
    assert len(office.prompts) == 1


async def test_documents_that_change_all_the_while_are_said_to(office: Office) -> None:
    """An answer is not looked for without end."""

    async def says(prompt: str) -> AsyncGenerator[str, None]:
        days = 25 + len(edits)
        edits.append(await office.has("handbook.md", HANDBOOK.replace("24 days", f"{days} days")))
        yield ANSWER

    edits = [await office.has("handbook.md", HANDBOOK)]
    outcome = await office.asks(LEAVE, says=says)

    assert (outcome.kind, outcome.answer) == ("failed", "")
    assert outcome.why == ("The team's documents are being changed just now. Please ask again in a minute.")
    assert len(office.prompts) == 3
