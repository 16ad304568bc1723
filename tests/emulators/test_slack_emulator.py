"""The Slack emulator against the real slack-bolt and slack-sdk, in Socket Mode and in HTTP mode."""

import asyncio
import functools
import json
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from tests.emulators.shared.errors import ControlError
from tests.emulators.shared.faults import Fault
from tests.emulators.slack import faults
from tests.emulators.slack.application import MANIFEST
from tests.emulators.slack.control import Control, control_of
from tests.emulators.slack.outbox import Delivery
from tests.emulators.slack.people import Upload
from tests.emulators.slack.scenery import Scene
from tests.emulators.slack.seen import SeenMessage
from tests.emulators.slack.server import SlackServer

Client = AsyncWebClient
MARKDOWN = {"type": "markdown", "text": "# Answer"}
FEEDBACK = {
    "type": "context_actions",
    "block_id": "feedback",
    "elements": [
        {
            "type": "feedback_buttons",
            "action_id": "thumbs",
            "positive_button": {"text": {"type": "plain_text", "text": "Good"}, "value": "good"},
            "negative_button": {"text": {"type": "plain_text", "text": "Bad"}, "value": "bad"},
        }
    ],
}
REASON = {"type": "plain_text_input", "action_id": "reason"}
MODAL = {
    "type": "modal",
    "callback_id": "why",
    "title": {"type": "plain_text", "text": "Why?"},
    "submit": {"type": "plain_text", "text": "Send"},
    "blocks": [
        {"type": "input", "block_id": "b", "label": {"type": "plain_text", "text": "x"}, "element": REASON}
    ],
}


class Bot:
    """An app that acknowledges everything and remembers all it was told; `answer` is what it does then."""

    def __init__(self, scene: Scene, **options: Any) -> None:
        self.client = AsyncWebClient(token=scene.token, base_url=scene.api, retry_handlers=[])
        self.app = AsyncApp(client=self.client, **options)
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, Any]] = []
        self.reply: Any = None
        self.app.use(self._note)
        for each in ("app_mention", "message", "file_shared", "app_home_opened", "agent_session_stopped"):
            self.app.event(each)(_nothing)
        self.app.command("/ask")(self._acknowledge)
        self.app.action("thumbs")(self._acknowledge)
        self.app.shortcut("ask_about")(self._acknowledge)
        self.app.view("why")(self._acknowledge)

    async def _note(self, body: dict[str, Any], request: Any, next: Any) -> None:  # noqa: A002
        self.bodies.append(body)
        self.headers.append(request.headers)
        await next()

    async def _acknowledge(self, ack: Any) -> None:
        await ack(**self.reply) if self.reply else await ack()

    def events(self, name: str = "") -> list[dict[str, Any]]:
        """The bodies of the events of this type."""
        return [each for each in self.bodies if "event" in each and name in ("", each["event"]["type"])]


async def _nothing() -> None:
    pass


async def eventually(come: Callable[[], Awaitable[Any] | Any], what: str = "it") -> Any:
    """What `come` gives once it is true, with much patience."""
    deadline = time.monotonic() + 30
    while True:
        found = come()
        found = await found if isinstance(found, Awaitable) else found
        if found:
            return found
        assert time.monotonic() < deadline, f"{what} did not come"
        await asyncio.sleep(0.005)


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    """A platform."""
    async with SlackServer() as server:
        yield server


@pytest.fixture
async def control(slack: SlackServer) -> AsyncIterator[Control]:
    """What plays people there, as another process would."""
    async with aiohttp.ClientSession() as http:
        yield control_of(slack.scene.address, http)


@pytest.fixture
def scene(slack: SlackServer) -> Scene:
    """What stands there."""
    return slack.scene


@pytest.fixture
def client(scene: Scene) -> Client:
    """The bot's Web API, which tries nothing twice."""
    return AsyncWebClient(token=scene.token, base_url=scene.api, retry_handlers=[])


@asynccontextmanager
async def connected(bot: Bot, scene: Scene, *, ping_interval: float = 10) -> AsyncIterator[Bot]:
    """The bot in Socket Mode."""
    async with socket_mode(bot.app, scene, ping_interval):
        yield bot


@asynccontextmanager
async def socket_mode(app: AsyncApp, scene: Scene, ping_interval: float = 10) -> AsyncIterator[None]:
    """An app in Socket Mode."""
    handler: Any = AsyncSocketModeHandler(app, scene.app_token, ping_interval=ping_interval)
    await handler.connect_async()
    try:
        yield
    finally:
        await handler.close_async()


@pytest.fixture
async def bot(scene: Scene) -> AsyncIterator[Bot]:
    """A bot in Socket Mode."""
    async with connected(Bot(scene), scene) as running:
        yield running


