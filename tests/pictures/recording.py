"""A shell in a terminal of its own, in which somebody types: every moment of what stood there.

Nothing is written by hand but the keys. The home folder, which is made for it, is shown as ~.
"""

import os
import pty
import select
import shutil
import sys
import tempfile
import time
from codecs import getincrementaldecoder
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from termios import tcsetwinsize

from tests.pictures.grid import Cell, Grid

ROOT = Path(__file__).parents[2]
HANDBOOK = ROOT / "bots" / "demo" / "handbook.md"
ROWS = 60
"""Lines of the terminal: more than are ever written, so that nothing scrolls."""
_PROMPT = "$ "
_KEY, _BEFORE_ENTER = 0.045, 0.4
"""Seconds from one key to the next, and before the last one."""
_PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Moment:
    """What stood in the terminal from `at` on, in seconds."""

    at: float
    lines: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class Keys:
    """A line to type, once `after` stands at the end of what is there."""

    text: str
    after: str = _PROMPT


def recorded(script: Sequence[Keys], columns: int, **settings: str) -> list[Moment]:
    """All moments of a shell in which these lines are typed, until it asks for another one.

    It runs in a home of its own with the handbook in it; `settings` are written as CHASQUI_... without that.
    """
    with tempfile.TemporaryDirectory(prefix="chasqui-", dir="/tmp", ignore_cleanup_errors=True) as home:
        shutil.copy(HANDBOOK, home)
        given = {f"CHASQUI_{name}": value for name, value in settings.items()}
        with _shell(Path(home), columns, given) as terminal:
            session = _Session(terminal, home, Grid(columns))
            for keys in script:
                session.until(keys.after)
                session.type(keys.text)
            session.until(_PROMPT)
            return session.moments


class _Session:
    def __init__(self, terminal: int, home: str, grid: Grid) -> None:
        self.moments: list[Moment] = []
        self._terminal = terminal
        self._home = home
        self._grid = grid
        self._decoder = getincrementaldecoder("utf-8")()
        self._begun = time.monotonic()

    def until(self, end: str) -> None:
        """Read until the cursor stands behind this, and nothing follows for a moment."""
        deadline = time.monotonic() + _PATIENCE
        while not (self._line().endswith(end) and not self._readable(0.2)):
            assert time.monotonic() < deadline, f"no {end!r} after {self._line()!r}"
            if self._readable(1.0):
                self._read()

    def type(self, text: str) -> None:
        """Press the keys, one after the other."""
        for key in text:
            os.write(self._terminal, key.encode())
            self._reading(_KEY)
        self._reading(_BEFORE_ENTER)
        os.write(self._terminal, b"\r")
        self._reading(_KEY)

    def _reading(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self._readable(left):
                self._read()

    def _readable(self, seconds: float) -> bool:
        return bool(select.select([self._terminal], [], [], seconds)[0])

    def _read(self) -> None:
        text = self._decoder.decode(os.read(self._terminal, 1 << 16))
        self._grid.write(text.replace(self._home, "~"))
        assert self._grid.row < ROWS, "the terminal would scroll"
        lines = self._grid.shown()[1:]  # a prompt has an empty line above it, the first one too
        if not self.moments or self.moments[-1].lines != lines:
            self.moments.append(Moment(time.monotonic() - self._begun, lines))

    def _line(self) -> str:
        line = self._grid.lines[self._grid.row]
        return "".join(character for character, _ in line).ljust(self._grid.column)


@contextmanager
def _shell(home: Path, columns: int, settings: dict[str, str]) -> Iterator[int]:
    """The terminal of a shell whose `chasqui` is that of this environment."""
    environment = {
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PS1": f"\\n{_PROMPT}",
        "TERM": "xterm-16color",
        "CHASQUI_DATA_DIR": str(home / ".local" / "share" / "chasqui"),
        **settings,
    }
    shell, terminal = pty.fork()
    if not shell:
        os.chdir(home)
        os.execvpe("bash", ["bash", "--noprofile", "--norc", "--noediting"], environment)
    try:
        tcsetwinsize(terminal, (ROWS, columns))
        yield terminal
    finally:
        os.close(terminal)  # hangs up
        os.waitpid(shell, 0)
