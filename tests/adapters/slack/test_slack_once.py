"""Each part of an answer on Slack stands once, whoever wrote it and whatever became of the call."""

import asyncio
from collections.abc import Callable
from functools import partial

import pytest

from adapters.slack import places
from adapters.slack.platform import SlackPlatform
from core.errors import WriteFailed
from core.ports import Reply
from core.types import Message
from tests.adapters.platform_parts import Step, play
from tests.adapters.slack.answering import (
    APPEND,
    PLAIN,
    POST,
    SAID,
    SCRIPTS,
    SHORT,
    START,
    STOP,
    UPDATE,
    answers,
    page,
    shown,
    without_streams,
)
from tests.adapters.slack.parts import asked
from tests.emulators.shared.faults import Fault
from tests.emulators.slack import faults
from tests.emulators.slack.application import MANIFEST
from tests.emulators.slack.model import Message as Posted
from tests.emulators.slack.model import Stream, Version
from tests.emulators.slack.server import SlackServer
from tests.fakes import FakeLedger
from tests.parts import eventually


@pytest.mark.parametrize("after", [False, True], ids=["before it is done", "before its answer"])
@pytest.mark.parametrize("streams", [True, False], ids=["streams", "messages"])
@pytest.mark.parametrize("name", SCRIPTS)
async def test_wherever_a_worker_dies_the_next_one_ends_the_answer_once(
    name: str, streams: bool, after: bool, slack: SlackServer, platform: SlackPlatform
) -> None:
    """At every call of Slack: what stands is found by its metadata, or by having none."""
    steps = SCRIPTS[name]
    await slack.control.install({**MANIFEST, "settings": {}})  # no events: all calls are the worker's
    if not streams:
        await without_streams(slack)
    ledger = FakeLedger()
    await play(platform.reply(await asked(slack), ledger), ledger, SHORT)  # so that what is remembered is
    message, ledger = await asked(slack), FakeLedger()
    before = len(slack.platform.calls)
    await play(platform.reply(message, ledger), ledger, steps)
    calls = len(slack.platform.calls) - before
    expected = [shown(each) for each in await answers(slack, message)]

    for last in range(calls):
        message, ledger = await asked(slack), FakeLedger()
        done = await _killed(slack, platform.reply(message, ledger), ledger, steps, last, after=after)
        ledger = ledger.taken_over()
        await play(platform.reply(message, ledger), ledger, steps[done:])
        found = await answers(slack, message)
        assert [shown(each) for each in found] == expected, f"killed at {last}"
        assert all(each.stream is None or each.stream.state == "completed" for each in found)
        place = places.place(message)
        state = (await slack.control.session(place.channel, place.root or "")).state
        assert state != "processing", f"killed at {last}"


async def _killed(
    slack: SlackServer, reply: Reply, ledger: FakeLedger, steps: list[Step], last: int, *, after: bool
) -> int:
    """Play these steps and die at the call with this number; the step at which the worker was."""
    done = 0

    async def live() -> None:
        nonlocal done
        for step in steps:
            await play(reply, ledger, [step])
            done += 1

    fault = await slack.control.fault(
        Fault(on="* **", skip=last, times=1, hold=True, reset=True, after=after)
    )
    life = asyncio.create_task(live())
    armed = slack.platform.faults.armed[fault]
    await eventually(lambda: armed.waiting or life.done(), "the call")
    assert not life.done(), life.exception()
    life.cancel()
    await asyncio.gather(life, return_exceptions=True)
    armed.released.set()
    await eventually(lambda: not armed.waiting, "the end of the call")
    del slack.platform.faults.armed[fault]
    return done


@pytest.mark.parametrize("streams", [True, False], ids=["streams", "messages"])
@pytest.mark.parametrize(
    "fault",
    [
        faults.lost,
        faults.reset,
        partial(faults.broken, status=503, after=True),
        partial(faults.broken, status=200, after=True),
    ],
    ids=["lost", "reset", "failed", "no JSON"],
)
@pytest.mark.parametrize("on", [START, APPEND, STOP, POST, UPDATE, "POST files.completeUploadExternal"])
async def test_a_part_may_be_written_again_whatever_became_of_it(
    on: str, fault: Callable[[str], Fault], streams: bool, slack: SlackServer, platform: SlackPlatform
) -> None:
    """The connection is reset before or after the effect, or Slack fails: each part stands once, whole."""
    if not streams:
        await without_streams(slack)
        ledger = FakeLedger()
        await play(platform.reply(await asked(slack), ledger), ledger, SHORT)
    message, ledger = await asked(slack), FakeLedger()
    reply = platform.reply(message, ledger)
    await slack.control.fault(fault(on))
    for step in PLAIN:
        for attempt in range(2):
            try:
                await play(reply, ledger, [step])
                break
            except WriteFailed:
                assert attempt == 0
    first, second, file = await answers(slack, message)
    assert (page(first), page(second), len(file.files)) == (SAID, "Take a llama.", 1)
    assert (first.actions, second.actions) == ([], ["chasqui:again", "chasqui:feedback"])
    assert await slack.control.file(file.files[0].id) == SAID


@pytest.mark.parametrize("whose", ["another app's", "ours, of before", "no stream"])
async def test_only_a_stream_of_this_answer_is_gone_on_with(
    whose: str, slack: SlackServer, platform: SlackPlatform
) -> None:
    """Others stream there, one that nobody marked may be left from before, and the gateway says things."""
    world, scene = slack.platform.world, slack.scene
    message, ledger = await asked(slack), FakeLedger()
    thread = places.place(message).root
    author = world.new_user("other", bot=True).id if whose == "another app's" else scene.bot
    ts, now = world.clock.ts(), world.clock.now()
    stream = None if whose == "no stream" else Stream(now, None, None, state="died", text="Left")
    left = Posted(ts, scene.channel, author, [Version(now, "Left")], thread, stream=stream)
    slack.platform.messages.put(left)
    if whose == "ours, of before":
        asked_at = await slack.control.say(scene.channel, scene.person, "And now?", thread=thread)
        message = Message(places.by_message(scene.channel, asked_at), message.thread, scene.person, "?", now)
    await slack.control.fault(faults.reset(START))
    reply = platform.reply(message, ledger)
    with pytest.raises(WriteFailed):
        await play(reply, ledger, SHORT[:1])
    await play(reply, ledger, SHORT)
    assert (await slack.control.message(scene.channel, ts)).shown == "Left"
    assert page((await answers(slack, message))[-1]) == "It is far."
