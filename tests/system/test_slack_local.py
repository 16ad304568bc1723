"""`chasqui serve all` with local-slack, a Slack that others wrote: https://github.com/parvalabs/local-slack.

It has no streams and counts nothing; it tells each replica everything, which Slack does not. It listens on
all addresses of the machine, so it runs only for who asks: make test ARGS="--local-slack -k local_slack".
"""

import asyncio
import hashlib
import json
import platform
import shutil
import subprocess
import sys
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.emulators.tgi import TgiStandIn
from tests.parts import eventually, until
from tests.system.program import World
from tests.system.served import STARTS, Served
from tests.system.workspace import Mode, free_port, is_ready

PACKAGE = "local-slack-linux-x64"
VERSION = "0.1.8"
SHA256 = "3332007b797969d835f694b463ac526f7ef1fc66afac93f950f585105fe4815f"
CHANNEL, PERSON, BOT = "C01", "U01", "U0BOT"
LEAVE = " Staff earn two and a half days of leave each month."


@pytest.fixture(scope="session")
def binary(pytestconfig: pytest.Config) -> Path:
    """The program, which npm fetches once (90 MB) into the cache of pytest."""
    if not pytestconfig.getoption("--local-slack"):
        pytest.skip("local-slack listens on all addresses of the machine: ask for it with --local-slack")
    if not (sys.platform == "linux" and platform.machine() == "x86_64"):
        pytest.skip("local-slack is there for Linux on x86-64 only")
    if not shutil.which("npm"):
        pytest.skip("local-slack is installed with npm, which is not there")
    assert pytestconfig.cache
    folder = pytestconfig.cache.mkdir("local-slack")
    path = folder / "node_modules" / PACKAGE / "bin" / "local-slack"
    if not path.exists():
        command = ["npm", "install", "--no-save", "--prefix", str(folder), f"{PACKAGE}@{VERSION}"]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=90)
        except (subprocess.SubprocessError, OSError) as error:
            pytest.skip(f"npm cannot install local-slack here: {type(error).__name__}")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == SHA256, "it is what was looked at"
    return path


@dataclass(frozen=True, slots=True)
class LocalSlack:
    """People's side of it."""

    address: str
    http: aiohttp.ClientSession

    async def send(self, text: str, file: tuple[str, bytes]) -> str:
        """Somebody mentions the bot with a file; the message's timestamp."""
        form = aiohttp.FormData({"channel": CHANNEL, "user": PERSON, "text": f"<@{BOT}> {text}"})
        form.add_field("file", file[1], filename=file[0])
        async with self.http.post(f"{self.address}/_control/upload", data=form) as answer:
            return str((await answer.json())["message"]["ts"])

    async def answers(self) -> list[dict[str, Any]]:
        """What the bot says."""
        async with self.http.get(f"{self.address}/_control/messages/{CHANNEL}") as answer:
            return [each for each in (await answer.json())["messages"] if each["user"] == BOT]

    async def ended(self, count: int) -> list[dict[str, Any]]:
        """What the bot says, once so many answers have their buttons."""

        async def look() -> list[dict[str, Any]]:
            found = await self.answers()
            return found if json.dumps(found).count("chasqui:again") >= count else []

        found: list[dict[str, Any]] = await eventually(look, "an answer")
        return found


@asynccontextmanager
async def local_slack(binary: Path, folder: Path, mode: Mode, request_url: str) -> AsyncIterator[LocalSlack]:
    """A workspace with a channel and somebody in it."""
    app = {"mode": "events", "requestUrl": request_url} if mode == "http" else {"mode": "socket"}
    channel = {"id": CHANNEL, "name": "general", "members": [PERSON, BOT]}
    config = {"apps": [app], "users": [{"id": PERSON, "name": "ana"}], "channels": [channel]}
    (folder / "slack.json").write_text(json.dumps(config))
    port = str(free_port())
    options = ("--config", str(folder / "slack.json"), "--port", port, "--base-host", "127.0.0.1")
    process = await asyncio.create_subprocess_exec(binary, *options, stdout=DEVNULL, stderr=DEVNULL)
    try:
        async with aiohttp.ClientSession() as http:
            slack = LocalSlack(f"http://127.0.0.1:{port}", http)
            await until(lambda: _listens(slack), STARTS)
            yield slack
    finally:
        process.terminate()
        await process.wait()


async def _listens(slack: LocalSlack) -> bool:
    try:
        return not await slack.answers()
    except aiohttp.ClientError:
        return False


@pytest.mark.parametrize("mode", ["socket", "http"])
async def test_another_slack_is_answered_once_with_the_file_cited(
    mode: Mode, binary: Path, tmp_path: Path
) -> None:
    """Two replicas are told of everything over their sockets; over HTTP one is. No stream is offered."""
    port = str(free_port())
    async with (
        local_slack(binary, tmp_path, mode, f"http://127.0.0.1:{port}/slack/events") as slack,
        TgiStandIn(LEAVE) as model,
    ):
        world = World.at(
            tmp_path / "data",
            SLACK__BOT_TOKEN="xoxb-test-token",
            SLACK__APP_TOKEN="xapp-test-token",
            SLACK__SIGNING_SECRET="test-signing-secret",
            SLACK__API_URL=f"{slack.address}/api/",
            SLACK__MODE=mode,
            HTTP__PORT=port if mode == "http" else "0",  # two of them cannot listen on one
            BACKEND__URLS=model.url,
            LOG__FORMAT="json",
        )
        replicas = [Served(await world.start("serve", "all")) for _ in range(2 if mode == "socket" else 1)]
        try:
            for replica in replicas:
                await until(lambda replica=replica: is_ready(replica), STARTS)  # type: ignore[misc] # bound now
            for count in (1, 2):
                root = await slack.send("How much leave do staff earn?", ("leave.txt", LEAVE.encode()))
                answer = (await slack.ended(count))[-1]
                assert answer["thread_ts"] == root
                assert LEAVE.strip() in answer["text"]
                assert "|leave.txt>" in answer["text"]
            assert len(await slack.answers()) == len(model.asked) == 2
        finally:
            assert [await replica.end() for replica in replicas] == [0] * len(replicas)
    assert not any(replica.said("slack.event_failed") for replica in replicas)
