"""Cut Markdown into pages that a platform accepts: no character lost, nothing torn that belongs together.

Each page is whole by itself: code blocks, tables, quotes and emphasis that go on behind a cut are
closed before it and opened again behind it. What a page may hold is measured on what the platform is
sent, the rendered text. `split` cuts a whole text into as few pages as there can be; a `Cutter` cuts a
text that grows, and where it cuts depends on the text alone, never on the pieces it came in.
"""

import json
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import astuple, dataclass, replace

from core import framing, inline
from core.blocks import Fence, IndentedCode, Line, Paragraph, State, TableHead, state_after, step
from core.cuts import Cut, Plan, Scale, paragraph_start
from core.types import PageProfile

LOOK_AHEAD = 80
"""Characters behind a full page that are waited for: they tell where a link or emphasis ends."""

_CHUNK = 64
_LONGEST_SENTENCE = 200
_LONGEST_WORD = 24
"""Characters: a longer stretch without a space is shown as it comes; not every script has spaces."""

_WELL_FILLED, _AS_WEIGHED = 0.85, 0.97
"""What was sent against what was weighed: below the first a page can hold more, below the second perhaps."""

_SENTENCE_OR_LINE = re.compile(r"""[.!?…]["'”’)\]*_~]*\s+|[。！？]+[」』）”’]*|\n""")
_MAY_BEGIN = re.compile(r"[\s>]*(?:[-+*]|#{1,6}|\d{1,9}[.)]?|`+|~+|[=|:-]+)?\s*\Z")
"""Signs that may be the beginning of a block, or the end of a code block, once their line is complete."""


@dataclass(frozen=True, slots=True)
class Page:
    """The Markdown of one page, whole by itself.

    It shows the text up to the offset `end`, where `after` is open. A page that can only be appended to
    is whole with `closing` behind it.
    """

    markdown: str
    end: int
    after: State
    closing: str = ""

    @property
    def whole(self) -> str:
        """The Markdown with an end for what is open, if there is any left."""
        return self.markdown + self.closing


_LEAVES = {kind.__name__: kind for kind in (Fence, IndentedCode, Paragraph, TableHead)}


def noted(state: State) -> str:
    """What is open at one place of a text, as one line that another worker can read."""
    leaf = [type(state.leaf).__name__, *astuple(state.leaf)] if state.leaf else []
    return json.dumps([state.containers, leaf, state.inside, state.marks], ensure_ascii=False)


def recalled(line: str) -> State:
    """What `noted` wrote; nothing is open where nothing was noted."""
    if not line:
        return State()
    containers, leaf, inside, marks = json.loads(line)
    return State(tuple(containers), _LEAVES[leaf[0]](*leaf[1:]) if leaf else None, inside, tuple(marks))


def size(markdown: str, profile: PageProfile) -> int:
    """The length of a page as the platform counts what it is sent."""
    sent = profile.render(markdown)
    return len(sent) if profile.measure == "code_points" else len(sent.encode("utf-8", "replace"))


def closed(markdown: str) -> str:
    """`markdown` as one page, with an end for the code block that is open at its end."""
    opened, _ = framing.opened(markdown, State())
    return framing.close(opened, state_after(markdown.rstrip()))


def split(text: str, profile: PageProfile) -> list[str]:
    """`text` as the fewest pages that hold it, cut at the best places that this number allows.

    Every page fits the profile, and none is empty.
    """
    text = text.rstrip().replace("\r\n", "\n").replace("\r", "\n")
    whole = closed(text)
    if not whole or profile.limit is None or _fits(whole, profile):
        return [whole] if whole else []
    plan = Plan(text, State(), profile, complete=True)
    planned, start, ends = list[str](), plan.start, plan.fewest()
    for end in ends:
        planned.append(_page(text, start, end).markdown)
        start = end
    pages = [page for page in planned if page]
    sizes = [size(page, profile) for page in pages]
    if max(sizes) <= profile.limit and sum(sizes) > _AS_WEIGHED * ends[-1].weight:
        return pages
    # What text weighs was far from what counts, so each page is measured before the next one begins.
    measured = list(_measured(text, plan, profile))
    return pages if max(sizes) <= profile.limit and len(pages) <= len(measured) else measured


