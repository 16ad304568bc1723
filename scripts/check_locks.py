"""Say what is wrong with the locks, without the network: exit 1 and one line for each fault.

A lock must pin every dependency of pyproject.toml to a version that it allows, with hashes and without a URL,
and each lock must agree with the one that it holds all of; that of the documents' site stands alone.
uv.lock has no place here: see docs/decisions/0001-locks.md.
"""

import re
import sys
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

RUN, DEV, DEPLOY = "requirements.lock", "requirements-dev.lock", "requirements-deploy.lock"
DOCS = "requirements-docs.lock"
UNLOCKED = frozenset(("languages",))
"""Extras that no lock holds: too large for everybody to install."""
OPTION = re.compile(r"\s--hash=sha256:[0-9a-f]{64}\b")


def faults(root: Path) -> Iterator[str]:
    """One sentence for each fault of the locks of the checkout at `root`."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    locks = {RUN: "build", DEV: "dev", DEPLOY: "deploy"}
    pinned = {}
    for name, group in locks.items():
        text = (root / name).read_text(encoding="utf-8")
        pinned[name] = pins(text)
        yield from (f"{name}: {fault}" for fault in unpinned(text))
        yield from (f"{name}: {fault}" for fault in unmet(wanted(project, group), pinned[name]))
    site = (root / DOCS).read_text(encoding="utf-8")
    tools = [Requirement(text) for text in members(project["dependency-groups"], "docs")]
    yield from (f"{DOCS}: {fault}" for fault in (*unpinned(site), *unmet(tools, pins(site))))
    for smaller, larger in pairwise(locks):
        for package, versions in sorted(pinned[smaller].items()):
            if versions != pinned[larger].get(package):
                yield f"{package}: {smaller} and {larger} pin different versions; say: make lock"
    if (root / "uv.lock").exists():
        yield "uv.lock is not used here: remove it"


def entries(lock: str) -> list[str]:
    """The requirements of a lock with their options, one string each, comments left out."""
    lines = [line for line in lock.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return "\n".join(lines).replace("\\\n", " ").splitlines()


def unpinned(lock: str) -> Iterator[str]:
    """What keeps a lock from being exact and independent of one index; a URL in a comment counts."""
    yield from (f"has a URL: {line.strip()}" for line in lock.splitlines() if "://" in line)
    for entry in entries(lock):
        requirement = OPTION.sub("", entry).strip()
        if not re.match(r"[a-z0-9-]+==[^=\s*]+( ; |$)", requirement):
            yield f"is not a pin: {requirement}"
        elif requirement == entry.strip():
            yield f"has no hash: {requirement}"


def pins(lock: str) -> dict[str, set[str]]:
    """The versions of each package in a lock; more than one where platforms differ."""
    found: dict[str, set[str]] = {}
    for entry in entries(lock):
        name, _, rest = entry.partition("==")
        found.setdefault(canonicalize_name(name.strip()), set()).add(rest.split()[0] if rest.split() else "")
    return found


def wanted(project: dict[str, Any], group: str) -> list[Requirement]:
    """What pyproject.toml asks for: dependencies, extras, the build system, one dependency group."""
    texts = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    for name, extra in project["project"].get("optional-dependencies", {}).items():
        texts += () if name in UNLOCKED else extra
    return [Requirement(text) for text in (*texts, *members(project["dependency-groups"], group))]


def members(groups: dict[str, list[Any]], group: str) -> Iterator[str]:
    """The requirements of a dependency group and of the groups that it includes."""
    for item in groups[group]:
        if isinstance(item, str):
            yield item
        else:
            yield from members(groups, item["include-group"])


def unmet(requirements: list[Requirement], pinned: dict[str, set[str]]) -> Iterator[str]:
    """The requirements that no pin meets."""
    for requirement in requirements:
        versions = pinned.get(canonicalize_name(requirement.name), set())
        if not versions or not all(requirement.specifier.contains(v, prereleases=True) for v in versions):
            yield f"does not pin {requirement} of pyproject.toml; say: make lock"


if __name__ == "__main__":
    found = list(faults(Path(sys.argv[1] if len(sys.argv) > 1 else ".")))
    print("\n".join(found) if found else "The locks are in line with pyproject.toml.")
    sys.exit(bool(found))
