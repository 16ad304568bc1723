"""What the log tells of one message: each line says which one, and the last line tells all of it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field

import structlog

from core.ports import Fact
from core.retrying import Sent
from core.types import Message, Outcome


@dataclass(slots=True)
class Tally:
    """What happened to a message on its way and stands in no outcome.

    `replicas` were asked, in this order; so often one was tried again before its first text. So many sources
    that the model named were none, and so many of its sentences nobody saw.
    """

    replicas: list[str] = field(default_factory=list)
    model_retries: int = 0
    sources_dropped: int = 0
    sentences_dropped: int = 0


_tally: ContextVar[Tally | None] = ContextVar("tally", default=None)


def tally() -> Tally:
    """That of the message which is told of here; where none is, of nothing."""
    return _tally.get() or Tally()


@contextmanager
def telling(message: Message) -> Iterator[None]:
    """Within this context every line of the log names the message, its thread and its platform."""
    before = _tally.set(Tally())
    try:
        with structlog.contextvars.bound_contextvars(thread=str(message.thread), **known(message)):
            yield
    finally:
        _tally.reset(before)


def known(message: Message) -> dict[str, Fact]:
    """What the log and the trace have of a message: by its id it is found in both."""
    return {"platform": message.thread.platform, "message_id": message.id}


def waited(message: Message) -> int | None:
    """Milliseconds since a message was asked, by its platform's clock; None where that is not known."""
    return round(max(0.0, time.time() - message.at) * 1000) if message.at else None


def story(message: Message, attempts: int, outcome: Outcome, sent: Sent) -> dict[str, Fact]:
    """All of a message that ended, in numbers and fixed words: nobody's words, and no address of a file.

    Times are in milliseconds since a worker took it, `tokens_per_second` is the pace behind the first text.
    What a worker before this one did is in the lines of its own. Call it where the message is told of.
    """
    happened = tally()
    usage, first, total = outcome.usage, outcome.first_token_ms, outcome.total_ms
    speaking = total - first if first is not None else 0.0
    return {
        "outcome": outcome.kind,
        "finish_reason": outcome.finish_reason,
        "attempts": attempts,
        "replica": outcome.replica,
        "replicas": ", ".join(dict.fromkeys(happened.replicas)),
        "model_retries": happened.model_retries,
        "files": len(message.attachments),
        "passages": len(outcome.hits),
        "citations": len(outcome.citations),
        "sources_dropped": happened.sources_dropped,
        "sentences_dropped": happened.sentences_dropped,
        "left_out": len(outcome.left_out),
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "tokens_per_second": round(usage.completion_tokens * 1000 / speaking, 1) if speaking > 0 else None,
        "first_token_ms": first,
        "total_ms": total,
        **asdict(sent),
    }
