"""What counts as the same word, and where sentences end."""

import pytest
from hypothesis import given

from core.terms import STOP_WORDS, alike, asks, numbers, sentences, stems, terms, words
from tests.core.hostile import STEADY, texts


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("The Café's Wi-Fi", ["the", "cafe", "s", "wi", "fi"]),
        ("max_new_tokens", ["max", "new", "tokens"]),
        ("1,200.50 and 3.5 or 1,2", ["1200.50", "and", "3.5", "or", "1,2"]),
        ("twenty days, one thing", ["20", "days", "one", "thing"]),
        ("日本語です", ["日本", "本語", "語て", "てす"]),
        ("Straße ÉTÉ ﬁsh İstanbul", ["strasse", "ete", "fish", "istanbul"]),
        ("किताब नमस्ते", ["कतब", "नमसत"]),
        ("ro\u00adtat\u200bed nine\u00adty", ["rotated", "90"]),
        ("", []),
        ("—!?…", []),
    ],
)
def test_words_are_what_people_type(written: str, read: list[str]) -> None:
    """Folded in case and accents, numbers as digits, scripts without spaces as pairs of characters."""
    assert words(written) == read


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("refunds", "Refund"),
        ("policies", "policy"),
        ("CAFÉ", "cafe\u0301"),
        ("thirty", "30"),
        ("1,000", "1000"),
    ],
)
def test_forms_of_a_word_are_one_term(one: str, other: str) -> None:
    """Plural and singular, composed and decomposed, spelled out and in digits."""
    assert terms(one) == terms(other) == terms(f"the {one} and the {other}")


def test_words_without_content_are_no_terms() -> None:
    """Stop words do not count, though they have stems; each term counts once."""
    assert terms("What is the refund for a refund?") == ["refund"]
    assert "the" in stems("the refund")
    assert not set(terms(" ".join(STOP_WORDS)))
    assert asks(terms("how long does it take?")[0])


def test_numbers_are_the_same_however_they_are_written() -> None:
    """Thousands signs and words do not make another number."""
    assert numbers("1,200 of twenty, or 3.5") == {"1200", "20", "3.5"}
    assert numbers("none at all") == set()


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("blueberry", "bluberry", True),
        ("deadline", "daedline", True),
        ("policy", "police", True),
        ("refund", "refunds", True),
        ("leave", "lease", True),
        ("cat", "cut", False),
        ("12345", "12346", False),
        ("vacation", "location", False),
        ("leave", "leaving", False),
    ],
)
def test_one_typing_slip_is_forgiven_in_long_words(one: str, other: str, same: bool) -> None:
    """A letter missing, doubled, wrong or swapped; never in numbers or short words."""
    assert alike(one, other) is same
    assert alike(other, one) is same


@STEADY
@given(texts, texts)
def test_the_analysis_takes_any_text(one: str, other: str) -> None:
    """No text breaks it; a text is analysed the same alone and in front of another."""
    assert len(set(terms(one))) == len(terms(one))
    assert set(terms(one)) <= set(stems(one))
    assert words(f"{one}\n{other}") == words(one) + words(other)
    assert alike(one, other) == alike(other, one)
    assert alike(one, one)


@STEADY
@given(texts)
def test_sentences_hold_every_character(written: str) -> None:
    """Cut anywhere, nothing but white space is lost, closing quotation marks neither."""
    pieces = sentences(written)

    assert "".join("".join(pieces).split()) == "".join(written.split())
    assert all(piece == piece.strip() and piece for piece in pieces)


def test_sentences_end_at_their_signs() -> None:
    """Full stops inside numbers and names end nothing; signs behind a full stop belong to its sentence."""
    assert sentences('He said "no." Then 3.5 came! (So it was.) Really?') == [
        'He said "no."',
        "Then 3.5 came!",
        "(So it was.)",
        "Really?",
    ]
    assert sentences("一つ。「二つ。」三つ\nfour") == ["一つ。", "「二つ。」", "三つ", "four"]
