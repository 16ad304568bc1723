"""How answers look on Discord: pages, sources, threads."""

import asyncio
import time
from contextlib import suppress
from typing import Any

import pytest

from adapters.discord import places
from adapters.discord.platform import DiscordPlatform
from adapters.discord.sending import Token
from core.errors import RateLimited, WriteFailed
from core.ports import END
from core.types import Checkpoint, Citation, Message, Outcome
from tests.adapters.discord.parts import (
    PLAIN,
    SEND,
    SILENT,
    answers,
    asked,
    refused,
    shown,
)
from tests.adapters.platform_parts import FakeNotes, FakeRates, play
from tests.emulators.discord import faults
from tests.emulators.discord.server import DiscordServer
from tests.fakes import FakeLedger
from tests.parts import eventually


async def test_an_answer_replies_to_its_question_and_ends_with_its_sources(
    discord: DiscordServer, platform: DiscordPlatform
) -> None:
    """One message that grows; Stop while it does, and under its end what people can do with it."""
    message, ledger = await asked(discord), FakeLedger()
    reply = platform.reply(message, ledger)
    cited = (Citation("hand[book].pdf", "https://discord.com/channels/1/2/3", ("Leave",), 3, "28 days"),)
    await ledger.intend(0, Checkpoint())
    await reply.write(0, "It is", final=False)
    [growing] = await answers(discord, message)
    assert shown(growing) == ("It is", ("Stop",))

    await reply.write(0, "It is @everyone **far**.", final=True)
    await ledger.intend(END, Checkpoint())
    await reply.finish(Outcome("answered", citations=cited, left_out=("Read 2 of 3 passages.",)))

    [answer] = await answers(discord, message)
    assert answer.content == (
        "It is @\u200beveryone **far**.\n"
        "-# Source: [hand(book).pdf › Leave (page 3)](<https://discord.com/channels/1/2/3>)\n"
        "-# Read 2 of 3 passages."
    )
    assert list(answer.buttons) == ["Regenerate", "Sources", "👍", "👎"]
    assert answer.reply_to == message.id
    assert all(version.pinged.users == () and not version.pinged.everyone for version in answer.versions)
    assert answer.now.flags & 4, "links are not drawn"


async def test_nobody_is_mentioned_by_any_call(discord: DiscordServer, platform: DiscordPlatform) -> None:
    """Whatever the model says: Discord is told so with every text."""
    message, ledger = await asked(discord), FakeLedger()
    await play(platform.reply(message, ledger), ledger, PLAIN)

    written = await discord.control.calls(r"(POST|PATCH) .*messages")
    assert len(written) >= 5
    assert all(call.body["allowed_mentions"]["parse"] == [] for call in written)


async def test_writes_wait_for_the_buckets_that_all_workers_share(
    discord: DiscordServer, platform: DiscordPlatform, rates: FakeRates
) -> None:
    """Each write is counted for its channel and for the bot."""
    message, ledger = await asked(discord), FakeLedger()
    await play(platform.reply(message, ledger), ledger, PLAIN[:2])

    assert [rate.bucket for rate in rates.asked] == [
        "discord:global",
        f"discord:channel:{discord.scene.channel}",
    ] * 2


async def test_typing_leaves_room_for_answers(
    discord: DiscordServer, platform: DiscordPlatform, rates: FakeRates
) -> None:
    """It counts among the calls of the bot, of which it may take a share."""
    message = await asked(discord)
    typing = asyncio.create_task(platform.reply(message, FakeLedger()).status("Thinking …"))
    await eventually(lambda: discord.control.typing(discord.scene.channel), "typing")
    typing.cancel()
    own, every = rates.asked
    assert (own.bucket, every.bucket) == ("discord:typing", "discord:global")
    assert own.calls / own.seconds < every.calls / every.seconds / 2


async def test_the_answer_takes_the_place_of_the_place(
    discord: DiscordServer, platform: DiscordPlatform, notes: FakeNotes
) -> None:
    """Who waits reads how long in one message, which becomes the first page; no place is shown after that."""
    message, ledger = await asked(discord), FakeLedger()
    await platform.show_place(message, "2 questions are before yours.")
    await platform.show_place(message, "1 question is before yours.")
    [placed] = await answers(discord, message)
    assert (placed.content, placed.reply_to) == ("1 question is before yours.", message.id)

    reply = platform.reply(message, ledger)
    await play(reply, ledger, PLAIN[:2])
    await platform.show_place(message, "Your question is next.")
    [answer] = await answers(discord, message)
    assert (answer.id, answer.content) == (placed.id, "It is far.")
    assert await notes.get(places.waiting_note(message.id)) is None


async def test_a_failure_takes_the_place_of_the_place(
    discord: DiscordServer, platform: DiscordPlatform
) -> None:
    """Nobody goes on reading that their question is next."""
    message, ledger = await asked(discord), FakeLedger()
    await platform.show_place(message, "Your question is next.")
    await play(platform.reply(message, ledger), ledger, SILENT)
    [answer] = await answers(discord, message)
    assert shown(answer) == ("The model is away.", ("Regenerate",))


