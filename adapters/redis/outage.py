"""An outage of the server is said once when it begins and once when it is over."""

import time

import structlog

from core.errors import StoreError

log = structlog.get_logger()


class Outage:
    """Whether the server is out. It is back when something works again that failed.

    While a part of a cluster is out, calls elsewhere work, and while nothing can be written, what only reads;
    they must not end the outage each time. A server that never worked is no outage: whoever connects to it
    is told by the error.
    """

    def __init__(self) -> None:
        self._met = False
        self._since: float | None = None
        self._scopes: set[object] = set()  # what failed, since then

    def failed(self, scope: object, error: StoreError) -> None:
        """A call failed that may work later."""
        if self._met and self._since is None:
            self._since = time.monotonic()
            log.warning("redis.unreachable", error=str(error))
        self._scopes.add(scope)

    def worked(self, scope: object) -> None:
        """A call worked."""
        self._met = True
        if self._since is not None and (scope in self._scopes or not self._scopes):
            log.info("redis.reachable", seconds=round(time.monotonic() - self._since, 1))
            self._since = None
            self._scopes.clear()

    def left(self, scope: object) -> None:
        """Nobody will call here again, so that any call that works ends the outage."""
        self._scopes.discard(scope)
