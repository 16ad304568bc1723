"""A model that says what it must: each question has one answer, known to whoever judges it.

``q 17 of t5`` is answered with the words ``t5q17w0 t5q17w1 ...``, as many as the question draws, so that a
word that is missing, doubled or in the wrong place shows by itself.
"""

import asyncio
import random
import re
import time
from collections.abc import AsyncGenerator

import structlog

from core.types import Delta, Finish, Limits, Message, Sampling, ThreadId

log = structlog.get_logger()

_QUESTION = re.compile(r"q (\d+) of (t\d+)(?: in (\d+) words)?")
_ANSWER_BEGINS = "ASSISTANT:"
_PIECE = 15
"""Words of one piece of the stream; 8 characters a word make some two pieces a page."""


def question(thread: str, number: int, words: int | None = None) -> str:
    """A question of the thread with this name; its answer has so many words, else 5 to 120."""
    return f"q {number} of {thread}" + (f" in {words} words" if words else "")


def answer(asked: str) -> str:
    """The answer to a question."""
    found = _QUESTION.fullmatch(asked)
    assert found, f"not one of our questions: {asked!r}"
    number, thread, words = found.groups()
    many = int(words) if words else random.Random(asked).randint(5, 120)
    return " ".join(f"{thread}q{number}w{n}" for n in range(many))


def message(thread: str, number: int, *, author: str = "U1", words: int | None = None) -> Message:
    """The message with this number in its thread, which asks `question`."""
    text = question(thread, number, words)
    return Message(f"{thread}.{number}", ThreadId("echo", thread), author, text, at=time.time())


class KnownModel:
    """A Backend that answers from `answer`, also from the middle of one.

    About `delay` seconds pass before each piece, drawn from the question; with `raw_text` False it cannot
    go on with a text. Its stream logs when it is closed before its end.
    """

    def __init__(self, delay: float, *, raw_text: bool = True) -> None:
        self._delay = delay
        self._limits = Limits("known", window=2048, max_input=2047, raw_text=raw_text)

    async def stream(self, prompt: str, params: Sampling) -> AsyncGenerator[Delta, None]:
        """As `Backend.stream`."""
        asked = [found.group() for found in _QUESTION.finditer(prompt)][-1]
        draw = random.Random(asked)
        whole = " " + answer(asked)  # a model begins with the space that the prompt does not end with
        said = prompt.rpartition(_ANSWER_BEGINS)[2]
        if not whole.startswith(said):
            raise AssertionError(f"the prompt goes on from a text that was never said: {said[-100:]!r}")
        try:
            for piece in re.findall(rf"(?: ?\S+){{1,{_PIECE}}}", whole[len(said) :]):
                await asyncio.sleep(draw.uniform(0.5, 1.5) * self._delay)
                yield Delta(piece)
        except (GeneratorExit, asyncio.CancelledError):
            log.info("model.closed", at=time.monotonic())
            raise
        yield Delta("", Finish("eos_token"))

    async def count(self, text: str) -> int:
        """As `Backend.count`."""
        return 1 + len(text) // 3

    async def limits(self) -> Limits:
        """As `Backend.limits`."""
        return self._limits
