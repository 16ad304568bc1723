"""What is denied, and what is affirmed, stands only on what does so too."""

import pytest

from core.claims import bears_out
from core.types import Passage

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
