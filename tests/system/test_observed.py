"""What those who run chasqui see of it: its metrics, whether it is ready, and one line for each message."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from adapters.metrics import METRICS
from tests.parts import until
from tests.system.program import World
from tests.system.served import Served
from tests.system.team import Team, team
from tests.system.workspace import free_port

ON_DISCORD = (("platform", "discord"),)


async def get(port: str, path: str) -> tuple[int, str]:
    """What the server of a process says: status and body."""
    async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{port}{path}") as response:
        return response.status, await response.text()


async def metrics(port: str) -> dict[Any, float]:
    """All samples, by name and labels."""
    families = text_string_to_metric_families((await get(port, "/metrics"))[1])
    found = [sample for family in families for sample in family.samples]
    return {(each.name, tuple(sorted(each.labels.items()))): each.value for each in found}


async def ready(served: Served, port: str) -> bool:
    """Whether all parts of a process are."""
    assert served.process.returncode is None, "".join(served.lines)
    with suppress(aiohttp.ClientError):
        return (await get(port, "/readyz")) == (200, '{"ready": true, "wrong": {}}')
    return False


async def unconnected(served: Served, port: str) -> bool:
    """Whether a process runs, but for its platform."""
    assert served.process.returncode is None, "".join(served.lines)
    with suppress(aiohttp.ClientError):
        wrong = {"discord": "Discord is not connected"}
        return bool(json.loads((await get(port, "/readyz"))[1])["wrong"] == wrong)
    return False


async def counted(port: str) -> bool:
    """Whether an answer was."""
    return (await metrics(port)).get(("chasqui_messages_total", (("outcome", "answered"), *ON_DISCORD))) == 1


async def asked(here: Team, served: Served) -> dict[str, Any]:
    """Ask a question; the line that tells its story."""
    await here.ask("How far is it to Cusco?")
    await here.answered()
    await until(lambda: bool(served.said("assistant.answered")))
    return served.said("assistant.answered")[0]


async def test_a_message_is_counted_and_one_line_tells_its_story(tmp_path: Path) -> None:
    """Every metric stands on the page, and the line holds all that was counted of the message."""
    async with team(tmp_path / "data") as here:
        served = await here.serve()
        line = await asked(here, served)
        port = served.said("web.listening")[0]["port"]
        status, page = await get(port, "/metrics")
        found = await metrics(port)

    assert status == 200
    assert all(f"# TYPE {metric.name} {metric.kind}" in page for metric in METRICS)
    assert found["chasqui_messages_accepted_total", ON_DISCORD] == 1
    assert found["chasqui_messages_total", (("outcome", "answered"), *ON_DISCORD)] == 1
    assert found["chasqui_first_text_seconds_count", ON_DISCORD] == 1
    assert found["chasqui_tokens_total", (("kind", "completion"), *ON_DISCORD)] == line["completion_tokens"]
    assert found["chasqui_pages_total", ON_DISCORD] == line["pages"] == 1
    assert found["chasqui_page_writes_total", ON_DISCORD] == line["writes"] >= 1
    assert found["chasqui_replica_up", (("replica", line["replica"]),)] == 1
    assert found["chasqui_replica_outstanding_tokens", (("replica", line["replica"]),)] == 0
    assert found["chasqui_replica_first_text_seconds_count", (("replica", line["replica"]),)] == 1
    assert found["chasqui_replica_tokens_per_second_count", (("replica", line["replica"]),)] == 1
    assert found["chasqui_inbox_waiting", ()] == found["chasqui_inbox_lag_seconds", ()] == 0
    assert line["thread"].startswith("discord:")
    assert line["message_id"]
    told = "platform outcome attempts waited_ms first_token_ms total_ms prompt_tokens retries rate_limited"
    assert set(told.split()) <= line.keys()
    assert "Cusco" not in page


async def test_a_process_says_whether_it_is_ready_and_counts_what_no_log_shows(tmp_path: Path) -> None:
    """Kubernetes and Docker ask; whoever wants a quiet log still wants dashboards."""
    port = str(free_port())
    async with team(tmp_path / "data", LOG__LEVEL="error", HTTP__PORT=port) as here:
        before = await here.world.run("healthcheck")
        served = Served(await here.world.start("serve", "all"))
        here.served.append(served)
        await until(lambda: ready(served, port), 60)
        alive, unknown = await get(port, "/healthz"), await get(port, "/nothing")
        during, live = await here.world.run("healthcheck"), await here.world.run("healthcheck", "--live")
        taken = await here.world.run("serve", "worker")
        await here.ask("How far is it?")
        await here.answered()
        await until(lambda: counted(port))
        assert not served.log

    assert before.code == 1
    assert before.sentence.startswith(f"No chasqui answers at 127.0.0.1:{port}. Start `chasqui serve`")
    assert (alive, unknown[0]) == ((200, "ok\n"), 404)
    assert (during.code, during.out, live.code, live.out) == (0, b"ok\n", 0, b"ok\n")
    assert taken.code == 2
    assert taken.sentence.startswith(f"Nothing can listen on 127.0.0.1, port {port}")


async def test_a_gateway_that_is_not_connected_is_alive_but_not_ready(tmp_path: Path) -> None:
    """No restart would mend Discord, so it is not asked for; and whoever looks reads what is missing."""
    port = str(free_port())
    away = {"DISCORD__GATEWAY_URL": "ws://127.0.0.1:1", "DISCORD__API_URL": "http://127.0.0.1:1"}
    world = World.at(tmp_path / "data", DISCORD__TOKEN="a.b.c", HTTP__PORT=port, LOG__FORMAT="json", **away)
    served = Served(await world.start("serve", "discord"))
    try:
        await until(lambda: unconnected(served, port), 60)
        alive, probed = await get(port, "/healthz"), await world.run("healthcheck")
    finally:
        await served.kill()

    assert alive == (200, "ok\n")
    assert (probed.code, probed.sentence) == (1, "Not ready: discord: Discord is not connected")
