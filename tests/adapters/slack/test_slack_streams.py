"""Streams of Slack: however they end, and where there are none, the text is whole."""

import asyncio

import pytest

from adapters.slack import places
from adapters.slack.markdown import MRKDWN
from adapters.slack.platform import SlackPlatform
from core.delivery import Delivery
from core.errors import PageClosed, WriteFailed
from core.ports import END
from core.retrying import RetryingReply
from core.types import Checkpoint, Message, Outcome
from tests.adapters.platform_parts import FakeNotes, Step, play
from tests.adapters.slack.answering import (
    ANSWERED,
    APPEND,
    PLAIN,
    POST,
    SAID,
    SHORT,
    START,
    STOP,
    UNDER,
    UPDATE,
    answers,
    page,
    without_streams,
)
from tests.adapters.slack.parts import asked, speaking
from tests.emulators.shared.faults import Fault
from tests.emulators.slack import faults
from tests.emulators.slack.server import SlackServer
from tests.fakes import FakeInbox, FakeLedger
from tests.parts import eventually

# ---- a whole answer ------------------------------------------------------------------------------------

LONG = "\n\n".join(f"**{number}**" + ". It is a long way over the mountains" * 10 for number in range(40))


@pytest.mark.parametrize("trouble", ["none", "it ends", "it is full", "an answer is lost", "there are none"])
async def test_a_long_answer_is_whole_whatever_becomes_of_its_streams(
    trouble: str, slack: SlackServer, platform: SlackPlatform
) -> None:
    """As the core delivers it: over several pages, each word once and in order."""
    message, ledger = await asked(slack), FakeLedger()
    if trouble == "it ends":
        await slack.control.fault(faults.then(APPEND, "advance", seconds=300))
    elif trouble == "it is full":
        await slack.control.fault(faults.denied(APPEND, "msg_too_long", times=None))
    elif trouble == "an answer is lost":
        await slack.control.fault(faults.lost(APPEND))
    elif trouble == "there are none":
        await without_streams(slack)
    reply = RetryingReply(platform.reply(message, ledger), ledger)
    async with Delivery(reply, ledger) as delivery:
        delivery.add(LONG[:200])
        await eventually(lambda: answers(slack, message), "the first words")
        delivery.add(LONG[200:])
    await ledger.intend(END, Checkpoint())
    await reply.finish(ANSWERED)
    *pages, last = await answers(slack, message)
    if last.files:  # messages are shorter than streams, so there are too many pages
        assert await slack.control.file(last.files[0].id) == LONG
        assert trouble == "there are none"
    else:
        pages.append(last)
        assert " ".join(map(page, pages)).split() == LONG.split()
        assert all(len(page(each).encode()) <= 9000 for each in pages)
    assert [each.actions for each in pages[:-1]] == [[]] * (len(pages) - 1)
    assert pages[-1].actions == ["chasqui:again", "chasqui:feedback"]


@pytest.mark.parametrize("ended", ["whole", "by Slack"])
async def test_an_answer_is_not_taken_for_that_to_another_question(
    ended: str, slack: SlackServer, platform: SlackPlatform
) -> None:
    """Both were asked before the first was answered, and the stream of the second was not begun."""
    message, ledger = await asked(slack), FakeLedger()
    channel, root = slack.scene.channel, places.place(message).root
    ts = await slack.control.say(channel, slack.scene.person, "And back?", thread=root, mention=True)
    second = Message(places.by_message(channel, ts), message.thread, message.author, "And back?", float(ts))
    reply = platform.reply(message, ledger)
    await play(reply, ledger, PLAIN[:3])
    if ended == "by Slack":
        await slack.control.advance(300)
    await play(reply, ledger, [PLAIN[3], PLAIN[5]])
    ledger = FakeLedger()
    reply = platform.reply(second, ledger)
    await slack.control.fault(faults.reset(START))
    with pytest.raises(WriteFailed):
        await play(reply, ledger, SHORT[:1])
    await play(reply, ledger, SHORT)
    pages = [page(each) for each in await answers(slack, message)]
    assert pages == [SAID, "Take a llama.", "It is far."]


