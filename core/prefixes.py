"""How much of its prompts a replica may know already: an estimate, since no engine tells.

An engine keeps what it computed of a prompt, and a later prompt that begins alike goes on from there. What
was sent is remembered here by hashes of its beginnings, block by block, and the oldest are forgotten first.
"""

from collections import OrderedDict
from hashlib import blake2b

BLOCK = 512
"""Characters of a block: what two prompts have in common counts in whole ones."""
KEPT = 50_000
"""Blocks that are remembered, some 25 million characters: about what the cache of one GPU holds."""


class Prefixes:
    """The beginnings of the prompts that one replica was sent."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._blocks: OrderedDict[bytes, None] = OrderedDict()

    def add(self, prompt: str) -> int:
        """Remember a prompt; how many of its first characters an earlier one began with."""
        known, digest, unbroken = 0, blake2b(digest_size=16), True
        for start in range(0, len(prompt) - BLOCK + 1, BLOCK):
            digest.update(prompt[start : start + BLOCK].encode("utf-8", "surrogatepass"))
            block = digest.digest()
            unbroken = unbroken and block in self._blocks
            known += BLOCK * unbroken
            self._blocks[block] = None
            self._blocks.move_to_end(block)
        while len(self._blocks) > self._kept:
            self._blocks.popitem(last=False)
        return known
