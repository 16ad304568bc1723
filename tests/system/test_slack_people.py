"""What people type, pick and press on Slack, in conversations with `chasqui serve all`."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.slack import places
from bots import wiring
from bots.settings import Settings
from core.types import Feedback
from tests.emulators.slack.people import Upload
from tests.emulators.slack.seen import SeenMessage, SeenView
from tests.emulators.tgi import TgiStandIn
from tests.parts import until
from tests.system.workspace import Workspace, workspace

LEAVE = " Staff earn two and a half days of leave each month."
ASKED = "How much leave do staff earn each month?"


@pytest.fixture(params=["socket", "http"])
async def here(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Workspace]:
    """A team whose bot listens and answers, in each mode; a moderator is named beforehand."""
    async with workspace(tmp_path / "data", TgiStandIn(LEAVE), mode=request.param) as ready:
        await ready.control.new_person("mo", channel=ready.scene.channel)
        moderator = list(ready.slack.platform.world.users)[-1]
        await ready.serve(SLACK__MODERATORS=moderator)
        yield ready


async def told(here: Workspace, interaction: str) -> str:
    """What one person reads in answer to what they did."""

    async def come() -> bool:
        return bool((await here.control.interaction(interaction)).replies)

    await until(come)
    [reply, *_] = (await here.control.interaction(interaction)).replies
    channels = here.slack.platform.world.channels
    [channel] = [each.id for each in channels.values() if reply in each.messages]
    message = await here.control.message(channel, reply)
    assert message.seen_by
    return message.shown or message.text


async def form(here: Workspace, interaction: str) -> SeenView:
    """The form that somebody's doing opened."""

    async def come() -> bool:
        return bool((await here.control.interaction(interaction)).opened)

    await until(come)
    return await here.control.view((await here.control.interaction(interaction)).opened[-1])


async def press(here: Workspace, message: SeenMessage, verb: str, value: str | None = None) -> str:
    """Press a button under an answer; the interaction."""
    action = f"chasqui:{verb}"
    return await here.control.press(message.channel, here.scene.person, message.ts, action, value)


def thumb(message: SeenMessage, verb: str) -> str:
    """What one of the two thumbs under an answer says."""
    [block] = [each for each in message.now.blocks if each["type"] == "context_actions"]
    sides = [block["elements"][0][side]["value"] for side in ("positive_button", "negative_button")]
    return next(str(value) for value in sides if value.startswith(verb))


async def test_a_conversation_with_buttons(here: Workspace) -> None:
    """Sources with their words, a thumb with a reason, another answer instead of the first."""
    control, scene = here.control, here.scene
    asked = await here.ask(ASKED, files=[Upload("leave.txt", LEAVE.encode())])
    [first] = await here.settled()

    assert LEAVE.strip() in await told(here, await press(here, first, "sources"))
    assert "Thank you" in await told(here, await press(here, first, "feedback", thumb(first, "good")))
    why = await form(here, await press(here, first, "feedback", thumb(first, "bad")))
    await control.submit(why.id, scene.person, {"reason": "Too short."})
    await until(lambda: _shows(here, why, "Thank you"))
    async with wiring.stores(Settings(data_dir=here.world.data)) as kept:
        [feedback] = await kept.feedbacks.of(places.in_thread(scene.channel, asked))
    assert (feedback.author, feedback.helped, feedback.reason) == (scene.person, False, "Too short.")
    assert isinstance(feedback, Feedback)

    stranger = await control.new_person("ben", channel=scene.channel)
    refused = await control.press(scene.channel, stranger, first.ts, "chasqui:again")
    assert "Only whoever asked" in await told(here, refused)
    await press(here, first, "again")
    await here.settled(2)
    assert here.model.asked[-1].prompt.count(ASKED) == 1, "the first turn is gone"


async def _shows(here: Workspace, view: SeenView, text: str) -> bool:
    return text in (await here.control.view(view.id)).shown


async def test_a_thread_goes_on_without_a_mention(here: Workspace) -> None:
    """What began with a question to the bot is its conversation; what people say to each other is not."""
    control, scene = here.control, here.scene
    root = await here.ask(ASKED)
    await here.settled()
    await control.say(scene.channel, scene.person, "And how many days in a year?", thread=root)
    await here.settled(2)
    assert ASKED in here.model.asked[-1].prompt

    ben = await control.new_person("ben", channel=scene.channel)
    await control.say(scene.channel, scene.person, f"<@{ben}> see this", thread=root, markup=True)
    plan = await control.say(scene.channel, ben, "We go to Lima on Friday.")
    await control.say(scene.channel, scene.person, "By foot, I hope.", thread=plan)
    await here.ask("Where do they go?", thread=plan)
    await here.settled(3)
    prompt = here.model.asked[-1].prompt
    assert "Ben: We go to Lima on Friday." in prompt or "ben: We go to Lima on Friday." in prompt
    assert "By foot, I hope." in prompt
    await control.say(scene.channel, ben, "Nobody asked you.", thread=plan)
    await here.ask("When?", thread=plan)
    await here.settled(4)
    assert len(here.model.asked) == 4
    assert here.model.asked[-1].prompt.count("We go to Lima on Friday.") == 1, "read once"


