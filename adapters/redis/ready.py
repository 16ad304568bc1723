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
    its id.
    """

    rank: int
    since: int
    person: str
    id: str

    @classmethod
    def read(cls, stored: bytes) -> Self:
        """As the scripts write it."""
        rank, since, person, message_id = stored.split(b" ", 3)
        return cls(int(rank), int(since), person.decode(), text(message_id))


class Ready:
    """People in the order in which they were last served, and the threads of each likewise."""

    def __init__(self) -> None:
        self._people: dict[str, dict[Address, Head]] = {}
        self._persons: dict[Address, str] = {}
        self._first: set[Address] = set()  # those that come before all others

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
        if head.rank != WAITS:
            self._first.add(at)

    def discard(self, at: Address) -> None:
        """Nothing of this thread can be answered now; whose it was comes last among the people."""
        self._first.discard(at)
        person = self._persons.pop(at, None)
        if person is not None:
            threads = self._people.pop(person)
            del threads[at]
            if threads:
                self._people[person] = threads

    def stopped(self) -> list[tuple[Address, Head]]:
        """Those that only have to be ended."""
        return [entry for entry in self._before_all() if entry[1].rank == STOPPED]

    def first(self, most: int, suspects: int = 1) -> list[tuple[Address, Head]]:
        """Those that may be among the `most` that are next: those that were begun, else one of each person.

        More of each follow only where there are too few people. At most so many `suspects` are among them.
        """
        begun = self._before_all()
        suspected = [entry for entry in begun if entry[1].rank == SUSPECT]
        if begun := [entry for entry in begun if entry not in suspected] + suspected[:suspects]:
            return begun
        found: list[tuple[Address, Head]] = []
        for each in zip_longest(*(threads.items() for threads in self._people.values())):
            if len(found) >= most:
                break
            found += (entry for entry in each if entry and entry[1].rank == WAITS)
        return found[: max(most, PEOPLE)]

    def _before_all(self) -> list[tuple[Address, Head]]:
        return [(at, self._people[self._persons[at]][at]) for at in self._first]
