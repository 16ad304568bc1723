"""How much of a prompt a replica may know already."""

from core.prefixes import BLOCK, Prefixes


def test_what_a_prompt_has_in_common_with_an_earlier_one_is_known() -> None:
    """In whole blocks from the first character on: a later turn begins with the turns before."""
    prefixes = Prefixes()
    history = "a" * (3 * BLOCK + 10)

    assert prefixes.add(history) == 0
    assert prefixes.add(history + "b" * BLOCK) == 3 * BLOCK
    assert prefixes.add("b" + history) == 0


def test_what_stands_behind_a_difference_is_not_known() -> None:
    """A cache goes on from the beginning, and nowhere else."""
    prefixes = Prefixes()
    prefixes.add("a" * BLOCK + "b" * BLOCK + "c" * BLOCK)

    assert prefixes.add("a" * BLOCK + "x" * BLOCK + "c" * BLOCK) == BLOCK


def test_the_oldest_prompts_are_forgotten() -> None:
    """What is remembered is bounded, as the cache of an engine is."""
    prefixes = Prefixes(kept=2)
    prefixes.add("a" * BLOCK)
    prefixes.add("b" * BLOCK)
    prefixes.add("a" * BLOCK)
    prefixes.add("c" * BLOCK)

    assert prefixes.add("b" * BLOCK) == 0
    assert prefixes.add("c" * BLOCK) == BLOCK
