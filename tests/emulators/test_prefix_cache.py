"""The stand-in's prefix cache against a list of all prompts."""

from hypothesis import given
from hypothesis import strategies as st

from tests.emulators.prefix_cache import PrefixCache


def common(one: list[int], other: list[int]) -> int:
    """How many tokens both begin with."""
    return next(
        (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


@given(st.lists(st.lists(st.integers(0, 2), max_size=8), max_size=30))
def test_a_prompt_reuses_the_longest_beginning_that_any_prompt_before_it_had(
    prompts: list[list[int]],
) -> None:
    """Whatever prompts came in whatever order."""
    cache, before = PrefixCache(10_000), list[list[int]]()
    for prompt in prompts:
        assert cache.look_up(prompt) == max((common(prompt, other) for other in before), default=0)
        cache.keep(prompt)
        before.append(prompt)
    assert cache.asked == sum(map(len, prompts))


def test_what_was_not_used_for_longest_goes_first() -> None:
    """What several prompts begin with stays as long as one of them."""
    cache = PrefixCache(10)
    cache.keep([1, 2, 3, 4])
    cache.keep([1, 2, 5, 6])
    cache.look_up([1, 2, 3, 4])
    cache.keep([7] * 5)
    assert [cache.look_up(ids) for ids in ([1, 2, 3, 4], [1, 2, 5, 6], [7] * 5)] == [4, 2, 5]
