"""Traces of messages, where the standard variables OTEL_* name a collector."""

import importlib.util
import os
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import version

import structlog

from bots.check import Check
from core import trace

log = structlog.get_logger()

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_SPOKEN = "http/protobuf"
_INSTALL = "Install the extra: pip install '.[otel]' in the checkout; or take the variables away."
_SPEAK = (
    f"Set {_PROTOCOLS[0]}={_SPOKEN}, and the endpoint to the collector's port for it, which is 4318 usually."
)


def endpoint(environment: Mapping[str, str] = os.environ) -> str:
    """Where traces are to go; nothing where none are wanted, which is so unless an endpoint is named."""
    off = environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    if off or environment.get("OTEL_TRACES_EXPORTER", "otlp") != "otlp":
        return ""
    return next((value for name in _ENDPOINTS if (value := environment.get(name, ""))), "")


def wrong(environment: Mapping[str, str] = os.environ) -> Check | None:
    """Why the traces that are wanted cannot be sent, and the mend; None where nothing is wrong.

    What only OpenTelemetry's SDK knows it reads from the environment of this process.
    """
    if not (where := endpoint(environment)):
        return None
    if not _installed():
        return Check("traces", False, "OTEL_* asks for traces, which need an extra", _INSTALL)
    if not where.startswith(("http://", "https://")):
        found = f"the endpoint of OTEL_* is no URL: {where.rpartition('@')[2]}"
        return Check("traces", False, found, "Let it begin with http:// or https://.")
    protocol = next((value for name in _PROTOCOLS if (value := environment.get(name, ""))), _SPOKEN)
    if protocol != _SPOKEN:
        found = f"OTEL_* asks for {protocol}, and chasqui sends {_SPOKEN}"
        return Check("traces", False, found, _SPEAK)
    if why := _refused():
        found = f"OpenTelemetry does not take what OTEL_* says: {why}"
        return Check("traces", False, found, "Correct that variable, or take it away.")
    return None


def _refused() -> str:
    """What the SDK has against the variables; it reads some of them when it is imported."""
    try:
        from adapters import tracing  # noqa: PLC0415 - half a second for who wants it

        tracing.tried()
    except Exception as error:  # noqa: BLE001 - no trace is worth an answer, whatever is wrong with it
        return str(error) or type(error).__name__
    return ""


def _installed() -> bool:
    try:
        return importlib.util.find_spec("opentelemetry.exporter.otlp.proto.http") is not None
    except ModuleNotFoundError:  # not even what it is in
        return False


@asynccontextmanager
async def traces(roles: Collection[str]) -> AsyncIterator[None]:
    """Within this context messages are traced, if that is wanted and can be; nothing else depends on it."""
    if problem := wrong():
        log.warning("traces.off", why=problem.found, mend=problem.mend)
    if problem or not endpoint():
        yield
        return
    from adapters.tracing import exporting  # noqa: PLC0415 - as above

    async with exporting(version("chasqui"), sorted(roles)) as tracer:
        with trace.traced(tracer):
            yield
