"""What linters of images and workflows say, and whether the bill of materials is one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

ROOT = Path(__file__).resolve().parents[3]
BIN = Path(sys.executable).parent


def run(*command: str) -> "subprocess.CompletedProcess[str]":
    """Run a tool of this environment on the checkout."""
    return subprocess.run(
        [str(BIN / command[0]), *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("file", ["docker/Dockerfile", "tests/deploy/image/valkey.Dockerfile"])
def test_hadolint_finds_nothing_in(file: str) -> None:
    """The Dockerfiles follow its rules, or say beside the line why not."""
    done = run("hadolint", file)

    assert done.stdout + done.stderr == ""


def test_zizmor_finds_nothing() -> None:
    """Workflows pin what they use, keep no credentials and expand nothing into a shell."""
    done = run("zizmor", "--offline", "--persona=pedantic", "--quiet", ".github")

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("schema", "file"),
    [
        ("vendor.github-workflows", ".github/workflows/ci.yml"),
        ("vendor.dependabot", ".github/dependabot.yml"),
        ("vendor.compose-spec", "docker/compose.yaml"),
        ("vendor.compose-spec", "docker/compose.cpu.yaml"),
    ],
)
def test_a_file_is_valid_under_its_schema(schema: str, file: str) -> None:
    """No key is misspelt in what only others read."""
    done = run("check-jsonschema", "--builtin-schema", schema, file)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock", "requirements-deploy.lock"])
def test_the_bill_of_materials_is_valid(lock: str) -> None:
    """CycloneDX's own strict schema takes it, and every pin of the lock is in it."""
    done = run("python", "scripts/sbom.py", lock)
    found = JsonStrictValidator(SchemaVersion.V1_6).validate_str(done.stdout)
    pins = [line for line in (ROOT / lock).read_text().splitlines() if line[:1].isalpha()]

    assert done.stderr == ""
    assert found is None
    assert len(json.loads(done.stdout)["components"]) == len(pins)
