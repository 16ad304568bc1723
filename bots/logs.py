"""Logs: event names with bound context, for people on a terminal and as JSON elsewhere; on stderr.

No people's words are logged at any level, and no secrets.
"""

import logging
import sys
from typing import Literal

import structlog
from structlog.typing import Processor

Level = Literal["debug", "info", "warning", "error"]


def configure(level: Level, style: Literal["auto", "console", "json"]) -> None:
    """Set up structlog for this process."""
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
    structlog.configure(
        processors=[*shared, *rendering],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