# ---- streams that end ----------------------------------------------------------------------------------


@pytest.mark.parametrize("call", [APPEND, STOP])
async def test_a_stream_that_is_refused_for_a_new_reason_leaves_the_text_whole(
    call: str, slack: SlackServer, platform: SlackPlatform
) -> None:
    """Whatever Slack calls it: its message is edited from then on."""
    message, ledger = await asked(slack), FakeLedger()
    await slack.control.fault(faults.denied(call, "stream_of_another_year", times=1))
    await play(platform.reply(message, ledger), ledger, [*PLAIN[:4], PLAIN[5]])
    *first, last = await answers(slack, message)
    assert [page(each) for each in (*first, last)] == [SAID, "Take a llama."]
    assert last.actions == ["chasqui:again", "chasqui:feedback"]


@pytest.mark.parametrize("when", range(1, 5))
async def test_a_stream_that_slack_ends_leaves_the_text_whole(
    when: int, slack: SlackServer, platform: SlackPlatform
) -> None:
    """After five minutes, wherever the answer is: the message is edited from then on."""
    message, ledger = await asked(slack), FakeLedger()
    reply = platform.reply(message, ledger)
    script = [*PLAIN[:4], PLAIN[5]]
    await play(reply, ledger, script[:when])
    await slack.control.advance(300)
    await play(reply, ledger, script[when:])
    first, second = await answers(slack, message)
    assert [page(first), page(second)] == [SAID, "Take a llama."]
    assert (first.actions, second.actions) == ([], ["chasqui:again", "chasqui:feedback"])
    assert second.shown.count(UNDER) == 1
    place = places.place(message)
    assert (await slack.control.session(place.channel, place.root or "")).state == "active"


async def test_a_stream_that_is_full_leaves_the_text_whole(
    slack: SlackServer, platform: SlackPlatform
) -> None:
    """Where Slack holds less than it says, the message takes what its stream does not."""
    message, ledger = await asked(slack), FakeLedger()
    reply = platform.reply(message, ledger)
    await play(reply, ledger, PLAIN[:1])
    await slack.control.fault(faults.denied(APPEND, "msg_too_long"))
    await play(reply, ledger, [*PLAIN[1:3], PLAIN[5]])
    [answer] = await answers(slack, message)
    assert page(answer) == SAID


async def test_what_neither_the_stream_nor_its_message_takes_goes_on_with_the_next_page(
    slack: SlackServer, platform: SlackPlatform
) -> None:
    """What stood before still stands."""
    message, ledger = await asked(slack), FakeLedger()
    reply = platform.reply(message, ledger)
    await play(reply, ledger, PLAIN[:2])
    for on in (APPEND, UPDATE):
        await slack.control.fault(faults.denied(on, "msg_too_long"))
    with pytest.raises(PageClosed):
        await play(reply, ledger, PLAIN[2:3])
    await play(reply, ledger, [(1, lambda reply: reply.write(1, "far.", final=True)), PLAIN[5]])
    first, second = await answers(slack, message)
    assert [page(first), page(second)] == ["It is very", "far."]


async def test_a_page_that_was_whole_all_the_same_is_left_as_it_is(
    slack: SlackServer, platform: SlackPlatform
) -> None:
    """Its last words arrived and Slack did not say so, and then it took no edit any more."""
    message, ledger = await asked(slack), FakeLedger()
    reply = platform.reply(message, ledger)
    await play(reply, ledger, PLAIN[:2])
    await slack.control.fault(faults.lost(APPEND))
    with pytest.raises(WriteFailed):
        await play(reply, ledger, PLAIN[2:3])
    await slack.control.fault(faults.denied(UPDATE, "edit_window_closed", times=None))
    await play(reply, ledger, PLAIN[2:4])
    assert [page(each) for each in await answers(slack, message)] == [SAID, "Take a llama."]


