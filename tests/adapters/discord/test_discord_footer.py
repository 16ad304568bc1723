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
