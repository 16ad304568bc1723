"""What a model writes about its sources is taken out of the stream, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.sources import SourceFilter
from tests.core.hostile import FRAGMENTS, STEADY, pieces, seeded, texts
from tests.core.trailers import filtered


@pytest.mark.parametrize(
    "said",
    [
        "The data source: a river. Sources of light are many.",
        "Resources are\nsources of joy\nSourcery: magic",
        "Use x[0] and y[100], [link](https://x.example) or (see below).",
        "References are kept in the Source folder.",
        "In `sys.argv[1]` and `a [2]` stand the words.\n```\nx = [1, 2]\n```",
        "A list: f(source=1), print(references) and é(sources) [see below].",
        "- `Source: a` and ``b``\n~~~\nSource: x\n(Source: y)\n~~~\nSo much for (re)sources: two.",
        "Write this:\n```yaml\nsource: x\nreferences:\n  - y\n```\nIt works.",
    ],
)
def test_ordinary_text_is_shown_whole(said: str) -> None:
    """Words that only look like a trailer or a mark stay, and so does code."""
    assert filtered([said]) == (said, "", [])
    assert filtered(said) == (said, "", [])


@pytest.mark.parametrize(
    ("said", "shown"),
    {
        "Green (Source: S1) and blue (source 2).": "Green and blue.",
        "Green [Source: [notes](https://web.site/a(b))].": "Green.",
        "Green (**Sources**: S1, [2]) here.": "Green here.",
        "Green (Source: S1\ntitle: notes.md": "Green",
        "Green.\nSource: S1\n\nBlue is another. [2]\nSource: S2": "Green.\n\nBlue is another.",
        "Green.\nSource: S1\nAnd so it goes on.": "Green.\nAnd so it goes on.",
        "Green.\nSources:\na.md\nb.md\n\nNow all is green.\n- a\n": "Green.\n\nNow all is green.\n- a\n",
        "Green.\nSource:\nDoe, J. Whales. 1999.\nRoe, R. Fish. 2001.": "Green.",
        "Green.\nSource: S1\n\nUSER: What else is it?\n\nIt is blue, I think.": "Green.",
        "Source: S1\nThey are all green.": "They are all green.",
        "Source:\nnotes.md\nThey are all green.\n\nSource: S2": "They are all green.\n",
        "Green.\nQuelle: geheim.pdf, Seite 3": "Green.",
        "Green.\nFuentes: secreto.pdf": "Green.",
        "Green.[^1] Blue.[^2]\n\n[^1]: secret.pdf\n[^2]: other.pdf": "Green. Blue.\n",
        "\u200fSource: S1": "",
        "Green.\nSo\u200burce: S1": "Green.",
    }.items(),
)
def test_an_answer_may_go_on_behind_its_source(said: str, shown: str) -> None:
    """A source in brackets ends with them; else a sentence that can be no part of a trailer is shown."""
    assert filtered([said])[0] == shown
    assert filtered(said) == filtered([said])


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("24 days.\nSource: handbook.pdf, page 7\nURL: https://web.site/leave", "24 days."),
        ("You are welcome. Source: S1", "You are welcome."),
        ("It is 24 (Source: S1) days.", "It is 24 days."),
        ("Sorted: [1, 2, 3]\nSources:\n- the sun\n- wind", "Sorted: [1, 2, 3]\nSources:\n- the sun\n- wind"),
    ],
)
def test_where_nothing_was_sent_no_source_is_named(said: str, shown: str) -> None:
    """Marks and a heading alone are text there, since there is nothing that they could mean."""
    for stream in ([said], said):
        sources = SourceFilter(numbered=False)
        assert "".join([*map(sources.feed, stream), sources.close()]) == shown


STREAMED = [
    *FRAGMENTS,
    "Source:",
    "\nSources",
    "\n**References:**",
    ". Citation: ",
    "[1]",
    " [",
    "1, ",
    "S2]",
    "(S",
    "3)",
    "\n",
]
STREAMED += [
    "[" + "1, " * 9,
    " " * 40,
    "\n" * 3,
    "###",
    "**",
    "(s)",
    ":",
    ".",
    "reference",
    "So",
    "urce",
    "Green.",
    " (Source: ",
    "[References: ",
    "(Source 1)",
    "\u200f",
    "\n\nThey are all green.\n",
    "title: x",
    "```\n",
]


def test_the_same_stream_in_other_pieces_gives_the_same() -> None:
    """5,000 random texts: letter by letter, in random pieces or at once, the same is shown and marked."""
    rng = seeded()
    for _ in range(5_000):
        said = "".join(rng.choices(STREAMED, k=rng.randrange(12)))
        at_once = filtered([said])

        assert filtered(said) == at_once, said
        assert filtered(pieces(rng, said)) == at_once, said


@STEADY
@given(st.lists(st.sampled_from(STREAMED) | texts, max_size=8))
def test_a_stream_loses_nothing_but_trailer_and_marks(said: list[str]) -> None:
    """What is shown is what was said, in order; without any sign of a source it is all that was said."""
    text = "".join(said)

    shown, trailer, marks = filtered(said)

    rest = iter(text)
    assert all(letter in rest for letter in shown)
    assert all(line in text for line in trailer.split("\n"))
    if not marks and not any(word in text.lower() for word in ("source", "reference", "citation")):
        assert shown == text


def test_what_was_shown_early_stays() -> None:
    """Words come through as soon as they cannot be part of a trailer."""
    sources = SourceFilter()

    assert sources.feed("Blueberries are now gr") == "Blueberries are now gr"
    assert sources.feed("een.") == "een."
    assert sources.feed("\nSour") == ""
    assert sources.feed("ce of joy") == "\nSource of joy"


@pytest.mark.parametrize(
    "said",
    [
        *("\nSource: " + "a: b\n" * 40_000, "Source: S1\n\nAnd so it goes on.\n" * 8_000),
        *(
            "(Source: " + "(" * 200_000,
            "```\n" + "source: x\n" * 20_000,
            "`" + "(Source: " * 20_000,
            "[" * 100_000,
            "\nSource:" * 20_000,
        ),
        *("\n" * 100_000, " **" * 60_000, "Source: " + "x" * 2_000_000, "word " * 40_000),
    ],
    ids=lambda said: repr(said[:12]),
)
def test_a_model_run_wild_keeps_nobody_waiting(said: str) -> None:
    """However long it goes on, in small pieces or in one, each character is looked at a few times at most."""
    for size in (5, len(said)):
        shown, trailer, _ = filtered(said[at : at + size] for at in range(0, len(said), size))
        assert len(shown) + len(trailer) <= len(said) + 2 * said.lower().count("source")