async def test_a_place_whose_message_was_not_noted_becomes_the_answer_all_the_same(
    discord: DiscordServer, platform: DiscordPlatform, notes: FakeNotes
) -> None:
    """Discord knows the first page again by its nonce, and it gets its own text."""
    message, ledger = await asked(discord), FakeLedger()
    await platform.show_place(message, "Your question is next.")
    notes.kept.clear()
    await play(platform.reply(message, ledger), ledger, PLAIN[:1])
    [answer] = await answers(discord, message)
    assert answer.content == "It is"


@pytest.mark.parametrize("opened_before", [False, True])
async def test_an_answer_opens_the_thread_that_was_promised(
    opened_before: bool, discord: DiscordServer, platform: DiscordPlatform, notes: FakeNotes
) -> None:
    """From the question, with its words as a name; one that is open already will do, and typing opens it."""
    control, scene = discord.control, discord.scene
    question = await asked(discord, "How far\nis " + "very " * 30)
    number = int(question.id)
    thread = places.conversation(number, int(scene.channel))
    message = Message(question.id, thread, question.author, question.text, question.at)
    if opened_before:
        await control.new_thread(scene.channel, scene.person, "Mine", message=message.id)
    ledger, channels = FakeLedger(), discord.platform.world.channels
    reply = platform.reply(message, ledger)
    typing = asyncio.create_task(reply.status("Thinking …"))
    await eventually(lambda: message.id in channels and channels[message.id].typing, "typing")
    typing.cancel()
    await play(reply, ledger, PLAIN[:2])
    answer = (await control.answers(message.id))[-1]
    assert (answer.content, answer.reply_to) == ("It is far.", None)
    name = (await control.channel(message.id)).name
    assert name == ("Mine" if opened_before else ("How far is " + "very " * 30)[:100].strip())


async def test_a_forum_s_post_is_answered_in_it(discord: DiscordServer, platform: DiscordPlatform) -> None:
    """Its first message has its id, as has one that opens a thread: nothing is opened from this one."""
    control, scene = discord.control, discord.scene
    forum = await control.new_channel(scene.guild, "help", kind="forum")
    post = await control.post(forum, scene.person, "How far is it?", "To Lima.")
    message = Message(post, places.conversation(int(post)), scene.person, "How far is it?", time.time())
    ledger = FakeLedger()
    await play(platform.reply(message, ledger), ledger, PLAIN[:2])
    [answer] = await control.answers(post)
    assert answer.content == "It is far."


@pytest.mark.parametrize(("code", "says"), [(160006, "too many"), (50024, "did not let me")])
async def test_whatever_discord_declines_is_told_directly(
    code: int, says: str, discord: DiscordServer, platform: DiscordPlatform
) -> None:
    """Once, also where the line breaks on the way: there are too many threads, or we do not know why."""
    control, scene = discord.control, discord.scene
    question = await asked(discord)
    thread = places.conversation(int(question.id), int(scene.channel))
    message = Message(question.id, thread, question.author, question.text, question.at)
    await control.fault(faults.denied("POST /channels/*/messages/*/threads", code, times=9))
    ledger = FakeLedger()
    reply = platform.reply(message, ledger)
    outcome = await refused(reply, ledger, PLAIN[:1])
    direct = await control.dm(scene.person)
    await control.fault(faults.broken("POST /users/@me/channels", 503))
    await control.fault(faults.lost(f"POST /channels/{direct}/messages"))
    await ledger.intend(END, Checkpoint())
    with pytest.raises(WriteFailed):
        await reply.finish(outcome)
    assert not await control.answers(direct)
    with suppress(WriteFailed):
        await reply.finish(outcome)
    await reply.finish(outcome)
    [directly] = await control.answers(direct)
    assert says in directly.content


async def test_what_discord_does_not_take_now_is_told_to_all_workers(
    discord: DiscordServer, platform: DiscordPlatform, rates: FakeRates
) -> None:
    """A 429 for which discord.py does not wait; its seconds count for the channel."""
    message, ledger = await asked(discord), FakeLedger()
    await discord.control.fault(faults.limited(SEND, retry_after=7, via=False))
    with pytest.raises(RateLimited) as raised:
        await play(platform.reply(message, ledger), ledger, PLAIN[:1])
    assert raised.value.retry_after == 7
    assert rates.rests == [(f"discord:channel:{discord.scene.channel}", 7)]


async def test_a_reply_to_any_page_belongs_to_its_thread(
    discord: DiscordServer, platform: DiscordPlatform, notes: FakeNotes
) -> None:
    """Every gateway knows the pages by their ids."""
    message, ledger = await asked(discord), FakeLedger()
    await play(platform.reply(message, ledger), ledger, PLAIN)
    for page in await answers(discord, message):
        assert notes.kept[places.page_note(int(page.id))] == message.thread.key


def test_secrets_are_not_shown() -> None:
    """Neither the token of an interaction nor what holds it."""
    token: Any = Token(1, "secret")
    assert "secret" not in repr(token)
    assert Token.read(token.written()) == token
