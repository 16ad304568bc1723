"""Prometheus metrics, counted from the events of the log.

Whatever is worth counting is worth a line in the log, and each of these is an event with a fixed name and
bound context. So nothing in chasqui knows of metrics: `Metrics.observe` is one more processor of structlog,
and `METRICS` says which event counts as what. What is no event (how much waits now) is set when it is asked
for. The names are fixed: dashboards and alerts stand on them.

Labels are few and their values are bounded, whatever happens: nobody's words, names or ids are among them.
"""

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, Literal

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
"""What `Metrics.page` is."""
LABELS = frozenset({"platform", "outcome", "kind", "what", "replica", "error", "result", "part", "version"})
"""All labels that there are."""
MOST_VALUES = 100
"""Values of one label of one metric; whatever comes after these is called `OTHER`."""
OTHER = "other"

_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 60, 120, 300, 600)
_PACES = (1, 2, 5, 10, 15, 20, 30, 40, 60, 80, 120, 200)
_PLACES = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)


@dataclass(frozen=True, slots=True)
class On:
    """An event of the log that counts: once, or by the number in its field `of`, times `scale`.

    With `error`, only where the event names that error. `labels` are those that the event does not name.
    """

    event: str
    of: str = ""
    scale: float = 1.0
    error: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric by the name under which Prometheus keeps it.

    What is counted `on` no event is set by whoever serves the page, and is not there while nobody knows it.
    """

    name: str
    kind: Literal["counter", "histogram", "gauge"]
    about: str
    labels: tuple[str, ...] = ()
    on: tuple[On, ...] = ()
    buckets: Sequence[float] = ()


_ANSWERED = "assistant.answered"

METRICS = (
    Metric(
        "chasqui_messages_accepted_total",
        "counter",
        "Messages that were put into the inbox.",
        ("platform",),
        (On("inbox.accepted"),),
    ),
    Metric(
        "chasqui_messages_declined_total",
        "counter",
        "Messages that were not taken, because the inbox or its asker's share of it was full.",
        ("platform",),
        (On("inbox.full"),),
    ),
    Metric(
        "chasqui_messages_total",
        "counter",
        "Messages that ended, by outcome: answered, partial, refused (the documents do not say), failed "
        "(the asker was told why) or set_aside (no attempt came to an end).",
        ("platform", "outcome"),
        (On(_ANSWERED), On("worker.message_set_aside", labels={"outcome": "set_aside"})),
    ),
    Metric(
        "chasqui_inbox_wait_seconds",
        "histogram",
        "From the time of a question on its platform until a worker took it.",
        ("platform",),
        (On(_ANSWERED, "waited_ms", 1e-3),),
        _SECONDS,
    ),
    Metric(
        "chasqui_inbox_place",
        "histogram",
        "How many questions came before one, when its asker was first told.",
        ("platform",),
        (On("worker.place", "ahead"),),
        _PLACES,
    ),
    Metric(
        "chasqui_first_text_seconds",
        "histogram",
        "From the moment a worker took a message until the first text of the model.",
        ("platform",),
        (On(_ANSWERED, "first_token_ms", 1e-3),),
        _SECONDS,
    ),
    Metric(
        "chasqui_answer_seconds",
        "histogram",
        "From the moment a worker took a message until its answer stood.",
        ("platform",),
        (On(_ANSWERED, "total_ms", 1e-3),),
        _SECONDS,
    ),
    Metric(
        "chasqui_tokens_total",
        "counter",
        "Tokens of answers that ended, by kind: prompt or completion.",
        ("platform", "kind"),
        (
            On(_ANSWERED, "prompt_tokens", labels={"kind": "prompt"}),
            On(_ANSWERED, "completion_tokens", labels={"kind": "completion"}),
        ),
    ),
    Metric(
        "chasqui_tokens_per_second",
        "histogram",
        "Pace of one answer behind its first text, in tokens per second.",
        ("platform",),
        (On(_ANSWERED, "tokens_per_second"),),
        _PACES,
    ),
    Metric(
        "chasqui_pages_total",
        "counter",
        "Pages of answers that ended: platform messages.",
        ("platform",),
        (On(_ANSWERED, "pages"),),
    ),
    Metric(
        "chasqui_page_writes_total",
        "counter",
        "Writes of these pages: the first one of each, and its edits.",
        ("platform",),
        (On(_ANSWERED, "writes"),),
    ),
    Metric(
        "chasqui_platform_rate_limited_total",
        "counter",
        "Writes that a platform did not take because there were too many (429).",
        ("platform",),
        (
            On("reply.attempt_failed", error="RateLimited"),
            On("delivery.write_dropped", error="RateLimited"),
        ),
    ),
    Metric(
        "chasqui_retries_total",
        "counter",
        "What was tried again, by what: model (a request before its first text), platform (a write that must "
        "stand) or message (a whole attempt).",
        ("platform", "what"),
        (
            On("router.tries_again", labels={"what": "model"}),
            On("reply.attempt_failed", labels={"what": "platform"}),
            On("worker.attempt_failed", labels={"what": "message"}),
            On("worker.answer_failed", labels={"what": "message"}),
        ),
    ),
    Metric(
        "chasqui_replica_first_text_seconds",
        "histogram",
        "From a request to a replica until its first text, of each stream that came so far.",
        ("replica",),
        (On("router.replica_spoke", "first_text_ms", 1e-3),),
        _SECONDS,
    ),
    Metric(
        "chasqui_replica_tokens_per_second",
        "histogram",
        "Pace of one whole stream of a replica behind its first text, in tokens per second.",
        ("replica",),
        (On("router.replica_spoke", "tokens_per_second"),),
        _PACES,
    ),
    Metric(
        "chasqui_replica_retries_total",
        "counter",
        "Requests that were sent anew, because this replica failed at them before their first text.",
        ("replica",),
        (On("router.tries_again"),),
    ),
    Metric(
        "chasqui_replica_failures_total",
        "counter",
        "Requests to a replica that failed, by the name of the error.",
        ("replica", "error"),
        (On("router.attempt_failed"),),
    ),
    Metric(
        "chasqui_replica_ejections_total",
        "counter",
        "How often a replica failed so much that it was left alone for a while.",
        ("replica",),
        (On("router.replica_ejected"),),
    ),
    Metric(
        "chasqui_replica_continuations_total",
        "counter",
        "Answers with which a replica went on after another one broke off.",
        ("replica",),
        (On("router.continued"),),
    ),
    Metric("chasqui_replica_up", "gauge", "1 while the router asks a replica.", ("replica",)),
    Metric(
        "chasqui_replica_streams", "gauge", "Answers that a replica writes for this worker.", ("replica",)
    ),
    Metric(
        "chasqui_replica_outstanding_tokens",
        "gauge",
        "Tokens that the answers which a replica writes for this worker may still have.",
        ("replica",),
    ),
    Metric(
        "chasqui_replica_prompt_characters_total",
        "counter",
        "Characters of the prompts that a replica was sent, by result: reused (an earlier prompt to it began "
        "with them, so that its cache may hold them; an estimate) or new.",
        ("replica", "result"),
    ),
    Metric(
        "chasqui_replica_slots",
        "gauge",
        "Answers that a replica writes at once, over all workers, as far as it said so.",
        ("replica",),
    ),
    Metric(
        "chasqui_citations_total",
        "counter",
        "Sources that the model named, by result: resolved (shown) or dropped (no passage that it was sent).",
        ("result",),
        (
            On(_ANSWERED, "citations", labels={"result": "resolved"}),
            On("answer.unsupported", "sources", labels={"result": "dropped"}),
        ),
    ),
    Metric(
        "chasqui_sentences_dropped_total",
        "counter",
        "Sentences of the model that no passage bore out, and that nobody saw.",
        (),
        (On("answer.unsupported", "sentences"),),
    ),
    Metric(
        "chasqui_files_total",
        "counter",
        "Files and long texts that came with messages, by result: read or refused.",
        ("result",),
        (
            On("library.document_kept", labels={"result": "read"}),
            On("library.file_refused", labels={"result": "refused"}),
        ),
    ),
    Metric(
        "chasqui_extraction_failures_total",
        "counter",
        "Sandboxes that died or failed while they read a file.",
        (),
        (
            On("extraction.worker_died"),
            On("extraction.worker_failed"),
            On("extraction.worker_not_started"),
            On("extraction.not_opened"),
        ),
    ),
    Metric("chasqui_inbox_waiting", "gauge", "Messages that wait, over all workers."),
    Metric("chasqui_inbox_answering", "gauge", "Messages that are being answered, over all workers."),
    Metric(
        "chasqui_inbox_lag_seconds",
        "gauge",
        "For how long the oldest message that waits does so; workers are scaled by it.",
    ),
    Metric("chasqui_ready", "gauge", "1 while a part of this process can do its work.", ("part",)),
    Metric("chasqui_build_info", "gauge", "1; its label is the version that runs.", ("version",)),
)
"""All metrics, in the order of docs/reference/metrics.md."""


class Metrics:
    """The metrics of one process, with Prometheus' own ones of its memory, CPU and files."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the package leaves it so
        registry = self._registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._counted = {metric.name: _counted(metric, registry) for metric in METRICS if metric.on}
        self._told = _Told()
        registry.register(self._told)
        self._values: dict[tuple[str, str], set[str]] = {}
        self._on: dict[str, list[tuple[Metric, On]]] = {}
        for metric in METRICS:
            for on in metric.on:
                self._on.setdefault(on.event, []).append((metric, on))

    def observe(
        self, logger: object, method: str, entry: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        """Count an event of the log, as a processor of structlog behind its context; the event goes on."""
        for metric, on in self._on.get(entry["event"], ()):
            value = entry.get(on.of) if on.of else 1
            if value is not None and (not on.error or entry.get("error") == on.error):
                known = {**entry, **on.labels}
                self._count(metric, value * on.scale, [str(known.get(label, "")) for label in metric.labels])
        return entry

    def tell(self, name: str, value: float, *labels: str) -> None:
        """Let a metric that no event counts have this value, until all are told anew."""
        metric = self._told.metrics[name]
        self._told.values[name][self._bounded(metric, labels)] = value

    def forget(self) -> None:
        """What was told is not known any more."""
        for values in self._told.values.values():
            values.clear()

    def page(self) -> bytes:
        """All metrics, in Prometheus' text format."""
        return generate_latest(self._registry)

    def _count(self, metric: Metric, value: float, labels: Sequence[str]) -> None:
        counted = self._counted[metric.name]
        child = counted.labels(*self._bounded(metric, labels)) if labels else counted
        if isinstance(child, Histogram):
            child.observe(value)
        else:
            child.inc(value)

    def _bounded(self, metric: Metric, labels: Sequence[str]) -> tuple[str, ...]:
        return tuple(map(self._known, repeat(metric.name), metric.labels, labels))

    def _known(self, name: str, label: str, value: str) -> str:
        """The value of a label, if it is one of the first that there were."""
        values = self._values.setdefault((name, label), set())
        if value not in values and len(values) >= MOST_VALUES:
            return OTHER
        values.add(value)
        return value


class _Told(Collector):
    """The metrics that no event counts, as they were told last."""

    def __init__(self) -> None:
        self.metrics = {metric.name: metric for metric in METRICS if not metric.on}
        self.values: dict[str, dict[tuple[str, ...], float]] = {name: {} for name in self.metrics}

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """As prometheus_client asks for them."""
        for metric in self.metrics.values():
            family = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
            found = family(metric.name, metric.about, labels=metric.labels)
            for labels, value in self.values[metric.name].items():
                found.add_metric(labels, value)
            yield found


def _counted(metric: Metric, registry: CollectorRegistry) -> Counter | Histogram:
    if metric.kind == "histogram":
        return Histogram(metric.name, metric.about, metric.labels, buckets=metric.buckets, registry=registry)
    return Counter(metric.name, metric.about, metric.labels, registry=registry)
