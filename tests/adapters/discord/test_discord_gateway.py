"""What the gateway makes of what people do on Discord: questions in the inbox, or a sentence."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from adapters.discord import inbound, places
from adapters.discord.address import aim
from adapters.discord.gateway import Gateway
from adapters.discord.listening import NO_CONTENT, listen
from adapters.discord.login import NOT_ACCEPTED
from core.channels import ChannelSettings
from core.errors import ChasquiError, InboxFull, SettingsError, StoreError
from core.intake import UNREACHABLE
from core.types import Message
from tests.adapters.discord.parts import speaking
from tests.adapters.platform_parts import Given, play
from tests.emulators.discord import faults
from tests.emulators.discord.control import Control
from tests.emulators.discord.people import Upload
from tests.emulators.discord.scenery import Scene
from tests.emulators.discord.server import DiscordServer
from tests.emulators.discord.world import GUILD_MESSAGES, Event
from tests.fakes import FakeLedger
from tests.parts import eventually


class House(Given):
    """A gateway at the emulator, and what it gave away."""

    def __init__(self, discord: DiscordServer) -> None:
        super().__init__()
        self.discord = discord

    @property
    def control(self) -> Control:
        """What people do and see."""
        return self.discord.control

    @property
    def scene(self) -> Scene:
        """What stands at the start."""
        return self.discord.scene

    @asynccontextmanager
    async def listening(self, *, content: bool = False) -> AsyncIterator[Gateway]:
        """A gateway that is ready."""

        async def changed(asked: Message, message: object) -> None:
            self.offered.append(asked)

        gateway = Gateway(self.intake, changed, content=content)
        gateway._connection.guild_ready_timeout = 0.02
        aim(self.scene.api, self.scene.gateway)
        draining = asyncio.Event()
        task = asyncio.create_task(listen(gateway, self.scene.token, draining))
        ready = asyncio.create_task(_ready(gateway))
        await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
        try:
            if task.done():
                task.result()
            yield gateway
        finally:
            ready.cancel()
            draining.set()
            await task

    async def say(self, text: str, **more: Any) -> str:
        """Say something that mentions the bot."""
        return await self.control.say(self.scene.channel, self.scene.person, text, mention=True, **more)

    async def taken(self, count: int = 1) -> Message:
        """The last of so many questions."""
        await eventually(lambda: len(self.inbox.messages) >= count, "a question")
        assert len(self.inbox.messages) == count
        return self.inbox.messages[-1]

    def has_deleted(self, count: int) -> bool:
        """Whether so many questions were taken out."""
        return len(self.inbox.deleted) == count

    async def said_twice(self) -> bool:
        """Whether the bot said two things in the channel."""
        return len(await self.control.answers(self.scene.channel)) == 2

    async def told(self, channel: str | None = None) -> str:
        """What the bot says there."""
        answers = await eventually(lambda: self.control.answers(channel or self.scene.channel), "a word")
        [said] = answers
        return str(said.content)


async def _ready(gateway: Gateway) -> None:
    while not hasattr(gateway, "_ready") or not gateway.is_ready():
        await asyncio.sleep(0.005)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """A house with nobody listening yet."""
    async with DiscordServer() as server:
        yield House(server)


# ---- who asks, and where -------------------------------------------------------------------------------


async def test_a_mention_is_a_question_of_its_own_thread(house: House) -> None:
    """Without the bot's name, but with those of others; files lie under the message's address."""
    async with house.listening():
        ben = await house.control.new_person("ben", house.scene.guild)
        number = await house.say(f"What did <@{ben}> send?", files=[Upload("a.txt", b"abc")])
        message = await house.taken()

    scene = house.scene
    assert message.id == number
    assert message.thread == places.in_channel(int(scene.channel), int(number))
    assert (message.author, message.author_name) == (scene.person, "Ana")
    assert message.text == "What did @Ben send?"
    [file] = message.attachments
    assert (file.name, file.size) == ("a.txt", 3)
    assert file.url == f"https://discord.com/channels/{scene.guild}/{scene.channel}/{number}"


async def test_a_direct_message_needs_no_mention(house: House) -> None:
    """All of it is one thread."""
    async with house.listening():
        direct = await house.control.dm(house.scene.person)
        await house.control.say(direct, house.scene.person, "Hello")
        message = await house.taken()
    assert message.thread == places.conversation(int(direct))
    assert (message.text, message.author_name) == ("Hello", "")


async def test_a_reply_to_an_answer_goes_on_with_its_thread(house: House) -> None:
    """Whichever page it is, and without quoting what history has."""
    async with house.listening(content=True) as gateway:
        first = await house.say("How far is it?")
        asked = await house.taken()
        page = await gateway.get_partial_messageable(int(house.scene.channel)).send("Far.")
        await house.notes.put(places.page_note(page.id), asked.thread.key)
        for ping in (True, False):
            await house.control.say(
                house.scene.channel, house.scene.person, "And back?", reply_to=str(page.id), ping=ping
            )
            message = await house.taken(2 + (not ping))
            assert (message.thread, message.text, message.quoted) == (asked.thread, "And back?", "")
        assert first != message.id


async def test_a_chain_of_replies_is_quoted_once(house: House) -> None:
    """What other people said before the question, oldest first; a deleted one ends the chain."""
    async with house.listening():
        control, scene = house.control, house.scene
        ben = await control.new_person("ben", scene.guild)
        gone = await control.say(scene.channel, ben, "Lost")
        first = await control.say(scene.channel, ben, "We go on Friday.", reply_to=gone)
        second = await control.say(scene.channel, scene.person, "Or on Monday?", reply_to=first)
        await control.delete(scene.channel, gone)
        await house.say("Which day is it?", reply_to=second)
        message = await house.taken()
        read = [call.path for call in await control.calls("GET /channels/{channel}/messages/{message}")]
    assert message.text == "Which day is it?"
    assert message.quoted == "Ben: We go on Friday.\nAna: Or on Monday?"
    assert read.count(f"/channels/{scene.channel}/messages/{first}") == 1
    assert f"/channels/{scene.channel}/messages/{second}" not in read, "it came with the question"


async def test_a_mention_alone_asks_what_it_points_at(house: House) -> None:
    """With nothing to point at, the person is asked what they want."""
    async with house.listening():
        control, scene = house.control, house.scene
        ben = await control.new_person("ben", scene.guild)
        first = await control.say(scene.channel, ben, "How far is it?", files=[Upload("map.txt", b"x")])
        await house.say("", reply_to=first)
        message = await house.taken()
        assert (message.text, message.quoted) == ("How far is it?", "")
        assert [file.name for file in message.attachments] == ["map.txt"]
        await house.say("")
        assert await house.told() == inbound.NOTHING_ASKED


async def test_a_forwarded_message_is_the_question(house: House) -> None:
    """Its words stand in a snapshot, and so do its files."""
    async with house.listening():
        control, scene = house.control, house.scene
        first = await control.say(scene.channel, scene.person, "How far?", files=[Upload("m.txt", b"x")])
        direct = await control.dm(scene.person)
        await control.say(direct, scene.person, "", forward=(scene.channel, first))
        message = await house.taken()
    assert message.text == "How far?"
    assert [file.name for file in message.attachments] == ["m.txt"]


async def test_a_forward_goes_on_with_nothing(house: House) -> None:
    """What is forwarded may be a page of ours: it is asked where it is forwarded to, if anywhere."""
    async with house.listening(content=True) as gateway:
        control, scene = house.control, house.scene
        await house.say("How far is it?")
        asked = await house.taken()
        page = await gateway.get_partial_messageable(int(scene.channel)).send("Far.")
        await house.notes.put(places.page_note(page.id), asked.thread.key)
        other = await control.new_channel(scene.guild, "other")
        direct = await control.dm(scene.person)
        for number in (str(page.id), asked.id):
            await control.say(other, scene.person, "", forward=(scene.channel, number))
        await control.say(direct, scene.person, "", forward=(scene.channel, str(page.id)))
        message = await house.taken(2)
    assert message.thread == places.conversation(int(direct))
    assert message.text == "Far."


async def test_a_mention_of_the_bot_s_role_is_one_of_the_bot(house: House) -> None:
    """Discord gives each bot a role of its name, which is offered besides."""
    async with house.listening(content=True):
        role = house.discord.platform.world.guild(house.scene.guild).roles[house.scene.application]
        role.mentionable = True
        text = f"<@&{role.id}> How far is it?"
        await house.control.say(house.scene.channel, house.scene.person, text)
        assert (await house.taken()).text == "How far is it?"


async def test_a_forum_s_post_is_the_question_with_its_title(house: House) -> None:
    """Where every message is wanted; what follows in the post is its thread."""
    async with house.listening(content=True):
        control, scene = house.control, house.scene
        forum = await control.new_channel(scene.guild, "help", kind="forum")
        house.settings[forum] = ChannelSettings(every_message=True)
        post = await control.post(forum, scene.person, "How far is it?", "To Lima.")
        first = await house.taken()
        await control.say(post, scene.person, "By foot.")
        second = await house.taken(2)
    assert first.text == "How far is it?\n\nTo Lima."
    assert first.thread == second.thread == places.conversation(int(post))


async def test_an_answer_opens_a_thread_where_the_channel_wants_it(house: House) -> None:
    """The question's thread is the one that will have its id, and the worker is told from where."""
    async with house.listening():
        house.settings[house.scene.guild] = ChannelSettings(threads=True, persona="A llama.")
        number = await house.say("How far?")
        message = await house.taken()
    assert message.thread == places.conversation(int(number), int(house.scene.channel))
    assert message.persona == "A llama."


