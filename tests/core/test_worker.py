"""The worker over a small inbox: what is tried again or given up, how it drains, what people are told."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from core.errors import LeaseLost, NotAdmitted, PlatformError, StoreError
from core.ports import Lease, Ledger, Place, Platform, Standing
from core.transcript import DEAD, Transcript, TranscriptReply, always
from core.types import Checkpoint, Message, Outcome, ThreadId, Turn
from core.worker import ATTEMPTS, GIVEN_UP, Worker, sentence
from tests.clock import on_virtual_clock
from tests.fakes import FakeLedger

HOUR = 3600.0


def message(number: int, platform: str = "transcript") -> Message:
    """A question."""
    return Message(f"m{number}", ThreadId(platform, str(number)), "U1", "?", 0.0)


@dataclass
class FakeLease:
    """A lease that keeps what became of its message."""

    message: Message
    attempts: int = 1
    replica: str = ""
    model: str = ""
    ledger: Ledger = field(default_factory=FakeLedger)
    finished: bool = False
    why: str = ""
    uncounted: bool = False

    async def stopped(self) -> None:
        """As `Lease.stopped`: nobody stops."""
        await asyncio.Event().wait()

    async def move(self, replica: str) -> None:
        """As `Lease.move`."""
        self.replica = replica

    async def finish(self, turn: Turn | None, tokens: int = 0) -> None:
        """As `Lease.finish`."""
        self.finished = True

    async def uncount(self) -> None:
        """As `Lease.uncount`."""
        self.uncounted = True

    async def set_aside(self, why: str) -> None:
        """As `Lease.set_aside`."""
        self.finished, self.why = True, why


@dataclass
class FakeWork:
    """As `Work`, with leases; what is left unfinished comes again."""

    leases: deque[FakeLease]
    places: list[Place] = field(default_factory=list)
    left: list[FakeLease] = field(default_factory=list)
    handed_over: list[FakeLease] = field(default_factory=list)
    _closed: bool = False

    @asynccontextmanager
    async def joined(self) -> AsyncIterator["FakeWork"]:
        """As `Inbox.work`."""
        yield self

    @asynccontextmanager
    async def take(self) -> AsyncIterator[Lease | None]:
        """As `Work.take`."""
        while not self.leases and not self._closed:
            await asyncio.sleep(1.0)
        if self._closed:
            yield None
            return
        lease = self.leases.popleft()
        try:
            yield lease
        except asyncio.CancelledError:
            self.handed_over.append(lease)
            raise
        if not lease.finished:
            lease.attempts += 1
            self.left.append(lease)
        if not lease.finished and not lease.uncounted:
            self.leases.append(lease)

    async def waiting(self) -> list[Place]:
        """As `Work.waiting`."""
        return self.places

    def close(self) -> None:
        """As `Work.close`."""
        self._closed = True


async def nothing(lease: Lease) -> None:
    """An answer that is there at once."""


async def failing(lease: Lease) -> None:
    """An answer that never comes to stand."""
    raise PlatformError("the channel is gone")


async def crashing(lease: Lease) -> None:
    """An answer that meets a mistake of ours."""
    raise ZeroDivisionError


async def run(
    inbox: FakeWork,
    how: Callable[[Lease], Awaitable[object]],
    platform: Transcript | None = None,
    *,
    until: float = HOUR,
    at_once: int = 2,
    grace: float = 60.0,
) -> Transcript:
    """Let a worker work for so long, and drain."""
    platform, draining = platform or Transcript(), asyncio.Event()
    asyncio.get_running_loop().call_later(until, draining.set)

    async def answer(lease: Lease, platform: Platform) -> Outcome:
        await how(lease)
        await lease.finish(None)
        return Outcome("answered")

    worker = Worker(inbox.joined, answer, {"transcript": platform}, at_once=at_once, grace=grace)
    await worker.run(draining)
    return platform


@on_virtual_clock
async def test_everything_that_comes_is_answered() -> None:
    """More messages than are answered at once are answered one after the other."""
    leases = [FakeLease(message(number)) for number in range(9)]
    await run(FakeWork(deque(leases)), nothing)

    assert all(lease.finished for lease in leases)


@pytest.mark.parametrize("how", [failing, crashing])
@on_virtual_clock
async def test_a_message_that_cannot_be_answered_is_set_aside_and_its_asker_told(
    how: Callable[[Lease], Awaitable[object]],
) -> None:
    """After so many attempts and not before; the others are answered all the same."""
    bad, good = FakeLease(message(1)), FakeLease(message(2))

    async def answer(lease: Lease) -> None:
        if lease.message.id == "m1":
            await how(lease)

    inbox = FakeWork(deque([bad, good]))
    with capture_logs():
        platform = await run(inbox, answer)

    assert good.finished
    assert inbox.left == [bad] * (ATTEMPTS - 1)
    assert bad.why in ("PlatformError: the channel is gone", "ZeroDivisionError")
    (reply,) = platform.replies
    assert [(outcome.kind, outcome.why) for outcome in reply.outcomes] == [("failed", GIVEN_UP)]


@on_virtual_clock
async def test_a_message_of_which_workers_die_is_set_aside_unseen() -> None:
    """It is not looked at again; and where even telling kills, nobody is told."""
    told, silent = FakeLease(message(1), ATTEMPTS + 1), FakeLease(message(2), ATTEMPTS + 2)
    with capture_logs():
        platform = await run(FakeWork(deque([told, silent])), crashing)

    assert told.why == silent.why == "Every worker that took it was interrupted."
    assert len(platform.replies) == 1


@on_virtual_clock
async def test_an_asker_who_cannot_be_told_does_not_keep_the_message() -> None:
    """It is set aside even where the platform takes nothing."""
    lease = FakeLease(message(1), ATTEMPTS)
    with capture_logs():
        await run(FakeWork(deque([lease])), failing, Transcript(faults=always(DEAD)))

    assert lease.why == "PlatformError: the channel is gone"


@on_virtual_clock
async def test_a_platform_without_a_token_is_no_reason_to_stop() -> None:
    """The message stays in the inbox until the token is there, and none of its attempts is spent."""
    stranger, friend = FakeLease(message(1, "discord")), FakeLease(message(2))
    with capture_logs():
        await run(FakeWork(deque([stranger, friend])), nothing)

    assert stranger.uncounted
    assert not stranger.finished
    assert friend.finished


@on_virtual_clock
async def test_a_platform_that_lets_nobody_in_costs_no_question() -> None:
    """Its last attempt does not count, so it waits until the token is good again, and is answered then."""
    lease = FakeLease(message(1), ATTEMPTS)

    async def answer(lease: Lease) -> None:
        if not isinstance(lease, FakeLease) or not lease.uncounted:
            raise NotAdmitted("the token is revoked")

    with capture_logs() as logs:
        await run(FakeWork(deque([lease])), answer)

    assert (lease.uncounted, lease.why) == (True, "")
    assert [each["event"] for each in logs if "admitted" in each["event"]] == ["worker.not_admitted"]


@pytest.mark.parametrize("error", [LeaseLost("gone"), StoreError("gone")])
@on_virtual_clock
async def test_whoever_lost_the_lease_or_the_store_writes_nothing(error: Exception) -> None:
    """Another worker answers; nothing is set aside, nobody is told anything."""
    lease = FakeLease(message(1))

    async def answer(lease: Lease) -> None:
        if lease.attempts == 1:
            raise error

    with capture_logs():
        platform = await run(FakeWork(deque([lease])), answer)

    assert (lease.attempts, lease.why, platform.replies) == (2, "", [])


@on_virtual_clock
async def test_a_draining_worker_ends_its_answers_and_takes_no_more() -> None:
    """What was begun before SIGTERM is answered within the grace; what waits is left to others."""
    begun, waiting = FakeLease(message(1)), FakeLease(message(2))

    async def answer(lease: Lease) -> None:
        await asyncio.sleep(40.0)

    inbox = FakeWork(deque([begun, waiting]))
    await run(inbox, answer, until=5.0, at_once=1)

    assert (begun.finished, waiting.finished, list(inbox.leases)) == (True, False, [waiting])


@on_virtual_clock
async def test_an_answer_that_outlives_the_grace_is_handed_over() -> None:
    """It is left by a cancellation, and another worker goes on with it."""
    lease = FakeLease(message(1))

    async def answer(lease: Lease) -> None:
        await asyncio.Event().wait()

    inbox = FakeWork(deque([lease]))
    await run(inbox, answer, until=5.0)

    assert inbox.handed_over == [lease]
    assert not lease.finished


@on_virtual_clock
async def test_those_who_wait_are_told_their_place_when_it_changes() -> None:
    """Not before some seconds, and not again and again."""
    inbox = FakeWork(deque(), [Place(message(1), 3, None)])
    platform = Transcript()
    loop = asyncio.get_running_loop()
    loop.call_later(20.0, inbox.places.__setitem__, 0, Place(message(1), 0, None))
    await run(inbox, nothing, platform, until=60.0)

    assert [text for _, text in platform.places] == [
        "3 questions are before yours.",
        "Your question is next.",
    ]


@on_virtual_clock
async def test_a_place_that_cannot_be_told_harms_nobody() -> None:
    """A platform that takes nothing does not stop the worker."""
    lease = FakeLease(message(2))
    inbox = FakeWork(deque(), [Place(message(1), 3, None), Place(message(3, "discord"), 4, None)])
    asyncio.get_running_loop().call_later(30.0, inbox.leases.append, lease)
    with capture_logs():
        await run(inbox, nothing, Transcript(faults=always(DEAD)))

    assert lease.finished


@pytest.mark.parametrize(
    ("ahead", "seconds", "text"),
    [
        (0, None, "Your question is next."),
        (0, 90.0, "Your question is next."),
        (1, None, "1 question is before yours."),
        (2, 3.0, "2 questions are before yours."),
        (2, 22.0, "2 questions are before yours: about 20 seconds."),
        (7, 90.0, "7 questions are before yours: about 2 minutes."),
        (99, 610.0, "99 questions are before yours: about 10 minutes."),
    ],
)
def test_a_place_is_told_in_a_sentence(ahead: int, seconds: float | None, text: str) -> None:
    """With the time only where it is known and long enough to matter."""
    assert sentence(Place(message(1), ahead, seconds)) == text


class Broken(Transcript):
    """A platform whose adapter has a mistake in it."""

    def reply(self, message: Message, ledger: Ledger) -> TranscriptReply:
        raise KeyError("a mistake")

    async def show_place(self, message: Message, text: str) -> None:
        raise KeyError("a mistake")


@on_virtual_clock
async def test_a_mistake_in_an_adapter_stops_no_worker() -> None:
    """Neither while a place is told nor while a message is given up, which is set aside all the same."""

    async def answer(lease: Lease) -> None:
        if lease.message.id == message(1).id:
            raise KeyError("a mistake")

    broken, well = FakeLease(message(1)), FakeLease(message(2))
    inbox = FakeWork(deque([broken]), [Place(message(3), 3, None)])
    asyncio.get_running_loop().call_later(60.0, inbox.leases.append, well)
    with capture_logs():
        await run(inbox, answer, Broken())

    assert (broken.why, well.finished) == ("KeyError", True)


@on_virtual_clock
async def test_who_is_given_up_hears_what_the_answer_ended_with() -> None:
    """People may have seen that end already: no other one is told."""
    ended = Outcome("answered", answer="Green.")
    lease = FakeLease(
        message(1), ATTEMPTS + 1, ledger=FakeLedger(before=Standing({}, Checkpoint(outcome=ended)))
    )
    platform = Transcript()
    with capture_logs():
        await run(FakeWork(deque([lease])), nothing, platform)

    assert platform.replies[0].outcomes == [ended]
    assert lease.why
