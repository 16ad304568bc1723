"""Where a text can be cut into pages, how good each place is, and how few pages there can be.

What text weighs is an estimate of what the platform will count. It adds up line by line, so no text is
rendered to find out where a page may end; who makes the page measures it.
"""

import re
from bisect import bisect_left, bisect_right
from typing import NamedTuple

import regex

from core import inline
from core.blocks import Fence, Line, Paragraph, State, TableHead, content_start, continued, lines, state_after
from core.tables import Extent
from core.types import PageProfile

_FENCES = len("```\n\n```")
"""What stands around a table that is drawn."""

_WHOLE = 0.75
"""Share of a page: what is longer is no whole that must stay together."""

_SHORT_LAST_PAGE, _LONGER_LAST_PAGE = 0.15, 0.5
"""Shares of a page: a last page below the first takes from the page before, up to the second."""

_GENEROUS = (0.05, 0.25, 0.5, 1.0, 2.0, 4.0)
"""What emptiness weighs against awkwardness: the first that takes no more pages than must be."""

_STRICT = 1e9
"""What it weighs where only the number of pages counts."""

_LONG_GRAPHEME = 32
_GRAPHEME = regex.compile(r"\X")

# Hundredths of a page that one would leave empty not to cut there; `inline` has those within a paragraph.
_BETWEEN_BLOCKS, _BETWEEN_ITEMS, _BEHIND_COLON = 0.0, 2.0, 9.0
_BEHIND_HEADING = 35.0
_BETWEEN_TWO = {"row": 10.0, "code": 12.0}
_NEVER_BEFORE = frozenset({"blank", "closer", "delimiter", "underline"})
_NEVER_BEHIND = frozenset({"opener", "delimiter"})


class Cut(NamedTuple):
    """A place where a page may end, at the offset `at`.

    `weight` is that of all that stands before it, `behind` that of the white space there too; `left` is
    what the page must close, `state` what the next one goes on with.
    """

    at: int
    weight: int
    behind: int
    awkward: float
    left: State
    state: State


class _Places:
    """Cuts in order, column by column: there is one for every word, and few of them become a `Cut`."""

    def __init__(self) -> None:
        self.at: list[int] = []
        self.weight: list[int] = []
        self.behind: list[int] = []
        self.awkward: list[float] = []
        self.left: list[State] = []
        self.state: list[State] = []

    def __len__(self) -> int:
        return len(self.at)

    def __getitem__(self, n: int) -> Cut:
        return Cut(self.at[n], self.weight[n], self.behind[n], self.awkward[n], self.left[n], self.state[n])

    def add(self, at: int, weight: int, behind: int, awkward: float, left: State, state: State) -> None:
        """One more, behind all others; the arguments are those of `Cut`."""
        self.at.append(at)
        self.weight.append(weight)
        self.behind.append(behind)
        self.awkward.append(awkward)
        self.left.append(left)
        self.state.append(state)

    def better(self) -> list[int]:
        """For each cut the number of the next one before it at a better place, -1 where there is none."""
        better: list[int] = []
        for number, awkward in enumerate(self.awkward):
            before = number - 1
            while before >= 0 and self.awkward[before] >= awkward:
                before = better[before]
            better.append(before)
        return better


