"""What is open behind each line of Markdown, as CommonMark sees it."""

from collections.abc import Iterator

import pytest
from markdown_it import MarkdownIt

from core.blocks import Fence, Line, State, TableHead, lines, state_after, step
from tests.core.documents import DOCUMENTS, Writer
from tests.core.hostile import seeded

PARSER = MarkdownIt("commonmark", {"html": False}).enable("table")


@pytest.mark.parametrize(
    ("text", "sign"),
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
        ("text\n```", "```"),
        ("text ```\n", None),
        ("> ```\n> code", "```"),
        ("> ```\ntext", None),
        ("- ```\n  code\n\n  code", "```"),
        ("- ```\ntext", None),
        ("1. ```\n   code", "```"),
        ("- > ```\n  > code", "```"),
        ("- > ```\n  text", None),
        ("-\t```\n\tcode", "```"),
        ("`" * 201, None),
        ("", None),
    ],
)
def test_open_code_is_seen(text: str, sign: str | None) -> None:
    """CommonMark 0.31, 4.5: closed by the same sign, as long or longer, or by the end of its container."""
    leaf = state_after(text).leaf

    assert (leaf.sign if isinstance(leaf, Fence) else None) == sign


KINDS = {
    "text\nmore\n\ntext": "text text blank text",
    "# Heading\ntext": "heading text",
    "#hash\n####### seven": "text text",
    "Heading\n===\ntext": "text underline text",
    "Heading\n---\n---": "text underline rule",
    "- - -\n***\n_ _ _": "rule rule rule",
    "- item\n- item\n  text": "item item text",
    "text\n2. no item\n- item": "text text item",
    "text\n1. item\n2. item": "text item item",
    "text\n-": "text underline",
    "    code\n\n    code": "code blank code",
    "-     code\n      code\n-    item": "code code item",
    "text\n    text": "text text",
    "```py\n# code\n\n```": "opener code code closer",
    "| a | b |\n|---|---|\n| c | d |\ntext": "text delimiter row row",
    "| a | b |\n|---|\n": "text text blank",
    "a | b\n--|--\n\ntext": "text delimiter blank text",
    "> quote\nmore\n\ntext": "text text blank text",
    "> | a |\n> |---|\n> | b |\ntext": "text delimiter row text",
}


@pytest.mark.parametrize(("text", "kinds"), KINDS.items())
def test_lines_are_named(text: str, kinds: str) -> None:
    """Every line is of one kind."""
    assert " ".join(line.kind for line in lines_one_by_one(text)) == kinds


def test_what_a_page_must_open_again_is_known() -> None:
    """A fence with what stands behind it, a table with its head, a quote with its signs."""
    assert state_after('> ~~~~ c++ title="x"\n> code') == State((0,), Fence("~~~~", ' c++ title="x"'))
    assert state_after("- | a |\n  |:-:|\n  | b |") == State((2,), TableHead("| a |", "|:-:|"))
    assert state_after("> - > text").quotes == "> > "
    assert Fence("```", "x" * 100).opener == "```"


def test_a_text_is_followed_from_any_line() -> None:
    """The state behind two texts is that behind both, and lines that come as one are as many."""
    rng = seeded()
    for _ in range(DOCUMENTS):
        writer = Writer(rng)
        one, other = writer.rubble(6), writer.rubble(6)
        both = f"{one}\n{other}"

        assert state_after(both) == state_after(other, state_after(one))
        assert state_after(both) == lines_one_by_one(both)[-1].after
        assert "".join(both[line.start : line.end] + "\n" for line in lines(both)) == both + "\n"


@pytest.mark.parametrize("kind", ["document", "rubble"])
def test_code_tables_and_headings_are_where_another_parser_sees_them(kind: str) -> None:
    """Line by line, in documents in which these stand in quotes and lists."""
    rng = seeded()
    for _ in range(DOCUMENTS):
        writer = Writer(rng)
        text = writer.document(5) if kind == "document" else writer.rubble(20).replace("\r", " ")

        found = dict(enumerate(lines_one_by_one(text)))
        for number, name in seen_by_another(text):
            assert NAMES[name](found[number]), (name, number, text)


NAMES = {
    "fence": lambda line: line.kind in ("opener", "code", "closer"),
    "table": lambda line: line.kind in ("text", "item", "delimiter", "row"),
    "heading": lambda line: line.kind in ("heading", "text", "item", "underline"),
    "paragraph": lambda line: line.kind in ("text", "item"),
}


def seen_by_another(text: str) -> Iterator[tuple[int, str]]:
    """The numbers of lines of code, tables, headings and paragraphs."""
    for token in PARSER.parse(text):
        name = token.type.removesuffix("_open")
        if name in NAMES and token.map:
            yield from ((number, name) for number in range(*token.map))


def lines_one_by_one(text: str) -> list[Line]:
    """All lines, also those of plain text, each for itself."""
    found, state, start = [], State(), 0
    for row in text.split("\n"):
        after, kind = step(state, row)
        found.append(Line(start, start + len(row), state, after, kind))
        start, state = start + len(row) + 1, after
    return found