@pytest.mark.parametrize("after", [False, True])
async def test_words_whose_call_was_given_up_stand_once(
    after: bool, slack: SlackServer, platform: SlackPlatform
) -> None:
    """Nobody waits for Slack for ever, and a call that was left alone may still have had its effect."""
    message, ledger = await asked(slack), FakeLedger()
    reply = platform.reply(message, ledger)
    await play(reply, ledger, PLAIN[:1])
    fault = await slack.control.fault(faults.held(APPEND, after=after))
    writing = asyncio.create_task(play(reply, ledger, PLAIN[1:2]))
    await eventually(lambda: slack.platform.faults.armed[fault].waiting, "the call")
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    await slack.control.release(fault)
    await eventually(lambda: not slack.platform.faults.armed[fault].waiting, "its end")
    await play(reply, ledger, PLAIN[2:4])
    assert [page(each) for each in await answers(slack, message)] == [SAID, "Take a llama."]


@pytest.mark.parametrize("when", ["it grows", "the next page begins"])
async def test_a_worker_ends_the_answer_that_a_person_stopped(when: str, slack: SlackServer) -> None:
    """Slack tells it the worker as well, once: perhaps no gateway listens."""
    inbox = FakeInbox()
    async with speaking(slack, inbox=inbox) as platform:
        message, ledger = await asked(slack), FakeLedger()
        reply, place = platform.reply(message, ledger), places.place(message)
        await play(reply, ledger, PLAIN[:1])
        await slack.control.stop(place.channel, place.root or "", slack.scene.person)
        assert inbox.stopped == []
        more: Step = (1, lambda reply: reply.write(1, "Take", final=False))
        await play(reply, ledger, [*([PLAIN[1]] if when == "it grows" else []), more, PLAIN[3]])
        assert inbox.stopped == [(message.thread, message.id)]
        assert [page(each) for each in await answers(slack, message)] == ["It is", "Take a llama."]


async def test_who_presses_stop_sees_no_more_until_the_answer_ends(
    slack: SlackServer, platform: SlackPlatform
) -> None:
    """What was said until then is whole, and Slack's button goes."""
    message, ledger = await asked(slack), FakeLedger()
    reply, place = platform.reply(message, ledger), places.place(message)
    await play(reply, ledger, PLAIN[:1])
    await slack.control.stop(place.channel, place.root or "", slack.scene.person)
    await play(reply, ledger, [PLAIN[1], PLAIN[1], (1, lambda reply: reply.write(1, "Take", final=False))])
    [answer] = await answers(slack, message)
    assert page(answer) == "It is"

    stopped = Outcome("partial", why="Stopped.")
    await play(reply, ledger, [PLAIN[2], (END, lambda reply: reply.finish(stopped))])
    [answer] = await answers(slack, message)
    assert page(answer) == SAID
    assert "Stopped." in answer.shown
    assert (await slack.control.session(place.channel, place.root or "")).state == "active"


# ---- where there are no streams ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    ["unknown_method", "missing_scope", "feature_not_enabled"],
)
async def test_a_workspace_without_streams_is_remembered(
    error: str, slack: SlackServer, platform: SlackPlatform, notes: FakeNotes
) -> None:
    """By this worker, and by those that start later; streams in the pane are another matter."""
    await slack.control.fault(faults.denied(START, error))
    messages, ledger = [await asked(slack) for _ in range(2)], FakeLedger()
    replies = [platform.reply(message, ledger) for message in messages]
    for message, reply in zip(messages, replies, strict=True):
        await play(reply, ledger, PLAIN)
        first, second, file = await answers(slack, message)
        assert (page(first), page(second), len(file.files)) == (SAID, "Take a llama.", 1)
    async with speaking(slack, notes) as later:
        message, ledger = await asked(slack), FakeLedger()
        await play(later.reply(message, ledger), ledger, PLAIN)
        assert later.reply(message, ledger).profile.editable
        assert len(await slack.control.calls("startStream")) == 1
        pane = await asked(slack, where=slack.scene.dm)
        await play(later.reply(pane, ledger), ledger, PLAIN)
        assert len(await slack.control.calls("startStream")) == 3


