"""How many retries are granted."""

from core.budget import ALWAYS, SHARE, WINDOW, RetryBudget


def test_a_few_retries_are_always_granted() -> None:
    """Also to who asks hardly anything."""
    budget = RetryBudget(lambda: 0.0)
    assert [budget.grants() for _ in range(ALWAYS + 1)] == [True] * ALWAYS + [False]


def test_retries_are_a_share_of_the_requests() -> None:
    """However many fail."""
    budget = RetryBudget(lambda: 0.0)
    for _ in range(1000):
        budget.requested()
    assert sum(budget.grants() for _ in range(1000)) == 1000 * SHARE


def test_what_is_long_ago_counts_no_more() -> None:
    """Neither requests nor retries: the share is that of the last minute."""
    now = 0.0
    budget = RetryBudget(lambda: now)
    for _ in range(1000):
        budget.requested()
    assert sum(budget.grants() for _ in range(1000)) > ALWAYS
    now += WINDOW
    assert sum(budget.grants() for _ in range(1000)) == ALWAYS