@asynccontextmanager
async def serving(bot: Bot, change: Callable[[web.Response], None] = lambda _: None) -> AsyncIterator[str]:
    """The bot's request URL."""

    async def answer(request: web.Request) -> web.Response:
        response = await to_aiohttp_response(await bot.app.async_dispatch(await to_bolt_request(request)))
        change(response)
        return response

    app = web.Application()
    app.router.add_post("/slack/events", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
    finally:
        await runner.cleanup()


@pytest.fixture
async def hooked(slack: SlackServer, scene: Scene) -> AsyncIterator[Bot]:
    """A bot in HTTP mode."""
    bot = Bot(scene, signing_secret=scene.signing_secret)
    async with serving(bot) as url:
        await slack.control.use_http(url)
        yield bot


@pytest.fixture(params=["socket", "http"])
async def anyhow(request: pytest.FixtureRequest, slack: SlackServer) -> AsyncIterator[Bot]:
    """A bot in each mode."""
    bot = Bot(slack.scene, signing_secret=slack.scene.signing_secret)
    if request.param == "socket":
        async with connected(bot, slack.scene):
            yield bot
    else:
        async with serving(bot) as url:
            await slack.control.use_http(url)
            yield bot


@asynccontextmanager
async def refused(error: str) -> AsyncIterator[list[SlackApiError]]:
    """What must be refused with this error."""
    errors: list[SlackApiError] = []
    with pytest.raises(SlackApiError) as caught:
        yield errors
    errors.append(caught.value)
    assert caught.value.response["error"] == error


async def asked(control: Control, scene: Scene, text: str = "Hello", **more: Any) -> str:
    """Somebody asks in the channel; the message's timestamp."""
    return await control.say(scene.channel, scene.person, text, mention=True, **more)


async def only(control: Control, channel: str) -> SeenMessage:
    """The bot's one message there."""
    [message] = await control.answers(channel)
    return message


# ---- events -----------------------------------------------------------------------------------------


async def test_a_mention_comes_twice_with_different_ids(anyhow: Bot, control: Control, scene: Scene) -> None:
    """As `message` and as `app_mention`, with the same channel and timestamp, in both modes."""
    ts = await asked(control, scene, "1 < 2 & 3")
    await eventually(lambda: len(anyhow.events()) == 2)
    [said], [named] = anyhow.events("message"), anyhow.events("app_mention")
    assert said["event_id"] != named["event_id"]
    assert said["event"]["ts"] == named["event"]["ts"] == ts
    assert named["event"]["text"] == f"<@{scene.bot}> 1 &lt; 2 &amp; 3"
    assert (said["event"]["channel_type"], said["team_id"]) == ("channel", scene.team)
    await eventually(lambda: _settled(control))
    assert {each.state for each in await control.deliveries()} == {"acknowledged"}


async def _settled(control: Control) -> bool:
    return all(each.state != "waiting" for each in await control.deliveries())


async def test_files_edits_and_deletions_are_told(bot: Bot, control: Control, scene: Scene) -> None:
    """A file comes as `file_share`, as `file_shared` and with the mention."""
    ts = await asked(control, scene, "read", files=[Upload("a.txt", b"words")])
    await control.edit(scene.channel, ts, "read this")
    await control.delete(scene.channel, ts)
    await eventually(lambda: len(bot.events()) == 5)
    subtypes = {each["event"].get("subtype") for each in bot.events("message")}
    assert subtypes == {"file_share", "message_changed", "message_deleted"}
    assert bot.events("app_mention")[0]["event"]["files"][0]["name"] == "a.txt"
    assert bot.events("file_shared")[0]["event"]["file_id"]


async def test_only_what_the_manifest_subscribes_to_is_told(bot: Bot, control: Control, scene: Scene) -> None:
    """And only of places where the bot is; a DM has no mentions."""
    elsewhere = await control.new_channel("elsewhere", bot=False)
    await control.join(elsewhere, scene.person)
    await control.say(elsewhere, scene.person, "unheard", mention=True)
    events = {"event_subscriptions": {"bot_events": ["app_mention", "message.im"]}}
    await control.install({**MANIFEST, "settings": events})
    await asked(control, scene, "heard once")
    await control.say(scene.dm, scene.person, "private", mention=True)
    await eventually(lambda: len(bot.events()) == 2)
    assert {each["event"]["type"] for each in bot.events()} == {"app_mention", "message"}
    assert bot.events("message")[0]["event"]["channel_type"] == "im"


async def test_the_bot_hears_itself_and_bolt_ignores_it(bot: Bot, control: Control, scene: Scene) -> None:
    """Its own messages are events too, with its bot_id."""
    await bot.client.chat_postMessage(channel=scene.channel, text="mine")
    [delivery] = await eventually(lambda: control.deliveries("message"))
    assert delivery.payload["event"]["bot_id"] == scene.bot_id
    await eventually(lambda: _settled(control))
    assert not bot.events()


async def test_slack_connect_marks_events_and_withholds_files(
    bot: Bot, control: Control, scene: Scene
) -> None:
    """The file's data are had from files.info; the person's team is their own."""
    shared = await control.new_channel("shared", shared=True)
    guest = await control.new_person("paco", channel=shared, partner=True)
    await control.say(shared, guest, "look", mention=True, files=[Upload("a.txt", b"words")])
    [body] = await eventually(lambda: bot.events("app_mention"))
    [file] = body["event"]["files"]
    assert body["is_ext_shared_channel"]
    assert body["event"]["user_team"] not in ("", scene.team)
    assert file["file_access"] == "check_file_info"
    assert "url_private" not in file
    whole = (await bot.client.files_info(file=file["id"]))["file"]
    assert (whole["name"], whole["size"]) == ("a.txt", 5)


# ---- Socket Mode ------------------------------------------------------------------------------------


async def test_an_event_without_a_listener_comes_again() -> None:
    """Bolt answers 404 and does not acknowledge; Slack tries at once, after one minute and after five."""
    async with SlackServer(patience=0.1) as quick:
        app = AsyncApp(client=AsyncWebClient(token=quick.scene.token, base_url=quick.scene.api))
        async with socket_mode(app, quick.scene):
            await quick.control.say(quick.scene.dm, quick.scene.person, "anyone?")
            [delivery] = await quick.control.deliveries()
            for tries, pause in ((2, 60), (3, 300), (4, 0)):
                await eventually(functools.partial(_failed_tries, delivery, tries))
                await quick.control.advance(pause)
            await eventually(lambda: delivery.state == "failed")
        assert [each.retry for each in delivery.attempts] == [0, 1, 2, 3]
        assert [each.reason for each in delivery.attempts] == ["", "timeout", "timeout", "timeout"]


def _failed_tries(delivery: Delivery, count: int) -> bool:
    return len(delivery.attempts) == count and delivery.attempts[-1].failure is not None


async def test_a_missed_acknowledgement_brings_the_same_event_again(
    bot: Bot, control: Control, scene: Scene
) -> None:
    """With its id and a count; the first delivery in Socket Mode has the count 0."""
    await control.fault(faults.unacknowledged("message"))
    await control.say(scene.dm, scene.person, "once")
    await eventually(lambda: len(bot.events()) == 2)
    await control.redeliver(0)
    await eventually(lambda: len(bot.events()) == 3)
    assert len({each["event_id"] for each in bot.events()}) == 1
    assert [each["x-slack-retry-num"] for each in bot.headers] == [["0"], ["1"], ["2"]]


async def test_each_event_goes_to_one_of_several_sockets(control: Control, scene: Scene) -> None:
    """Two replicas share the events between them."""
    one, two = Bot(scene), Bot(scene)
    async with connected(one, scene), connected(two, scene):
        assert len((await control.sockets()).envelopes) == 2
        for number in range(4):
            await control.say(scene.dm, scene.person, str(number))
        await eventually(lambda: len(one.events()) + len(two.events()) == 4)
        assert len(one.events()) == len(two.events()) == 2


@pytest.mark.parametrize("how", ["warning", "refresh_requested", "drop", "silence"])
async def test_a_client_comes_back(how: Any, control: Control, scene: Scene) -> None:
    """After a disconnect frame, a broken line or one that answers no ping, it opens another socket."""
    async with connected(Bot(scene), scene, ping_interval=0.2) as bot:
        if how == "drop":
            await control.drop_sockets()
        elif how == "silence":
            await control.silence_sockets()
        else:
            await control.refresh_sockets(how)
        await eventually(lambda: _calls(control, "/link/", 2))
        await eventually(lambda: _sockets(control, 1))
        await control.say(scene.dm, scene.person, "still there?")
        await eventually(bot.events)


async def _calls(control: Control, name: str, count: int) -> bool:
    return len(await control.calls(name)) >= count


async def _sockets(control: Control, count: int) -> bool:
    return len((await control.sockets()).envelopes) == count


async def test_what_is_said_while_nobody_is_connected_comes_later(control: Control, scene: Scene) -> None:
    """The first try fails, and so does the one at once; the next is a minute later."""
    await control.say(scene.dm, scene.person, "anyone?")
    await eventually(lambda: _attempts(control, 2))
    async with connected(Bot(scene), scene) as late:
        await control.advance(60)
        await eventually(late.events)
        [delivery] = await control.deliveries()
        assert delivery.attempts[2].reason == "connection_failed"


async def _attempts(control: Control, count: int) -> bool:
    [delivery] = await control.deliveries()
    return len(delivery.attempts) == count


async def test_a_ticket_opens_one_socket(scene: Scene) -> None:
    """The address of a connection is good once, and needs the app's own token."""
    client = AsyncWebClient(base_url=scene.api)
    url = (await client.apps_connections_open(app_token=scene.app_token))["url"]
    async with aiohttp.ClientSession() as http:
        async with http.ws_connect(url) as socket:
            hello = await socket.receive_json()
            assert (hello["type"], hello["connection_info"]["app_id"]) == ("hello", scene.app)
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await http.ws_connect(url)
    async with refused("not_allowed_token_type"):
        await client.apps_connections_open(app_token=scene.token)


async def test_an_app_has_ten_sockets_at_most(scene: Scene) -> None:
    """The eleventh gets no address."""
    client = AsyncWebClient(base_url=scene.api, retry_handlers=[])
    async with aiohttp.ClientSession() as http:
        sockets = []
        for _ in range(10):
            url = (await client.apps_connections_open(app_token=scene.app_token))["url"]
            sockets.append(await http.ws_connect(url))
            await sockets[-1].receive_json()
        async with refused("too_many_websockets"):
            await client.apps_connections_open(app_token=scene.app_token)


# ---- HTTP mode --------------------------------------------------------------------------------------


async def test_a_wrong_signature_or_an_old_time_is_refused_by_bolt(
    hooked: Bot, control: Control, scene: Scene
) -> None:
    """The right one is taken; a time that is no number makes the SDK's verifier fail."""
    await control.say(scene.dm, scene.person, "genuine")
    await eventually(hooked.events)
    assert await control.forge() == 200
    assert await control.forge(secret="other") == 401
    assert await control.forge(timestamp=str(int(time.time()) - 400)) == 401
    assert await control.forge(timestamp="junk") == 500
    assert len(hooked.events()) == 2


async def test_an_address_that_does_not_answer_the_challenge_is_not_taken(
    slack: SlackServer, scene: Scene
) -> None:
    """An app with another secret cannot own the URL."""
    async with serving(Bot(scene, signing_secret="other")) as url:
        with pytest.raises(ControlError, match="challenge"):
            await slack.control.use_http(url)


async def test_http_errors_are_tried_again_unless_the_app_says_no(slack: SlackServer, scene: Scene) -> None:
    """With x-slack-retry-num and -reason, which the first try does not have."""
    bot = Bot(scene, signing_secret=scene.signing_secret)
    broken: dict[str, str] = {}

    def fail(response: web.Response) -> None:
        if broken:
            response.set_status(500)
            response.headers.update(broken)

    async with serving(bot, fail) as url:
        await slack.control.use_http(url)
        broken["X-Any"] = "1"
        await slack.control.say(scene.dm, scene.person, "one")
        await eventually(lambda: len(bot.events()) == 2)
        assert "x-slack-retry-num" not in bot.headers[-2]
        assert bot.headers[-1]["x-slack-retry-num"] == ["1"]
        assert bot.headers[-1]["x-slack-retry-reason"] == ["http_error"]
        broken["X-Slack-No-Retry"] = "1"
        await slack.control.say(scene.dm, scene.person, "two")
        await eventually(lambda: slack.platform.outbox.deliveries[1].state == "failed")
        assert len((await slack.control.deliveries())[1].attempts) == 1


async def test_an_answer_after_the_time_is_http_timeout() -> None:
    """And comes again."""
    async with SlackServer(patience=0.1) as quick:
        bot, slow = Bot(quick.scene, signing_secret=quick.scene.signing_secret), asyncio.Event()
        bot.app.middleware(_waiting(slow))
        async with serving(bot) as url:
            await quick.control.use_http(url)
            await quick.control.say(quick.scene.dm, quick.scene.person, "slow")
            await eventually(lambda: len(bot.events()) == 2)
            assert bot.headers[-1]["x-slack-retry-reason"] == ["http_timeout"]
            slow.set()


def _waiting(until: asyncio.Event) -> Any:
    async def wait(next: Any) -> None:  # noqa: A002
        await until.wait()
        await next()

    return wait


# ---- messages ---------------------------------------------------------------------------------------


async def test_a_message_keeps_all_its_versions(client: Client, control: Control, scene: Scene) -> None:
    """What was posted, updated and deleted is seen with its times, blocks, metadata and options."""
    root = await asked(control, scene)
    about = {"event_type": "answer", "event_payload": {"turn": "t1"}}
    posted = await client.chat_postMessage(
        channel=scene.channel,
        thread_ts=root,
        text="one",
        blocks=[MARKDOWN],
        metadata=about,
        unfurl_links=False,
    )
    await client.chat_update(channel=scene.channel, ts=posted["ts"], text="two", blocks=[])
    await client.chat_delete(channel=scene.channel, ts=posted["ts"])
    message = await control.message(scene.channel, posted["ts"])
    assert [each.shown for each in message.versions] == ["# Answer", "two"]
    assert message.thread == root
    assert message.now.metadata == about
    assert message.options == {"unfurl_links": False}
    assert message.deleted_at
    assert message.versions[0].at <= message.versions[1].at == message.edited_at


async def test_an_update_of_the_text_alone_leaves_the_blocks(
    client: Client, control: Control, scene: Scene
) -> None:
    """People read what they read before."""
    posted = await client.chat_postMessage(channel=scene.channel, text="one", blocks=[MARKDOWN])
    await client.chat_update(channel=scene.channel, ts=posted["ts"], text="two")
    assert ((await only(control, scene.channel)).text, (await only(control, scene.channel)).shown) == (
        "two",
        "# Answer",
    )
    await client.chat_update(channel=scene.channel, ts=posted["ts"], markdown_text="three")
    assert (await only(control, scene.channel)).shown == "three"


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def _button(**more: Any) -> dict[str, Any]:
    button = {"type": "button", "action_id": "a", "text": {"type": "plain_text", "text": "x"}, **more}
    return {"type": "actions", "elements": [button]}


def _table() -> dict[str, Any]:
    return {"type": "table", "rows": [[{"type": "raw_text", "text": "x"}]]}


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"text": " "}, "no_text"),
        ({"text": "x", "markdown_text": "y"}, "markdown_text_conflict"),
        ({"markdown_text": "x" * 12_001}, "msg_too_long"),
        ({"blocks": "[not json"}, "invalid_blocks_format"),
        ({"blocks": [{"type": "divider"}] * 51}, "invalid_blocks"),
        ({"blocks": [{"type": "paragraph"}]}, "invalid_blocks"),
        ({"blocks": [_section("x" * 3001)]}, "invalid_blocks"),
        ({"blocks": [_button(value="x" * 2001)]}, "invalid_blocks"),
        ({"blocks": [_button(text={"type": "plain_text", "text": "x" * 76})]}, "invalid_blocks"),
        ({"blocks": [{"type": "actions", "elements": [{"type": "button"}] * 26}]}, "invalid_blocks"),
        ({"blocks": [MARKDOWN | {"block_id": "a"}] * 2}, "invalid_blocks"),
        ({"blocks": [{"type": "markdown", "text": "x" * 12_001}]}, "invalid_blocks"),
        ({"blocks": [{"type": "markdown", "text": "x" * 6_001}] * 2}, "msg_blocks_too_long"),
        ({"blocks": [_section("x" * 3000)] * 5}, "msg_blocks_too_long"),
        ({"blocks": [_table(), _table()]}, "invalid_attachments"),
        ({"text": "x", "metadata": {"event_type": "x"}}, "invalid_metadata_format"),
        (
            {"text": "x", "metadata": {"event_type": "x", "event_payload": {"a": "x" * 17_000}}},
            "metadata_too_large",
        ),
        ({"text": "x", "thread_ts": "1.0"}, "thread_not_found"),
    ],
)
async def test_what_slack_does_not_take(
    given: dict[str, Any], error: str, client: Client, control: Control, scene: Scene
) -> None:
    """Each rule by its own error, and nothing is posted."""
    async with refused(error):
        await client.api_call("chat.postMessage", json={"channel": scene.channel, **given})
    assert not await control.answers(scene.channel)


