"""The router over small backends: where a prompt goes, and when it is tried again."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from core.breaker import EJECTED_FOR, FAILURES, INCIDENT
from core.budget import ALWAYS, SHARE
from core.budget import WINDOW as BUDGET_WINDOW
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
from core.replica import ASK_AGAIN, LONGEST_WAIT, REST, SLOTS_UNTIL_KNOWN
from core.router import ATTEMPTS, Router
from core.types import Delta, Finish, Limits, Sampling, Usage
from tests.fakes import FakeBackend, Says, continuing, saying

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
    """A wrong request, a wrong key and a stream that broke without text are the caller's to know at once."""
    pauses, first, second = Pauses(), says(error("no")), says("Hello.")
    with pytest.raises(error):
        await heard(Router([first, second], sleep=pauses))
    assert (len(first.prompts), len(second.prompts), pauses.seconds) == (1, 0, [])


@pytest.mark.parametrize("error", [BackendUnavailable, BackendOverloaded, BackendFailed])
async def test_after_the_first_text_nothing_is_tried_again(error: type[BackendError]) -> None:
    """A second attempt would say the same words twice, so the error follows what came."""
    first, second = says("Hel", error("cut")), says("Hello.")
    async with aclosing(Router([first, second], sleep=Pauses()).stream("prompt", PARAMS)) as deltas:
        assert (await anext(deltas)).text == "Hel"
        with pytest.raises(error, match="cut"):
            await anext(deltas)
    assert (len(first.prompts), len(second.prompts)) == (1, 0)


# ---- going on elsewhere -----------------------------------------------------------------------------

STORY = "Once upon a time there was a runner who carried knots over the mountains."


def telling(*pieces: int, limits: Limits | None = None) -> FakeBackend:
    """A backend that tells the story from where the prompt ends; each time it breaks after so many pieces."""
    left = list(pieces)

    async def tells(prompt: str) -> AsyncGenerator[str, None]:
        most = left.pop(0) if left else -1
        async with aclosing(continuing(STORY)(prompt)) as story:
            async for piece in story:
                if most == 0:
                    raise StreamBroken("cut", replica="broken")
                most -= 1
                yield piece

    return FakeBackend(tells, limits)


async def team(*replicas: FakeBackend) -> Router:
    """A router that knows what its replicas can take."""
    router = Router(replicas, sleep=Pauses())
    await router.limits()
    return router


async def test_a_stream_that_breaks_after_text_is_gone_on_with_elsewhere() -> None:
    """Whoever reads sees one text, no character lost or doubled, of one length, counted as one answer."""
    broken, well = telling(3), telling()
    router = await team(broken, well)
    async with aclosing(router.stream("Tell: ", Sampling(max_new_tokens=100, stop=("</s>",)))) as deltas:
        heard = [delta async for delta in deltas]

    assert "".join(delta.text for delta in heard) == STORY
    assert well.prompts == ["Tell: " + STORY[:12]]
    assert well.params == [Sampling(max_new_tokens=100 - 12, stop=("</s>",))]
    assert [delta.finish for delta in heard if delta.finish] == [heard[-1].finish]
    assert [view.continued for view in router.replicas()] == [0, 1]


async def test_the_tokens_of_both_parts_are_counted() -> None:
    """What the first replica said is no part of the prompt, though the second one was given it there."""
    prompt, text = "Tell: ", STORY[:8]

    class Counting(FakeBackend):
        async def stream(self, prompt: str, params: Sampling) -> AsyncGenerator[Delta, None]:
            yield Delta("the rest", Finish("eos_token", Usage(len(prompt) + 1, 5)))

    router = await team(telling(2), Counting(saying()))
    async with aclosing(router.stream(prompt, Sampling(100))) as deltas:
        finish = [delta.finish async for delta in deltas][-1]

    assert finish == Finish("eos_token", Usage(len(prompt) + 1, len(text) + 5))


async def test_an_answer_is_gone_on_with_once() -> None:
    """When the second replica breaks too, the text of both stands, and the third is not asked."""
    replicas = telling(2), telling(2), telling()
    async with aclosing((await team(*replicas)).stream("Tell: ", Sampling(100))) as deltas:
        assert "".join([(await anext(deltas)).text for _ in range(4)]) == STORY[:16]
        with pytest.raises(StreamBroken, match="cut"):
            await anext(deltas)
    assert [len(replica.prompts) for replica in replicas] == [1, 1, 0]


