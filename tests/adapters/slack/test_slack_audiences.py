"""Whose documents an answer on Slack may use: never those of the workspace where others read it."""

from collections.abc import AsyncIterator

import pytest

from adapters.slack import places
from core.types import Message
from tests.adapters.slack.house import House
from tests.emulators.slack import faults
from tests.emulators.slack.server import SlackServer


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """A house with nobody listening yet."""
    async with SlackServer() as server:
        yield House(server)


def seen_by(message: Message) -> set[str]:
    """What is in reach of its answer."""
    return set(message.seen_by)


@pytest.mark.parametrize(
    ("who", "shared", "reads_ours"),
    [
        ({}, False, True),
        ({"guest": True}, False, False),
        ({"partner": True}, True, False),
        ({"partner": True}, False, False),
        ({"partner": True, "admin": True}, True, False),
        ({}, True, False),
    ],
)
async def test_the_workspace_is_in_reach_of_its_members_where_nobody_else_reads(
    house: House, who: dict[str, bool], shared: bool, reads_ours: bool
) -> None:
    """Not of guests, nor of people of elsewhere, nor of anybody in a channel that is shared with these."""
    channel = await house.control.new_channel("plans", shared=shared)
    person = await house.control.new_person("paco", channel=channel, **who)
    async with house.listening():
        await house.control.say(channel, person, "How much leave?", mention=True)
        asked = await house.taken()
    ours = {f"workspace:slack:{house.scene.team}"} if reads_ours else set()
    assert seen_by(asked) == {f"channel:slack:{channel}"} | ours


@pytest.mark.parametrize("partner", [False, True])
async def test_direct_messages_have_what_is_for_who_asks(house: House, partner: bool) -> None:
    """Nobody else reads the answer; a person of another workspace has nothing of ours."""
    person = await house.control.new_person("paco", partner=partner)
    dm = await house.control.dm(person)
    async with house.listening():
        await house.control.say(dm, person, "How much leave?")
        asked = await house.taken()
    ours = set() if partner else {f"workspace:slack:{house.scene.team}"}
    assert seen_by(asked) == {f"channel:slack:{dm}", f"person:slack:{person}"} | ours


@pytest.mark.parametrize("trouble", ["who asks", "whose the channel is"])
async def test_what_slack_does_not_tell_counts_for_nobody(house: House, trouble: str) -> None:
    """It fails closed: a question is not refused for that, its answer only has less to stand on."""
    channel = house.scene.channel
    async with house.listening() as gateway:
        if trouble == "who asks":
            await house.control.fault(faults.broken("* users.info", 503, times=9))
            await house.say("How much leave?")
        else:
            event = {"type": "app_mention", "channel": channel, "ts": "1.2", "user": house.scene.person}
            event["text"] = f"<@{house.scene.bot}> How much leave?"
            body = {"type": "event_callback", "event": event, "team_id": house.scene.team}
            assert (await gateway.take(body, {})).status == 200
        assert seen_by(await house.taken()) == {f"channel:slack:{channel}"}


async def test_a_private_answer_knows_of_its_channel_what_events_told(house: House) -> None:
    """Commands do not say whether a channel is shared: where no event did, or did lately, ours stay out."""
    channel, person = house.scene.channel, house.scene.person
    ours = f"workspace:slack:{house.scene.team}"
    asked = Message("c:1", places.private(channel, person), person, "How much leave?", 1.0)
    async with house.listening() as gateway:
        audiences = gateway.reader.audiences
        alone = {f"channel:slack:{channel}", f"person:slack:{person}"}
        assert seen_by(await audiences.seen_by(asked)) == alone
        await house.say("How far is it?")
        await house.taken()
        assert seen_by(await audiences.seen_by(asked)) == {*alone, ours}
        await audiences.heard(channel, shared=True)
        assert seen_by(await audiences.seen_by(asked)) == alone
