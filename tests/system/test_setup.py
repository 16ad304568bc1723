"""What a person with make and some Python meets before chasqui itself can speak.

The Makefile and the scripts are the real ones; the checkout around them is small: one dependency, and a
program that prints what it was asked to do. Nothing here uses the network.
"""

import ast
import base64
import hashlib
import os
import runpy
import shutil
import signal
import socket
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BASE_PYTHON = Path(sys._base_executable)  # type: ignore[attr-defined]  # typeshed leaves it out
MAKE, UV = shutil.which("make") or "make", shutil.which("uv")
INSTALLERS = [*(["pip"] if find_spec("ensurepip") else []), *(["uv"] if UV else [])]
"""What can be tried here: at least one of them made the environment that runs this."""

BACKEND = """
import shutil
WHEEL = "chasqui-0.1.0-py3-none-any.whl"
def build_wheel(directory, settings=None, metadata=None):
    shutil.copy(WHEEL, directory)
    return WHEEL
build_editable = build_wheel
"""
PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "chasqui"
version = "0.1.0"
"""
PROGRAM = "import sys, relay\ndef main(): print('relay', relay.VERSION, *sys.argv[1:])\n"


def write_wheel(folder: Path, name: str, version: str, module: str, source: str, scripts: str = "") -> Path:
    """Write a wheel of one module; its path."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{module}.py": source,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": scripts,
    }
    digests = {
        path: base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
        for path, text in files.items()
    }
    record = "".join(f"{path},sha256={digests[path]},{len(text)}\n" for path, text in files.items())
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for file, text in (*files.items(), (f"{info}/RECORD", f"{record}{info}/RECORD,,\n")):
            wheel.writestr(file, text)
    return path


def write_program(path: Path, script: str) -> None:
    """Write an executable shell script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


def altered_python(alteration: str) -> str:
    """The script of a Python that runs files like ours, after one statement that makes it another one."""
    run = "import runpy, sys; sys.argv.pop(0); runpy.run_path(sys.argv[0], run_name='__main__')"
    return f"""exec '{BASE_PYTHON}' -c "import sys; {alteration}; {run}" "$@" """


OLD_PYTHON = altered_python(
    "sys.version_info = (3, 9, 18, 'final', 0); sys.version = '3.9.18 (main, Jan  1 2024, 00:00:00) [GCC]'"
)
PYTHON_WITHOUT_VENV = altered_python("sys.modules['ensurepip'] = None")
THIS_PYTHON = f"""exec '{BASE_PYTHON}' "$@" """
MISSING_SHIM = "echo 'shim: command not found' >&2; exit 127"


@dataclass(frozen=True)
class Checkout:
    """A small checkout with our Makefile and scripts, and a PATH that holds only what a test puts there."""

    path: Path

    @property
    def bin(self) -> Path:
        return self.path / "path"

    @property
    def stamp(self) -> Path:
        return self.path / ".venv" / ".installed"

    def lock(self, version: str, *, name: str = "relay") -> None:
        """Pin `version` of the one dependency, by the hash of its wheel where there is one."""
        wheel = self.path / "wheels" / f"{name}-{version}-py3-none-any.whl"
        digest = hashlib.sha256(wheel.read_bytes() if wheel.exists() else b"").hexdigest()
        lock = f"{name}=={version} \\\n    --hash=sha256:{digest}\n"
        (self.path / "requirements.lock").write_text(lock, encoding="utf-8")

    def environment(self) -> dict[str, str]:
        """Only the wheels of this checkout can be installed."""
        wheels = (self.path / "wheels").as_uri()
        return {
            "PATH": str(self.bin),
            "HOME": str(self.path),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": wheels,
            "UV_CONFIG_FILE": str(self.path / "uv.toml"),  # uv has no variable for "no index"
            "UV_FIND_LINKS": wheels,
        }

    def online(self, index: str) -> dict[str, str]:
        """Only what the package index at `index` gives can be installed."""
        patience = {"PIP_RETRIES": "1", "UV_HTTP_RETRIES": "0"}
        indexes = {"PIP_INDEX_URL": index, "UV_DEFAULT_INDEX": index}
        here = {key: value for key, value in self.environment().items() if key in ("PATH", "HOME")}
        return {**here, **patience, **indexes, "PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1"}

    def make(self, *words: str, env: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
        """Say make here."""
        return subprocess.run(
            [MAKE, *words],
            cwd=self.path,
            env=env or self.environment(),
            text=True,
            capture_output=True,
            check=False,
        )


def new_checkout(path: Path) -> Checkout:
    """A checkout that was never set up, pinned to version 1 of its dependency; its PATH is empty."""
    path.mkdir()
    shutil.copy(ROOT / "Makefile", path)
    shutil.copytree(ROOT / "scripts", path / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    (path / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    (path / "backend.py").write_text(BACKEND, encoding="utf-8")
    (path / "uv.toml").write_text("no-index = true\n", encoding="utf-8")
    for version in ("1", "2"):
        write_wheel(path / "wheels", "relay", version, "relay", f"VERSION = {version}\n")
    write_wheel(path, "chasqui", "0.1.0", "program", PROGRAM, "[console_scripts]\nchasqui = program:main\n")
    checkout = Checkout(path)
    checkout.bin.mkdir()
    checkout.lock("1")
    return checkout


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A checkout that was never set up."""
    return new_checkout(tmp_path / "a checkout")


