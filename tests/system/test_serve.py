"""`chasqui serve` as a whole process."""

import asyncio
import json
import signal
from pathlib import Path

from tests.system.program import World, ended
from tests.system.team import team


async def test_a_worker_serves_until_it_is_asked_to_end(tmp_path: Path) -> None:
    """It says when it is ready, and SIGTERM lets it drain: the exit code is 0 and nothing is left behind."""
    async with team(tmp_path / "data") as here:
        process = await here.world.start("serve", "worker")
        assert process.stderr
        said = []
        async with asyncio.timeout(60):
            while "worker.started" not in said:
                said.append(json.loads(await process.stderr.readline())["event"])
        process.send_signal(signal.SIGTERM)
        end = await ended(process)

    assert end.code == 0
    events = [json.loads(line)["event"] for line in end.err.splitlines()]
    assert events == ["worker.draining", "worker.stopped"]
    assert said == ["web.listening", "serve.started", "worker.started"]


async def test_a_gateway_drains_by_itself(tmp_path: Path) -> None:
    """It needs no model, and what it took is answered by a worker that comes later."""
    async with team(tmp_path / "data") as here:
        gateway = await here.serve("discord", BACKEND__URLS="http://127.0.0.1:1")
        await here.ask("How far is it?")
        assert await gateway.end() == 0
        assert not await here.answers()
        await here.serve("all")
        assert len(await here.answered()) == 1


async def test_a_role_that_cannot_be_served_is_named(world: World) -> None:
    """One sentence that says what to do, exit 2, and no server is started for it."""
    wrong = await world.run("serve", "wroker")
    missing = await world.run("serve")
    alone = await world.run("serve", "worker")

    assert (wrong.code, missing.code, alone.code) == (2, 2, 2)
    assert wrong.sentence == "There is no role 'wroker'. Choose among worker, discord, slack, all."
    assert "serve --help" in missing.sentence
    assert "CHASQUI_DISCORD__TOKEN" in alone.sentence
    assert not world.data.exists()