async def test_a_wrong_block_is_pointed_at(client: Client, scene: Scene) -> None:
    """As response_metadata has it."""
    async with refused("invalid_blocks") as errors:
        await client.chat_postMessage(channel=scene.channel, text="x", blocks=[_section("x" * 3001)])
    [message] = errors[0].response["response_metadata"]["messages"]
    assert message == "[ERROR] must be less than 3001 characters [json-pointer:/blocks/0/text/text]"


async def test_a_long_text_is_cut_when_posted_and_refused_when_updated(
    client: Client, control: Control, scene: Scene
) -> None:
    """At 40,000 characters with a warning, and at 4,000."""
    posted = await client.chat_postMessage(channel=scene.channel, text="x" * 40_001)
    assert posted["warning"] == "message_truncated"
    assert len((await only(control, scene.channel)).text) == 40_000
    async with refused("msg_too_long"):
        await client.chat_update(channel=scene.channel, ts=posted["ts"], text="x" * 4_001)


async def test_places_where_the_bot_cannot_write(client: Client, control: Control, scene: Scene) -> None:
    """Unknown, private, not joined and archived channels have their errors."""
    public = await control.new_channel("public", bot=False)
    private = await control.new_channel("private", private=True, bot=False)
    old = await control.new_channel("old")
    await control.archive(old)
    wrong = {"C0NONE": "channel_not_found", private: "channel_not_found", public: "not_in_channel"}
    for channel, error in {**wrong, old: "is_archived"}.items():
        async with refused(error):
            await client.chat_postMessage(channel=channel, text="x")
    await control.join(public, scene.bot)
    await client.chat_postMessage(channel=public, text="x")


