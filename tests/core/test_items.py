"""The items of a list that is made part by part."""

import random

import pytest

from core.items import NewItems
from tests.core.hostile import pieces, seeded, text


def passed(*parts: str, rng: random.Random | None = None) -> list[str]:
    """What is let through of each part."""
    said: set[tuple[str, ...]] = set()
    shown = []
    for part in parts:
        items = NewItems(said)
        fed = "".join(items.feed(piece) for piece in (pieces(rng, part) if rng else [part]))
        shown.append(fed + items.close())
    return shown


@pytest.mark.parametrize(
    ("first", "second", "shown"),
    [
        ("- one\n- two\n", "- two\n- three", "- three"),
        ("1. One.\n2. Two", "1. two\n2. Three", "2. Three"),
        ("- one\n  - red\n- two\n  - red", "- three\n  - red", "- three\n  - red"),
        ("- one\n  - red", "- one\n  - red\n- one\n  - blue", "- one\n  - blue"),
        ("Servers:\n- one\n", "servers:\n- two", "- two"),
        ("- one", "None.", ""),
        ("- one", "- None", ""),
        ("- one", "There are no servers in this part.", ""),
        ("- one", "This part does not mention any servers.\n- two", "- two"),
        ("```\n- one\n```", "```\n- one\n```", "```\n- one\n```"),
        ("- one\n\nNone of them is new to us, and that is why we keep all of them for another year.", "", ""),
    ],
)
def test_an_item_is_said_once(first: str, second: str, shown: str) -> None:
    """Whatever its number, with what stands below it; and parts without any say nothing."""
    before, behind = passed(first, second)

    assert before == first
    assert behind == shown


def test_what_was_taken_out_is_counted() -> None:
    """Two payments that read alike may be two: people are told. Announcements and "none" are no items."""
    items = NewItems(set())
    said = "Payments:\n- Coffee: 3 euros\n- Tea: 2 euros\n- Coffee: 3 euros\nPayments:\n- None\n"

    assert items.feed(said) + items.close() == "Payments:\n- Coffee: 3 euros\n- Tea: 2 euros\n"
    assert items.repeated == 1


def test_pieces_of_any_size_make_the_same_list() -> None:
    """And whole lines of the part, whatever stands in it."""
    rng = seeded()
    for _ in range(1_000):
        parts = [
            "\n".join(rng.choice(("- ", "", "  ", "2. ")) + text(rng, 5) for _ in range(4)) for _ in "ab"
        ]
        whole = passed(*parts)

        assert passed(*parts, rng=rng) == whole
        assert all(
            set(shown.split("\n")) <= {*part.split("\n"), ""}
            for part, shown in zip(parts, whole, strict=True)
        )
