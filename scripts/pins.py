"""Print the pins of a lock that some parts of chasqui need, with their hashes: what an image of it installs.

    python scripts/pins.py LOCK PART...     PART: `run` (the dependencies), the name of an extra or of a group

The lock says after each pin what it is there for (`# via`), so that nothing is resolved again. The standard
library only: it runs before anything is installed.
"""

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def wanted(project: dict[str, Any], part: str) -> set[str]:
    """The names of the packages that a part of pyproject.toml asks for; SystemExit where there is none."""
    extras, groups = project["project"]["optional-dependencies"], project["dependency-groups"]
    parts: dict[str, list[Any]] = {**groups, **extras, "run": project["project"]["dependencies"]}
    if part not in parts:
        raise SystemExit(f"pyproject.toml has no part {part!r}. Choose among {', '.join(sorted(parts))}.")
    return {canonical(text) for text in parts[part] if isinstance(text, str)}


def canonical(requirement: str) -> str:
    """The name in a requirement, as a lock writes it."""
    name = re.match(r"[\w.-]+", requirement)
    return re.sub(r"[-_.]+", "-", name[0]).lower() if name else ""


def blocks(lock: str) -> Iterator[tuple[str, str, set[str]]]:
    """Each pin of the lock: its name, its text, and the names of the packages that it is there for."""
    for text in re.split(r"\n(?=[a-z0-9])", lock.strip()):
        comments = re.findall(r"^ +# +(?:via +)?(\S.*)$", text, re.MULTILINE)
        yield canonical(text), text, {canonical(comment) for comment in comments}


def selected(lock: str, roots: Iterable[str]) -> list[str]:
    """The pins of `roots` and of all that they need, as they stand in the lock."""
    pins = list(blocks(lock))
    needed, before = set(roots), 0
    while len(needed) > before:
        before = len(needed)
        needed |= {name for name, _, reasons in pins if reasons & needed}
    return [text for name, text, _ in pins if name in needed]


def main(lock: str, *parts: str) -> None:
    """Print the pins for the parts."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    roots = set().union(*(wanted(project, part) for part in parts))
    print("\n".join(selected((ROOT / lock).read_text(encoding="utf-8"), roots)))


if __name__ == "__main__":
    if len(sys.argv) < 3:
        raise SystemExit("Say which lock and which parts of it: python scripts/pins.py requirements.lock run")
    main(*sys.argv[1:])
