"""Metrics: what is counted of the log, under which names, and with which labels."""

import ast
from functools import cache
from pathlib import Path

import pytest
import structlog
from prometheus_client.parser import text_string_to_metric_families

from adapters.metrics import LABELS, METRICS, MOST_VALUES, OTHER, Metric, Metrics
from core.retrying import Sent
from core.story import story, telling
from core.types import Message, Outcome, ThreadId, Usage

ROOT = Path(__file__).parents[2]
BOUND = {"platform"}
"""Labels that come from the context of the message, as `core.story.telling` binds it."""
MESSAGE = Message("m1", ThreadId("discord", "42"), "7", "Where is the key of Ann?", 1.0, "Ann")


@cache
def logged() -> dict[str, list[set[str]]]:
    """Each event of the log in the program, with the fields that stand beside it, wherever it is logged."""
    found: dict[str, list[set[str]]] = {}
    for path in (file for part in ("core", "adapters", "bots") for file in (ROOT / part).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=ast.Name(id="log")), args=[ast.Constant(value=str(event)), *_]
                ):
                    fields = {keyword.arg or "**" for keyword in node.keywords}
                    found.setdefault(event, []).append(
                        fields | (set(answered()) if "**" in fields else set())
                    )
    return found


def samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """What the page says, by name and labels."""
    families = text_string_to_metric_families(metrics.page().decode())
    found = [sample for family in families for sample in family.samples]
    return {(each.name, tuple(sorted(each.labels.items()))): each.value for each in found}


def observing(metrics: Metrics) -> structlog.typing.FilteringBoundLogger:
    """A log whose events the metrics see."""
    bound: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
        structlog.ReturnLogger(),
        processors=[
            structlog.contextvars.merge_contextvars,
            metrics.observe,
            structlog.processors.JSONRenderer(),
        ],
    )
    return bound


def answered(**fields: object) -> dict[str, object]:
    """The last line of an answer."""
    outcome = Outcome("answered", usage=Usage(100, 20), first_token_ms=500.0, total_ms=2500.0, replica="a:1")
    return {"waited_ms": 200, **story(MESSAGE, 1, outcome, Sent(2, 7, 1, 1)), **fields}


@pytest.mark.parametrize(
    "metric", [metric for metric in METRICS if metric.on], ids=lambda metric: metric.name
)
def test_every_event_that_is_counted_is_logged_with_what_is_counted_of_it(metric: Metric) -> None:
    """An event that is renamed, or loses a field, would else leave a metric at 0 for ever."""
    for on in metric.on:
        needed = {*metric.labels, *([on.of] if on.of else []), *(["error"] if on.error else [])}
        assert on.event in logged()
        assert all(needed - BOUND - set(on.labels) <= fields for fields in logged()[on.event]), on.event


def test_names_are_unique_and_say_their_unit() -> None:
    """As Prometheus wants them: counters end in _total, times in _seconds, and all begin alike."""
    names = [metric.name for metric in METRICS]
    assert len(set(names)) == len(names)
    assert all(name.startswith("chasqui_") for name in names)
    assert all((metric.kind == "counter") == metric.name.endswith("_total") for metric in METRICS)
    assert all(metric.about.endswith(".") for metric in METRICS)


def test_no_label_is_a_person_a_message_or_a_thread() -> None:
    """Labels are few, and none of them holds what people are called or say."""
    assert {label for metric in METRICS for label in metric.labels} <= LABELS
    assert not LABELS & {"message_id", "thread", "author", "channel", "user", "detail", "document"}


def test_labels_are_bounded_whatever_comes() -> None:
    """A label with ever new values would fill Prometheus' memory."""
    metrics = Metrics()
    log = observing(metrics)
    for number in range(3 * MOST_VALUES):
        log.warning("router.attempt_failed", replica=f"replica-{number}:80", error="BackendFailed")

    found = {
        labels: value for (name, labels), value in samples(metrics).items() if "replica_failures" in name
    }
    assert len(found) == MOST_VALUES + 1
    assert found[(("error", "BackendFailed"), ("replica", OTHER))] == 2 * MOST_VALUES


def test_an_answer_is_counted_with_its_times_and_tokens() -> None:
    """From the one line that tells a message's whole story."""
    metrics = Metrics()
    with telling(MESSAGE):
        observing(metrics).info("assistant.answered", **answered(citations=3))
    found = samples(metrics)

    on = ("platform", "discord")
    assert found["chasqui_messages_total", (("outcome", "answered"), on)] == 1
    assert found["chasqui_first_text_seconds_sum", (on,)] == 0.5
    assert found["chasqui_answer_seconds_sum", (on,)] == 2.5
    assert found["chasqui_inbox_wait_seconds_sum", (on,)] == 0.2
    assert found["chasqui_tokens_total", (("kind", "completion"), on)] == 20
    assert found["chasqui_tokens_per_second_sum", (on,)] == 10
    assert (found["chasqui_pages_total", (on,)], found["chasqui_page_writes_total", (on,)]) == (2, 7)
    assert found["chasqui_citations_total", (("result", "resolved"),)] == 3
    assert b"Ann" not in metrics.page()
    assert b"m1" not in metrics.page()


def test_an_answer_without_a_word_of_the_model_has_no_time_to_its_first_text() -> None:
    """What is not known is not counted as nothing."""
    metrics = Metrics()
    observing(metrics).info(
        "assistant.answered", **answered(first_token_ms=None, tokens_per_second=None), platform="slack"
    )

    assert ("chasqui_first_text_seconds_count", (("platform", "slack"),)) not in samples(metrics)


def test_only_what_a_platform_refuses_as_too_much_counts_as_rate_limited() -> None:
    """Other failures of a write are retries, and no more."""
    metrics = Metrics()
    log = observing(metrics)
    for error in ("RateLimited", "WriteFailed", "RateLimited"):
        log.warning("reply.attempt_failed", attempt=1, error=error, detail="", platform="slack")
    found = samples(metrics)

    assert found["chasqui_platform_rate_limited_total", (("platform", "slack"),)] == 2
    assert found["chasqui_retries_total", (("platform", "slack"), ("what", "platform"))] == 3


def test_what_was_told_is_not_there_once_it_is_not_known() -> None:
    """A gauge that nobody can read any more must not go on saying what it said."""
    metrics = Metrics()
    metrics.tell("chasqui_inbox_lag_seconds", 7.0)
    assert samples(metrics)["chasqui_inbox_lag_seconds", ()] == 7
    metrics.forget()
    assert ("chasqui_inbox_lag_seconds", ()) not in samples(metrics)
    assert b"# TYPE chasqui_inbox_lag_seconds gauge" in metrics.page()
