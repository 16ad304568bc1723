"""Terminals in which somebody uses chasqui, as docs/pictures/: a real shell, a real model, real files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.pictures.playing import svg
from tests.pictures.recording import Keys, recorded

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
COLUMNS = 96


@dataclass(frozen=True, slots=True)
class Scene:
    """What is typed, and what the picture shows in words."""

    description: str
    script: Sequence[Keys]

    def picture(self) -> str:
        """The whole SVG, of a shell that runs for it."""
        return svg(
            recorded(self.script, COLUMNS),
            COLUMNS,
            "waits of more than a second are cut short",
            self.description,
        )


SCENES = {
    "demo": Scene(
        "chasqui demo answers questions about a handbook, with sources, and refuses what is not in it",
        [
            Keys("chasqui demo"),
            Keys("What do I do with a lost badge?", after="> "),
            Keys("/quit", after="> "),
        ],
    ),
    "ask": Scene(
        "chasqui ask answers a question about a file, and then another one in the same thread",
        [
            Keys('chasqui ask "How much may a hotel cost?" --file handbook.md --thread trip'),
            Keys('chasqui ask "And which class do we travel in by train?" --thread trip'),
        ],
    ),
    "kb": Scene(
        "chasqui kb add keeps a document for the whole team, and answers name it as their source",
        [
            Keys("chasqui kb add handbook.md"),
            Keys('chasqui kb search "How long may I be on vacation?" -k 1'),
            Keys('chasqui ask "How much is there for a chair at home?"'),
        ],
    ),
    "doctor": Scene(
        "chasqui doctor says what is wrong and how to mend it",
        [
            Keys("chasqui doctor"),
            Keys("CHASQUI_BACKEND__URLS=http://127.0.0.1:9 chasqui doctor"),
        ],
    ),
}
