"""When a replica is asked, and when it is left alone."""

from core.breaker import EJECTED_FOR, FAILURES, INCIDENT, LONGEST_EJECTION, WINDOW, Breaker


class Clock:
    """A time that is set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def ejected(clock: Clock) -> Breaker:
    """A breaker of a replica that has just been ejected."""
    breaker = Breaker(clock)
    for number in range(FAILURES):
        clock.now += INCIDENT
        assert breaker.failed(breaker.begins()) == (number == FAILURES - 1)
    return breaker


def test_failures_in_a_row_eject_a_replica() -> None:
    """Not one less; and an answer in between begins the count anew."""
    clock = Clock()
    breaker = ejected(clock)
    assert (breaker.state, breaker.lets_through) == ("ejected", False)

    breaker = Breaker(clock)
    for _ in range(FAILURES - 1):
        clock.now += INCIDENT
        breaker.failed(breaker.begins())
    breaker.succeeded(breaker.begins())
    clock.now += INCIDENT
    assert not breaker.failed(breaker.begins())
    assert breaker.state == "well"


def test_streams_that_fail_together_failed_once() -> None:
    """A batch that runs out of memory takes all along that were in it, and the next one may go well."""
    clock = Clock()
    breaker = Breaker(clock)
    assert not any(breaker.failed(breaker.begins()) for _ in range(100))
    assert breaker.state == "well"


def test_nothing_but_failures_for_a_while_eject_a_rarely_used_replica_too() -> None:
    """Two in half a minute, and no answer between them."""
    clock = Clock()
    breaker = Breaker(clock)
    assert not breaker.failed(breaker.begins())
    clock.now += WINDOW
    assert breaker.failed(breaker.begins())


def test_one_request_at_a_time_tries_an_ejected_replica() -> None:
    """Whoever comes while it is tried goes elsewhere; when that is left early, the next one tries."""
    clock = Clock()
    breaker = ejected(clock)
    clock.now += EJECTED_FOR
    assert (breaker.state, breaker.lets_through) == ("on trial", True)
    trial = breaker.begins()
    assert (breaker.state, breaker.lets_through) == ("on trial", False)
    breaker.left(trial)
    assert (breaker.state, breaker.lets_through) == ("on trial", True)

    breaker.succeeded(breaker.begins())
    assert (breaker.state, breaker.lets_through) == ("well", True)


def test_what_began_before_a_trial_does_not_decide_it() -> None:
    """An earlier stream that ends meanwhile, however it does, neither ends it nor lets another one in."""
    clock = Clock()
    breaker = Breaker(clock)
    stale, left = breaker.begins(), breaker.begins()
    for _ in range(FAILURES):
        clock.now += INCIDENT
        breaker.failed(breaker.begins())
    clock.now += EJECTED_FOR
    trial = breaker.begins()

    breaker.left(left)
    assert not breaker.lets_through
    assert not breaker.failed(stale)
    assert (breaker.state, breaker.lets_through) == ("on trial", False)
    breaker.succeeded(trial)
    assert (breaker.state, breaker.lets_through) == ("well", True)


def test_a_trial_that_fails_ejects_for_longer_each_time() -> None:
    """People wait for the end of a trial: of a replica that hangs there are fewer and fewer."""
    clock, lengths = Clock(), []
    breaker = ejected(clock)
    for _ in range(6):
        began = clock.now
        while not breaker.lets_through:
            clock.now += 1
        lengths.append(clock.now - began)
        trial = breaker.begins()
        breaker.rests(1.0)
        assert breaker.failed(trial)
    assert lengths == [10, 20, 40, 80, LONGEST_EJECTION, LONGEST_EJECTION]


def test_a_replica_that_rests_is_asked_again_with_all_that_comes() -> None:
    """It was away for a moment, or asked for a pause: that is no ejection."""
    clock = Clock()
    breaker = Breaker(clock)
    breaker.rests(5.0)
    assert (breaker.state, breaker.lets_through) == ("resting", False)
    clock.now += 5.0
    breaker.begins()
    assert (breaker.state, breaker.lets_through) == ("well", True)


def test_what_ends_well_after_a_failure_though_it_began_before_says_nothing() -> None:
    """A server that is told to end finishes its streams and refuses new ones."""
    clock = Clock()
    breaker = Breaker(clock)
    before = breaker.begins()
    clock.now += 1
    breaker.rests(5.0)
    breaker.failed(breaker.begins())
    clock.now += 1
    breaker.succeeded(before)
    assert breaker.state == "resting"
