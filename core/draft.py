"""The model's text on its way to people: stop strings cut, sources taken out, sentences checked.

Each filter takes a stream in pieces of any size and returns what may be shown; the same text in
other pieces gives the same result.
"""

import re
from collections.abc import Callable, Sequence

from core.citations import SourceFilter
from core.prompt import WORD_JOINER
from core.terms import sentences

_SENTENCE_END = re.compile(r"(?:[.!?…][\"'”’)\]*_`]*(?=\s)|[。！？]|\n)\s*")


class StopFilter:
    """Ends the text at the first stop string, also where it arrives in two pieces.

    TGI leaves stop strings in the text and sees them only at token boundaries, so they are looked
    for here whatever the backend was told. A stop string that begins with a line end also stops at
    the very beginning of the text.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self.stopped = False
        self._held = "\n"  # so that "\nUSER:" stops a text that begins with it
        self._at_start = True
        self._stop = re.compile("|".join(map(re.escape, stops)) or r"(?!)")
        beginnings = {stop[:n] for stop in stops for n in range(1, len(stop))}
        longest_first = sorted(beginnings, key=len, reverse=True)
        self._may_begin = re.compile(f"(?:{'|'.join(map(re.escape, longest_first)) or '(?!)'})\\Z")

    def feed(self, piece: str) -> str:
        if self.stopped:
            return ""
        text = self._held + piece
        stop = self._stop.search(text)
        if stop:
            self.stopped = True
            return self._release(text[: stop.start()], "")
        begins = self._may_begin.search(text)
        end = begins.start() if begins else len(text)
        return self._release(text[:end], text[end:])

    def close(self) -> str:
        return "" if self.stopped else self._release(self._held, "")

    def _release(self, text: str, held: str) -> str:
        self._held = held
        if self._at_start:
            # A model begins its answer with the space that the prompt does not end with.
            text = text.lstrip()
            self._at_start = not text
        return text


class SentenceGate:
    """Lets whole sentences through that pass a check, in order; others are counted and dropped."""

    def __init__(self, passes: Callable[[str], bool]) -> None:
        self.dropped = 0
        self._passes = passes
        self._held = ""

    def feed(self, piece: str) -> str:
        self._held += piece
        shown = []
        while end := _SENTENCE_END.search(self._held):
            sentence, self._held = self._held[: end.end()], self._held[end.end() :]
            shown.append(self._check(sentence))
        return "".join(shown)

    def close(self) -> str:
        sentence, self._held = self._held, ""
        return self._check(sentence)

    def _check(self, sentence: str) -> str:
        if not sentence.strip() or all(self._passes(part) for part in sentences(sentence)):
            return sentence
        self.dropped += 1
        return ""


class Draft:
    """The filters in their order. `raw` is all that the model said, `shown` all that may be seen."""

    def __init__(
        self, stops: Sequence[str], *, cited: bool, check: Callable[[str], bool] | None = None
    ) -> None:
        self._raw: list[str] = []
        self._shown: list[str] = []
        self._stops = StopFilter(stops)
        self._sources = SourceFilter() if cited else None
        self._gate = SentenceGate(check) if check else None

    @property
    def raw(self) -> str:
        return "".join(self._raw)

    @property
    def shown(self) -> str:
        return "".join(self._shown)

    @property
    def stopped(self) -> bool:
        """Whether a stop string was met, after which nothing more will be shown."""
        return self._stops.stopped

    @property
    def trailer(self) -> str:
        return self._sources.trailer if self._sources else ""

    @property
    def marks(self) -> Sequence[int]:
        return self._sources.marks if self._sources else ()

    def feed(self, piece: str) -> str:
        """Take a piece of the model's text; returns what may be shown of it now."""
        self._raw.append(piece)
        return self._on(self._stops.feed(piece))

    def close(self) -> str:
        """What was held back and may be shown now that the model is done."""
        text = self._stops.close().replace(WORD_JOINER, "")
        if self._sources:
            text = self._sources.feed(text) + self._sources.close()
        if self._gate:
            text = self._gate.feed(text) + self._gate.close()
        self._shown.append(text)
        return text

    def _on(self, text: str) -> str:
        if not text:
            return ""
        if WORD_JOINER in text:
            text = text.replace(WORD_JOINER, "")
        if self._sources:
            text = self._sources.feed(text)
        if self._gate and text:
            text = self._gate.feed(text)
        self._shown.append(text)
        return text
