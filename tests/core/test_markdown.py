"""Pages: each within the limit and whole by itself, and nothing lost, doubled or torn."""

import math
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from core.markdown import Cutter, Page, closed, size, split
from core.types import PageProfile
from tests.core import documents
from tests.core.documents import DOCUMENTS, RUBBLE, Writer, looks, said
from tests.core.hostile import STEADY, seeded, texts

PIECES = (1, 3, 40, 1000)
DISCORD = PageProfile(limit=2000)
SLACK = PageProfile(limit=9000, measure="utf8_bytes")
ENDLESS = PageProfile(limit=None)


def escaped(markdown: str) -> str:
    return markdown.replace("&", "&amp;").replace("<", "&lt;").replace("*", "\\*")


def a_profile(rng: random.Random) -> PageProfile:
    """Small pages, counted both ways; rendering adds nothing, what is announced, or what nobody announced."""
    profile = PageProfile(rng.choice((200, 350, 700)), measure=rng.choice(("code_points", "utf8_bytes")))
    growth = rng.choice((None, {"<": 3, "&": 4, "*": 1}, {"<": 1}))
    return profile if growth is None else replace(profile, render=escaped, growth=growth)


def cut(text: str, limit: int) -> list[str]:
    return split(text, PageProfile(limit))


# --- Whole texts and streams ------------------------------------------------------------------------


def in_pieces(text: str, rng: random.Random) -> Iterator[str]:
    at = 0
    while at < len(text):
        length = rng.choice(PIECES)
        yield text[at : at + length]
        at += length


def streamed(
    pieces: Iterator[str] | Sequence[str], profile: PageProfile, *, drained: bool = True
) -> list[str]:
    """The pages of a text that comes in pieces, each sealed as soon as it is full.

    `drained` says that this is looked for between the last piece and the end too.
    """
    cutter, pages = Cutter(), list[str]()
    for piece in pieces:
        pages += sealed(cutter, profile)
        cutter.feed(piece)
    if drained:
        pages += sealed(cutter, profile)
    cutter.close()
    pages += sealed(cutter, profile)
    last = cutter.last()
    return [page for page in [*pages, *([last.markdown] if last else [])] if page]


def sealed(cutter: Cutter, profile: PageProfile) -> list[str]:
    """The pages that are full, sealed."""
    pages = []
    while page := cutter.full(profile):
        cutter.seal(page)
        pages.append(page.markdown)
    return pages


class Show:
    """A text that grows before people's eyes, whose open page may also be sealed before it is full."""

    def __init__(self, profile: PageProfile) -> None:
        self.pages: list[str] = []
        self._profile = profile
        self._cutter = Cutter()
        self._shown: Page | None = None
        self._fed = ""

    def feed(self, piece: str) -> None:
        self._cutter.feed(piece)
        self._fed += piece
        self._seal_full()
        page = self._cutter.growing(self._profile, shown=self._shown.end if self._shown else 0)
        if page is not None:
            whole = page.whole
            check_page(whole, self._profile)
            assert not documents.lost([self._fed], whole)  # it says nothing that did not come
            assert not page.closing or not self._profile.editable
            self._grown(page)
            self._shown = page

    def seal(self) -> None:
        """What is shown stands."""
        if self._shown:
            self._cutter.seal(self._shown)
            self.pages.append(self._shown.whole)
            self._shown = None

    def close(self) -> None:
        self._cutter.close()
        self._seal_full()
        if last := self._cutter.last():
            self._grown(last)
            self.pages.append(last.markdown)

    def _seal_full(self) -> None:
        while page := self._cutter.full(self._profile, shown=self._keeps()):
            self._grown(page)
            self._cutter.seal(page)
            self._shown = None
            self.pages += [page.markdown] if page.markdown else []

    def _keeps(self) -> int:
        return self._shown.end if self._shown and not self._profile.editable else 0

    def _grown(self, page: Page) -> None:
        """A page that cannot be edited begins with what it showed before."""
        if self._shown and not self._profile.editable:
            assert page.markdown.startswith(self._shown.markdown), (self._shown.markdown, page.markdown)
            assert page.end >= self._shown.end


def check_page(page: str, profile: PageProfile) -> None:
    """A page fits, says something, neither begins nor ends with an empty line, and closes its code."""
    assert profile.limit is None or size(page, profile) <= profile.limit, (profile, page)
    assert page.strip()
    assert page == page.strip("\n") == page.rstrip(), page
    assert documents.open_fence(page) is None, page


def check_pages(pages: list[str], text: str, profile: PageProfile) -> None:
    """All pages are good, and they say all that `text` says, in order and once."""
    for page in pages:
        check_page(page, profile)
    assert not documents.lost(pages, text), (profile, text, pages)
    assert documents.doubled(pages) == [], (profile, text, pages)