async def test_only_its_own_messages_are_the_bots(client: Client, control: Control, scene: Scene) -> None:
    """Others' cannot be changed or taken away; what is gone is not found."""
    ts = await asked(control, scene)
    async with refused("cant_update_message"):
        await client.chat_update(channel=scene.channel, ts=ts, text="x")
    async with refused("cant_delete_message"):
        await client.chat_delete(channel=scene.channel, ts=ts)
    posted = await client.chat_postMessage(channel=scene.channel, text="x")
    await control.delete(scene.channel, posted["ts"])
    async with refused("message_not_found"):
        await client.chat_update(channel=scene.channel, ts=posted["ts"], text="x")


async def test_ephemeral_messages_are_for_one_person(client: Client, control: Control, scene: Scene) -> None:
    """They are not in the history, and only for people who are there."""
    await client.chat_postEphemeral(channel=scene.channel, user=scene.person, text="psst")
    assert (await only(control, scene.channel)).seen_by == scene.person
    assert not (await client.conversations_history(channel=scene.channel))["messages"]
    stranger = await control.new_person("otto")
    async with refused("user_not_in_channel"):
        await client.chat_postEphemeral(channel=scene.channel, user=stranger, text="psst")


async def test_reactions_are_seen(client: Client, control: Control, scene: Scene) -> None:
    """Once per person."""
    ts = await asked(control, scene)
    await client.reactions_add(channel=scene.channel, timestamp=ts, name="eyes")
    async with refused("already_reacted"):
        await client.reactions_add(channel=scene.channel, timestamp=ts, name="eyes")
    assert (await control.message(scene.channel, ts)).reactions == {"eyes": [scene.bot]}
    await client.reactions_remove(channel=scene.channel, timestamp=ts, name="eyes")
    assert (await control.message(scene.channel, ts)).reactions == {"eyes": []}


