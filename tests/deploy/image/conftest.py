"""The images, built once, and an engine that runs them."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.deploy.image import engine as engines
from tests.deploy.image.engine import Engine, NoEngine

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "build" / "image-test"
BASE, VALKEY = "chasqui-test:base", "chasqui-test:valkey"
RUNTIME, MEANING, CPU = "chasqui-test:runtime", "chasqui-test:meaning", "chasqui-test:cpu"
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
VALKEY_IMAGE = "docker.io/valkey/valkey:8.1-alpine"


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """An engine that has the images."""
    try:
        own = engines.installed()
        if own:
            _build(own)
            yield own
            return
        engines.install(FOLDER)
        with engines.private(FOLDER, alone=False) as builder:
            _build(builder)
        with engines.private(FOLDER, alone=True) as alone:
            yield alone
    except NoEngine as error:
        pytest.skip(f"image-test: nothing was built or run, {error}")


@contextmanager
def project(engine: Engine, *files: str) -> Iterator[list[str]]:
    """The arguments for a project of Compose files below docker/ and tests/, taken down at the end."""
    arguments = [argument for file in files for argument in ("--file", str(ROOT / file))]
    try:
        yield arguments
    finally:
        engine.compose_run(*arguments, "--profile", "*", "down", "--volumes", "--timeout", "20")


def _build(engine: Engine) -> None:
    """Every target on the true base, where its registry can be reached; else on Debian's Python."""
    true_base = next(
        line.partition("=")[2]
        for line in (ROOT / "docker" / "Dockerfile").read_text().splitlines()
        if line.startswith("ARG PYTHON_IMAGE=")
    )
    if engine.run("pull", true_base, check=False).returncode:
        print(f"image-test: {true_base} cannot be pulled here; Debian's own Python stands in for it")
        engines.stand_in(FOLDER, engine, BASE)
        _image(engine, "runtime", BASE, VALKEY, "tests/deploy/image/valkey.Dockerfile")
    else:
        engine.run("tag", true_base, BASE)
        engine.run("pull", VALKEY_IMAGE)
        engine.run("tag", VALKEY_IMAGE, VALKEY)
    for target, name in (("runtime", RUNTIME), ("meaning", MEANING), ("cpu", CPU)):
        _image(engine, target, BASE, name, "docker/Dockerfile")


def _image(engine: Engine, target: str, base: str, name: str, file: str) -> None:
    """Build one image, in the machine's network and with its certificates, as behind a company's proxy."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    arguments = ["build", "--network", "host", "--tag", name, "--file", str(ROOT / file)]
    if file == "docker/Dockerfile":
        arguments += ["--target", target, "--build-arg", f"PYTHON_IMAGE={base}"]
        if AUTHORITIES.exists():
            (FOLDER / "pip.conf").write_text("[global]\ncert = /run/secrets/ca.pem\ntimeout = 180\n")
            arguments += ["--secret", f"id=pip.conf,src={FOLDER / 'pip.conf'}"]
            arguments += ["--secret", f"id=ca.pem,src={AUTHORITIES}"]
    else:
        arguments += ["--build-arg", f"BASE={base}"]
    done = engine.run(*arguments, str(ROOT), check=False)
    assert done.returncode == 0, f"{file} does not build:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"


def output(done: subprocess.CompletedProcess[str]) -> str:
    """What a command said, both ways."""
    return done.stdout + done.stderr
