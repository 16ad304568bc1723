"""What stands under an answer."""

from adapters.discord.footer import footer, whole_lines
from core.types import Citation, Outcome


def test_no_link_is_cut_in_its_middle() -> None:
    """Where there is no room for all lines, whole ones are left out."""
    cited = tuple(Citation(f"{n}", f"https://example.org/{'x' * 800}{n}") for n in range(4))
    lines = footer(Outcome("answered", citations=cited)).splitlines()
    assert [line[-2:] for line in lines] == [">)", ">)"]
    assert whole_lines("one\ntwo", 7) == "one\ntwo"
    assert whole_lines("one\ntwo", 6) == "one"
    assert whole_lines("one", 2) == "on"


def test_several_sources_have_numbers_and_days() -> None:
    """Each links to its very place; a single one needs no number."""
    leave = Citation(
        "Handbook", "https://x.example/h#leave", ("Leave",), quote="24 days.", at=1_700_000_000.0
    )
    boats = Citation("Boats", "file:///srv/boats.md", quote="Mondays.")
    assert footer(Outcome("answered", citations=(leave, boats))) == (
        "-# Source 1: [Handbook › Leave, 2023-11-14](<https://x.example/h#leave>)\n-# Source 2: Boats"
    )
    assert footer(Outcome("answered", citations=(boats,))) == "-# Source: Boats"


def test_a_refusal_quotes_what_stands_nearest() -> None:
    """Of the nearest place its words too, of the others where they are."""
    near = Citation("Boats", "https://x.example/boats", quote="Paloma is *refuelled* on Mondays.")
    other = Citation("Leave", quote="24 days.")
    assert footer(Outcome("refused", why="I don't know.", nearest=(near, other))).splitlines() == [
        "I don't know.",
        "-# Nearest: [Boats](<https://x.example/boats>)",
        r"> Paloma is \*refuelled\* on Mondays.",
        "-# Nearest: Leave",
    ]