# ---- streams ----------------------------------------------------------------------------------------


async def started(client: Client, scene: Scene, thread: str, **more: Any) -> str:
    """A stream in the channel; its timestamp."""
    recipient: dict[str, Any] = {"recipient_user_id": scene.person, "recipient_team_id": scene.team}
    begun = await client.chat_startStream(channel=scene.channel, thread_ts=thread, **recipient, **more)
    return str(begun["ts"])


async def test_the_sdks_own_stream_works(client: Client, control: Control, scene: Scene) -> None:
    """Bit by bit, with blocks below at the end; the session is processing meanwhile."""
    thread = await control.say(scene.dm, scene.person, "Hi")
    stream = await client.chat_stream(channel=scene.dm, thread_ts=thread, buffer_size=1)
    for word in ("**one** ", "two ", "three"):
        await stream.append(markdown_text=word)
    assert (await control.session(scene.dm, thread)).state == "processing"
    await stream.stop(blocks=[FEEDBACK])
    message = await only(control, scene.dm)
    assert message.stream
    assert message.stream.state == "completed"
    assert [each.text for each in message.versions][:3] == ["**one** ", "**one** two ", "**one** two three"]
    assert message.actions == ["thumbs"]
    assert (await control.session(scene.dm, thread)).state == "active"


async def test_a_stream_dies_after_five_minutes(client: Client, control: Control, scene: Scene) -> None:
    """Append and stop are refused though words flowed; an update with blocks makes it whole."""
    ts = await started(client, scene, await asked(control, scene), markdown_text="half")
    await control.advance(299)
    await client.chat_appendStream(channel=scene.channel, ts=ts, markdown_text=" of")
    async with refused("streaming_state_conflict"):
        await client.chat_update(channel=scene.channel, ts=ts, text="whole", blocks=[])
    async with refused("cant_delete_message"):
        await client.chat_delete(channel=scene.channel, ts=ts)
    await control.advance(1)
    for call in (client.chat_appendStream, client.chat_stopStream):
        async with refused("message_not_in_streaming_state"):
            await call(channel=scene.channel, ts=ts, markdown_text=" it")
    assert (await only(control, scene.channel)).shown == "half of"
    await client.chat_update(channel=scene.channel, ts=ts, text="whole", blocks=[])
    assert (await only(control, scene.channel)).shown == "whole"


async def test_a_stream_holds_so_many_bytes_in_all(client: Client, control: Control, scene: Scene) -> None:
    """What is refused is not added, and less still fits."""
    ts = await started(client, scene, await asked(control, scene), markdown_text="é" * 5_000)
    async with refused("msg_too_long"):
        await client.chat_appendStream(channel=scene.channel, ts=ts, markdown_text="é" * 301)
    await client.chat_appendStream(channel=scene.channel, ts=ts, markdown_text="é" * 300)
    assert len((await only(control, scene.channel)).text) == 5_300


async def test_a_stream_in_a_channel_needs_its_recipient(
    client: Client, control: Control, scene: Scene
) -> None:
    """User and team; a thread always."""
    about: dict[str, Any] = {"channel": scene.channel, "thread_ts": await asked(control, scene)}
    async with refused("missing_recipient_user_id"):
        await client.chat_startStream(**about)
    async with refused("missing_recipient_team_id"):
        await client.chat_startStream(**about, recipient_user_id=scene.person)
    async with refused("invalid_arguments"):
        await client.api_call("chat.startStream", json={"channel": scene.dm})


async def test_a_stream_keeps_to_the_form_of_its_first_words(
    client: Client, control: Control, scene: Scene
) -> None:
    """Chunks or markdown_text, never both."""
    ts = await started(client, scene, await asked(control, scene), markdown_text="x")
    chunk = {"type": "markdown_text", "text": "y"}
    async with refused("streaming_mode_mismatch"):
        await client.chat_appendStream(channel=scene.channel, ts=ts, chunks=[chunk])
    async with refused("markdown_text_or_chunks_required"):
        await client.chat_appendStream(channel=scene.channel, ts=ts)
    other = await started(client, scene, await asked(control, scene), chunks=[chunk])
    async with refused("invalid_chunks"):
        await client.chat_appendStream(channel=scene.channel, ts=other, chunks=[{"type": "sound"}])


async def test_pressing_stop_ends_the_stream_and_tells_the_app(
    bot: Bot, control: Control, scene: Scene
) -> None:
    """The session stays processing until the app moves it; then there is no button."""
    thread = await asked(control, scene)
    ts = await started(bot.client, scene, thread, markdown_text="half")
    await control.stop(scene.channel, thread, scene.person)
    [body] = await eventually(lambda: bot.events("agent_session_stopped"))
    assert body["event"]["streaming_message_ts"] == [ts]
    async with refused("stopped_by_user"):
        await bot.client.chat_appendStream(channel=scene.channel, ts=ts, markdown_text="more")
    assert (await control.session(scene.channel, thread)).state == "processing"
    await bot.client.agents_sessions_setStatus(channel_id=scene.channel, thread_ts=thread, status="active")
    with pytest.raises(ControlError):
        await control.stop(scene.channel, thread, scene.person)


# ---- what people see of the agent -------------------------------------------------------------------


async def test_a_status_fades_and_an_answer_ends_it(client: Client, control: Control, scene: Scene) -> None:
    """After two minutes, or with the next message in the thread."""
    thread = await asked(control, scene)
    where: dict[str, Any] = {"channel_id": scene.channel, "thread_ts": thread}
    await client.assistant_threads_setStatus(**where, status="is thinking", loading_messages=["a", "b"])
    shown = (await control.session(scene.channel, thread)).status
    assert shown
    assert (shown.text, shown.loading) == ("is thinking", ("a", "b"))
    await control.advance(120)
    assert (await control.session(scene.channel, thread)).status is None
    await client.assistant_threads_setStatus(**where, status="is thinking")
    await client.chat_postMessage(channel=scene.channel, thread_ts=thread, text="done")
    assert (await control.session(scene.channel, thread)).status is None
    async with refused("invalid_arguments"):
        await client.assistant_threads_setStatus(**where, status="x", loading_messages=["x"] * 11)


