"""Cut Markdown into pages that a platform accepts: no character lost, no code block broken.

Greedy and prefix-stable: where a page ends depends only on the text that fills it, so text that is
still growing can be cut while it streams, and a sealed page never moves.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import regex

from core.types import PageProfile

DISCORD = PageProfile(limit=2000, measure="code_points", pace=1.2)
SLACK = PageProfile(limit=9000, measure="utf8_bytes", pace=0.75)
PROFILES = {"discord": DISCORD, "slack": SLACK}

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})(.*)$")
_BLANK_LINES = re.compile(r"\A(?:[ \t]*\n)+")
_GRAPHEME = regex.compile(r"\X")


@dataclass(frozen=True, slots=True)
class Fence:
    """A code block that is open: the line that opened it."""

    opener: str

    @property
    def closer(self) -> str:
        mark = _FENCE.match(self.opener)
        assert mark
        return mark[1]

    def after(self, line: str) -> "Fence | None":
        """The state after `line`: closed by the same sign, at least as long, with nothing behind it."""
        mark = _FENCE.match(line)
        if mark and mark[1].startswith(self.closer) and not mark[2].strip():
            return None
        return self


def open_fence(text: str, fence: Fence | None = None) -> Fence | None:
    """The code block that is open at the end of `text`, if any; `fence` is open at its start."""
    for line in text.split("\n"):
        fence = _after(fence, line)
    return fence


def _after(fence: Fence | None, line: str) -> Fence | None:
    if fence:
        return fence.after(line)
    mark = _FENCE.match(line)
    # An info string of backticks may not hold one (CommonMark 0.31, 4.5).
    return Fence(line) if mark and not (mark[1][0] == "`" and "`" in mark[2]) else None


def size(text: str, profile: PageProfile) -> int:
    """The length of `text` as the platform counts it."""
    return len(text) if profile.measure == "code_points" else len(text.encode("utf-8", "replace"))


def split(text: str, profile: PageProfile) -> list[str]:
    """`text` as pages. Each fits the profile, none is empty, and code blocks are closed and reopened."""
    pages, rest, fence = [], text, None
    while rest.strip():
        page, rest, fence = next_page(rest, profile, fence)
        pages.append(page)
    return pages


def next_page(text: str, profile: PageProfile, fence: Fence | None) -> tuple[str, str, Fence | None]:
    """The first page of `text`, the rest, and the code block that the rest continues.

    `fence` is the code block that `text` starts in. Where all of it fits, the rest is empty.
    """
    if not fence:
        text = _BLANK_LINES.sub("", text)
    whole = framed(text, fence)
    if profile.limit is None or size(whole, profile) <= profile.limit:
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
    feasible = [cut for cut in _line_cuts(text, profile, fence) if cut.at > 0]
    if feasible:
        furthest = feasible[-1].at
        late = [cut for cut in feasible if cut.at >= furthest // 2]
        return min(late, key=lambda cut: (cut.rank, -cut.at))
    return _inside_line(text, profile, fence)


def _line_cuts(text: str, profile: PageProfile, fence: Fence | None) -> Iterator[_Cut]:
    """Ends of lines at which the page still fits, its closing fence included."""
    assert profile.limit is not None
    state, at, used = fence, 0, size(f"{fence.opener}\n", profile) if fence else 0
    lines = text.split("\n")
    for index, line in enumerate(lines[:-1]):
        before, state = state, _after(state, line)
        used += size(line, profile) + 1
        at += len(line) + 1
        closing = size(f"\n{state.closer}", profile) if state else 0
        if used - 1 + closing > profile.limit:
            return
        opened_here = state is not None and before is None
        closes_next = state is not None and state.after(lines[index + 1]) is None
        if not (opened_here or closes_next):
            yield _Cut(at, state, _rank(line, lines[index + 1], state))


def _rank(line: str, following: str, state: Fence | None) -> int:
    if state:
        return 3
    if not line.strip() or not following.strip():
        return 0
    return 4 if line.lstrip().startswith("#") else 1


def _inside_line(text: str, profile: PageProfile, fence: Fence | None) -> _Cut:
    """A first line that does not fit by itself: cut after a word, else between graphemes."""
    assert profile.limit is not None
    state = fence
    start = 0
    first, _, _ = text.partition("\n")
    if not fence and _after(None, first):  # an opener is never alone on a page
        state, start = Fence(first), len(first) + 1
    frame = size(framed("x", state), profile) - 1 if state else 0
    room = profile.limit - frame
    line_end = text.find("\n", start)
    line = text[start : line_end if line_end >= 0 else len(text)]
    fitting = _prefix(line, room, profile)
    space = fitting.rfind(" ")
    at = space + 1 if space > len(fitting) // 2 and not state else len(fitting)
    return _Cut(start + max(at, 1), state, 5)


def _prefix(line: str, room: int, profile: PageProfile) -> str:
    """The longest beginning of `line` of whole graphemes that fits; a giant one is cut."""
    used = end = 0
    for grapheme in _GRAPHEME.finditer(line):
        used += size(grapheme[0], profile)
        if used > room:
            break
        end = grapheme.end()
    if end:
        return line[:end]
    while end < len(line) and size(line[: end + 1], profile) <= room:
        end += 1
    return line[:end]
