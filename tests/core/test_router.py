"""The router over small backends: where a prompt goes, and when it is tried again."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

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
from core.router import ASK_AGAIN, ATTEMPTS, LONGEST_WAIT, REST, Router
from core.types import Limits, Sampling
from tests.fakes import FakeBackend, Says, saying

PARAMS = Sampling(max_new_tokens=16)


class Pauses:
    """Sleeps that take no time and are remembered."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


def says(*pieces: str | BackendError) -> FakeBackend:
    """A backend that always says the same."""
    return FakeBackend(saying(*pieces))


def in_turn(*answers: Says) -> FakeBackend:
    """A backend that says one thing after the other; asked more often, it fails the test."""
    left = iter(answers)

    def next_answer(prompt: str) -> AsyncGenerator[str, None]:
        return next(left)(prompt)

    return FakeBackend(next_answer)


async def heard(router: Router) -> str:
    """All text of one stream."""
    async with aclosing(router.stream("prompt", PARAMS)) as deltas:
        return "".join([delta.text async for delta in deltas])


# ---- trying again -----------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [BackendUnavailable, BackendOverloaded, BackendFailed])
async def test_a_failure_before_the_first_text_is_tried_again_and_nobody_sees_it(
    error: type[BackendError],
) -> None:
    """What can pass is tried again, on the same replica where there is no other."""
    replica = in_turn(saying(error("once")), saying("Hello", " there."))
    assert await heard(Router([replica], sleep=Pauses())) == "Hello there."
    assert replica.prompts == ["prompt", "prompt"]


async def test_an_empty_piece_is_no_text() -> None:
    """A delta without text, as of a special token, does not end the right to try again."""
    replica = in_turn(saying("", BackendFailed("after nothing")), saying("Hello."))
    assert await heard(Router([replica], sleep=Pauses())) == "Hello."


async def test_it_is_tried_elsewhere_where_there_is_an_elsewhere() -> None:
    """The second attempt goes to the replica that did not fail."""
    broken, well = says(BackendUnavailable("gone")), says("Hello.")
    assert await heard(Router([broken, well], sleep=Pauses())) == "Hello."
    assert (len(broken.prompts), len(well.prompts)) == (1, 1)


async def test_a_replica_that_failed_a_moment_ago_is_the_last_resort_until_it_has_rested() -> None:
    """Even with fewer streams it gets no prompt; once its rest is over it counts like the others."""
    now = 1000.0
    broken = in_turn(saying(BackendUnavailable("gone")), saying("Back."))
    well = says("Hello.")
    router = Router([broken, well], clock=lambda: now, sleep=Pauses())
    async with aclosing(router.stream("long", PARAMS)) as running:
        await anext(running)
        assert await heard(router) == "Hello."
        now += REST
        assert await heard(router) == "Back."
    assert (len(broken.prompts), len(well.prompts)) == (2, 2)


async def test_it_gives_up_after_three_attempts_with_the_last_error() -> None:
    """The error that goes on is that of the last attempt."""
    errors = BackendUnavailable("first"), BackendFailed("second"), BackendOverloaded("third")
    replica = in_turn(*map(saying, errors))
    with pytest.raises(BackendOverloaded, match="third"):
        await heard(Router([replica], sleep=Pauses()))
    assert len(replica.prompts) == ATTEMPTS == 3


@pytest.mark.parametrize("error", [BackendRejected, PromptTooLong, BackendUnauthorized, StreamBroken])
async def test_what_would_fail_again_is_not_tried_again(error: type[BackendError]) -> None:
    """A wrong request, a wrong key and a broken stream go on at once."""
    pauses, first, second = Pauses(), says(error("no")), says("Hello.")
    with pytest.raises(error):
        await heard(Router([first, second], sleep=pauses))
    assert (len(first.prompts), len(second.prompts), pauses.seconds) == (1, 0, [])


@pytest.mark.parametrize("error", [BackendUnavailable, BackendOverloaded, BackendFailed, StreamBroken])
async def test_after_the_first_text_nothing_is_tried_again(error: type[BackendError]) -> None:
    """A second attempt would say the same words twice, so the error follows what came."""
    first, second = says("Hel", error("cut")), says("Hello.")
    async with aclosing(Router([first, second], sleep=Pauses()).stream("prompt", PARAMS)) as deltas:
        assert (await anext(deltas)).text == "Hel"
        with pytest.raises(error, match="cut"):
            await anext(deltas)
    assert (len(first.prompts), len(second.prompts)) == (1, 0)


# ---- waiting ----------------------------------------------------------------------------------------


async def test_a_replica_that_says_when_to_come_back_is_taken_at_its_word() -> None:
    """Retry-After is waited for exactly, also where it is longer than a pause of our own."""
    pauses = Pauses()
    replica = in_turn(saying(BackendOverloaded("busy", retry_after=7.0)), saying("Hello."))
    assert await heard(Router([replica], sleep=pauses)) == "Hello."
    assert pauses.seconds == [7.0]


async def test_a_replica_that_asks_for_an_hour_is_not_waited_for_an_hour() -> None:
    """A person waits for the answer, so no wish of a replica counts for more than the longest wait."""
    pauses = Pauses()
    replica = in_turn(saying(BackendOverloaded("busy", retry_after=3600.0)), saying("Hello."))
    assert await heard(Router([replica], sleep=pauses)) == "Hello."
    assert pauses.seconds == [LONGEST_WAIT]


