"""Answers on Slack that one person sees: never where others read them."""

import pytest

from adapters.slack import places
from adapters.slack.platform import SlackPlatform
from core.errors import PlatformError, RateLimited, UserError, WriteFailed
from core.ports import END, FILE
from core.types import Checkpoint, Outcome
from tests.adapters.platform_parts import FakeNotes, elsewhere
from tests.adapters.slack.parts import asked_privately
from tests.emulators.slack import faults
from tests.emulators.slack.seen import SeenMessage
from tests.emulators.slack.server import SlackServer
from tests.fakes import FakeLedger

ANSWERED = Outcome("answered", "An answer", left_out=("Read all of it.",))
RESPOND = "POST /response/**"


def expecting() -> FakeLedger:
    """A ledger that was told of all parts."""
    return FakeLedger(intended=[0, 1, 2, 3, 4, 5, 6, FILE, END])


async def answers(slack: SlackServer) -> list[SeenMessage]:
    """What the bot says in the channel, all of it for one person."""
    found = await slack.control.answers(slack.scene.channel)
    assert {each.seen_by for each in found} <= {slack.scene.person}
    return found


async def test_each_page_is_shown_once_it_is_whole(
    slack: SlackServer, platform: SlackPlatform, notes: FakeNotes
) -> None:
    """To the asker alone, over the response URL; then the end, with its buttons."""
    message = await asked_privately(slack, notes)
    reply = platform.reply(message, expecting())
    await platform.show_place(message, "Your question is next.")
    await reply.write(0, "It is", final=False)
    assert await answers(slack) == []
    await reply.write(0, "It is **far**.", final=True)
    await reply.write(0, "It is **far**.", final=True)
    await reply.finish(ANSWERED)
    await reply.finish(ANSWERED)
    first, end = await answers(slack)
    assert (first.shown, first.text) == ("It is **far**.", "It is *far*.")
    assert end.text == "Read all of it."
    assert end.actions == ["chasqui:again", "chasqui:feedback"]


async def test_after_five_messages_or_half_an_hour_the_bot_shows_the_rest_itself(
    slack: SlackServer, platform: SlackPlatform, notes: FakeNotes
) -> None:
    """That needs it in the channel, and still nobody else sees it."""
    message = await asked_privately(slack, notes)
    reply = platform.reply(message, expecting())
    for page in range(7):
        await reply.write(page, f"Page {page}", final=True)
    notes.kept.clear()
    await reply.finish(ANSWERED)
    found = await answers(slack)
    assert [each.shown for each in found[:7]] == [f"Page {page}" for page in range(7)]
    assert len(found) == 8
    assert len(await slack.control.calls("postEphemeral")) == 3


async def test_who_cannot_be_shown_it_any_more_is_told_directly(
    slack: SlackServer, platform: SlackPlatform, notes: FakeNotes
) -> None:
    """And of the answer nothing."""
    message = await asked_privately(slack, notes)
    notes.kept.clear()
    await slack.control.leave(slack.scene.channel, slack.scene.person)
    reply = platform.reply(message, expecting())
    with pytest.raises(UserError) as raised:
        await reply.write(0, "Secret.", final=True)
    assert "30 minutes" in raised.value.sentence
    await reply.finish(Outcome("partial", "Secret.", why=raised.value.sentence))
    assert await answers(slack) == []
    [told] = await slack.control.answers(slack.scene.dm)
    assert "30 minutes" in told.shown
    assert "Secret" not in told.shown


async def test_the_next_worker_shows_only_what_is_missing(
    slack: SlackServer, platform: SlackPlatform, notes: FakeNotes
) -> None:
    """As far as the ledger knows."""
    message, ledger = await asked_privately(slack, notes), FakeLedger()
    await ledger.intend(0, Checkpoint())
    await platform.reply(message, ledger).write(0, "It is far.", final=True)
    ledger = ledger.taken_over()
    reply = platform.reply(message, ledger)
    await reply.write(0, "It is far.", final=True)
    await ledger.intend(END, Checkpoint())
    await reply.finish(ANSWERED)
    assert len(await answers(slack)) == 2


async def test_there_are_no_private_files(
    platform: SlackPlatform, slack: SlackServer, notes: FakeNotes
) -> None:
    """A file would be for all: the rest of a long answer goes into more pages."""
    message = await asked_privately(slack, notes)
    with pytest.raises(PlatformError):
        await platform.reply(message, expecting()).attach("answer.md", "Secret.")
    assert await slack.control.calls("files") == []


async def test_a_response_that_slack_does_not_take_now_is_tried_again(
    slack: SlackServer, platform: SlackPlatform, notes: FakeNotes
) -> None:
    """It is not shown elsewhere for that."""
    message = await asked_privately(slack, notes)
    reply = platform.reply(message, expecting())
    await slack.control.fault(faults.limited(RESPOND, retry_after=7))
    with pytest.raises(RateLimited) as raised:
        await reply.write(0, "It is far.", final=True)
    assert raised.value.retry_after == 7
    await slack.control.fault(faults.broken(RESPOND, 503))
    with pytest.raises(WriteFailed):
        await reply.write(0, "It is far.", final=True)
    await reply.write(0, "It is far.", final=True)
    assert len(await answers(slack)) == 1


async def test_a_response_url_that_is_not_slacks_is_told_nothing(
    slack: SlackServer, platform: SlackPlatform, notes: FakeNotes
) -> None:
    """Whoever made it up would read what is for one person, who is shown it by the bot itself."""
    message = await asked_privately(slack, notes)
    async with elsewhere() as (address, told):
        for url in (
            address,
            f"{address}@slack.com/hook",
            "http://hooks.slack.com/hook",
            "slack.com",
            "http://[",
        ):
            notes.kept[places.respond_note(message.id)] = url
            reply = platform.reply(message, expecting())
            await reply.write(0, "It is far.", final=True)
        assert told == []
    assert [each.shown for each in await answers(slack)] == ["It is far."] * 5
    assert len(await slack.control.calls("postEphemeral")) == 5


async def test_a_response_url_is_in_no_message(slack: SlackServer, notes: FakeNotes) -> None:
    """It is a secret: whoever has it may write there."""
    message = await asked_privately(slack, notes)
    url = notes.kept[places.respond_note(message.id)]
    secret = url.rpartition("/")[2]
    assert secret not in repr(message)
