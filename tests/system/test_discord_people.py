"""What people press, type and pick on Discord, in conversations with `chasqui serve all`."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from adapters.discord import places
from bots import wiring
from bots.settings import Settings
from core.types import Feedback, ThreadId
from tests.emulators.discord import faults
from tests.emulators.discord.people import Upload
from tests.emulators.discord.views import SeenMessage
from tests.emulators.tgi import TgiStandIn
from tests.parts import until
from tests.system.team import Team, team

LEAVE = " Staff earn two and a half days of leave each month."


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Team]:
    """A team whose bot listens and answers."""
    async with team(tmp_path / "data", TgiStandIn(LEAVE)) as ready:
        await ready.serve()
        yield ready


async def told(here: Team, interaction: str, channel: str | None = None) -> SeenMessage:
    """What one person reads in answer to what they did."""

    def answers(found: list[SeenMessage]) -> list[SeenMessage]:
        return [each for each in found if each.interaction == interaction and not each.loading]

    return answers(await here.once(lambda found: bool(answers(found)), channel))[-1]


async def test_a_conversation_with_buttons(here: Team) -> None:
    """Sources with their words, a thumb with a reason, another answer instead of the first."""
    control, scene = here.control, here.scene
    leave = Upload("leave.txt", LEAVE.encode())
    await here.ask("How much leave do staff earn each month?", files=[leave])
    [first] = await here.answered()  # and no later: its buttons can be pressed before its turn is kept

    shown = await told(
        here, await control.click(scene.channel, scene.person, first.id, first.buttons["Sources"])
    )
    assert shown.seen_by == scene.person
    assert shown.content.splitlines()[-1] == f"> {LEAVE.strip()}"

    good = await control.click(scene.channel, scene.person, first.id, first.buttons["👍"])
    assert (await told(here, good)).content.startswith("Thank you")
    bad = await control.click(scene.channel, scene.person, first.id, first.buttons["👎"])
    await until(lambda: here.discord.platform.interactions.known[bad].modal is not None)
    sent = await control.submit(bad, {"typed": "Too short."})
    assert (await told(here, sent)).content.startswith("Thank you")

    [kept] = await _feedbacks(here, first)
    assert (kept.author, kept.helped, kept.reason) == (scene.person, False, "Too short.")

    ben = await control.new_person("ben", scene.guild)
    refused = await control.click(scene.channel, ben, first.id, first.buttons["Regenerate"])
    assert "Only whoever asked" in (await told(here, refused)).content
    here.model.answer = " Thirty days in a year, which is 2.5 in a month."
    again = await control.click(scene.channel, scene.person, first.id, first.buttons["Regenerate"])
    await here.settled(2)
    second = await told(here, again)
    assert second.content.startswith("Thirty days")
    assert here.model.asked[-1].prompt.count(LEAVE.strip()) == 1, "in the file, and in no turn before"
    assert here.model.asked[-1].prompt.count("How much leave do staff earn each month?") == 1


async def _feedbacks(here: Team, answer: SeenMessage) -> list[Feedback]:
    """What is kept of people's thumbs on an answer in the channel."""
    thread = places.in_channel(int(here.scene.channel), int(answer.reply_to or 0))
    async with wiring.stores(Settings(data_dir=here.world.data)) as kept:
        return await kept.feedbacks.of(thread)


