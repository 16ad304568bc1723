"""Words in quotation marks pass for a quotation only where a passage holds them."""

import re

import pytest
from hypothesis import given

from core.claims import bears_out
from core.conclusion import Progress, grounded, misquotations
from core.draft import Draft
from core.quotations import misquoted
from core.types import Audience, Document, Hit, Passage
from tests.core.hostile import STEADY, texts

TEXT = """New staff get **twenty days** of leave in their first year. Later it is 25 days, as Dana “Dee” Ito
decided. Is it paid in cash? It is not. これは休暇の規則です。 Run `leave --days=20 "now"` and
read [the *rules* of leave](https://example.org/leave?days=25#top), or `man leave`.

`-?` shows help."""


@pytest.mark.parametrize(
    "answer",
    [
        "The handbook says “New staff get twenty days of leave”.",
        'It says "new staff get 20 days of leave in their first year," and no more.',
        "It reads: «later it is 25 days, as Dana Dee Ito decided»",
        "„Later it is 25 days“, 「これは休暇の規則です」",
        "“New staff get … leave in their first year.”",
        "“[They] get twenty days [of paid leave] in their first year.”",
        "> New staff get *twenty days* of leave in their first year.\n> — Handbook, page 3",
        "“Is it paid in cash? It is not.” “paid in cash”",
        "‘Later it is 25 days, as Dana Dee Ito decided’, 'New staff get twenty days of leave', ‚it is not‘",
        "‹later it is 25 days, as Dana›, ”New staff get twenty days”, »later it is 25 days«",
        "“New staff get twenty days\nof leave”, <q>later it is 25 days</q>, `Later it is 25 days, as Dana`",
        "It isn't the staff's or the crews' fault; rock 'n' roll is what the '90s and the crew's 'Dee' were.",
        "Set `not in list`, run `for x in some_list`, `git commit` and `SELECT name FROM users WHERE old`.",
        'It says “Run `leave --days=20 "now"` and read the rules of leave, or `man leave`.”',
        "It says \"run `leave --days=20 'now'` and read [the rules of leave](x.html)\".",
        '> Run `leave --days=20 "now"` and\n> read the rules of leave',
        "“Run leave --days=20 now and read [the *rules* of leave](https://example.org/leave), or man leave”",
        "“or `man leave`.” “`-?` shows help”",
        'A "free lunch" and a 5" pipe beside a 6" one; it\'s the staff\'s.',
        'In code: `say "these are no words of it"`\n```\nx = "nor are these few words"\n```',
    ],
)
def test_what_stands_in_a_text_is_a_quotation(answer: str) -> None:
    """Whatever its marks, its case and its punctuation; a word or two and code quote nothing."""
    assert misquoted(answer, (TEXT,)) == []


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        ("It says “New staff get thirty days of leave”.", "New staff get thirty days of leave"),
        ('It says "Later it is 25 days. Dana decided".', "Later it is 25 days. Dana decided"),
        ("«All leave is paid.»", "All leave is paid."),
        ("> Leave is a right of all.", "Leave is a right of all."),
        ("“leave in their first year … New staff get”", "leave in their first year … New staff get"),
        ("“Is it paid in cash. It is not.”", "Is it paid in cash. It is not."),
        ("“Is it paid in cash.”", "Is it paid in cash."),
        ("「休暇は三十日です」", "休暇は三十日です"),
        ("It says ‘leave isn’t a right of all’.", "leave isn’t a right of all"),
        ("It says 'leave isn't a right of all'.", "leave isn't a right of all"),
        ("It says ‚leave is a right of all‘.", "leave is a right of all"),
        ("It says ‹leave is a right of all›.", "leave is a right of all"),
        ("It says ”leave is a right of all”.", "leave is a right of all"),
        ("It says »leave is a right of all«.", "leave is a right of all"),
        ("It says “leave is\na right of all”.", "leave is\na right of all"),
        ('It says "leave is\na right of all".', "leave is\na right of all"),
        ("It says <q>leave is a right of all</q>.", "leave is a right of all"),
        ("It says `Leave is a right of all.`", "Leave is a right of all."),
        ("It says “run `leave --days=30` and read”.", "run `leave --days=30` and read"),
    ],
)
def test_what_stands_in_no_text_is_none(answer: str, wrong: str) -> None:
    """Another number, another order, words between; a full stop where the text asks, as in our prompts."""
    assert misquoted(f"Yes.\n{answer}\nSo it is.", (TEXT,)) == [wrong]


def test_a_sentence_with_a_false_quotation_has_no_source() -> None:
    """Though all of its words and numbers stand in the passage."""
    passage = Passage("1", "d", "handbook.md", TEXT)
    question = "How much leave do new staff get?"

    assert bears_out(passage, "They get “twenty days of leave”.", question)
    assert not bears_out(passage, "They get “twenty days of paid leave”.", question)


def test_people_are_told_what_is_no_quotation() -> None:
    """In one sentence under the answer, which keeps what is true of it and its source."""
    passage = Passage("1", "d", "handbook.md", TEXT)
    document = Document("d", "handbook.md", Audience("public"), (passage,), 1)
    said = "New staff get 20 days of leave. It says “leave is a right of all”, and “later it is 25 days”."

    outcome = grounded(
        *(Progress(shown=said, sent=(Hit(passage, 1.0),)), Draft((), cited=True)),
        *("How much leave do new staff get?", [document]),
        checked=False,
    )

    told = "Not a quotation, since it stands in no passage that was read: “leave is a right of all”."
    assert (outcome.kind, outcome.answer, outcome.left_out) == ("answered", said, (told,))
    assert [cited.title for cited in outcome.citations] == ["handbook.md"]


def test_a_question_is_no_text_that_was_read() -> None:
    """Whoever asks whether it says so has not proved that it does."""
    passage = Passage("1", "d", "handbook.md", "The Quito office is open.")
    said = 'Yes, it says "the Quito office has free parking".'

    assert misquotations(said, [passage])
    assert not bears_out(passage, said, 'Does it say "the Quito office has free parking"?')


@pytest.mark.parametrize(
    "sign", ["“a b ", '" a', "'a ", "`a ", "<q>a ", "‘a", "”a ", "»a ", "\n", "> ", "a\n"]
)
def test_a_model_run_wild_is_read_at_once(sign: str) -> None:
    """Quotations that never end keep nobody waiting."""
    assert len(misquoted(sign * 50_000, ("a b",))) < 50_000


@STEADY
@given(texts, texts, texts)
def test_every_piece_of_a_text_is_its_quotation(before: str, text: str, behind: str) -> None:
    """Any text at all, quoted from its first word to its last."""
    quoted = re.sub(r"[\n“”„«»\[…]|\.\.\.+", " ", text)

    assert misquoted(f"“{quoted}”", (f"{before} {quoted} {behind}",)) == []