async def test_nobody_forgets_what_others_asked(here: Workspace) -> None:
    """A thread in which several asked is for a moderator to forget, also if a fresh start hid the others."""
    control, scene = here.control, here.scene
    [moderator] = [user.id for user in here.slack.platform.world.users.values() if user.name == "mo"]
    ben = await control.new_person("ben", channel=scene.channel)
    root = await here.ask(ASKED)
    await here.settled()
    assert "fresh start" in await told(here, await control.command(scene.channel, scene.person, "/new"))
    await control.say(scene.channel, ben, "And in a year?", thread=root, mention=True)
    await here.settled(2)
    for person in (ben, scene.person):
        refused = await control.command(scene.channel, person, "/forget")
        assert "Others asked in this conversation" in await told(here, refused)
    await control.say(scene.channel, moderator, "And in two?", thread=root, mention=True)
    await here.settled(3)
    done = await control.command(scene.channel, moderator, "/forget")
    assert "is deleted" in await told(here, done)


async def test_the_agents_pane(here: Workspace) -> None:
    """It suggests what to ask, each question begins a thread with its title, and follow-ups stay in it."""
    control, scene = here.control, here.scene
    await control.open_pane(scene.person)
    await until(lambda: _suggested(here))
    root = await control.say(scene.dm, scene.person, ASKED)
    [first] = await here.settled(channel=scene.dm)
    assert first.thread == root
    await until(lambda: _titled(here, root))
    await control.say(scene.dm, scene.person, "And in a year?", thread=root)
    await here.settled(2, scene.dm)
    assert ASKED in here.model.asked[-1].prompt
    await control.say(scene.dm, scene.person, "How far is Lima?")
    await here.settled(3, scene.dm)
    assert ASKED not in here.model.asked[-1].prompt, "another thread"


async def _suggested(here: Workspace) -> bool:
    return bool((await here.control.session(here.scene.dm)).prompts)


async def _titled(here: Workspace, root: str) -> bool:
    return (await here.control.session(here.scene.dm, root)).title == ASKED


async def test_stop_frees_the_models_slot(here: Workspace) -> None:
    """Slack's own Stop, and ours; what was said stays."""
    control, scene, model = here.control, here.scene, here.model
    model.answer, model.token_delay = " " + "Step after step. " * 200, 0.05
    root = await control.say(scene.dm, scene.person, "How do I get there?")
    await here.once(lambda found: any("Step after" in each.shown for each in found), scene.dm)
    assert model.running == 1
    await control.stop(scene.dm, root, scene.person)
    await until(lambda: model.running == 0)
    await here.answered(channel=scene.dm)

    await here.ask("How do I get there?")
    await here.once(lambda found: any("Step after" in each.shown for each in found))
    stopped = await control.command(scene.channel, scene.person, "/stop")
    assert "Stopping" in await told(here, stopped)
    await until(lambda: model.running == 0)
    [answer] = [each for each in await here.answered() if "chasqui:again" in each.actions]
    assert "Stopped" in answer.shown


async def test_slash_commands(here: Workspace) -> None:
    """A private answer; then /sources, /new and /forget are about one's own last question."""
    control, scene, model = here.control, here.scene, here.model

    async def command(name: str, text: str = "") -> str:
        return await told(here, await control.command(scene.channel, scene.person, name, text))

    assert "You have asked nothing here yet" in await command("/sources")
    assert "Write your question behind" in await command("/ask")
    asked = await control.command(scene.channel, scene.person, "/ask", ASKED)
    assert ASKED in await told(here, asked)
    found = await here.settled()
    assert {each.seen_by for each in found} == {scene.person}
    assert any(LEAVE.strip() in each.shown for each in found)
    assert await command("/sources") == "The last answer has no source."

    await here.ask(ASKED, files=[Upload("leave.txt", LEAVE.encode())])
    root = (await here.settled(2))[-1].thread
    assert LEAVE.strip() in await command("/sources")
    assert "fresh start" in await command("/new")
    await control.say(scene.channel, scene.person, "What else?", thread=root)
    await here.settled(3)
    assert ASKED not in model.asked[-1].prompt
    for what in ("", "me"):
        assert "deleted" in await command("/forget", what)
    assert "`/forget`" in await command("/help")


