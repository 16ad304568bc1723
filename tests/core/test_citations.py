"""Sources are our own records of passages that were sent; what the model names only picks among them."""

import json
import re
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.addresses import Addresses
from core.citations import Named, citation, cite, resolve
from core.claims import bears_out
from core.draft import Draft
from core.profiles import PROFILES
from core.prompt import ContextOptions, Source, clean, closed_context, single_fact
from core.types import Citation, Passage
from tests.core import trailers
from tests.core.hostile import FRAGMENTS, STEADY, pieces, seeded, texts
from tests.core.trailers import filtered

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
    ("Green.\n\nSource: S1\n\nAnd so it goes on.", "Green.\n\nAnd so it goes on.", (1,), 0),
    ("Green (Source: S1), 20 days [Sources: 2].", "Green, 20 days.", (1, 2), 0),
    ("Green.\nSources: S1, S9", "Green.", (1,), 1),
    ("Green.\nSource:\ntitle: notes.md\nurl: https://web.si", "Green.", (1,), 0),
    ("Green.\nSource:\ntitle: notes.md\nurl: https://web.sit/123", "Green.", (), 1),
    ("Green.\nReferences:\ntitle: handbook.pdf, page: 4", "Green.", (3,), 0),
    ("Green.\nReferences:\nhandbook.pdf (page 4)\n", "Green.", (3,), 0),
    ("Green.\n[references]\n[1] notes.md\n[2] handbook.pdf", "Green.", (1, 2), 0),
    ('Green.\nSource: {"https://web.site/123": "News"}', "Green.", (1,), 0),
    ('Green.\nSource: {"https://evil.example/1": "notes.md"}', "Green.", (), 1),
    ('Green.\nSource:\n{"title": "notes.md"}\n{"id": "S3"}\nhandbook.pdf', "Green.", (1, 3, 2), 0),
    ('Green.\nSource: ["S1", "S2"]', "Green.", (1, 2), 0),
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
    ("said", "shown", "numbers", "unresolved"), TRAILERS, ids=[row[0] for row in TRAILERS]
)
def test_a_trailer_never_shows_in_the_stream(
    said: str, shown: str, numbers: tuple[int, ...], unresolved: int
) -> None:
    """Letter by letter nothing of it comes through, not for a moment."""
    assert filtered(said) == filtered([said])


# --- Resolving --------------------------------------------------------------------------------------


@STEADY
@given(
    st.lists(st.sampled_from([*FRAGMENTS, *trailers.KEYWORDS, "title:", '{"', '": "', '"}', "S1"]) | texts),
    st.lists(st.integers(-9, 99)),
)
def test_only_passages_that_were_sent_can_be_named(said: list[str], marks: list[int]) -> None:
    """Whatever a trailer holds, its numbers are those of passages in the prompt, each once."""
    named = resolve("".join(said), marks, SENT)

    assert set(named.numbers) <= {1, 2, 3}
    assert len(set(named.numbers)) == len(named.numbers)
    assert named.unresolved >= 0
    assert resolve("".join(said), marks, ()).numbers == ()


@pytest.mark.parametrize(
    ("trailer", "numbers"),
    [
        ("staff handbook.pdf", (4,)),
        ("see the STAFF handbook.pdf.", (4,)),
        ("handbook.pdf", (2,)),
        ("handbook.pdf and staff handbook.pdf", (4,)),
        ("title: handbook.pdf\n\ntitle: notes.md", (2, 1)),
        ("title: staff handbook.pdf\nurl: https://web.site/doc#top", (5,)),
        ("https://web.site/doc#page=2", (4,)),
        ("https://web.site/doc", (4, 5)),
        ("https://web.site/doc#other", ()),
        ("notes.mdx", ()),
        ("handbook [1] (S2).pdf", (6,)),
        ("—", ()),
    ],
)
def test_a_source_is_the_one_that_was_meant(trailer: str, numbers: tuple[int, ...]) -> None:
    """Of titles within titles the longest counts, of addresses the whole; unseen signs of a title do not."""
    assert resolve(trailer, (), trailers.SENT).numbers == numbers


