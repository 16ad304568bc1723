"""What the gateway makes of what people do on Slack: questions in the inbox, or a sentence."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from adapters.slack import inbound, places
from adapters.slack.gateway import Gateway
from adapters.slack.login import logged_in
from adapters.slack.people import People
from adapters.slack.sockets import NOT_ACCEPTED, Sockets
from core.channels import ChannelSettings
from core.errors import InboxFull, SettingsError, StoreError
from core.intake import UNREACHABLE
from core.questions import again
from core.types import Message
from tests.adapters.platform_parts import FakeRates, Given
from tests.emulators.slack import faults
from tests.emulators.slack.control import Control
from tests.emulators.slack.people import Upload
from tests.emulators.slack.scenery import Scene
from tests.emulators.slack.server import SlackServer
from tests.parts import eventually


class House(Given):
    """A gateway at the emulator, and what it gave away."""

    def __init__(self, slack: SlackServer) -> None:
        super().__init__()
        self.slack = slack

    @property
    def control(self) -> Control:
        """What people do and see."""
        return self.slack.control

    @property
    def scene(self) -> Scene:
        """What stands at the start."""
        return self.slack.scene

    @asynccontextmanager
    async def listening(
        self, *, pane: bool = True, app_token: str = "", heartbeat: float = 10.0
    ) -> AsyncIterator[Gateway]:
        """A gateway that is ready."""
        patience, rates = aiohttp.ClientTimeout(total=30), FakeRates()
        async with logged_in(self.scene.token, self.scene.api, rates, patience=patience) as slack:
            gateway = Gateway(slack, self.intake, People(slack), pane=pane)

            async def was_edited(asked: Message) -> None:
                self.offered.append(asked)

            gateway.was_edited = was_edited  # type: ignore[method-assign] # as bots do
            token = app_token or self.scene.app_token
            self.sockets, draining = (
                Sockets(slack.web, token, gateway.take, heartbeat=heartbeat),
                asyncio.Event(),
            )
            task = asyncio.create_task(self.sockets.listen(draining))
            try:
                await eventually(lambda: self._ready(task))
                yield gateway
            finally:
                draining.set()
                await task

    async def _ready(self, task: asyncio.Task[None]) -> bool:
        return task.done() or len((await self.control.sockets()).envelopes) == 2

    async def say(self, text: str, **more: Any) -> str:
        """Say something that mentions the bot."""
        return await self.control.say(self.scene.channel, self.scene.person, text, mention=True, **more)

    async def over(self) -> None:
        """Wait until everything that was told is acknowledged."""

        async def look() -> bool:
            return all(each.state == "acknowledged" for each in await self.control.deliveries())

        await eventually(look)

    async def taken(self, count: int = 1) -> Message:
        """The last of so many questions."""
        await eventually(lambda: len(self.inbox.messages) >= count, "a question")
        await self.over()
        assert len(self.inbox.messages) == count
        return self.inbox.messages[-1]

    async def told(self, channel: str | None = None) -> list[str]:
        """What the bot says there, once it says something."""
        found = await eventually(lambda: self.control.answers(channel or self.scene.channel), "a word")
        return [each.shown for each in found]


LACKING = object()
"""In place of a field that is not there."""


def paths(payload: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The ways to all fields of what Slack sends."""
    pairs = payload.items() if isinstance(payload, dict) else enumerate(payload)
    for name, value in pairs:
        yield (*at, name)
        if isinstance(value, dict | list):
            yield from paths(value, (*at, name))


def changed(payload: dict[str, Any], path: tuple[Any, ...], value: object) -> Any:
    """The same payload with another value there, or with none."""
    made = json.loads(json.dumps(payload))
    holder = made
    for name in path[:-1]:
        holder = holder[name]
    if value is LACKING:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return made


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """A house with nobody listening yet."""
    async with SlackServer() as server:
        yield House(server)


# ---- who asks, and where -------------------------------------------------------------------------------


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


# ---- what is refused, and what cannot be taken --------------------------------------------------------


async def test_only_a_mention_is_asked_what_is_wanted(house: House) -> None:
    """Once, in a thread, in which the answer to that is the question."""
    async with house.listening():
        root = await house.say("")
        assert await house.told() == [inbound.NOTHING_ASKED]
        await house.over()
        assert [each.thread for each in await house.control.answers(house.scene.channel)] == [root]
        await house.control.say(house.scene.channel, house.scene.person, "How far is it?", thread=root)
        assert (await house.taken()).thread == places.in_thread(house.scene.channel, root)


async def test_a_mention_alone_in_direct_messages_is_asked_too(house: House) -> None:
    """There it is told as a message alone."""
    async with house.listening():
        await house.control.say(house.scene.dm, house.scene.person, "", mention=True)
        assert await house.told(house.scene.dm) == [inbound.NOTHING_ASKED]


