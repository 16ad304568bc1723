"""What people ask on Slack, as the gateway takes it."""

import pytest

from adapters.slack import places
from core.channels import ChannelSettings
from tests.adapters.slack.house import House
from tests.emulators.slack import faults
from tests.emulators.slack.people import Upload
from tests.parts import eventually


async def test_a_mention_is_a_question_of_its_own_thread(house: House) -> None:
    """Told twice and taken once; the bot's own name is not part of it, the asker's is."""
    async with house.listening():
        ts = await house.say("How far is it?")
        asked = await house.taken()
    scene = house.scene
    assert asked.id == f"{scene.channel}:{ts}"
    assert asked.thread == places.in_thread(scene.channel, ts)
    assert (asked.text, asked.author, asked.author_name) == ("How far is it?", scene.person, "ana")


@pytest.mark.parametrize(("pane", "threaded"), [(True, True), (False, False)])
async def test_direct_messages_need_no_mention(house: House, pane: bool, threaded: bool) -> None:
    """In an agent's pane each begins a thread; else they are one conversation."""
    async with house.listening(pane=pane):
        ts = await house.control.say(house.scene.dm, house.scene.person, "How far is it?")
        asked = await house.taken()
    dm = house.scene.dm
    assert asked.thread == (places.in_thread(dm, ts) if threaded else places.conversation(dm))


@pytest.mark.parametrize(("every_message", "count"), [(None, 2), (True, 3), (False, 1)])
async def test_a_channel_says_what_is_answered_without_a_mention(
    house: House, every_message: bool | None, count: int
) -> None:
    """By default what follows a question in its thread, else all or nothing; never what others are told."""
    scene = house.scene
    house.settings[scene.channel] = ChannelSettings(every_message=every_message)
    async with house.listening():
        root = await house.say("How far is it?")
        await house.taken()
        await house.control.say(scene.channel, scene.person, "And how high?", thread=root)
        await house.control.say(scene.channel, scene.person, "What a day.")
        other = await house.control.new_person("ben", channel=scene.channel)
        await house.control.say(scene.channel, scene.person, f"<@{other}> look", thread=root, markup=True)
        await house.over()
    assert len(house.inbox.messages) == count


async def test_settings_say_who_may_ask(house: House) -> None:
    """A channel may have none of it, or only some people."""
    async with house.listening():
        house.settings[house.scene.channel] = ChannelSettings(allowed=False)
        await house.say("Are you there?")
        await house.over()
        house.settings[house.scene.channel] = ChannelSettings(roles=(house.scene.person,), persona="A llama.")
        await house.control.say(
            house.scene.channel,
            await house.control.new_person("ben", channel=house.scene.channel),
            "And for me?",
            mention=True,
        )
        await house.say("How far is it?")
        assert (await house.taken()).persona == "A llama."


async def test_a_thread_of_people_is_read_with_what_is_asked_in_it(house: House) -> None:
    """In order, with its files; later ones have what was said since, not what was asked."""
    scene, control = house.scene, house.control
    async with house.listening():
        ben = await control.new_person("ben", channel=scene.channel)
        plan = Upload("plan.txt", b"By foot.")
        root = await control.say(scene.channel, ben, "We go to Lima.", files=[plan])
        for number in range(205):
            await control.say(scene.channel, ben, f"Stop {number}.", thread=root)
        await house.say("How far is it?", thread=root)
        asked = await house.taken()
        await control.say(scene.channel, ben, "By bus, then.", thread=root)
        await house.say("How long?", thread=root)
        again = await house.taken(2)
        reads = await control.calls("conversations.replies")
    lines = asked.quoted.splitlines()
    assert (lines[0], lines[-1], len(lines)) == ("ben: We go to Lima.", "ben: Stop 204.", 206)
    assert [file.name for file in asked.attachments] == ["plan.txt"]
    assert again.quoted.splitlines()[-1] == "ben: By bus, then."
    assert not again.attachments, "its files came with the first question"
    assert "How far is it?" not in again.quoted
    assert len(reads) == 2, "one each, although each mention is told twice"


async def test_questions_of_a_thread_are_taken_in_their_order(house: House) -> None:
    """The first one waits for what was said before it, the second one for the first."""
    scene, control = house.scene, house.control
    async with house.listening():
        root = await control.say(scene.channel, scene.person, "We go to Lima.")
        await house.over()
        await control.fault(faults.slow("* conversations.replies", 0.3))
        await house.say("How far is it?", thread=root)
        await eventually(lambda: control.calls("conversations.replies"))
        await control.clear_faults()
        await house.say("How high is it?", thread=root)
        await house.taken(2)
    assert [each.text for each in house.inbox.messages] == ["How far is it?", "How high is it?"]


async def test_a_thread_that_cannot_be_read_is_asked_about_without_it(house: House) -> None:
    """The question is not lost with its context."""
    async with house.listening():
        root = await house.control.say(house.scene.channel, house.scene.person, "We go to Lima.")
        await house.control.fault(faults.denied("* conversations.replies", "missing_scope", times=None))
        await house.say("How far is it?", thread=root)
        assert (await house.taken()).quoted == ""


async def test_files_of_another_workspace_have_their_names(house: House) -> None:
    """Slack Connect tells only ids; the person is answered as everybody, and it is noted whose they are."""
    shared = await house.control.new_channel("shared", shared=True)
    partner = await house.control.new_person("paco", channel=shared, partner=True)
    async with house.listening():
        secret = Upload("offer.txt", b"We offer ten.")
        await house.control.say(shared, partner, "How much?", mention=True, files=[secret])
        asked = await house.taken()
    assert (asked.author, asked.author_name) == (partner, "paco")
    [file] = asked.attachments
    assert (file.name, file.size) == ("offer.txt", 13)
    assert house.notes.kept[places.team_note(partner)] not in ("", house.scene.team)


async def test_a_crowd_of_strangers_waits_for_no_names(house: House) -> None:
    """Slack tells some at once: the questions of others are taken without, and no more is asked for."""
    scene, control = house.scene, house.control
    fault = await control.fault(faults.held("* users.info", times=20))
    strangers = [await control.new_person(f"guest-{n}", channel=scene.channel) for n in range(25)]
    async with house.listening():
        for stranger in strangers:
            await control.say(scene.channel, stranger, "How far is it?", mention=True)
        await eventually(lambda: len(house.inbox.messages) == 25, "each question")
        assert await control.held(fault) == len(await control.calls("users.info")) == 20
        await control.release(fault)
        await eventually(lambda: _knows(house, strangers[0]))


async def _knows(house: House, person: str) -> bool:
    """Whether somebody has a name, once they ask again."""
    asked = await house.control.say(house.scene.channel, person, "And now?", mention=True)
    message_id = places.by_message(house.scene.channel, asked)
    await eventually(lambda: message_id in house.inbox.put_)
    return bool(house.inbox.put_[message_id].author_name)