async def test_a_conversation_with_commands(here: Team) -> None:
    """A reply goes on with its thread; /sources, /regenerate, /new and /forget are about one's own last."""
    control, scene, model = here.control, here.scene, here.model
    early = await control.command(scene.channel, scene.person, "sources")
    assert "You have asked nothing here yet" in (await told(here, early)).content

    await here.ask("How much leave?", files=[Upload("leave.txt", LEAVE.encode())])
    first = (await here.settled())[-1]
    await control.say(
        scene.channel, scene.person, "How many days of leave do staff earn each month?", reply_to=first.id
    )
    await here.settled(2)
    assert "How much leave?" in model.asked[-1].prompt

    sources = await told(here, await control.command(scene.channel, scene.person, "sources"))
    assert LEAVE.strip() in sources.content
    offered = await control.complete(
        scene.channel, scene.person, "sources", "question", {"question": "how much"}
    )
    await until(lambda: bool(here.discord.platform.interactions.known[offered].choices))
    [choice] = here.discord.platform.interactions.known[offered].choices
    assert choice["name"] == "How much leave?"

    await control.command(scene.channel, scene.person, "regenerate")
    await here.settled(3)
    assert model.asked[-1].prompt.count("How many days of leave do staff earn each month?") == 1

    new = await told(here, await control.command(scene.channel, scene.person, "new"))
    assert "fresh start" in new.content
    await control.say(scene.channel, scene.person, "What else?", reply_to=first.id)
    await here.settled(4)
    assert "How much leave?" not in model.asked[-1].prompt

    for what in ("this conversation", "all that is kept of me"):
        gone = await told(here, await control.command(scene.channel, scene.person, "forget", {"what": what}))
        assert "deleted" in gone.content
    shown = await told(here, await control.command(scene.channel, scene.person, "help"))
    assert "`/forget`" in shown.content


async def test_the_menu_of_a_message_asks_about_it(here: Team) -> None:
    """A question in a form, with the message quoted; a summary of all that follows, for one person alone."""
    control, scene, model = here.control, here.scene, here.model
    ben = await control.new_person("ben", scene.guild)
    plan = await control.say(scene.channel, ben, "We go to Lima on Friday.")
    await control.say(scene.channel, scene.person, "By foot.")

    picked = await control.message_menu(scene.channel, scene.person, "Ask about this", plan)
    await until(lambda: here.discord.platform.interactions.known[picked].modal is not None)
    sent = await control.submit(picked, {"typed": "How far is that?"})
    [answer] = await here.settled()
    assert (await told(here, sent)).seen_by is None
    await control.click(scene.channel, scene.person, answer.id, answer.buttons["Regenerate"])
    await here.settled(2)
    for request in model.asked[:2]:
        assert "How far is that?" in request.prompt
        assert "Ben: We go to Lima on Friday." in request.prompt

    picked = await control.message_menu(scene.channel, scene.person, "Summarize from here", plan)
    await here.settled(3)
    assert (await told(here, picked)).seen_by == scene.person
    assert "We go to Lima on Friday." in model.asked[-1].prompt
    assert "By foot." in model.asked[-1].prompt


async def test_moderators_say_what_a_channel_wants(here: Team) -> None:
    """Others may not; threads are opened from then on, and what is not given stays."""
    control, scene = here.control, here.scene
    refused = await control.command(scene.channel, scene.person, "settings", {"threads": True})
    assert "moderator" in (await told(here, refused)).content

    owner = here.discord.platform.world.guild(scene.guild).owner
    given = {"threads": True, "persona": "You are a llama.", "grounding": "off"}
    done = await told(here, await control.command(scene.channel, owner, "settings", given))
    assert "Each answer opens a thread" in done.content
    more = {"every_message": True}
    more_told = await told(here, await control.command(scene.channel, owner, "settings", more))
    assert "You are a llama." in more_told.content
    assert "Message Content Intent" in more_told.content

    asked = await here.ask("How far is it?")
    await until(lambda: asked in here.discord.platform.world.channels)
    answer = (await here.settled(channel=asked))[-1]
    assert answer.content == LEAVE.strip()
    assert (await control.channel(asked)).name == "How far is it?"

    await told(
        here, await control.command(scene.channel, owner, "settings", {"reset": True, "answers": False})
    )
    await here.ask("Are you there?")
    denied = await control.command(scene.channel, scene.person, "ask", {"question": "Are you there?"})
    assert "do not answer in this channel" in (await told(here, denied)).content
    assert not [each for each in await here.answers() if each.reply_to]


