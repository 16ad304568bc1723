"""What people are told of files that were not read: every one by its name, in as few sentences as say it."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from core.prompt import clean

_LONGEST_NAME = 80
_MOST_NAMES = 30


class Refusal(NamedTuple):
    """A file that cannot be read, and the sentence that says why and what to do."""

    name: str
    sentence: str


def shown(name: str) -> str:
    """A file's name as people and models see it: one short line, with nothing that hides or turns text.

    It can stand between backticks, as readers of files write it.
    """
    plain = " ".join(clean(name).replace("`", "'").split()) or "a file"
    return plain if len(plain) <= _LONGEST_NAME else f"{plain[:60]}…{plain[-19:]}"


def sentences(refusals: Iterable[Refusal]) -> list[str]:
    """The sentences of all; files that are refused for the same reason share one."""
    alike: dict[str, list[Refusal]] = {}
    for refusal in refusals:
        reason = refusal.sentence.replace(f"`{refusal.name}`", "").removeprefix(refusal.name)
        alike.setdefault(reason, []).append(refusal)
    return [_of_all(*same) for same in alike.values()]


def no_time(names: Sequence[str]) -> str:
    """The sentence for files that were not reached."""
    return f"There was no time to read {_listed(names)}. Send what is missing again, a few files at a time."


def _of_all(first: Refusal, *others: Refusal) -> str:
    if not others:
        return first.sentence
    return f"{first.sentence} The same goes for {_listed([other.name for other in others])}."


def _listed(names: Sequence[str]) -> str:
    *most, last = names[:_MOST_NAMES]
    if len(names) > _MOST_NAMES:
        most, last = [*most, last], f"{len(names) - _MOST_NAMES} more"
    return f"{', '.join(most)} and {last}" if most else last