async def test_titles_prompts_and_sessions_are_seen(client: Client, control: Control, scene: Scene) -> None:
    """Prompts of the pane need no thread; a session of an app that hears no Stop says so."""
    thread = await control.say(scene.dm, scene.person, "Hi")
    where: dict[str, Any] = {"channel_id": scene.dm, "thread_ts": thread}
    prompts = [{"title": "Ask", "message": "What is a llama?"}]
    await client.assistant_threads_setSuggestedPrompts(channel_id=scene.dm, prompts=prompts, title="Try")
    assert (await control.session(scene.dm)).prompts == tuple(prompts)
    await client.assistant_threads_setTitle(**where, title="Llamas")
    assert (await control.session(scene.dm, thread)).title == "Llamas"
    set_to = await client.agents_sessions_setStatus(**where, status="processing")
    assert "warning" not in set_to
    await client.agents_sessions_rename(**where, title="Alpacas")
    assert (await control.session(scene.dm, thread)).title == "Alpacas"
    await control.install({**MANIFEST, "settings": {}})
    set_to = await client.agents_sessions_setStatus(**where, status="active")
    assert set_to["warning"] == "missing_agent_session_stopped_event_subscription"
    await control.install({**MANIFEST, "features": {}})
    async with refused("feature_not_enabled"):
        await client.agents_sessions_setStatus(**where, status="active")


async def test_opening_the_pane_and_the_home_tab_is_told(bot: Bot, control: Control, scene: Scene) -> None:
    """A home tab that was published comes with the event."""
    home = {"type": "home", "blocks": [_section("Welcome")]}
    await control.open_pane(scene.person)
    await bot.client.views_publish(user_id=scene.person, view=home)
    await control.open_home(scene.person)
    await eventually(lambda: len(bot.events("app_home_opened")) == 2)
    tabs = {each["event"]["tab"]: each["event"].get("view") for each in bot.events("app_home_opened")}
    assert tabs["messages"] is None
    assert tabs["home"]["blocks"][0]["text"]["text"] == "Welcome"
    seen = await control.home(scene.person)
    assert seen
    assert seen.shown == "Welcome"


# ---- reading ----------------------------------------------------------------------------------------


async def test_a_thread_is_read_in_pages(client: Client, control: Control, scene: Scene) -> None:
    """Each page begins with the first message; metadata come only when asked for."""
    root = await asked(control, scene)
    about = {"event_type": "answer", "event_payload": {}}
    await client.chat_postMessage(channel=scene.channel, thread_ts=root, text="a0", metadata=about)
    for number in range(4):
        await control.say(scene.channel, scene.person, f"r{number}", thread=root)
    read = await client.conversations_replies(channel=scene.channel, ts=root, limit=2)
    pages = [[each["text"].split()[-1] for each in page["messages"]] async for page in read]
    assert pages == [["Hello", "a0", "r0"], ["Hello", "r1", "r2"], ["Hello", "r3"]]
    plain = (await client.conversations_replies(channel=scene.channel, ts=root))["messages"]
    assert (plain[0]["reply_count"], "metadata" in plain[1]) == (5, False)
    full = await client.conversations_replies(channel=scene.channel, ts=root, include_all_metadata=True)
    assert full["messages"][1]["metadata"] == about
    async with refused("thread_not_found"):
        await client.conversations_replies(channel=scene.channel, ts="1.0")


async def test_a_deleted_question_stays_as_a_tombstone_over_its_replies(
    client: Client, control: Control, scene: Scene
) -> None:
    """Its answer is still in the thread."""
    root = await asked(control, scene)
    await client.chat_postMessage(channel=scene.channel, thread_ts=root, text="answer")
    await control.delete(scene.channel, root)
    told = (await client.conversations_replies(channel=scene.channel, ts=root))["messages"]
    assert [each.get("subtype") for each in told] == ["tombstone", None]


async def test_history_is_the_newest_first_without_replies(
    client: Client, control: Control, scene: Scene
) -> None:
    """But for those that were sent to the channel too."""
    root = await control.say(scene.channel, scene.person, "one")
    await control.say(scene.channel, scene.person, "hidden", thread=root)
    await control.say(scene.channel, scene.person, "for all", thread=root, broadcast=True)
    await control.say(scene.channel, scene.person, "two")
    told = (await client.conversations_history(channel=scene.channel))["messages"]
    assert [each["text"] for each in told] == ["two", "for all", "one"]
    part = await client.conversations_history(channel=scene.channel, latest=root, inclusive=True, limit=1)
    assert [each["text"] for each in part["messages"]] == ["one"]


async def test_people_and_places_are_told(client: Client, control: Control, scene: Scene) -> None:
    """users.info, conversations.info and .open, auth.test and permalinks."""
    assert (await client.users_info(user=scene.person))["user"]["name"] == "ana"
    channel = (await client.conversations_info(channel=scene.channel))["channel"]
    assert (channel["name"], channel["is_member"], channel["is_ext_shared"]) == ("general", True, False)
    assert (await client.conversations_open(users=scene.person))["channel"]["id"] == scene.dm
    assert (await client.auth_test())["bot_id"] == scene.bot_id
    ts = await asked(control, scene)
    link = (await client.chat_getPermalink(channel=scene.channel, message_ts=ts))["permalink"]
    assert link.endswith(f"/archives/{scene.channel}/p{ts.replace('.', '')}")


# ---- files ------------------------------------------------------------------------------------------


async def shared(control: Control, client: Client, scene: Scene, upload: Upload) -> tuple[str, str]:
    """The id and the address of a file that somebody sends."""
    ts = await asked(control, scene, files=[upload])
    file = (await control.message(scene.channel, ts)).files[0].id
    return file, (await client.files_info(file=file))["file"]["url_private"]


async def test_a_file_needs_the_token_or_is_a_login_page(
    client: Client, control: Control, scene: Scene
) -> None:
    """With status 200, and so it is when the scope is missing."""
    _, url = await shared(control, client, scene, Upload("a.txt", b"words"))
    good = {"Authorization": f"Bearer {scene.token}"}
    async with aiohttp.ClientSession() as http:
        for headers, kind in ((good, "text/plain"), ({}, "text/html")):
            async with http.get(url, headers=headers) as answer:
                assert (answer.status, answer.content_type) == (200, kind)
        await control.install({**MANIFEST, "oauth_config": {"scopes": {"bot": ["chat:write"]}}})
        async with http.get(url, headers=good) as answer:
            assert b"Sign in" in await answer.read()


