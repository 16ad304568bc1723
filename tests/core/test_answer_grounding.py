"""What an answer stands on, as a team wants it."""

import pytest

from core.policy import Policy
from core.types import Grounding
from tests.adapters.redis_parts import RedisServer
from tests.core.harbour import HANDBOOK, LEAVE, TRAILER, hired
from tests.core.test_conversations import PAID

UNANSWERABLE = "What is the password of the wireless network?"


async def test_without_grounding_nothing_is_refused(redis: RedisServer) -> None:
    """The model may guess where a team wants it to."""
    async with hired(redis, " It is 12345.") as team:
        team.policy = Policy(Grounding.OFF)
        outcome = await team.says(UNANSWERABLE, {"harbour.md": HANDBOOK})
        assert (outcome.kind, outcome.answer, outcome.citations) == ("answered", "It is 12345.", ())
        await team.says("Which pirates, parrots and treasures does the watch like?")
        assert "Tell the watch before 8:00." in team.prompt


@pytest.mark.parametrize("question", ["What is a llama?", "Hello!"])
async def test_where_documents_are_required_nothing_is_answered_without_one(
    redis: RedisServer, question: str
) -> None:
    """Not even a greeting: the model is not asked."""
    async with hired(redis, " Hello to you.") as team:
        team.policy = Policy(Grounding.REQUIRE)
        outcome = await team.says(question)
        assert (outcome.kind, outcome.answer) == ("refused", "")
        assert outcome.why.startswith("I don't know: there is no document")
        assert not team.tgi.asked


async def test_where_documents_are_required_small_talk_is_answered_from_code(redis: RedisServer) -> None:
    """People are told what they can ask about; the model, which no passage could check, is not asked."""
    async with hired(redis, f" New crew get 24 days of paid leave.{TRAILER}") as team:
        team.policy = Policy(Grounding.REQUIRE)
        await team.says(LEAVE, {"harbour.md": HANDBOOK})
        outcome = await team.says("Thanks!")
        assert (outcome.kind, outcome.why) == (
            "refused",
            "I only answer from the files of this thread. Ask something about them.",
        )
        assert len(team.tgi.asked) == 1


async def test_where_documents_are_required_what_was_said_before_is_no_document(redis: RedisServer) -> None:
    """What only the conversation holds is refused there."""
    async with hired(redis, " A fine name.") as team:
        await team.says("My wooden schooner is called Esperanza.")
        team.policy = Policy(Grounding.REQUIRE)
        outcome = await team.says("What is the name of the wooden schooner?", {"harbour.md": HANDBOOK})
        assert outcome.kind == "refused"


INVENTED = (
    "All crew get 99 days of paid leave. New crew get 24 days of paid leave. The moon is made of cheese."
)


async def test_an_answer_about_another_is_never_visible(redis: RedisServer) -> None:
    """Its subject is the question's, and the number is that of another file."""
    files = {"alpha.md": b"Alpha costs 5 euros.", "beta.md": b"Beta costs 7 euros."}
    async with hired(redis, " Beta costs 5 euros.") as team:
        team.policy = Policy(Grounding.REQUIRE)
        outcome = await team.says("What does Beta cost?", files)
        assert "5 euros" not in outcome.answer
        assert not any("5 euros" in write.text for write in team.reply.writes)


@pytest.mark.parametrize("policy", [Policy(Grounding.REQUIRE), Policy(profile="smollm2")])
async def test_a_sentence_that_no_passage_bears_out_is_never_visible(
    redis: RedisServer, policy: Policy
) -> None:
    """Not for a moment: each sentence is checked before it is written."""
    async with hired(redis, f" {INVENTED}") as team:
        team.policy = policy
        outcome = await team.says(LEAVE, {"harbour.md": HANDBOOK})
        assert (outcome.kind, outcome.answer) == ("answered", "New crew get 24 days of paid leave.")
        assert [cited.place for cited in outcome.citations] == list(PAID.cites)
        assert not any("99" in write.text or "moon" in write.text for write in team.reply.writes)
        assert [turn.answer for turn in await team.turns()] == [outcome.answer]


async def test_what_runs_over_into_the_next_passage_is_answered_and_cited(redis: RedisServer) -> None:
    """The passage behind the one that was found is read with it, and bears the answer out."""
    filler = "The harbour master keeps the books of the year in the office by the old pier. " * 11
    text = f"# Rowing regatta\n\nWho may join the rowing regatta: {filler}\n\nEvery entrant pays 12 euros."
    async with hired(redis, " Every entrant pays 12 euros.") as team:
        team.policy = Policy(Grounding.REQUIRE)
        outcome = await team.says("What about the rowing regatta?", {"regatta.md": text.encode()})
        assert (outcome.kind, outcome.answer) == ("answered", "Every entrant pays 12 euros.")
        assert [cited.quote for cited in outcome.citations] == ["Every entrant pays 12 euros."]
        assert team.prompt.count("BEGININPUT") == 1
        assert outcome.left_out == ("Read all of regatta.md.",)


async def test_where_a_model_only_invents_the_passage_speaks_for_itself(redis: RedisServer) -> None:
    """A strong passage is quoted word for word, with its source."""
    async with hired(redis, " The moon is made of 99 cheeses.") as team:
        team.policy = Policy(profile="smollm2")
        outcome = await team.says(LEAVE, {"harbour.md": HANDBOOK})
        assert outcome.kind == "answered"
        assert outcome.answer == (
            "harbour.md says: \u201cNew crew get 24 days of paid leave in their first year.\u201d"
        )
        assert [cited.place for cited in outcome.citations] == list(PAID.cites)
