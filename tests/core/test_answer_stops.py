"""Answers that are stopped, and those that another worker goes on with."""

import asyncio

import pytest

from tests.adapters.redis_parts import RedisServer
from tests.core.harbour import (
    LONG,
    hired,
)
from tests.fakes import said_before
from tests.parts import until


async def test_stop_keeps_what_came_and_frees_the_slot(redis: RedisServer) -> None:
    """The partial answer stands, marked, in the reply and in history; the engine stops at once."""
    async with hired(redis, LONG, token_delay=0.01) as team:
        await team.puts("Say many words.")
        answering = asyncio.create_task(team.is_answered())
        await until(lambda: bool(team.platform.replies) and len(team.reply.writes) > 2)
        assert await team.types("stop") == "Stopping."
        outcome = await answering
        await until(lambda: team.tgi.running == 0)
        assert team.tgi.dropped == 1
        assert team.tgi.steps < 400
        assert (outcome.kind, outcome.why) == ("partial", "Stopped.")
        assert outcome.answer == team.reply.pages[0].strip()
        assert outcome.answer.startswith("word word")
        assert team.reply.writes[-1].final
        assert team.reply.outcomes == [outcome]
        (turn,) = await team.turns()
        assert (turn.kind, turn.answer) == ("partial", outcome.answer)
        assert not await team.waits()


async def test_stop_before_the_first_word_leaves_no_turn(redis: RedisServer) -> None:
    """People see that it was stopped; history holds no empty answer, and the slot is free."""
    async with hired(redis, "", faults=["hang"]) as team:
        await team.puts("Say something.")
        answering = asyncio.create_task(team.is_answered())
        await until(lambda: team.tgi.running == 1)
        await team.types("stop")
        outcome = await answering
        await until(lambda: team.tgi.running == 0)
        assert (outcome.kind, outcome.answer, outcome.why) == ("partial", "", "Stopped before an answer.")
        assert await team.turns() == []
        assert not await team.waits()


async def test_a_question_after_a_stopped_answer_is_answered(redis: RedisServer) -> None:
    """Stop ends one answer, and what it said is part of the conversation."""
    async with hired(redis, LONG, token_delay=0.01) as team:
        await team.puts("Say many words.")
        answering = asyncio.create_task(team.is_answered())
        await until(lambda: bool(team.platform.replies) and len(team.reply.writes) > 2)
        await team.types("stop")
        await answering
        team.tgi.answer, team.tgi.token_delay = " Fine.", 0.0
        assert (await team.says("And now?")).answer == "Fine."
        assert "USER: Say many words. ASSISTANT: word word" in team.prompt


async def test_a_worker_that_goes_home_leaves_the_answer_to_the_next(redis: RedisServer) -> None:
    """The engine is freed at once; the next worker asks for the rest, and people see one answer."""
    said = "".join(f" word{number}" for number in range(100))
    async with hired(redis, lambda prompt: said[said_before(prompt, said) :], token_delay=0.01) as team:
        await team.puts("Say many words.")
        answering = asyncio.create_task(team.is_answered())
        await until(lambda: bool(team.platform.replies) and len(team.reply.writes) > 2)
        answering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await answering
        await until(lambda: team.tgi.running == 0)
        assert (team.reply.outcomes, await team.turns()) == ([], [])
        outcome = await team.is_answered()
        first, second = team.tgi.asked
        assert second.prompt.startswith(f"{first.prompt} word0 word1")
        assert (outcome.kind, outcome.answer) == ("answered", said.strip())
        assert (team.reply.pages, team.reply.outcomes) == ([said.strip()], [outcome])
        assert outcome.usage.prompt_tokens == first.prompt_tokens
        assert outcome.usage.completion_tokens >= 100, "what the first worker's engine said counts too"
        assert [turn.answer for turn in await team.turns()] == [said.strip()]
