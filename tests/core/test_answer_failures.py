"""Answers in which something fails: the model, its stream, the platform, the thread."""

import asyncio

import pytest

from core.errors import (
    BackendFailed,
    BackendOverloaded,
    BackendRejected,
    BackendUnauthorized,
    BackendUnavailable,
    ChasquiError,
    LeaseLost,
    PlatformError,
    PromptTooLong,
    StreamBroken,
)
from core.policy import Policy
from core.transcript import DEAD, always, never
from tests.adapters.redis_parts import RedisServer
from tests.core.harbour import (
    HANDBOOK,
    IMPATIENCE,
    LEAVE,
    LONG,
    TRAILER,
    Team,
    hired,
)
from tests.core.test_conversations import PAID
from tests.parts import until

BEFORE_TEXT = {
    "overloaded": BackendOverloaded,
    "no_upstream": BackendUnavailable,
    "bad_gateway": BackendUnavailable,
    "hang": BackendUnavailable,
    "generation": BackendFailed,
    "incomplete": BackendFailed,
    "unauthorized": BackendUnauthorized,
    "bad_parameter": BackendRejected,
    "not_found": BackendRejected,
    "eof@0": BackendFailed,
}


@pytest.mark.parametrize(("fault", "error"), BEFORE_TEXT.items())
async def test_a_model_that_fails_before_its_first_word_is_one_sentence(
    redis: RedisServer, fault: str, error: type[ChasquiError]
) -> None:
    """People read what to do, history is unchanged, and the next question is answered."""
    async with hired(redis, " Hello.", faults=[fault] * 3, timeouts=IMPATIENCE) as team:
        outcome = await team.says("What is a llama?")
        assert (outcome.kind, outcome.answer, outcome.why) == ("failed", "", error("").sentence)
        assert team.reply.outcomes == [outcome]
        assert await team.turns() == []
        assert not await team.waits()
        await until(lambda: team.tgi.running == 0)
        team.tgi.faults.clear()
        assert (await team.says("Again: what is a llama?")).answer == "Hello."
        assert team.prompt.count("USER:") == 1


async def test_a_model_that_is_away_is_one_sentence(redis: RedisServer) -> None:
    """Where nothing listens, too."""
    async with hired(redis, "", faults=["refused"]) as team:
        outcome = await team.says("What is a llama?")
        assert (outcome.kind, outcome.why) == ("failed", BackendUnavailable("").sentence)
        await team.tgi.listen()
        team.tgi.answer = " Here I am."
        assert (await team.says("Again: what is a llama?")).answer == "Here I am."


async def test_a_failure_that_passes_is_not_seen(redis: RedisServer) -> None:
    """Two bad attempts and a good one are an answer."""
    async with hired(redis, " Hello.", faults=["overloaded", "bad_gateway"]) as team:
        assert (await team.says("What is a llama?")).answer == "Hello."
        assert len(team.tgi.asked) == 3


@pytest.mark.parametrize("fault", ["eof", "rst", "generation_midway", "cut_json", "stall"])
async def test_what_came_before_a_stream_broke_is_kept_and_marked(redis: RedisServer, fault: str) -> None:
    """All words that came stand, also the last one; nothing is asked twice; the next question knows them."""
    said = " One two. Plan B"  # its last letter could begin a stop string, and is held back
    async with hired(redis, said, faults=[f"{fault}@5"], timeouts=IMPATIENCE) as team:
        outcome = await team.says("Count, please.")
        assert (outcome.kind, outcome.why) == ("partial", StreamBroken("").sentence)
        assert outcome.answer == said.strip() == team.reply.pages[0].strip()
        assert [(turn.answer, turn.kind) for turn in await team.turns()] == [(said.strip(), "partial")]
        assert len(team.tgi.asked) == 1
        team.tgi.answer = " Fine."
        await team.says("Go on.")
        assert f"ASSISTANT: {said.strip()}</s>" in team.prompt


async def test_a_broken_answer_from_a_file_keeps_its_source(redis: RedisServer) -> None:
    """The sentence that came whole is still borne out by its passage."""
    said = " New crew get 24 days of paid leave. And they may"
    async with hired(redis, said, faults=["eof@12"]) as team:
        outcome = await team.says(LEAVE, {"harbour.md": HANDBOOK})
        assert outcome.kind == "partial"
        assert [cited.place for cited in outcome.citations] == list(PAID.cites)