async def test_only_documents_of_everybody_who_sees_the_answer_are_in_reach(house: House) -> None:
    """In a channel and its threads those of guild and channel; directly also what is only this person's."""
    scene = house.scene
    async with house.listening(content=True):
        await house.say("How far?")
        assert (await house.taken()).seen_by == (
            f"workspace:discord:{scene.guild}",
            f"channel:discord:{scene.channel}",
        )
        forum = await house.control.new_channel(scene.guild, "help", kind="forum")
        house.settings[forum] = ChannelSettings(every_message=True)
        await house.control.post(forum, scene.person, "How far is it?", "To Lima.")
        assert (await house.taken(2)).seen_by == (
            f"workspace:discord:{scene.guild}",
            f"channel:discord:{forum}",
        )
        direct = await house.control.dm(scene.person)
        await house.control.say(direct, scene.person, "Hello")
        assert (await house.taken(3)).seen_by == (f"person:discord:{scene.person}",)


# ---- what is no question -------------------------------------------------------------------------------


async def test_voice_and_polls_are_declined_in_a_sentence(house: House) -> None:
    """The person hears what to do instead."""
    async with house.listening():
        direct = await house.control.dm(house.scene.person)
        voice = [Upload("voice-message.ogg", b"x", content_type="audio/ogg")]
        await house.control.say(direct, house.scene.person, files=voice, voice=True)
        assert await house.told(direct) == inbound.VOICE
        await house.say("", poll="Which day?")
        assert await house.told() == inbound.POLL
    assert not house.inbox.messages