@pytest.mark.parametrize("away", ["for a moment", "for long", "there"])
async def test_a_sentence_is_said_also_where_slack_was_away(house: House, away: str) -> None:
    """It is tried again, as is the message by Slack; what it refuses there is told directly."""
    control, post = house.control, "* chat.postMessage"
    if away == "there":
        await control.fault(faults.denied(post, "channel_is_limited_access"))
    else:
        await control.fault(faults.broken(post, 503, times=1 if away == "for a moment" else 99))
    async with house.listening():
        await house.say("")
        if away == "for long":
            [delivery] = await control.deliveries("app_mention")
            await eventually(lambda: len(delivery.attempts) == 2, "it is told again")
            await control.clear_faults()
            await eventually(lambda: delivery.state == "acknowledged" or delivery.attempts[1].failure)
            await control.advance(60)  # where that came too late for the second time, there is a third
        where = house.scene.dm if away == "there" else house.scene.channel
        assert await house.told(where) == [inbound.NOTHING_ASKED]
        await house.over()
        assert await house.told(where) == [inbound.NOTHING_ASKED]


async def test_a_full_inbox_is_told_once(house: House) -> None:
    """To who asked, although the mention was told twice, and once more."""
    house.inbox.error = InboxFull("You have 25 questions that wait.")
    async with house.listening():
        await house.say("How far is it?")
        await house.told()
        [delivery] = await house.control.deliveries("app_mention")
        await house.control.redeliver(delivery.number)
        await eventually(lambda: len(delivery.attempts) == 2)
        await house.over()
        assert await house.told() == ["You have 25 questions that wait."]


async def test_what_cannot_be_kept_is_not_acknowledged(house: House) -> None:
    """Slack tells it again; the last time its author hears of it. When the store is back, nothing is lost."""
    house.inbox.error = StoreError("away")
    async with house.listening():
        await house.say("How far is it?")
        [delivery] = await house.control.deliveries("app_mention")
        await eventually(lambda: len([each for each in delivery.attempts if each.failure]) == 2)
        assert not await house.control.answers(house.scene.channel)
        await house.control.advance(60)
        await eventually(lambda: len([each for each in delivery.attempts if each.failure]) == 3)
        await house.control.advance(300)
        assert await house.told() == [UNREACHABLE]
        house.inbox.error = None
        await house.control.redeliver(delivery.number)
        await eventually(lambda: bool(house.inbox.messages))


@pytest.mark.parametrize("event", ["channel_created", "message", "app_mention", "agent_session_stopped"])
async def test_events_that_make_no_sense_stop_nothing(house: House, event: str) -> None:
    """Unknown ones are acknowledged, broken ones are not, and the next question is taken."""
    async with house.listening() as gateway:
        body = {"type": "event_callback", "event": {"type": event}, "team_id": house.scene.team}
        told = await gateway.take(body, {"x-slack-retry-num": "0"})
        assert told.status == (503 if event == "agent_session_stopped" else 200)
        await house.say("How far is it?")
        await house.taken()


@pytest.mark.parametrize(
    ("payload", "status"),
    [
        ({"type": "app_rate_limited", "team_id": "T1", "minute_rate_limited": 1518467820}, 200),
        ({"type": "event_callback", "event": None}, 503),
        ({"type": "event_callback", "event": {"type": "message"}, "authorizations": [None]}, 503),
        ({"type": "block_actions", "actions": []}, 503),
        (None, 404),
        ("{", 503),
    ],
)
async def test_whatever_comes_has_an_answer(payload: Any, status: int, house: House) -> None:
    """What Bolt falls over too: nothing is raised, and only what was taken is acknowledged."""
    async with house.listening() as gateway:
        assert (await gateway.take(payload, {})).status == status


ESSENTIAL = {
    ("event",),
    ("type",),
    *((("event", name)) for name in ("type", "user", "channel", "ts", "text")),
}
"""Without these it is no mention."""


async def test_a_mention_is_taken_whatever_else_it_lacks(house: House) -> None:
    """Each field that Slack sends with it may be absent, or be null."""
    async with house.listening() as gateway:
        await house.say("How far is it?", files=(Upload("a.txt", b"one"),))
        await house.taken()
        [delivery] = await house.control.deliveries("app_mention")
        bare = ESSENTIAL | {("authorizations", 0)}  # Bolt wants one that is there to be one
        for number, path in enumerate(path for path in paths(delivery.payload) if path not in bare):
            for value in (None, LACKING):
                payload = changed(delivery.payload, path, value)
                payload["event"]["ts"] = f"{2_000_000_000 + number}.00000{int(value is None)}"
                before = len(house.inbox.messages)
                assert (await gateway.take(payload, {})).status == 200, path
                assert len(house.inbox.messages) == before + 1, path