async def test_a_continuation_that_cannot_begin_leaves_the_error_of_the_break() -> None:
    """It is not tried again: people see what came, and why it ends."""
    second = says(BackendOverloaded("busy"))
    with pytest.raises(StreamBroken, match="cut") as caught:
        await heard(await team(telling(2), second))
    assert isinstance(caught.value.__cause__, BackendOverloaded)
    assert len(second.prompts) == 1


async def test_what_takes_no_raw_text_cannot_go_on() -> None:
    """A backend that writes its own prompts would begin a new answer in the middle of this one."""
    chat = telling(limits=Limits("chat", 2048, 2047, raw_text=False))
    with pytest.raises(StreamBroken):
        await heard(await team(telling(2), chat))
    assert not chat.prompts


async def test_a_replica_alone_does_not_go_on() -> None:
    """It has just failed; what came stands."""
    alone = telling(2)
    with pytest.raises(StreamBroken):
        await heard(await team(alone))
    assert len(alone.prompts) == 1


async def test_an_answer_that_has_its_length_is_whole_though_its_stream_broke() -> None:
    """Nothing was left to say but the end."""
    broken, second = telling(4), telling()
    router = await team(broken, second)
    async with aclosing(router.stream("Tell: ", Sampling(max_new_tokens=16))) as deltas:
        said = [delta async for delta in deltas]
    assert said[-1].finish == Finish("length", Usage(len("Tell: ") + 1, 16))
    assert not second.prompts


async def test_a_stop_after_the_break_closes_the_second_replica_too() -> None:
    """Whoever leaves leaves nothing open behind."""
    first, second = telling(1), telling()
    async with aclosing((await team(first, second)).stream("Tell: ", Sampling(100))) as deltas:
        assert [(await anext(deltas)).text for _ in range(3)] == ["Once", " upo", "n a "]
        assert (first.open, second.open) == (0, 1)
    assert second.open == 0


async def test_whoever_answers_instead_is_named_before_it_is_asked() -> None:
    """So that the slot goes along, to where it is tried again and to where it is gone on."""
    first, second = (
        in_turn(saying(BackendFailed("no memory")), saying("Once", StreamBroken("cut"))),
        telling(),
    )
    router = Router([first, second], names=["a", "b"], sleep=Pauses())
    await router.limits()
    for said in ("", "Once"):
        async with aclosing(router.stream("Tell: ", Sampling(100, replica="a"))) as deltas:
            assert not said or (await anext(deltas)).text == said
            asked = len(second.prompts)
            assert await anext(deltas) == Delta("", None, "b")
            assert len(second.prompts) == asked


async def test_continuations_are_no_retries() -> None:
    """However many answers break, each is gone on with; the budget is for what nobody has seen."""
    first, second = telling(*[1] * 100), telling()
    router = Router([first, second], clock=lambda: 1000.0, sleep=Pauses())
    await router.limits()
    for _ in range(3 * ALWAYS):
        assert await heard(router) == STORY


# ---- the budget of retries --------------------------------------------------------------------------


async def test_no_more_is_tried_again_than_the_budget_grants() -> None:
    """When all fail, trying again would only be more load: every further request fails at once."""
    now = 1000.0
    failing = says(BackendFailed("no memory"))
    router = Router([failing], clock=lambda: now, sleep=Pauses())
    for _ in range(400):
        with pytest.raises(BackendFailed):
            await heard(router)
    assert len(failing.prompts) == 400 + 400 * SHARE

    now += BUDGET_WINDOW
    with pytest.raises(BackendFailed):
        await heard(router)
    assert len(failing.prompts) == 440 + ATTEMPTS


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


async def test_a_replica_that_asks_for_an_hour_is_not_left_alone_for_an_hour() -> None:
    """Others answer meanwhile, but after the longest wait it has its share again."""
    now = 1000.0
    router = Router(
        [says(BackendOverloaded("busy", retry_after=3600.0)), says("Hello.")],
        clock=lambda: now,
        sleep=Pauses(),
    )
    assert await heard(router) == "Hello."
    assert router.replicas()[0].state == "resting"
    now += LONGEST_WAIT
    assert router.replicas()[0].state == "well"


async def test_nothing_is_tried_again_once_patience_is_over() -> None:
    """Who has waited that long for silent replicas is told so, and does not wait for a third."""
    other = says("Hello.")
    with pytest.raises(BackendUnavailable, match="silent"):
        await heard(Router([says(BackendUnavailable("silent")), other], patience=0.0, sleep=Pauses()))
    assert not other.prompts


