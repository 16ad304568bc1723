"""What the team's documents do not hold: questions that were not answered, those that ask alike together."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from core.questions import first_id
from core.terms import asks, terms
from core.types import Turn
from core.wishes import Wish, wish

_ALIKE = 0.4
"""Least share of the words of two questions together that stand in both."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Questions that nothing answered and that ask alike, the newest first.

    `audiences` are those, as written, in which documents were looked at beside the public ones.
    """

    turns: tuple[Turn, ...]

    @property
    def people(self) -> int:
        """How many asked."""
        return len({turn.author for turn in self.turns})

    @property
    def asked(self) -> str:
        """How often and when, for people: ``asked 3 times by 2, last on 2026-02-14``."""
        day = datetime.fromtimestamp(self.turns[0].at).astimezone().date()
        times = "once" if len(self.turns) == 1 else f"{len(self.turns)} times by {self.people}"
        return f"asked {times}, last on {day}"

    @property
    def audiences(self) -> tuple[str, ...]:
        return tuple(sorted({audience for turn in self.turns for audience in turn.seen_by}))


def gaps(refused: Iterable[Turn]) -> list[Gap]:
    """Groups of alike questions, those that were asked most first.

    A question joins the group whose first one it shares most words with. One that was asked again for
    another answer counts once, and one that is no question ("thanks") not at all.
    """
    turns = {first_id(turn.message_id): turn for turn in sorted(refused, key=lambda turn: turn.at)}
    groups: list[tuple[frozenset[str], list[Turn]]] = []
    for turn in turns.values():
        if wish(turn.question, attached=False) is Wish.TALK:
            continue
        asked = _words(turn.question)
        nearest = max(groups, key=lambda group: _likeness(group[0], asked), default=None)
        if nearest and _likeness(nearest[0], asked) >= _ALIKE:
            nearest[1].insert(0, turn)
        else:
            groups.append((asked, [turn]))
    found = [Gap(tuple(of_group)) for _, of_group in groups]
    return sorted(found, key=lambda gap: (-len(gap.turns), -gap.turns[0].at))


def _words(question: str) -> frozenset[str]:
    """What a question is about; where it only asks ("how long?"), its asking words."""
    found = terms(question)
    return frozenset(term for term in found if not asks(term)) or frozenset(found)


def _likeness(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / max(len(one | other), 1)