# ---- what changes ----------------------------------------------------------------------------------------


async def test_an_edited_question_is_asked_as_it_stands(house: House) -> None:
    """In the inbox while it waits; later it is offered. What Slack adds to a message changes nothing."""
    scene = house.scene
    async with house.listening():
        root = await house.control.say(scene.channel, scene.person, "We go to Lima.")
        ts = await house.say("How far is it?", thread=root)
        await house.taken()
        await house.control.edit(scene.channel, ts, "How high is it?")
        await eventually(lambda: bool(house.inbox.edited))
        [edited] = house.inbox.edited
        assert (edited.text, edited.quoted) == ("How high is it?", "ana: We go to Lima.")
        assert not house.offered
        house.inbox.begun = True
        await house.control.edit(scene.channel, ts, "How high is it?")
        await house.control.edit(scene.channel, ts, "How deep is it?")
        await eventually(lambda: bool(house.offered))
        await house.over()
    assert [each.text for each in house.offered] == ["How deep is it?"]


async def test_a_deleted_question_goes(house: House) -> None:
    """However often it was asked; what others say is none of ours."""
    scene = house.scene
    async with house.listening() as gateway:
        ts = await house.say("How far is it?")
        asked = await house.taken()
        anew = Message(again(asked.id), asked.thread, asked.author, asked.text, asked.at)
        await gateway.questions.remember(anew)
        place = await house.control.say(scene.channel, scene.bot, "Your question is next.")
        await house.notes.put(places.waiting_note(asked.id), place)
        other = await house.control.say(scene.channel, scene.person, "What a day.")
        await house.control.delete(scene.channel, other)
        await house.control.delete(scene.channel, ts)
        await eventually(lambda: len(house.inbox.deleted) == 2)
        await eventually(lambda: _is_gone(house, place), "its author need not read its place")
        await house.over()
    assert house.inbox.deleted == [(asked.thread, asked.id), (asked.thread, anew.id)]


async def _is_gone(house: House, ts: str) -> bool:
    return (await house.control.message(house.scene.channel, ts)).deleted_at is not None


@pytest.mark.parametrize("done", ["deleted", "edited"])
async def test_what_is_done_to_a_question_while_it_is_read_counts(house: House, done: str) -> None:
    """Nobody knows yet that it is one: it goes, or is asked as it stands, once it was accepted."""
    scene, control = house.scene, house.control
    async with house.listening():
        root = await control.say(scene.channel, scene.person, "We go to Lima.")
        await house.over()
        fault = await control.fault(faults.held("* conversations.replies"))
        ts = await house.say("How far is it?", thread=root)
        await eventually(lambda: control.held(fault))
        if done == "deleted":
            await control.delete(scene.channel, ts)
        else:
            await control.edit(scene.channel, ts, "How high is it?")
        await eventually(lambda: _came(house, f"message_{'changed' if done == 'edited' else 'deleted'}"))
        await control.release(fault)
        asked = await house.taken()
    assert house.inbox.deleted == ([(asked.thread, asked.id)] if done == "deleted" else [])
    assert [each.text for each in house.inbox.edited] == (["How high is it?"] if done == "edited" else [])


async def _came(house: House, subtype: str) -> bool:
    """Whether this was told, and acknowledged."""
    found = await house.control.deliveries("message")
    told = [each for each in found if each.payload["event"].get("subtype") == subtype]
    return bool(told) and all(each.state == "acknowledged" for each in told)


async def test_an_edit_that_is_told_again_does_not_undo_a_later_one(house: House) -> None:
    """Slack tells it after a minute, and its author has changed the question once more."""
    async with house.listening():
        ts = await house.say("ONE")
        await house.taken()
        await house.control.edit(house.scene.channel, ts, "TWO")
        await eventually(lambda: bool(house.inbox.edited))
        await house.control.advance(1)
        await house.control.edit(house.scene.channel, ts, "THREE")
        await eventually(lambda: len(house.inbox.edited) == 2)
        [first, _] = [
            each
            for each in await house.control.deliveries("message")
            if each.payload["event"].get("subtype") == "message_changed"
        ]
        await house.control.redeliver(first.number)
        await eventually(lambda: len(first.attempts) == 2)
        await house.over()
    assert [each.text for each in house.inbox.edited] == ["TWO", "THREE"]