@dataclass(frozen=True)
class Demo:
    """A checkout in which `make demo` was said once, and what that printed."""

    checkout: Checkout
    said: "subprocess.CompletedProcess[str]"


@pytest.fixture(scope="module", params=INSTALLERS)
def first_demo(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """The first `make demo`, with a PATH on which only python3 can run chasqui."""
    checkout = new_checkout(tmp_path_factory.mktemp("first") / "a checkout")
    write_program(checkout.bin / "python3.14", MISSING_SHIM)
    write_program(checkout.bin / "python3.12", OLD_PYTHON)
    write_program(checkout.bin / "python3", THIS_PYTHON)
    if request.param == "uv":
        write_program(checkout.bin / "uv", f"""exec '{UV}' "$@" """)
    return Demo(checkout, checkout.make("demo", "ARGS=--once"))


@pytest.fixture
def installed(first_demo: Demo, tmp_path: Path) -> Checkout:
    """A copy of a checkout that is set up."""
    copy = tmp_path / "a checkout"
    shutil.copytree(first_demo.checkout.path, copy, symlinks=True)
    program = copy / ".venv" / "bin" / "chasqui"  # its first lines hold the path of its Python
    text = program.read_text(encoding="utf-8")
    program.write_text(text.replace(str(first_demo.checkout.path), str(copy)), encoding="utf-8")
    return Checkout(copy)


@pytest.fixture
def silent_index() -> Iterator[socket.socket]:
    """A package index that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        yield server


def address(server: socket.socket) -> str:
    return f"http://127.0.0.1:{server.getsockname()[1]}/simple"


def complaint(said: "subprocess.CompletedProcess[str]") -> str:
    """The one sentence of a failed make, which must be followed by make's own line only."""
    sentence, own = said.stderr.splitlines()
    assert said.returncode != 0
    assert own.startswith("make: ***")
    return sentence


def test_the_first_demo_sets_up_and_runs(first_demo: Demo) -> None:
    """`make demo` on a new checkout installs what the lock pins, says so in two lines and runs the demo."""
    first, second, demo = first_demo.said.stdout.splitlines()

    assert first == "Setting up .venv (once, about a minute) ..."
    assert second.startswith(".venv is ready (")
    assert demo == "relay 1 demo --once"
    assert first_demo.said.stderr == ""


def test_an_unusable_python_is_passed_over(first_demo: Demo) -> None:
    """Names on PATH that do not run, or are too old, do not keep the right Python from being found."""
    config = (first_demo.checkout.path / ".venv" / "pyvenv.cfg").read_text(encoding="utf-8")

    assert f"home = {BASE_PYTHON.parent}" in config


def test_the_second_demo_starts_at_once(installed: Checkout) -> None:
    """Once set up, make looks for no Python and installs nothing."""
    shutil.rmtree(installed.bin)

    said = installed.make("demo")

    assert said.stdout == "relay 1 demo\n"


def test_a_changed_lock_upgrades_in_place(installed: Checkout) -> None:
    """A new pin is installed into the .venv that stands, by its own Python."""
    (installed.bin / "python3").unlink()
    keepsake = installed.path / ".venv" / "keepsake"
    keepsake.touch()
    installed.lock("2")

    said = installed.make("demo")

    assert said.stdout.splitlines()[0] == "Bringing .venv up to date ..."
    assert said.stdout.splitlines()[-1] == "relay 2 demo"
    assert keepsake.exists()


def test_a_removed_python_makes_venv_anew(installed: Checkout) -> None:
    """Where the Python below .venv is gone, the stamp no longer counts and .venv is made again."""
    python = installed.path / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/removed/python")

    said = installed.make("demo")

    assert said.stdout.splitlines()[0] == "Setting up .venv (once, about a minute) ..."
    assert said.stdout.splitlines()[-1] == "relay 1 demo"


def test_a_named_python_decides(installed: Checkout) -> None:
    """PYTHON goes before the Python that .venv has; .venv stays where that one cannot make another."""
    (installed.bin / "uv").unlink(missing_ok=True)
    write_program(installed.path / "my python", PYTHON_WITHOUT_VENV)
    installed.lock("2")

    said = complaint(installed.make("demo", f"PYTHON={installed.path}/my python"))

    assert said.endswith("-venv")
    assert (installed.path / ".venv" / "bin" / "chasqui").exists()


def test_a_missing_wheel_is_named(installed: Checkout) -> None:
    """The sentence names the package, the Python and the platform, and what to take instead."""
    installed.lock("7", name="nowhere")

    said = complaint(installed.make("demo"))

    assert said.startswith("There is no wheel of nowhere")
    assert f"for Python {sys.version_info[0]}.{sys.version_info[1]}." in said
    assert "take Python 3.11 to 3.14 on Linux" in said
    assert not installed.stamp.exists()


@pytest.mark.parametrize("vouched", ["another hash", "no hash"])
def test_a_wheel_that_the_lock_does_not_know_is_refused(installed: Checkout, vouched: str) -> None:
    """Only what the lock has the hash of is installed; the sentence leads to the log."""
    installed.lock("2")
    lock = installed.path / "requirements.lock"
    if vouched == "no hash":
        lock.write_text("relay==2\n", encoding="utf-8")
    else:
        write_wheel(installed.path / "wheels", "relay", "2", "relay", "VERSION = 'forged'\n")

    said = installed.make("demo")

    assert said.returncode != 0
    assert said.stderr.startswith("chasqui could not be set up:")
    assert f"The whole log: {installed.path}/.venv/install.log" in said.stderr
    assert "Traceback" not in said.stderr
    assert not installed.stamp.exists()


def test_no_network_is_said(installed: Checkout, silent_index: socket.socket) -> None:
    """An index that cannot be reached is not taken for a missing wheel."""
    index = address(silent_index)
    silent_index.close()
    installed.lock("7", name="nowhere")

    said = complaint(installed.make("demo", env=installed.online(index)))

    assert said.startswith("The package index cannot be reached (")
    assert "check the network" in said
    assert not installed.stamp.exists()


def test_an_interrupted_set_up_goes_on_next_time(installed: Checkout, silent_index: socket.socket) -> None:
    """Ctrl-C while packages are fetched leaves no stamp, and saying the same again ends well."""
    installed.lock("2")
    words, environment = [MAKE, "demo"], installed.online(address(silent_index))
    pipe = subprocess.PIPE
    with subprocess.Popen(
        words,
        cwd=installed.path,
        env=environment,
        text=True,
        stdout=pipe,
        stderr=pipe,
        start_new_session=True,
    ) as running:
        connection, _ = silent_index.accept()
        os.killpg(running.pid, signal.SIGINT)
        _, stderr = running.communicate(timeout=60)
        connection.close()

    assert stderr.splitlines()[0] == "Interrupted; say the same again to go on."
    assert not installed.stamp.exists()

    assert installed.make("demo").stdout.splitlines()[-1] == "relay 2 demo"


def test_an_old_python_is_named(checkout: Checkout) -> None:
    """The version and the path that were found are said, with the versions that would do."""
    write_program(checkout.bin / "python3", OLD_PYTHON)

    said = complaint(checkout.make("demo"))

    assert said.startswith(f"chasqui needs Python 3.11 to 3.14; found 3.9.18 at {BASE_PYTHON}.")
    assert "make demo PYTHON=" in said
    assert not (checkout.path / ".venv").exists()


def test_no_python_is_said(checkout: Checkout) -> None:
    """Without any Python, and with one that only pretends to be there, the sentence says what to install."""
    write_program(checkout.bin / "python", MISSING_SHIM)

    assert complaint(checkout.make("demo")).startswith(
        "chasqui needs Python 3.11 to 3.14 and found none on PATH"
    )


def test_a_wrong_name_of_python_is_said(checkout: Checkout) -> None:
    """A PYTHON that does not run is repeated; no other one is taken in its place."""
    write_program(checkout.bin / "python3", THIS_PYTHON)

    assert complaint(checkout.make("demo", "PYTHON=python3.77")).startswith("PYTHON=python3.77 is no Python")


def test_a_python_without_venv_is_said(checkout: Checkout) -> None:
    """Debian keeps venv in a package of its own: its name is said, and no half .venv is left."""
    write_program(checkout.bin / "python3", PYTHON_WITHOUT_VENV)

    said = complaint(checkout.make("demo"))

    assert said.endswith(f"sudo apt-get install python{sys.version_info[0]}.{sys.version_info[1]}-venv")
    assert not (checkout.path / ".venv").exists()


def test_make_alone_lists_the_commands() -> None:
    """`make` without a word tells everything that can be said, each with a few words about it."""
    said = subprocess.run(
        [MAKE, "--no-print-directory"], cwd=ROOT, text=True, capture_output=True, check=True
    )
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8").splitlines()
    (commands,) = [line.split()[1:] for line in makefile if line.startswith(".PHONY:")]

    listed = [line.split(maxsplit=2) for line in said.stdout.splitlines()]
    assert [(make, command, bool(about)) for make, command, about in listed] == [
        ("make", command, True) for command in commands
    ]
    assert {"help", "demo", "test", "lint", "bench", "lock", "clean"} <= set(commands)


def test_an_old_python_can_read_the_installer() -> None:
    """install.py keeps to a syntax that old versions can parse, or its sentence would never be read."""
    ast.parse((ROOT / "scripts" / "install.py").read_text(encoding="utf-8"), feature_version=(3, 7))


def test_every_file_names_the_same_versions_of_python() -> None:
    """pyproject.toml, the installer and its shell part agree on the first and the last Python."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    installer = runpy.run_path(str(ROOT / "scripts" / "install.py"))
    shell = (ROOT / "scripts" / "install.sh").read_text(encoding="utf-8")
    (_, first), (major, last) = installer["FIRST"], installer["LAST"]

    assert project["requires-python"] == f">={major}.{first},<{major}.{last + 1}"
    assert project["requires-python"] in shell
    assert shell.count(f"Python {major}.{first} to {major}.{last}") == 2
    for minor in range(first, last + 1):
        assert f"Programming Language :: Python :: {major}.{minor}" in project["classifiers"]
        assert f" python{major}.{minor} " in shell


def check_locks(folder: Path) -> "subprocess.CompletedProcess[str]":
    """What check_locks.py says about a folder with pyproject.toml and the locks."""
    command = [sys.executable, str(ROOT / "scripts" / "check_locks.py"), str(folder)]
    return subprocess.run(command, text=True, capture_output=True, check=False)


def test_the_locks_are_in_line() -> None:
    """Our own locks are exact, hashed, free of URLs, and pin all that pyproject.toml asks for."""
    assert check_locks(ROOT).stdout == "The locks are in line with pyproject.toml.\n"


Change = Callable[[str], str]
FAULTS: dict[str, tuple[str, Change, str]] = {
    "a URL in a comment": (
        "requirements.lock",
        lambda lock: f"{lock}# from https://index.test\n",
        "has a URL",
    ),
    "a pin without a hash": (
        "requirements.lock",
        lambda lock: f"{lock}bare==1.0\n",
        "has no hash: bare==1.0",
    ),
    "a range": (
        "requirements.lock",
        lambda lock: f"{lock}loose>=1 --hash=sha256:{'0' * 64}\n",
        "is not a pin: loose>=1",
    ),
    "an index option": ("requirements-dev.lock", lambda lock: f"--pre\n{lock}", "is not a pin: --pre"),
    "a dependency that is not pinned": (
        "pyproject.toml",
        lambda project: project.replace("dependencies = [", 'dependencies = ["unheard-of>=1",', 1),
        "does not pin unheard-of>=1",
    ),
    "a pin that is not allowed": (
        "pyproject.toml",
        lambda project: project.replace('"redis>=', '"redis>=99', 1),
        "does not pin redis>=99",
    ),
    "locks that differ": (
        "requirements-dev.lock",
        lambda lock: lock.replace("\nredis==", "\nredis==99.", 1),
        "redis: requirements.lock and requirements-dev.lock pin different versions",
    ),
    "a tool of the documents that is not pinned": (
        "pyproject.toml",
        lambda project: project.replace('"mkdocs-material>=', '"mkdocs-material>=99', 1),
        "does not pin mkdocs-material",
    ),
    "a uv.lock": ("uv.lock", lambda lock: lock, "uv.lock is not used here"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_locks_is_found(fault: str, tmp_path: Path) -> None:
    """Each way in which a lock can stop being exact fails the check with a line that names it."""
    file, change, sentence = FAULTS[fault]
    for name in (
        "pyproject.toml",
        "requirements.lock",
        "requirements-dev.lock",
        "requirements-deploy.lock",
        "requirements-docs.lock",
    ):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "uv.lock").write_text("") if file == "uv.lock" else None
    changed = tmp_path / file
    changed.write_text(change(changed.read_text(encoding="utf-8")), encoding="utf-8")

    said = check_locks(tmp_path)

    assert said.returncode == 1
    assert sentence in said.stdout