async def test_without_a_word_from_the_replica_the_pauses_are_short_and_random() -> None:
    """Random, so that many workers do not come back at the same moment."""
    pauses = Pauses()
    router = Router([says(BackendUnavailable("gone"))], sleep=pauses)
    for _ in range(20):
        with pytest.raises(BackendUnavailable):
            await heard(router)
    assert len(pauses.seconds) == 20 * (ATTEMPTS - 1)
    assert len(set(pauses.seconds)) > 20
    assert all(0 <= pause <= 5 for pause in pauses.seconds)


# ---- choosing a replica -----------------------------------------------------------------------------


async def test_a_prompt_goes_to_the_replica_with_the_fewest_streams() -> None:
    """Six streams that run at once are spread evenly over three replicas."""
    replicas = [says("one", "two") for _ in range(3)]
    router = Router(replicas)
    streams = [router.stream("prompt", PARAMS) for _ in range(6)]
    for stream in streams:
        await anext(stream)
    assert [replica.open for replica in replicas] == [2, 2, 2]
    for stream in streams:
        await stream.aclose()


async def test_leaving_early_closes_the_replicas_stream_and_frees_its_place() -> None:
    """Who stops reading stops the engine, and the next prompt goes where that stream was."""
    first, second = says("one", "two"), says("one", "two")
    router = Router([first, second])
    leaving, staying = router.stream("prompt", PARAMS), router.stream("prompt", PARAMS)
    await anext(leaving)
    await anext(staying)
    await leaving.aclose()
    assert (first.open, second.open) == (0, 1)
    async with aclosing(staying), aclosing(router.stream("prompt", PARAMS)) as following:
        await anext(following)
        assert (first.open, second.open) == (1, 1)


async def test_a_cancelled_stream_is_closed_and_not_tried_again() -> None:
    """Stop ends the wait for the next piece, leaves nothing open and asks no other replica."""
    asked = asyncio.Event()

    async def thinks(prompt: str) -> AsyncGenerator[str, None]:
        asked.set()
        await asyncio.Event().wait()
        yield "never"

    first, second = FakeBackend(thinks), says("Hello.")
    router = Router([first, second], sleep=Pauses())
    reading = asyncio.create_task(heard(router))
    await asked.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert (first.open, len(first.prompts), len(second.prompts)) == (0, 1, 0)


async def test_a_stream_that_failed_frees_its_place() -> None:
    """After its rest, the replica on which a stream broke gets as many prompts as the other."""
    now = 1000.0
    first = in_turn(saying("one", StreamBroken("cut")), saying("one", "two"))
    second = says("one", "two")
    router = Router([first, second], clock=lambda: now)
    with pytest.raises(StreamBroken):
        await heard(router)
    now += REST
    async with aclosing(router.stream("a", PARAMS)) as a, aclosing(router.stream("b", PARAMS)) as b:
        await anext(a)
        await anext(b)
        assert (first.open, second.open) == (1, 1)


# ---- what all can take ------------------------------------------------------------------------------


async def test_limits_are_what_every_replica_can_take() -> None:
    """A prompt may go to any of them, so the least window counts; together they take the sum."""
    router = Router(
        [
            FakeBackend(saying(), Limits("model", window=4096, max_input=4000, max_concurrent=10)),
            FakeBackend(
                saying(), Limits("model", window=2048, max_input=2047, max_concurrent=20, raw_text=False)
            ),
            FakeBackend(saying(), Limits("model", window=8192, max_input=1000, max_concurrent=30)),
        ]
    )
    least = Limits("model", window=2048, max_input=1000, max_concurrent=60, raw_text=False)
    assert await router.limits() == least


async def test_a_replica_that_does_not_answer_sets_no_limit() -> None:
    """One replica that is away does not keep the others from answering."""
    there = Limits("model", window=2048, max_input=2047)
    router = Router([FakeBackend(saying(), BackendUnavailable("gone")), FakeBackend(saying(), there)])
    assert await router.limits() == there


async def test_limits_are_asked_once_and_a_silent_replica_holds_nobody_up() -> None:
    """What a replica said is remembered; one that said nothing is asked again only after a while."""

    class Counting(FakeBackend):
        asked = 0

        async def limits(self) -> Limits:
            self.asked += 1
            return await super().limits()

    now = 1000.0
    there = Counting(saying(), Limits("model", window=2048, max_input=2047))
    away = Counting(saying(), BackendUnavailable("gone"))
    router = Router([there, away], clock=lambda: now)
    for _ in range(3):
        await router.limits()
    assert (there.asked, away.asked) == (1, 1)
    now += ASK_AGAIN
    await router.limits()
    assert (there.asked, away.asked) == (1, 2)


async def test_where_no_replica_answers_there_are_no_limits() -> None:
    """The error says why."""
    with pytest.raises(BackendUnavailable, match="gone"):
        await Router([FakeBackend(saying(), BackendUnavailable("gone"))]).limits()


def test_a_router_needs_a_replica() -> None:
    """Without one it could answer nothing, so it is refused where it is made."""
    with pytest.raises(ValueError, match="at least one"):
        Router([])
