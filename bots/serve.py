"""The long-running roles of `chasqui serve`, in one process, until SIGTERM or Ctrl-C."""

import asyncio
import signal
from collections.abc import Collection, Iterator
from contextlib import contextmanager

import structlog

from bots.settings import Settings
from bots.wiring import App, app
from core.errors import SettingsError
from core.worker import Worker

log = structlog.get_logger()

ROLES = ("worker", "all")
GATEWAYS = ("discord", "slack")


async def serve(settings: Settings, roles: Collection[str]) -> int:
    """Serve these roles; returns the exit code once they have drained."""
    _check(roles)
    with draining() as asked:
        async with app(settings) as ready:
            if not ready.platforms:
                log.warning("serve.no_platform", mend="nothing can be answered: no platform has a token")
            log.info("serve.started", roles=sorted(roles))
            await worker(ready, settings).run(asked)
    return 0


def worker(ready: App, settings: Settings) -> Worker:
    """The worker of this process."""
    limits = settings.worker
    return Worker(
        ready.inbox.work,
        ready.assistant,
        ready.platforms,
        answers=limits.answers,
        grace=limits.grace_seconds,
    )


@contextmanager
def draining() -> Iterator[asyncio.Event]:
    """An event that the first SIGTERM or Ctrl-C sets; a second one ends this task."""
    loop, task, asked = asyncio.get_running_loop(), asyncio.current_task(), asyncio.Event()
    assert task

    def pressed() -> None:
        if asked.is_set():
            task.cancel()
        asked.set()

    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, pressed)
    try:
        yield asked
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


def _check(roles: Collection[str]) -> None:
    for role in roles:
        if role in GATEWAYS:
            raise SettingsError(f"The role {role!r} is not there yet in this release. Serve 'worker'.")
        if role not in ROLES:
            raise SettingsError(f"There is no role {role!r}. Choose among {', '.join((*GATEWAYS, *ROLES))}.")