@pytest.mark.parametrize(
    ("growing", "told", "stopped"),
    [
        (None, {}, [None]),
        (None, {"retried": "2"}, []),
        (None, {"streaming_message_ts": ["2.0"]}, []),
        ("2.0", {"streaming_message_ts": ["1.9", "2.0"], "retried": "3"}, ["D1:1.2"]),
        ("2.0", {"streaming_message_ts": ["1.9"]}, []),
        ("2.0", {"streaming_message_ts": ["2.0"], "user": "U2"}, []),
        ("2.0", {}, ["D1:1.2"]),
        ("2.0", {"event_ts": "2.1"}, ["D1:1.2"]),
        ("2.0", {"event_ts": "1.9"}, []),
    ],
)
async def test_slacks_own_stop_stops_what_grew_when_it_was_pressed(
    house: House, growing: str | None, told: dict[str, Any], stopped: list[str | None]
) -> None:
    """It may be told in the midst of the next answer, and names streams, not questions."""
    thread = places.in_thread("D1", "1.2")
    asked = Message(places.by_message("D1", "1.2"), thread, "U1", "How far?", 1.2)
    retried = {"x-slack-retry-num": told.pop("retried", "0"), "content-type": "application/json"}
    async with house.listening() as gateway:
        await gateway.questions.remember(asked)
        if growing:
            await house.notes.put(places.stream_note(thread), f"{growing} {asked.id}")
        event = {"type": "agent_session_stopped", "channel": "D1", "thread_ts": "1.2", "user": "U1", **told}
        body = {"type": "event_callback", "event": event, "team_id": house.scene.team}
        assert (await gateway.take(json.dumps(body), retried)).status == 200
    assert house.inbox.stopped == [(thread, each) for each in stopped]


# ---- connections ------------------------------------------------------------------------------------------


async def test_a_connection_that_says_nothing_is_given_up(house: House) -> None:
    """It stays open, and brings nothing, not even a pong: others take its place."""
    async with house.listening(heartbeat=0.2):
        await house.control.silence_sockets()
        before = set((await house.control.sockets()).envelopes)

        async def renewed() -> bool:
            return len(set((await house.control.sockets()).envelopes) - before) == 2

        await eventually(renewed)
        await house.say("How far is it?")
        await eventually(lambda: bool(house.inbox.messages))


@pytest.mark.parametrize("text", ["pong", "[]", "{", ""])
async def test_a_frame_that_is_none_of_slacks_changes_nothing(house: House, text: str) -> None:
    """What says nothing to us ends no connection."""
    async with house.listening():
        await house.control.babble(text)
        await house.say("How far is it?")
        await house.taken()


async def test_without_a_connection_it_is_not_ready(house: House) -> None:
    """Nobody is heard then; it is once there is one again."""
    async with house.listening():
        assert await house.sockets.wrong() == ""
        fault = await house.control.fault(faults.held("* apps.connections.open", times=2))
        await house.control.drop_sockets()

        async def says(why: str) -> bool:
            return await house.sockets.wrong() == why

        await eventually(lambda: says("Slack is not connected"))
        await house.control.release(fault)
        await eventually(lambda: says(""))


async def test_what_comes_over_a_connection_that_slack_gives_up_is_taken(house: House) -> None:
    """It is warned of first, and the next one takes a while to open: presses come once only."""
    async with house.listening():
        fault = await house.control.fault(faults.held("* apps.connections.open", times=2))
        await house.control.refresh_sockets("warning")
        await eventually(lambda: _are_held(house, fault, 2))
        await house.say("How far is it?")
        await house.taken()
        await house.control.release(fault)
        await eventually(lambda: _are_held(house, fault, 0))


async def _are_held(house: House, fault: int, count: int) -> bool:
    return await house.control.held(fault) == count


async def test_slack_may_be_away_for_a_while(house: House) -> None:
    """Connecting is tried again, and a limit of Slack's is no wrong token."""
    await house.control.fault(faults.broken("* apps.connections.open", 503, times=2))
    await house.control.fault(faults.limited("* apps.connections.open"))
    async with house.listening():
        await house.say("How far is it?")
        await house.taken()


async def test_a_wrong_app_token_is_told(house: House) -> None:
    """In one sentence that names the setting."""
    with pytest.raises(SettingsError, match="CHASQUI_SLACK__APP_TOKEN") as caught:
        async with house.listening(app_token="xapp-wrong"):
            pass
    assert caught.value.sentence == NOT_ACCEPTED


async def test_what_is_being_taken_is_taken_before_it_ends(house: House) -> None:
    """The thread is being read when it drains: the question is kept, and acknowledged."""
    async with house.listening():
        root = await house.control.say(house.scene.channel, house.scene.person, "We go to Lima.")
        await house.over()
        fault = await house.control.fault(faults.held("* conversations.replies"))
        await house.say("How far is it?", thread=root)
        await eventually(lambda: house.control.held(fault))
        asyncio.get_running_loop().call_later(
            0.2, lambda: asyncio.ensure_future(house.control.release(fault))
        )
    assert len(house.inbox.messages) == 1
    await house.over()
