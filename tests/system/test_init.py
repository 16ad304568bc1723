"""`chasqui init`, at a terminal."""

import signal
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from bots import init
from tests.adapters.redis_parts import RedisServer
from tests.emulators.tgi import TgiStandIn
from tests.system.program import World
from tests.system.screen import Screen
from tests.system.team import team
from tests.system.workspace import workspace


async def test_answers_are_tried_and_written_for_nobody_else_to_read(
    redis: RedisServer, tmp_path: Path
) -> None:
    """What is wrong is told and asked again, secrets are not shown, and the file works as it stands."""
    async with team(tmp_path / "data") as here, TgiStandIn(" Aye.") as model:
        discord = {name: here.world.environment[f"CHASQUI_{name}"] for name in ("DISCORD__API_URL",)}
        world = World.at(tmp_path / "data", **discord).inside(tmp_path)
        async with Screen.of(world, "init") as screen:
            await screen.shows("Your model server")
            await screen.types("http://127.0.0.1:1\n")
            await screen.shows("Keep it all the same?")
            await screen.types("n\n")
            await screen.types(f"{model.url}\n")
            await screen.shows("Your Redis")
            assert "jondurbin/airoboros-13b-gpt4 on TGI" in screen.text
            await screen.types(f"{redis.url}\n")  # the server of the tests keeps nothing on disk
            await screen.shows("CONFIG SET appendonly yes")
            await screen.types("y\n")
            await screen.shows("The token of your Discord bot")
            await screen.types(f"{here.scene.token}\n")
            await screen.shows("Slack's bot token")
            await screen.types("\n")
            await screen.shows("chasqui serve all")
            assert await screen.process.wait() == 0
        written = tmp_path / "chasqui.toml"
        asked = await world.run("ask", "Who are you?")
        again = await world.run("init")

    assert tomllib.loads(written.read_text()) == {
        "backend": {"urls": [model.url]},
        "redis": {"url": redis.url},
        "discord": {"token": here.scene.token},
    }
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    assert here.scene.token not in screen.text
    assert asked.out.decode().strip() == "Aye."
    assert again.code == 2


async def test_slack_is_asked_about_each_of_its_tokens(tmp_path: Path) -> None:
    """What it refuses is told with what to do and asked again; the file then serves."""
    async with workspace(tmp_path / "data") as here:
        bot, app = here.scene.token, here.scene.app_token
        world = World.at(tmp_path / "data", SLACK__API_URL=here.scene.api).inside(tmp_path)
        async with Screen.of(world, "init") as screen:
            for question in ("Your model server", "Your Redis", "Discord bot"):
                await screen.shows(question)
                await screen.types("\n")
            for question, wrong, mend, right in (
                ("Slack's bot token", "xoxb-wrong", "Correct CHASQUI_SLACK__BOT_TOKEN", bot),
                ("Slack's app-level token", bot, "scope connections:write, from Basic Information", app),
            ):
                await screen.shows(question)
                await screen.types(f"{wrong}\n")
                await screen.shows(mend)
                await screen.types("\n")
                await screen.shows(question, times=2)  # what is typed before is thrown away
                await screen.types(f"{right}\n")
            await screen.shows("the app may open connections")
            await screen.shows("chasqui serve all")
            assert await screen.process.wait() == 0

    written = tomllib.loads((tmp_path / "chasqui.toml").read_text())
    assert written == {"slack": {"bot_token": bot, "app_token": app}}
    assert not any(secret in screen.text for secret in (bot, app))


async def test_a_secret_in_a_file_stays_there(tmp_path: Path) -> None:
    """The file of settings does not hold it, and the variable that names its file is printed."""
    async with team(tmp_path / "data") as here:
        secret = tmp_path / "token"
        secret.write_text(here.scene.token + "\n")
        api = here.world.environment["CHASQUI_DISCORD__API_URL"]
        world = World.at(tmp_path / "data", DISCORD__API_URL=api).inside(tmp_path)
        async with Screen.of(world, "init") as screen:
            for question, answer in (
                ("Your model server", ""),
                ("Your Redis", ""),
                ("Discord bot", str(secret)),
                ("Slack's bot", ""),
            ):
                await screen.shows(question)
                await screen.types(f"{answer}\n")
            await screen.shows(f"CHASQUI_DISCORD__TOKEN_FILE={secret}")
            assert await screen.process.wait() == 0

    assert tomllib.loads((tmp_path / "chasqui.toml").read_text()) == {}


async def test_whatever_is_pasted_is_asked_about_again(tmp_path: Path) -> None:
    """A text that is too long for a name of a file, a home that nobody has; Ctrl-C then writes nothing."""
    async with team(tmp_path / "data") as here:
        api = here.world.environment["CHASQUI_DISCORD__API_URL"]
        world = World.at(tmp_path / "data", DISCORD__API_URL=api).inside(tmp_path)
        async with Screen.of(world, "init") as screen:
            for question in ("Your model server", "Your Redis"):
                await screen.shows(question)
                await screen.types("\n")
            for number, pasted in enumerate(("x" * 300, "~nobody-of-this-name/token"), 1):
                await screen.shows("Discord bot", times=number)
                await screen.types(f"{pasted}\n")
                await screen.shows("Keep it all the same?", times=number)
                if number == 1:
                    await screen.types("n\n")
            screen.process.send_signal(signal.SIGINT)
            assert await screen.process.wait() == 130

    assert "inside chasqui" not in screen.text
    assert list(tmp_path.glob("chasqui.toml*")) == []


def test_any_character_is_written_as_it_was_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Quotes, breaks and signs beyond 16 bits: the file that is written can be read."""
    monkeypatch.chdir(tmp_path)
    given: init.Given = {
        "backend": {"urls": ["http://a:1", "http://b:1"]},
        "redis": {"url": 'redis://:"\\\n🦙@a'},
    }
    init.write(given, {})

    assert tomllib.loads(Path("chasqui.toml").read_text("utf-8")) == given


def test_a_disk_without_room_leaves_no_half_of_a_file(tmp_path: Path) -> None:
    """What could not be written whole is not there: neither `init` nor `serve` trips over it later."""
    tried = """
import resource
from bots import init
resource.setrlimit(resource.RLIMIT_FSIZE, (20, 20))
try:
    init.write({"redis": {"url": "redis://a"}}, {})
except init.SettingsError as error:
    print(error.sentence)
"""
    done = subprocess.run(
        [sys.executable, "-c", tried], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    assert "chasqui.toml cannot be written (File too large)" in done.stdout
    assert list(tmp_path.iterdir()) == []


async def test_without_a_terminal_nobody_can_be_asked(world: World, tmp_path: Path) -> None:
    """A script is told what to do instead, and nothing is written."""
    done = await world.inside(tmp_path).run("init")

    assert done.code == 2
    assert "needs a terminal" in done.sentence
    assert not (tmp_path / "chasqui.toml").exists()


async def test_an_end_half_way_writes_nothing(world: World, tmp_path: Path) -> None:
    """Ctrl-D at any question."""
    async with Screen.of(world.inside(tmp_path), "init") as screen:
        await screen.shows("Your model server")
        await screen.types("\x04")
        await screen.shows("Nothing was written.")
        assert await screen.process.wait() == 1
    assert not (tmp_path / "chasqui.toml").exists()
