"""Questions on Slack that are edited, deleted and stopped."""

import json
from typing import Any

import pytest

from adapters.slack import places
from core.questions import again
from core.types import Message
from tests.adapters.slack.house import House
from tests.emulators.slack import faults
from tests.parts import eventually


async def test_an_edited_question_is_asked_as_it_stands(house: House) -> None:
    """In the inbox while it waits; later it is offered. What Slack adds to a message changes nothing."""
    scene = house.scene
    async with house.listening():
        root = await house.control.say(scene.channel, scene.person, "We go to Lima.")
        ts = await house.say("How far is it?", thread=root)
        await house.taken()
        await house.control.edit(scene.channel, ts, "How high is it?")
        await eventually(lambda: bool(house.inbox.edited))
        [edited] = house.inbox.edited
        assert (edited.text, edited.quoted) == ("How high is it?", "ana: We go to Lima.")
        assert not house.offered
        house.inbox.begun = True
        await house.control.edit(scene.channel, ts, "How high is it?")
        await house.control.edit(scene.channel, ts, "How deep is it?")
        await eventually(lambda: bool(house.offered))
        await house.over()
    assert [each.text for each in house.offered] == ["How deep is it?"]


async def test_a_deleted_question_goes(house: House) -> None:
    """However often it was asked; what others say is none of ours."""
    scene = house.scene
    async with house.listening() as gateway:
        ts = await house.say("How far is it?")
        asked = await house.taken()
        anew = Message(again(asked.id), asked.thread, asked.author, asked.text, asked.at)
        await gateway.questions.remember(anew)
        place = await house.control.say(scene.channel, scene.bot, "Your question is next.")
        await house.notes.put(places.waiting_note(asked.id), place)
        other = await house.control.say(scene.channel, scene.person, "What a day.")
        await house.control.delete(scene.channel, other)
        await house.control.delete(scene.channel, ts)
        await eventually(lambda: len(house.inbox.deleted) == 2)
        await eventually(lambda: _is_gone(house, place), "its author need not read its place")
        await house.over()
    assert house.inbox.deleted == [(asked.thread, asked.id), (asked.thread, anew.id)]


async def _is_gone(house: House, ts: str) -> bool:
    return (await house.control.message(house.scene.channel, ts)).deleted_at is not None


@pytest.mark.parametrize("done", ["deleted", "edited"])
async def test_what_is_done_to_a_question_while_it_is_read_counts(house: House, done: str) -> None:
    """Nobody knows yet that it is one: it goes, or is asked as it stands, once it was accepted."""
    scene, control = house.scene, house.control
    async with house.listening():
        root = await control.say(scene.channel, scene.person, "We go to Lima.")
        await house.over()
        fault = await control.fault(faults.held("* conversations.replies"))
        ts = await house.say("How far is it?", thread=root)
        await eventually(lambda: control.held(fault))
        if done == "deleted":
            await control.delete(scene.channel, ts)
        else:
            await control.edit(scene.channel, ts, "How high is it?")
        await eventually(lambda: _came(house, f"message_{'changed' if done == 'edited' else 'deleted'}"))
        await control.release(fault)
        asked = await house.taken()
    assert house.inbox.deleted == ([(asked.thread, asked.id)] if done == "deleted" else [])
    assert [each.text for each in house.inbox.edited] == (["How high is it?"] if done == "edited" else [])


async def _came(house: House, subtype: str) -> bool:
    """Whether this was told, and acknowledged."""
    found = await house.control.deliveries("message")
    told = [each for each in found if each.payload["event"].get("subtype") == subtype]
    return bool(told) and all(each.state == "acknowledged" for each in told)


async def test_an_edit_that_is_told_again_does_not_undo_a_later_one(house: House) -> None:
    """Slack tells it after a minute, and its author has changed the question once more."""
    async with house.listening():
        ts = await house.say("ONE")
        await house.taken()
        await house.control.edit(house.scene.channel, ts, "TWO")
        await eventually(lambda: bool(house.inbox.edited))
        await house.control.advance(1)
        await house.control.edit(house.scene.channel, ts, "THREE")
        await eventually(lambda: len(house.inbox.edited) == 2)
        [first, _] = [
            each
            for each in await house.control.deliveries("message")
            if each.payload["event"].get("subtype") == "message_changed"
        ]
        await house.control.redeliver(first.number)
        await eventually(lambda: len(first.attempts) == 2)
        await house.over()
    assert [each.text for each in house.inbox.edited] == ["TWO", "THREE"]


@pytest.mark.parametrize(
    ("growing", "told", "stopped"),
    [
        (None, {}, [None]),
        (None, {"retried": "2"}, []),
        (None, {"streaming_message_ts": ["2.0"]}, []),
        ("2.0", {"streaming_message_ts": ["1.9", "2.0"], "retried": "3"}, ["D1:1.2"]),
        ("2.0", {"streaming_message_ts": ["1.9"]}, []),
        ("2.0", {"streaming_message_ts": ["2.0"], "user": "U2"}, []),
        ("2.0", {}, ["D1:1.2"]),
        ("2.0", {"event_ts": "2.1"}, ["D1:1.2"]),
        ("2.0", {"event_ts": "1.9"}, []),
    ],
)
async def test_slacks_own_stop_stops_what_grew_when_it_was_pressed(
    house: House, growing: str | None, told: dict[str, Any], stopped: list[str | None]
) -> None:
    """It may be told in the midst of the next answer, and names streams, not questions."""
    thread = places.in_thread("D1", "1.2")
    asked = Message(places.by_message("D1", "1.2"), thread, "U1", "How far?", 1.2)
    retried = {"x-slack-retry-num": told.pop("retried", "0"), "content-type": "application/json"}
    async with house.listening() as gateway:
        await gateway.questions.remember(asked)
        if growing:
            await house.notes.put(places.stream_note(thread), f"{growing} {asked.id}")
        event = {"type": "agent_session_stopped", "channel": "D1", "thread_ts": "1.2", "user": "U1", **told}
        body = {"type": "event_callback", "event": event, "team_id": house.scene.team}
        assert (await gateway.take(json.dumps(body), retried)).status == 200
    assert house.inbox.stopped == [(thread, each) for each in stopped]
