"""Which of several names a key belongs to, so that everybody finds the same without asking anybody.

Rendezvous hashing (Thaler and Ravishankar, 1998): when a name comes or goes, only its share of the keys
moves, and each of those to the next name in its own order.
"""

import hashlib
from functools import lru_cache


def weight(key: str, name: str) -> bytes:
    """How much `name` is drawn to `key`; the one with the most has it."""
    return hashlib.blake2b(f"{name} {key}".encode("utf-8", "replace")).digest()


@lru_cache(maxsize=4096)  # who waits for a slot asks again and again
def ranked(key: str, names: tuple[str, ...]) -> tuple[int, ...]:
    """The indices of all `names`, the one that `key` belongs to first, then those that stand in for it."""
    return tuple(sorted(range(len(names)), key=lambda index: weight(key, names[index]), reverse=True))
