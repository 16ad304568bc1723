"""Answers on Discord, at the emulator: each part stands once, whoever wrote it and whatever went wrong."""

import asyncio
import time
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from adapters.discord import places
from adapters.discord.platform import DiscordPlatform
from adapters.discord.reply import DiscordReply
from adapters.discord.sending import Token
from core.errors import PageClosed, RateLimited, UserError, WriteFailed
from core.ports import END, FILE
from core.types import Checkpoint, Citation, Message, Outcome
from tests.adapters.discord.parts import asked, asked_by_command
from tests.adapters.platform_parts import FakeNotes, FakeRates, Step, play
from tests.emulators.discord import faults
from tests.emulators.discord.server import DiscordServer
from tests.emulators.discord.views import SeenMessage
from tests.emulators.shared.faults import Fault
from tests.fakes import FakeLedger
from tests.parts import eventually

SEND = "POST /channels/*/messages"
EDIT = "PATCH /channels/*/messages/*"
ANSWERED = Outcome("answered", "An answer", left_out=("Read all of it.",))

PLAIN: list[Step] = [
    (0, lambda reply: reply.write(0, "It is", final=False)),
    (0, lambda reply: reply.write(0, "It is far.", final=True)),
    (1, lambda reply: reply.write(1, "Take a llama.", final=True)),
    (FILE, lambda reply: reply.attach("answer.md", "It is far.")),
    (END, lambda reply: reply.finish(ANSWERED)),
]
FULL: list[Step] = [
    (0, lambda reply: reply.write(0, "x" * 1995, final=True)),
    (END, lambda reply: reply.finish(ANSWERED)),
]
SILENT: list[Step] = [(END, lambda reply: reply.finish(Outcome("failed", why="The model is away.")))]
WHOLE: list[Step] = [
    (0, lambda reply: reply.write(0, "It is far.", final=True)),
    (1, lambda reply: reply.write(1, "Take a llama.", final=True)),
    (END, lambda reply: reply.finish(ANSWERED)),
]
SCRIPTS = {
    "pages that were posted whole": WHOLE,
    "pages and a file": PLAIN,
    "a page without room": FULL,
    "no page": SILENT,
}


async def answers(discord: DiscordServer, message: Message) -> list[SeenMessage]:
    """What the bot says to a message, as people see it."""
    channel = discord.platform.world.channels[str(places.place(message).channel)]
    found = await discord.control.answers(channel.id)
    return [each for each in found if int(each.id) > int(message.id.removeprefix("i"))]


def shown(answer: SeenMessage) -> tuple[str, tuple[str, ...]]:
    """The text of a message and its buttons."""
    return answer.content, tuple(answer.buttons)


# ---- how an answer looks -------------------------------------------------------------------------------


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


# ---- killed at every call ------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [False, True], ids=["before it is done", "before its answer"])
@pytest.mark.parametrize("minutes", [0, 10])
@pytest.mark.parametrize("name", SCRIPTS)
async def test_wherever_a_worker_dies_the_next_one_ends_the_answer_once(
    name: str, minutes: int, after: bool, discord: DiscordServer, platform: DiscordPlatform
) -> None:
    """At every call of Discord, also when its nonces are forgotten by the time the next worker comes."""
    steps = SCRIPTS[name]
    message, ledger = await asked(discord), FakeLedger()
    before = len(discord.platform.calls)
    await play(platform.reply(message, ledger), ledger, steps)
    calls = len(discord.platform.calls) - before
    expected = [shown(each) for each in await answers(discord, message)]

    for last in range(calls):
        message, ledger = await asked(discord), FakeLedger()
        done = await _killed(discord, platform.reply(message, ledger), ledger, steps, last, after=after)
        await discord.control.advance(60.0 * minutes)
        ledger = ledger.taken_over()
        await play(platform.reply(message, ledger), ledger, steps[done:])
        assert [shown(each) for each in await answers(discord, message)] == expected, f"killed at {last}"


async def _killed(
    discord: DiscordServer,
    reply: DiscordReply,
    ledger: FakeLedger,
    steps: list[Step],
    last: int,
    *,
    after: bool,
) -> int:
    """Play these steps and die at the call with this number; the step at which the worker was."""
    done = 0

    async def live() -> None:
        nonlocal done
        for step in steps:
            await play(reply, ledger, [step])
            done += 1

    fault = await discord.control.fault(
        Fault(on="* /**", skip=last, times=1, hold=True, reset=True, after=after)
    )
    life = asyncio.create_task(live())
    await eventually(lambda: discord.platform.faults.armed[fault].waiting or life.done(), "the call")
    assert not life.done()
    life.cancel()
    await asyncio.gather(life, return_exceptions=True)
    await discord.control.clear_faults()
    await asyncio.sleep(0)  # the call, which has no effect any more, ends
    return done


@pytest.mark.parametrize(
    "fault", [faults.lost(SEND), faults.lost(EDIT), faults.reset(SEND), faults.broken(EDIT, 501, after=True)]
)
async def test_a_write_may_be_repeated_whatever_became_of_it(
    fault: Fault, discord: DiscordServer, platform: DiscordPlatform
) -> None:
    """The connection is reset before or after the effect: the page stands once, with its text."""
    message, ledger = await asked(discord), FakeLedger()
    reply = platform.reply(message, ledger)
    await discord.control.fault(fault)
    for _, step in PLAIN[:2]:
        await ledger.intend(0, Checkpoint())
        for attempt in range(2):
            try:
                await step(reply)
                break
            except WriteFailed:
                assert attempt == 0
    [answer] = await answers(discord, message)
    assert answer.content == "It is far."


async def test_the_stop_button_of_a_whole_page_goes_at_last(
    discord: DiscordServer, platform: DiscordPlatform
) -> None:
    """Also when Discord did not take that at once: the next try begins with it."""
    message, ledger = await asked(discord), FakeLedger()
    reply = platform.reply(message, ledger)
    await play(reply, ledger, WHOLE[:1])
    await discord.control.fault(faults.broken(EDIT, 501))
    with pytest.raises(WriteFailed):
        await play(reply, ledger, WHOLE[1:2])
    await play(reply, ledger, WHOLE[1:2])
    first, second = await answers(discord, message)
    assert shown(first) == ("It is far.", ())
    assert shown(second) == ("Take a llama.", ("Stop",))


# ---- the place of a question that waits ---------------------------------------------------------------


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


# ---- commands ------------------------------------------------------------------------------------------


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
        done = await _killed(discord, platform.reply(message, ledger), ledger, PLAIN, last, after=True)
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
    outcome = await _refused(reply, ledger, PLAIN[2:3])
    await play(reply, ledger, [(END, lambda reply: reply.finish(outcome))])

    assert {each.seen_by for each in await answers(discord, message)} == {discord.scene.person}
    [told] = await discord.control.answers(await discord.control.dm(discord.scene.person))
    assert "15 minutes" in told.content
    assert "llama" not in told.content


async def _refused(reply: DiscordReply, ledger: FakeLedger, steps: list[Step]) -> Outcome:
    """The outcome that an assistant makes of a place where nothing can be said."""
    with pytest.raises(UserError) as raised:
        await play(reply, ledger, steps)
    return Outcome("failed", why=raised.value.sentence)


# ---- where nothing can be said -------------------------------------------------------------------------


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
    outcome = await _refused(reply, ledger, PLAIN[:1])
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


# ---- threads, and limits -------------------------------------------------------------------------------


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
    outcome = await _refused(reply, ledger, PLAIN[:1])
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
