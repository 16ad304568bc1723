"""Connections to Slack: silent, wrong, given up, away."""

import asyncio

import pytest

from adapters.slack.sockets import NOT_ACCEPTED
from core.errors import SettingsError
from tests.adapters.slack.house import House
from tests.emulators.slack import faults
from tests.parts import eventually


async def test_a_connection_that_says_nothing_is_given_up(house: House) -> None:
    """It stays open, and brings nothing, not even a pong: others take its place."""
    async with house.listening(heartbeat=0.2):
        await house.control.silence_sockets()
        before = set((await house.control.sockets()).envelopes)

        async def renewed() -> bool:
            return len(set((await house.control.sockets()).envelopes) - before) == 2

        await eventually(renewed)
        await house.say("How far is it?")
        await eventually(lambda: bool(house.inbox.messages))


@pytest.mark.parametrize("text", ["pong", "[]", "{", ""])
async def test_a_frame_that_is_none_of_slacks_changes_nothing(house: House, text: str) -> None:
    """What says nothing to us ends no connection."""
    async with house.listening():
        await house.control.babble(text)
        await house.say("How far is it?")
        await house.taken()


async def test_without_a_connection_it_is_not_ready(house: House) -> None:
    """Nobody is heard then; it is once there is one again."""
    async with house.listening():
        assert await house.sockets.wrong() == ""
        fault = await house.control.fault(faults.held("* apps.connections.open", times=2))
        await house.control.drop_sockets()

        async def says(why: str) -> bool:
            return await house.sockets.wrong() == why

        await eventually(lambda: says("Slack is not connected"))
        await house.control.release(fault)
        await eventually(lambda: says(""))


async def test_what_comes_over_a_connection_that_slack_gives_up_is_taken(house: House) -> None:
    """It is warned of first, and the next one takes a while to open: presses come once only."""
    async with house.listening():
        fault = await house.control.fault(faults.held("* apps.connections.open", times=2))
        await house.control.refresh_sockets("warning")
        await eventually(lambda: _are_held(house, fault, 2))
        await house.say("How far is it?")
        await house.taken()
        await house.control.release(fault)
        await eventually(lambda: _are_held(house, fault, 0))


async def _are_held(house: House, fault: int, count: int) -> bool:
    return await house.control.held(fault) == count


async def test_slack_may_be_away_for_a_while(house: House) -> None:
    """Connecting is tried again, and a limit of Slack's is no wrong token."""
    await house.control.fault(faults.broken("* apps.connections.open", 503, times=2))
    await house.control.fault(faults.limited("* apps.connections.open"))
    async with house.listening():
        await house.say("How far is it?")
        await house.taken()


async def test_a_wrong_app_token_is_told(house: House) -> None:
    """In one sentence that names the setting."""
    with pytest.raises(SettingsError, match="CHASQUI_SLACK__APP_TOKEN") as caught:
        async with house.listening(app_token="xapp-wrong"):
            pass
    assert caught.value.sentence == NOT_ACCEPTED


async def test_what_is_being_taken_is_taken_before_it_ends(house: House) -> None:
    """The thread is being read when it drains: the question is kept, and acknowledged."""
    async with house.listening():
        root = await house.control.say(house.scene.channel, house.scene.person, "We go to Lima.")
        await house.over()
        fault = await house.control.fault(faults.held("* conversations.replies"))
        await house.say("How far is it?", thread=root)
        await eventually(lambda: house.control.held(fault))
        asyncio.get_running_loop().call_later(
            0.2, lambda: asyncio.ensure_future(house.control.release(fault))
        )
    assert len(house.inbox.messages) == 1
    await house.over()
