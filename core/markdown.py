"""Cut Markdown into pages that a platform accepts: no character lost, no code block broken.

Greedy and prefix-stable: where a page ends depends only on the text that fills it, so text that is
still growing can be cut while it streams, and a sealed page never moves.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import regex

from core.types import PageProfile

DISCORD = PageProfile(limit=2000, measure="code_points", pace=1.2)
SLACK = PageProfile(limit=9000, measure="utf8_bytes", pace=0.75)
PROFILES = {"discord": DISCORD, "slack": SLACK}

# An info string behind backticks may not hold one (CommonMark 0.31, 4.5). A longer row of signs is not
# taken for a code block: twice on every page it would leave no room for the code.
_OPENER = re.compile(r" {0,3}(?:(`{3,20})[^`]*|(~{3,20})(?!~).*)\Z")
_CLOSER = re.compile(r" {0,3}(`{3,}|~{3,})\s*\Z")
_LONGEST_OPENER = 60
_BLANK_LINES = re.compile(r"\A\s*\n")
_GRAPHEME = regex.compile(r"\X")
_AHEAD = 100_000
"""Characters that are looked at for one page, so that a whole text is cut in linear time."""


@dataclass(frozen=True, slots=True)
class Fence:
    """A code block that is open: the line that opens it again on the next page, and what closes it."""

    opener: str
    closer: str

    @classmethod
    def opened_by(cls, line: str) -> "Fence | None":
        """The code block that `line` opens; an info string too long to be repeated is left out."""
        mark = _OPENER.match(line)
        if not mark:
            return None
        sign = mark[1] or mark[2]
        return cls(line if len(line) <= _LONGEST_OPENER else sign, sign)

    def after(self, line: str) -> "Fence | None":
        """The state after `line`: closed by the same sign, at least as long, with nothing behind it."""
        mark = _CLOSER.match(line)
        return None if mark and mark[1].startswith(self.closer) else self


def open_fence(text: str, fence: Fence | None = None) -> Fence | None:
    """The code block that is open at the end of `text`, if any; `fence` is open at its start."""
    for line in text.split("\n"):
        fence = _after(fence, line)
    return fence


def _after(fence: Fence | None, line: str) -> Fence | None:
    return fence.after(line) if fence else Fence.opened_by(line)


def size(text: str, profile: PageProfile) -> int:
    """The length of `text` as the platform counts it."""
    return len(text) if profile.measure == "code_points" else len(text.encode("utf-8", "replace"))


def split(text: str, profile: PageProfile) -> list[str]:
    """`text` as pages. Each fits the profile, none is empty, and code blocks are closed and reopened."""
    pages: list[str] = []
    fence, at, end = None, 0, len(text.rstrip())
    while at < end:
        ahead = text[at : at + _AHEAD] if profile.limit else text[at:]
        page, rest, fence = next_page(ahead, profile, fence)
        at += len(ahead) - len(rest)
        if page:
            pages.append(page)
    return pages


def next_page(text: str, profile: PageProfile, fence: Fence | None) -> tuple[str, str, Fence | None]:
    """The first page of `text`, the rest, and the code block that the rest continues.

    `fence` is the code block that `text` starts in. Where all of it fits, the rest is empty.
    """
    if not fence:
        text = _BLANK_LINES.sub("", text)
    if profile.limit is None:
        return framed(text, fence), "", None
    if not fence and len(text) - len(text.lstrip()) > profile.limit // 8:
        text = f"    {text.lstrip()}"  # more indentation says no more, and could fill a page with nothing
    if len(text.rstrip()) <= profile.limit and size(whole := framed(text, fence), profile) <= profile.limit:
        return whole, "", None
    cut = _best_cut(text, profile, fence)
    head, rest = text[: cut.at], text[cut.at :]
    page = framed(head.rstrip("\n") if cut.fence else head.rstrip(), fence)
    return page, rest.lstrip("\n") if not cut.fence else rest.removeprefix("\n"), cut.fence


def framed(text: str, fence: Fence | None) -> str:
    """`text` as it is shown by itself: the code block it starts in reopened, the one it ends in closed."""
    opened = f"{fence.opener}\n{text}" if fence else text
    left_open = open_fence(opened)
    if not left_open:
        return opened
    return f"{opened.rstrip()}\n{left_open.closer}"


@dataclass(frozen=True, slots=True)
class _Cut:
    at: int
    fence: Fence | None
    rank: int  # 0 is the best place


def _best_cut(text: str, profile: PageProfile, fence: Fence | None) -> _Cut:
    """The nicest place in the last half of what fits, else the last place that fits at all."""
    feasible = list(_line_cuts(text, profile, fence))
    if feasible:
        furthest = feasible[-1].at
        late = [cut for cut in feasible if cut.at >= furthest // 2]
        return min(late, key=lambda cut: (cut.rank, -cut.at))
    return _inside_line(text, profile, fence)


def _line_cuts(text: str, profile: PageProfile, fence: Fence | None) -> Iterator[_Cut]:
    """Ends of lines at which the page still fits, its closing fence included."""
    assert profile.limit is not None
    state, at, used = fence, 0, size(f"{fence.opener}\n", profile) if fence else 0
    last = ""  # the last line that says something
    for line, following in pairwise(_lines(text)):
        last = line if line.strip() else last
        before, state = state, _after(state, line)
        used += size(line, profile) + 1
        at += len(line) + 1
        closing = size(f"\n{state.closer}", profile) if state else 0
        if used - 1 + closing > profile.limit:
            return
        opened_here = state is not None and before is None
        closes_next = state is not None and state.after(following) is None
        if not (opened_here or closes_next):
            yield _Cut(at, state, _rank(last, state, between=not (line.strip() and following.strip())))


def _lines(text: str) -> Iterator[str]:
    """As ``text.split("\\n")``, one by one: those behind the page are not looked at."""
    start = 0
    while (end := text.find("\n", start)) >= 0:
        yield text[start:end]
        start = end + 1
    yield text[start:]


def _rank(last: str, state: Fence | None, *, between: bool) -> int:
    """How bad it is to cut behind the line `last`; `between` says that a blank line stands there."""
    if state:
        return 3
    if last.lstrip().startswith("#"):  # a heading belongs to what it heads
        return 4
    return 0 if between else 1


def _inside_line(text: str, profile: PageProfile, fence: Fence | None) -> _Cut:
    """A first line that does not fit by itself: cut after a word, else between graphemes."""
    assert profile.limit is not None
    first = next(_lines(text))
    state, start = fence or Fence.opened_by(first), 0
    if state and not fence and size(first, profile) <= profile.limit // 2:
        start = len(first) + 1  # an opener is not left alone on a page
    line = next(_lines(text[start:]))
    room = profile.limit - size(framed(f"{text[:start]}x", fence), profile) + 1
    length = _fitting(line, room, profile)
    # The beginning of a line can open a code block, which has to be closed.
    too_long = size(framed(text[: start + length], fence), profile) - profile.limit
    if too_long > 0:
        length = _fitting(line, size(line[:length], profile) - too_long, profile)
    space = line.rfind(" ", length // 2, length)
    if space > 0 and not state:
        length = space + 1
    return _Cut(start + max(length, 1), state, 5)


def _fitting(line: str, room: int, profile: PageProfile) -> int:
    """The length of the longest beginning of `line` of whole graphemes that fits; a giant one is cut."""
    ahead = line[: max(room, 0) + 1]
    if ahead.isascii():
        return min(len(ahead), max(room, 0))
    graphemes = (found[0] for found in _GRAPHEME.finditer(ahead))
    length = _sum_fitting(graphemes, room, profile)
    return length if line[:length].strip() else _sum_fitting(line, room, profile)


def _sum_fitting(parts: Iterable[str], room: int, profile: PageProfile) -> int:
    used = length = 0
    for part in parts:
        used += size(part, profile)
        if used > room:
            break
        length += len(part)
    return length
