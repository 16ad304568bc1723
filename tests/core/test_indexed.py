"""The words of documents are found once, kept, and found anew when the text or the way of reading changes."""

from dataclasses import replace

from adapters.search import LexicalIndex
from core.indexed import ANALYSIS, indexed
from core.knowledge import document
from core.ports import Block, Extracted, IndexedWords
from core.team import TeamDocuments
from core.types import Audience, Document, Entry
from tests.fakes import FakeShelf

PUBLIC = Audience("public")
TEXT = "# Visiting harbours\n\nThe Paloma's crews were refuelling 1,200 boats, and déjà vu: 漢字。"


def made(text: str = TEXT) -> Document:
    """A document of the team."""
    return replace(document(b"1", "a.md", Extracted((Block(text),)), PUBLIC), id="d1")


async def shelf_with(found: Document) -> FakeShelf:
    """A shelf that holds it."""
    shelf = FakeShelf()
    await shelf.put(found, Entry(found.id, found.title, PUBLIC, "a.md", "/docs", "d"))
    return shelf


async def found(shelf: FakeShelf, words: str) -> list[str]:
    """The documents that a process finds which has just come."""
    hits = await TeamDocuments(shelf, LexicalIndex()).search(words, [PUBLIC], 9)
    return [hit.passage.title for hit in hits]


def test_what_was_kept_is_what_would_be_found_now() -> None:
    """Whoever changes how a text is read counts `ANALYSIS` up, so that kept words are found anew."""
    words = "paloma crew refuel 1200 boat deja vu 漢字"
    assert (ANALYSIS, indexed(made()).rows) == (1, (("md", "visit harbour", words),))


async def test_a_process_that_comes_later_takes_the_words_that_another_one_found() -> None:
    """It reads none of the text again."""
    shelf = await shelf_with(made())
    assert await found(shelf, "refuel") == ["a.md"]
    assert shelf.kept_words == {"d1": indexed(made())}

    shelf.kept_words["d1"] = IndexedWords(indexed(made()).of, (("", "", "zebra"),))
    assert (await found(shelf, "zebra"), await found(shelf, "refuel")) == (["a.md"], [])


async def test_words_of_an_older_text_or_another_way_of_reading_do_not_count() -> None:
    """They are found anew, and kept instead."""
    shelf = await shelf_with(made())
    for old in (indexed(made("# Soup\n\nSoup costs 3 soles.")).of, f"0-{indexed(made()).of}"):
        shelf.kept_words["d1"] = IndexedWords(old, (("", "", "zebra"),))
        assert (await found(shelf, "refuel"), await found(shelf, "zebra")) == (["a.md"], [])
        assert shelf.kept_words == {"d1": indexed(made())}
