"""What code that took a worker over could still do: next to nothing."""

import asyncio
import ctypes
import json
import os
import platform
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.extraction.extractor import SandboxedExtractor
from tests import files
from tests.adapters.extraction_parts import until, workers

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64"),
    reason="only Linux confines a process beyond the limits of its resources",
)

ATTEMPTS = """
import ctypes, json, os, resource, signal, socket, subprocess, sys, threading
from adapters.extraction import sandbox

secret, parent = sys.argv[1], os.getppid()
libc = ctypes.CDLL(None, use_errno=True)
sandbox.confine(300_000_000, 15, [])
attempts = {
    "tcp": lambda: socket.socket(),
    "unix": lambda: socket.socket(socket.AF_UNIX),
    "raw call": lambda: ctypes.set_errno(0) or libc.socket(2, 1, 0) >= 0 or 1 / 0,
    "another set of numbers": lambda: (libc.syscall(0x40000000 + 41), ctypes.get_errno())[1] != 1 or 1 / 0,
    "connect": lambda: socket.socketpair()[0].connect("/"),
    "fork": os.fork,
    "exec": lambda: os.execv(sys.executable, [sys.executable, "-V"]),
    "spawn": lambda: os.posix_spawn(sys.executable, [sys.executable, "-V"], {}),
    "program": lambda: subprocess.run([sys.executable, "-V"]),
    "signal": lambda: os.kill(parent, 0),
    "limits of others": lambda: resource.prlimit(parent, resource.RLIMIT_NOFILE),
    "priority of others": lambda: os.setpriority(os.PRIO_PROCESS, parent, 10),
    "change mode": lambda: os.chmod(secret, 0o777),
    "shared memory": lambda: libc.shmget(0, 4096, 0o600) >= 0 or 1 / 0,
    "more memory": lambda: bytearray(400_000_000),
    "write on": lambda: os.write(os.open(secret, os.O_WRONLY), b"x"),
    "thread": lambda: threading.Thread(target=int).start(),
    "own limits": lambda: resource.getrlimit(resource.RLIMIT_AS),
    "read": lambda: open(secret).read(),
    "list": lambda: os.listdir(os.path.dirname(secret)),
    "remove": lambda: os.unlink(secret),
    "create": lambda: open(secret + "2", "w"),
    "environment of others": lambda: open(f"/proc/{parent}/environ").read(),
    "settings": lambda: open(sandbox.__file__.partition("adapters")[0] + "pyproject.toml").read(),
}
done = []
for name, attempt in attempts.items():
    try:
        attempt()
    except (OSError, MemoryError, ZeroDivisionError):
        continue
    done.append(name)
print(json.dumps(done), flush=True)
os.abort()
"""


def has_landlock() -> bool:
    return sys.platform == "linux" and int(ctypes.CDLL(None).syscall(444, None, 0, 1)) > 0  # its version


def attempts(secret: Path) -> list[str]:
    """What a confined process managed to do."""
    ran = subprocess.run(
        [sys.executable, "-c", ATTEMPTS, str(secret)], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == -signal.SIGABRT, ran.stderr  # it may end itself
    done: list[str] = json.loads(ran.stdout)
    return done


def test_a_worker_reaches_no_network_and_starts_nothing(tmp_path: Path) -> None:
    """Sockets, programs, other processes and memory beyond its share are refused; its own threads are not."""
    secret = files.text(tmp_path, "secret", "sesame")
    about_files = {"read", "list", "remove", "create", "environment of others", "settings"}
    assert set(attempts(secret)) - about_files == {"thread", "own limits"}
    assert secret.stat().st_mode & 0o777 != 0o777
    assert secret.read_text() == "sesame" or not has_landlock()


@pytest.mark.skipif(not has_landlock(), reason="this kernel has no Landlock")
def test_a_worker_sees_no_file_but_its_libraries(tmp_path: Path) -> None:
    """Neither people's data, nor settings in a checkout, nor the secrets of the process that started it."""
    secret = files.text(tmp_path, "secret", "sesame")
    assert attempts(secret) == ["thread", "own limits"]
    assert secret.read_text() == "sesame"


async def test_each_worker_is_confined_before_it_reads(tmp_path: Path) -> None:
    """The kernel says of a worker that reads a file that it is under a filter and gains no privileges."""
    page = files.text(tmp_path, "slow.html", "<p><i>a</i></p>" * 250_000)
    reading = asyncio.ensure_future(SandboxedExtractor().extract(page, page.name))

    def filtered() -> bool:
        states = [Path(f"/proc/{worker}/status").read_text() for worker in workers()]
        return any("Seccomp:\t2" in state and "NoNewPrivs:\t1" in state for state in states)

    try:
        assert await until(filtered)
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def test_the_library_of_pdf_is_our_own_and_leaves_with_us(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is unpacked where nobody else can write, on a machine that never read a PDF before, and goes."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    shared = tmp_path / "kreuzberg-pdfium"
    path = files.pdf(tmp_path)
    extractor = SandboxedExtractor()
    assert (await extractor.extract(path, path.name)).blocks
    (folder,) = tmp_path.glob("chasqui-*")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert folder.stat().st_uid == os.getuid()
    assert not shared.exists()
    del extractor
    assert not folder.exists()
