"""Logs: event names with bound context, for people on a terminal and as JSON elsewhere; on stderr.

No people's words are logged at any level, and no secrets.
"""

import logging
import sys
from typing import Literal

import structlog
from structlog.typing import EventDict, Processor

from core import trace

Level = Literal["debug", "info", "warning", "error"]


def configure(
    level: Level, style: Literal["auto", "console", "json"], observe: Processor | None = None
) -> None:
    """Set up structlog for this process. `observe` sees every event from info on, whatever is written."""
    least = logging.getLevelNamesMapping()[level.upper()]
    console = style == "console" or (style == "auto" and sys.stderr.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    rendering: list[Processor] = (
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if console
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    )
    observed = [trace.observe, observe, _from(least)] if observe else []
    structlog.configure(
        processors=[*shared, *observed, *rendering],
        wrapper_class=structlog.make_filtering_bound_logger(min(least, logging.INFO) if observe else least),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def _from(least: int) -> Processor:
    """Let events below this level go no further."""

    def drop(logger: object, method: str, entry: EventDict) -> EventDict:
        if logging.getLevelNamesMapping()[entry["level"].upper()] < least:
            raise structlog.DropEvent
        return entry

    return drop
