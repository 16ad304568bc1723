"""Recordings of terminals: what is shown is what stood there, and each picture has a script and a page."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

from tests.pictures.__main__ import PICTURES
from tests.pictures.grid import Grid
from tests.pictures.playing import svg
from tests.pictures.recording import Keys, Moment, recorded
from tests.pictures.terminals import SCENES

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
BY_HAND = {"evidence.svg"}
"""Written by `chasqui eval kb --plot`, in half an hour."""


def lines(moment: Moment) -> list[str]:
    """The text of a moment."""
    return ["".join(character for character, _ in line) for line in moment.lines]


def seen(drawn: str, *, at_the_end: bool) -> list[str]:
    """The texts of an SVG that stand there at the end, or those that are gone by then."""
    groups = ET.fromstring(drawn).iter("{http://www.w3.org/2000/svg}g")
    return [
        "".join(group.itertext()).strip() for group in groups if (group.get("class") == "past") != at_the_end
    ]


def test_a_shell_is_recorded_as_it_was() -> None:
    """What was typed, what a program wrote over its own lines, and the home folder as ~."""
    over = "printf 'old\\033[1mer\\nlast'; sleep 0.3; printf '\\r\\033[1A\\033[2Knew\\n\\n'"
    moments = recorded([Keys(f"echo $HOME; {over}")], 100)

    assert lines(moments[-1])[1:] == ["~", "new", "last", "", "$"]
    assert any("older" in lines(moment) for moment in moments)


def test_the_picture_plays_what_was_there_and_ends_with_what_stands() -> None:
    """A viewer that knows no motion shows the end, whole; long stillness is cut short."""
    grid, moments = Grid(20), []
    for at, text in ((0.0, "$ go\r\n"), (1.0, "\x1b[36mhalf"), (99.0, "\r\x1b[2K\x1b[0mwhole <&>\n")):
        grid.write(text)
        moments.append(Moment(at, grid.shown()))
    drawn = svg(moments, 20, "title", "description")

    assert seen(drawn, at_the_end=True) == ["$ go", "whole <&>"]
    assert seen(drawn, at_the_end=False) == ["half"]
    assert " 7.00s step-end" in drawn, "two waits of a second, and five seconds of the end"


def test_a_sequence_may_come_in_pieces() -> None:
    """What a read cuts apart is one sequence all the same, and nothing of it is shown."""
    grid = Grid(10)
    for piece in ("a\x1b[", "3", "1mb\x1b]8;;http://x\x1b", "\\c"):
        grid.write(piece)

    [line] = grid.shown()
    assert [(character, look.colour) for character, look in line] == [("a", None), ("b", 1), ("c", 1)]


def test_each_picture_has_a_script_and_a_page() -> None:
    """None is left over, and none is missing."""
    there = {file.name for file in (DOCS / "pictures").iterdir()}
    pages = [ROOT / "README.md", *DOCS.rglob("*.md")]
    used = {name for page in pages for name in re.findall(r"pictures/([\w-]+\.svg)", page.read_text("utf-8"))}

    assert there == {file.name for file in PICTURES} | BY_HAND
    assert there <= used


def test_what_is_typed_in_a_picture_is_a_command() -> None:
    """And stands in the picture as it would be drawn today."""
    reference = (DOCS / "reference" / "commands.md").read_text("utf-8")
    for name, scene in SCENES.items():
        drawn = " ".join(seen((DOCS / "pictures" / f"{name}.svg").read_text("utf-8"), at_the_end=True))
        for keys in scene.script:
            assert keys.text in drawn, f"say: make pictures ARGS={name}"
            if command := re.search(r"\bchasqui (kb )?\w+", keys.text):
                assert f"## {command[0]}\n" in reference
