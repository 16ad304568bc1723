"""The threads whose next message could be answered now, by the person who asked it."""

from collections.abc import Iterator
from itertools import zip_longest
from typing import NamedTuple, Self

from adapters.redis.keys import Address
from adapters.redis.values import text

PEOPLE = 64
"""How many people are compared at most to find who is next."""


STOPPED, BEGUN, WAITS, SUSPECT = range(4)
"""Ranks: one that was stopped needs no replica to end, of one that was begun people saw a part, and a suspect
was begun by two workers that died, of it or of another that they answered at that time.
"""


class Head(NamedTuple):
    """The next message of a thread: its rank, since when it has it (microseconds of the server), whose it is,
    its id, the model that is asked ("" is the first one), what stands for the replica that answered there
    last, and about how many tokens its prompt has.
    """

    rank: int
    since: int
    person: str
    id: str
    model: str = ""
    home: str = ""
    tokens: int = 0

    @classmethod
    def read(cls, stored: bytes) -> Self:
        """As the scripts write it; what a later release appends to its fields is left out."""
        rank, since, about, message_id = stored.split(b" ", 3)
        person, model, home, tokens, *_ = (*about.decode().split(":"), "", "", "")  # the first alone of old
        return cls(int(rank), int(since), person, text(message_id), model, home, int(tokens or 0))


class Ready:
    """People in the order in which they were last served, and the threads of each likewise."""

    def __init__(self) -> None:
        self._people: dict[str, dict[Address, Head]] = {}
        self._persons: dict[Address, str] = {}
        self._first: set[Address] = set()  # those that come before all others
        self._models: dict[str, int] = {}  # how many are for each, the one last that was last served

    def __len__(self) -> int:
        return len(self._persons)

    def __iter__(self) -> Iterator[tuple[Address, Head, int]]:
        """Every thread, with how many of the same person come before it."""
        for threads in self._people.values():
            for own, (at, head) in enumerate(threads.items()):
                yield at, head, own

    def get(self, at: Address) -> Head | None:
        """What is next in this thread."""
        person = self._persons.get(at)
        return None if person is None else self._people[person][at]

    def add(self, at: Address, head: Head) -> None:
        """This is next in its thread; it comes last among those of its person."""
        if self.get(at) == head:
            return
        self.discard(at)
        self._people.setdefault(head.person, {})[at] = head
        self._persons[at] = head.person
        self._models[head.model] = self._models.get(head.model, 0) + 1
        if head.rank != WAITS:
            self._first.add(at)

    def discard(self, at: Address) -> None:
        """Nothing of this thread can be answered now; whose it was comes last among the people."""
        self._first.discard(at)
        person = self._persons.pop(at, None)
        if person is not None:
            threads = self._people.pop(person)
            model = threads.pop(at).model
            if threads:
                self._people[person] = threads
            if (left := self._models.pop(model) - 1) > 0:
                self._models[model] = left

    def models(self) -> list[str]:
        """Those that somebody is to be answered by; one of whose nobody was taken for long comes first."""
        return list(self._models)

    def stopped(self) -> list[tuple[Address, Head]]:
        """Those that only have to be ended."""
        return [entry for entry in self._before_all() if entry[1].rank == STOPPED]

    def first(self, most: int, suspects: int = 1, model: str = "") -> list[tuple[Address, Head]]:
        """Those that may be among the `most` that are next for a model: those that were begun, else one of
        each person.

        More of each follow only where there are too few people. At most so many `suspects` are among them.
        """
        begun = [entry for entry in self._before_all() if entry[1].model == model]
        suspected = [entry for entry in begun if entry[1].rank == SUSPECT]
        if begun := [entry for entry in begun if entry not in suspected] + suspected[:suspects]:
            return begun
        found: list[tuple[Address, Head]] = []
        for each in zip_longest(*(threads.items() for threads in self._people.values())):
            if len(found) >= most:
                break
            found += (e for e in each if e and e[1].rank == WAITS and e[1].model == model)
        return found[: max(most, PEOPLE)]

    def _before_all(self) -> list[tuple[Address, Head]]:
        return [(at, self._people[self._persons[at]][at]) for at in self._first]
