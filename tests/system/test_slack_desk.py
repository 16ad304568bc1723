"""What people do on Slack with questions that they asked before, with `chasqui serve all`."""

import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from bots.slack_caller import SlackCaller
from tests.emulators.slack import faults
from tests.emulators.slack.seen import SeenMessage
from tests.emulators.tgi import TgiStandIn
from tests.parts import eventually, until
from tests.system.test_slack_people import form, press, thumb, told
from tests.system.workspace import Workspace, workspace


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Workspace]:
    """A team whose bot listens and answers; its channel has a persona."""
    async with workspace(tmp_path / "data", TgiStandIn(" Far.")) as ready:
        wanted = {ready.scene.channel: {"persona": "You are a llama.", "grounding": "prefer"}}
        await ready.serve(SLACK__CHANNELS=json.dumps(wanted))
        yield ready


def ended(found: list[SeenMessage]) -> SeenMessage:
    """The newest answer that can be made again."""
    return [each for each in found if "chasqui:again" in each.actions][-1]


async def both_told(here: Workspace, pressed: Sequence[str]) -> Sequence[str]:
    """The two of three presses that were told something: any of them may have come first."""
    told_something = [each for each in pressed if (await here.control.interaction(each)).replies]
    return told_something if len(told_something) == 2 else ()


async def test_commands_are_about_the_question_that_was_asked_last(here: Workspace) -> None:
    """Neither one that Slack tells again, nor a mention that asks nothing, is asked later than it."""
    control, scene, model = here.control, here.scene, here.model
    first = await here.ask("How far do the llamas go?")
    await here.settled()
    last = await here.ask("How high do the condors fly?")
    await here.settled(2)
    told_first = (await control.deliveries("app_mention"))[0]
    await control.redeliver(told_first.number)
    await until(here.acknowledged)
    await here.ask("")
    await here.once(lambda found: any("What would you like to know" in each.shown for each in found))

    assert "deleted" in await told(here, await control.command(scene.channel, scene.person, "/forget"))
    for asked, root, kept in (("And then?", first, True), ("And now?", last, False)):
        await control.say(scene.channel, scene.person, asked, thread=root)
        await here.once(lambda _, asked=asked: any(asked in each.prompt for each in model.asked))  # type: ignore[misc]
        before = "llamas" if kept else "condors"
        assert (before in model.asked[-1].prompt) is kept


async def test_a_private_answer_is_made_again_as_its_channel_wants(here: Workspace) -> None:
    """And once, however fast it is pressed: the other presses are told so."""
    control, scene, model = here.control, here.scene, here.model
    await control.command(scene.channel, scene.person, "/ask", "How far is the moon?")
    answer = ended(await here.settled())
    pressed = [await press(here, answer, "again") for _ in range(3)]
    await here.settled(2)
    assert "You are a llama." in model.asked[-1].prompt
    late = await eventually(lambda: both_told(here, pressed), "two sentences")
    for each in late:
        assert "already" in await told(here, each)
    assert len(model.asked) == 2


async def test_a_form_that_is_sent_twice_asks_once(here: Workspace) -> None:
    """While Slack is slow; of a long question it is said that it goes on. Asked again, it has its quote."""
    control, scene, model = here.control, here.scene, here.model
    ben = await control.new_person("ben", channel=scene.channel)
    plan = await control.say(scene.channel, ben, "We go to Lima on Friday.")
    view = await form(here, await control.shortcut(scene.channel, scene.person, plan, "ask_about"))
    await control.fault(faults.slow("* chat.postMessage", 1.0))
    asked = {"question": "How far is that? " * 40, "seen_by": "everybody"}
    for _ in range(2):
        await control.submit(view.id, scene.person, asked)
    answer = ended(await here.settled())
    found = await here.once(lambda found: any(" asks: " in each.text for each in found))
    [question] = [each for each in found if " asks: " in each.text]
    assert question.thread == answer.thread == plan
    assert question.text.endswith("…")
    await press(here, answer, "again")
    await here.settled(2)
    assert len(model.asked) == 2
    for request in model.asked:
        assert "We go to Lima on Friday." in request.prompt


async def test_who_presses_while_slack_is_slow_is_acknowledged_all_the_same(here: Workspace) -> None:
    """Nobody reads that the app does not answer; what was pressed is done once Slack lets it be."""
    await here.ask("How far is it?")
    [answer] = await here.settled()
    fault = await here.control.fault(faults.held("* views.open"))
    pressed = await press(here, answer, "feedback", thumb(answer, "bad"))

    async def over() -> bool:
        return (await here.control.interaction(pressed)).state != "waiting"

    await until(over)
    assert (await here.control.interaction(pressed)).state == "acknowledged"
    await here.control.release(fault)
    assert (await form(here, pressed)).open


def test_what_has_no_trigger_is_known_by_where_it_is_answered() -> None:
    """Two commands without one are two questions; no form can be opened for them."""
    nobody: Any = None
    body = {"user_id": "U1", "channel_id": "C1"}
    urls = ("https://hooks.slack.com/1", "https://hooks.slack.com/2")
    asked = [SlackCaller.of(nobody, nobody, nobody, {**body, "response_url": url}) for url in urls]
    assert asked[0].message_id != asked[1].message_id
    assert [each.respond for each in asked] == list(urls)
