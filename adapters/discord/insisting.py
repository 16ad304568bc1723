"""Doing once more what failed on the way."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from tenacity import AsyncRetrying, retry_if_exception_type
from tenacity.stop import stop_after_delay
from tenacity.wait import wait_random_exponential

from core.errors import RateLimited, WriteFailed

log = structlog.get_logger()

T = TypeVar("T")


async def insist(call: Callable[[], Awaitable[T]], *, patience: float, event: str) -> T:
    """Do it until Discord takes it, for so many seconds; raises the PlatformError that is left.

    `event` is what the log says of each failure.
    """
    retrying = AsyncRetrying(
        retry=retry_if_exception_type((WriteFailed, RateLimited)),
        wait=wait_random_exponential(multiplier=min(1.0, patience / 20), max=10),
        stop=stop_after_delay(patience),
        reraise=True,
        before_sleep=lambda state: log.warning(event, attempt=state.attempt_number),
    )
    return await retrying(call)
