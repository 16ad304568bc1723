"""The logs of slack_sdk and Bolt as ours: what kind of thing happened, without what people wrote."""

import logging

import structlog

log = structlog.get_logger()


class _Forwarding(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[0] if record.exc_info else None
        log.log(record.levelno, "slack.library", of=record.name, error=error.__name__ if error else None)


def forward() -> None:
    """Their messages hold whole requests, so only their levels and names are told, from warnings on."""
    for name in ("slack_bolt", "slack_sdk"):
        logger = logging.getLogger(name)
        if not any(isinstance(handler, _Forwarding) for handler in logger.handlers):
            logger.addHandler(_Forwarding(logging.WARNING))
            logger.propagate = False
