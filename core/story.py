"""What the log tells of one message: each line says which one, and the last line tells all of it."""

import time
from contextlib import AbstractContextManager
from dataclasses import asdict

import structlog

from core.ports import Fact
from core.retrying import Sent
from core.types import Message, Outcome


def telling(message: Message) -> AbstractContextManager[object]:
    """Within this context every line of the log names the message, its thread and its platform."""
    return structlog.contextvars.bound_contextvars(thread=str(message.thread), **known(message))


def known(message: Message) -> dict[str, Fact]:
    """What the log and the trace have of a message: by its id it is found in both."""
    return {"platform": message.thread.platform, "message_id": message.id}


def waited(message: Message) -> int | None:
    """Milliseconds since a message was asked, by its platform's clock; None where that is not known."""
    return round(max(0.0, time.time() - message.at) * 1000) if message.at else None


def story(message: Message, attempts: int, outcome: Outcome, sent: Sent) -> dict[str, Fact]:
    """All of a message that ended, in numbers and fixed words: nobody's words, and no address of a file.

    Times are in milliseconds since a worker took it, `tokens_per_second` is the pace behind the first text.
    """
    usage, first, total = outcome.usage, outcome.first_token_ms, outcome.total_ms
    speaking = total - first if first is not None else 0.0
    return {
        "outcome": outcome.kind,
        "finish_reason": outcome.finish_reason,
        "attempts": attempts,
        "replica": outcome.replica,
        "files": len(message.attachments),
        "passages": len(outcome.hits),
        "citations": len(outcome.citations),
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "tokens_per_second": round(usage.completion_tokens * 1000 / speaking, 1) if speaking > 0 else None,
        "first_token_ms": first,
        "total_ms": total,
        **asdict(sent),
    }
