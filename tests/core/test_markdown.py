"""Pages: each within the limit, code blocks whole on every page, and nothing lost or doubled."""

import random
from itertools import chain

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from core.markdown import DISCORD, SLACK, Fence, framed, next_page, open_fence, size, split
from core.types import PageProfile
from tests.core.hostile import FRAGMENTS, STEADY, seeded, texts

POINTS = PageProfile(limit=120)
BYTES = PageProfile(limit=150, measure="utf8_bytes")
ENDLESS = PageProfile(limit=None)

BLOCKS = [
    "para.\n\n",
    "word ",
    "word\n",
    "# Head\n",
    "- item\n",
    "1. item\n",
    "> quote\n",
    "| a | b |\n|---|---|\n",
]
BLOCKS += [
    "```python\n",
    "```\n",
    "~~~\n",
    "````md\n",
    "````\n",
    "   ```\n",
    "x = 1\n",
    "    x = 1\n",
    "``` not`fence\n",
]
BLOCKS += [
    "a" * 150,
    "語" * 90,
    "👨‍👩‍👧‍👦" * 12,
    "e" + "\u0301" * 200,
    "\n",
    "\n\n\n",
    " " * 90,
    "\t",
    "`code` ",
    "**bold** ",
]
BLOCKS += [
    "```" + "b" * 150,
    "~~~" + "c" * 150 + "\n",
    "`" * 80 + "\n",
    "~" * 30 + "\n",
    "```" + "d" * 130 + "`e\n",
    "```\n" + "\n" * 200,
]


def solid(text: str) -> str:
    """A text without its white space, which pages may drop where they are cut."""
    return "".join(text.split())


def check_page(text: str, profile: PageProfile, fence: Fence | None) -> tuple[str, Fence | None]:
    """The rest after one page, which holds exactly what is gone from `text`, framed where code is cut."""
    page, rest, continued = next_page(text, profile, fence)

    assert profile.limit is None or size(page, profile) <= profile.limit, (page, text)
    assert open_fence(page) is None, (page, text)
    assert text.endswith(rest)
    taken = text[: len(text) - len(rest)]
    opener = fence.opener if fence else ""
    left_open = open_fence(taken, fence)
    assert solid(page) == solid(opener) + solid(taken) + solid(left_open.closer if left_open else ""), (
        page,
        text,
    )
    assert len(rest) < len(text) or not rest
    return rest, continued


def check_all(text: str, profile: PageProfile) -> None:
    """Every page of a text, and that `split` gives them all."""
    pages = split(text, profile)
    rest, fence, count = text, None, 0
    while rest.strip():
        before = fence
        rest, fence = check_page(rest, profile, before)
        count += 1
    assert len(pages) == count
    assert all(page.strip() for page in pages)


# --- Pages ------------------------------------------------------------------------------------------


def test_pages_hold_every_character_once() -> None:
    """2,500 random documents: all pages fit, all code is closed, nothing is lost or doubled."""
    rng = seeded()
    for _ in range(2_500):
        text = "".join(rng.choices(BLOCKS, k=rng.randrange(30)))

        check_all(text, POINTS)
        check_all(text, BYTES)


@STEADY
@given(
    st.lists(st.sampled_from([*BLOCKS, *FRAGMENTS]) | texts).map("".join), st.sampled_from([POINTS, BYTES])
)
def test_pages_of_any_text_hold_every_character_once(text: str, profile: PageProfile) -> None:
    """The same for anything that people and models write, made small where it fails."""
    check_all(text, profile)


@pytest.mark.parametrize("profile", [DISCORD, SLACK], ids=["discord", "slack"])
def test_platforms_get_pages_within_their_limits(profile: PageProfile) -> None:
    """The same with the real limits and with texts of many pages."""
    rng = seeded()
    for _ in range(20):
        check_all("".join(rng.choices([*BLOCKS, *FRAGMENTS], k=3_000)), profile)


def test_a_stream_is_cut_into_good_pages_too() -> None:
    """Cut as soon as a page is full, sealed pages never move, and nothing is lost or doubled."""
    rng = seeded()
    for _ in range(1_500):
        text = "".join(rng.choices(BLOCKS, k=rng.randrange(30)))
        came = open_text = ""
        fence: Fence | None = None
        while came != text:
            more = text[len(came) : len(came) + rng.choice((1, 3, 40, 500))]
            came, open_text = came + more, open_text + more
            while size(framed(open_text, fence), POINTS) > 120:
                open_text, fence = check_page(open_text, POINTS, fence)
        if open_text.strip():
            rest, _ = check_page(open_text, POINTS, fence)
            assert rest.strip() == ""


