"""What the pages of a growing text should show next: without a clock, and without writing anything."""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

from core.markdown import Cutter, Page, noted, recalled, size
from core.types import Checkpoint, PageProfile

ANSWER_FILE = "answer.md"
NOTE = f"\n\n_This is not all: the whole answer is in {ANSWER_FILE}._"


class Due(NamedTuple):
    """What the open page should show, and whether that is the last word on it."""

    page: Page
    final: bool


@dataclass(slots=True)
class _OpenPage:
    """`shown` is what the page shows for certain.

    `furthest` is the most that it may show, and `since` the time from which it may stand: both count
    writes of which nobody knows whether they arrived. `waits` says that it shows all it can until no
    more comes, because it is the last page and more came than it holds.
    """

    shown: Page | None = None
    furthest: Page | None = None
    since: float | None = None
    waits: bool = False

    def keeps(self, profile: PageProfile) -> int:
        """The offset up to which nothing can be taken back: what may stand where it cannot be edited."""
        return self.furthest.end if self.furthest and not profile.editable else 0


class Paging:
    """The pages of one text, of which one is open at a time.

    Ask `due` what to write, and tell what became of it: `stands`, `may_stand` or `refused`. The profile
    may differ each time. Where its `max_pages` do not hold the text, `wants_file` says so once the text
    is closed; the rest is in that file, or in more pages where `has_file` is then set to False.

    It begins where another worker `left` the pages, with the text that it showed; what `again` says is to
    be written before anything else.
    """

    def __init__(self, left: Checkpoint | None = None) -> None:
        left = left or Checkpoint()
        self.has_file: bool | None = None
        self._starts = list(left.starts)  # of the pages; the last one is open
        self._cutter = Cutter(left.starts[-1], left.before)
        self._cutter.feed(left.shown[left.starts[-1] :])
        self._closed = False
        self._open = _OpenPage()
        self._refused = False  # the page before the open one, when nothing stood there
        self._before = left
        if left.stands > left.starts[-1]:
            self._open.shown = self._cutter.upto(left.stands)

    def again(self, profile: PageProfile) -> Due | None:
        """What the worker before was about to write: unchanged, for it may stand already."""
        left = self._before
        if not left.page:
            return None
        grows = not (left.final or profile.editable)
        closing = self._cutter.upto(left.end).closing if grows else ""
        self._open.furthest = Page(left.page, left.end, recalled(left.after), closing)
        return Due(self._open.furthest, left.final)

    def checkpoint(self, said: Checkpoint, due: Due | None) -> Checkpoint:
        """`said` with where the pages are, and with what is `due`; else the open page is as it may stand."""
        here, shown = self._starts[-1], self._open.shown
        page = due.page if due else self._open.furthest or Page("", here, self._cutter.state)
        return replace(
            said,
            starts=tuple(self._starts),
            before=noted(self._cutter.state),
            stands=shown.end if shown else here,
            page=page.markdown,
            end=page.end,
            after=noted(page.after),
            final=due is not None and due.final,
        )

    @property
    def number(self) -> int:
        """The number of the open page."""
        return len(self._starts) - 1

    @property
    def begun(self) -> bool:
        """Whether the open page shows anything."""
        return self._open.shown is not None

    def feed(self, text: str) -> None:
        """What comes next."""
        self._cutter.feed(text)

    def close(self) -> None:
        """Nothing comes any more."""
        self._closed = True
        self._cutter.close()

    def ends_at(self, profile: PageProfile) -> float | None:
        """When the open page has to end where it stands, if it grows so old."""
        if self._open.since is None or profile.max_age is None:
            return None
        return self._open.since + profile.max_age

    def is_done(self, profile: PageProfile) -> bool:
        """Whether no page can show more, whatever comes."""
        return self._left(profile) == 0

    def due(self, profile: PageProfile, now: float) -> Due | None:
        """What is to be written now; None where all that can stand stands."""
        left, shown = self._left(profile), self._open.shown
        ends_at = self.ends_at(profile)
        too_old = ends_at is not None and now >= ends_at
        final = self._closed or too_old
        if left == 0 or (self._open.waits and not final):
            return None
        if full := self._full(profile):
            return self._noted(full, profile, final=final) if left == 1 else Due(full, final=True)
        if self._closed:
            last = self._cutter.last()
            return Due(last, final=True) if last else None
        page = self.growing(profile) or self._open.furthest
        if page and too_old:
            return Due(replace(page, markdown=page.whole, closing=""), final=True)
        return Due(page, final=False) if page and page != shown else None

    def growing(self, profile: PageProfile) -> Page | None:
        """The open page as it can be shown while more comes; None where it would show no more."""
        room = _with_room(profile) if self._left(profile) == 1 else profile
        return self._cutter.growing(room, shown=self._open.keeps(profile))

    def wants_file(self, profile: PageProfile) -> bool:
        """Whether more was said than the pages that are left can hold, and no file was tried yet."""
        left = self._left(profile)
        if not self._closed or self.has_file is not None or left is None:
            return False
        return self._cutter.last() is not None if left == 0 else left == 1 and bool(self._full(profile))

    def stands(self, due: Due, at: float) -> None:
        """This was written, in a write that began at `at`."""
        self._refused = False
        self.may_stand(due, at)
        if due.final:
            self._leave(due.page)
        else:
            self._open.shown = due.page

    def may_stand(self, due: Due, at: float) -> None:
        """Nobody knows whether this was written."""
        if self._open.furthest is None or self._open.furthest.end < due.page.end:
            self._open.furthest = due.page
        if self._open.since is None:
            self._open.since = at

    def pass_over(self, blank: Page) -> None:
        """No platform takes an empty page: go on behind it."""
        self._cutter.seal(blank)
        self._starts[-1] = blank.end

    def refused(self) -> bool:
        """The open page takes no more: what it shows stands, and the text goes on behind that.

        Returns whether that may help: what was refused before anything stood is tried once more.
        """
        helps = self.begun or not self._refused
        self._refused = not self.begun
        self._leave(self._open.shown)
        return helps

    def _leave(self, standing: Page | None) -> None:
        if standing:
            self._cutter.seal(standing)
        self._starts.append(self._cutter.begins)
        self._open = _OpenPage()

    def _left(self, profile: PageProfile) -> int | None:
        """How many pages there may still be with the open one; None where nobody counts."""
        if profile.max_pages is None or self.has_file is False:
            return None
        left_behind = sum(begin < end for begin, end in pairwise(self._starts))  # those that show something
        return max(int(self.begun), profile.max_pages - left_behind)

    def _full(self, profile: PageProfile) -> Page | None:
        """The open page where more came than it holds; one that cannot be edited keeps what it shows."""
        keeps, furthest = self._open.keeps(profile), self._open.furthest
        page = self._cutter.full(profile, shown=keeps)
        if page and keeps and profile.limit and size(page.markdown, profile) > profile.limit:
            return furthest  # after a fallback to shorter pages it ends where it stands
        return page

    def _noted(self, full: Page, profile: PageProfile, *, final: bool) -> Due | None:
        """The last page there may be, which says where the rest is.

        It is not final before the file was sent: where that fails it takes more text instead. So
        nothing of this is shown before on a page that cannot be edited.
        """
        page = self._full(_with_room(profile)) or full
        noted = replace(page, markdown=page.markdown + NOTE)
        if profile.limit is None or size(noted.markdown, profile) <= profile.limit:
            page = noted
        if final:
            return Due(page, final=True)
        self._open.waits = page == self._open.shown or not profile.editable
        return None if self._open.waits else Due(page, final=False)


def _with_room(profile: PageProfile) -> PageProfile:
    """The profile of a page that `NOTE` goes on, where that leaves room for an answer."""
    if profile.limit is None:
        return profile
    room = profile.limit - size(f"x{NOTE}", profile)
    return replace(profile, limit=room) if room > profile.limit // 2 else profile
