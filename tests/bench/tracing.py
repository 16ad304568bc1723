"""CPU time that the trace of one message costs, of the thread that sends it too."""

import asyncio
import os
import subprocess
import sys
import time

from core import trace
from tests.bench.figure import Figure
from tests.bench.parts import ROOT

MESSAGES, WRITES = 2000, 2
STEPS = WRITES + 7
BUDGET = 2000.0


def measure() -> list[Figure]:
    """Microseconds of CPU for the steps of an ordinary answer, without a tracer and with a collector."""
    off = _cpu()
    command = [sys.executable, "-m", "tests.emulators.otlp"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as collector:
        assert collector.stdout
        os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.stdout.readline().strip()
        try:
            on = asyncio.run(_traced())
        finally:
            del os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"]
            collector.terminate()
    note = f"{STEPS} steps, of which {WRITES} are writes of pages, sent to a collector"
    return [
        Figure("CPU per traced message", on, "us", BUDGET, note=note),
        Figure("  the same steps where no traces are wanted", off, "us"),
    ]


async def _traced() -> float:
    from adapters.tracing import exporting  # noqa: PLC0415 - half a second that no other figure is to pay

    begin = time.process_time()
    async with exporting("bench", ["worker"]) as tracer:
        before = time.process_time() - begin
        with trace.traced(tracer):
            await asyncio.to_thread(_cpu)
    return (time.process_time() - begin - before) / MESSAGES * 1e6


def _cpu() -> float:
    begin = time.process_time()
    for number in range(MESSAGES):
        _message(str(number))
    return (time.process_time() - begin) / MESSAGES * 1e6


def _message(message_id: str) -> None:
    about = {"platform": "discord", "message_id": message_id}
    with trace.step("message.accept", about) as accepted:
        pass
    with trace.step("worker.attempt", {**about, "attempt": 1}, under=accepted.place):
        trace.begin("inbox.wait", under=accepted.place, at=time.time()).end()
        for name in ("passages.find", "prompt.fit", "reply.finish"):
            with trace.step(name) as step:
                step.note(found=40)
        stream = trace.begin("replica.stream", {"replica": "127.0.0.1:8080", "attempt": 1})
        for page in range(WRITES):
            with trace.step("reply.write", {"page": page, "final": False}):
                pass
        stream.note(first_text_ms=50.0, tokens_per_second=20.0, completion_tokens=100)
        stream.end()
        trace.note(outcome="answered", pages=1, writes=WRITES, prompt_tokens=900, completion_tokens=100)
