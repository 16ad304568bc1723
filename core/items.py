"""A list whose parts were made one after the other: an item that was said before is not said again."""

import re

from core.abstentions import abstains
from core.blocks import State, step
from core.terms import words

_ITEM = re.compile(r"(?:[-*+•]|\d{1,9}[.)])[ \t]")
_NOTHING = re.compile(
    r"\W*(?:none|nothing|n/a|there (?:is|are) (?:no|none)|(?:this|the) part .{0,20}\b(?:no|none|not|nothing))"
    r"\b.{0,60}\s*\Z",
    re.IGNORECASE,
)


class NewItems:
    """Takes out of a stream of Markdown the items that `said` holds, lines that announce the same list
    again, and lines that say there is nothing.

    An item is its line and the indented ones below it; items are the same by their words. In code, text
    is text. `said` grows with each item that is let through: share it between the parts of one list.
    `repeated` counts the items that were taken out because they were said before.
    """

    def __init__(self, said: set[tuple[str, ...]]) -> None:
        self.repeated = 0
        self._said = said
        self._line = ""  # the one that has not ended
        self._item: list[str] = []  # the lines of the one that has not ended
        self._state = State()

    def feed(self, piece: str) -> str:
        """Take a piece; returns what may be shown now: whole items and whole lines."""
        *ended, self._line = (self._line + piece).split("\n")
        return "".join(self._pass(f"{line}\n") for line in ended)

    def close(self) -> str:
        """The rest, now that nothing follows."""
        return (self._pass(self._line) if self._line else "") + self._end_item()

    def _pass(self, line: str) -> str:
        self._state, kind = step(self._state, line.rstrip("\n"))
        if self._item and (kind in ("code", "closer") or (line[0] in " \t" and line.strip())):
            self._item.append(line)
            return ""
        before = self._end_item()
        if kind == "item" and _ITEM.match(line):
            self._item = [line]
            return before
        if kind == "text" and (_NOTHING.match(line) or abstains(line) or self._announced(line)):
            return before
        return before + line

    def _announced(self, line: str) -> bool:
        """Whether a line like "The servers:" announces the list that it announced before."""
        key = tuple(words(line)) if line.rstrip().endswith(":") else ()
        known = key in self._said
        if key:
            self._said.add(key)
        return known

    def _end_item(self) -> str:
        text, self._item = "".join(self._item), []
        key = tuple(words(_ITEM.sub("", text, count=1)))
        if not text or _NOTHING.match(_ITEM.sub("", text, count=1)):
            return ""
        if key in self._said:
            self.repeated += 1
            return ""
        self._said.add(key)
        return text
