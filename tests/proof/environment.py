"""A Python environment for each client, apart from ours: what its lock pins, each file by its hash."""

import hashlib
import re
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BUILD = ROOT / "build" / "proof"
"""Where the environments are kept; git ignores it."""


class CannotInstall(Exception):
    """What a person has to know, in a sentence."""


@dataclass(frozen=True, slots=True)
class Package:
    """A client's package: its name on the index; `module` names its lock and the program that uses it."""

    name: str
    module: str

    @property
    def lock(self) -> Path:
        return HERE / f"{self.module}.lock"

    @property
    def version(self) -> str:
        """The version that is pinned."""
        pin = re.search(rf"^{self.name.replace('_', '-')}==(\S+)", self.lock.read_text(), re.MULTILINE)
        assert pin, f"{self.lock} does not pin {self.name}"
        return pin[1]

    def python(self) -> Path:
        """The Python of its environment, which is made where it does not stand yet. Raises CannotInstall."""
        stands_for = hashlib.sha256(sys.version.encode() + self.lock.read_bytes()).hexdigest()
        home, stamp = BUILD / self.module, BUILD / self.module / "stamp"
        python = home / "bin" / "python"
        if not stamp.exists() or stamp.read_text() != stands_for:
            print(f"Setting up {self.name} {self.version} in {home.relative_to(ROOT)} ...", file=sys.stderr)
            venv.create(home, clear=True, with_pip=True)
            _pip(python, self.lock)
            stamp.write_text(stands_for)  # last, so that an interrupted set-up has none
        return python


def _pip(python: Path, lock: Path) -> None:
    install = [str(python), "-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    install += ["--no-deps", "--require-hashes", "--only-binary=:all:", "-r", str(lock)]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    if done.returncode:
        why = (done.stderr.strip().splitlines() or ["pip says nothing"])[-1]
        raise CannotInstall(f"{lock.name} could not be installed, so nothing was proved: {why}")


PACKAGES = (Package("text-generation", "text_generation"), Package("huggingface_hub", "huggingface_hub"))