class Scale:
    """What stretches of Markdown weigh: about what counts once they are rendered."""

    def __init__(self, profile: PageProfile) -> None:
        self._profile = profile
        self._in_bytes = profile.measure == "utf8_bytes"
        self._growth = tuple(profile.growth.items())
        self._drawn = profile.tables == "code"
        self._extent: Extent | None = None  # of the table in which the line stands that came last
        heavy = "".join(map(re.escape, profile.growth)) + ("\x80-\U0010ffff" if self._in_bytes else "")
        self._heavy = re.compile(f"[{heavy}]" if heavy else r"(?!)")

    def weigh(self, text: str) -> int:
        if self.is_plain(text):
            return len(text)
        length = len(text.encode("utf-8", "replace")) if self._in_bytes else len(text)
        return length + sum(text.count(sign) * more for sign, more in self._growth)

    def is_plain(self, text: str) -> bool:
        """Whether every character weighs one."""
        return not self._heavy.search(text)

    def line(self, line: Line, text: str) -> int:
        """What a line weighs, lines being given in their order; a table that is drawn grows otherwise."""
        table = line.after.leaf
        if not self._drawn or not isinstance(table, TableHead) or line.kind not in ("delimiter", "row"):
            return self.weigh(text)
        if line.kind == "delimiter" or not self._extent:
            self._extent = Extent(table.header)
            before = self.weigh(table.header) + 1 if line.kind == "delimiter" else self._extent.size
        else:
            before = self._extent.size
        if line.kind == "row":
            self._extent.add(text)
        return max(0, self._extent.size + _FENCES * (line.kind == "delimiter") - before - 1)

    def opening(self, state: State) -> int:
        """What is written before a page that goes on with `state`, at most."""
        leaf, quotes = state.leaf, len(state.quotes)
        if isinstance(leaf, Fence):
            return self.weigh(leaf.opener) + 1 + 2 * quotes
        if isinstance(leaf, TableHead) and not state.inside:
            written = self.weigh(leaf.header + leaf.delimiter) + 2 + 2 * quotes
            return Extent(leaf.header).repeated + _FENCES if self._drawn else written
        return self.weigh("".join(state.marks)) + quotes

    def closing(self, state: State) -> int:
        """What is written behind a page that ends with `state`, at most."""
        if isinstance(state.leaf, Fence):
            return self.weigh(state.leaf.sign) + 1 + sum(container or 2 for container in state.containers)
        return self.weigh("".join(state.marks))


