"""Random courses of events on two threads and two workers, compared with a plain model of the inbox."""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.redis.connection import connect
from adapters.redis.history import RedisHistory
from adapters.redis.inbox import RedisInbox
from core.types import Message, ThreadId
from tests.adapters.redis_parts import RedisServer, answered

THREADS = [ThreadId("terminal", "notes"), ThreadId("terminal", "diary")]
EVENTS = ["put", "finish", "leave", "fresh", "forget", "stop"]


@dataclass
class Model:
    """What a thread must hold: accepted and not yet answered, once seen, tried, finished."""

    waiting: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    attempts: int = 0
    turns: list[str] = field(default_factory=list)
    fresh_after: str = ""


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(EVENTS), st.integers(0, 1), st.integers(0, 1), st.integers(0, 5)),
        max_size=25,
    )
)
async def test_any_course_of_events_agrees_with_the_model(
    redis_session: RedisServer, events: list[tuple[str, int, int, int]]
) -> None:
    """Nothing is lost, doubled or out of order, whichever worker does what."""
    with redis_session.client() as client:
        client.flushall()
    models = [Model(), Model()]
    async with connect(redis_session.url) as store:
        workers, history = [RedisInbox(store), RedisInbox(store)], RedisHistory(store)
        for event, worker, index, number in events:
            thread, model, inbox = THREADS[index], models[index], workers[worker]
            if event == "put":
                await put(inbox, Message(f"m{number}", thread, "U1", "?", 0.0), model)
            elif event in ("finish", "leave"):
                await take(inbox, thread, model, finish=event == "finish")
            elif event == "fresh":
                await history.fresh(thread)
                model.turns.clear()
                model.fresh_after = model.waiting[0] if model.attempts else ""
            elif event == "forget":
                await history.forget(thread)
                models[index] = Model(seen=model.seen)
            else:
                await inbox.stop(thread)
            assert [turn.message_id for turn in await history.turns(thread)] == models[index].turns
        for thread, model in zip(THREADS, models, strict=True):
            while model.waiting:
                await take(workers[0], thread, model, finish=True)
            async with workers[1].take(thread) as lease:
                assert lease is None


async def put(inbox: RedisInbox, message: Message, model: Model) -> None:
    """Put it, and see that the receipt is what the model expects."""
    receipt = await inbox.put(message)
    assert receipt.accepted == (message.id not in model.seen)
    if receipt.accepted:
        model.seen.add(message.id)
        model.waiting.append(message.id)
    assert receipt.ahead == (model.waiting.index(message.id) if message.id in model.waiting else 0)


async def take(inbox: RedisInbox, thread: ThreadId, model: Model, *, finish: bool) -> None:
    """Take the next message, see that it is the model's next, and answer or leave it."""
    async with inbox.take(thread) as lease:
        if lease is None:
            assert not model.waiting
            return
        model.attempts += 1
        assert (lease.message.id, lease.attempts) == (model.waiting[0], model.attempts)
        if finish:
            await lease.finish(answered(lease.message))
            model.turns.append(model.waiting.pop(0))
            if model.turns[-1] == model.fresh_after:
                model.turns.clear()
            model.attempts = 0