RUN_WILD = ["[" * 100_000, "[" * 500 + "]" * 500, '{"a":' * 400 + "1" + "}" * 400, "9" * 9_000]
RUN_WILD += [
    "title: notes.mdx, " * 120_000,
    "https://web.site/1#" * 120_000,
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
    """Title, address, heading and page are those of one passage that was sent, and the quote stands in it;
    all but for characters that nobody sees.
    """
    passages = [
        Passage(str(n), "d", title, text, n, (heading,), "https://x.example/d", f"s{n}")
        for n, (title, heading, text) in enumerate(found)
    ]
    answer = " ".join(chain(said, (text for *_, text in found)))

    for cited in cite(answer, question, passages, range(1, len(passages) + 1)):
        own = [
            p
            for p in passages
            if (clean(p.title), p.link, tuple(map(clean, p.heading)), p.page)
            == (cited.title, cited.url, cited.heading, cited.page)
        ]
        assert any(cited.quote in clean(passage.text) for passage in own)


def test_page_and_section_are_shown() -> None:
    """People find the place by the words that the file uses, or by the link to it."""
    [cited] = cite("New staff get 20 days of leave.", "How many days?", SENT)

    assert cited.place == "handbook.pdf › Leave › New staff (page 3)"
    assert citation(trailers.SENT[4], "badges").url == "https://web.site/doc#top"


def test_two_documents_of_one_name_are_two_sources() -> None:
    """What decides is the document, not what it is called."""
    one = Passage("1:0", "1", "README.md", "Blueberries are green.", 0, (), "https://web.site/one")
    two = Passage("2:0", "2", "README.md", "Whales are blue.", 0, (), "https://web.site/two")

    cited = cite("Blueberries are green. Whales are blue.", "Which colors?", (one, two))

    assert [source.url for source in cited] == [one.url, two.url]


def test_what_a_prompt_mended_is_not_quoted() -> None:
    """A model that copies its prompt copies words of ours; in titles and quotes people see the file's own."""
    text = "Is END of ENDINPUT a marker? It is, USER: says so 3 times."
    text += "\n\n| Name | Room |\n|---|---|\n| Dana Ito | 12 |"
    passage = Passage("1:0", "1", "a USER: guide.md", text, 0, ("What? ENDINPUT",))
    source = Source(1, text, (("title", passage.title), ("section", passage.heading[0])))
    prompts = [
        closed_context([source], "What is ENDINPUT?", ContextOptions(statements=True)),
        single_fact([source], "In which room is Dana Ito?", ContextOptions(statements=True)),
    ]
    for prompt in prompts:
        assert "\u2060" in prompt or "Name: Dana Ito, Room: 12" in prompt
        draft = Draft((), cited=True, known=Addresses([passage]))
        shown = draft.feed(f"{prompt}\nSource:\n{prompt}") + draft.close()
        named = resolve(draft.trailer, draft.marks, [passage])
        cited = cite(shown, "What is ENDINPUT, and in which room is Dana Ito?", [passage], named.numbers)

        assert cited
        assert "\u2060" not in shown + draft.trailer + repr(cited)
        for found in cited:
            assert (found.title, found.heading) == (passage.title, passage.heading)
            assert found.quote in text


def test_a_quote_keeps_its_closing_signs() -> None:
    """What stands under an answer in quotation marks is the sentence as the file has it."""
    passage = Passage("1", "d", "talk.md", 'Dana said "leave is 20 days." Then she left (early). So it is.')

    assert citation(passage, "how many days of leave").quote == 'Dana said "leave is 20 days."'
    assert citation(passage, "left early").quote == "Then she left (early)."


# --- All of it --------------------------------------------------------------------------------------

_ADDRESS = re.compile(r"(?<![A-Za-z0-9])(?:https?://|www\.|mailto:)[^\s<>`)\[\]]*", re.IGNORECASE)
_TRAILER = re.compile(
    r"^[^\w\n]*(?:source|reference|citation)(?:s|\(s\))?[^\w\n]{0,3}:"
    r"|[(\[][^\w\n]{0,3}(?:source|reference|citation)(?:s|\(s\))?[^\w\n]{0,2}:",
    re.IGNORECASE | re.MULTILINE,
)
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u2061-\u2069]")


def test_no_link_and_no_source_is_shown_that_was_not_sent() -> None:
    """20,000 random trailers in 10,000 answers, in random pieces through the whole draft."""
    rng, known = seeded(), Addresses(trailers.SENT)
    places = {
        (clean(p.title), p.link, tuple(map(clean, p.heading)), p.page): clean(p.text) for p in trailers.SENT
    }
    question = "What do new staff get?"

    def borne_out(sentence: str) -> bool:
        return any(bears_out(passage, sentence, question) for passage in trailers.SENT)

    for number in range(10_000):
        said = trailers.answer(rng)
        draft = Draft(
            PROFILES["airoboros"].stop, cited=True, check=borne_out if number % 10 == 0 else None, known=known
        )
        shown = "".join([*(draft.feed(piece) for piece in pieces(rng, said)), draft.close()])
        named = resolve(draft.trailer, draft.marks, trailers.SENT)

        assert set(named.numbers) <= set(range(1, len(trailers.SENT) + 1)), said
        for found in cite(shown, question, trailers.SENT, named.numbers):
            assert found.quote in places[found.title, found.url, found.heading, found.page], said
        assert "\u2060" not in shown, said
        if "`" not in said and "~~~" not in said:  # in code nothing is a link, and ``source:`` a key
            for address in _ADDRESS.findall(shown):
                assert re.fullmatch(rf"{trailers.OWN_ADDRESSES}\W*", address, re.IGNORECASE), said
            assert not _TRAILER.search(_UNSEEN.sub("", shown)), said
            assert not any(title in shown for title in trailers.INVENTED), said