async def test_what_is_not_for_the_bot_is_passed_over(house: House) -> None:
    """Other bots, webhooks, everyone, talk among people, replies between them, and its own messages."""
    async with house.listening(content=True) as gateway:
        control, scene = house.control, house.scene
        mention = f"<@{scene.bot}> hello"
        robot = await control.new_bot("robot", scene.guild)
        await control.say(scene.channel, robot, mention)
        await control.say(scene.channel, scene.person, mention, webhook=True)
        await control.say(scene.channel, scene.person, "@everyone hello")
        await control.say(scene.channel, scene.person, "nice weather")
        await gateway.get_partial_messageable(int(scene.channel)).send(mention)
        asked = await house.say("How far?")
        await house.taken()
        await control.say(scene.channel, scene.person, "I know that.", reply_to=asked)
        await house.say("Last")
        assert (await house.taken(2)).text == "Last"


async def test_a_channel_says_who_may_ask_and_when(house: House) -> None:
    """Not at all, only some people or roles, or without a mention."""
    async with house.listening(content=True):
        control, scene = house.control, house.scene
        role = await control.new_role(scene.guild, "staff")
        ben = await control.new_person("ben", scene.guild)
        await control.join(scene.guild, ben, [role])
        house.settings[scene.channel] = ChannelSettings(roles=(role,), every_message=True)
        await house.say("One")
        await control.say(scene.channel, ben, "Two")
        assert (await house.taken()).text == "Two"
        house.settings[scene.channel] = ChannelSettings(allowed=False)
        await control.say(scene.channel, ben, "Three")
        house.settings.clear()
        await house.say("Four")
        assert (await house.taken(2)).text == "Four"


async def test_a_question_that_is_not_accepted_is_answered_so(house: House) -> None:
    """Too many wait, or nothing can be kept: one sentence in reply, or directly where that is not allowed."""
    async with house.listening():
        house.inbox.error = InboxFull("25 of your questions wait already.")
        await house.say("One")
        assert await house.told() == "25 of your questions wait already."
        house.inbox.error = StoreError("gone", passing=True)
        await house.control.forbid_bot(house.scene.channel, ["send_messages"])
        await house.say("Two")
        assert await house.told(await house.control.dm(house.scene.person)) == UNREACHABLE


