"""What counts as the same word, and what a passage proves of an answer."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.evidence import (
    STRONG,
    Asked,
    abstains,
    bearing,
    bears_out,
    best_sentence,
    readable,
)
from core.terms import STOP_WORDS, alike, asks, numbers, sentences, stems, terms, words
from core.types import Passage
from tests.core.hostile import STEADY, texts
from tests.fakes import spread_of

LEAVE = Passage(
    "1",
    "d",
    "handbook.md",
    "New staff get 20 days of leave in their first year. Later it is 25 days. Dana Ito keeps the list.",
    heading=("Leave",),
)


# --- Words ------------------------------------------------------------------------------------------


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
    """Stop words do not count, though the index holds them; each term counts once."""
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


# --- Evidence ---------------------------------------------------------------------------------------


def share(question: str, *, before: str = "") -> float:
    """How much of a question the passage about leave holds, among others."""
    other = Passage("2", "d", "handbook.md", "Visitors sign in at the desk.")
    return Asked.of(question, before, spread_of(LEAVE, other)).share_in(readable(LEAVE))


def test_a_passage_holds_the_questions_that_it_answers() -> None:
    """Subjects count, asking words hardly, and a subject that is missing everywhere counts most."""
    assert share("How many days of leave do new staff get?") > 0.8
    assert share("How many days of leave do new staff get in the frist yaer?") > STRONG
    assert share("How many days of parental leave do contractors get?") < STRONG
    assert share("What is the wifi password?") == 0.0
    assert share("") == share("???") == 0.0
    assert share("And contractors?") < share(
        "And contractors?", before="How many days of leave do staff get?"
    )


@pytest.mark.parametrize(
    ("question", "about_another"),
    [
        ("When did the Quito office close its doors to all of the visitors?", True),
        ("I work in Quito. When did the Lima office close its doors?", False),
        ("Which system does server db7 of the Lima office run?", True),
        ("Is the Lima office open on Tuesday, or in August?", False),
        ("When Did The Lima Bureau Close Its Doors?", False),
    ],
)
def test_what_only_knows_another_holds_little(question: str, about_another: bool) -> None:
    """A name that no passage knows makes all other words of the question worth little."""
    lima = Passage("1", "d", "lima.md", "The Lima office closed its doors to all visitors on Monday.")

    assert (Asked.of(question, spread=spread_of(lima)).share_in(readable(lima)) < 0.25) is about_another


def test_german_nouns_are_no_names() -> None:
    """All of them have capitals."""
    lima = Passage("1", "d", "lima.md", "Das Büro in Lima hat am Montag geöffnet.")

    asked = Asked.of("Wann hat das Büro mit Garten in Lima geöffnet?", spread=spread_of(lima))

    assert asked.share_in(lima.text) > 0.6


def test_what_few_documents_hold_weighs_more() -> None:
    """A passage with the rare word of a question holds more of it than one with the common one."""
    question = "Which packages need a quorum?"
    rare, usual = "A quorum of five is needed.", "Packages are built."
    others = [Passage(f"{n}", "d", "packages.md", usual) for n in range(20)]
    asked = Asked.of(question, spread=spread_of(Passage("q", "d", "board.md", rare), *others))

    assert asked.share_in(rare) > 2 * asked.share_in(usual)
    assert Asked.of(question).share_in(usual) > Asked.of(question).share_in(rare)


@STEADY
@given(st.lists(texts, min_size=3, max_size=3))
def test_a_share_is_a_share(said: list[str]) -> None:
    """Between nothing and all, and all of it in the question itself."""
    question, before, written = said
    passage = Passage("1", "d", "t", written, heading=(before,))

    asked = Asked.of(question, before, spread_of(passage))

    assert 0.0 <= asked.share_in(readable(passage)) <= 1.0 + 1e-9
    assert asked.share_in(f"{question} {before}") == pytest.approx(1.0) or not any(asked.weights.values())


QUESTION = "How many days of leave do new staff get?"


@pytest.mark.parametrize(
    ("sentence", "question", "borne_out"),
    [
        ("New staff get 20 days of leave.", QUESTION, True),
        ("They get twenty days in their first year.", QUESTION, True),
        ("New staff get 30 days of leave.", QUESTION, False),
        ("New staff get 20.5 days of leave.", QUESTION, False),
        ("Dana Ito keeps the list.", "Who keeps the list?", True),
        ("The list is kept by Peter Pan.", "Who keeps the list?", False),
        ("Yes.", "Do new staff get days of leave?", True),
        ("Yes.", "Is there a swimming pool for elephants?", False),
        ("Whales sing at night in deep waters.", QUESTION, False),
    ],
)
def test_a_passage_bears_out_only_what_it_says(sentence: str, question: str, borne_out: bool) -> None:
    """Every number and name must stand there, and most other words."""
    assert bears_out(LEAVE, sentence, question) is borne_out


COSTS = Passage(
    "2", "d", "costs.md", "Alpha costs 5 euros, and a night in the Lima hotel 80. Its key is red."
)


@pytest.mark.parametrize("literal", [False, True])
@pytest.mark.parametrize(
    ("sentence", "question", "borne_out"),
    [
        ("Alpha costs 5 euros.", "What does Alpha cost?", True),
        ("Beta costs 5 euros.", "What does Beta cost?", False),
        ("A night in the Lima hotel is 80 euros.", "How much is a night in the Lima hotel?", True),
        ("A night in the Quito hotel is 80 euros.", "How much is a night in the Quito hotel?", False),
        ("It costs 80 euros.", "What does a night in the Lima hotel cost?", True),
        ("It costs 80 euros.", "What does a night in the Quito hotel cost?", False),
        ("A night in the cabin costs 80 euros.", "What does a night in the cabin cost?", False),
        ("The key of the hotel in Lima is red.", "What color has the key of the Lima hotel?", True),
        ("The key of server db7 is red.", "Which key has server db7?", False),
        ("It is room 7 for 80 euros.", "What does room 7 cost?", False),
    ],
)
def test_a_question_proves_nothing(sentence: str, question: str, borne_out: bool, literal: bool) -> None:
    """What it names must stand in the passage too, or the answer is true of something else."""
    assert bears_out(COSTS, sentence, question, literal=literal) is borne_out


def test_yes_is_about_the_subject_of_the_question() -> None:
    """Not about another one of which the same is said."""
    assert bears_out(COSTS, "Yes.", "Does a night in the Lima hotel cost 80 euros?")
    assert not bears_out(COSTS, "Yes.", "Does a night in the Quito hotel cost 80 euros?")
    assert bears_out(COSTS, "It costs 80 euros.", "Does a night in the Lima hotel cost 80 euros on Mondays?")


def test_the_page_of_a_passage_is_no_number_of_its_answer() -> None:
    """It may be named, and no other."""
    paged = replace(LEAVE, page=3)

    assert bears_out(paged, "According to page 3, new staff get 20 days of leave.", QUESTION)
    assert not bears_out(paged, "According to page 7, new staff get 20 days of leave.", QUESTION)
    assert not bears_out(paged, "New staff get 3 days of leave.", QUESTION)


@pytest.mark.parametrize(
    ("answer", "sources"),
    [
        ("Alpha costs 5 euros and Beta costs 7 euros.", ["a", "b"]),
        ("Alpha is 5 euros, whereas Beta is 7 euros, and Gamma is 9 euros.", ["a", "b", "c"]),
        ("Alpha costs 7 euros and Beta costs 5 euros.", []),
        ("Alpha and Beta cost 5 euros.", []),
        ("The red office of Alpha and the one of Beta closed in 2019.", []),
        ("Alpha costs 5 euros and Delta costs 9 euros.", []),
    ],
)
def test_a_sentence_of_several_things_stands_on_a_passage_for_each(answer: str, sources: list[str]) -> None:
    """Each clause must be borne out by one, and must say something of its own."""
    passages = [
        Passage("a", "a", "a", "Alpha costs 5 euros. The Alpha office is red."),
        Passage("b", "b", "b", "Beta costs 7 euros. Beta closed in 2019."),
        Passage("c", "c", "c", "Gamma costs 9 euros."),
    ]
    found = bearing(passages, answer, "What is the difference between Alpha, Beta and Gamma?")

    assert [passage.id for passage in found] == sources


@pytest.mark.parametrize("sign", ["A", "a, ", "Ab ", "a and B5, ", "5", " ", "Ab/", "it. ", "page 7 "])
def test_a_model_run_wild_is_judged_at_once(sign: str) -> None:
    """A sentence without end is a sentence."""
    assert bearing([LEAVE, COSTS] * 3, sign * 20_000, "What is A5 of Ab?") == []


def test_a_literal_model_must_not_mix_up_neighbours() -> None:
    """The number of the next sentence does not answer the question, though the passage holds it."""
    mixed = "New staff get 25 days of leave."

    assert bears_out(LEAVE, mixed, QUESTION)
    assert not bears_out(LEAVE, mixed, QUESTION, literal=True)
    assert bears_out(LEAVE, "New staff get 20 days of leave.", QUESTION, literal=True)
    assert not bears_out(LEAVE, "New staff get days of leave.", QUESTION, literal=True)


VACUUM = Passage(
    "1",
    "d",
    "25.1. Vacuuming",
    "`VACUUM FULL` can reclaim more disk space but runs much more slowly. It requires an exclusive lock on"
    " the table, and therefore cannot be done in parallel with other use of the table. Plain vacuuming is"
    " allowed only for owners.",
)


@pytest.mark.parametrize("literal", [False, True])
@pytest.mark.parametrize(
    ("sentence", "question", "borne_out"),
    [
        ("VACUUM FULL does not reclaim disk space.", "and without it?", False),
        ("VACUUM FULL can reclaim disk space.", "and without it?", True),
        ("VACUUM FULL doesn't reclaim more disk space.", "what does it reclaim?", False),
        ("VACUUM FULL cannot be done in parallel with other use.", "can I use the table?", True),
        ("VACUUM FULL can be done in parallel with other use.", "can I use the table?", False),
        ("No, it cannot be done in parallel with other use.", "can I use the table?", True),
        ("VACUUM FULL requires an exclusive lock on the table.", "what does it require?", True),
        ("Plain vacuuming is not allowed for others but owners.", "who may do plain vacuuming?", True),
    ],
)
def test_what_is_denied_stands_only_on_what_denies_it(
    sentence: str, question: str, borne_out: bool, literal: bool
) -> None:
    """And what is affirmed on what affirms it, in clauses of one sentence too."""
    assert bears_out(VACUUM, sentence, question, literal=literal) is borne_out


@pytest.mark.parametrize(
    "sentence",
    [
        "It cannot be undone, and so the tables and indexes of a schema are written to a dump at its start.",
        "A package must not change the file when another owns it, and scripts may call it meanwhile.",
    ],
)
def test_a_sentence_that_stands_in_the_passage_is_borne_out_whatever_else_it_denies(sentence: str) -> None:
    """Only the clause of the denial is compared with what is denied."""
    assert bears_out(Passage("1", "d", "T", f"{sentence} Others are free."), sentence, "What of the schema?")


def test_a_heading_alone_is_no_answer_of_a_literal_model() -> None:
    """It tells where something stands, and nothing about it."""
    assert not bears_out(VACUUM, "25.1. Vacuuming", "What about the vacuum?", literal=True)


def test_a_term_and_a_reference_are_no_quote() -> None:
    """What is explained is quoted, not its name; where to read on comes last."""
    text = "`conffile`\n\nA file that dpkg treats in a special way.\n\n(See also conffile in chapter 10)"

    assert best_sentence(text, "What is a conffile?").startswith("A file")
    assert best_sentence("`conffile`", "What is a conffile?") == "`conffile`"


@STEADY
@given(*[texts] * 3)
def test_a_quote_stands_in_its_text(written: str, wanted: str, sentence: str) -> None:
    """Word for word, for any text; and judging any sentence ends well."""
    assert best_sentence(written, wanted) in written
    for literal in (False, True):
        assert bears_out(Passage("1", "d", "t", written), sentence, wanted, literal=literal) in (True, False)


def test_the_nearest_sentence_is_quoted() -> None:
    """The one that holds most of what is wanted, with a number where a number is asked for."""
    assert best_sentence(LEAVE.text, "Who keeps the list?") == "Dana Ito keeps the list."
    assert best_sentence(LEAVE.text, QUESTION).startswith("New staff get 20 days")


@pytest.mark.parametrize(
    ("answer", "gives_up"),
    [
        ("I don't know.", True),
        ("I do not know the answer to that.", True),
        ("Sorry, I cannot find this in the text.", True),
        ("An answer could not be generated based on the provided input.", True),
        ("The text does not mention the price.", True),
        ("There is no information about this.", True),
        ("It is not stated in the document.", True),
        ("The price is not mentioned in the passage.", True),
        ("New staff get 20 days of leave.", False),
        ("Sorry to say, it costs 20 euros.", False),
        ("We do not accept returns after 30 days.", False),
        ("The document does not need a signature.", False),
        ("", False),
    ],
)
def test_a_model_that_gives_up_is_understood(answer: str, gives_up: bool) -> None:
    """What it says first counts; a rule that says no is an answer."""
    assert abstains(answer) is gives_up
