"""What names sources, from its keyword to its end, behind which a model may go on with its answer."""

import re

from core.source_signs import MARK, OPENS
from core.terms import words

# A line that names a source: the key of a pair, a bullet, an address, numbers.
_KEYS = r"""(?:source[ _])?(?:titles?|url|uri|link|date|authors?|participants|category|journal|id)
    |(?:source[ _])?identifiers?|sources?|references?|citations?|publisher|year|volume|issue|doi|isbn
    |(?:file|document)(?:[ _]?name)?|heading|section|chapter|pages?|lines?|sheet|slide|row|version"""
_NAMES = re.compile(
    rf"""(?:.*[,;])?\W*(?:{_KEYS})\b[\w ]{{0,12}}["'*_]*\s*[:=] | .*?://
       | \s*(?:[-*•+]|\d{{1,3}}[.)]|\[\d{{1,3}}\])\s
       | \W*(?:(?:source|identifier|and)\W*)*(?:S?\d{{1,2}}\b\W*(?:and\W*)?)+$""",
    re.VERBOSE | re.IGNORECASE,
)
_PAIR = re.compile(r"\W*[\w -]{1,24}:\s")
_TALKS_TO_ITSELF = re.compile(r"\W*(?:user|human|assistant|question|q)\W{0,4}[:：]", re.IGNORECASE)
_CLOSERS = ' \t"”’»)]*_`'
_ENDS = (".", "!", "?", "…", "。", "！", "？")


class Trailer:
    """Lines that name sources, until one is a sentence again; with a `bracket`, until that is closed.

    Only behind a blank line, or where the keyword's own line named something, can the answer go on: a
    list of titles, one to a line, is no answer. A made-up turn of a person ends all answers. `before`
    is the character before the trailer, if any.
    """

    def __init__(self, before: str, bracket: str = "") -> None:
        self.lines: list[str] = []
        self._before = before
        self._brackets = {"(": "()", "[": "[]"}.get(bracket, "")
        self._open = len(bracket)
        self._line: list[str] = []  # which has not ended
        self._named = self._may_end = self._talks_to_itself = False

    def read(self, piece: str) -> str | None:
        """Take a piece. Returns what the answer goes on with, or None where it does not."""
        closed = self._closing(piece) if self._open else 0
        self._line.append(piece[: closed - 1] if closed else piece)
        if closed:
            self.lines.append("".join(self._line))
            return piece[closed:]
        if "\n" not in piece:
            return None
        *ended, rest = "".join(self._line).split("\n")
        for number, line in enumerate(ended):
            if self._goes_on(line):
                return self._gap() + "\n".join((*ended[number:], rest))
            self.lines.append(line)
        self._line = [rest]
        return None

    def close(self, *, said: bool) -> str | None:
        """As `read`, now that nothing follows. An answer of which nothing was said may begin anywhere."""
        rest = self.read("\n")
        if rest is not None:
            return rest.removesuffix("\n")
        named = next((number for number, line in enumerate(self.lines) if line.strip()), len(self.lines))
        for number, line in enumerate(self.lines[named + 1 :], named + 1):
            if not said and not self._talks_to_itself and _is_sentence(line):
                rest = "\n".join(self.lines[number:]).rstrip("\n")
                del self.lines[number:]
                return rest
        return None

    def _closing(self, piece: str) -> int:
        """Where the bracket is closed, behind it; 0 where it is not. It must be within its line."""
        for at, sign in enumerate(piece, 1):
            self._open += (sign == self._brackets[0]) - (sign == self._brackets[1])
            if sign == "\n":
                self._open = 0
                return 0
            if not self._open:
                return at
        return 0

    def _goes_on(self, line: str) -> bool:
        opening = OPENS.search(line)
        begins = opening is not None and not line[: opening.start()].strip()
        if opening and begins:  # sources of another place
            self._named = self._may_end = False
            line = line[opening.end() :]
        elif opening and self.lines:  # a sentence may stand before them
            line = line[: opening.start()]
        if not line.strip():
            self._may_end = self._may_end or self._named
            return False
        self._talks_to_itself = self._talks_to_itself or bool(_TALKS_TO_ITSELF.match(line))
        if self._may_end and not self._talks_to_itself and _is_sentence(line):
            return True
        self._named, self._may_end = True, self._may_end or begins or not self.lines
        return False

    def _gap(self) -> str:
        """The line ends between the answer before and behind."""
        gap = "\n" if self.lines[-1].strip() else "\n\n"
        return gap.removeprefix(self._before) if self._before else ""


def _is_sentence(line: str) -> bool:
    """Whether a line says something, and names no source."""
    bare = MARK.sub("", line).rstrip(_CLOSERS)
    fewest = 5 if _PAIR.match(bare) else 3  # words; less is a title
    return (
        bare.endswith(_ENDS)
        and len(words(bare[:200])) >= fewest
        and not (_NAMES.match(line) or OPENS.match(line))
    )