async def test_a_question_may_change_or_go(here: Team) -> None:
    """An edited one is offered another answer, once; a deleted one leaves nothing in history."""
    control, scene, model = here.control, here.scene, here.model
    asked = await here.ask("How far is it?")
    await here.settled()
    await control.edit(scene.channel, asked, f"<@{scene.bot}> How high is it?")
    found = await here.once(lambda found: any("changed your question" in each.content for each in found))
    offer = found[-1]
    assert offer.reply_to == asked
    again = await control.click(scene.channel, scene.person, offer.id, offer.buttons["Regenerate"])
    await told(here, again)
    await until(lambda: len(model.asked) == 2)
    assert "How high is it?" in model.asked[-1].prompt

    second = await here.ask("How deep is it?")
    answer = (await here.settled(3))[-1]
    await control.delete(scene.channel, second)
    await here.ask("And how wide?", reply_to=answer.id)
    await here.settled(4)
    assert "How deep is it?" not in model.asked[-1].prompt


async def test_a_question_may_change_while_it_is_answered(here: Team) -> None:
    """Another answer is offered at once; whoever takes it ends the one that is being written."""
    control, scene, model = here.control, here.scene, here.model
    model.answer, model.token_delay = " far" * 400, 0.05
    asked = await here.ask("How far is it?")
    await here.once(bool)
    await control.edit(scene.channel, asked, f"<@{scene.bot}> How high is it?")
    found = await here.once(lambda found: "changed your question" in found[-1].content)
    model.answer = " High."
    offer = found[-1]
    again = await control.click(scene.channel, scene.person, offer.id, offer.buttons["Regenerate"])
    await here.answered(3)
    assert (await told(here, again)).content == "High."
    first = (await here.answers())[0]
    assert first.content.splitlines()[-1] == "Stopped."
    prompt = model.asked[-1].prompt
    assert "How high is it?" in prompt
    assert "How far is it?" not in prompt


async def test_whoever_may_stops_an_answer_and_the_slot_is_free(here: Team) -> None:
    """The asker by `/stop`, a moderator by the button, and whoever deletes the question."""
    control, scene, model = here.control, here.scene, here.model
    model.answer, model.token_delay = " far" * 400, 0.05
    owner = here.discord.platform.world.guild(scene.guild).owner

    async def begun() -> tuple[str, str, SeenMessage]:
        """A channel, a question there, and the first words of its answer."""
        channel = await control.new_channel(scene.guild, "a-channel")
        asked = await control.say(channel, scene.person, "How far is it?", mention=True)
        [page] = await here.once(bool, channel)
        await until(lambda: model.running == 1)
        return channel, asked, page

    async def stopped(channel: str) -> str:
        """The last line of an answer that ends, as its slot is free."""
        await until(lambda: model.running == 0)
        return (await here.answered(channel=channel))[0].content.splitlines()[-1]

    channel, _, _ = await begun()
    await control.command(channel, scene.person, "stop")
    assert await stopped(channel) == "Stopped."

    channel, _, page = await begun()
    await control.click(channel, owner, page.id, page.buttons["Stop"])
    assert await stopped(channel) == "Stopped."

    channel, asked, _ = await begun()
    await control.delete(channel, asked)
    assert await stopped(channel) == "Stopped."


async def test_buttons_outlive_the_process_that_made_them(here: Team) -> None:
    """Sources, another answer, and a thumb, after a restart; other people's rights are as before."""
    control, scene = here.control, here.scene
    await here.ask("How much leave do staff earn?", files=[Upload("leave.txt", LEAVE.encode())])
    [answer] = await here.settled()
    await here.served[-1].end()
    await here.serve()

    shown = await control.click(scene.channel, scene.person, answer.id, answer.buttons["Sources"])
    assert LEAVE.strip() in (await told(here, shown)).content
    good = await control.click(scene.channel, scene.person, answer.id, answer.buttons["👍"])
    assert (await told(here, good)).content.startswith("Thank you")
    ben = await control.new_person("ben", scene.guild)
    refused = await control.click(scene.channel, ben, answer.id, answer.buttons["Regenerate"])
    assert "Only whoever asked" in (await told(here, refused)).content
    again = await control.click(scene.channel, scene.person, answer.id, answer.buttons["Regenerate"])
    await here.answered(2)
    assert (await told(here, again)).content.startswith(LEAVE.strip())


