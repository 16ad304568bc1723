"""Sentences of a document that stand for all of it."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from core.excerpts import mentions, outline
from core.types import Passage
from tests.core.hostile import STEADY, texts

TOWNS = ("Lima", "Cusco", "Puno", "Ica", "Tacna", "Piura", "Huaraz", "Trujillo", "Moyobamba", "Arequipa")


def manual(sections: int) -> list[Passage]:
    """One passage for each section, on a server in a town; every third one runs Postgres."""
    return [
        Passage(
            str(n),
            "d",
            "ops.md",
            f"The server srv-{n} stands in {TOWNS[n % 10]} and runs {('Postgres', 'Redis', 'mail')[n % 3]}. "
            "Orders are kept in a queue meanwhile.",
            n,
            (f"Server srv-{n}",),
        )
        for n in range(sections)
    ]


def test_an_outline_goes_from_the_beginning_to_the_end() -> None:
    """A sentence from each section, or from each run of sections where there are many; none twice."""
    assert [excerpt.passage.section for excerpt in outline(manual(5))] == [0, 1, 2, 3, 4]
    found = outline(manual(80), 8)
    assert [excerpt.passage.section // 10 for excerpt in found] == list(range(8))
    assert len({excerpt.sentence for excerpt in found}) == 8
    assert found[0].line.startswith("- Server srv-")


def test_every_mention_is_found() -> None:
    """All of them and no other, in the order of the document."""
    found = mentions(manual(90), "all servers that run Postgres")

    assert [excerpt.passage.section for excerpt in found] == list(range(0, 90, 3))
    assert mentions(manual(90), "all contracts with the vendor") == []


def test_what_stands_there_twice_is_listed_twice() -> None:
    """Two payments that read alike are two, under one heading or under two."""
    days = [
        Passage("1", "d", "a.md", "- Coffee payment: 3 euros\n- Coffee payment: 3 euros", 0, ("Monday",)),
        Passage("2", "d", "a.md", "- Coffee payment: 3 euros", 1, ("Tuesday",)),
    ]

    lines = [excerpt.line for excerpt in mentions(days, "all payments")]

    assert lines == [f"- {day}: Coffee payment: 3 euros" for day in ("Monday", "Monday", "Tuesday")]


def test_a_document_of_a_single_section_is_outlined_by_its_passages() -> None:
    """A long text without headings is told from all over it, too."""
    passages = [
        Passage(str(n), "d", "a.txt", f"Chapter {n} tells of the island number {n}.", 0) for n in range(16)
    ]

    assert [int(excerpt.passage.id) // 2 for excerpt in outline(passages, 8)] == list(range(8))


@STEADY
@given(st.lists(texts, max_size=5), texts)
def test_an_excerpt_stands_in_its_passage(written: Sequence[str], wanted: str) -> None:
    """Word for word, whatever the document holds."""
    passages = [Passage(str(n), "d", "t", text, n // 2) for n, text in enumerate(written)]

    for excerpt in (*outline(passages), *mentions(passages, wanted)):
        assert " ".join(excerpt.sentence.split()) in " ".join(excerpt.passage.text.split())
