"""How long things are kept."""

from dataclasses import dataclass

from core.questions import KNOWN


@dataclass(frozen=True, slots=True)
class Retention:
    """How long things are kept, in seconds, and how many turns of a thread.

    `words` is the life of everything that people wrote, counted anew from each change of the thread;
    `seen` that of the marks which recognise a message delivered twice (they hold no words).
    """

    words: int = int(KNOWN)
    seen: int = 2 * 24 * 3600
    turns: int = 200