@pytest.mark.parametrize("by", ["split", "stream"])
def test_a_reader_sees_on_pages_what_the_text_shows(by: str) -> None:
    """The same words in the same code, tables, quotes, links and emphasis, in order and once."""
    rng = seeded()
    for _ in range(DOCUMENTS):
        writer, profile = Writer(rng), a_profile(rng)
        text = writer.document(rng.randrange(6))

        pages = split(text, profile) if by == "split" else streamed([text], profile)

        check_pages(pages, text, profile)
        assert looks(pages) == looks([text]), (profile, text, pages)
        assert documents.heads(pages) == documents.heads([text])
        assert documents.same_code(pages, text), (profile, text, pages)
        assert documents.hollow(pages) == 0, (profile, text, pages)
        torn = [atom for atom in writer.atoms if not any(atom in page for page in pages)]
        assert torn == [], (profile, text)


def test_a_text_that_ends_anywhere_is_said_once() -> None:
    """An answer that was stopped within anything loses and doubles nothing either."""
    rng = seeded()
    for _ in range(DOCUMENTS):
        text, profile = Writer(rng).document(rng.randrange(1, 5)), a_profile(rng)
        text = text[: rng.randrange(len(text) + 1)]

        for pages in (split(text, profile), streamed([text], profile)):
            check_pages(pages, text, profile)
            assert said("".join(pages)) == said(text), (profile, text, pages)
            assert documents.same_code(pages, text), (profile, text, pages)


def test_rubble_is_said_once() -> None:
    """Markdown that makes no sense loses and doubles nothing."""
    rng = seeded()
    for _ in range(DOCUMENTS):
        text, profile = Writer(rng).rubble(rng.randrange(30)), a_profile(rng)

        for pages in (split(text, profile), streamed([text], profile)):
            check_pages(pages, text, profile)


@STEADY
@given(
    st.lists(st.sampled_from(RUBBLE) | texts).map("".join), st.randoms(use_true_random=False).map(a_profile)
)
def test_any_text_is_said_on_good_pages(text: str, profile: PageProfile) -> None:
    """The same for whatever people and models write, made small where it fails."""
    for pages in (split(text, profile), streamed([text], profile)):
        for page in pages:
            check_page(page, profile)
        assert not documents.lost(pages, text)


