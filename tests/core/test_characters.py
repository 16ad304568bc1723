"""What nobody is sent: characters that hide or break text, and nothing else."""

import random
import unicodedata
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.characters import CharacterFilter, sendable
from tests.core.hostile import STEADY, pieces, texts


def unsendable(sign: str) -> bool:
    """Whether nobody should be sent a character; written down once more, by its name in Unicode."""
    if unicodedata.category(sign) == "Cc":
        return sign not in "\n\t"
    if sign in "\ufffe\uffff" or "\ufdd0" <= sign <= "\ufdef":
        return True
    return sign in "\u202d\u202e\u2060\ufeff\ufff9\ufffa\ufffb" or 0xE0000 <= ord(sign) <= 0xE007F


def characters(stream: Iterable[str]) -> str:
    """What a character filter shows of a stream."""
    filtered = CharacterFilter()
    shown = [filtered.feed(piece) for piece in stream]
    shown.append(filtered.close())
    return "".join(shown)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("a\0b\x1b[31mc\x7f\x9bd", "ab[31mcd"),
        ("one\r\ntwo\rthree\x85four\n\tfive", "one\ntwo\nthree\nfour\n\tfive"),
        ("\r", "\n"),
        ("\r\r\n", "\n\n"),
        ("invoice\u202efdp.exe\u202c", "invoicefdp.exe\u202c"),
        ("\ufeffa\ufff9b\U000e0041c\u2060d\ufdd0e\uffff", "abcde"),
        ("\ud83d\ude00 \ud83d \ude00 \ud83d", "😀 \ufffd \ufffd \ufffd"),
        ("👩\u200d🚀 ☕\ufe0f 👍🏽 می\u200cخواهم \u2067עברית\u2069 \u200fא \u200b \u00ad", None),
    ],
)
def test_nobody_is_sent_a_character_that_hides_or_breaks_text(said: str, shown: str | None) -> None:
    """Emoji, and the invisible marks that scripts are written with, stay; halves that meet become whole."""
    assert characters([said]) == (said if shown is None else shown)
    assert characters(said) == (said if shown is None else shown)


@STEADY
@given(texts, st.randoms())
def test_the_same_characters_in_other_pieces_are_sent_the_same(said: str, rng: random.Random) -> None:
    """Wherever a line end or a surrogate pair is cut; and what is sent can be written as UTF-8."""
    at_once = sendable(said)

    assert characters(pieces(rng, said)) == at_once
    at_once.encode()
    assert not any(map(unsendable, at_once))


@STEADY
@given(texts)
def test_nothing_else_is_taken_out(said: str) -> None:
    """All other characters are sent as they are, and what was sent would be sent again."""
    mended = said.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    lines = (
        mended.replace("\r\n", "\n").replace("\r", "\n").translate(dict.fromkeys(map(ord, "\v\f\x85"), "\n"))
    )

    assert sendable(said) == "".join(sign for sign in lines if not unsendable(sign))
    assert sendable(sendable(said)) == sendable(said)
