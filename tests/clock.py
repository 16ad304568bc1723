"""Time that only passes when nothing else can happen: hours of pauses in a moment, the same each time."""

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer once nothing is left to run.

    What waits for something that no timer brings is an error, not a hang. It has no threads or sockets.
    """

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(_Jumps(self._pass))

    def time(self) -> float:
        """Seconds since the loop was made."""
        return self._now

    def _pass(self, seconds: float | None) -> None:
        if seconds is None:
            raise RuntimeError("everything waits for something that can never happen")
        self._now += seconds


class _Jumps(selectors.SelectSelector):
    """A selector that lets virtual time pass instead of waiting."""

    def __init__(self, let_pass: Callable[[float | None], None]) -> None:
        super().__init__()
        self._let_pass = let_pass

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and (timeout is None or timeout > 0):
            self._let_pass(timeout)
        return ready


def run(main: Coroutine[Any, Any, T]) -> T:
    """The result of `main` on a loop of its own, in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


def on_virtual_clock(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run an async test in virtual time."""

    @functools.wraps(test)
    def in_virtual_time(*args: P.args, **kwargs: P.kwargs) -> None:
        run(test(*args, **kwargs))

    return in_virtual_time
