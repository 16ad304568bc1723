"""How much memory programs and all that they started use, while they run."""

import os
import threading
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import suppress
from pathlib import Path
from typing import Self

_EVERY = 0.1
_PROC = Path("/proc")


class Memory:
    """Samples the memory of our children and of the servers of a data directory; `peak` is in MB.

    It counts proportional set sizes, so that what processes share counts once. Without /proc it stays 0.
    """

    def __init__(self, data: Path) -> None:
        self.peak = 0.0
        self._data = os.fsencode(data)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(_EVERY):
            self.peak = max(self.peak, sum(map(megabytes_alone, self._processes())))

    def _processes(self) -> set[int]:
        """Our descendants, and those of every process whose command line names the data directory."""
        named = set()
        for entry in _PROC.glob("[0-9]*"):
            with suppress(OSError):  # it ended meanwhile
                if self._data in (entry / "cmdline").read_bytes():
                    named.add(int(entry.name))
        return _family(named | {os.getpid()}) - {os.getpid()}


def megabytes_of(process: int) -> float:
    """The memory of a process and of all that it started; 0 without /proc."""
    return sum(map(megabytes_alone, _family({process})))


def megabytes_alone(process: int) -> float:
    """The memory of a process without those that it started; 0 without /proc."""
    return next(_sizes(process), 0) / 1000


def _family(processes: AbstractSet[int]) -> set[int]:
    """These processes and all that they started."""
    children: dict[int, list[int]] = {}
    for entry in _PROC.glob("[0-9]*"):
        with suppress(OSError):  # it ended meanwhile
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(entry.name))
    tree, todo = set(processes), list(processes)
    while todo:
        todo += (found := set(children.get(todo.pop(), [])) - tree)
        tree |= found
    return tree


def _sizes(process: int) -> Iterator[int]:
    try:
        for line in (_PROC / str(process) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                yield int(line.split()[1])
    except OSError:  # it ended meanwhile
        return