def test_what_fits_is_one_page_as_it_is() -> None:
    """A short answer is not touched, only blank lines before it go; without a limit nothing is cut."""
    assert split("# Hi\n\n  text \n", DISCORD) == ["# Hi\n\n  text \n"]
    assert split("\n \n  text", DISCORD) == ["  text"]
    assert split(" \n\n", DISCORD) == split("", DISCORD) == []
    assert split("word " * 9_000, ENDLESS) == ["word " * 9_000]
    assert split("```\nx", ENDLESS) == ["```\nx\n```"]


# --- Where it is cut --------------------------------------------------------------------------------


def test_a_page_ends_between_paragraphs_where_it_can() -> None:
    """Paragraphs before lines, lines before words, words before letters; never behind a heading."""
    para = "Some words of text. " * 2
    heading = "# A heading\n"

    assert split(f"{para}\n\n{para}\n\n{heading}\n{para}", POINTS) == [
        f"{para}\n\n{para}".strip(),
        f"{heading}\n{para}",
    ]
    assert split("line of text\n" * 15, POINTS)[0] == "\n".join(["line of text"] * 9)
    assert split("word " * 40, POINTS)[0] == " ".join(["word"] * 24)
    assert split("a" * 200, POINTS) == ["a" * 120, "a" * 80]


def test_code_is_closed_and_opened_again() -> None:
    """A code block that goes on keeps its language on the next page; its opener is never alone."""
    code = "```python\n" + "x = 1\n" * 45 + "```\nThen text."

    pages = split(code, POINTS)

    assert len(pages) == 3
    assert all(page.startswith("```python\nx = 1\n") for page in pages)
    assert pages[0].endswith("x = 1\n```")
    assert pages[-1].endswith("x = 1\n```\nThen text.")
    filled = "word " * 22
    assert split(f"{filled}\n```python\nx = 1\n```", POINTS) == [filled.strip(), "```python\nx = 1\n```"]


def test_an_info_string_that_fills_a_page_is_not_repeated() -> None:
    """Its first page shows it as it is, the next ones go on with a bare fence."""
    pages = split("```" + "b" * 200 + "\ncode\n```", POINTS)

    assert pages == ["```" + "b" * 113 + "\n```", "```\n" + "b" * 87 + "\ncode\n```"]


def test_a_longer_fence_holds_a_shorter_one() -> None:
    """Markdown inside a Markdown block does not end it."""
    inner = "````md\n" + "```\nx\n```\n" * 30 + "````"

    pages = split(inner, POINTS)

    assert len(pages) > 2
    assert all(page.startswith("````md\n") and page.endswith("\n````") for page in pages)


@pytest.mark.parametrize("profile", [POINTS, BYTES], ids=["points", "bytes"])
def test_graphemes_stay_whole(profile: PageProfile) -> None:
    """An emoji of many code points or a letter with its accents is not torn apart."""
    for grapheme in ("👨‍👩‍👧‍👦", "👍🏽", "e\u0301", "🇵🇪", "क्षि"):
        pages = split(grapheme * 100, profile)

        assert list(chain.from_iterable(regex.findall(r"\X", page) for page in pages)) == [grapheme] * 100


@pytest.mark.parametrize(
    "line",
    [
        "word ",
        "w",
        "word\n",
        "word\n\n",
        "```\ncode\n```\n",
        "a\u0301",
        "\u0301",
        "`",
        "~~~ x\n",
        "語。",
        "# h\n",
        " \n",
        "x\n" + " " * 50,
    ],
)
def test_a_book_is_cut_in_linear_time(line: str) -> None:
    """500 kB in one line, in short ones, in code or in accents are cut while somebody waits."""
    text = line * (500_000 // len(line))

    pages = split(text, DISCORD)

    assert all(size(page, DISCORD) <= 2000 for page in pages)
    if "`" not in line:
        assert sum(len(solid(page)) for page in pages) >= len(solid(text))


# --- Fences -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "closer"),
    [
        ("```\ncode", "```"),
        ("```py\ncode\n```", None),
        ("````\n```\n", "````"),
        ("~~~\n```\n", "~~~"),
        ("   ```\ncode\n   ````  ", None),
        ("    ```\ncode", None),
        ("```\n    ```", "```"),
        ("```\n```py", "```"),
        ("```a`b", None),
        ("~~~a`b", "~~~"),
        ("text ```\n", None),
        ("`" * 21 + "\n", None),
        ("", None),
    ],
)
def test_open_code_blocks_are_seen_as_commonmark_sees_them(text: str, closer: str | None) -> None:
    """CommonMark 0.31, 4.5: closed by the same sign, at least as long, with nothing behind it."""
    fence = open_fence(text)

    assert (fence.closer if fence else None) == closer


def test_a_fence_is_followed_from_any_point() -> None:
    """The state after two texts is the state after both, whatever stands between."""
    rng = random.Random(1)
    for _ in range(2_000):
        one, other = ("".join(rng.choices(BLOCKS, k=4)) for _ in range(2))

        assert open_fence(f"{one}\n{other}") == open_fence(other, open_fence(one))