def _fits(markdown: str, profile: PageProfile) -> bool:
    if profile.limit is None:
        return True
    # What is far too long is not rendered: at worst a page is cut that would have fitted.
    return len(markdown) <= 2 * profile.limit and size(markdown, profile) <= profile.limit


def _measured(text: str, plan: Plan, profile: PageProfile) -> Iterator[str]:
    """Pages of which each is measured before the next one begins."""
    start = plan.start
    while start.at < len(text):
        page, start = _fitting(text, plan, start, profile)
        if page.markdown:
            yield page.markdown


def _fitting(text: str, plan: Plan, start: Cut, profile: PageProfile, floor: int = 0) -> tuple[Page, Cut]:
    """The page that begins at `start`, as full as it can be and as short as it must, and where it ends."""
    assert profile.limit is not None
    limit, fits = profile.limit, None
    while True:
        cut = plan.next(start, limit=limit, floor=floor)
        page = _page(text, start, cut)
        length, weight = size(page.markdown, profile), max(1, cut.weight - start.behind)
        if length > profile.limit and limit > 1:
            if fits:
                return fits
            limit = max(1, min(limit - 1, weight * profile.limit // length))
        elif cut.at == len(text) or length > _WELL_FILLED * weight or (fits and cut == fits[1]):
            return page, cut
        else:
            fits, limit = (page, cut), limit + limit * (profile.limit - length) // profile.limit + 1


def _page(text: str, start: Cut, cut: Cut) -> Page:
    """The text between two places as a page; without Markdown where it says nothing."""
    opened, own = framing.opened(text[start.at : cut.at], start.state)
    return Page(framing.close(opened, cut.left, own) if opened else "", cut.at, cut.state)


class Cutter:
    """A growing text on its way to pages. Offsets count the characters of all that was fed.

    The open page is shown by `growing` until `full` returns it with its end; then it is sealed and the
    next one begins. After `close`, `last` is what is left. What is fed first is what comes behind the
    offset `begins`, where what was `noted` is open.
    """

    def __init__(self, begins: int = 0, before: str = "") -> None:
        self.begins = begins
        self.state = recalled(before)
        self._text = ""  # from there on
        self._lines: list[Line] = []  # those that have ended
        self._closed = False

    def feed(self, text: str) -> None:
        """What comes next."""
        self._text += text.replace("\r", " ")

    def close(self) -> None:
        """Nothing comes any more, so `full` need not wait to see what follows a page."""
        self._closed = True

    def full(self, profile: PageProfile, *, shown: int = 0) -> Page | None:
        """The open page, once more came than it can hold; it keeps at least the text up to `shown`."""
        overflow = self._overflow(profile)
        if overflow is None:
            rest = self.last() if self._closed else None
            if not rest or _fits(rest.markdown, profile):
                return None
            overflow = len(self._text)  # rendering adds more than it should
        view = overflow + LOOK_AHEAD
        if len(self._text) < view and not self._closed:
            return None
        complete = self._closed and view >= len(self._text)
        plan = Plan(self._text[:view], self.state, profile, complete=complete)
        page, _ = _fitting(self._text, plan, plan.start, profile, max(0, shown - self.begins))
        return replace(page, end=self.begins + page.end)

    def growing(self, profile: PageProfile, *, shown: int = 0) -> Page | None:
        """The open page as it can be shown now: whole words, no beginning of a link, nothing left open.

        Where pages cannot be edited, what is open stays open, each of these pages begins with the one
        before, and None says that there is nothing to show behind the offset `shown`.
        """
        overflow = self._overflow(profile)
        end = self._word_end(len(self._text) if overflow is None else overflow)
        if not profile.editable:
            end = self._sentence_end(end, profile)
        while end > 0:
            end, after = self._settled(end)
            page = self._page(end, after, close=profile.editable)
            if not page.markdown or (not profile.editable and page.end <= shown):
                return None
            if _fits(page.whole, profile):
                return page
            end = self._word_end(end - max(1, end // 20))
        return None

    def upto(self, end: int) -> Page:
        """The open page as `growing` showed it up to the offset `end` where pages cannot be edited."""
        return self._page(*self._settled(end - self.begins), close=False)

    def last(self) -> Page | None:
        """The open page with all that came; None where nothing is left to say."""
        text = self._text.rstrip()
        after = state_after(text, self.state)
        if self.state.marks and not paragraph_start(passed := self._all_lines(), len(passed) - 1):
            # Marks that were opened again here may never be closed by the model.
            after = replace(after, marks=inline.shown(text, self.state.marks)[1])
        page = self._page(len(text), after, close=True)
        return replace(page, end=self.begins + len(self._text)) if page.markdown else None

    def seal(self, page: Page) -> None:
        """The open page is `page`, and the next one begins where it ends."""
        self._text = self._text[page.end - self.begins :]
        self.begins, self.state, self._lines = page.end, page.after, []

    def _all_lines(self) -> list[Line]:
        """The lines of the open page; one that has ended is looked at once."""
        start = self._lines[-1].end + 1 if self._lines else 0
        state = self._lines[-1].after if self._lines else self.state
        while (end := self._text.find("\n", start)) >= 0:
            after, kind = step(state, self._text[start:end])
            self._lines.append(Line(start, end, state, after, kind))
            start, state = end + 1, after
        after, kind = step(state, self._text[start:])
        return [*self._lines, Line(start, len(self._text), state, after, kind)]

    def _overflow(self, profile: PageProfile) -> int | None:
        """Where the open page is full at the latest; it depends on the text up to there alone."""
        if profile.limit is None:
            return None
        scale = Scale(profile)
        room = profile.limit - scale.opening(self.state)
        for line in self._all_lines():
            here = self._text[line.start : line.end]
            weight = scale.weigh(here)
            if weight > room:
                for offset in range(_CHUNK, len(here) + _CHUNK, _CHUNK):
                    room -= scale.weigh(here[offset - _CHUNK : offset])
                    if room < 0:
                        return min(line.start + offset, line.end)
            if line.end < len(self._text):
                weight = scale.line(line, here)
            if weight > room:
                return line.end
            room -= weight + 1
        return None

    def _word_end(self, limit: int) -> int:
        """The end of the last whole word up to `limit`, as far as its script tells words apart."""
        end = max(self._text.rfind(" ", 0, limit), self._text.rfind("\n", 0, limit)) + 1
        return end if limit - end < _LONGEST_WORD else limit

    def _sentence_end(self, end: int, profile: PageProfile) -> int:
        """Near the end of a page that cannot be edited only whole sentences and lines: it may end there."""
        if profile.limit is None:
            return end
        almost = self._overflow(replace(profile, limit=profile.limit * 9 // 10))
        if almost is None or end <= almost:
            return end
        *_, steady = almost, *(place.end() for place in _SENTENCE_OR_LINE.finditer(self._text, almost, end))
        return self._word_end(steady) if end - steady < _LONGEST_SENTENCE else end

    def _settled(self, end: int) -> tuple[int, State]:
        """`end` or a place shortly before it, where what is shown cannot be taken for something else."""
        passed = self._all_lines()
        while end := len(self._text[:end].rstrip()):
            number = bisect_right(passed, end, key=lambda line: line.start) - 1
            line = passed[number]
            here = self._text[line.start : end]
            after, kind = step(line.before, here)
            if kind == "opener" or (_MAY_BEGIN.match(here) and not line.before.inside):
                end = line.start
                continue
            if kind not in ("text", "item"):
                return end, replace(after, inside=True)
            first = paragraph_start(passed, number)
            start = passed[first].start
            shown, marks = inline.shown(self._text[start:end], () if first else self.state.marks)
            if start + shown == end:
                return end, replace(after, inside=True, marks=marks)
            end = start + shown
        return 0, self.state

    def _page(self, end: int, after: State, *, close: bool) -> Page:
        opened, own = framing.opened(self._text[:end], self.state)
        whole = framing.close(opened, after, own) if opened else ""
        if close:
            return Page(whole, self.begins + end, after)
        return Page(opened, self.begins + end, after, whole[len(opened) :])
