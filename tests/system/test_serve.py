"""`chasqui serve` as a whole process."""

import asyncio
import json
import signal
from pathlib import Path

import pytest

from tests.parts import until
from tests.system.program import World, ended, left_behind
from tests.system.served import Served
from tests.system.team import team
from tests.system.workspace import free_port


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


class Silence:
    """A platform that takes connections and never says a word."""

    def __init__(self) -> None:
        self.heard = 0
        self.url = ""

    async def listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heard += bool(await reader.read(1))
        while await reader.read(1 << 16):
            pass
        writer.close()


@pytest.mark.parametrize("role", ["discord", "slack", "worker"])
async def test_sigterm_ends_a_process_whose_platform_is_silent(role: str, tmp_path: Path) -> None:
    """It does not wait for the login, for which a platform has a minute: nothing was begun that could end."""
    silence = Silence()
    async with await asyncio.start_server(silence.listen, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        slack = {"SLACK__BOT_TOKEN": "xoxb-1", "SLACK__APP_TOKEN": "xapp-1", "SLACK__API_URL": url}
        discord = {"DISCORD__TOKEN": "a.b.c", "DISCORD__API_URL": url}
        world = World.at(tmp_path / "data", **(slack if role == "slack" else discord), BACKEND__URLS=url)
        process = await world.start("serve", role)
        await until(lambda: silence.heard > 0, 60)
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            end = await ended(process)

    assert (end.code, "Traceback" in end.err, "never awaited" in end.err) == (0, False, False)
    assert not left_behind(tmp_path / "data")


async def test_sigterm_ends_a_process_whose_platform_is_away(tmp_path: Path) -> None:
    """It does not wait for the next try either."""
    away = f"http://127.0.0.1:{free_port()}"
    world = World.at(tmp_path / "data", DISCORD__TOKEN="a.b.c", DISCORD__API_URL=away, LOG__FORMAT="json")
    served = Served(await world.start("serve", "discord"))
    await until(lambda: bool(served.said("discord.login_failed")), 60)
    async with asyncio.timeout(30):
        assert await served.end() == 0
