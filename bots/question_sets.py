"""Files of questions to a knowledge base, with the sections that answer them."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from core.errors import UserError


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True)  # what other tools note there is none of our business


class Place(_Read):
    """A section by its file, as a path ends, and its anchor; without an anchor any section of the file."""

    file: str
    anchor: str | None = None

    def holds(self, path: str, anchor: str | None) -> bool:
        """Whether this is the place, or without an `anchor` the file, of something found."""
        is_file = path == self.file or path.endswith(f"/{self.file}")
        return is_file and (anchor is None or self.anchor is None or self.anchor == anchor)


class TestQuestion(_Read):
    """A question with the sections that answer it (`gold`), and others that will do.

    `before` are the questions that were asked in its thread before it, oldest first. `tags` say what kind
    of question it is: the first one tells apart those that nothing answers.
    """

    __test__ = False  # pytest takes classes of this name for tests

    id: str
    question: str
    answerable: bool
    gold: tuple[Place, ...] = ()
    also_acceptable: tuple[Place, ...] = ()
    tags: tuple[str, ...] = ()
    before: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """What it is counted with where questions are refused."""
        return "answerable" if self.answerable else next(iter(self.tags), "unanswerable")


class QuestionSet(_Read):
    """The questions of a file, and how its readers get the documents that they are about."""

    questions: tuple[TestQuestion, ...]
    how_to_obtain: str = ""


def read(files: Iterable[Path]) -> QuestionSet:
    """All questions of these files, those of one id once. Raises UserError with a sentence."""
    sets = [_read(file) for file in files]
    by_id = {question.id: question for each in sets for question in each.questions}
    hints = dict.fromkeys(each.how_to_obtain for each in sets if each.how_to_obtain)
    return QuestionSet(questions=tuple(by_id.values()), how_to_obtain=" ".join(hints))


def _read(file: Path) -> QuestionSet:
    try:
        stored: Any = json.loads(file.read_text(encoding="utf-8"))
        found = QuestionSet.model_validate(stored)
    except OSError as error:
        raise UserError(f"{file} cannot be read ({error.strerror}). Name a file of questions.") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UserError(f"{file} is no file of questions: {where}: {first['msg']}.") from None
    except ValueError as error:
        raise UserError(f"{file} is no JSON ({error}). Name a file of questions.") from None
    if without := [each.id for each in found.questions if each.answerable and not each.gold]:
        raise UserError(f"{file} does not say which section answers {without[0]}: add its `gold`.")
    return found


def sampled(questions: Sequence[TestQuestion], most: int) -> list[TestQuestion]:
    """At most so many of each kind, spread over all of them."""
    kinds: dict[str, list[TestQuestion]] = {}
    for question in questions:
        kinds.setdefault(question.kind, []).append(question)
    return [
        of_kind[place * len(of_kind) // min(most, len(of_kind))]
        for of_kind in kinds.values()
        for place in range(min(most, len(of_kind)))
    ]
