"""A collector of OpenTelemetry traces: OTLP over http/protobuf on loopback, as its specification has it.

    async with Collector() as collector:
        ...  # a program with OTEL_EXPORTER_OTLP_ENDPOINT=collector.url; then look at collector.spans

opentelemetry.io/docs/specs/otlp: POST /v1/traces takes an ExportTraceServiceRequest and answers with an
ExportTraceServiceResponse, and any other status than 200 is a failure.
"""

import asyncio
import gzip
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

PROTOBUF = "application/x-protobuf"


@dataclass(frozen=True)
class Collected:
    """A span as it came, with the resource that sent it; times are in seconds."""

    name: str
    trace: str
    id: str
    parent: str
    began: float
    seconds: float
    failed: bool
    facts: Mapping[str, object]
    events: Mapping[str, Mapping[str, object]]
    resource: Mapping[str, object] = field(compare=False, default_factory=dict)


class Collector:
    """What came stands in `spans`, as bytes in `bodies`; it answers with `status`."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.spans: list[Collected] = []
        self.bodies: list[bytes] = []
        self.url = ""
        self.refused = 0
        app = web.Application()
        app.router.add_post("/v1/traces", self._take)
        self._runner = web.AppRunner(app, shutdown_timeout=1)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    def named(self, name: str) -> list[Collected]:
        """The spans of this name, by when they began."""
        return sorted((span for span in self.spans if span.name == name), key=lambda span: span.began)

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        if request.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if self.status != 200 or request.content_type != PROTOBUF:
            self.refused += 1
            return web.Response(status=self.status if self.status != 200 else 415)
        self.bodies.append(body)
        for sent in ExportTraceServiceRequest.FromString(body).resource_spans:
            resource = _known(sent.resource.attributes)
            self.spans += [_read(span, resource) for scope in sent.scope_spans for span in scope.spans]
        return web.Response(body=ExportTraceServiceResponse().SerializeToString(), content_type=PROTOBUF)


def _read(span: Span, resource: Mapping[str, object]) -> Collected:
    return Collected(
        span.name,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.start_time_unix_nano / 1e9,
        (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
        span.status.code == Status.STATUS_CODE_ERROR,
        _known(span.attributes),
        {event.name: _known(event.attributes) for event in span.events},
        resource,
    )


def _known(attributes: "list[KeyValue]") -> dict[str, object]:
    return {each.key.removeprefix("chasqui."): _value(each.value) for each in attributes}


def _value(value: AnyValue) -> object:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    return getattr(value, kind) if kind else None


async def _main() -> None:
    async with Collector() as collector:
        print(collector.url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main())
