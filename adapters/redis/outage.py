"""An outage of the server is said once when it begins and once when it is over."""

import time

import structlog

from core.errors import StoreError

log = structlog.get_logger()


class Outage:
    """Whether the server is out. It is back when what failed first works again.

    While a part of a cluster is out, calls elsewhere work; they must not end the outage each time. A
    server that never worked is no outage: whoever connects to it is told by the error.
    """

    def __init__(self) -> None:
        self._met = False
        self._since: float | None = None
        self._place: object = None

    def failed(self, place: object, error: StoreError) -> None:
        """A call failed that may work later."""
        if self._met and self._since is None:
            self._since, self._place = time.monotonic(), place
            log.warning("redis.unreachable", error=str(error))

    def worked(self, place: object) -> None:
        """A call worked."""
        self._met = True
        if self._since is not None and self._place in (place, None):
            log.info("redis.reachable", seconds=round(time.monotonic() - self._since, 1))
            self._since = None

    def left(self, place: object) -> None:
        """Nobody will call here again, so that any call that works ends the outage."""
        if self._place == place:
            self._place = None