async def test_what_is_declined_is_declined_once(house: House) -> None:
    """However often Discord tells of it, also to the next gateway; a broken line is outlasted."""
    control = house.control
    async with house.listening():
        await control.fault(faults.reset("POST /channels/*/messages"))
        await house.say("")
        assert await house.told() == inbound.NOTHING_ASKED
        house.inbox.error = InboxFull("25 of your questions wait already.")
        await house.say("How far?")
        await eventually(house.said_twice, "two sentences")
        house.inbox.error = None
        await control.replay(5)
        await house.say("Last")
        await house.taken()
    async with house.listening():
        await house.say("Very last")
        await house.taken(2)
        assert await house.said_twice()


# ---- questions that change -----------------------------------------------------------------------------


async def test_an_edited_question_says_what_it_says_now(house: House) -> None:
    """In time it just does; else another answer is offered. A preview of a link is no edit."""
    async with house.listening():
        control, scene = house.control, house.scene
        number = await house.say("How far?")
        asked = await house.taken()
        await control.unfurl(scene.channel, number, "https://example.org")
        await control.edit(scene.channel, number, f"<@{scene.bot}> How high?")
        await eventually(lambda: house.inbox.edited)
        house.inbox.begun = True
        await control.edit(scene.channel, number, f"<@{scene.bot}> How deep?")
        await eventually(lambda: house.offered)
    assert [message.text for message in house.inbox.edited] == ["How high?", "How deep?"]
    assert [message.text for message in house.offered] == ["How deep?"]
    assert {message.thread for message in house.inbox.edited} == {asked.thread}


async def test_a_deleted_question_is_taken_out(house: House) -> None:
    """Only what was a question is looked for; a moderator may delete many messages at once."""
    async with house.listening():
        control, scene = house.control, house.scene
        other = await control.say(scene.channel, scene.person, "nice weather")
        first = await house.say("How far?")
        far = await house.taken()
        second = await house.say("How high?")
        high = await house.taken(2)
        await control.delete(scene.channel, other)
        await control.delete(scene.channel, first)
        many = {"ids": [other, second], "channel_id": scene.channel, "guild_id": scene.guild}
        house.discord.platform.world.emit(Event("MESSAGE_DELETE_BULK", many, scene.guild, GUILD_MESSAGES))
        await eventually(lambda: len(house.inbox.deleted) == 2)
    assert house.inbox.deleted == [(far.thread, first), (high.thread, second)]


@pytest.mark.parametrize("change", ["deleted", "edited"])
async def test_a_question_changes_while_it_is_being_taken(change: str, house: House) -> None:
    """What it points at is still being read: it is taken, and then taken out, or asked as it stands now."""
    async with house.listening():
        control, scene = house.control, house.scene
        first = await control.say(scene.channel, scene.person, "One")
        second = await control.say(scene.channel, scene.person, "Two", reply_to=first)
        held = await control.fault(faults.held(f"GET /channels/*/messages/{first}"))
        asked = await house.say("How far?", reply_to=second)
        await eventually(lambda: control.held(held), "the message is being read")
        if change == "deleted":
            await control.delete(scene.channel, asked)
        else:
            await control.edit(scene.channel, asked, f"<@{scene.bot}> How high?")
        await control.release(held)
        await eventually(lambda: house.inbox.deleted or house.inbox.edited, "the change")
        message = await house.taken()
    assert house.inbox.deleted == ([(message.thread, asked)] if change == "deleted" else [])
    assert [each.text for each in house.inbox.edited] == (["How high?"] if change == "edited" else [])


async def test_nobody_reads_of_the_place_of_a_question_that_was_deleted(house: House) -> None:
    """The message that shows it goes as well; one in which the answer stands already does not."""
    async with house.listening() as gateway:
        for answered in (False, True):
            asked = await house.say("How far?")
            message = await house.taken(1 + answered)
            ledger = FakeLedger()
            async with speaking(house.discord, house.notes) as platform:
                await platform.show_place(message, "Your question is next.")
                if answered:
                    reply = platform.reply(message, ledger)
                    await play(reply, ledger, [(0, lambda reply: reply.write(0, "Far.", final=True))])
            await house.control.delete(house.scene.channel, asked)
            await eventually(partial(house.has_deleted, 1 + answered), "the deletion")
            await eventually(lambda: not gateway._locks, "its end")
    said = [each.content for each in await house.control.answers(house.scene.channel)]
    assert said == ["Far."]


