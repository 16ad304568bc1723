"""Print the bill of materials of what a lock installs, as CycloneDX 1.6 JSON, the same for the same lock.

    python scripts/sbom.py [LOCK]      requirements.lock by default: all that a running chasqui may hold

Of each package it has the version, the purl and what it is there for, as the lock says it. Licences are not
in a lock: NOTICE names those that matter.
"""

import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

from pins import blocks

ROOT = Path(__file__).resolve().parent.parent


def bill(lock: str, version: str) -> dict[str, Any]:
    """The bill of materials of the pins in `lock`, for chasqui of this version."""
    application = f"pkg:pypi/chasqui@{version}"
    pins = [(name, _version(text), reasons) for name, text, reasons in blocks(lock)]
    # A package has two pins where platforms need different versions of it.
    needs: dict[str, set[str]] = {application: set(), **{_purl(name, pin): set() for name, pin, _ in pins}}
    for name, pin, reasons in pins:
        wanting = {_purl(other, at) for other, at, _ in pins if other in reasons}
        for reference in wanting | ({application} if "chasqui" in reasons else set()):
            needs[reference].add(_purl(name, pin))
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": _component("application", "chasqui", version)},
        "components": [_component("library", name, pin) for name, pin, _ in pins],
        "dependencies": [{"ref": ref, "dependsOn": sorted(needed)} for ref, needed in needs.items()],
    }


def _purl(name: str, version: str) -> str:
    return f"pkg:pypi/{name}@{version}"


def _component(kind: str, name: str, version: str) -> dict[str, str]:
    reference = _purl(name, version)
    return {"type": kind, "bom-ref": reference, "name": name, "version": version, "purl": reference}


def _version(pin: str) -> str:
    found = re.match(r"[\w.-]+==([^\s;]+)", pin)
    assert found, f"{pin.splitlines()[0]} is no pin"
    return found[1]


def main(lock: str = "requirements.lock") -> None:
    """Print it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    made = bill((ROOT / lock).read_text(encoding="utf-8"), project["project"]["version"])
    print(json.dumps(made, indent=2))


if __name__ == "__main__":
    main(*sys.argv[1:])
