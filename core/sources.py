"""What a model writes about its sources, taken out of the stream of its answer before people see it.

The forms are those of models trained on the airoboros closed-context data: ``Source:``, ``Sources:``,
``Reference(s):``, ``Citation(s):``, ``[references]``, bold or not, on a line of their own, behind a
sentence or in brackets, with what is named behind or below; and numbered marks like [1] of other models.
"""

import re
from dataclasses import dataclass, field, replace

from core.blocks import Fence, State, step
from core.source_signs import MARK, MAY_MARK, MAY_OPEN, OPENS
from core.trailers import Trailer

_LONGEST_BEGINNING = 96
_WORDS = re.compile(r"(?: ?[^\W_]++)+")
_BEFORE_OPENING = ("", *'\n.!?:;)”"’]')
_LOUD = re.compile(r"[\[(`\n]")
_STRETCHES = re.compile(r"[^`\n]+|`+|\n")
_NOTHING_YET = re.compile(r"[ \t*_]{0,8}\Z")
_ALONE = re.compile(r"[ \t*_]{0,8}\n")
_LONGEST_OPENER = 500
"""Characters of a line that are looked at to see whether it opens a block of code."""
_BITE = 4096
"""Characters that are read together, so that even a piece of megabytes costs no more than its length."""


class SourceFilter:
    """Takes sources and the marks like [1] out of a stream of text; in code, both stay.

    Where nothing that is `numbered` was sent, a mark is text, and so is a keyword on a line by itself.

    `feed` returns what may be shown; what could still become a source or a mark is held back. After
    `close`, `trailer` is all that was named, and `marks` are the numbers that were marked. What a model
    says behind a trailer is shown once it is a sentence that can be no part of the trailer.
    """

    def __init__(self, *, numbered: bool = True) -> None:
        self.marks: list[int] = []
        self._numbered = numbered
        self._named: list[str] = []  # lines
        self._naming: Trailer | None = None  # what is read at the moment, if not the answer
        self._code = Code()
        self._before = ""  # the last character that was let through: what comes next depends on it
        self._held = ""
        self._said = False
        self._shown: list[str] = []  # by this call

    @property
    def trailer(self) -> str:
        """What was named as sources, line by line; a blank line stands between different places."""
        return "\n".join(self._named)

    def feed(self, piece: str) -> str:
        """Take a piece; returns what may be shown now."""
        self._shown = []
        for at in range(0, len(piece), _BITE):
            self._read(piece[at : at + _BITE])
        return "".join(self._shown)

    def close(self) -> str:
        """The rest that may be shown, now that nothing follows."""
        self._shown = []
        while self._naming:
            rest = self._naming.close(said=self._said)
            self._end_naming()
            self._read(rest or "")
        text = self._before + self._held
        found = self._opening(text)
        self._pass(text[len(self._before) : found.start() if found else len(text)])
        return "".join(self._shown)

    def _read(self, text: str) -> None:
        while text:
            if self._naming is None:
                text = self._answer(text)
            elif (rest := self._naming.read(text)) is None:
                return
            else:
                self._end_naming()
                text = rest

    def _end_naming(self) -> None:
        assert self._naming
        self._named += (*self._naming.lines, "")
        self._naming = None

    def _answer(self, piece: str) -> str:
        """Show the answer up to where it may not go on; returns what stands behind the keyword of sources."""
        more = self._held + piece
        if self._before not in _BEFORE_OPENING and _WORDS.fullmatch(more):  # most pieces are plain words
            self._held = ""
            self._pass(more)
            return ""
        text = self._before + more
        found = self._opening(text)
        end = found.start() if found else self._safe(text)
        self._pass(text[len(self._before) : end])
        self._held = text[end:]
        if found is None or _NOTHING_YET.match(text, found.end()):
            return ""  # it may still grow: "Source" is not yet "Sourcery"
        self._held = ""
        self._naming = Trailer(self._before, found["bracket"] or "")
        return text[found.end() :]

    def _opening(self, text: str) -> re.Match[str] | None:
        """Where sources begin, if they do: in code ``source:`` is a key like others."""
        at, code = len(self._before), None
        for found in OPENS.finditer(text, at):
            code = code or replace(self._code)
            start = found.start() + found[0].startswith("\n")
            code.follow(text[at:start])
            if not code.inside and (self._numbered or not _ALONE.match(text, found.end())):
                return found
            at = start
        return None

    def _safe(self, text: str) -> int:
        """Up to where the text cannot become a part of sources or a mark any more."""
        start = max(len(self._before), len(text) - _LONGEST_BEGINNING)
        begins = (MAY_MARK.search(text, start), MAY_OPEN.search(text, start))
        return min((found.start() for found in begins if found), default=len(text))

    def _pass(self, text: str) -> None:
        """Let `text` through without its marks."""
        if not text:
            return
        self._before = text[-1]
        self._said = self._said or not text.isspace()
        if not _LOUD.search(text):
            self._code.follow(text)
            self._shown.append(text)
            return
        for stretch in _STRETCHES.findall(text):
            marked = self._numbered and not self._code.inside
            self._shown.append(MARK.sub(self._note, stretch) if marked else stretch)
            self._code.follow(stretch)

    def _note(self, mark: re.Match[str]) -> str:
        self.marks += (int(number.strip(" \tS^")) for number in (mark[1] or mark[2]).split(","))
        return ""


@dataclass(slots=True)
class Code:
    """Whether the place behind a text is in a block or a span of code.

    `state` is what is open before its line, `line` the beginning of that, with so many `ticks`.
    """

    state: State = field(default_factory=State)
    line: str = ""
    ticks: int = 0

    @property
    def inside(self) -> bool:
        return self.ticks % 2 == 1 or self.fenced

    @property
    def fenced(self) -> bool:
        """Whether it is in a block."""
        return isinstance(self.state.leaf, Fence)

    def follow(self, text: str) -> None:
        """Go on behind `text`."""
        if "\n" in text:
            *ended, text = text.split("\n")
            for line in ended:
                self.state, _ = step(self.state, self.line + line)
                self.line, self.ticks = "", 0
        if len(self.line) < _LONGEST_OPENER:
            self.line += text[:_LONGEST_OPENER]
        self.ticks += text.count("`")
