"""Every fault that a model server can have, on the whole way of a question: inbox, slots, assistant, router.

The faults are those of the stand-ins; beside them are the numbers of the list of 48 that they stand for. Each
meets one replica alone, and one of two of which the other is well.
"""

import asyncio

import pytest

from adapters.replica.client import DEFAULT_TIMEOUTS, Timeouts
from core.errors import (
    BackendError,
    BackendFailed,
    BackendOverloaded,
    BackendRejected,
    BackendUnauthorized,
    BackendUnavailable,
    PromptTooLong,
    StreamBroken,
)
from core.router import ATTEMPTS
from core.types import Outcome
from tests.adapters.backend_parts import SILENT
from tests.adapters.redis_parts import RedisServer
from tests.emulators.completions import CompletionsStandIn
from tests.emulators.tgi import SCRIPTS, TgiStandIn
from tests.fakes import said_before
from tests.parts import until
from tests.system.replicas import Office, office

STORY = "".join(f" word{number}" for number in range(12)) + "."
IMPATIENT = Timeouts(first_token=1.0, next_token=1.0, probe=1.0)

PASSING: dict[str, type[BackendError]] = {
    "refused": BackendUnavailable,  # 1
    "hang": BackendUnavailable,  # 2
    "overloaded": BackendOverloaded,  # 3
    "gateway_busy": BackendOverloaded,  # 4
    "no_upstream": BackendUnavailable,  # 4
    "generation": BackendFailed,  # 10
    "incomplete": BackendFailed,  # 11
    "bad_gateway": BackendUnavailable,  # 12
    "unhealthy": BackendUnavailable,  # 13
    "overloaded_event": BackendOverloaded,  # 15
    "tgi_event": BackendFailed,  # 17
}
"""Faults before text that another replica need not have."""
LASTING: dict[str, type[BackendError]] = {
    "too_long": PromptTooLong,  # 5
    "bad_type": BackendRejected,  # 6
    "bad_json": BackendRejected,  # 7
    "unauthorized": BackendUnauthorized,  # 8
    "too_large": BackendRejected,  # 9
    "not_found": BackendRejected,  # 14
    "too_long_event": PromptTooLong,  # 16
}
"""Faults before text that trying again would not mend."""
MIDWAY = (
    *("generation_midway", "incomplete_midway", "eof", "fin", "rst", "cut_json"),  # 18 to 23
    *("stall", "stall_comments", "batch", "aborted"),  # 24, 25, 27, 35
)
"""Faults after some text."""
HARMLESS = (
    "drip",  # 26
    *("byte_by_byte", "coalesced", "no_space", "crlf", "separators", "null_logprob"),  # 28 to 33
    *("huge_final", "unknown_fields", "done", "more_after_final", "gzip", "replacement_pieces"),  # 34 to 39
    *("eos_special", "stop_left", "stop_missed", "cut_in_emoji", "empty_answer", "leading_space"),  # 40 to 45
    *("over_1024", "plain_signs", "generated_differs"),  # 46 to 48
)
"""Oddities that no one should notice, and texts that end in other ways."""
SHOWN = {"plain_signs": " Ask @everyone, <!channel> or"}
"""What people see of texts that hold a stop string."""


def replica(fault: str = "") -> TgiStandIn:
    """A replica that tells the story from where the prompt ends, or each time has the fault."""
    stand_in = CompletionsStandIn if fault == "tgi_event" else TgiStandIn

    def tells(prompt: str) -> str:
        return STORY[said_before(prompt, STORY) :]

    faults = [fault] * (1 if fault == "refused" else 9) if fault else []
    return stand_in(answer=tells, faults=faults, max_total_tokens=4096)


def patience(fault: str) -> Timeouts:
    """Only what is silent is met with little of it."""
    return IMPATIENT if fault in SILENT else DEFAULT_TIMEOUTS


async def answered(office: Office) -> Outcome:
    """The one answer of a question that belongs to the first replica; nothing is left behind of it."""
    thread = office.thread(belongs_to=0)
    await office.asks(thread)
    _, outcome = await office.answers()
    assert office.platform.replies[-1].outcomes == [outcome]
    assert outcome.answer == "".join(office.platform.replies[-1].pages).strip()
    kept = [turn.answer for turn in await office.assistant.history.turns(thread)]
    assert kept == ([] if outcome.kind == "failed" else [outcome.answer])
    await office.must_be_idle()
    return outcome


def asked(office: Office) -> list[int]:
    """How often each replica was asked."""
    return [len(server.asked) for server in office.servers]


# ---- one replica alone ------------------------------------------------------------------------------


@pytest.mark.parametrize(("fault", "error"), [*PASSING.items(), *LASTING.items()])
async def test_alone_a_fault_before_text_is_one_sentence(
    redis: RedisServer, fault: str, error: type[BackendError]
) -> None:
    """After three attempts, or one where another would not help, and one more with a shorter prompt."""
    async with office(redis, replica(fault), timeouts=patience(fault)) as alone:
        outcome = await answered(alone)
        assert (outcome.kind, outcome.answer, outcome.why) == ("failed", "", error("").sentence)
        once = 2 if error is PromptTooLong else 1
        assert asked(alone) == [0 if fault == "refused" else ATTEMPTS if fault in PASSING else once]


@pytest.mark.parametrize("fault", MIDWAY)
async def test_alone_a_fault_after_text_ends_the_answer_there(redis: RedisServer, fault: str) -> None:
    """What came stands and is marked; nothing is asked twice."""
    async with office(redis, replica(f"{fault}@5"), timeouts=patience(fault)) as alone:
        outcome = await answered(alone)
        assert (outcome.kind, outcome.why) == ("partial", StreamBroken("").sentence)
        assert STORY.strip().startswith(outcome.answer)
        assert outcome.answer
        assert asked(alone) == [1]