async def test_nobody_deletes_what_others_asked(here: Team) -> None:
    """Where several asked, nobody but a moderator forgets the thread, or starts it afresh."""
    control, scene, model = here.control, here.scene, here.model
    ben = await control.new_person("ben", scene.guild)
    await here.ask("How much leave do the llamas earn?")
    [answer] = await here.settled()
    await control.say(scene.channel, ben, "And how much do you?", reply_to=answer.id)
    await here.settled(2)
    owner = here.discord.platform.world.guild(scene.guild).owner
    for person, command in ((ben, "forget"), (ben, "new"), (scene.person, "forget")):
        refused = await told(here, await control.command(scene.channel, person, command))
        assert "Others asked in this conversation" in refused.content
    await control.say(scene.channel, owner, "And I?", reply_to=answer.id)
    await here.settled(3)
    assert "llamas" in model.asked[-1].prompt
    gone = await told(here, await control.command(scene.channel, owner, "forget"))
    assert "deleted" in gone.content


async def test_an_answer_is_made_again_from_all_that_was_asked(here: Team) -> None:
    """With the files of a message and of a command, and with what it points at, however often."""
    control, scene, model = here.control, here.scene, here.model
    ben = await control.new_person("ben", scene.guild)
    plan = await control.say(scene.channel, ben, "How long is the quipu?")
    leave = Upload("leave.txt", LEAVE.encode())

    async def again(answers: int, *, holds: str) -> None:
        """Press Regenerate under the newest answer, twice."""
        for more in (1, 2):
            answer = (await here.settled(answers + more - 1))[-1]
            await control.click(scene.channel, scene.person, answer.id, answer.buttons["Regenerate"])
            await here.settled(answers + more)
            assert model.asked[-1].prompt.count(holds) == 1

    await here.ask("How much leave is it?", files=[leave])
    await again(1, holds=LEAVE.strip())
    await control.command(
        scene.channel, scene.person, "ask", {"question": "How much?"}, files={"file": leave}
    )
    await again(4, holds=LEAVE.strip())
    await here.ask("", reply_to=plan)
    await again(7, holds="How long is the quipu?")
    await here.ask("What does he mean?", reply_to=plan)
    await again(10, holds="Ben: How long is the quipu?")


async def test_pressing_three_times_gives_one_answer(here: Team) -> None:
    """Whoever presses again is told so; when the question is deleted nothing of it is left."""
    control, scene, model = here.control, here.scene, here.model
    asked = await here.ask("How far do the llamas go?")
    [first] = await here.settled()
    pressed = [
        await control.click(scene.channel, scene.person, first.id, first.buttons["Regenerate"])
        for _ in range(3)
    ]
    said = [(await told(here, each)).content for each in pressed]
    assert sum("already" in each for each in said) == 2
    found = await here.settled(2)
    await control.delete(scene.channel, asked)
    await _turns_are_gone(here, places.in_channel(int(scene.channel), int(asked)))
    await control.say(scene.channel, scene.person, "And back?", reply_to=found[-1].id)
    await here.settled(3)
    assert "llamas" not in model.asked[-1].prompt


async def _turns_are_gone(here: Team, thread: ThreadId) -> None:
    async with wiring.stores(Settings(data_dir=here.world.data)) as kept:

        async def gone() -> bool:
            return not await kept.history.turns(thread)

        await until(gone)


async def test_what_a_moderator_has_made_again_is_still_its_author_s(here: Team) -> None:
    """Who has all of theirs deleted leaves no word."""
    control, scene, model = here.control, here.scene, here.model
    owner = here.discord.platform.world.guild(scene.guild).owner
    await here.ask("My llama is ill. What now?")
    [answer] = await here.settled()
    await control.click(scene.channel, owner, answer.id, answer.buttons["Regenerate"])
    found = await here.settled(2)
    gone = {"what": "all that is kept of me"}
    await told(here, await control.command(scene.channel, scene.person, "forget", gone))
    await control.say(scene.channel, owner, "What did they ask?", reply_to=found[-1].id)
    await here.settled(3)
    assert "llama is ill" not in model.asked[-1].prompt


