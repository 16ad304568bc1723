"""Traces: one for each message through all processes, without people's words, and at nobody's cost."""

import asyncio
import json
import sys
from asyncio import create_subprocess_exec
from asyncio.subprocess import PIPE
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import ClientSession, web

from adapters.metrics import Metrics
from bots import traces
from bots.settings import HttpSettings
from bots.web import Web
from core import trace
from tests.emulators.discord.people import Upload
from tests.emulators.otlp import Collected, Collector
from tests.emulators.tgi import TgiStandIn
from tests.fakes import FakeTracer
from tests.parts import until
from tests.system.program import ROOT, World
from tests.system.served import Served
from tests.system.team import Team, team
from tests.system.workspace import free_port

INSIDE = ("file.read", "passages.find", "prompt.fit", "replica.stream", "reply.write", "reply.finish")
"""Steps of an attempt."""


def with_variables(world: World, **variables: str) -> World:
    """The same world with variables that are not chasqui's; what is traced is sent soon."""
    soon = {"OTEL_BSP_SCHEDULE_DELAY": "50", **variables}
    return replace(world, environment={**world.environment, **soon})


async def gateway(here: Team) -> Served:
    """Start the gateway alone."""
    return await here.serve("discord")


async def worker(here: Team) -> Served:
    """Start the worker alone."""
    return await here.start(here.world, ("worker",), lambda served: bool(served.said("worker.started")))


def path(span: Collected, collector: Collector) -> list[str]:
    """The names of a span and of all that it lies under."""
    above = next((each for each in collector.spans if each.id == span.parent), None)
    return [span.name, *(path(above, collector) if above else [])]


async def test_a_message_has_one_trace_through_all_processes(tmp_path: Path) -> None:
    """Gateway, inbox, worker, a file, two attempts at the model and the pages lie under each other."""
    busy, other = TgiStandIn(faults=["overloaded"]), TgiStandIn(faults=["overloaded"])
    async with Collector() as collector, other, team(tmp_path / "data", busy) as here:
        here.world = with_variables(here.world, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
        here.world = here.world.with_(BACKEND__URLS=f"{busy.url},{other.url}")
        listening, answering = await gateway(here), await worker(here)
        secret = b"# Travel\n\nThe Qoricancha pass of Wayra Quispe is 4,211 metres high.\n"
        await here.ask("How high is the Qoricancha pass?", files=[Upload("Wayra-Quispe.md", secret)])
        await here.settled()
        await until(lambda: bool(collector.named("worker.attempt") and collector.named("message.accept")))
        line, accepted = answering.said("assistant.answered")[0], listening.said("inbox.accepted")[0]

        [root] = collector.named("message.accept")
        assert {span.trace for span in collector.spans} == {root.trace}
        assert line["trace_id"] == accepted["trace_id"] == root.trace
        assert root.parent == ""
        assert root.resource["roles"] == ["discord"]
        [attempt] = collector.named("worker.attempt")
        assert attempt.resource["roles"] == ["worker"]
        assert (attempt.facts["outcome"], attempt.facts["attempt"]) == (line["outcome"], 1)
        assert attempt.facts["message_id"] == root.facts["message_id"] == line["message_id"]
        for name in INSIDE:
            paths = [path(span, collector) for span in collector.named(name)]
            assert paths == [[name, "worker.attempt", "message.accept"]] * max(1, len(paths)), name
        assert path(collector.named("inbox.wait")[0], collector) == ["inbox.wait", "message.accept"]
        streams = collector.named("replica.stream")
        assert [span.facts["attempt"] for span in streams] == [1, 2, 3]
        assert [span.facts.get("error") for span in streams] == [*["BackendOverloaded"] * 2, None]
        assert [span.failed for span in streams] == [True, True, False]
        assert streams[0].facts["replica"] != streams[1].facts["replica"]
        assert "router.tries_again" in attempt.events
        under = {each.headers["traceparent"].rpartition("-")[0] for each in (*busy.asked, *other.asked)}
        assert under == {f"00-{span.trace}-{span.id}" for span in streams}
        sent = b"".join(collector.bodies)
        assert not [word for word in (b"Qoricancha", b"Wayra", b"4,211", b"llama") if word in sent]
        assert here.scene.token.encode() not in sent


async def test_what_a_platform_tells_by_a_request_is_traced_too() -> None:
    """Slack's HTTP mode accepts messages in tasks that no task of ours began."""
    tracer, port = FakeTracer(), free_port()

    async def take(request: web.Request) -> web.Response:
        with trace.step("message.accept"):
            return web.Response()

    served = Web(Metrics(), asyncio.Event())
    with trace.traced(tracer):
        listening = served.listening(HttpSettings(port=port))
        async with listening, served.mounted("/slack/events", take), ClientSession() as http:
            await http.post(f"http://127.0.0.1:{port}/slack/events")

    assert [step.name for step in tracer.steps] == ["message.accept"]


async def test_a_collector_that_is_away_keeps_nobody_waiting_and_is_said_once(tmp_path: Path) -> None:
    """Answers go on, the process ends as ever, and what the exporter says of each try is in no log."""
    async with team(tmp_path / "data") as here:
        nobody = f"http://127.0.0.1:{free_port()}"
        here.world = with_variables(
            here.world, OTEL_EXPORTER_OTLP_ENDPOINT=nobody, OTEL_EXPORTER_OTLP_TIMEOUT="0.1"
        )
        served = await here.serve()
        for number in (1, 2):
            await here.ask(f"How far is it, for the time {number}?")
            await here.settled(number)
            await until(lambda: bool(served.said("traces.not_sent")))
        code = await served.end()

    assert code == 0
    assert len(served.said("traces.not_sent")) == 1
    assert "answers go on" in served.said("traces.not_sent")[0]["mend"]
    assert len(served.log) == len(served.lines), "something was said past the log"


ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}