async def test_an_answer_of_full_length_is_marked(redis: RedisServer) -> None:
    """People see that it goes on no further; what came is kept."""
    async with hired(redis, LONG) as team:
        team.policy = Policy(max_new_tokens=20)
        outcome = await team.says("Say many words.")
        assert (outcome.kind, outcome.finish_reason) == ("partial", "length")
        assert "longest length" in outcome.why
        assert outcome.usage.completion_tokens == 20
        assert [turn.kind for turn in await team.turns()] == ["partial"]


async def test_an_empty_answer_is_not_shown_as_one(redis: RedisServer) -> None:
    """People are asked to say it in other words; history holds no empty answer."""
    async with hired(redis, "") as team:
        outcome = await team.says("What is a llama?")
        assert (outcome.kind, outcome.why) == (
            "failed",
            "The model gave no answer. Please ask again in other words.",
        )
        assert await team.turns() == []


async def test_a_prompt_that_the_engine_finds_too_long_is_sent_once_more_with_less(
    redis: RedisServer,
) -> None:
    """An engine may count otherwise than it says; people see only the answer."""
    async with hired(redis, f" New crew get 24 days of paid leave.{TRAILER}") as team:
        for number in range(12):
            await team.says(f"Note number {number}: " + "the sea is wide. " * 8)
        team.tgi.faults.append("too_long_event")
        outcome = await team.says(LEAVE, {"harbour.md": HANDBOOK})
        first, second = team.tgi.asked[-2:]
        assert outcome.kind == "answered"
        assert second.prompt_tokens < first.prompt_tokens


async def test_a_prompt_that_is_too_long_twice_is_told(redis: RedisServer) -> None:
    """It is not sent a third time."""
    async with hired(redis, " Hello.", faults=["too_long", "too_long_event"]) as team:
        outcome = await team.says("What is a llama?")
        assert (outcome.kind, outcome.why) == ("failed", PromptTooLong("").sentence)
        assert len(team.tgi.asked) == 2
        assert await team.turns() == []


async def test_a_platform_that_fails_leaves_the_question_in_the_inbox(redis: RedisServer) -> None:
    """What could not be shown is not taken for answered: the next worker tries again."""
    async with hired(redis, LONG, token_delay=0.01) as team:
        await team.puts("What is a llama?")
        team.platform.faults = always(DEAD, "write")
        with pytest.raises(PlatformError, match="gone"):
            await team.is_answered()
        await until(lambda: team.tgi.running == 0)
        assert team.tgi.dropped == 1  # nobody waited for the rest of what cannot be shown
        assert await team.turns() == []
        begun = team.prompt
        team.platform.faults, team.tgi.answer = never, " Hello."
        assert (await team.is_answered()).answer.endswith(" Hello.")
        assert team.prompt.removeprefix(begun).split() == ["word"] * 2, "the model goes on with its words"


async def test_a_thread_that_is_forgotten_in_mid_answer_ends_it(redis: RedisServer) -> None:
    """The lease is lost with the thread: nothing more is written, and the engine's slot is free."""
    async with hired(redis, LONG, token_delay=0.01) as team:
        await team.puts("Say many words.")
        answering = asyncio.create_task(team.is_answered())
        await until(lambda: bool(team.platform.replies) and len(team.reply.writes) > 2)
        await team.types("forget")
        with pytest.raises(LeaseLost):
            await answering
        await until(lambda: team.tgi.running == 0)
        assert await team.turns() == []
        assert team.reply.outcomes == []


async def test_threads_are_answered_side_by_side_by_one_assistant(redis: RedisServer) -> None:
    """The assistant keeps nothing between messages: each answer has its own thread's words."""
    async with hired(redis, lambda prompt: f" You said {prompt.split('number ')[1].split()[0]}") as team:
        others = [
            Team(team.tgi, team.inbox, team.history, team.people, team.documents, team.policy, team.backend)
            for _ in range(8)
        ]
        outcomes = await asyncio.gather(
            *(other.says(f"My number {number} is nice.") for number, other in enumerate(others))
        )
        assert [outcome.answer for outcome in outcomes] == [f"You said {number}" for number in range(8)]
