"""One worker's life: an outage of the server, a stop from elsewhere, an end in mid-answer."""

from collections.abc import AsyncIterator

import pytest

from adapters.redis.connection import connect
from adapters.redis.store import Store
from core.ports import END
from tests.parts import until
from tests.system.crash.answers import answer
from tests.system.crash.episodes import outage, stop
from tests.system.crash.oracle import Asked, Verdict, judge
from tests.system.crash.stage import Stage, ask, history, stage

GOOD = Verdict()
OUTAGE = 3.0
"""Seconds without a server; longer than a lease lasts, and than a call waits."""


@pytest.fixture
async def play() -> AsyncIterator[Stage]:
    """Servers with nothing in them."""
    async with stage() as ready:
        yield ready


@pytest.fixture
async def store(play: Stage) -> AsyncIterator[Store]:
    """A connection of somebody who is no worker."""
    async with connect(play.redis.url) as ready:
        yield ready


async def test_answers_go_on_after_an_outage_of_the_server(play: Stage, store: Store) -> None:
    """The server is gone while twenty answers are made: all come whole, and the log says it once."""
    verdict, warned = await outage(play, store, OUTAGE)
    assert verdict == GOOD
    assert warned == {"redis.unreachable": 1}


async def test_a_stop_closes_the_stream_of_the_model_in_another_process(play: Stage, store: Store) -> None:
    """What was shown stays; the model is cut off in mid-answer, and the history has the part."""
    asked, seconds = await stop(play, store)
    print(f"closed {1000 * seconds:.0f} ms after the stop")
    assert _end(play, asked) == "partial Stopped."
    shown = _shown(play, asked)
    assert shown == answer(asked.message.text).split()[: len(shown)]
    assert 0 < len(shown) < 120
    turns = await history(store, [asked])
    assert [turn.answer.split() for turn in turns[asked.message.thread]] == [shown]


async def test_a_worker_that_is_told_to_end_finishes_its_answer(play: Stage, store: Store) -> None:
    """SIGTERM with time enough: the answer is whole, all of it from this worker, and the exit code is 0."""
    worker = play.start_worker(delay=0.1)
    asked = await ask(store, "t1", 1, words=100)
    await until(lambda: bool(play.echo.pages(asked.message.id)))
    play.start_worker()
    worker.terminate()
    assert await worker.ended() == 0
    assert judge([asked], play.echo, await history(store, [asked])) == GOOD
    assert {event.by for event in play.echo.of(asked.message.id)} == {worker.name}


async def test_an_answer_that_takes_longer_than_the_grace_is_handed_over(play: Stage, store: Store) -> None:
    """SIGTERM without enough time: another worker goes on where the first one stopped."""
    worker = play.start_worker(delay=0.3, grace=0.2)
    asked = await ask(store, "t1", 1, words=120)
    await until(lambda: bool(play.echo.pages(asked.message.id)))
    worker.terminate()
    assert await worker.ended() == 0
    assert not play.all_ended([asked])
    other = play.start_worker()
    await until(lambda: play.all_ended([asked]))
    assert judge([asked], play.echo, await history(store, [asked])) == GOOD
    assert {event.by for event in play.echo.of(asked.message.id)} == {worker.name, other.name}


async def test_a_model_that_cannot_go_on_leaves_a_marked_part(play: Stage, store: Store) -> None:
    """The worker dies in mid-answer; the next one shows what stood, and says that it is not all."""
    victim = play.start_worker(delay=0.3, raw_text=False)
    asked = await ask(store, "t1", 1, words=120)
    await until(lambda: len(play.echo.pages(asked.message.id)) > 1)
    victim.kill()
    play.start_worker(raw_text=False)
    await until(lambda: play.all_ended([asked]))
    assert _end(play, asked).startswith("partial ")
    shown = _shown(play, asked)
    assert shown == answer(asked.message.text).split()[: len(shown)]
    assert 0 < len(shown) < 120
    posts = [event.part for event in play.echo.of(asked.message.id) if event.call == "post"]
    assert len(posts) == len(set(posts))


def _shown(play: Stage, asked: Asked) -> list[str]:
    """The words on all pages."""
    return " ".join(play.echo.pages(asked.message.id)).split()


def _end(play: Stage, asked: Asked) -> str:
    """What the end of the answer says."""
    return next(event.text for event in play.echo.of(asked.message.id) if event.part == END)