@pytest.mark.parametrize(
    ("variables", "where", "said"),
    [
        ({}, "", ""),
        (ENDPOINT, "http://collector:4318", ""),
        ({**ENDPOINT, "OTEL_SDK_DISABLED": "true"}, "", ""),
        ({**ENDPOINT, "OTEL_TRACES_EXPORTER": "none"}, "", ""),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "collector:4318"}, "collector:4318", "begin with http://"),
        ({**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "http://collector:4318", "http/protobuf"),
    ],
)
def test_traces_are_off_unless_a_collector_is_named_that_can_be_sent_to(
    variables: dict[str, str], where: str, said: str
) -> None:
    """The standard variables decide; what cannot work is said with what to do."""
    assert traces.endpoint(variables) == where
    problem = traces.wrong(variables)
    assert bool(problem) == bool(said)
    assert problem is None or said in problem.mend


async def python(code: str) -> str:
    """What a new process prints."""
    process = await create_subprocess_exec(sys.executable, "-c", code, cwd=ROOT, stdout=PIPE)
    return (await process.communicate())[0].decode().strip()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_BSP_MAX_QUEUE_SIZE", "-1"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "many"),
        ("OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER", "nobody"),
    ],
)
async def test_a_variable_that_opentelemetry_does_not_take_stops_nothing(name: str, value: str) -> None:
    """The process serves without traces; the log says which variable, as `chasqui doctor` does."""
    told = {**ENDPOINT, name: value}
    done = await python(
        f"import os; os.environ.update({told}); import asyncio; from bots import traces\n"
        "async def serve():\n"
        "    async with traces.traces(['worker']): print('serves')\n"
        "asyncio.run(serve()); print(traces.wrong().found)"
    )

    assert "traces.off" in done
    assert "\nserves\n" in done
    assert done.splitlines()[-1].startswith("OpenTelemetry does not take what OTEL_* says: ")


async def test_without_the_extra_one_sentence_says_what_to_install() -> None:
    """Nothing else fails: answers are worth more than traces."""
    missing = "import sys; sys.modules['opentelemetry'] = None; from bots import traces; "
    said = await python(f"{missing}print(traces.wrong({ENDPOINT}).mend)")

    assert said.startswith("Install the extra: pip install '.[otel]'")


async def test_who_wants_no_traces_imports_nothing_of_them() -> None:
    """The start takes no longer. (Where the extra is installed, redis-py looks at its metrics by itself.)"""
    modules = json.loads(
        await python("import sys, json, bots.cli, bots.serve; print(json.dumps([*sys.modules]))")
    )

    assert "bots.traces" in modules
    heavy = ("adapters.tracing", "opentelemetry.exporter", "google.protobuf", "requests")
    assert not [name for name in modules if name.startswith(heavy)]
