"""A worker: takes what waits in the inbox, answers it, and says how long it will be.

What fails is tried again, but not for ever: a message that cannot be answered is set aside, and who
asked is told.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, suppress

import structlog

from core import trace
from core.errors import LeaseLost, NotAdmitted, PlatformError, StoreError
from core.ports import END, Lease, Place, Platform, Work
from core.retrying import RetryingReply
from core.story import known, telling
from core.types import Checkpoint, Outcome

log = structlog.get_logger()

ATTEMPTS = 5
"""How often a message is tried."""
GIVEN_UP = (
    f"This question could not be answered in {ATTEMPTS} attempts, so it was set aside. Ask it again later."
)

_PLACES_EVERY = 2.0
"""Seconds that people wait before they are told their place, and between two such looks."""
_STATUS_WITHIN = 2.0
"""Seconds that a platform may take to show one: no place is worth holding up the others."""


class Worker:
    """Answers what `work` (see `Inbox.work`) gives it, on these platforms, so many `at_once`.

    `answer` is `Assistant.answer`: it ends the lease, or raises and leaves the message in the inbox. `grace`
    is how many seconds the answers in progress have once it drains; what is not done by then is left to
    another worker, which goes on with it.
    """

    def __init__(
        self,
        work: Callable[[], AbstractAsyncContextManager[Work]],
        answer: Callable[[Lease, Platform], Awaitable[Outcome]],
        platforms: Mapping[str, Platform],
        *,
        at_once: int,
        grace: float,
    ) -> None:
        self._work = work
        self._answer = answer
        self._platforms = platforms
        self._at_once = at_once
        self._grace = grace
        self._is_working = False

    async def wrong(self) -> str:
        """Why it answers nothing, or nothing."""
        return "" if self._is_working else "the worker takes nothing from the inbox"

    async def run(self, draining: asyncio.Event) -> None:
        """Work until this worker is to drain, and then until it has."""
        async with self._work() as work:
            self._is_working = True
            log.info("worker.started", platforms=sorted(self._platforms), at_once=self._at_once)
            telling = asyncio.create_task(self._tell_places(work))
            serving = [asyncio.create_task(self._serve(work)) for _ in range(self._at_once)]
            try:
                await _first(draining, [*serving, telling])
                work.close()
                self._is_working = False
                log.info("worker.draining", grace=self._grace)
                await asyncio.wait(serving, timeout=self._grace)
            finally:
                await _cancelled([*serving, telling])
        log.info("worker.stopped")

    async def _serve(self, work: Work) -> None:
        """Answer one message after the other."""
        while True:
            async with work.take() as lease:
                if lease is None:
                    return
                await self._care_for(lease)

    async def _care_for(self, lease: Lease) -> None:
        """Answer a message or tell why not; a failure leaves it in the inbox for another attempt."""
        message = lease.message
        about = {**known(message), "attempt": lease.attempts}
        with trace.step("worker.attempt", about, under=message.trace), telling(message):
            if lease.attempts == 1 and message.at:
                trace.begin("inbox.wait", under=message.trace, at=message.at).end()
            platform = self._platforms.get(message.thread.platform)
            try:
                if platform is None:
                    log.error("worker.cannot_speak_there", mend="give this worker the platform's token")
                    await lease.uncount()
                elif lease.attempts > ATTEMPTS:  # whoever took it died of it, or never came to say why
                    await self._give_up(lease, platform, "Every worker that took it was interrupted.")
                else:
                    await self._try(lease, platform)
            except LeaseLost as error:
                log.info("worker.lease_lost", detail=str(error))
            except StoreError as error:
                log.warning("worker.attempt_failed", attempts=lease.attempts, error=str(error))
                trace.note(error=type(error).__name__)

    async def _try(self, lease: Lease, platform: Platform) -> None:
        try:
            await self._answer(lease, platform)
        except (LeaseLost, StoreError):
            raise
        except Exception as error:  # one message must not stop all others
            trace.note(error=type(error).__name__)
            if isinstance(error, PlatformError):
                why = f"{type(error).__name__}: {error}"
                log.warning("worker.attempt_failed", attempts=lease.attempts, error=why)
            else:
                why = type(error).__name__
                log.exception("worker.answer_failed", attempts=lease.attempts)
            if lease.attempts >= ATTEMPTS and isinstance(error, NotAdmitted):
                log.warning("worker.not_admitted", mend=error.sentence)
                await lease.uncount()
            elif lease.attempts >= ATTEMPTS:
                await self._give_up(lease, platform, why)

    async def _give_up(self, lease: Lease, platform: Platform, why: str) -> None:
        """Tell the asker, if that is possible at all, and set the message aside."""
        log.error("worker.message_set_aside", attempts=lease.attempts, why=why)
        if lease.attempts <= ATTEMPTS + 1:  # unless telling is what fails
            try:
                await _tell_the_end(lease, platform)
            except (LeaseLost, StoreError):
                raise
            except Exception as error:  # noqa: BLE001 - it is set aside all the same
                log.warning("worker.end_not_told", error=type(error).__name__)
        await lease.set_aside(why)

    async def _tell_places(self, work: Work) -> None:
        """Show people who wait how many come before them, whenever that changes."""
        told: dict[str, str] = {}
        while True:
            await asyncio.sleep(_PLACES_EVERY)
            with suppress(StoreError):
                told = {
                    place.message.id: await self._tell(place, told.get(place.message.id))
                    for place in await work.waiting()
                    if place.message.thread.platform in self._platforms
                }

    async def _tell(self, place: Place, before: str | None) -> str:
        text, message = sentence(place), place.message
        if text != before:
            try:
                async with asyncio.timeout(_STATUS_WITHIN):
                    await self._platforms[message.thread.platform].show_place(message, text)
            except Exception as error:  # noqa: BLE001 - no place is worth a worker
                log.info("worker.place_not_told", error=type(error).__name__)
            if before is None:
                with telling(message):
                    log.info("worker.place", ahead=place.ahead)
        return text


def sentence(place: Place) -> str:
    """What people read of their place."""
    ahead = place.ahead
    if not ahead:
        return "Your question is next."
    text = "1 question is" if ahead == 1 else f"{ahead} questions are"
    seconds = place.seconds
    if seconds is None or seconds < 5:
        return f"{text} before yours."
    about = f"{5 * round(seconds / 5)} seconds" if seconds < 90 else f"{round(seconds / 60)} minutes"
    return f"{text} before yours: about {about}."


async def _tell_the_end(lease: Lease, platform: Platform) -> None:
    """End the answer as it ended before, if people may have seen that; else with the sentence for it."""
    left = (await lease.ledger.standing()).checkpoint
    outcome = left.outcome if left and left.outcome else Outcome("failed", why=GIVEN_UP)
    await lease.ledger.intend(END, Checkpoint(outcome=outcome))
    reply = RetryingReply(platform.reply(lease.message, lease.ledger), lease.ledger)
    await reply.finish(outcome)


async def _first(event: asyncio.Event, tasks: list[asyncio.Task[None]]) -> None:
    """Return once the event is set; a task that ends before is a failure, and raises what it met."""
    waiting = asyncio.create_task(event.wait())
    try:
        done, _ = await asyncio.wait([waiting, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        waiting.cancel()


async def _cancelled(tasks: list[asyncio.Task[None]]) -> None:
    """Cancel what still runs, and wait for its end."""
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception):
            log.error("worker.task_failed", error=type(result).__name__)