async def test_without_a_word_from_the_replica_the_pauses_are_short_and_random() -> None:
    """Random, so that many workers do not come back at the same moment."""
    pauses = Pauses()
    router = Router([says(BackendUnavailable("gone"))], sleep=pauses)
    for _ in range(10):
        with pytest.raises(BackendUnavailable):
            await heard(router)
    assert len(pauses.seconds) == 10 * (ATTEMPTS - 1)
    assert len(set(pauses.seconds)) > 10
    assert all(0 <= pause <= 5 for pause in pauses.seconds)


async def test_nobody_waits_for_one_replica_while_another_is_well() -> None:
    """What a replica asks for keeps us from it, and not from the other."""
    pauses = Pauses()
    busy, well = says(BackendOverloaded("busy", retry_after=7.0)), says("Hello.")
    router = Router([busy, well], sleep=pauses)
    assert await heard(router) == "Hello."
    assert await heard(router) == "Hello."
    assert len(busy.prompts) == 1
    assert pauses.seconds[0] < 1


# ---- choosing a replica -----------------------------------------------------------------------------


async def test_the_replica_that_keeps_a_slot_is_asked_though_others_have_less_to_do() -> None:
    """It knows the thread; another one is asked when it fails."""
    first, second = says("one", "two"), says("Hello.")
    router = Router([first, second], names=["a", "b"])
    async with aclosing(router.stream("prompt", replace(PARAMS, replica="a"))) as running:
        await anext(running)
        async with aclosing(router.stream("prompt", replace(PARAMS, replica="a"))) as deltas:
            await anext(deltas)
            assert (first.open, second.open) == (2, 0)


async def test_a_replica_that_is_away_has_no_slots_until_it_has_rested() -> None:
    """Workers are told, so that they take nothing for it; the last one that is left always counts."""
    now = 1000.0
    away, well = in_turn(saying(BackendUnavailable("gone")), saying("Back.")), says("Hello.")
    router = Router([away, well], names=["a", "b"], clock=lambda: now, sleep=Pauses())
    await router.limits()
    assert router.capacity() == {"a": 128, "b": 128}
    assert await heard(router) == "Hello."
    assert router.capacity() == {"a": 0, "b": 128}
    now += REST
    assert router.capacity() == {"a": 128, "b": 128}

    alone = Router([says(BackendUnavailable("gone"))], names=["a"], clock=lambda: now, sleep=Pauses())
    with pytest.raises(BackendUnavailable):
        await heard(alone)
    assert alone.capacity() == {"a": SLOTS_UNTIL_KNOWN}


async def test_a_replica_that_never_said_its_limits_gets_nothing_while_another_did() -> None:
    """It is being loaded; once it answers, it has its share."""
    now, loading = 1000.0, FakeBackend(saying("Hello."), BackendUnavailable("connection refused"))
    router = Router([loading, says("Hello.")], names=["a", "b"], clock=lambda: now)
    assert router.capacity() == {"a": SLOTS_UNTIL_KNOWN, "b": SLOTS_UNTIL_KNOWN}
    await router.limits()
    assert router.capacity() == {"a": 0, "b": 128}
    assert await heard(router) == "Hello."
    assert not loading.prompts

    loading._limits = Limits("fake", window=2048, max_input=2047)
    now += ASK_AGAIN
    await router.limits()
    assert router.capacity() == {"a": 128, "b": 128}


async def test_a_replica_that_keeps_failing_is_ejected_and_tried_with_one_request() -> None:
    """Nobody waits for it meanwhile; when its one trial goes well, it has its share again."""
    now = 1000.0
    failing = in_turn(
        *[saying(BackendFailed("no memory"))] * FAILURES, saying("one", "two"), saying("Hello.")
    )
    well = says("Hello.")
    router = Router([failing, well], names=["a", "b"], clock=lambda: now, sleep=Pauses())
    for _ in range(FAILURES + 3):
        assert await heard(router) == "Hello."
        now += INCIDENT
    assert len(failing.prompts) == FAILURES
    assert [(view.state, view.failures, view.ejections) for view in router.replicas()] == [
        ("ejected", FAILURES, 1),
        ("well", 0, 0),
    ]

    now += EJECTED_FOR
    async with aclosing(router.stream("prompt", PARAMS)) as trial:
        await anext(trial)
        assert router.capacity()["a"] == 0
        assert await heard(router) == "Hello."
        assert len(failing.prompts) == FAILURES + 1
    assert router.replicas()[0].state == "well"
    assert await heard(router) == "Hello."
    assert len(failing.prompts) == FAILURES + 2


