"""Our own questions to the two manuals: whole, and still true of the manuals that are installed."""

import html
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

NAMES = ("tuning", "held_out")


def read(name: str) -> Any:
    """One of the two files."""
    return json.loads((Path(__file__).parent / f"{name}.json").read_text())


@cache
def section(page: Path, anchor: str) -> str:
    """The text of a page from an element on."""
    _, _, rest = page.read_text().partition(f'id="{anchor}"')
    return " ".join(html.unescape(re.sub(r"<[^>]*>", "", f"<{rest}")).split())


def test_no_question_is_in_both_files() -> None:
    """What was held out was never tuned on: there are more than a hundred, and each stands once."""
    questions = [question for name in NAMES for question in read(name)["questions"]]
    assert len({question["id"] for question in questions}) == len(questions) > 100
    assert len({question["question"].lower() for question in questions}) == len(questions)


@pytest.mark.parametrize("name", NAMES)
def test_each_question_says_what_answers_it_or_why_nothing_does(name: str) -> None:
    """An answer has a section and its words; what has none has a reason and its kind."""
    whole = read(name)
    answerable = [question for question in whole["questions"] if question["answerable"]]
    others = [question for question in whole["questions"] if not question["answerable"]]
    assert whole["counts"] == {"answerable": len(answerable), "unanswerable": len(others)}
    assert all(gold["evidence"] and gold["anchor"] for each in answerable for gold in each["gold"])
    assert all(each["gold"] and each["answer_points"] for each in answerable)
    assert all(each["why"] and len(each["tags"]) == 1 and not each["gold"] for each in others)


@pytest.mark.parametrize("name", NAMES)
def test_what_answers_a_question_still_stands_in_its_section(name: str) -> None:
    """A package that moves a section fails here, not as a worse ranking."""
    whole = read(name)
    roots = {corpus: Path(each["root"]) for corpus, each in whole["corpora"].items()}
    if not all(root.is_dir() for root in roots.values()):
        pytest.skip(f"The manuals are not installed: {whole['how_to_obtain']}")
    for question in (each for each in whole["questions"] if each["answerable"]):
        for gold in question["gold"]:
            page = roots[question["corpus"]] / gold["file"]
            assert gold["evidence"] in section(page, gold["anchor"]), question["id"]
