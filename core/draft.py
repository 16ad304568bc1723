"""The model's text on its way to people: stop strings cut, sources taken out, sentences and links checked.

Each filter takes a stream in pieces of any size and returns what may be shown; the same text in
other pieces gives the same result.
"""

import re
from collections.abc import Callable, Sequence

from core.addresses import Addresses, LinkFilter
from core.characters import CharacterFilter
from core.file_names import FileFilter, FileNames
from core.items import NewItems
from core.sources import SourceFilter
from core.terms import sentences

# A sentence ends where the next one begins, so that all of the white space between belongs to the first.
_SENTENCE_END = re.compile(
    r"""(?: [.!?…]["'”’)\]*_`]*+ (?=\s) | [。！？][”’」』）)\]]*+ | (?<!\s) [^\S\n]*+ \n ) \s*+ (?=\S)""",
    re.VERBOSE,
)
_MAY_END = re.compile(r"(?<![.!?…\"'”’)\]*_`。！？」』）\s])[.!?…\"'”’)\]*_`。！？」』）\s]*+\Z")


class StopFilter:
    """Ends the text at the stop string that is complete first, also where it arrives in two pieces.

    TGI leaves stop strings in the text and sees them only at token boundaries, so they are looked
    for here whatever the backend was told. A stop string that begins with a line end also stops at
    the very beginning of the text.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self.stopped = False
        self._held = "\n"  # so that "\nUSER:" stops a text that begins with it
        self._at_start = True
        self._stops = tuple(stops)
        self._longest = max(map(len, stops), default=0)
        beginnings = {stop[:n] for stop in stops for n in range(1, len(stop))}
        longest_first = sorted(beginnings, key=len, reverse=True)
        self._first = re.compile(f"[{re.escape(''.join(stop[0] for stop in stops))}]" if stops else "(?!)")
        self._may_begin = re.compile(f"(?:{'|'.join(map(re.escape, longest_first)) or '(?!)'})\\Z")

    def feed(self, piece: str) -> str:
        if self.stopped:
            return ""
        if not (self._held or self._at_start or self._first.search(piece)):
            return piece
        text = self._held + piece
        found = [(at + len(stop), at) for stop in self._stops if (at := text.find(stop)) >= 0]
        if found:
            self.stopped = True
            return self._release(text[: min(found)[1]], "")
        begins = self._may_begin.search(text, max(0, len(text) - self._longest))
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
        self._sentence: list[str] = []
        self._may_end = ""  # the last signs of the sentence, which the next piece may prove to be its end

    def feed(self, piece: str) -> str:
        text = self._may_end + piece
        shown, start = [], 0
        for end in _SENTENCE_END.finditer(text):
            shown.append(self._check(text[start : end.end()]))
            start = end.end()
        rest = text[start:]
        may_end = _MAY_END.search(rest)
        at = may_end.start() if may_end else len(rest)
        self._sentence.append(rest[:at])
        self._may_end = rest[at:]
        return "".join(shown)

    def close(self) -> str:
        return self._check(self._may_end)

    def _check(self, end: str) -> str:
        sentence = "".join((*self._sentence, end))
        self._sentence, self._may_end = [], ""
        if not sentence.strip() or all(self._passes(part) for part in sentences(sentence)):
            return sentence
        self.dropped += 1
        return ""


class Draft:
    """The filters in their order. `raw` is all that the model said, `shown` all that may be seen.

    Sources are taken out; with `cited`, what was sent is numbered, and marks go too. With `check`, only
    sentences that pass it are shown; `items` takes out what a list said before; other names of files than
    those of `files` go, and other addresses than the `known`. Links come last, because what a filter behind
    them left out could make new ones.
    """

    def __init__(
        self,
        stops: Sequence[str],
        *,
        cited: bool,
        check: Callable[[str], bool] | None = None,
        items: NewItems | None = None,
        files: FileNames | None = None,
        known: Addresses | None = None,
    ) -> None:
        self._raw: list[str] = []
        self._shown: list[str] = []
        self._stops = StopFilter(stops)
        self._sources = SourceFilter(numbered=cited)
        self._gate = SentenceGate(check) if check else None
        named = FileFilter(files) if files else None
        links = LinkFilter(known) if known is not None else None
        # Stops come first: a stop string that was broken in the prompt is whole without its joiner.
        filters = (self._stops, CharacterFilter(), self._sources, self._gate, items, named, links)
        self._filters = tuple(each for each in filters if each)

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
    def dropped(self) -> int:
        """How many sentences failed their check."""
        return self._gate.dropped if self._gate else 0

    @property
    def trailer(self) -> str:
        return self._sources.trailer

    @property
    def marks(self) -> Sequence[int]:
        return self._sources.marks

    def feed(self, piece: str) -> str:
        """Take a piece of the model's text; returns what may be shown of it now."""
        self._raw.append(piece)
        text = piece
        for each in self._filters:
            if not text:
                return ""
            text = each.feed(text)
        self._shown.append(text)
        return text

    def close(self) -> str:
        """What was held back and may be shown now that the model is done."""
        text = ""
        for each in self._filters:
            text = each.feed(text) + each.close()
        self._shown.append(text)
        return text
