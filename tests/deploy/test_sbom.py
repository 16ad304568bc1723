"""The bill of materials, as scripts/sbom.py prints it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def printed() -> bytes:
    """What the script prints of the lock that images install from."""
    command = [sys.executable, str(ROOT / "scripts" / "sbom.py")]
    return subprocess.run(command, capture_output=True, check=True).stdout


def test_the_same_lock_gives_the_same_bytes() -> None:
    """No time and no random number is in it, so that two builds can be compared."""
    assert printed() == printed()


def test_each_package_is_named_with_what_it_is_there_for() -> None:
    """Every pin has a purl, and the graph leads from chasqui over discord.py to aiohttp and yarl."""
    found: dict[str, Any] = json.loads(printed())
    graph = {each["ref"].partition("@")[0]: each["dependsOn"] for each in found["dependencies"]}

    def needs(package: str) -> set[str]:
        return {reference.partition("@")[0] for reference in graph[f"pkg:pypi/{package}"]}

    assert all(each["purl"].startswith("pkg:pypi/") for each in found["components"])
    assert {"pkg:pypi/discord-py", "pkg:pypi/redis", "pkg:pypi/kreuzberg"} <= needs("chasqui")
    assert "pkg:pypi/aiohttp" in needs("discord-py")
    assert "pkg:pypi/yarl" in needs("aiohttp")
    assert "pkg:pypi/yarl" not in needs("chasqui")
