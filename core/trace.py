"""The trace of a message: the steps of its way, through whichever processes it goes.

A step lies under the one in which it began, or under the place that a stored message bears. Who collects
them is a `Tracer`; without one nothing is noted. Steps have fixed names, and facts that are numbers or fixed
words: nobody's words and no names, as in the log.
"""

import asyncio
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from core.ports import Fact, Facts, Step, Tracer

_TOLD = frozenset({"kind", "outcome", "replica", "result"})
"""Fields of the log with fixed words; of the others only numbers stand in a trace."""

_SAMPLED = 1
"""The bit of a traceparent's flags that says so: www.w3.org/TR/trace-context-2."""


class _Nothing:
    """A step that nobody collects."""

    place = ""

    def note(self, **facts: Fact) -> None:
        pass

    def tell(self, event: str, facts: Facts) -> None:
        pass

    def end(self) -> None:
        pass

    def drop(self) -> None:
        pass


_NONE: Facts = {}
_NOTHING = _Nothing()
_tracer: ContextVar[Tracer | None] = ContextVar("tracer", default=None)
_step: ContextVar[Step] = ContextVar("step", default=_NOTHING)


@contextmanager
def traced(tracer: Tracer) -> Iterator[None]:
    """Within this context, and in tasks that begin in it, `tracer` collects the steps."""
    before = _tracer.set(tracer)
    try:
        yield
    finally:
        _tracer.reset(before)


def begin(name: str, facts: Facts = _NONE, *, under: str = "", at: float | None = None) -> Step:
    """A step that its caller ends, also one that began before, at this Unix time.

    It lies under the place `under`, or where that is empty under the step in which it begins. An async
    generator begins one so, for what it sets as the current step would be that of its caller too.
    """
    tracer = _tracer.get()
    return tracer.begin(name, under or _step.get().place, at, facts) if tracer else _NOTHING


@contextmanager
def step(name: str, facts: Facts = _NONE, *, under: str = "") -> Iterator[Step]:
    """As `begin`, for what is done within this context; an error that leaves it is noted by its name."""
    current = begin(name, facts, under=under)
    before = _step.set(current)
    try:
        yield current
    except asyncio.CancelledError:
        current.note(cancelled=True)
        raise
    except Exception as error:
        current.note(error=type(error).__name__)
        raise
    finally:
        _step.reset(before)
        current.end()


def note(**facts: Fact) -> None:
    """Add to what is known of the current step."""
    _step.get().note(**facts)


def observe(logger: object, method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A processor of structlog: lines that are logged within a step name its trace, and stand in it too."""
    current = _step.get()
    _, trace_id, _, flags = (current.place or "00---00").split("-")
    if int(flags, 16) & _SAMPLED:  # else it leads nowhere
        entry["trace_id"] = trace_id
        current.tell(str(entry["event"]), {key: each for key, each in entry.items() if _is_fixed(key, each)})
    return entry


def _is_fixed(key: str, value: object) -> bool:
    """Whether a field of the log is a number or a fixed word: an `error` may be a whole sentence."""
    if key == "error":
        return isinstance(value, str) and value.isidentifier()
    return key in _TOLD or isinstance(value, int | float)
