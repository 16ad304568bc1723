"""Answers to commands on Discord: where they were thinking, and where that is over."""

from dataclasses import replace
from functools import partial

import pytest

from adapters.discord import places
from adapters.discord.platform import DiscordPlatform
from adapters.discord.reply import DiscordReply
from core.errors import WriteFailed
from core.ports import END, FILE
from core.types import Checkpoint
from tests.adapters.discord.parts import PLAIN, answers, asked_by_command, killed, refused, shown
from tests.adapters.platform_parts import FakeNotes, play
from tests.emulators.discord.server import DiscordServer
from tests.fakes import FakeLedger


@pytest.mark.parametrize("private", [False, True])
async def test_the_answer_to_a_command_stands_where_it_was_thinking(
    private: bool, discord: DiscordServer, platform: DiscordPlatform, notes: FakeNotes
) -> None:
    """The first page is the response, the others follow it up; a private one is seen by one person."""
    message, ledger = await asked_by_command(discord, notes, private=private), FakeLedger()
    await play(platform.reply(message, ledger), ledger, PLAIN)
    found = await answers(discord, message)

    assert [each.content for each in found] == [
        "It is far.",
        "Take a llama.\n-# Read all of it.",
        "The whole answer:",
    ]
    assert {each.seen_by for each in found} == {discord.scene.person if private else None}
    assert {each.interaction for each in found} == {message.id.removeprefix("i")}


@pytest.mark.parametrize("minutes", [0, 10])
async def test_a_public_answer_to_a_command_is_taken_over_once(
    minutes: int, discord: DiscordServer, platform: DiscordPlatform, notes: FakeNotes
) -> None:
    """Its parts are found in the channel, and the first by its interaction."""
    message, ledger = await asked_by_command(discord, notes), FakeLedger()
    before = len(discord.platform.calls)
    await play(platform.reply(message, ledger), ledger, PLAIN)
    calls = len(discord.platform.calls) - before
    expected = [shown(each) for each in await answers(discord, message)]

    for last in range(calls):
        message, ledger = await asked_by_command(discord, notes), FakeLedger()
        done = await killed(discord, platform.reply(message, ledger), ledger, PLAIN, last, after=True)
        await discord.control.advance(60.0 * minutes)
        ledger = ledger.taken_over()
        await play(platform.reply(message, ledger), ledger, PLAIN[done:])
        assert [shown(each) for each in await answers(discord, message)] == expected, f"killed at {last}"


async def test_a_bot_that_only_a_person_installed_says_all_it_has(
    discord: DiscordServer, platform: DiscordPlatform, notes: FakeNotes
) -> None:
    """Where it is no member it has five messages after the first, and no history in which to look."""
    control, scene = discord.control, discord.scene
    guild = await control.new_guild("Elsewhere", bot=False)
    await control.join(guild, scene.person)
    channel = discord.platform.world.channels_of(discord.platform.world.guild(guild))[0].id
    message, ledger = await asked_by_command(discord, notes, where=channel), FakeLedger()
    reply = platform.reply(message, ledger)
    assert reply.profile.max_pages == 4
    for page in range(4):
        await play(reply, ledger, [(page, partial(_write, page=page))])
    await ledger.intend(FILE, Checkpoint())
    ledger = ledger.taken_over()
    await play(platform.reply(message, ledger), ledger, PLAIN[3:])
    found = await answers(discord, message)
    assert [each.content for each in found] == ["0", "1", "2", "3\n-# Read all of it.", "The whole answer:"]


async def _write(reply: DiscordReply, *, page: int) -> None:
    await reply.write(page, str(page), final=True)


async def test_a_command_that_is_not_acknowledged_yet_is_waited_for(
    discord: DiscordServer, platform: DiscordPlatform, notes: FakeNotes
) -> None:
    """A worker may be faster than the gateway: it tries again, and nothing goes into the channel."""
    message, ledger = await asked_by_command(discord, notes, deferred=False), FakeLedger()
    reply = platform.reply(message, ledger)
    for _ in range(2):  # the second time it stands in doubt whether the first did something
        with pytest.raises(WriteFailed):
            await play(reply, ledger, PLAIN[:1])
    interaction = discord.platform.interactions.known[message.id.removeprefix("i")]
    discord.platform.interactions.callback(interaction.id, interaction.token, {"type": 5}, [])
    await play(reply, ledger, PLAIN[:1])
    assert [each.content for each in await answers(discord, message)] == ["It is"]


async def test_a_command_whose_acknowledgement_came_too_late_is_not_waited_for(
    discord: DiscordServer, platform: DiscordPlatform, notes: FakeNotes
) -> None:
    """Once the gateway has noted that, the answer goes into the channel, though it was tried before."""
    message, ledger = await asked_by_command(discord, notes, deferred=False), FakeLedger()
    reply = platform.reply(message, ledger)
    with pytest.raises(WriteFailed):
        await play(reply, ledger, PLAIN[:1])
    await notes.put(places.late_note(message.id), "late")
    await play(reply, ledger, PLAIN[:1])
    assert [each.content for each in await answers(discord, message)] == ["It is"]


async def test_an_answer_in_doubt_goes_on_in_the_channel_when_its_interaction_is_over(
    discord: DiscordServer, platform: DiscordPlatform, notes: FakeNotes
) -> None:
    """A worker was killed while it posted, and another one comes more than fifteen minutes later."""
    message, ledger = await asked_by_command(discord, notes), FakeLedger()
    await ledger.intend(0, Checkpoint())
    await discord.control.advance(901)
    long_ago, ledger = replace(message, at=message.at - 901), ledger.taken_over()
    await play(platform.reply(long_ago, ledger), ledger, PLAIN[:1])
    said = [each.content for each in await answers(discord, message) if not each.loading]
    assert said == ["It is"]


async def test_a_public_answer_goes_on_in_the_channel_when_its_interaction_is_over(
    discord: DiscordServer, platform: DiscordPlatform, notes: FakeNotes
) -> None:
    """After fifteen minutes the bot speaks as itself, and still edits what it said before."""
    message, ledger = await asked_by_command(discord, notes), FakeLedger()
    reply = platform.reply(message, ledger)
    await play(reply, ledger, PLAIN[:1])
    await discord.control.advance(901)
    await play(reply, ledger, PLAIN[1:3])
    await play(reply, ledger, PLAIN[4:])
    assert [each.content for each in await answers(discord, message)] == [
        "It is far.",
        "Take a llama.\n-# Read all of it.",
    ]


async def test_a_private_answer_never_goes_into_the_channel(
    discord: DiscordServer, platform: DiscordPlatform, notes: FakeNotes
) -> None:
    """When its interaction is over it ends, and the asker is told directly, without a word of it."""
    message, ledger = await asked_by_command(discord, notes, private=True), FakeLedger()
    reply = platform.reply(message, ledger)
    await play(reply, ledger, PLAIN[:1])
    await discord.control.advance(901)
    outcome = await refused(reply, ledger, PLAIN[2:3])
    await play(reply, ledger, [(END, lambda reply: reply.finish(outcome))])

    assert {each.seen_by for each in await answers(discord, message)} == {discord.scene.person}
    [told] = await discord.control.answers(await discord.control.dm(discord.scene.person))
    assert "15 minutes" in told.content
    assert "llama" not in told.content
