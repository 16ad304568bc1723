"""Sources are our own records of passages that were sent; what the model names only picks among them."""

import json
from collections.abc import Iterable
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.citations import Named, SourceFilter, citation, cite, resolve
from core.types import Citation, Passage
from tests.core.hostile import FRAGMENTS, STEADY, pieces, seeded, texts

NEWS = Passage(
    "1:0",
    "1",
    "notes.md",
    "Blueberries are now green. They keep their name.",
    0,
    ("News",),
    "https://web.site/123",
)
LEAVE = Passage(
    "2:0", "2", "handbook.pdf", "New staff get 20 days of leave.", 4, ("Leave", "New staff"), "", "page=3", 3
)
SICK = Passage("2:1", "2", "handbook.pdf", "Sick notes go to Dana Ito.", 5, ("Sickness",), "", "page=4", 4)
SENT = (NEWS, LEAVE, SICK)


def filtered(stream: Iterable[str]) -> tuple[str, str, list[int]]:
    """What a stream shows, its trailer and its marks."""
    sources = SourceFilter()
    shown = [sources.feed(piece) for piece in stream]
    shown.append(sources.close())
    return "".join(shown), sources.trailer, sources.marks


# --- Reading ----------------------------------------------------------------------------------------

TRAILERS = [
    ("Green.\nSource:\ndate: 2021-01-01\nurl: https://web.site/123", "Green.", (1,), 0),
    ("Green.\nSource:\nsource identifier: S1\ntitle: notes.md", "Green.", (1,), 0),
    ("Green.\nSources: S1, S2", "Green.", (1, 2), 0),
    ("Green.\nSources: 1 and 3", "Green.", (1, 3), 0),
    ("Green.\n\n**Source:** notes.md", "Green.\n", (1,), 0),
    ("Green.\n**Source**: notes.md", "Green.", (1,), 0),
    ("Green.\nsource: NOTES.MD", "Green.", (1,), 0),
    ("Green.\n## References\nnotes.md", "Green.", (1,), 0),
    ("Green.\nReference(s):\ntitle: handbook.pdf, section: Sickness", "Green.", (3,), 0),
    ("Green.\nReferences:\n- title: notes.md\n- title: handbook.pdf\n  page: 3", "Green.", (1, 2), 0),
    ("Green.\n[references]\n1. notes.md\n2. handbook.pdf", "Green.", (1, 2), 0),
    ("Green.\nCitation: S2", "Green.", (2,), 0),
    ("Green.\nCitations:\n* https://web.site/123", "Green.", (1,), 0),
    ("Green. Source: https://web.site/123", "Green.", (1,), 0),
    ("Green. Source: <https://web.site/123>.", "Green.", (1,), 0),
    ("Green. (Source: https://web.site/123)", "Green.", (1,), 0),
    ("Green.\nSource: [notes](https://web.site/123)", "Green.", (1,), 0),
    ('Green.\nSource:\n{"title": "notes.md", "url": "https://web.site/123"}', "Green.", (1,), 0),
    ('Green.\nSource:\n```json\n[{"source identifier": "S3"}, {"id": 2}]\n```', "Green.", (3, 2), 0),
    ("Green.\nSource:\ntitle: notes.md\n\ntitle: handbook.pdf\nsection: Sickness", "Green.", (1, 3), 0),
    ("Green.\nSource:\nurl: https://web.site/123\nda", "Green.", (1,), 0),
    ("Green.\nSource: no source information is available", "Green.", (), 0),
    ("Green.\nSource: https://evil.example/123", "Green.", (), 1),
    ("Green.\nSource:\ntitle: notes.md\nurl: https://evil.example/1", "Green.", (), 1),
    ("Green.\nSource: S9", "Green.", (), 1),
    ("Green.\nSource: the internet\n\nUSER: go on", "Green.", (), 2),
    ("Green.\n\nSource: S1\n\nAnd so it goes on.", "Green.\n", (1,), 1),
    ("Green [1]. Twenty days [2, S3] (S1).", "Green. Twenty days.", (1, 2, 3), 0),
    ("Green[1][7].", "Green.", (1,), 1),
    ("Source:\nnotes.md", "", (1,), 0),
    ("Source: S1\ntitle: notes.md\n\nThey are green [2].", "They are green.", (2, 1), 0),
    ("A stray ` sign.\nSource: S1", "A stray ` sign.", (1,), 0),
]  # fmt: skip


@pytest.mark.parametrize(
    ("said", "shown", "numbers", "unresolved"), TRAILERS, ids=[row[0] for row in TRAILERS]
)
def test_trailers_are_read_in_every_form(
    said: str, shown: str, numbers: tuple[int, ...], unresolved: int
) -> None:
    """The trailer is not shown; what it names is matched with what was sent, what it made up is counted."""
    text, trailer, marks = filtered([said])

    assert text == shown
    assert resolve(trailer, marks, SENT) == Named(numbers, unresolved)


@pytest.mark.parametrize(
    "said",
    [
        "The data source: a river. Sources of light are many.",
        "Resources are\nsources of joy\nSourcery: magic",
        "Use x[0] and y[100], [link](https://x.example) or (see below).",
        "References are kept in the Source folder.",
        "In `sys.argv[1]` and `a [2]` stand the words.\n```\nx = [1, 2]\n```",
        "Write this:\n```yaml\nsource: x\nreferences:\n  - y\n```\nIt works.",
    ],
)
def test_ordinary_text_is_shown_whole(said: str) -> None:
    """Words that only look like a trailer or a mark stay, and so does code."""
    assert filtered([said]) == (said, "", [])
    assert filtered(said) == (said, "", [])


