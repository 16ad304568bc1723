"""No answer from passages names a file, or a page of one, that was not sent."""

import pytest

from core.file_names import NO_FILE, FileFilter, FileNames
from core.types import Passage
from tests.core.hostile import FRAGMENTS, pieces, seeded

SENT = [
    Passage("1", "d", "staff handbook.pdf", "Leave is told in rules.docx, page 12.", page=3),
    Passage("2", "d", "staff handbook.pdf", "It is 20 days.", page=4),
    Passage("3", "e", "notes.md", "Whales are blue.", url="https://web.site/notes.md"),
]


def shown(*stream: str) -> str:
    """What is shown of a stream, where people asked about menu.md."""
    files = FileFilter(FileNames(SENT, "And what does menu.md say?"))
    return "".join([*map(files.feed, stream), files.close()])


@pytest.mark.parametrize(
    "said",
    [
        "See staff handbook.pdf, page 3, and Notes.MD, or `docs/notes.md`; menu.md is none.",
        "See handbook.pdf (p. 4) and rules.docx on page 12.",
        "Quelle: handbook.pdf, Seite 4. Go on 5 boats.",
        "Node.js, e.g. at 3.5 km, runs foo.py of web.site; a.txting is no word.",
        "At https://evil.example/secret.pdf or me@evil.pdf nothing is a file.",
        "```\nopen('secret.pdf')\n```",
    ],
)
def test_what_was_sent_may_be_named(said: str) -> None:
    """Files of passages, what these name, what was asked; addresses and blocks of code are not judged."""
    assert shown(said) == said
    assert shown(*said) == said


@pytest.mark.parametrize(
    ("said", "rest"),
    [
        ("According to secret.pdf, page 7, it is.", f"According to {NO_FILE}, it is."),
        ("From: secret.pdf", f"From: {NO_FILE}"),
        ("So it is (secret.pdf, p. 4).", f"So it is ({NO_FILE})."),
        ("In `docs/secret.pdf` and SECRET.DOCX.", f"In `{NO_FILE}` and {NO_FILE}."),
        ("See handbook.pdf, page 7.", "See handbook.pdf."),
        ("See handbook.pdf (page 7).", "See handbook.pdf."),
    ],
)
def test_what_was_not_sent_is_not_named(said: str, rest: str) -> None:
    """Nor a page of a known file that was not sent; letter by letter it is the same."""
    assert shown(said) == rest
    assert shown(*said) == rest


def test_a_stream_in_other_pieces_gives_the_same() -> None:
    """3,000 random texts, letter by letter, in random pieces or at once."""
    rng = seeded()
    parts = [
        *FRAGMENTS,
        "secret.pdf",
        "handbook.pdf",
        ", page 7",
        " (p. 4)",
        ".md",
        "/",
        "x" * 119,
        "\n```\n",
    ]
    for _ in range(3_000):
        said = "".join(rng.choices(parts, k=rng.randrange(9)))
        assert shown(*said) == shown(*pieces(rng, said)) == shown(said), said


@pytest.mark.parametrize("sign", ["a", "a.", "a.pdf", "a.pdf ", "/", " ", "notes.md, page ", "\n"])
def test_a_model_run_wild_keeps_nobody_waiting(sign: str) -> None:
    """Words without an end are let through."""
    said = sign * 40_000
    assert shown(*(said[at : at + 5] for at in range(0, len(said), 5))) == shown(said)
