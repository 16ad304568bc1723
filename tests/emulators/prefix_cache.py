"""The prefix cache of TGI as a stand-in has it: a radix tree on token ids (backends/v3/src/radix.rs).

A prompt reuses what it has in common with the beginning of any prompt before it, and is kept when its
request is freed; answers are not kept. Where there are too many tokens, those that were not used for longest
go first.
"""

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Self


class _Node:
    """A run of tokens that several prompts share, and what follows it, by the first token."""

    def __init__(self, ids: Sequence[int], parent: Self | None, used: int) -> None:
        self.ids = ids
        self.parent = parent
        self.used = used
        self.children: dict[int, Self] = {}


class PrefixCache:
    """`capacity` is in tokens. Look at `asked` and `reused`: tokens of all prompts, and those found there."""

    def __init__(self, capacity: int) -> None:
        self.asked = self.reused = 0
        self._capacity = capacity
        self._size = 0
        self._clock = count()
        self._root = _Node((), None, 0)

    def look_up(self, ids: Sequence[int]) -> int:
        """How many tokens this prompt reuses."""
        _, reused = self._walk(ids)
        self.asked += len(ids)
        self.reused += reused
        return reused

    def keep(self, ids: Sequence[int]) -> None:
        """Keep a prompt whose request is freed."""
        node, there = self._walk(ids)
        if there < len(ids):
            node.children[ids[there]] = _Node(ids[there:], node, next(self._clock))
            self._size += len(ids) - there
        while self._size > self._capacity:
            oldest = min(self._leaves(self._root), key=lambda leaf: leaf.used)
            assert oldest.parent
            del oldest.parent.children[oldest.ids[0]]
            self._size -= len(oldest.ids)

    def _walk(self, ids: Sequence[int]) -> tuple[_Node, int]:
        """The node at which `ids` leave the tree, split where that is inside of one, and after how many."""
        node, at = self._root, 0
        while at < len(ids) and (child := node.children.get(ids[at])):
            child.used = next(self._clock)
            here = ids[at : at + len(child.ids)]
            same = next(
                (i for i, pair in enumerate(zip(here, child.ids, strict=False)) if pair[0] != pair[1]),
                len(here),
            )
            at += same
            if same < len(child.ids):
                return self._split(child, same), at
            node = child
        return node, at

    def _split(self, node: _Node, at: int) -> _Node:
        """The first `at` tokens of a node as one of its own, with the rest below it."""
        assert node.parent
        head = _Node(node.ids[:at], node.parent, node.used)
        node.parent.children[node.ids[0]] = head
        node.ids, node.parent = node.ids[at:], head
        head.children[node.ids[0]] = node
        return head

    def _leaves(self, node: _Node) -> Iterator[_Node]:
        for child in node.children.values():
            if child.children:
                yield from self._leaves(child)
            else:
                yield child