# ---- how it listens ------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [False, True])
async def test_discord_is_asked_for_no_more_than_is_needed(content: bool, house: House) -> None:
    """Guilds and messages; the content of all messages only where some channel wants it. Nothing is kept."""
    async with house.listening(content=content) as gateway:
        [session] = (await house.control.gateway()).sessions
        await house.say("How far?")
        await house.taken()
        assert not gateway.cached_messages
        assert [member.id for guild in gateway.guilds for member in guild.members] == [gateway.us]
    assert session.intents == (37377 if content else 4609)


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (4014, NO_CONTENT),
        (4004, NOT_ACCEPTED),
        (4013, "Discord closed the gateway for good, with code 4013."),
    ],
)
async def test_what_ends_the_gateway_for_good_is_said(code: int, sentence: str, house: House) -> None:
    """The portal withdrew the intent or the token: one sentence, and no attempt after attempt."""

    async def listen_until_closed() -> None:
        async with house.listening(content=True) as gateway:
            await house.control.drop(code)
            await eventually(gateway.is_closed, "the end")

    with pytest.raises(ChasquiError) as raised:
        await listen_until_closed()
    assert str(raised.value) == sentence
    assert isinstance(raised.value, SettingsError) == (code != 4013)
    assert (await house.control.gateway()).identifies == 1


# ---- what was missed -----------------------------------------------------------------------------------


async def test_what_was_said_while_nobody_listened_is_found(house: House) -> None:
    """In channels, threads and direct conversations; what was there before the first start is not."""
    control, scene = house.control, house.scene
    direct = await control.dm(scene.person)
    await house.say("Before the first start")
    await control.advance(120)
    async with house.listening():
        await control.say(direct, scene.person, "One")
        await house.taken()
    thread = await control.new_thread(scene.channel, scene.person, "T")
    await house.say("Two")
    await control.say(thread, scene.person, "Three", mention=True)
    await control.say(direct, scene.person, "Four")
    await control.say(scene.channel, scene.person, "nice weather")
    async with house.listening():
        await eventually(lambda: len(house.inbox.messages) == 4, "what was missed")
    assert {message.text for message in house.inbox.messages} == {"One", "Two", "Three", "Four"}


async def test_what_was_missed_is_asked_by_whoever_may(house: House) -> None:
    """What is read afterwards does not tell the roles of its author."""
    control, scene = house.control, house.scene
    role = await control.new_role(scene.guild, "staff")
    await control.join(scene.guild, scene.person, [role])
    ben = await control.new_person("ben", scene.guild)
    house.settings[scene.channel] = ChannelSettings(roles=(role,))
    async with house.listening():
        await house.say("One")
        await house.taken()
    await control.say(scene.channel, ben, "Two", mention=True)
    await house.say("Three")
    async with house.listening():
        assert (await house.taken(2)).text == "Three"


async def test_a_shard_that_loses_its_session_loses_no_question() -> None:
    """The others go on meanwhile, and take their questions once."""
    async with DiscordServer(shards=2) as server:
        house, control, scene = House(server), server.control, server.scene
        async with house.listening() as gateway:

            async def hook(shard_id: int | None, *, initial: bool = False) -> None:
                """Identify again without a pause."""

            gateway.before_identify_hook = hook  # type: ignore[method-assign]
            assert gateway.shard_count == 2
            await house.say("One")
            await house.taken()
            await control.invalidate(shard=(int(scene.guild) >> 22) % 2)
            await house.say("Two")
            await eventually(lambda: len(house.inbox.messages) == 2, "the second")
            await house.say("Three")
            await eventually(lambda: len(house.inbox.messages) == 3, "the third")
    assert [message.text for message in house.inbox.messages] == ["One", "Two", "Three"]


async def test_a_session_that_is_lost_loses_no_question(house: House) -> None:
    """Replayed events, a resumed session and a new one: each question is there, and once."""
    async with house.listening() as gateway:

        async def hook(shard_id: int | None, *, initial: bool = False) -> None:
            """Identify again without a pause."""

        gateway.before_identify_hook = hook  # type: ignore[method-assign]
        await house.say("One")
        await house.taken()
        await house.control.replay(3)
        await house.control.ask_to_reconnect()
        await house.say("Two")
        await house.taken(2)
        await house.control.invalidate()
        await house.say("Three")
        await eventually(lambda: len(house.inbox.messages) == 3, "the third")
    assert [message.text for message in house.inbox.messages] == ["One", "Two", "Three"]