async def test_shortcuts_ask_about_a_message_and_its_thread(here: Workspace) -> None:
    """A question that everybody sees, with the message quoted; a summary of the thread for one person."""
    control, scene, model = here.control, here.scene, here.model
    ben = await control.new_person("ben", channel=scene.channel)
    plan = await control.say(scene.channel, ben, "We go to Lima on Friday.")
    await control.say(scene.channel, scene.person, "By foot.", thread=plan)

    picked = await control.shortcut(scene.channel, scene.person, plan, "ask_about")
    view = await form(here, picked)
    await control.submit(view.id, scene.person, {"question": "How far is that?", "seen_by": "everybody"})
    await here.settled()
    question, answer = [each for each in await here.answers() if each.thread == plan]
    assert question.text == f"<@{scene.person}> asks: How far is that?"
    assert LEAVE.strip() in answer.shown
    assert "We go to Lima on Friday." in model.asked[-1].prompt

    picked = await control.shortcut(scene.channel, scene.person, plan, "summarize")
    view = await form(here, picked)
    await control.submit(view.id, scene.person, {"seen_by": "me"})
    await here.settled(2)
    private = [each for each in await here.answers() if each.seen_by]
    assert {each.seen_by for each in private} == {scene.person}
    assert "We go to Lima on Friday." in model.asked[-1].prompt
    assert "By foot." in model.asked[-1].prompt

    elsewhere = await control.new_channel("elsewhere", bot=False)
    await control.join(elsewhere, scene.person)
    there = await control.say(elsewhere, scene.person, "Not for you.")
    view = await form(here, await control.shortcut(elsewhere, scene.person, there, "ask_about"))
    await control.submit(view.id, scene.person, {"question": "Why?", "seen_by": "me"})
    await until(lambda: _shows(here, view, "/invite"))


async def test_moderators_say_what_a_channel_wants(here: Workspace) -> None:
    """Others may not; from then on every message is answered, and by another persona."""
    control, scene, model = here.control, here.scene, here.model
    [moderator] = [user.id for user in here.slack.platform.world.users.values() if user.name == "mo"]
    refused = await control.command(scene.channel, scene.person, "/settings")
    assert "moderator" in await told(here, refused)

    view = await form(here, await control.command(scene.channel, moderator, "/settings"))
    wanted = {"every_message": "yes", "allowed": "same", "grounding": "off", "persona": "You are a llama."}
    await control.submit(view.id, moderator, wanted)
    await until(lambda: _closed(here, view))
    await control.say(scene.channel, scene.person, "How far is it?")
    await here.settled()
    assert "You are a llama." in model.asked[-1].prompt

    view = await form(here, await control.command(scene.channel, moderator, "/settings"))
    await control.submit(view.id, moderator, {**wanted, "allowed": "no"})
    await until(lambda: _closed(here, view))
    denied = await control.command(scene.channel, scene.person, "/ask", "Are you there?")
    assert "do not answer in this channel" in await told(here, denied)
    await here.ask("Are you there?")
    await until(here.acknowledged)
    assert len(model.asked) == 1


async def _closed(here: Workspace, view: SeenView) -> bool:
    return not (await here.control.view(view.id)).open


async def test_the_home_tab(here: Workspace) -> None:
    """How to ask, what it knows, how it answers, what it keeps of who looks, and a button to delete that."""
    control, scene = here.control, here.scene
    await here.ask(ASKED)
    await here.settled()
    await control.open_home(scene.person)
    await until(lambda: _home(here, "1 question with"))
    home = await control.home(scene.person)
    assert home
    for part in ("`/ask`", "What I know", "How I answer"):
        assert part in home.shown
    pressed = await control.press_in_view(home.id, scene.person, "chasqui:forget_me")
    assert "is deleted" in (await form(here, pressed)).shown
    await until(lambda: _home(here, "0 questions with"))


async def _home(here: Workspace, text: str) -> bool:
    home = await here.control.home(here.scene.person)
    return home is not None and text in home.shown


async def test_a_question_may_change_or_go(here: Workspace) -> None:
    """An edited one is offered another answer, once; a deleted one leaves nothing in history."""
    control, scene, model = here.control, here.scene, here.model
    asked = await here.ask("How far is it?")
    await here.settled()
    mention = f"<@{scene.bot}>"
    world = here.slack.platform.world
    await control.edit(scene.channel, asked, "How high is it?")
    assert mention not in world.find(scene.channel, asked).now.text
    found = await here.once(lambda found: any("changed your question" in each.shown for each in found))
    [offer] = [each for each in found if "changed your question" in each.shown]
    assert (offer.seen_by, offer.thread) == (scene.person, asked)
    await press(here, offer, "again")
    await here.settled(2)
    assert "How high is it?" in model.asked[-1].prompt
    assert "How far is it?" not in model.asked[-1].prompt

    await control.delete(scene.channel, asked)
    await until(here.acknowledged)
    await here.ask("And how wide?", thread=asked)
    await here.settled(3)
    assert "How high is it?" not in model.asked[-1].prompt