async def test_only_who_manages_a_server_sets_what_counts_in_all_of_it(here: Team) -> None:
    """Who may delete messages in one channel decides for that one."""
    control, scene = here.control, here.scene
    corner = await control.new_channel(scene.guild, "corner")
    ben = await control.new_person("ben", scene.guild)
    await control.permit(corner, ben, allow=["manage_messages"])
    for where, said in (("this server", "Only who manages"), ("this channel", "What counts")):
        given = {"where": where, "persona": "You are a llama."}
        shown = await control.command(corner, ben, "settings", given)
        assert said in (await told(here, shown, corner)).content


async def test_a_form_that_was_shown_before_a_restart_can_be_sent_after_it(here: Team) -> None:
    """A reason is kept, and a question about a message is answered."""
    control, scene, known = here.control, here.scene, here.discord.platform.interactions.known
    await here.ask("How far is it?")
    [answer] = await here.settled()
    bad = await control.click(scene.channel, scene.person, answer.id, answer.buttons["👎"])
    plan = await control.say(scene.channel, scene.person, "We go to Lima on Friday.")
    ask = await control.message_menu(scene.channel, scene.person, "Ask about this", plan)
    await until(lambda: bool(known[bad].modal and known[ask].modal))
    await here.served[-1].end()
    await here.serve()
    assert (await told(here, await control.submit(bad, {"typed": "Too short."}))).content.startswith("Thank")
    [kept] = await _feedbacks(here, answer)
    assert kept.reason == "Too short."
    await control.submit(ask, {"typed": "How far is that?"})
    await here.settled(2)
    assert "We go to Lima on Friday." in here.model.asked[-1].prompt


@pytest.mark.parametrize("fault", [faults.reset, faults.lost])
async def test_a_private_answer_outlasts_a_broken_acknowledgement(
    fault: Callable[[str], faults.Fault], here: Team
) -> None:
    """Before or after Discord took it."""
    control, scene = here.control, here.scene
    await control.fault(fault("POST /interactions/*/*/callback"))
    given = {"question": "How much leave do staff earn?", "private": True}
    await control.command(scene.channel, scene.person, "ask", given)
    [answer] = await here.answered()
    assert (answer.content, answer.seen_by) == (LEAVE.strip(), scene.person)


@pytest.mark.parametrize("private", [False, True])
async def test_an_acknowledgement_that_comes_too_late_costs_nobody_the_answer(
    here: Team, *, private: bool
) -> None:
    """Discord has said by itself that the application did not respond, and is not bothered again.

    What everybody may see comes in the channel; of what is private the asker is told that it does not come.
    """
    control, scene, served = here.control, here.scene, here.served[-1]
    await control.fault(faults.then("POST /interactions/*/*/callback", "advance", seconds=4))
    given = {"question": "How much leave do staff earn?", "private": private}
    asked = await control.command(scene.channel, scene.person, "ask", given)
    await until(lambda: bool(served.said("assistant.answered")))
    in_channel = [each.content for each in await here.answers()]
    directly = [each.content for each in await here.answers(await control.dm(scene.person))]
    assert (await control.interaction(asked)).state == "failed"
    assert len(await control.calls("callback")) == 1
    if private:
        assert not in_channel
        assert ["ask again" in each for each in directly] == [True]
    else:
        assert (in_channel, directly) == ([LEAVE.strip()], [])
    [late], [ended] = served.said("discord.not_acknowledged"), served.said("assistant.answered")
    assert late["message_id"] == ended["message_id"] == places.by_interaction(int(asked))
    assert ended["attempts"] == 1


async def test_the_intent_is_asked_for_no_longer_than_a_channel_wants_it(here: Team) -> None:
    """What one channel takes back, another may still want."""
    control, scene = here.control, here.scene
    owner = here.discord.platform.world.guild(scene.guild).owner
    other = await control.new_channel(scene.guild, "other")

    async def set_(channel: str, given: dict[str, bool]) -> None:
        shown = await control.command(channel, owner, "settings", given)
        await here.once(lambda found: any(each.interaction == shown for each in found), channel)

    async def reads() -> bool:
        await here.served[-1].end()
        await here.serve()
        return bool((await control.gateway()).sessions[-1].intents & (1 << 15))

    for channel in (scene.channel, other):
        await set_(channel, {"every_message": True})
    await set_(other, {"reset": True})
    assert await reads()
    await set_(scene.channel, {"every_message": False})
    assert not await reads()