async def test_files_may_be_endless_cut_or_gone(client: Client, control: Control, scene: Scene) -> None:
    """Their metadata say nothing of it."""
    file, url = await shared(control, client, scene, Upload("a.bin", b"ab", claims=2, serves=-1))
    headers = {"Authorization": f"Bearer {scene.token}"}
    async with aiohttp.ClientSession(headers=headers) as http:
        async with http.get(url) as answer:
            assert len(await answer.content.readexactly(1 << 20)) == 1 << 20
            answer.close()
        await control.fault(faults.cut(1000))
        async with http.get(url) as answer:
            with pytest.raises(aiohttp.ClientPayloadError):
                await answer.read()
        await control.fault(faults.login_page())
        async with http.get(url) as answer:
            assert answer.content_type == "text/html"
        await control.delete_file(file)
        async with http.get(url) as answer:
            assert answer.status == 404
    async with refused("file_deleted"):
        await client.files_info(file=file)


async def test_an_upload_becomes_a_message_with_the_file(
    client: Client, control: Control, scene: Scene
) -> None:
    """files_upload_v2 needs the channel's id."""
    thread = await asked(control, scene)
    await client.files_upload_v2(
        content="# Answer",
        filename="answer.md",
        channel=scene.channel,
        thread_ts=thread,
        initial_comment="all",
    )
    message = await only(control, scene.channel)
    assert (message.text, message.thread, message.files[0].name) == ("all", thread, "answer.md")
    assert await control.file(message.files[0].id) == "# Answer"
    async with refused("channel_not_found"):
        await client.files_upload_v2(content="x", filename="x.md", channel="general")


# ---- interactions -----------------------------------------------------------------------------------


async def test_a_command_is_answered_in_its_acknowledgement(
    anyhow: Bot, control: Control, scene: Scene
) -> None:
    """For one person, and then over the response URL for all."""
    anyhow.reply = {"text": "one moment"}
    asked_for = await control.command(scene.channel, scene.person, "/ask", "What is a llama?")
    [body] = await eventually(lambda: anyhow.bodies)
    assert (body["command"], body["text"]) == ("/ask", "What is a llama?")
    first = await eventually(lambda: control.answers(scene.channel))
    assert (first[0].text, first[0].seen_by) == ("one moment", scene.person)
    hook = AsyncWebhookClient(body["response_url"])
    assert (await hook.send(text="An animal", response_type="in_channel")).status_code == 200
    assert (await control.answers(scene.channel))[1].seen_by is None
    assert len((await control.interaction(asked_for)).replies) == 2
    for _ in range(3):
        await hook.send(text="more")
    assert (await hook.send(text="too much")).body == "used_url"
    with pytest.raises(ControlError, match="no command /other"):
        await control.command(scene.channel, scene.person, "/other")


async def test_a_command_that_is_not_acknowledged_fails_once() -> None:
    """It is not tried again, and the person reads that nothing came."""
    async with SlackServer(patience=0.1) as quick:
        found = await quick.control.command(quick.scene.channel, quick.scene.person, "/ask")
        assert await eventually(lambda: _failed(quick.control, found))
        assert len((await quick.control.deliveries())[0].attempts) == 1


async def _failed(control: Control, interaction: str) -> bool:
    return (await control.interaction(interaction)).state == "failed"


async def test_feedback_opens_a_modal_that_is_sent_back(anyhow: Bot, control: Control, scene: Scene) -> None:
    """The trigger is good once; a wrong form shows its errors and stays open."""
    await anyhow.client.chat_postMessage(channel=scene.channel, text="a", blocks=[MARKDOWN, FEEDBACK])
    message = await only(control, scene.channel)
    pressed = await control.press(scene.channel, scene.person, message.ts, "thumbs", "bad")
    [body] = await eventually(lambda: anyhow.bodies)
    assert (body["actions"][0]["value"], body["message"]["ts"]) == ("bad", message.ts)
    view = (await anyhow.client.views_open(trigger_id=body["trigger_id"], view=MODAL))["view"]["id"]
    assert (await control.interaction(pressed)).opened == (view,)
    async with refused("exchanged_trigger_id"):
        await anyhow.client.views_open(trigger_id=body["trigger_id"], view=MODAL)
    anyhow.reply = {"response_action": "errors", "errors": {"b": "Too short"}}
    await control.submit(view, scene.person, {"reason": "no"})
    await eventually(lambda: _errors(control, view))
    assert (await control.view(view)).open
    anyhow.reply = None
    await control.submit(view, scene.person, {"reason": "It is wrong"})
    await eventually(lambda: _closed(control, view))
    assert anyhow.bodies[-1]["view"]["state"]["values"]["b"]["reason"]["value"] == "It is wrong"


async def _errors(control: Control, view: str) -> bool:
    return (await control.view(view)).errors == {"b": "Too short"}


async def _closed(control: Control, view: str) -> bool:
    return not (await control.view(view)).open


async def test_a_message_shortcut_brings_the_message(anyhow: Bot, control: Control, scene: Scene) -> None:
    """In a thread too; its trigger is over after three seconds."""
    root = await control.say(scene.channel, scene.person, "one")
    reply = await control.say(scene.channel, scene.person, "two", thread=root)
    await control.shortcut(scene.channel, scene.person, reply, "ask_about")
    body = await eventually(lambda: [each for each in anyhow.bodies if each["type"] == "message_action"])
    assert (body[0]["message"]["text"], body[0]["message"]["thread_ts"]) == ("two", root)
    await control.advance(4)
    async with refused("expired_trigger_id"):
        await anyhow.client.views_open(trigger_id=body[0]["trigger_id"], view=MODAL)


async def test_a_view_breaks_slacks_rules(client: Client, scene: Scene) -> None:
    """A title over 24 characters, and inputs without a submit."""
    for change in ({"title": {"type": "plain_text", "text": "x" * 25}}, {"submit": None}):
        async with refused("invalid_arguments"):
            await client.views_update(view={**MODAL, **change}, view_id="V1")
    async with refused("not_found"):
        await client.views_update(view=MODAL, view_id="V1")


# ---- what goes wrong --------------------------------------------------------------------------------


async def test_tokens_and_scopes_are_checked(client: Client, control: Control, scene: Scene) -> None:
    """Wrong, missing and revoked tokens, and a scope that the manifest lacks."""
    async with refused("invalid_auth"):
        await AsyncWebClient(token="xoxb-wrong", base_url=scene.api).auth_test()
    async with refused("not_authed"):
        await AsyncWebClient(base_url=scene.api).auth_test()
    await control.install({**MANIFEST, "oauth_config": {"scopes": {"bot": ["users:read"]}}})
    async with refused("missing_scope") as errors:
        await client.chat_postMessage(channel=scene.channel, text="x")
    assert errors[0].response["needed"] == "chat:write"
    async with refused("missing_scope"):
        await client.conversations_replies(channel=scene.channel, ts="1.0")
    await control.revoke()
    async with refused("token_revoked"):
        await client.auth_test()


