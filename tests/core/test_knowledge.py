"""Documents become sections and passages: no text lost, every passage found under its right heading."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.knowledge import PASSAGE_LENGTH, document, identity, in_reading_order, passages, plain, sections
from core.ports import Block, Extracted
from core.types import Audience, Document
from tests.core.hostile import FRAGMENTS, STEADY, seeded, text, texts

PUBLIC = Audience("public")
MARKDOWN = ["\n# A\n", "\n## B\n", "\nC\n===\n", "\n```\n", "\n---\n", "word " * 300]


def read(*blocks: str | Block) -> Document:
    """The document of some Markdown."""
    found = tuple(Block(block) if isinstance(block, str) else block for block in blocks)
    return document(
        "".join(block.markdown for block in found).encode("utf-8", "replace"),
        "a.md",
        Extracted(found),
        PUBLIC,
    )


def places(*blocks: str | Block) -> list[tuple[str, str]]:
    """Heading path and text of every passage."""
    return [(" > ".join(passage.heading), passage.text) for passage in read(*blocks).passages]


def solid(text: str) -> str:
    """A text without its white space."""
    return "".join(text.split())


# --- Passages ---------------------------------------------------------------------------------------


def check_passages(written: str, length: int) -> None:
    """Each passage is short enough and says something; together they hold every character once."""
    cut = list(passages(written, length))

    assert all(len(piece) <= length for piece in cut)
    assert all(piece.strip() for piece in cut)
    assert solid("".join(cut)) == solid(written)


def test_passages_hold_every_character_once() -> None:
    """3,000 random texts at random lengths: only white space goes, and only at the cuts."""
    rng = seeded()
    for _ in range(3_000):
        check_passages(" ".join(text(rng) for _ in range(rng.randrange(20))), rng.choice((5, 20, 100, 900)))


@STEADY
@given(
    st.lists(st.sampled_from([*FRAGMENTS, "word " * 30, "He said “no.” ", "。」"]) | texts).map("".join),
    st.integers(1, 60),
)
def test_passages_of_any_text_hold_every_character_once(written: str, length: int) -> None:
    """The same for anything at all, made small where it fails."""
    check_passages(written, length)


def test_passages_end_where_something_ends() -> None:
    """Paragraphs stay together while they fit; longer ones are cut at lines, sentences, then words."""
    assert list(passages("one\n\ntwo\n\n\nthree", 20)) == ["one\n\ntwo\n\nthree"]
    assert list(passages("one one one\n\ntwo two two", 20)) == ["one one one", "two two two"]
    assert list(passages("first line\nsecond line\nthird", 24)) == ["first line\nsecond line", "third"]
    assert list(passages("He came. “She left.” They met.", 21)) == ["He came. “She left.”", "They met."]
    assert list(passages("word " * 9, 20)) == ["word word word word", "word word word word", "word"]
    assert list(passages("w" * 45, 20)) == ["w" * 20, "w" * 20, "w" * 5]


# --- Sections ---------------------------------------------------------------------------------------


def test_a_passage_knows_the_path_of_headings_above_it() -> None:
    """Deeper headings stand under the last higher one; text before any heading has none."""
    assert places("before\n# A\ntext a\n## B\ntext b\n### C ###\ntext c\n## D\ntext d\n# E\n\ntext e") == [
        ("", "before"),
        ("A", "text a"),
        ("A > B", "text b"),
        ("A > B > C", "text c"),
        ("A > D", "text d"),
        ("E", "text e"),
    ]


def test_underlined_headings_are_headings() -> None:
    """A short line of its own over = or - is one; paragraphs, tables, lists and rules are not."""
    assert places("A\n===\na\n\nB\n---\nb") == [("A", "a"), ("A > B", "b")]
    for ordinary in (
        "a\n\n---\nb",
        "one\ntwo\n---\nb",
        "- item\n---\nb",
        "| a |\n---\nb",
        f"{'long ' * 30}\n---\nb",
        "A sentence.\n---\nb",
    ):
        assert {heading for heading, _ in places(ordinary)} == {""}


@pytest.mark.parametrize(
    ("line", "heading"),
    [
        ("# About C#", "About C#"),
        ("# C# #", "C#"),
        ("## **Bold** and `max_new_tokens` ##", "Bold and max_new_tokens"),
        ("# [Link](https://x.example) to _it_", "Link to it"),
        ("# Values < 5 and > 3", "Values < 5 and > 3"),
        ('# <a id="x"></a>Title', "Title"),
        ("# \\# Number", "# Number"),
        ("#\tTab", "Tab"),
        ("   # Indented", "Indented"),
    ],
)
def test_headings_are_shown_without_markup(line: str, heading: str) -> None:
    """Marks go, words stay, also those that look like marks."""
    assert places(f"{line}\ntext") == [(heading, "text")]


@pytest.mark.parametrize("line", ["#hashtag", "    # code", "#", "# #", "####### seven", "text # no"])
def test_other_lines_are_text(line: str) -> None:
    """What CommonMark does not take for a heading stays in the text."""
    assert solid("".join(text for _, text in places(f"{line}\ntext"))) == solid(f"{line}text")


def test_a_heading_in_code_is_code() -> None:
    """A comment in a script starts no section, whatever stands in the block, and text behind it goes on."""
    for code in ("```sh\n# comment\n```", "~~~\n```\n# comment\n~~~", "```\n```py\n# comment\n```"):
        assert places(f"# A\n{code}\n# B\nb") == [("A", code), ("B", "b")]
    assert places("# A\n```x = 1```\n# B\nb")[-1] == ("B", "b")


def test_a_heading_too_long_to_show_is_not_lost() -> None:
    """Its beginning heads the section, and the whole of it stands in the text."""
    title = "word " * 60

    ((heading, body),) = places(f"# {title}\ntext")

    assert heading == title[:120]
    assert solid(body) == solid(f"{title}text")


def test_a_sheet_does_not_stand_under_a_heading_of_another() -> None:
    """A label begins afresh; pages and anchors are those of the block, and links point at them."""
    found = read(
        Block("# A\na", label="One"), Block("b", label="Two"), Block("c", page=3), Block("d", anchor="top")
    )

    assert [passage.heading for passage in found.passages] == [("One", "A"), ("Two",), (), ()]
    assert [(passage.page, passage.anchor) for passage in found.passages[2:]] == [
        (3, "page=3"),
        (None, "top"),
    ]
    assert found.sections == 3


def test_a_heading_with_nothing_below_it_is_text() -> None:
    """Under the headings above it, with its page: slides and plans are made of such lines."""
    assert places("# Plan\n## Launch is on 4 May\n## The budget is 5000 euros\n# Notes\ntext\n## Open") == [
        ("Plan", "Launch is on 4 May"),
        ("Plan", "The budget is 5000 euros"),
        ("Notes", "text"),
        ("Notes", "Open"),
    ]
    slides = read(Block("# Launch", page=1), Block("# Budget", page=2), Block("# End", label="Annex"))
    assert [(p.heading, p.text, p.page) for p in slides.passages] == [
        ((), "Launch", 1),
        ((), "Budget", 2),
        (("Annex",), "End", None),
    ]
    assert slides.sections == 3


def test_a_section_goes_on_over_pages() -> None:
    """A heading on one page heads the text on the next, and both are one section."""
    found = read(Block("# A\none", page=1), Block("two", page=2), Block("# B\nthree", page=2))

    assert [(p.heading, p.page, p.section) for p in found.passages] == [
        (("A",), 1, 0),
        (("A",), 2, 0),
        (("B",), 2, 1),
    ]


WORD = "\0"
"""Stands where a numbered word goes."""
LINES = [
    f"{WORD}\n",
    f"{WORD} {WORD}\n",
    f"{WORD}\n\n",
    f"- {WORD}\n",
    f"| {WORD} | {WORD} |\n",
    f"    {WORD}\n",
]
LINES += [
    f"# {WORD}\n\n{WORD}\n",
    f"## {WORD} ##\n{WORD}\n\n",
    f"\n{WORD}\n===\n{WORD}\n",
    f"\n{WORD}.\n---\n",
]
LINES += ["```py\n", "```\n", "~~~\n", "\n---\n", f"{WORD} " * 200, f"# {f'{WORD} ' * 60}\n{WORD}\n"]


def test_every_word_of_a_file_is_found_again() -> None:
    """1,000 random files: each word stands in one passage, or in the heading over it."""
    rng = seeded()
    for _ in range(1_000):
        first, *others = "".join(rng.choices(LINES, k=rng.randrange(1, 20))).split(WORD)
        written = first + "".join(f"w{number}w{other}" for number, other in enumerate(others))

        found = read(written)

        told = " ".join(passage.text for passage in found.passages)
        headings = " ".join(part for passage in found.passages for part in passage.heading)
        for word in re.findall(r"w\d+w", written):
            assert told.count(word) == 1 or (told.count(word) == 0 and word in headings), written


@STEADY
@given(st.lists(st.sampled_from([*FRAGMENTS, *MARKDOWN]) | texts).map("".join))
def test_passages_of_any_file_are_in_order(written: str) -> None:
    """Ids and sections count up without gaps, and no heading or passage is larger than it may be."""
    found = read(f"start\n{written}")

    assert [passage.id for passage in found.passages] == [
        f"{found.id}:{n}" for n in range(len(found.passages))
    ]
    assert sorted({passage.section for passage in found.passages}) == list(range(found.sections))
    assert all(len(part) <= 120 for passage in found.passages for part in passage.heading)
    assert all(len(passage.text) <= PASSAGE_LENGTH for passage in found.passages)
    assert [hit.passage for hit in in_reading_order([found])] == list(found.passages)


def test_the_same_bytes_are_the_same_document() -> None:
    """The id is of the content alone, whatever the file is called."""
    one = document(b"x", "a.md", Extracted((Block("x"),)), PUBLIC)
    other = document(b"x", "b.md", Extracted((Block("x"),)), PUBLIC, url="https://x.example", at=3.0)

    assert one.id == other.id == identity(b"x") != identity(b"y")
    assert (other.title, other.url, other.at, other.passages[0].link) == (
        "b.md",
        "https://x.example",
        3.0,
        "https://x.example",
    )


def test_a_file_without_text_has_no_passages() -> None:
    """Blank pages leave nothing to read."""
    assert read("", " \n\n").passages == ()
    assert list(sections(Extracted(()))) == []


@pytest.mark.parametrize(
    "line",
    [
        "# a" + " " * 100_000 + "b",
        "# " + "#" * 100_000 + "b",
        "# " + "[" * 100_000,
        "# " + "[](" * 50_000,
        "# " + "<a " * 50_000,
        "#" + " #" * 100_000,
        "[" * 100_000 + "\n===",
        "word " * 400_000,
        "w" * 2_000_000,
        "." * 1_000_000,
        ".'" * 500_000,
        "He is. " * 200_000,
        "\n " * 500_000,
        "`" * 1_000_000,
        "```\n" * 200_000,
    ],
    ids=lambda line: line[:9],
)
def test_a_file_made_to_be_slow_is_read_like_any_other(line: str) -> None:
    """One line of megabytes, or signs that a regular expression could try in many ways, take no longer."""
    found = read(f"{line}\nend")

    assert solid("".join(f"{''.join(p.heading)}{p.text}" for p in found.passages)).endswith("end")


def test_plain_headings_have_no_marks() -> None:
    """Used for what people are shown: one line, nothing to render."""
    assert plain("**A** [b](c)\n `d`") == "A b d"
