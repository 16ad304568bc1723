"""`chasqui serve` as a whole process."""

import asyncio
import json
import signal

from tests.system.program import World, ended, stand_in


async def test_a_worker_serves_until_it_is_asked_to_end(world: World) -> None:
    """It says when it is ready, and SIGTERM lets it drain: the exit code is 0 and nothing is left behind."""
    async with stand_in() as model:
        process = await world.with_(BACKEND__URLS=model, LOG__FORMAT="json").start("serve", "worker")
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
    assert "serve.no_platform" in said


async def test_a_role_that_does_not_exist_is_named(world: World) -> None:
    """One sentence with those there are, exit 2, and no server is started for it."""
    wrong = await world.run("serve", "wroker")
    missing = await world.run("serve")

    assert (wrong.code, missing.code) == (2, 2)
    assert wrong.sentence == "There is no role 'wroker'. Choose among worker, all."
    assert "serve --help" in missing.sentence
    assert not world.data.exists()