async def test_a_channel_without_streams_is_not_the_whole_workspace(
    slack: SlackServer, platform: SlackPlatform
) -> None:
    """It is asked no more there, and others have them."""
    await slack.control.fault(faults.denied(START, "channel_type_not_supported"))
    other = await slack.control.new_channel("other")
    await slack.control.join(other, slack.scene.person)
    streams = []
    for where in (None, None, other):
        message, ledger = await asked(slack, where=where), FakeLedger()
        await play(platform.reply(message, ledger), ledger, SHORT)
        [answer] = await answers(slack, message)
        assert page(answer) == "It is far."
        streams.append(answer.stream is not None)
    assert streams == [False, False, True]
    assert len(await slack.control.calls("startStream")) == 2


@pytest.mark.parametrize(
    "fault",
    [
        faults.limited(START, retry_after=9),
        faults.denied(START, "invalid_arguments"),
        faults.denied(START, "user_not_found"),
    ],
)
async def test_an_answer_for_which_no_stream_begins_now_does_without(
    fault: Fault, slack: SlackServer, platform: SlackPlatform
) -> None:
    """It is not worth waiting for: the words are there at once, and a later answer tries again."""
    await slack.control.fault(fault)
    message, ledger = await asked(slack), FakeLedger()
    reply = platform.reply(message, ledger)
    await play(reply, ledger, PLAIN[:1])
    [answer] = await answers(slack, message)
    assert (page(answer), answer.stream) == ("It is", None)
    assert reply.profile.editable
    await play(platform.reply(message := await asked(slack), ledger), ledger, PLAIN[:1])
    [answer] = await answers(slack, message)
    limited = fault.answer is not None and fault.answer.status == 429
    assert (answer.stream is None) == limited, "there is a rest of nine seconds"


async def test_more_answers_begin_at_once_than_slack_begins_streams(
    slack: SlackServer, platform: SlackPlatform
) -> None:
    """Twenty a minute in a workspace: who asks then reads the first words as soon all the same."""
    await slack.control.limit_rates()
    channels = [await slack.control.new_channel(f"c{number}") for number in range(25)]
    for channel in channels:
        await slack.control.join(channel, slack.scene.person)
    messages = [await asked(slack, where=channel) for channel in channels]
    ledgers = [FakeLedger() for _ in messages]
    replies = [platform.reply(message, ledger) for message, ledger in zip(messages, ledgers, strict=True)]
    begun = zip(replies, ledgers, strict=True)
    await asyncio.gather(*(play(reply, ledger, PLAIN[:1]) for reply, ledger in begun))
    found = [(await answers(slack, message))[0] for message in messages]
    assert [page(each) for each in found] == ["It is"] * 25
    assert sum(each.stream is not None for each in found) == 20


async def test_a_page_that_is_too_long_without_a_stream_begins_anew(
    slack: SlackServer, platform: SlackPlatform
) -> None:
    """Pages are shorter then: whoever cuts them hears of it before anything stands."""
    await without_streams(slack)
    message, ledger = await asked(slack), FakeLedger()
    reply = platform.reply(message, ledger)
    with pytest.raises(PageClosed):
        await play(reply, ledger, [(0, lambda reply: reply.write(0, "x" * 5000, final=True))])
    assert reply.profile.limit == MRKDWN.limit
    await play(reply, ledger, [(1, lambda reply: reply.write(1, "x" * 3900, final=True))])
    assert [page(each) for each in await answers(slack, message)] == ["x" * 3900]


async def test_a_conversation_without_threads_is_answered_there(
    slack: SlackServer, platform: SlackPlatform
) -> None:
    """A stream needs a thread, so there is none; parts are found in the history."""
    scene = slack.scene
    ts = await slack.control.say(scene.dm, scene.person, "How far is it?")
    thread, ledger = places.conversation(scene.dm), FakeLedger()
    message = Message(places.by_message(scene.dm, ts), thread, scene.person, "?", float(ts))
    await slack.control.fault(faults.lost(POST))
    reply = platform.reply(message, ledger)
    with pytest.raises(WriteFailed):
        await play(reply, ledger, PLAIN[:1])
    await play(reply, ledger, SHORT)
    [answer] = await slack.control.answers(scene.dm)
    assert (page(answer), answer.thread) == ("It is far.", None)
