"""What an index by words reads of a document: the stems of its passages, which take long to find."""

from collections.abc import Iterable

from core.knowledge import fingerprint
from core.ports import IndexedWords
from core.terms import STOP_WORDS, stems
from core.types import Document

ANALYSIS = 1
"""Counts up whenever `indexed` reads the same text otherwise: what was kept before is then read again."""


def indexed(document: Document) -> IndexedWords:
    """The words of a document, without those that carry no content."""
    rows = ((_words([each.title]), _words(each.heading), _words([each.text])) for each in document.passages)
    return IndexedWords(word_fingerprint(document), tuple(rows))


def word_fingerprint(document: Document) -> str:
    """Changes with the words of a document, and with how they are read."""
    return f"{ANALYSIS}-{fingerprint(document)}"


def _words(texts: Iterable[str]) -> str:
    return " ".join(stem for text in texts for stem in stems(text) if stem not in STOP_WORDS)
