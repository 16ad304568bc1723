"""The long-running roles of `chasqui serve`, in one process, until SIGTERM or Ctrl-C."""

import asyncio
from collections.abc import Collection

import structlog

from bots.settings import Settings
from bots.signals import first_press
from bots.wiring import App, app
from core.errors import SettingsError
from core.worker import Worker

log = structlog.get_logger()

ROLES = ("worker", "all")
GATEWAYS = ("discord", "slack")


async def serve(settings: Settings, roles: Collection[str]) -> int:
    """Serve these roles; returns the exit code once they have drained."""
    _check(roles)
    draining = asyncio.Event()
    with first_press(draining.set):
        async with app(settings) as ready:
            if not ready.platforms:
                log.warning("serve.no_platform", mend="nothing can be answered: no platform has a token")
            log.info("serve.started", roles=sorted(roles))
            await worker(ready, settings).run(draining)
    return 0


def worker(ready: App, settings: Settings) -> Worker:
    """The worker of this process."""
    return Worker(
        ready.inbox.work,
        ready.assistant.answer,
        ready.platforms,
        at_once=settings.worker.answers,
        grace=settings.worker.grace_seconds,
    )


def _check(roles: Collection[str]) -> None:
    for role in roles:
        if role in GATEWAYS:
            raise SettingsError(f"The role {role!r} is not there yet in this release. Serve 'worker'.")
        if role not in ROLES:
            raise SettingsError(f"There is no role {role!r}. Choose among {', '.join(ROLES)}.")