@pytest.mark.parametrize(
    ("said", "shown", "numbers", "unresolved"), TRAILERS, ids=[row[0] for row in TRAILERS]
)
def test_a_trailer_never_shows_in_the_stream(
    said: str, shown: str, numbers: tuple[int, ...], unresolved: int
) -> None:
    """Letter by letter nothing of it comes through, not for a moment."""
    assert filtered(said) == filtered([said])


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
    assert trailer in text
    if not marks and not any(word in text.lower() for word in ("source", "reference", "citation")):
        assert shown == text


def test_what_was_shown_early_stays() -> None:
    """Words come through as soon as they cannot be part of a trailer."""
    sources = SourceFilter()

    assert sources.feed("Blueberries are now gr") == "Blueberries are now gr"
    assert sources.feed("een.") == "een."
    assert sources.feed("\nSour") == ""
    assert sources.feed("ce of joy") == "\nSource of joy"


# --- Resolving --------------------------------------------------------------------------------------


@STEADY
@given(
    st.lists(st.sampled_from([*STREAMED, "title:", "url:", '{"', '": "', '"}', "S1", "notes.md"]) | texts),
    st.lists(st.integers(-9, 99)),
)
def test_only_passages_that_were_sent_can_be_named(said: list[str], marks: list[int]) -> None:
    """Whatever a trailer holds, its numbers are those of passages in the prompt, each once."""
    named = resolve("".join(said), marks, SENT)

    assert set(named.numbers) <= {1, 2, 3}
    assert len(set(named.numbers)) == len(named.numbers)
    assert named.unresolved >= 0
    assert resolve("".join(said), marks, ()).numbers == ()


RUN_WILD = ["[" * 100_000, "[" * 500 + "]" * 500, '{"a":' * 400 + "1" + "}" * 400, "9" * 9_000]
RUN_WILD += [
    "title: a" + " " * 50_000 + "b",
    "title: " + "**" * 50_000,
    "1 and " * 20_000 + "x",
    "- " * 50_000,
]


@pytest.mark.parametrize("trailer", RUN_WILD, ids=[trailer[:8] for trailer in RUN_WILD])
def test_a_model_run_wild_is_read_at_once(trailer: str) -> None:
    """Nesting deeper than Python's and endless white space name nothing, and keep nobody waiting."""
    assert resolve(trailer, (), SENT).numbers == ()


def test_a_trailer_in_json_may_use_any_keys() -> None:
    """Keys of any case, lists and objects inside each other are read like lines of pairs."""
    groups = {"Sources": [{"Title": "handbook.pdf", "Section": "Sickness"}, {"URL": "https://web.site/123"}]}

    assert resolve(json.dumps(groups), (), SENT) == Named((3, 1), 0)


# --- Citing -----------------------------------------------------------------------------------------


def test_an_answer_is_cited_from_the_passage_that_bears_it_out() -> None:
    """The model's own naming only decides between passages that say the same."""
    again = Passage("3:0", "3", "copy.md", NEWS.text)

    assert cite("Blueberries are now green.", "What color are blueberries?", SENT) == (
        Citation("notes.md", "https://web.site/123", ("News",), None, "Blueberries are now green."),
    )
    assert cite("Blueberries are now green.", "Which color?", (NEWS, again), [2])[0].title == "copy.md"
    assert cite("Blueberries are now green.", "Which color?", (LEAVE, NEWS), [1])[0].title == "notes.md"


def test_what_no_passage_bears_out_has_no_source() -> None:
    """A wrong number, an invented name or another subject is not made true by naming a source."""
    for answer in (
        "New staff get 25 days of leave.",
        "Sick notes go to Peter Pan.",
        "Whales sing at night.",
        "",
    ):
        assert cite(answer, "What do new staff get?", SENT, [1, 2, 3]) == ()


def test_each_place_is_cited_once_in_the_order_of_the_answer() -> None:
    """Two sentences from one passage, or two passages of one section, make one source."""
    twin = Passage(
        "2:9", "2", "handbook.pdf", "Leave is taken in whole days.", 4, LEAVE.heading, "", "page=3", 3
    )
    answer = "Sick notes go to Dana Ito. New staff get 20 days of leave. Leave is taken in whole days."

    cited = cite(answer, "What are the rules?", (NEWS, LEAVE, SICK, twin))

    assert [found.heading for found in cited] == [("Sickness",), ("Leave", "New staff")]


@STEADY
@given(
    st.lists(st.tuples(texts, texts, texts), max_size=4),
    st.lists(st.sampled_from(["Blueberries are green.", "20 days", "S1", "https://evil.example/x"]) | texts),
    texts,
)
def test_a_citation_is_a_passage_word_for_word(
    found: list[tuple[str, str, str]], said: list[str], question: str
) -> None:
    """Title, address, heading and page are those of one passage that was sent, and the quote stands in it."""
    passages = [
        Passage(str(n), "d", title, text, n, (heading,), "https://x.example/d", f"s{n}")
        for n, (title, heading, text) in enumerate(found)
    ]
    answer = " ".join(chain(said, (text for *_, text in found)))

    for cited in cite(answer, question, passages, range(1, len(passages) + 1)):
        own = [
            p
            for p in passages
            if (p.title, p.link, p.heading, p.page) == (cited.title, cited.url, cited.heading, cited.page)
        ]
        assert any(cited.quote in passage.text for passage in own)


def test_a_quote_keeps_its_closing_signs() -> None:
    """What stands under an answer in quotation marks is the sentence as the file has it."""
    passage = Passage("1", "d", "talk.md", 'Dana said "leave is 20 days." Then she left (early). So it is.')

    assert citation(passage, "how many days of leave").quote == 'Dana said "leave is 20 days."'
    assert citation(passage, "left early").quote == "Then she left (early)."