@pytest.mark.parametrize("profile", [DISCORD, SLACK], ids=["discord", "slack"])
def test_platforms_get_pages_within_their_limits(profile: PageProfile) -> None:
    """The same with real limits and texts of many pages."""
    rng = seeded()
    for _ in range(max(1, DOCUMENTS // 40)):
        for text in (Writer(rng).rubble(500), Writer(rng).document(60)):
            check_pages(split(text, profile), text, profile)
            check_pages(streamed([text], profile), text, profile)


def test_sealed_pages_do_not_depend_on_the_pieces_of_the_stream() -> None:
    """A text that comes byte by byte is cut where it is cut when it comes at once."""
    rng = seeded()
    for _ in range(DOCUMENTS):
        writer, profile = Writer(rng), a_profile(rng)
        far = f"{writer.prose(2)} `{writer.prose(3)}` {writer.prose(2)}"  # an end that comes late
        text = rng.choice((writer.document(rng.randrange(6)), writer.rubble(rng.randrange(30)), far))

        at_once = streamed([text], profile)

        assert streamed(in_pieces(text, rng), profile) == at_once, (profile, text)
        assert streamed([text], profile, drained=False) == at_once, (profile, text)
        assert split(text, profile) == split(text, profile)


def test_a_text_that_goes_on_never_moves_a_sealed_page() -> None:
    """The pages of a beginning are the first pages of the text, whatever comes behind."""
    rng = seeded()
    for _ in range(DOCUMENTS // 2 or 1):
        text, other, profile = Writer(rng).document(5), Writer(rng).rubble(20), a_profile(rng)
        begun = text[: rng.randrange(len(text))]
        cutter = Cutter()
        cutter.feed(begun)

        pages = [page for page in sealed(cutter, profile) if page]

        assert streamed([text], profile)[: len(pages)] == pages
        assert streamed([begun, other], profile)[: len(pages)] == pages


@pytest.mark.parametrize("editable", [True, False], ids=["editable", "append only"])
@pytest.mark.parametrize("kind", ["document", "rubble"])
def test_pages_may_be_sealed_at_any_moment(kind: str, editable: bool) -> None:
    """An old page, or one that the platform closed, ends where it stands: nothing is lost or doubled.

    Pages that can only be appended to only grow.
    """
    rng = seeded()
    for _ in range(DOCUMENTS):
        writer, profile = Writer(rng), replace(a_profile(rng), editable=editable)
        text = writer.document(rng.randrange(5)) if kind == "document" else writer.rubble(rng.randrange(30))
        show = Show(profile)
        for piece in in_pieces(text, rng):
            show.feed(piece)
            if rng.random() < 0.1:
                show.seal()
        show.close()

        check_pages(show.pages, text, profile)
        if kind == "document":
            assert said("".join(show.pages)) == said(text), (profile, text, show.pages)
            assert documents.same_code(show.pages, text), (profile, text, show.pages)


def test_pages_fit_what_the_platform_takes_at_that_moment() -> None:
    """The profile is asked again for each page; after a fallback it may be shorter, or counted otherwise."""
    rng = seeded()
    for _ in range(DOCUMENTS):
        text, cutter, pages = Writer(rng).document(rng.randrange(5)), Cutter(), list[str]()
        for piece in in_pieces(text, rng):
            cutter.feed(piece)
            profile = a_profile(rng)
            if full := cutter.full(profile):
                check_page(full.markdown, profile)
                cutter.seal(full)
                pages.append(full.markdown)
            elif growing := cutter.growing(profile):
                check_page(growing.markdown, profile)
        cutter.close()
        pages += sealed(cutter, profile := a_profile(rng))
        last = cutter.last()
        pages += [last.markdown] if last else []

        assert said("".join(pages)) == said(text), (text, pages)
        assert documents.same_code(pages, text), (text, pages)


def fewest(prose: str, limit: int) -> int:
    """How many pages a text needs at least: each holds as many words as it can."""
    pages, length = 1, 0
    for word, space in regex.findall(r"(\S+)(\s*)", prose):
        if length + len(word) > limit:
            pages, length = pages + 1, 0
        length += len(word + space)
    return pages


def test_prose_takes_the_fewest_pages() -> None:
    """`split` never takes one more; a stream takes a tenth more at most, though it cannot look ahead."""
    rng = seeded()
    for _ in range(DOCUMENTS // 5 or 1):
        prose, limit = Writer(rng).prose(rng.randrange(1, 30)), rng.choice((200, 500, 2000))
        least = fewest(prose, limit)
        stream = Show(PageProfile(limit, editable=False))
        for piece in in_pieces(prose, rng):
            stream.feed(piece)
        stream.close()

        assert len(cut(prose, limit)) == least
        assert len(streamed([prose], PageProfile(limit))) <= math.ceil(1.1 * least)
        assert len(stream.pages) <= math.ceil(1.1 * least)


def test_what_an_append_only_page_shows_near_its_end_is_a_good_end() -> None:
    """Nothing can be taken back, so the end of a page is looked for before it is full."""
    show = Show(PageProfile(2000, editable=False))
    for piece in ["These ", "are ", "five ", "words. "] * 400:
        show.feed(piece)
    show.close()

    assert all(page.endswith("words.") for page in show.pages)


def test_a_page_never_begins_within_the_signs_of_a_line() -> None:
    """Where code of a quote in a list is cut anywhere, the rest of a sign is no code."""
    text = "*   one\n    > ~~~x\n    > four\n    > - seven **k\n    > dddd\n    > ~~~\n"

    for limit in (24, 30, 36):
        for pages in (cut(text, limit), streamed([text], PageProfile(limit))):
            assert documents.same_code(pages, text), pages


def test_emphasis_that_fits_a_page_is_seen_to_end_behind_it() -> None:
    """A stream knows its end, so no page shows its first sign alone."""
    text = f"{'word ' * 55}**{'bold ' * 100}ended** {'word ' * 30}"

    for pages in (split(text, PageProfile(700)), streamed([text], PageProfile(700))):
        assert [page.count("**") % 2 for page in pages] == [0] * len(pages)


def test_emphasis_that_is_never_closed_is_closed_on_each_page() -> None:
    """What was shown as emphasis goes on as emphasis, also where the model forgot its end."""
    show = Show(DISCORD)
    show.feed("**one two ")
    show.seal()
    show.feed("six ten")
    show.close()

    assert show.pages == ["**one two**", "**six ten**"]
    assert streamed(["**one two three four"], PageProfile(12)) == ["**one two", "three four"]


def test_marks_that_are_opened_again_open_no_code() -> None:
    """Two tildes that were open and two that stand there are no fence of four."""
    show = Show(DISCORD)
    show.feed("~~one ")
    show.seal()
    show.feed("~~||two|| three")
    show.close()

    assert [documents.open_fence(page) for page in show.pages] == [None, None]
    assert said("".join(show.pages)) == "onetwothree"


def test_pages_are_full_where_rendering_adds_less_than_was_announced() -> None:
    """`growth` is an estimate of the most, and what counts is what rendering makes."""
    prose = Writer(seeded()).prose(40)
    profile = PageProfile(500, growth=dict.fromkeys("aeiou", 2))
    least = fewest(prose, 500)

    assert len(split(prose, profile)) <= math.ceil(1.2 * least)
    assert len(streamed([prose], profile)) <= math.ceil(1.4 * least)


def test_pages_are_measured_once_where_rendering_holds_no_surprise() -> None:
    """What is opened again and closed is weighed in advance, so that no page has to be made twice."""
    rendered: list[str] = []

    def rendering(markdown: str) -> str:
        rendered.append(markdown)
        return markdown

    for text in (
        "```python\n" + "x = 1\n" * 99,
        "> " + "**word " * 99,
        "| a | b |\n|---|---|\n" + "| c | d |\n" * 99,
    ):
        pages = split(text, PageProfile(100, render=rendering))

        assert sorted(rendered) == sorted(pages)
        rendered.clear()


def test_what_fits_is_one_page_as_it_is() -> None:
    """A short answer is not touched, only empty lines around it go; without a limit nothing is cut."""
    assert split("# Hi\n\n  text \n", DISCORD) == ["# Hi\n\n  text"]
    assert split("\n \n  text", DISCORD) == ["  text"]
    assert split(" \n\n", DISCORD) == split("", DISCORD) == split(" \n", ENDLESS) == []
    assert split("word " * 9_000, ENDLESS) == [("word " * 9_000).rstrip()]
    assert split("```\nx", ENDLESS) == split("```\nx", DISCORD) == ["```\nx\n```"]


# --- Code -------------------------------------------------------------------------------------------

FENCES = {
    "its language": ("```py\none\ntwo\n```", 13, ["```py\none\n```", "```py\ntwo\n```"]),
    "all behind the sign": (
        '```c++ title="x"\none\ntwo\n```',
        24,
        ['```c++ title="x"\none\n```', '```c++ title="x"\ntwo\n```'],
    ),
    "tildes": ("~~~\none\ntwo\n~~~", 11, ["~~~\none\n~~~", "~~~\ntwo\n~~~"]),
    "a longer sign": (
        "````md\n```\none\n```\n````",
        19,
        ["````md\n```\none\n````", "````md\n```\n````"],
    ),
    "its indentation": (
        "  ```\n    one\n    two\n  ```",
        19,
        ["  ```\n    one\n```", "  ```\n    two\n  ```"],
    ),
    "its quote": ("> ```py\n> one\n> two\n> ```", 22, ["> ```py\n> one\n> ```", "> ```py\n> two\n> ```"]),
    "its item": ("- ```py\n  one\n  two\n  ```", 20, ["- ```py\n  one\n  ```", "```py\ntwo\n```"]),
    "its numbered item": ("1. ```\n   one\n   two\n   ```", 22, ["1. ```\n   one\n   ```", "```\ntwo\n```"]),
    "its wide item": (
        "-    ```\n     one\n     two\n     ```",
        28,
        ["-    ```\n     one\n     ```", "```\ntwo\n```"],
    ),
    "a quote in an item": (
        "- > ```\n  > one\n  > two\n  > ```",
        26,
        ["- > ```\n  > one\n  > ```", "> ```\n> two\n> ```"],
    ),
    "an item in a quote": (
        "> - ```\n>   one\n>   two\n>   ```",
        26,
        ["> - ```\n>   one\n>   ```", "> ```\n> two\n> ```"],
    ),
    "the end of its item": (
        "- ```\n  one\n  two\nText.",
        19,
        ["- ```\n  one\n  ```", "```\ntwo\n```\nText."],
    ),
    "nothing, closed before": ("```\none\n   ````  \ntwo\nsix", 19, ["```\none\n   ````", "two\nsix"]),
}


@pytest.mark.parametrize(("text", "limit", "pages"), FENCES.values(), ids=FENCES)
def test_code_that_goes_on_keeps(text: str, limit: int, pages: list[str]) -> None:
    """It is closed on each page, and opened again as it was opened; this counts for the limit too."""
    assert cut(text, limit) == pages
    assert all(closed(page) == page and documents.open_fence(page) is None for page in pages)


def test_an_opener_and_an_end_of_code_never_stand_alone() -> None:
    """No page ends behind an opener, and none begins with what only closes code."""
    assert cut("Some words.\n\n```py\none\n```", 22) == ["Some words.", "```py\none\n```"]
    text = "Words, and more words.\n\n```py\n\n\none = 1\n\ntwo = 2\n\n```\n\nText."
    quoted = "\n".join(f"> {line}".rstrip() for line in text.split("\n"))
    for limit in range(30, 60):  # less holds no line of code with its quote and its fences
        for code in (text, quoted):
            assert documents.hollow(cut(code, limit)) == 0
            assert documents.hollow(streamed([code], PageProfile(limit))) == 0


def test_code_that_never_ends_is_closed_on_its_page_only() -> None:
    """The model has not closed it yet; `closed` does so for what is shown."""
    cutter = Cutter()
    cutter.feed("```py\none\ntwo\n")

    assert closed("```py\none") == "```py\none\n```"
    assert closed("> ```\n> one") == "> ```\n> one\n> ```"
    assert closed("one `two` ~~~") == "one `two` ~~~"
    page = cutter.growing(DISCORD)
    assert page is not None
    assert page.markdown == "```py\none\ntwo\n```"
    cutter.feed("```\nText.")
    cutter.close()
    last = cutter.last()
    assert last is not None
    assert last.markdown == "```py\none\ntwo\n```\nText."


def test_a_long_line_of_code_is_cut_within() -> None:
    """10 kB of JSON in one line stay code, and no character of it changes."""
    line = "{" + ",".join(f'"key{number}":[{number},"=> - # 1. x"]' for number in range(400)) + "}"

    for pages in (split(f"```json\n{line}\n```", DISCORD), streamed([f"```json\n{line}\n```"], DISCORD)):
        codes = [page.removeprefix("```json\n").removesuffix("\n```") for page in pages]
        assert "".join("".join(codes).split()) == "".join(line.split())
        assert len(pages) == math.ceil(len(line) / (2000 - 12))
    assert cut("```\none two three four\n```", 18) == ["```\none two\n```", "```\nthree four\n```"]
    assert cut("```\n" + "x" * 9 + "=\n```", 17) == ["```\nxxxxxxxxx\n```", "```\n=\n```"]


def test_an_opener_that_no_page_holds_is_cut() -> None:
    """What stands behind its sign is shown once, as code, and what goes on has a bare sign."""
    assert cut("```" + "b" * 40 + "\ncode\n```", 30) == [
        "```" + "b" * 23 + "\n```",
        "```\n" + "b" * 17 + "\ncode\n```",
    ]
    assert cut("```" + "b" * 70 + "\ncode\ncode\n```", 84) == [
        "```" + "b" * 70 + "\ncode\n```",
        "```\ncode\n```",
    ]


def test_code_that_looks_like_its_end_where_it_is_cut_stays_code() -> None:
    """Three backticks within a line of code do not close it, also where they begin a page."""
    for length in range(1, 30, 2):
        for end in (f" {'y' * 30}\n", f"\n{'y' * 30}\n"):
            text = f"````\n{'x' * length} `````{end}````\nText."
            for limit in range(20, 60):
                pages = cut(text, limit)
                assert said("".join(pages)) == said(text)
                assert all(documents.open_fence(page) is None for page in pages)
                assert "y" not in "".join(shown for look, shown in looks(pages) if "block" not in look)


# --- Letters ----------------------------------------------------------------------------------------


def test_a_word_without_end_fills_its_pages() -> None:
    """5,000 letters are two full pages and a half."""
    assert list(map(len, split("x" * 5_000, DISCORD))) == [2000, 2000, 1000]
    assert list(map(len, streamed(["x" * 5_000], DISCORD))) == [2000, 2000, 1000]


@pytest.mark.parametrize("profile", [PageProfile(100), PageProfile(150, measure="utf8_bytes")], ids=str)
@pytest.mark.parametrize("grapheme", ["👨‍👩‍👧‍👦", "👍🏽", "e\u0301", "🇵🇪", "क्षि", "각"])
def test_graphemes_stay_whole(grapheme: str, profile: PageProfile) -> None:
    """An emoji of many code points or a letter with its accents is not torn apart, and pages are full."""
    for pages in (split(grapheme * 100, profile), streamed([grapheme * 100], profile)):
        assert [found for page in pages for found in regex.findall(r"\X", page)] == [grapheme] * 100
        assert all(size(page + grapheme, profile) > (profile.limit or 0) for page in pages[:-1])


def test_families_leave_what_is_no_whole_one_empty() -> None:
    """A family is seven code points, and 2,000 are no multiple of it."""
    assert list(map(len, split("👨‍👩‍👧‍👦" * 600, DISCORD))) == [1995, 1995, 210]


def test_a_grapheme_that_no_page_holds_is_cut() -> None:
    """A letter with ten thousand accents is no reason to lose or to exceed anything."""
    text = "e" + "\u0301" * 10_000

    pages = split(text, DISCORD)

    assert "".join(pages) == text
    assert all(len(page) <= 2000 for page in pages)


def test_chinese_is_cut_behind_its_signs() -> None:
    """Text without spaces ends a page behind a full stop or comma, where there is one near."""
    assert cut("信使跑过高山。" * 3, 17) == ["信使跑过高山。" * 2, "信使跑过高山。"]
    assert cut("信使跑，过高山，" * 3, 18) == ["信使跑，过高山，" * 2, "信使跑，过高山，"]
    assert cut("信" * 25, 10) == ["信" * 10, "信" * 10, "信" * 5]


def test_signs_that_turn_the_direction_are_ended_on_their_page() -> None:
    """An isolate (Unicode Standard Annex 9) that goes on behind a cut is closed before it."""
    assert cut("one \u2067two three\u2069 four", 12) == ["one \u2067two\u2069", "three\u2069 four"]
    assert cut("```\n\u2067x\n```", 50) == ["```\n\u2067x\n```"]


# --- What is whole ----------------------------------------------------------------------------------

WHOLES = [
    "[the [inner] label](https://x.example/a_(b)_c)",
    '[the label](https://x.example "a title (x) of it")',
    "[the label](<https://x.example/a b>)",
    "[the label][the reference]",
    "![an image of it](https://x.example/i.png)",
    "`code of words`",
    "``code with ` in it``",
    "<https://x.example/a,b>",
    "https://x.example/path?q=1,2&r=信。使",
    "<@U123456789>",
    "<t:1700000000:R>",
    "<:emoji name:123>",
    "**some bold words**",
    "*some slanted words*",
    "__some **more** words__",
    "~~some struck words~~",
    "||some hidden words||",
]


@pytest.mark.parametrize("whole", WHOLES)
def test_what_belongs_together_is_not_torn(whole: str) -> None:
    """Links, code, addresses, mentions and short emphasis are on one page, wherever that ends."""
    for before in range(1, 90, 3):
        text = (
            "word " * (before // 5) + "w" * (before % 5 + 1) + f" {whole}, then more words of text to end it."
        )
        for pages in (cut(text, 80), streamed(in_pieces(text, random.Random(before)), PageProfile(80))):
            assert any(whole in page for page in pages), pages
            assert len(pages) <= 3


def test_an_address_that_no_page_holds_is_cut() -> None:
    """It cannot be whole, but none of it is lost."""
    url = "https://x.example/" + "p" * 300

    pages = cut(f"See {url}", 100)

    assert said("".join(pages)) == said(f"See {url}")
    assert list(map(len, pages)) == [100, 100, 100, 22]


EMPHASIS = {
    "**one two three four five six**": ["**one two three**", "**four five six**"],
    "*one two three four five six 1*": ["*one two three four*", "*five six 1*"],
    "~~one two three four five six~~": ["~~one two three~~", "~~four five six~~"],
    "**one *two three four five* six**": ["**one *two three***", "***four five* six**"],
    "**one _two three four five_ six**": ["**one _two three_**", "**_four five_ six**"],
    "`one two three four five six 7 8`": ["`one two three four`", "`five six 7 8`"],
    "> **one two three four five six**": ["> **one two three**", "> **four five six**"],
}


@pytest.mark.parametrize(("text", "pages"), EMPHASIS.items(), ids=EMPHASIS)
def test_long_emphasis_is_closed_and_opened_again(text: str, pages: list[str]) -> None:
    """Both pages show it, and its signs count for the limit."""
    assert cut(text, 21) == pages
    assert looks(pages) == looks([text])


# --- Tables, lists, quotes --------------------------------------------------------------------------


def test_a_table_that_goes_on_says_its_head_again() -> None:
    """It is never cut within a row, and its head is never without one."""
    table = "| a | b |\n|---|:-:|\n| 1 | one |\n| 2 | two |\n| 3 | six |"

    assert cut(f"Words.\n\n{table}", 43) == [
        "Words.\n\n| a | b |\n|---|:-:|\n| 1 | one |",
        "| a | b |\n|---|:-:|\n| 2 | two |\n| 3 | six |",
    ]
    for limit in range(32, 80):
        for pages in (cut(f"Words.\n\n{table}", limit), streamed([f"Words.\n\n{table}"], PageProfile(limit))):
            assert documents.hollow(pages) == 0
            assert looks(pages) == looks([f"Words.\n\n{table}"])
    assert cut("> | a |\n> |---|\n> | 1 |\n> | 2 |", 23) == [
        "> | a |\n> |---|\n> | 1 |",
        "> | a |\n> |---|\n> | 2 |",
    ]


LISTS = {
    "between its items": ("- one two\n- three four\n- five", 23, ["- one two\n- three four", "- five"]),
    "with its numbers": ("1. one\n2. two\n3. six", 14, ["1. one\n2. two", "3. six"]),
    "with numbers from any": ("98. one\n99. two\n100. six", 16, ["98. one\n99. two", "100. six"]),
    "with its tasks": ("- [x] one\n- [ ] two\n- [ ] six", 20, ["- [x] one\n- [ ] two", "- [ ] six"]),
    "with lists in it": ("- one\n  - two\n  - six\n- ten", 14, ["- one\n  - two", "- six\n- ten"]),
    "with more paragraphs": (
        "1. one two\n\n   three four\n\n2. ten",
        13,
        ["1. one two", "three four", "2. ten"],
    ),
    "within an item": ("7. one two three four\n8. five", 16, ["7. one two three", "four\n\n8. five"]),
    "within an item in a quote": (
        "> 7. one two\n>    three\n> 8. six",
        22,
        ["> 7. one two", "> three\n> \n> 8. six"],
    ),
    "never behind a bare sign": (
        "Some text:\n- **oneword twoword**",
        15,
        ["Some text:", "- **oneword**", "**twoword**"],
    ),
}


@pytest.mark.parametrize(("text", "limit", "pages"), LISTS.values(), ids=LISTS)
def test_a_list_is_cut(text: str, limit: int, pages: list[str]) -> None:
    """What goes on with an item of an earlier page stands at the left; every other item stays one."""
    assert cut(text, limit) == pages


QUOTES = {
    "> one two\n> three four\n> five": (23, ["> one two\n> three four", "> five"]),
    "> one two three four five": (18, ["> one two three", "> four five"]),
    "> one two\nthree four\nfive six": (21, ["> one two\nthree four", "> five six"]),
    "> > one two\n> > three four": (19, ["> > one two", "> > three four"]),
}


@pytest.mark.parametrize("text", QUOTES)
def test_a_quote_goes_on_as_a_quote(text: str) -> None:
    """Also where only its first line says that it is one."""
    limit, pages = QUOTES[text]

    assert cut(text, limit) == pages
    assert looks(pages) == looks([text])


# --- Where it is cut --------------------------------------------------------------------------------


def test_a_page_ends_between_paragraphs_where_it_can() -> None:
    """Paragraphs before lines, lines before sentences, sentences before words, words before letters."""
    one, two = "Some words. " * 3, "Other words. " * 3

    assert cut(f"{one}\n\n{two}", 70) == [one.rstrip(), two.rstrip()]
    assert cut("a line of text\n" * 4, 50) == ["\n".join(["a line of text"] * 3), "a line of text"]
    assert cut("One two. " * 4, 22) == ["One two. One two."] * 2
    assert cut("word " * 6, 21) == ["word word word word", "word word"]


@pytest.mark.parametrize(
    "block", ["```\none\ntwo\nsix\n```", "| a |\n|---|\n| 1 |\n| 2 |\n| 3 |"], ids=["code", "table"]
)
def test_a_block_is_not_cut_where_that_costs_nothing(block: str) -> None:
    """It begins a page of its own if there are no more pages for it."""
    assert cut(f"Some words.\n\n{block}", 30) == ["Some words.", block]


@pytest.mark.parametrize("heading", ["# A heading", "A heading\n===", "### A heading ###"])
def test_a_heading_is_with_its_text(heading: str) -> None:
    """It is last on its page only where its text would not fit below it, and never torn."""
    text = f"Some words, and more words of text.\n\n{heading}\n\nIts text, which is so long that it goes on."
    for limit in range(36, 110):
        pages = cut(text, limit)

        assert any(heading in page for page in pages)
        if limit >= len(heading) + len(text) - text.index("Its text") + 2:
            assert not any(page.endswith(heading) for page in pages)


def test_pages_have_no_empty_lines_around() -> None:
    """Where a page begins or ends, there was an empty line often enough."""
    assert cut("one\n\n\n\ntwo", 6) == ["one", "two"]
    assert cut("one\n" + "\n" * 300 + "two", 50) == ["one", "two"]


@pytest.mark.parametrize(
    "sign",
    ["- 3", "+ 3", "* 3", "# x", "## x", "1. y", "12) y", "> z", "--- z", "=== z", "| z |", "``` z", "~~~ z"],
)
def test_what_stood_within_its_line_begins_no_block(sign: str) -> None:
    """A minus, a number or a quotation sign in a sentence does not become a list or quote on a new page."""
    text = f"These are words {sign} and these are words too, and more of them, and more."
    for limit in range(8, 40):
        for pages in (cut(text, limit), streamed([text], PageProfile(limit))):
            assert {look for look, _ in looks(pages)} == {""}, pages


@pytest.mark.parametrize(
    "text", ["``` is ` no code, whatever", "```this is no block of code, whatever``` it is"]
)
def test_a_line_that_looks_like_an_opener_becomes_none(text: str) -> None:
    """What stands behind the signs says that they open no block, and it must not go."""
    for limit in range(6, 40):
        pages = cut(f"{text} stands behind it. And so on.", limit)

        assert all(documents.open_fence(page) is None for page in pages), pages
        assert "block" not in {look for look, _ in looks(pages)}, pages


def test_what_stood_within_its_line_is_marked_where_it_must_begin_a_page() -> None:
    """Where there is no other place, a sign that nobody sees keeps it text."""
    pages = cut("- - # > 1. " * 10, 20)

    assert said("".join(pages)) == said("- - # > 1. " * 10)
    assert all(len(page) <= 20 for page in pages)


def test_a_last_page_is_not_three_words_where_that_costs_nothing() -> None:
    """Its page before gives a sentence or paragraph away, if there are no more pages for it."""
    paragraphs = ["Some words to fill this page with text."] * 5

    pages = cut("\n\n".join([*paragraphs, "The end of it."]), 5 * 41 - 2)

    assert len(pages) == 2
    assert len(pages[-1]) > 14
    assert cut("word " * 21, 100) != [("word " * 20).rstrip(), "word"]
    full = "word " * 19 + "end."
    assert cut(f"{full}\n\nThe end.", 100) == [full, "The end."]


def test_what_announces_a_list_is_with_it() -> None:
    """A line that ends with a colon is not last on its page where that costs nothing."""
    text = "These are:\n\n- one one\n- two two"

    assert cut(f"Some words.\n\n{text}", len(text)) == ["Some words.", text]


@pytest.mark.parametrize(
    ("beginning", "shown"),
    [
        ("Some text and a [link](https://x.exam", "Some text and a"),
        ("Some text and a [link", "Some text and a"),
        ("Some text and `code", "Some text and"),
        ("Some text and **bold wor", "Some text and **bold**"),
        ("Some text and **", "Some text and"),
        ("Some text.\n\n#", "Some text."),
        ("Some text.\n\n``", "Some text."),
        ("Some text.\n\n```py", "Some text."),
        ("Some text.\n\n```py\n", "Some text."),
        ("Some text.\n-", "Some text."),
        ("Some text.\n1", "Some text."),
        ("Some text.\n==", "Some text."),
        ("```py\none\n``", "```py\none\n```"),
        ("```py\none\n```", "```py\none\n```"),
    ],
)
def test_nothing_is_shown_that_may_be_something_else(beginning: str, shown: str) -> None:
    """The beginning of a block or a link waits until it is one; open emphasis and code are closed."""
    cutter = Cutter()
    cutter.feed(beginning)

    page = cutter.growing(DISCORD)

    assert page is not None
    assert page.markdown == shown


def test_whole_words_are_shown() -> None:
    """The word that is being written waits, but not one whose script has no spaces."""
    cutter = Cutter()
    cutter.feed("Some words and hal")
    page = cutter.growing(DISCORD)
    assert page is not None
    assert page.markdown == "Some words and"

    cutter.feed("f. " + "信使跑过高山" * 5)
    page = cutter.growing(DISCORD)
    assert page is not None
    assert page.markdown.endswith("信使跑过高山")


# --- How long it takes ------------------------------------------------------------------------------

HARD: dict[str, str | tuple[str, str]] = {
    "one line": "word ",
    "one word": "chasqui",
    "short lines": "a\n",
    "spaces": "x\n" + " " * 50,
    "empty lines": " \n",
    "code": ("```\n", "x = 1\n"),
    "code in one line": ("```\n", "x = 1; "),
    "openers": "```\n",
    "Chinese": "信使跑过高山。",
    "emoji": "👩‍👩‍👧‍👦",
}
HARD_TOO: dict[str, str | tuple[str, str]] = {
    "paragraphs": "word\n\n",
    "blocks of code": "```\ncode\n```\n",
    "tildes": "~~~ x\n",
    "headings": "# h\n",
    "items": "- item\n",
    "deep items": "- " * 30 + "item\n",
    "quotes": "> quote\n",
    "one line of a quote": ("> ", "word "),
    "one line of an item": ("- ", "word "),
    "one line with backticks": ("word ``` ", "word "),
    "code in a quote": ("> ```\n", "> x = 1\n"),
    "code in an item": ("- ```\n", "  x = 1\n"),
    "rows": ("| a | b |\n|---|---|\n", "| c | d |\n"),
    "accents": "\u0301",
    "backticks": "`",
    "rows of backticks": "` `` ``` ",
    "brackets": "[",
    "links": "[a](b ",
    "stars": "*a ",
    "bold": "**a ",
    "angles": "<a ",
    "isolates": "\u2067a ",
}


def long_text(beginning_and_unit: str | tuple[str, str], length: int) -> str:
    before, unit = ("", beginning_and_unit) if isinstance(beginning_and_unit, str) else beginning_and_unit
    return before + unit * (length // len(unit))


@pytest.mark.parametrize("name", HARD | HARD_TOO)
def test_a_book_of_anything_is_cut(name: str) -> None:
    """200 kB of what is hardest to cut are cut into good pages while somebody waits."""
    text = long_text((HARD | HARD_TOO)[name], 200_000 if name in HARD else 20_000)

    pages = split(text, DISCORD)

    assert all(page.strip() and len(page) <= 2000 for page in pages)
    assert sum(len(said(page)) for page in pages) >= len(said(text))


@pytest.mark.parametrize("unit", (HARD | HARD_TOO).values(), ids=HARD | HARD_TOO)
def test_work_grows_with_the_text_and_no_faster(unit: str | tuple[str, str]) -> None:
    """Eight times the text takes about eight times the steps, where squares would take 64."""
    profile = PageProfile(300)

    def at_once(length: int) -> None:
        split(long_text(unit, length), profile)

    def in_small_pieces(length: int) -> None:
        streamed(regex.findall(r"(?s).{1,50}", long_text(unit, length)), profile)

    for cutting in (at_once, in_small_pieces):
        assert steps(cutting, 6_000) <= 20 * steps(cutting, 750)


def steps(work: Callable[[int], None], length: int) -> int:
    """How many functions are called, those of Python itself among them."""
    count = 0

    def called(*_: object) -> None:
        nonlocal count
        count += 1

    before = sys.getprofile()
    sys.setprofile(called)
    try:
        work(length)
    finally:
        sys.setprofile(before)
    return count