@pytest.mark.parametrize("fault", HARMLESS)
async def test_alone_an_oddity_is_an_answer(redis: RedisServer, fault: str) -> None:
    """The text is whole, and how it ended is what the engine says."""
    async with office(redis, replica(fault)) as alone:
        outcome = await answered(alone)
        script = SCRIPTS.get(fault)
        whole = script.visible if script else STORY
        kind = {"cut_in_emoji": "partial", "empty_answer": "failed"}.get(fault, "answered")
        assert (outcome.kind, letters(outcome.answer)) == (kind, letters(SHOWN.get(fault, whole)))
        assert asked(alone) == [1]


def letters(text: str) -> str:
    """A text without its white space, which pages may change."""
    return "".join(text.split())


# ---- one of two -------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", PASSING)
async def test_beside_a_well_replica_a_fault_before_text_is_not_seen(redis: RedisServer, fault: str) -> None:
    """The second attempt goes to the other one, and nobody waits for the first."""
    async with office(redis, replica(fault), replica(), timeouts=patience(fault)) as two:
        outcome = await answered(two)
        assert (outcome.kind, outcome.answer) == ("answered", STORY.strip())
        assert asked(two) == [0 if fault == "refused" else 1, 1]
        assert outcome.replica == two.names[1]


@pytest.mark.parametrize(("fault", "error"), LASTING.items())
async def test_beside_a_well_replica_what_would_fail_again_is_not_sent_there(
    redis: RedisServer, fault: str, error: type[BackendError]
) -> None:
    """A wrong request is wrong everywhere; only a shorter one is sent once more."""
    async with office(redis, replica(fault), replica()) as two:
        outcome = await answered(two)
        assert (outcome.kind, outcome.why) == ("failed", error("").sentence)
        assert asked(two) == [2 if error is PromptTooLong else 1, 0]


@pytest.mark.parametrize("fault", MIDWAY)
async def test_beside_a_well_replica_a_fault_after_text_is_not_seen(redis: RedisServer, fault: str) -> None:
    """The other one goes on with the answer where it broke off, once, and nobody can tell where that was."""
    async with office(redis, replica(f"{fault}@5"), replica(), timeouts=patience(fault)) as two:
        outcome = await answered(two)
        assert (outcome.kind, outcome.answer, outcome.why) == ("answered", STORY.strip(), "")
        assert asked(two) == [1, 1]
        first, second = (server.asked[0] for server in two.servers)
        said = second.prompt.removeprefix(first.prompt)
        assert said
        assert STORY.startswith(said)
        assert second.max_new_tokens < first.max_new_tokens


@pytest.mark.parametrize("fault", HARMLESS)
async def test_beside_a_well_replica_an_oddity_is_not_tried_again(redis: RedisServer, fault: str) -> None:
    """The other one is not asked."""
    async with office(redis, replica(fault), replica()) as two:
        await answered(two)
        assert asked(two) == [1, 0]


# ---- several questions at once ----------------------------------------------------------------------


async def test_a_batch_that_fails_costs_nobody_an_answer(redis: RedisServer) -> None:
    """All streams of a replica break at once: each goes on elsewhere, and that was one incident."""
    batch = replica()
    batch.token_delay = 0.02
    async with office(redis, batch, replica(), replica()) as three:
        for number in range(6):
            await three.asks(three.thread(belongs_to=number % 3))
        answering = [asyncio.create_task(three.answers()) for _ in range(6)]
        await until(lambda: batch.running > 1 and batch.steps > 4 * batch.running)
        batch.fail_batch()
        outcomes = [outcome for _, outcome in await asyncio.gather(*answering)]

        assert {(outcome.kind, outcome.answer) for outcome in outcomes} == {("answered", STORY.strip())}
        assert sum(asked(three)) == 6 + batch_size(three)
        assert three.router.replicas()[0].state == "well"
        await three.must_be_idle()


def batch_size(office: Office) -> int:
    """How many streams broke at the first replica."""
    return office.router.replicas()[0].failures


async def test_a_replica_that_drains_loses_no_stream_and_gets_no_more(redis: RedisServer) -> None:
    """As when it is updated: what runs there ends there, and what comes goes to the other."""
    leaving = replica()
    leaving.token_delay = 0.02
    async with office(redis, leaving, replica()) as two:
        await two.asks(two.thread(belongs_to=0))
        answering = asyncio.create_task(two.answers())
        await until(lambda: leaving.steps > 2)
        await leaving.drain()
        for _ in range(3):
            await two.asks(two.thread(belongs_to=0))
            _, outcome = await two.answers()
            assert (outcome.kind, outcome.replica) == ("answered", two.names[1])
        _, outcome = await answering
        assert (outcome.kind, outcome.answer, outcome.replica) == ("answered", STORY.strip(), two.names[0])
        assert asked(two) == [1, 3]
        await two.must_be_idle()


async def test_stop_frees_every_slot_also_where_an_answer_went_on(redis: RedisServer) -> None:
    """The engine that goes on with it stops too, and no worker holds anything."""
    slow = replica()
    slow.token_delay = 0.05
    async with office(redis, replica("eof@4"), slow) as two:
        thread = two.thread(belongs_to=0)
        await two.asks(thread)
        answering = asyncio.create_task(two.answers())
        await until(lambda: slow.steps > 1)
        await two.inbox.stop(thread)
        _, outcome = await answering
        assert (outcome.kind, outcome.why) == ("partial", "Stopped.")
        assert STORY.strip().startswith(outcome.answer)
        await two.must_be_idle()
        assert slow.dropped == 1