async def test_a_replica_is_tried_by_one_even_while_a_slot_moves_to_it() -> None:
    """It counts as asked from the moment it is named; who comes until it is really asked goes elsewhere."""
    now = 1000.0
    tried = in_turn(*[saying(BackendFailed("no memory"))] * FAILURES, saying("It works."))
    busy = saying(BackendOverloaded("busy"))
    other = in_turn(*[saying("Hello.")] * FAILURES, busy, busy, saying("Hello."))
    router = Router([tried, other], names=["a", "b"], clock=lambda: now, sleep=Pauses())
    for _ in range(FAILURES):
        async with aclosing(router.stream("prompt", replace(PARAMS, replica="a"))) as deltas:
            assert "".join([delta.text async for delta in deltas]) == "Hello."
        now += max(INCIDENT, REST)
    now += EJECTED_FOR

    for_b = replace(PARAMS, replica="b")
    async with aclosing(router.stream("prompt", for_b)) as trial:
        assert await anext(trial) == Delta("", None, "a")
        async with aclosing(router.stream("prompt", for_b)) as deltas:
            assert "".join([delta.text async for delta in deltas]) == "Hello."
        assert len(tried.prompts) == FAILURES
        assert (await anext(trial)).text == "It works."


async def test_a_slot_that_went_along_is_called_back_by_name() -> None:
    """Whoever is asked a second time is named again, when another one was asked in between."""
    first = in_turn(saying(BackendFailed("no memory")), saying("Hello."))
    router = Router([first, says(BackendFailed("none here"))], names=["a", "b"], sleep=Pauses())
    async with aclosing(router.stream("prompt", replace(PARAMS, replica="a"))) as deltas:
        said = [delta async for delta in deltas]
    assert [delta.replica for delta in said if not delta.text and not delta.finish] == ["b", "a"]


# ---- streams side by side ---------------------------------------------------------------------------


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
    assert [view.streams for view in router.replicas()] == [0, 0]


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
    assert [view.streams for view in router.replicas()] == [0, 0]
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


# ---- figures ----------------------------------------------------------------------------------------


async def test_what_streams_may_still_say_is_known_of_each_replica() -> None:
    """Each piece takes one away, and an end all that is left, also when a stream is left early."""
    router = Router([says("One", " two", " three")])
    async with aclosing(router.stream("prompt", PARAMS)) as deltas:
        await anext(deltas)
        during = router.replicas()[0].outstanding
    assert (during, router.replicas()[0].outstanding) == (15, 0)


async def test_what_a_replica_may_know_of_its_prompts_is_counted() -> None:
    """A prompt that begins as an earlier one did, as far as it does."""
    router = Router([says("Yes.")])
    for prompt in ("a" * 1024, "a" * 1024 + "b" * 512):
        async with aclosing(router.stream(prompt, PARAMS)) as deltas:
            assert [delta async for delta in deltas]
    view = router.replicas()[0]

    assert (view.prompt_characters, view.known_characters) == (2560, 1024)


async def test_what_is_tried_again_and_how_fast_a_replica_speaks_is_told_of_each() -> None:
    """Until its first text, and behind that in tokens; whoever failed has a retry and no pace."""
    now = 1000.0

    class Slow(FakeBackend):
        async def stream(self, prompt: str, params: Sampling) -> AsyncGenerator[Delta, None]:
            nonlocal now
            for seconds, end in ((2.0, None), (1.0, Finish("eos_token", Usage(1, 3)))):
                now += seconds
                yield Delta("word", end)

    replicas = says(BackendFailed("no memory")), Slow(saying())
    router = Router(replicas, names=["a", "b"], clock=lambda: now, sleep=Pauses())
    with capture_logs() as logs:
        await heard(router)

    told = {entry["event"]: entry for entry in logs}
    assert told["router.tries_again"]["replica"] == "a"
    spoke = told["router.replica_spoke"]
    assert (spoke["replica"], spoke["first_text_ms"], spoke["tokens_per_second"]) == ("b", 2000.0, 3.0)
