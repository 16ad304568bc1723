"""What the gateway of Slack refuses, and what it cannot take."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from adapters.slack import inbound, places
from core.errors import InboxFull, StoreError
from core.intake import UNREACHABLE
from tests.adapters.slack.house import House
from tests.emulators.slack import faults
from tests.emulators.slack.people import Upload
from tests.parts import eventually

LACKING = object()
"""In place of a field that is not there."""


def paths(payload: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The ways to all fields of what Slack sends."""
    pairs = payload.items() if isinstance(payload, dict) else enumerate(payload)
    for name, value in pairs:
        yield (*at, name)
        if isinstance(value, dict | list):
            yield from paths(value, (*at, name))


def changed(payload: dict[str, Any], path: tuple[Any, ...], value: object) -> Any:
    """The same payload with another value there, or with none."""
    made = json.loads(json.dumps(payload))
    holder = made
    for name in path[:-1]:
        holder = holder[name]
    if value is LACKING:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return made


async def test_only_a_mention_is_asked_what_is_wanted(house: House) -> None:
    """Once, in a thread, in which the answer to that is the question."""
    async with house.listening():
        root = await house.say("")
        assert await house.told() == [inbound.NOTHING_ASKED]
        await house.over()
        assert [each.thread for each in await house.control.answers(house.scene.channel)] == [root]
        await house.control.say(house.scene.channel, house.scene.person, "How far is it?", thread=root)
        assert (await house.taken()).thread == places.in_thread(house.scene.channel, root)


async def test_a_mention_alone_in_direct_messages_is_asked_too(house: House) -> None:
    """There it is told as a message alone."""
    async with house.listening():
        await house.control.say(house.scene.dm, house.scene.person, "", mention=True)
        assert await house.told(house.scene.dm) == [inbound.NOTHING_ASKED]


@pytest.mark.parametrize("away", ["for a moment", "for long", "there"])
async def test_a_sentence_is_said_also_where_slack_was_away(house: House, away: str) -> None:
    """It is tried again, as is the message by Slack; what it refuses there is told directly."""
    control, post = house.control, "* chat.postMessage"
    if away == "there":
        await control.fault(faults.denied(post, "channel_is_limited_access"))
    else:
        await control.fault(faults.broken(post, 503, times=1 if away == "for a moment" else 99))
    async with house.listening():
        await house.say("")
        if away == "for long":
            [delivery] = await control.deliveries("app_mention")
            await eventually(lambda: len(delivery.attempts) == 2, "it is told again")
            await control.clear_faults()
            await eventually(lambda: delivery.state == "acknowledged" or delivery.attempts[1].failure)
            await control.advance(60)  # where that came too late for the second time, there is a third
        where = house.scene.dm if away == "there" else house.scene.channel
        assert await house.told(where) == [inbound.NOTHING_ASKED]
        await house.over()
        assert await house.told(where) == [inbound.NOTHING_ASKED]


async def test_a_full_inbox_is_told_once(house: House) -> None:
    """To who asked, although the mention was told twice, and once more."""
    house.inbox.error = InboxFull("You have 25 questions that wait.")
    async with house.listening():
        await house.say("How far is it?")
        await house.told()
        [delivery] = await house.control.deliveries("app_mention")
        await house.control.redeliver(delivery.number)
        await eventually(lambda: len(delivery.attempts) == 2)
        await house.over()
        assert await house.told() == ["You have 25 questions that wait."]


async def test_what_cannot_be_kept_is_not_acknowledged(house: House) -> None:
    """Slack tells it again; the last time its author hears of it. When the store is back, nothing is lost."""
    house.inbox.error = StoreError("away")
    async with house.listening():
        await house.say("How far is it?")
        [delivery] = await house.control.deliveries("app_mention")
        await eventually(lambda: len([each for each in delivery.attempts if each.failure]) == 2)
        assert not await house.control.answers(house.scene.channel)
        await house.control.advance(60)
        await eventually(lambda: len([each for each in delivery.attempts if each.failure]) == 3)
        await house.control.advance(300)
        assert await house.told() == [UNREACHABLE]
        house.inbox.error = None
        await house.control.redeliver(delivery.number)
        await eventually(lambda: bool(house.inbox.messages))


@pytest.mark.parametrize("event", ["channel_created", "message", "app_mention", "agent_session_stopped"])
async def test_events_that_make_no_sense_stop_nothing(house: House, event: str) -> None:
    """Unknown ones are acknowledged, broken ones are not, and the next question is taken."""
    async with house.listening() as gateway:
        body = {"type": "event_callback", "event": {"type": event}, "team_id": house.scene.team}
        told = await gateway.take(body, {"x-slack-retry-num": "0"})
        assert told.status == (503 if event == "agent_session_stopped" else 200)
        await house.say("How far is it?")
        await house.taken()


@pytest.mark.parametrize(
    ("payload", "status"),
    [
        ({"type": "app_rate_limited", "team_id": "T1", "minute_rate_limited": 1518467820}, 200),
        ({"type": "event_callback", "event": None}, 503),
        ({"type": "event_callback", "event": {"type": "message"}, "authorizations": [None]}, 503),
        ({"type": "block_actions", "actions": []}, 503),
        (None, 404),
        ("{", 503),
    ],
)
async def test_whatever_comes_has_an_answer(payload: Any, status: int, house: House) -> None:
    """What Bolt falls over too: nothing is raised, and only what was taken is acknowledged."""
    async with house.listening() as gateway:
        assert (await gateway.take(payload, {})).status == status


ESSENTIAL = {
    ("event",),
    ("type",),
    *((("event", name)) for name in ("type", "user", "channel", "ts", "text")),
}
"""Without these it is no mention."""


async def test_a_mention_is_taken_whatever_else_it_lacks(house: House) -> None:
    """Each field that Slack sends with it may be absent, or be null."""
    async with house.listening() as gateway:
        await house.say("How far is it?", files=(Upload("a.txt", b"one"),))
        await house.taken()
        [delivery] = await house.control.deliveries("app_mention")
        bare = ESSENTIAL | {("authorizations", 0)}  # Bolt wants one that is there to be one
        for number, path in enumerate(path for path in paths(delivery.payload) if path not in bare):
            for value in (None, LACKING):
                payload = changed(delivery.payload, path, value)
                payload["event"]["ts"] = f"{2_000_000_000 + number}.00000{int(value is None)}"
                before = len(house.inbox.messages)
                assert (await gateway.take(payload, {})).status == 200, path
                assert len(house.inbox.messages) == before + 1, path
