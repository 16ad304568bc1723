"""SIGTERM and Ctrl-C: the first one asks nicely, the second one does not."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def first_press(asked: Callable[[], None]) -> Iterator[None]:
    """The first SIGTERM or Ctrl-C calls `asked`; the second one cancels the task that entered here."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task
    presses: list[Callable[[], object]] = [asked]

    def pressed() -> None:
        (presses.pop() if presses else task.cancel)()

    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, pressed)
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
