"""compose.yaml: a team's bot, with stand-ins for what is not here (Discord and a GPU)."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import files
from tests.deploy.image.conftest import CPU, MEANING, ROOT, VALKEY, output, project
from tests.deploy.image.engine import Engine

STAND_INS = ("docker/compose.yaml", "tests/deploy/image/stand-ins.yaml")


@dataclass(frozen=True, slots=True)
class Bot:
    """The project."""

    engine: Engine
    arguments: list[str]

    def compose(self, *words: str) -> str:
        """What a command of Compose prints; with the logs where it fails."""
        done = self.engine.compose_run(*self.arguments, *words, check=False)
        if done.returncode:
            logs = self.engine.compose_run(*self.arguments, "logs", "--no-color", check=False)
            raise AssertionError(output(done) + output(logs)[-6000:])
        return done.stdout

    def python(self, service: str, *words: str) -> str:
        """What Python prints in the container of a service."""
        return self.compose("exec", "-T", service, "python3", *words)

    def container(self, service: str) -> dict[str, object]:
        """What the engine knows of the container of a service."""
        name = self.compose("ps", "--all", "--quiet", service).strip()
        [found] = json.loads(self.engine.run("inspect", name).stdout)
        return dict(found["State"])


@pytest.fixture(scope="module")
def bot(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bot]:
    """The whole project, up and healthy, its token in a file."""
    secrets = tmp_path_factory.mktemp("secrets")
    for name in ("discord_token", "slack_bot_token", "slack_app_token"):
        (secrets / name).touch()
    images = {"CHASQUI_IMAGE": MEANING, "CHASQUI_CPU_IMAGE": CPU, "CHASQUI_VALKEY_IMAGE": VALKEY}
    engine.environment.update(images, CHASQUI_SECRETS=str(secrets))
    with project(engine, *STAND_INS) as arguments:
        here = Bot(engine, arguments)
        here.compose("up", "--detach", "discord")
        scene = json.loads(here.python("discord", "-m", "tests.deploy.image.asking"))
        (secrets / "discord_token").write_text(scene["token"])
        here.compose("up", "--detach", "--wait", "--wait-timeout", "240")
        yield here


@pytest.mark.timeout(600)
def test_a_mention_with_a_pdf_is_answered_with_its_source(bot: Bot, tmp_path: Path) -> None:
    """From Discord through gateway, Valkey, worker and model, and back, each in a container of its own."""
    path = files.pdf(tmp_path)
    name = bot.compose("ps", "--quiet", "discord").strip()
    bot.engine.run("cp", str(path), f"{name}:/tmp/{path.name}")
    question = "How much leave do staff earn each month?"
    answer = bot.python("discord", "-m", "tests.deploy.image.asking", question, f"/tmp/{path.name}")

    assert "two and a half days" in answer
    assert "Source: [handbook.pdf" in answer


def test_its_probe_and_its_metrics_tell_that_it_is_well(bot: Bot) -> None:
    """The engine calls it healthy, /readyz names nothing that is wrong, and the question was counted."""
    assert bot.container("chasqui")["Health"]["Status"] == "healthy"  # type: ignore[index]  # JSON

    def page(path: str) -> str:
        code = f"import urllib.request as u; print(u.urlopen('http://127.0.0.1:8080{path}').read().decode())"
        return bot.python("chasqui", "-c", code)

    assert json.loads(page("/readyz"))["ready"] is True
    assert 'chasqui_messages_total{outcome="answered",platform="discord"} 1.0' in page("/metrics")


def test_without_its_store_it_is_unready_but_lives(bot: Bot) -> None:
    """A restart would not mend Valkey: the process goes on, and is ready again by itself."""
    code = "import subprocess as s; print(s.run(['chasqui', 'healthcheck', *{}]).returncode)"
    bot.compose("stop", "valkey")
    assert bot.python("chasqui", "-c", code.format(["--live"])).splitlines()[-1] == "0"
    assert bot.python("chasqui", "-c", code.format([])).splitlines()[-1] == "1"
    bot.compose("up", "--detach", "--wait", "valkey")
    until_ready = (
        "import subprocess as s, time\n"
        "for _ in range(300):\n"
        "    if not s.run(['chasqui', 'healthcheck']).returncode: break\n"
        "    time.sleep(0.2)\n"
        "else: raise SystemExit('it is not ready again')\n"
    )
    bot.python("chasqui", "-c", until_ready)


def test_sigterm_ends_it_in_order(bot: Bot) -> None:
    """`compose stop` is answered by draining and exit code 0, long before the engine would kill it."""
    bot.compose("stop", "chasqui")
    state = bot.container("chasqui")

    assert (state["ExitCode"], state["OOMKilled"]) == (0, False)


@pytest.mark.parametrize("extra", [[], ["--file", str(ROOT / "docker/compose.vllm.yaml")]])
def test_the_gpu_is_asked_for(bot: Bot, extra: list[str]) -> None:
    """What cannot run here is at least what Compose understands: one NVIDIA GPU, for TGI and for vLLM."""
    shown = bot.engine.compose_run(
        "--file", str(ROOT / "docker/compose.yaml"), *extra, "config", "--format=json"
    )
    model = json.loads(shown.stdout)["services"]["model"]

    [device] = model["deploy"]["resources"]["reservations"]["devices"]
    assert (device["driver"], device["count"], device["capabilities"]) == ("nvidia", 1, ["gpu"])
    assert ("vllm" in model["image"]) is bool(extra)
    assert any("jondurbin/airoboros-13b-gpt4" in argument for argument in model["command"])
