"""What goes wrong at a Redis-protocol server, in the words of chasqui: the only place that maps it."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    ClusterError,
    RedisClusterException,
    RedisError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from adapters.redis.scripts import LOST
from core.errors import ChasquiError, LeaseLost, StoreError

_ADVICE = {
    "CONNECTION": "cannot be reached: start it, or correct the address",
    "TIMEOUT": "does not answer in time: look at its load, or correct the address",
    "NOAUTH": "wants a password: put it into the address",
    "WRONGPASS": "does not accept the user name or password: correct them",
    "NOPERM": "gives its user too few rights: allow the keys ~chasqui:*, the channels &chasqui:* and "
    "the commands +@all",
    "LOADING": "is still loading its data: try again in a moment",
    "BUSY": "is busy with a long script: try again in a moment",
    "OOM": "is out of memory: raise its maxmemory, or free some",
    "MISCONF": "cannot save to its disk: look at its log and at the free space",
    "READONLY": "is a read-only replica: name the primary instead",
    "MASTERDOWN": "is a replica that lost its primary: name the primary instead",
    "NOREPLICAS": "misses its replicas: start them, or lower its min-replicas-to-write",
    "MOVED": "belongs to a cluster that is moving its keys: try again in a moment",
    "ASK": "belongs to a cluster that is moving its keys: try again in a moment",
    "TRYAGAIN": "belongs to a cluster that is moving its keys: try again in a moment",
    "CLUSTERDOWN": "belongs to a cluster that is down: mend the cluster",
    "CLUSTER": "belongs to a cluster of which a node cannot be reached: start it, or mend the cluster",
}
_LASTING = frozenset({"NOAUTH", "WRONGPASS", "NOPERM"})
"""What only a person can change. All else that is known here may pass."""

_KINDS: tuple[tuple[type[Exception], str], ...] = (
    (AuthenticationError, "WRONGPASS"),
    (AuthorizationError, "NOPERM"),
    (BusyLoadingError, "LOADING"),
    (RedisTimeoutError, "TIMEOUT"),
    (RedisConnectionError, "CONNECTION"),
    (ClusterError, "CLUSTER"),
    (RedisClusterException, "CLUSTER"),
)
"""What an error of redis-py means that brings no code of the server. The first that fits counts."""
# Searched, not matched: Redis 6.2 wraps the code of a command that failed inside a script.
_KNOWN = re.compile(rf"\b({'|'.join([LOST, *_ADVICE])})\b")


@contextmanager
def mapped(address: str) -> Iterator[None]:
    """Let only LeaseLost and StoreError out; `address` names the server, without credentials.

    A cancellation that comes inside is never lost: redis-py writes under `asyncio.wait_for`, which
    before Python 3.12 passes over one that comes as the write ends (python/cpython#86296).
    """
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    try:
        yield
    except (RedisError, RedisClusterException) as error:
        raise translate(error, address) from error
    finally:
        if task and task.cancelling() > before:
            raise asyncio.CancelledError


def translate(error: Exception, address: str) -> ChasquiError:
    """The error that chasqui raises in place of one of redis-py.

    Its text never repeats what the server said, because servers quote the arguments of a command.
    """
    code = _code(error)
    if code == LOST:
        return LeaseLost("Another worker holds this thread now.")
    advice = _ADVICE.get(code, f"refused a command ({code}): check that it is Redis 6.2 or later, or Valkey")
    return StoreError(
        f"The Redis server at {address} (CHASQUI_REDIS__URL) {advice}.",
        passing=code in _ADVICE and code not in _LASTING,
    )


def _code(error: Exception) -> str:
    """What kind of error it is, as the server's code where it gave one."""
    link: BaseException | None = error
    while link is not None:  # redis-py wraps what fails during the handshake
        known = _KNOWN.match(str(getattr(link, "status_code", None) or "")) or _KNOWN.search(str(link))
        if known:
            return known[1]
        link = link.__cause__
    return next((code for kind, code in _KINDS if isinstance(error, kind)), type(error).__name__)
