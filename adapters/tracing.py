"""Traces for an OpenTelemetry collector: OTLP by http/protobuf, set up by the standard variables OTEL_*.

The SDK reads the variables, draws the samples and sends in batches from a thread of its own. What cannot be
sent is lost, said once, and keeps no answer waiting.
Variables: opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables and .../protocol/exporter.
"""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import structlog
from opentelemetry import trace as api
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from core.ports import Fact, Facts

log = structlog.get_logger()

LAST_SENT = 3.0
"""Seconds in which what was not sent yet can be, when the process ends."""
_KINDS = {
    "message.accept": api.SpanKind.PRODUCER,
    "worker.attempt": api.SpanKind.CONSUMER,
    "replica.stream": api.SpanKind.CLIENT,
    "reply.write": api.SpanKind.CLIENT,
    "reply.attach": api.SpanKind.CLIENT,
    "reply.finish": api.SpanKind.CLIENT,
}


class OtelStep:
    """As `core.ports.Step`."""

    def __init__(self, span: api.Span) -> None:
        self._span = span
        context = span.get_span_context()
        ids = f"{api.format_trace_id(context.trace_id)}-{api.format_span_id(context.span_id)}"
        self.place = f"00-{ids}-{context.trace_flags:02x}"

    def note(self, **facts: Fact) -> None:
        """As `Step.note`."""
        self._span.set_attributes(_attributes(facts))
        if error := facts.get("error"):
            self._span.set_attribute("error.type", str(error))
            self._span.set_status(api.Status(api.StatusCode.ERROR, str(error)))

    def tell(self, event: str, facts: Facts) -> None:
        """As `Step.tell`."""
        self._span.add_event(event, _attributes(facts))

    def end(self) -> None:
        """As `Step.end`."""
        if self._span.is_recording():
            self._span.end()

    def drop(self) -> None:
        """As `Step.drop`."""
        self._span = api.INVALID_SPAN  # what is not ended is not sent


class OtelTracer:
    """As `core.ports.Tracer`."""

    def __init__(self, tracer: api.Tracer) -> None:
        self._tracer = tracer

    def begin(self, name: str, under: str, at: float | None, facts: Facts) -> OtelStep:
        """As `Tracer.begin`."""
        span = self._tracer.start_span(
            name,
            context=_context(under),
            kind=_KINDS.get(name, api.SpanKind.INTERNAL),
            attributes=_attributes(facts),
            start_time=None if at is None else round(at * 1e9),
        )
        return OtelStep(span)


def tried() -> None:
    """Set everything up and take it down. Raises what the SDK has against OTEL_*, in many kinds of errors."""
    _provider("", ()).shutdown()


@asynccontextmanager
async def exporting(version: str, roles: Sequence[str]) -> AsyncIterator[OtelTracer]:
    """Send what is traced within this context to the collector that OTEL_* names.

    Raises nothing once it was `tried`.
    """
    provider = _provider(version, roles)
    try:
        yield OtelTracer(provider.get_tracer("chasqui", version))
    finally:
        ending = threading.Thread(target=provider.shutdown, daemon=True)
        ending.start()
        await asyncio.to_thread(ending.join, LAST_SENT)


def _provider(version: str, roles: Sequence[str]) -> TracerProvider:
    logging.getLogger("opentelemetry").disabled = True
    for name in ("opentelemetry", "urllib3"):  # what they would say, `_Telling` says once
        quiet = logging.getLogger(name)
        quiet.addHandler(logging.NullHandler())
        quiet.propagate = False
    ours = {"service.name": "chasqui", "service.version": version, "chasqui.roles": list(roles)}
    resource = Resource(ours).merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(_Telling(OTLPSpanExporter())))
    return provider


class _Telling(SpanExporter):
    """An exporter that says when its collector is away, and when it is there again, and not each time."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._is_away = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """As `SpanExporter.export`."""
        result = self._exporter.export(spans)
        is_away = result is not SpanExportResult.SUCCESS
        if is_away and not self._is_away:
            mend = "answers go on; look at OTEL_EXPORTER_OTLP_ENDPOINT and at the collector"
            log.warning("traces.not_sent", mend=mend)
        elif self._is_away and not is_away:
            log.info("traces.sent_again")
        self._is_away = is_away
        return result

    def shutdown(self) -> None:
        """As `SpanExporter.shutdown`."""
        self._exporter.shutdown()


def _attributes(facts: Facts) -> dict[str, str | int | float | bool]:
    return {f"chasqui.{name}": value for name, value in facts.items() if value is not None}


def _context(place: str) -> Context:
    """The context of a W3C traceparent; one that cannot be read begins a trace of its own."""
    try:
        _, trace_id, span_id, flags = place.split("-")
        parent = api.SpanContext(int(trace_id, 16), int(span_id, 16), True, api.TraceFlags(int(flags, 16)))
    except ValueError:
        parent = api.INVALID_SPAN_CONTEXT
    return api.set_span_in_context(api.NonRecordingSpan(parent), Context())