class Plan:
    """A text that is there, and all the places where a page of it may end.

    `state` is open at its start. A text that is not `complete` goes on, so no page ends where it ends.
    """

    def __init__(self, text: str, state: State, profile: PageProfile, *, complete: bool) -> None:
        assert profile.limit is not None
        self.start = Cut(0, 0, 0, 0.0, state, state)
        self._text = text
        self._limit = profile.limit
        self._scale = Scale(profile)
        self._lines = list(lines(text, state))
        self._places = _Places()
        self._look(self._lines, complete=complete)
        self._better = self._places.better()
        self._forced: dict[tuple[int, int, int], Cut] = {}

    def fewest(self) -> list[Cut]:
        """The ends of the fewest pages that hold the text, at the best places that this number allows."""
        fullest, fewest = self._ends_of_pages(_STRICT)
        for strict in _GENEROUS:
            ends, pages = self._ends_of_pages(strict, most=fewest)
            if pages <= fewest:
                return self._balanced(ends)
        return fullest

    def next(self, start: Cut, *, limit: int, strict: float = 1.0, floor: int = 0) -> Cut:
        """The end of a page that begins at `start` and weighs at most `limit`: full, and at a good place.

        The more `strict`, the less is left empty for a better place. It ends at `floor` or behind it.
        """
        places, weights = self._places, self._places.weight
        budget = start.behind + limit - self._scale.opening(start.state)
        low = max(bisect_right(places.at, start.at), bisect_left(places.at, floor))
        high = bisect_right(weights, budget) - 1
        while high >= low and weights[high] + self._scale.closing(places.left[high]) > budget:
            high -= 1
        if high < low or self._is_endless(high, budget, limit):
            return self._force(start, budget, floor)
        best, least = high, float("inf")
        while high >= low and places.at[best] < len(self._text):
            empty = strict * 100 * (budget - weights[high]) / limit
            if empty + places.awkward[high] < least:
                best, least = high, empty + places.awkward[high]
            if empty >= least:
                break
            high = self._better[high]
        return places[best]

    def _ends_of_pages(self, strict: float, *, most: int | None = None) -> tuple[list[Cut], int]:
        """The ends of all pages, and how many of these show something; one more than `most` is enough."""
        cut, ends, pages = self.start, list[Cut](), 0
        while cut.at < len(self._text) and (most is None or pages <= most):
            start, cut = cut, self.next(cut, limit=self._limit, strict=strict)
            pages += not self._text[start.at : cut.at].isspace()
            ends.append(cut)
        return ends, pages

    def _balanced(self, ends: list[Cut]) -> list[Cut]:
        """No last page of a few words, where the page before can end as well at another place."""
        if len(ends) < 2:
            return ends
        *before, cut, last = ends
        if last.weight - cut.behind >= self._limit * _SHORT_LAST_PAGE:
            return ends
        places = self._places
        for n in range(
            bisect_left(places.at, cut.at) - 1,
            bisect_right(places.at, before[-1].at if before else 0) - 1,
            -1,
        ):
            share = (last.weight - places.behind[n]) / self._limit
            if share > _LONGER_LAST_PAGE:
                break
            if share >= _SHORT_LAST_PAGE and places.awkward[n] <= cut.awkward:
                return [*before, places[n], last]
        return ends

    def _is_endless(self, last: int, budget: int, limit: int) -> bool:
        """Whether a page that ends at `last` would be half empty before what no page can hold whole."""
        places = self._places
        if budget - places.weight[last] < limit / 2 or places.at[last] == len(self._text):
            return False
        if last + 1 < len(places):
            return places.weight[last + 1] - places.behind[last] > limit
        return self._scale.weigh(self._text[places.at[last] :]) > limit

    def _force(self, start: Cut, budget: int, floor: int) -> Cut:
        """Where nothing may be cut: behind a space if there is one, else between graphemes."""
        room, least = max(1, budget - start.behind), max(1, floor - start.at)
        if (start.at, room, least) not in self._forced:
            piece = self._text[start.at : start.at + max(room, least) + _LONG_GRAPHEME]
            length = self._fitting_length(piece, room)
            closing = self._scale.closing(state_after(piece[:length], start.state))
            length = max(least, self._fitting_length(piece[:length], room - closing))
            space = max(piece.rfind(sign, length * 3 // 4, length) for sign in " \n") + 1
            length = self._clear_of_signs(start.at, space if space >= least else length, least)
            left = state_after(piece[:length].rstrip(), start.state)
            after = self._state_at(start.at + length)
            weight = start.behind + self._scale.weigh(piece[:length])
            self._forced[start.at, room, least] = Cut(start.at + length, weight, weight, 0.0, left, after)
        return self._forced[start.at, room, least]

    def _clear_of_signs(self, start: int, length: int, least: int) -> int:
        """`length`, or that of a stretch that ends before or behind the signs its last line begins with."""
        line = self._line_at(start + length)
        if line.before.inside:
            return length
        signs, _ = continued(line.after.containers, self._text[line.start : line.end])
        if not line.start < start + length < line.start + signs:
            return length
        return line.start - start if line.start - start >= least else line.start + signs - start

    def _line_at(self, offset: int) -> Line:
        return self._lines[bisect_right(self._lines, offset, key=lambda line: line.start) - 1]

    def _state_at(self, offset: int) -> State:
        """What is open at a place that is no good place."""
        line = self._line_at(offset)
        if offset == line.start:
            return line.before
        leaf = line.after.leaf
        if isinstance(leaf, Fence):
            leaf = leaf if line.kind == "code" else Fence(leaf.sign, indent=leaf.indent)
        return State(line.after.containers, leaf if isinstance(leaf, Fence) else Paragraph(), inside=True)

    def _fitting_length(self, text: str, room: int) -> int:
        """The length of the longest beginning of whole graphemes that fits; a giant one is cut."""
        weigh = self._scale.weigh
        if weigh(text) <= room:
            return len(text)
        length = used = 0
        for grapheme in text if text.isascii() else (found[0] for found in _GRAPHEME.finditer(text)):
            used += weigh(grapheme)
            if used > room:
                break
            length += len(grapheme)
        if text[:length].strip():
            return length
        return next((n for n in range(min(room, len(text)), 0, -1) if weigh(text[:n]) <= room), 1)

    def _look(self, passed: list[Line], *, complete: bool) -> None:
        """Find where pages may end: between lines, and within paragraphs."""
        weigh, text, add = self._scale.weigh, self._text, self._places.add
        weight = said = number = 0  # of all before the line; of it without the white space at its end
        left, spoke = self.start.state, 0  # the last line that says something
        while number < len(passed):
            line = passed[number]
            behind = _paragraph_end(passed, number)
            if line.kind in ("text", "item") and not _is_head(passed, behind):
                last = passed[behind - 1]
                self._look_within(line, last, weight, complete=complete or behind < len(passed))
                weight += weigh(text[line.start : last.end])
                said, left, number, spoke = weight, last.after, behind, behind - 1
            else:
                here = text[line.start : line.end]
                weight += self._scale.line(line, here)
                if line.kind != "blank":
                    said, left = weight, line.after
                spoke = number if here.strip(" \t>") else spoke
                number += 1
            if number < len(passed):
                weight += 1
                awkward = _awkward(passed, number, passed[spoke], text)
                if awkward is not None:
                    add(passed[number].start, said, weight, awkward, left, passed[number].before)
        if complete:
            add(len(text), said, weight, 0.0, left, passed[-1].after)

    def _look_within(self, first: Line, last: Line, weight: int, *, complete: bool) -> None:
        """Find where pages may end in the paragraph of these lines, before which all weighs `weight`."""
        start, containers = first.start, last.after.containers
        text, weigh = self._text[start : last.end], self._scale.weigh
        marks = first.before.marks if first.before.inside or not start else ()
        longest, plain, done = int(self._limit * _WHOLE), self._scale.is_plain(text), 0
        here = at_line_start = State(containers, Paragraph(), True)
        marked: tuple[str, ...] | None = None
        found = inline.breaks(text, marks, longest=longest, complete=complete, lines=bool(containers))
        for end, at, awkward, marks_here in found:
            if containers and _only_signs(text, end):
                continue
            if marks_here != marked:
                marked = marks_here
                here = State(containers, Paragraph(), True, marked)
                at_line_start = State(containers, Paragraph(), False, marked)
            if plain:
                said, behind = weight + end, weight + at
            else:
                said = weight + weigh(text[done:end])
                weight = behind = said + weigh(text[end:at])
                done = at
            state = at_line_start if text[at - 1] == "\n" else here
            self._places.add(start + at, said, behind, awkward, here, state)


def _only_signs(text: str, end: int) -> bool:
    """Whether before `end` nothing stands in its line but the signs of quotes and items."""
    start = text.rfind("\n", 0, end) + 1
    return content_start(text[start : end + 1]) >= end - start


def _paragraph_end(passed: list[Line], number: int) -> int:
    """The number of the first line that is not of the paragraph in which the line `number` stands."""
    first = passed[number]
    number += 1
    while number < len(passed) and _goes_on(passed[number], first):
        number += 1
    return number


def paragraph_start(passed: list[Line], number: int) -> int:
    """The number of the first line of the paragraph in which the line `number` stands."""
    while number and _goes_on(passed[number], passed[number - 1]):
        number -= 1
    return number


def _goes_on(line: Line, before: Line) -> bool:
    return (
        line.kind == "text"
        and before.kind in ("text", "item")
        and line.after.containers == before.after.containers
    )


def _is_head(passed: list[Line], behind: int) -> bool:
    """Whether the paragraph before the line `behind` is a heading, or the head of a table."""
    return behind < len(passed) and passed[behind].kind in ("delimiter", "underline")


def _awkward(passed: list[Line], number: int, said: Line, text: str) -> float | None:
    """How bad it is to cut before the line `number`, `said` being the last one before that is not empty.

    None where it may not be cut.
    """
    line, before = passed[number], passed[number - 1]
    if line.kind in _NEVER_BEFORE or said.kind in _NEVER_BEHIND:
        return None
    if before.kind == line.kind and line.kind in _BETWEEN_TWO:
        return _BETWEEN_TWO[line.kind]
    if said.kind in ("heading", "underline"):
        return _BEHIND_HEADING
    if before.kind == "blank" and any(line.after.containers) and line.kind != "item":
        return _BETWEEN_ITEMS
    if line.kind != "heading" and _ends_with_colon(text, said):
        return _BEHIND_COLON
    return _BETWEEN_BLOCKS if before.kind == "blank" or line.kind != "item" else _BETWEEN_ITEMS


def _ends_with_colon(text: str, line: Line) -> bool:
    return text[line.start : line.end].rstrip(" \t*_").endswith((":", "："))