async def test_tiers_answer_429_with_whole_seconds(client: Client, control: Control, scene: Scene) -> None:
    """Per method; posts one a second and channel with short bursts; time heals."""
    await control.limit_rates()
    for _ in range(3):
        await client.chat_postMessage(channel=scene.channel, text="x")
    async with refused("ratelimited") as errors:
        await client.chat_postMessage(channel=scene.channel, text="x")
    assert errors[0].response.status_code == 429
    assert 1 <= int(errors[0].response.headers["Retry-After"]) <= 3
    await client.chat_postMessage(channel=scene.dm, text="x")
    await control.advance(3)
    await client.chat_postMessage(channel=scene.channel, text="x")
    thread = await asked(control, scene)
    for _ in range(20):
        await started(client, scene, thread)
    async with refused("ratelimited"):
        await started(client, scene, thread)


async def test_faults_take_the_calls_that_they_name(client: Client, control: Control, scene: Scene) -> None:
    """Slack's own errors, a server that fails, and another method that is not meant."""
    await control.fault(faults.denied("* chat.*Stream", "unknown_method"))
    async with refused("unknown_method"):
        await client.chat_startStream(channel=scene.dm, thread_ts="1.0")
    await control.fault(faults.broken("POST chat.postMessage", 503))
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel=scene.channel, text="x")
    assert caught.value.response.status_code == 503
    await control.fault(faults.denied("POST chat.postMessage", "fatal_error", after=True))
    async with refused("fatal_error"):
        await client.chat_postMessage(channel=scene.channel, text="stands")
    assert (await only(control, scene.channel)).text == "stands"
    async with refused("unknown_method"):
        await client.api_call("chat.sing")


async def test_the_sdk_waits_as_it_is_told(control: Control, scene: Scene) -> None:
    """Its own handler reads Retry-After."""
    await control.fault(faults.limited("POST chat.postMessage", retry_after=0))
    handlers: list[Any] = [AsyncRateLimitErrorRetryHandler()]
    client = AsyncWebClient(token=scene.token, base_url=scene.api, retry_handlers=handlers)
    await client.chat_postMessage(channel=scene.channel, text="x")
    assert [each.error for each in await control.calls("chat.postMessage")] == ["ratelimited", None]


async def test_a_lost_answer_makes_the_sdks_defaults_post_twice(control: Control, scene: Scene) -> None:
    """The message stands, the connection is reset, and the default handler tries again."""
    await control.fault(faults.lost("POST chat.postMessage"))
    client = AsyncWebClient(token=scene.token, base_url=scene.api)
    await client.chat_postMessage(channel=scene.channel, text="x")
    assert len(await control.answers(scene.channel)) == 2
    await control.fault(faults.lost("POST chat.postMessage"))
    careful = AsyncWebClient(token=scene.token, base_url=scene.api, retry_handlers=[])
    with pytest.raises(aiohttp.ClientError):
        await careful.chat_postMessage(channel=scene.channel, text="x")
    assert len(await control.answers(scene.channel)) == 3


async def test_calls_and_events_wait_for_the_test(bot: Bot, control: Control, scene: Scene) -> None:
    """A held call goes on when it is released, and so does a held event."""
    call = await control.fault(faults.held("POST chat.postMessage"))
    post = asyncio.create_task(bot.client.chat_postMessage(channel=scene.dm, text="x"))
    await eventually(lambda: control.held(call))
    assert not await control.answers(scene.dm)
    await control.release(call)
    await post
    twin = await control.fault(faults.held("SEND message"))
    await asked(control, scene)
    await eventually(lambda: bot.events("app_mention"))
    assert not bot.events("message")
    await control.release(twin)
    await eventually(lambda: bot.events("message"))


async def test_a_fault_may_do_something(client: Client, control: Control, scene: Scene) -> None:
    """A verb of the control API happens at a call: here somebody deletes the question in mid-answer."""
    root = await asked(control, scene)
    await control.fault(faults.then("POST chat.postMessage", "delete", channel=scene.channel, message=root))
    await client.chat_postMessage(channel=scene.channel, thread_ts=root, text="too late")
    assert (await control.message(scene.channel, root)).deleted_at


async def test_no_secret_is_in_the_list_of_calls(bot: Bot, control: Control, scene: Scene) -> None:
    """Neither the bot's token nor the app's, however they came."""
    await bot.client.api_call("auth.test", params={"token": scene.token})
    async with aiohttp.ClientSession() as http:
        await http.post(f"{scene.api}auth.test", data={"token": scene.token})
    calls = str(await control.calls())
    assert "auth.test" in calls
    assert scene.token not in calls
    assert scene.app_token not in calls


# ---- as a process -----------------------------------------------------------------------------------


async def test_it_runs_as_a_process_with_the_same_control() -> None:
    """It prints its address first, does every verb over HTTP, and ends at SIGTERM."""
    command = (sys.executable, "-m", "tests.emulators.slack")
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout
        address = (await process.stdout.readline()).decode().strip()
        async with aiohttp.ClientSession() as http:
            control = control_of(address, http)
            scene = await control.scene()
            async with connected(Bot(scene), scene) as bot:
                files = [Upload("a.bin", bytes(range(256)))]
                await control.say(scene.channel, scene.person, "Hello", files=files)
                await eventually(bot.events)
                [message] = await control.messages(scene.channel)
                assert (message.text, message.files[0].size) == ("Hello", 256)
                await control.fault(Fault(on="POST chat.*", times=1, answer=faults.Answer(500)))
                with pytest.raises(SlackApiError):
                    await bot.client.chat_postMessage(channel=scene.channel, text="x")
                assert [each.status for each in await control.calls("chat.")] == [500]
                assert (await control.deliveries("message"))[0].payload["event"]["text"] == "Hello"
                with pytest.raises(ControlError, match="there is no channel"):
                    await control.say("C1", scene.person, "x")
    finally:
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0


def test_the_default_manifest_is_plain_json() -> None:
    """A test can change it and install it over HTTP."""
    assert json.loads(json.dumps(MANIFEST)) == MANIFEST
