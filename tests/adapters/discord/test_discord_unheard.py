"""Where nothing can be said on Discord."""

import pytest

from adapters.discord import places
from adapters.discord.platform import DiscordPlatform
from core.errors import PageClosed
from core.ports import END
from core.types import Message
from tests.adapters.discord.parts import PLAIN, SILENT, answers, asked, refused, shown
from tests.adapters.platform_parts import play
from tests.emulators.discord.server import DiscordServer
from tests.fakes import FakeLedger


@pytest.mark.parametrize("trouble", ["forbidden", "unseen", "deleted", "locked"])
async def test_who_cannot_be_answered_is_told_why(
    trouble: str, discord: DiscordServer, platform: DiscordPlatform
) -> None:
    """By a direct message, once, in a sentence that says what to do; the question ends with that."""
    control, scene = discord.control, discord.scene
    message, ledger = await asked(discord), FakeLedger()
    if trouble == "forbidden":
        await control.forbid_bot(scene.channel, ["send_messages"])
    elif trouble == "unseen":
        await control.forbid_bot(scene.channel, ["view_channel"])
    elif trouble == "deleted":
        await control.delete_channel(scene.channel)
    else:
        thread = await control.new_thread(scene.channel, scene.person, "T", message=message.id)
        await control.set_thread(thread, locked=True)
        message = Message(message.id, places.conversation(int(thread)), scene.person, "?", message.at)
    reply = platform.reply(message, ledger)
    outcome = await refused(reply, ledger, PLAIN[:1])
    await play(reply, ledger, [(END, lambda reply: reply.finish(outcome))])

    [told] = await control.answers(await control.dm(scene.person))
    assert f"<#{places.place(message).channel}>" in told.content
    assert "gone" in told.content if trouble == "deleted" else "Ask a moderator" in told.content


async def test_who_can_be_told_nowhere_holds_nobody_up(
    discord: DiscordServer, platform: DiscordPlatform
) -> None:
    """Neither in the channel nor directly: the question ends all the same."""
    control, scene = discord.control, discord.scene
    carl = await control.new_person("carl", scene.guild, accepts_dms=False)
    number = int(await control.say(scene.channel, carl, "How far?", mention=True))
    await control.forbid_bot(scene.channel, ["send_messages"])
    message = Message(str(number), places.in_channel(int(scene.channel), number), carl, "How far?", 0.0)
    ledger = FakeLedger()
    await play(platform.reply(message, ledger), ledger, SILENT)
    assert not await control.answers(scene.channel)
    assert END in ledger.ids


async def test_a_page_that_was_deleted_is_closed_and_the_end_stands_apart(
    discord: DiscordServer, platform: DiscordPlatform
) -> None:
    """The rest of an answer needs another page, as when a moderator takes one away."""
    message, ledger = await asked(discord), FakeLedger()
    reply = platform.reply(message, ledger)
    await play(reply, ledger, PLAIN[:1])
    [page] = await answers(discord, message)
    await discord.control.delete(page.channel, page.id)
    with pytest.raises(PageClosed):
        await play(reply, ledger, PLAIN[1:2])
    await play(reply, ledger, PLAIN[4:])
    assert [shown(each)[0] for each in await answers(discord, message)] == ["-# Read all of it."]


async def test_a_thread_that_is_archived_in_mid_answer_goes_on_with_a_new_page(
    discord: DiscordServer, platform: DiscordPlatform
) -> None:
    """Editing there is over, but a new message opens it again."""
    control, scene = discord.control, discord.scene
    question = await asked(discord)
    thread = await control.new_thread(scene.channel, scene.person, "T", message=question.id)
    message = Message(question.id, places.conversation(int(thread)), scene.person, "?", question.at)
    ledger = FakeLedger()
    reply = platform.reply(message, ledger)
    await play(reply, ledger, PLAIN[:1])
    await control.set_thread(thread, archived=True)
    with pytest.raises(PageClosed):
        await play(reply, ledger, PLAIN[1:2])
    await play(reply, ledger, PLAIN[2:3])
    assert [each.content for each in await control.answers(thread)] == ["It is", "Take a llama."]


async def test_a_question_that_is_gone_is_answered_all_the_same(
    discord: DiscordServer, platform: DiscordPlatform
) -> None:
    """An answer that cannot reply to it stands by itself."""
    message, ledger = await asked(discord), FakeLedger()
    await discord.control.delete(discord.scene.channel, message.id)
    await play(platform.reply(message, ledger), ledger, PLAIN[:1])
    [answer] = await answers(discord, message)
    assert (answer.content, answer.reply_to) == ("It is", None)
