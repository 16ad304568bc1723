"""Make .venv and put into it the wheels that a lock pins, every hash checked, and this checkout itself.

    python scripts/install.py LOCK STAMP...   install, then write the stamps (see the Makefile)
    python scripts/install.py --fits          exit 0 where this Python can run chasqui, else 3

Run by .venv's own Python it brings .venv up to date in place; run by any other it makes .venv anew. It may
be interrupted anywhere and said again. uv is used where it is on PATH and is never needed. The syntax stays
that of Python 3.6, so that an old Python can read this file and say what is wrong.
"""

import importlib.util
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from typing import TextIO

FIRST, LAST = (3, 11), (3, 14)
SUPPORTED = "Python {}.{} to {}.{}".format(*FIRST, *LAST)

if not FIRST <= sys.version_info[:2] <= LAST:
    sys.stderr.write(
        f"chasqui needs {SUPPORTED}; found {platform.python_version()} at {sys.executable}. "
        "Install one of these, or name one that is not on PATH: make demo PYTHON=/path/to/python3.12\n"
    )
    sys.exit(3)

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOG = VENV / "install.log"

# What pip and uv say where the index cannot be reached. Read first: pip then calls the package missing too.
UNREACHABLE = re.compile(
    r"failed to establish a new connection|name resolution|name or service not known|nodename nor servname"
    r"|dns error|network is unreachable|connection refused|connection reset|timed out|max retries exceeded"
    r"|proxyerror|cannot connect to proxy|error sending request|certificate_verify_failed"
    r"|invalid peer certificate|network was disabled",
    re.IGNORECASE,
)
MISSING = re.compile(
    r"No matching distribution found for (?P<pip>[\w.-]+==[\w.!+-]*\w)"
    r"|Because (?:there is no version of )?(?P<uv>[\w.-]+(?:==[\w.!+-]*\w)?) (?:has no|was not found|and you)"
)


class SetupError(Exception):
    """What a person has to know, in sentences."""


def main(arguments: "list[str]") -> int:
    """Do what the command line asks; the exit code."""
    if arguments == ["--fits"]:
        return 0
    lock, *stamps = (ROOT / argument for argument in arguments)
    try:
        install(lock, stamps)
    except SetupError as error:
        return complain(str(error), 1)
    except OSError as error:
        return complain(f"chasqui could not be set up: {error.strerror}: {error.filename or ROOT}", 1)
    except KeyboardInterrupt:
        return complain("Interrupted; say the same again to go on.", 130)
    return 0


def complain(sentence: str, code: int) -> int:
    """Say why it ended early; the exit code, handed through."""
    clear_progress()
    sys.stderr.write(sentence + "\n")
    return code


def install(lock: Path, stamps: "list[Path]") -> None:
    """Install what `lock` pins and this checkout; the stamps stand only where all of it does."""
    uv = shutil.which("uv")
    if uv is None and not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
        package = "python{}.{}-venv".format(*sys.version_info[:2])
        raise SetupError(
            f"{sys.executable} comes without its venv module; on Debian or Ubuntu say: "
            f"sudo apt-get install {package}"
        )
    started = time.monotonic()
    own = Path(sys.prefix).resolve() == VENV.resolve()
    if own:
        print("Bringing .venv up to date ...", flush=True)
        for stamp in stamps:
            stamp.unlink(missing_ok=True)
    else:
        print("Setting up .venv (once, about a minute) ...", flush=True)
        shutil.rmtree(VENV, ignore_errors=True)
        VENV.mkdir()
    with LOG.open("w", encoding="utf-8") as log:
        if not own:
            run([sys.executable, "-I", "-m", "venv", "--without-pip", str(VENV)], log)
        tool = uv_install(uv) if uv else pip_install(log)
        run([*tool, "--require-hashes", "--no-deps", "--only-binary=:all:", "-r", str(lock)], log)
        # The lock pins hatchling and editables, so building the checkout needs no isolation and no index.
        run([*tool, "--no-index", "--no-deps", "--no-build-isolation", "-e", str(ROOT)], log)
    for stamp in stamps:
        stamp.touch()
    clear_progress()
    print(f".venv is ready ({time.monotonic() - started:.0f} s).", flush=True)


def uv_install(uv: str) -> "list[str]":
    """The command of uv; it compiles bytecode as pip does, for without it every start is slow."""
    return [uv, "pip", "install", "--python", str(PYTHON), "--compile-bytecode"]


def pip_install(log: TextIO) -> "list[str]":
    """The command of .venv's pip, put there first where it is missing."""
    python = [str(PYTHON), "-I", "-m"]  # isolated: packages on PYTHONPATH must not pass for installed ones
    if subprocess.run([*python, "pip", "--version"], capture_output=True, check=False).returncode:
        run([*python, "ensurepip", "--default-pip"], log)
    return [*python, "pip", "install", "--no-input", "--disable-pip-version-check", "--progress-bar", "off"]


def run(command: "list[str]", log: TextIO) -> None:
    """Run one tool, its output in the log. Raises SetupError with what it means where it fails."""
    log.write(f"$ {' '.join(command)}\n")
    lines = []
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    ) as tool:
        for line in tool.stdout or ():
            log.write(line)
            log.flush()
            lines.append(line.rstrip())
            show_progress(line.strip())
    if tool.returncode:
        raise SetupError(explain([line for line in lines if line]))


def explain(lines: "list[str]") -> str:
    """What a failed pip or uv means to the person who waits for it."""
    said = " ".join(" ".join(lines).split())
    unreachable = UNREACHABLE.search(said)
    if unreachable:
        return (
            f"The package index cannot be reached ({unreachable[0].lower()}): check the network and the "
            f"proxy, then say the same again. The whole log: {LOG}"
        )
    missing = MISSING.search(said)
    if missing:
        package = (missing["pip"] or missing["uv"]).replace("==", " ")
        place = " ".join([sysconfig.get_platform(), *platform.libc_ver()]).strip()
        return (
            f"There is no wheel of {package} for Python {platform.python_version()} on {place}, and chasqui "
            f"compiles nothing: take {SUPPORTED} on Linux (x86_64 or aarch64, glibc 2.28 or newer) or macOS "
            f"14 or newer (Apple silicon). The whole log: {LOG}"
        )
    return "\n".join(["chasqui could not be set up:", *lines[-3:], f"The whole log: {LOG}"])


def show_progress(line: str) -> None:
    """The tool's latest line, in place, where someone watches."""
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns - 3
        print(f"\r\x1b[K  {line[:width]}", end="", flush=True)


def clear_progress() -> None:
    """Take the line of `show_progress` away."""
    if sys.stdout.isatty():
        print("\r\x1b[K", end="", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
