"""The trace of a message: what lies under what, and what of the log stands in it."""

import asyncio
from contextlib import suppress

import pytest

from core import trace
from core.worker import Worker
from tests.core.test_worker import FakeLease, message
from tests.fakes import FakeTracer


def logged(event: str, **fields: object) -> dict[str, object]:
    """A line of the log as it goes on."""
    entry: dict[str, object] = {"event": event, **fields}
    trace.observe(None, "info", entry)
    return entry


async def test_steps_lie_under_the_one_in_which_they_began_also_in_other_tasks() -> None:
    """Pages are written in a task of their own; a stream is asked by an async generator."""
    tracer = FakeTracer()

    async def write() -> None:
        with trace.step("reply.write"):
            pass

    with trace.traced(tracer), trace.step("worker.attempt", under="00-abc-def-01") as attempt:
        await asyncio.create_task(write())
        stream = trace.begin("replica.stream")
        with trace.step("reply.finish"):
            pass
        stream.end()

    outer, *inner = tracer.steps
    assert (outer.under, outer.trace) == ("00-abc-def-01", "abc")
    assert {step.under for step in inner} == {attempt.place}
    assert all(step.ended for step in tracer.steps)


def test_without_a_tracer_nothing_is_noted_and_no_line_names_a_trace() -> None:
    """Nobody who wants no traces pays for them."""
    with trace.step("worker.attempt", {"attempt": 1}) as step:
        trace.note(outcome="answered")
        assert (step.place, logged("assistant.answered")) == ("", {"event": "assistant.answered"})


def test_a_line_of_the_log_leads_to_its_trace_and_stands_there_without_words() -> None:
    """Of a line only numbers and fixed words go out; sentences, ids and names stay in the log."""
    tracer = FakeTracer()
    with trace.traced(tracer), trace.step("worker.attempt"):
        line = logged("router.tries_again", replica="a:1", attempt=2, detail="Ann said", thread="slack:C1")
        logged("worker.attempt_failed", error="StoreError: no route to Ann")
        logged("reply.attempt_failed", error="RateLimited")

    (step,) = tracer.steps
    assert line["trace_id"] == step.trace
    assert step.events == [
        ("router.tries_again", {"replica": "a:1", "attempt": 2}),
        ("worker.attempt_failed", {}),
        ("reply.attempt_failed", {"error": "RateLimited"}),
    ]


def test_what_is_no_sample_is_named_in_no_line() -> None:
    """Its trace was sent nowhere, so that an id would lead nowhere."""
    with trace.traced(FakeTracer(flags="03")), trace.step("worker.attempt"):
        assert "trace_id" in logged("router.continued")
    with trace.traced(FakeTracer(flags="02")), trace.step("worker.attempt"):
        assert "trace_id" not in logged("router.continued")


@pytest.mark.parametrize(
    ("error", "noted"),
    [(ValueError("what Ann said"), {"error": "ValueError"}), (asyncio.CancelledError(), {"cancelled": True})],
)
def test_a_step_that_fails_says_of_what_and_one_that_is_cancelled_did_not_fail(
    error: BaseException, noted: dict[str, object]
) -> None:
    """The text of an error may hold people's words; a Stop is nobody's failure."""
    tracer = FakeTracer()
    with trace.traced(tracer), suppress(type(error)), trace.step("reply.write"):
        raise error

    assert (tracer.steps[0].facts, tracer.steps[0].ended) == (noted, True)


async def test_a_message_that_bears_no_trace_begins_one_with_its_worker() -> None:
    """The release before stored none, nor does a gateway that is not told of a collector."""
    tracer, lease = FakeTracer(), FakeLease(message(1, "nowhere"))
    with trace.traced(tracer):
        await Worker(None, None, {}, at_once=1, grace=0)._care_for(lease)  # type: ignore[arg-type]  # unused

    (attempt,) = tracer.steps
    assert (attempt.name, attempt.under, attempt.facts["message_id"]) == ("worker.attempt", "", "m1")
