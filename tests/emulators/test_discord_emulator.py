"""The Discord emulator against the real discord.py, and against raw calls where that hides what was said."""

import asyncio
import io
import signal
import sys
import threading
import time
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
import yarl

from tests.emulators.discord import faults
from tests.emulators.discord.control import Control, control_of
from tests.emulators.discord.people import Upload
from tests.emulators.discord.scenery import Scene
from tests.emulators.discord.server import DiscordServer
from tests.emulators.shared.errors import ControlError
from tests.emulators.shared.faults import Fault

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # of audioop, which discord.py imports before 3.13
    import discord
    from discord import app_commands

SEND = "POST /channels/*/messages"
EDIT = "PATCH /channels/*/messages/*"
FILE = "GET /attachments/**"
CONTENT = discord.Intents(guilds=True, messages=True, message_content=True, reactions=True, typing=True)
NO_CONTENT = discord.Intents(guilds=True, messages=True)


class Bot(discord.AutoShardedClient):
    """A bot that remembers all it was told, and has one command and one button of each kind."""

    def __init__(self, intents: discord.Intents = CONTENT, **options: Any) -> None:
        none = discord.AllowedMentions.none()
        super().__init__(intents=intents, guild_ready_timeout=0.02, allowed_mentions=none, **options)
        self.tree = app_commands.CommandTree(self)
        self.heard: list[discord.Message] = []
        self.updates: list[discord.RawMessageUpdateEvent] = []
        self.events: list[str] = []
        self.asked: list[discord.Interaction] = []

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Identify again without a pause."""

    async def on_message(self, message: discord.Message) -> None:
        if message.author != self.user:
            self.heard.append(message)

    async def on_raw_message_edit(self, update: discord.RawMessageUpdateEvent) -> None:
        self.updates.append(update)

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        self.asked.append(interaction)

    async def on_socket_event_type(self, event: str) -> None:
        self.events.append(event)


def a_command(bot: Bot) -> None:
    """Give the bot a command whose interactions a test answers itself."""

    async def ask(
        interaction: discord.Interaction, question: str, file: discord.Attachment | None = None
    ) -> None:
        pass

    bot.tree.add_command(app_commands.Command(name="ask", description="Ask", callback=ask))


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
async def platform(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DiscordServer]:
    """A platform at which discord.py's addresses point."""
    async with DiscordServer(heartbeat=0.05) as server:
        monkeypatch.setattr(discord.http.Route, "BASE", server.scene.api)
        monkeypatch.setattr(
            discord.gateway.DiscordWebSocket, "DEFAULT_GATEWAY", yarl.URL(server.scene.gateway)
        )
        yield server


@pytest.fixture
async def control(platform: DiscordServer) -> AsyncIterator[Control]:
    """What plays people there, as another process would."""
    async with aiohttp.ClientSession() as http:
        yield control_of(platform.scene.address, http)


@pytest.fixture
def scene(platform: DiscordServer) -> Scene:
    """What stands there."""
    return platform.scene


@asynccontextmanager
async def running(bot: Bot, token: str) -> AsyncIterator[Bot]:
    """The bot, connected and ready."""
    run = asyncio.create_task(bot.start(token))
    ready = asyncio.create_task(bot.wait_until_ready())
    try:
        await asyncio.wait((run, ready), return_when=asyncio.FIRST_COMPLETED)
        if run.done():
            await run
        yield bot
    finally:
        ready.cancel()
        beating = [
            each for each in threading.enumerate() if isinstance(each, discord.gateway.KeepAliveHandler)
        ]
        await bot.close()
        await asyncio.gather(run, return_exceptions=True)
        for each in beating:  # they beat once more into a loop that must not be over by then
            await asyncio.to_thread(each.join)


@pytest.fixture
async def bot(platform: DiscordServer) -> AsyncIterator[Bot]:
    """A bot that may read everything."""
    async with running(Bot(), platform.scene.token) as connected:
        yield connected


@pytest.fixture
async def rest(platform: DiscordServer) -> AsyncIterator[Callable[..., Awaitable[tuple[int, Any]]]]:
    """Raw calls with the bot's token: status and JSON."""
    headers = {"Authorization": f"Bot {platform.scene.token}"}
    async with aiohttp.ClientSession(headers=headers) as http:

        async def call(method: str, path: str, body: Any = None) -> tuple[int, Any]:
            async with http.request(method, platform.scene.api + path, json=body) as response:
                return response.status, await response.json() if response.content_length else None

        yield call


Rest = Callable[..., Awaitable[tuple[int, Any]]]


def channel_of(bot: Bot, channel: str) -> Any:
    """The bot's view of a channel."""
    return bot.get_partial_messageable(int(channel))


# ---- gateway ----------------------------------------------------------------------------------------


async def test_a_bot_connects_and_knows_its_guild(bot: Bot, scene: Scene, control: Control) -> None:
    """READY and GUILD_CREATE arrive over zlib-stream, and heartbeats are answered."""
    guild = bot.get_guild(int(scene.guild))
    assert guild is not None
    assert [channel.name for channel in guild.text_channels] == ["general"]
    assert guild.me.guild_permissions.value & 309237763136 == 309237763136
    await eventually(lambda: bot.latency < 30, "an ACK")
    [session] = (await control.gateway()).sessions
    assert session.connected
    assert "compress=zlib-stream" in bot.shards[0]._parent.ws.socket._response.url.query_string


async def test_each_guild_is_told_to_its_own_shard(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bot starts as many shards as GET /gateway/bot says; an event comes over one."""
    async with DiscordServer(shards=3) as platform:
        monkeypatch.setattr(discord.http.Route, "BASE", platform.scene.api)
        others = [await platform.control.new_guild(f"guild {number}") for number in range(3)]
        async with running(Bot(), platform.scene.token) as bot:
            assert {guild.id for guild in bot.guilds} == {
                int(each) for each in (platform.scene.guild, *others)
            }
            assert len(bot.shards) == len((await platform.control.gateway()).sessions) == 3
            await platform.control.say(platform.scene.channel, platform.scene.person, "Hello")
            await eventually(lambda: bot.heard)
            assert bot.events.count("MESSAGE_CREATE") == 1


@pytest.mark.parametrize("intents", [CONTENT, NO_CONTENT])
async def test_content_needs_the_intent_or_a_message_for_the_bot(
    intents: discord.Intents, platform: DiscordServer
) -> None:
    """Mentions, replies that ping the bot and DMs are always readable; a reply without ping is not."""
    control, scene = platform.control, platform.scene
    async with running(Bot(intents), scene.token) as bot:
        await control.say(scene.channel, scene.person, "plain", files=[Upload("a.txt", b"a")])
        await control.say(scene.channel, scene.person, "mention", mention=True)
        ours = await channel_of(bot, scene.channel).send("ours")
        await control.say(scene.channel, scene.person, "reply", reply_to=str(ours.id))
        await control.say(scene.channel, scene.person, "quiet", reply_to=str(ours.id), ping=False)
        await control.say(await control.dm(scene.person), scene.person, "dm")
        await eventually(lambda: len(bot.heard) == 5)
        everything = ["plain", f"<@{scene.bot}> mention", "reply", "quiet", "dm"]
        if intents is NO_CONTENT:
            everything[0] = everything[3] = ""
        assert [message.content for message in bot.heard] == everything
        assert len(bot.heard[0].attachments) == (intents is CONTENT)


async def test_intents_that_the_portal_withholds_end_the_connection(platform: DiscordServer) -> None:
    """Close code 4014, which discord.py names; the application's flags tell it before."""
    await platform.control.portal(message_content=False)
    bot = Bot()
    with pytest.raises(discord.PrivilegedIntentsRequired):
        async with running(bot, platform.scene.token):
            pass
    assert bot.application is not None
    assert not bot.application.flags.gateway_message_content_limited
    assert (await platform.control.gateway()).closes[0] == 4014


async def test_a_wrong_token_is_no_login(platform: DiscordServer) -> None:
    """REST says 401."""
    with pytest.raises(discord.LoginFailure):
        async with running(Bot(), "wrong"):
            pass


@pytest.mark.parametrize(
    ("op", "data", "code"),
    [
        (2, {"token": "wrong", "intents": 0}, 4004),
        (2, {"intents": 1 << 40}, 4013),
        (2, {"intents": 0, "shard": [2, 2]}, 4010),
        (6, {"token": "wrong", "session_id": "x", "seq": 1}, 4004),
        (8, {"guild_id": "1"}, 4003),
    ],
)
async def test_the_gateway_closes_on_what_it_does_not_take(
    op: int, data: dict[str, Any], code: int, scene: Scene
) -> None:
    """With Discord's close codes."""
    async with aiohttp.ClientSession() as http, http.ws_connect(scene.gateway) as socket:
        await socket.send_json({"op": op, "d": {"token": scene.token, **data}})
        assert (await socket.receive_json())["op"] == 10
        assert (await socket.receive()).data == code


async def disturb(control: Control, how: str) -> None:
    """Break the gateway's connection in one of its ways."""
    if how == "op 7":
        await control.ask_to_reconnect()
    elif how == "op 9":
        await control.invalidate(resumable=True)
    elif how == "silent":
        await control.silence()
    else:
        await control.drop(int(how))


@pytest.mark.parametrize("how", ["op 7", "op 9", "silent", "1006", "1000", "4000"])
async def test_a_resumed_session_is_told_what_it_missed_once(platform: DiscordServer, how: str) -> None:
    """What was said while the bot was away comes after RESUMED, in order and once."""
    control, scene = platform.control, platform.scene
    async with running(Bot(heartbeat_timeout=0.5), scene.token) as bot:
        door = await control.fault(faults.held("GET /gateway"))
        await control.say(scene.channel, scene.person, "before")
        await eventually(lambda: bot.heard)
        await disturb(control, how)
        await control.say(scene.channel, scene.person, "missed")
        await eventually(lambda: control.held(door), "the bot's return")
        await control.say(scene.channel, scene.person, "missed too")
        await control.release(door)
        await eventually(lambda: "RESUMED" in bot.events)
        await control.say(scene.channel, scene.person, "after")
        await eventually(lambda: bot.heard[-1].content == "after")
        assert [message.content for message in bot.heard] == ["before", "missed", "missed too", "after"]
        assert (await control.gateway()).identifies == 1


async def test_an_invalid_session_starts_anew_and_has_missed_things(
    bot: Bot, control: Control, scene: Scene
) -> None:
    """After op 9 the bot identifies again; what was said meanwhile only stands in the history."""
    door = await control.fault(faults.held("GET /gateway"))
    await control.invalidate()
    await eventually(lambda: control.held(door))
    await control.say(scene.channel, scene.person, "missed")
    await control.release(door)
    await eventually(lambda: bot.events.count("READY") == 2)
    await control.say(scene.channel, scene.person, "after")
    await eventually(lambda: bot.heard)
    assert [message.content for message in bot.heard] == ["after"]
    history = [message.content async for message in channel_of(bot, scene.channel).history()]
    assert history == ["after", "missed"]


async def test_replayed_events_come_twice(bot: Bot, control: Control, scene: Scene) -> None:
    """With the same ids, so that whoever answers can see it."""
    await control.say(scene.channel, scene.person, "once")
    await control.replay(1)
    await eventually(lambda: len(bot.heard) == 2)
    assert bot.heard[0].id == bot.heard[1].id


async def test_members_are_told_when_asked_for(bot: Bot, control: Control, scene: Scene) -> None:
    """GUILD_MEMBERS_CHUNK for ids needs no intent."""
    guild = bot.get_guild(int(scene.guild))
    assert guild is not None
    [member] = await guild.query_members(user_ids=[int(scene.person)])
    assert member.name == "ana"


# ---- messages ---------------------------------------------------------------------------------------


async def test_a_message_keeps_all_its_versions(bot: Bot, control: Control, scene: Scene) -> None:
    """What was sent, edited and deleted is seen with its times; people's edits reach the bot."""
    sent = await channel_of(bot, scene.channel).send("one", suppress_embeds=True)
    await sent.edit(content="two", suppress=True)
    await sent.delete()
    [message] = await control.messages(scene.channel, deleted=True)
    assert [version.content for version in message.versions] == ["one", "two"]
    assert message.now.flags == 4
    assert message.versions[0].at <= message.versions[1].at == message.edited_at
    assert message.deleted_at
    asked = await control.say(scene.channel, scene.person, "what?")
    await control.edit(scene.channel, asked, "why?")
    await eventually(lambda: any(update.message.content == "why?" for update in bot.updates))


async def test_a_link_preview_is_an_update_and_no_edit(bot: Bot, control: Control, scene: Scene) -> None:
    """MESSAGE_UPDATE comes without a time of editing."""
    asked = await control.say(scene.channel, scene.person, "https://example.org")
    await control.unfurl(scene.channel, asked, "https://example.org")
    await eventually(lambda: bot.updates)
    assert bot.updates[0].message.edited_at is None
    assert bot.updates[0].message.embeds


async def test_a_nonce_makes_sending_again_harmless(rest: Rest, control: Control, scene: Scene) -> None:
    """The message that has it is given back; without enforce_nonce there are two."""
    path, body = (
        f"/channels/{scene.channel}/messages",
        {"content": "one", "nonce": "n", "enforce_nonce": True},
    )
    first, again = await rest("POST", path, body), await rest("POST", path, body)
    assert first[1]["id"] == again[1]["id"]
    await rest("POST", path, {**body, "enforce_nonce": False})
    await control.advance(600)
    await rest("POST", path, body)
    assert len(await control.messages(scene.channel)) == 3


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"content": "🦙" * 2000}, 200, None),
        ({"content": "🦙" * 2001}, 400, 50035),
        ({"content": " \n "}, 400, 50006),
        ({"content": "x", "nonce": "n" * 26}, 400, 50035),
        ({"content": "x", "embeds": [{"description": "d" * 4097}]}, 400, 50035),
        ({"content": "x", "components": [{"type": 1, "components": []}]}, 400, 50035),
        ({"content": "x", "message_reference": {"message_id": "1"}}, 400, 50035),
        ({"flags": 32768, "components": [{"type": 10, "content": "x" * 4000}]}, 200, None),
        ({"flags": 32768, "components": [{"type": 10, "content": "x" * 4001}]}, 400, 50035),
        ({"flags": 32768, "components": [{"type": 10, "content": "🦙" * 2600}]}, 500, 0),
    ],
)
async def test_what_discord_does_not_take_is_refused(
    body: dict[str, Any], status: int, code: int | None, rest: Rest, control: Control, scene: Scene
) -> None:
    """With its status and code, and without a message."""
    got, answer = await rest("POST", f"/channels/{scene.channel}/messages", body)
    assert (got, answer.get("code")) == (status, code)
    assert len(await control.messages(scene.channel)) == (status == 200)


async def test_mentions_notify_only_whom_they_may(rest: Rest, control: Control, scene: Scene) -> None:
    """By allowed_mentions, and by the permission that mass mentions need."""
    path, text = f"/channels/{scene.channel}/messages", f"@everyone <@{scene.person}>"
    await rest("POST", path, {"content": text})
    await rest("POST", path, {"content": text, "allowed_mentions": {"parse": []}})
    await control.permit(scene.channel, scene.bot, allow=["mention_everyone"])
    await rest("POST", path, {"content": text})
    pinged = [message.now.pinged for message in await control.messages(scene.channel)]
    assert [(each.everyone, bool(each.users)) for each in pinged] == [
        (False, True),
        (False, False),
        (True, True),
    ]


async def test_history_is_read_in_all_directions(bot: Bot, control: Control, scene: Scene) -> None:
    """Before, after and around a message, as discord.py pages through it."""
    ids = [int(await control.say(scene.channel, scene.person, str(number))) for number in range(7)]
    channel = channel_of(bot, scene.channel)
    middle = discord.Object(ids[3])
    for how, expected in (("before", "210"), ("after", "456"), ("around", "12345")):
        found = [message.content async for message in channel.history(limit=5, **{how: middle})]
        assert "".join(sorted(found)) == "".join(sorted(expected)), how


async def test_reactions_and_typing_are_seen(bot: Bot, control: Control, scene: Scene) -> None:
    """The bot's by the test, and a person's by the bot."""
    asked = await control.say(scene.channel, scene.person, "?")
    await eventually(lambda: bot.heard)
    await bot.heard[0].add_reaction("👀")
    await control.react(scene.channel, asked, scene.person, "🛑")
    await channel_of(bot, scene.channel).typing()
    assert (await control.message(scene.channel, asked)).reactions == {
        "👀": [scene.bot],
        "🛑": [scene.person],
    }
    assert len(await control.typing(scene.channel)) == 1
    await eventually(lambda: bot.events.count("MESSAGE_REACTION_ADD") == 2)


async def test_forwards_voice_messages_polls_and_webhooks_are_told(
    bot: Bot, control: Control, scene: Scene
) -> None:
    """As discord.py reads them."""
    first = await control.say(scene.channel, scene.person, "first")
    await control.say(scene.channel, scene.person, forward=(scene.channel, first))
    await control.say(scene.channel, scene.person, voice=True, files=[Upload("voice.ogg", b"o")])
    await control.say(scene.channel, scene.person, poll="Coffee?")
    await control.say(scene.channel, scene.person, "hook", webhook=True)
    await eventually(lambda: len(bot.heard) == 5)
    _, forward, voice, poll, hook = bot.heard
    assert forward.message_snapshots[0].content == "first"
    assert voice.flags.voice
    assert voice.attachments[0].is_voice_message()
    assert poll.poll is not None
    assert poll.poll.question == "Coffee?"
    assert hook.webhook_id


@pytest.mark.parametrize(
    ("taken", "status", "code"),
    [("send_messages", 403, 50013), ("view_channel", 403, 50001), ("attach_files", 200, None)],
)
async def test_missing_permissions_are_refused(
    taken: str, status: int, code: int | None, rest: Rest, control: Control, scene: Scene
) -> None:
    """By what is missing."""
    await control.forbid_bot(scene.channel, [taken])
    got, answer = await rest("POST", f"/channels/{scene.channel}/messages", {"content": "x"})
    assert (got, answer.get("code")) == (status, code)


async def test_a_dm_to_someone_who_takes_none_is_refused(bot: Bot, control: Control, scene: Scene) -> None:
    """With 50007; to others it stands."""
    shy = await control.new_person("shy", scene.guild, accepts_dms=False)
    with pytest.raises(discord.Forbidden, match="50007"):
        await (await bot.create_dm(discord.Object(int(shy)))).send("Hello")
    await (await bot.create_dm(discord.Object(int(scene.person)))).send("Hello")
    assert len(await control.answers(await control.dm(scene.person))) == 1


# ---- threads ----------------------------------------------------------------------------------------


async def test_a_thread_bears_its_message_s_id_and_archives(bot: Bot, control: Control, scene: Scene) -> None:
    """Archived, its messages cannot be edited; a new one opens it again; a locked one stays shut."""
    asked = await control.say(scene.channel, scene.person, "?")
    await eventually(lambda: bot.heard)
    thread = await bot.heard[0].create_thread(name="Answer")
    assert str(thread.id) == asked
    with pytest.raises(discord.HTTPException, match="160004"):
        await bot.heard[0].create_thread(name="Again")
    answer = await thread.send("one")
    await control.set_thread(asked, archived=True)
    with pytest.raises(discord.HTTPException, match="50083"):
        await answer.edit(content="two")
    await thread.send("three")
    assert not (await control.channel(asked)).archived
    await control.set_thread(asked, locked=True)
    with pytest.raises(discord.HTTPException, match="160005"):
        await thread.send("four")
    await control.delete_channel(asked)
    with pytest.raises(discord.NotFound, match="10003"):
        await thread.send("five")


async def test_a_forum_s_post_is_a_thread_with_its_question(bot: Bot, control: Control, scene: Scene) -> None:
    """Its first message has its id; the bot may post too."""
    forum = await control.new_channel(scene.guild, "help", kind="forum", tags=["answered"])
    post = await control.post(forum, scene.person, "How?", "How does it work?", tags=["answered"])
    await eventually(lambda: bot.heard)
    message = bot.heard[0]
    assert isinstance(message.channel, discord.Thread)
    assert (message.content, message.channel.name, str(message.id)) == ("How does it work?", "How?", post)
    assert [tag.name for tag in message.channel.applied_tags] == ["answered"]
    parent = message.channel.parent
    assert isinstance(parent, discord.ForumChannel)
    created = await parent.create_thread(name="Mine", content="by the bot")
    assert await control.threads(forum) == [post, str(created.thread.id)]


# ---- files ------------------------------------------------------------------------------------------


async def test_files_go_up_and_down(bot: Bot, control: Control, scene: Scene) -> None:
    """A person's file is read by the bot, the bot's is seen by the test."""
    await control.say(scene.channel, scene.person, files=[Upload("q.txt", "¿Qué?".encode())])
    await eventually(lambda: bot.heard)
    assert (await bot.heard[0].attachments[0].read()).decode() == "¿Qué?"
    await channel_of(bot, scene.channel).send(file=discord.File(io.BytesIO(b"# Yes"), "answer.md"))
    [answer] = await control.answers(scene.channel)
    [file] = answer.now.files
    assert (file.name, file.size, await control.file(file.id)) == ("answer.md", 5, "# Yes")


@pytest.mark.parametrize("how", ["a day later", "expired", "forged"])
async def test_a_link_runs_out_and_is_refreshed(
    how: str, bot: Bot, control: Control, scene: Scene, rest: Rest
) -> None:
    """By time, by the test, or because nobody signed it; there are two ways to a new one."""
    await control.say(scene.channel, scene.person, files=[Upload("q.txt", b"q")])
    await eventually(lambda: bot.heard)
    [attachment] = bot.heard[0].attachments
    if how == "forged":
        attachment.url = attachment.url.replace("hm=", "hm=0")
    await (control.advance(86_401) if how == "a day later" else control.expire_links())
    with pytest.raises(discord.NotFound):
        await attachment.read()
    _, body = await rest("POST", "/attachments/refresh-urls", {"attachment_urls": [attachment.url]})
    attachment.url = body["refreshed_urls"][0]["refreshed"]
    assert await attachment.read() == b"q"
    fetched = await bot.heard[0].fetch()
    assert await fetched.attachments[0].read() == b"q"


async def test_a_file_may_be_larger_than_it_says_or_endless(bot: Bot, control: Control, scene: Scene) -> None:
    """The metadata lies; who reads with a cap can stop, and the CDN notes how much it sent."""
    big = Upload("big.bin", b"0123456789", claims=10, serves=3_000_000)
    endless = Upload("endless.bin", b"0123456789", claims=10, serves=-1)
    await control.say(scene.channel, scene.person, files=[big, endless])
    await eventually(lambda: bot.heard)
    first, second = bot.heard[0].attachments
    assert (first.size, second.size) == (10, 10)
    assert len(await first.read()) == 3_000_000
    async with aiohttp.ClientSession() as http, http.get(second.url) as response:
        assert await response.content.readexactly(1_000_000)
    await eventually(lambda: last_call(control, "attachments", "sent"), "the end of the download")


async def last_call(control: Control, route: str, field: str) -> Any:
    """One field of the last call of a route."""
    calls = await control.calls(route)
    return getattr(calls[-1], field) if calls and calls[-1].took is not None else None


async def test_a_download_may_break_off(bot: Bot, control: Control, scene: Scene) -> None:
    """After some bytes; the next one is whole."""
    await control.say(scene.channel, scene.person, files=[Upload("q.bin", b"q" * 1000)])
    await control.fault(Fault(on=FILE, cut=500))
    await eventually(lambda: bot.heard)
    [attachment] = bot.heard[0].attachments
    with pytest.raises(aiohttp.ClientPayloadError):
        await attachment.read()
    assert len(await attachment.read()) == 1000


async def test_more_than_the_limit_is_not_taken(rest: Rest, bot: Bot, scene: Scene) -> None:
    """A file of over 10 MiB is 413, and the eleventh file of a message 400."""
    channel = channel_of(bot, scene.channel)
    with pytest.raises(discord.HTTPException, match="40005"):
        await channel.send(file=discord.File(io.BytesIO(bytes((10 << 20) + 1)), "big.bin"))
    with pytest.raises(discord.HTTPException, match="30015"):
        await channel.send(files=[discord.File(io.BytesIO(b"x"), f"{number}.txt") for number in range(11)])


# ---- interactions -----------------------------------------------------------------------------------


async def asked_by(control: Control, scene: Scene, bot: Bot, channel: str | None = None) -> tuple[str, Any]:
    """Someone runs the bot's command: the interaction's id, and what the bot has in hand."""
    if not bot.tree.get_commands():
        a_command(bot)
        await bot.tree.sync()
    known = len(bot.asked)
    started = await control.command(channel or scene.channel, scene.person, "ask", {"question": "why?"})
    await eventually(lambda: len(bot.asked) > known)
    return started, bot.asked[-1]


async def test_a_deferred_command_is_answered_at_its_place(bot: Bot, control: Control, scene: Scene) -> None:
    """First "thinking", then the answer in the same message, then follow-ups."""
    started, interaction = await asked_by(control, scene, bot)
    assert interaction.data["options"][0]["value"] == "why?"
    assert (await control.interaction(started)).state == "waiting"
    await interaction.response.defer(thinking=True)
    assert (await control.interaction(started)).state == "thinking"
    await interaction.edit_original_response(content="because")
    await interaction.followup.send("and so on")
    seen = await control.interaction(started)
    original, more = await control.answers(scene.channel)
    assert (seen.state, seen.original, seen.follow_ups) == ("answered", original.id, (more.id,))
    assert (original.content, original.edited_at, more.reply_to) == ("because", None, original.id)


async def test_an_ephemeral_answer_is_seen_by_one(
    bot: Bot, control: Control, scene: Scene, rest: Rest
) -> None:
    """It is not in the channel's history, but the webhook has it."""
    started, interaction = await asked_by(control, scene, bot)
    await interaction.response.defer(thinking=True, ephemeral=True)
    await interaction.edit_original_response(content="for you")
    [answer] = await control.answers(scene.channel)
    assert (answer.seen_by, (await control.interaction(started)).ephemeral) == (scene.person, True)
    assert (await rest("GET", f"/channels/{scene.channel}/messages"))[1] == []
    assert (await interaction.original_response()).content == "for you"


async def test_an_interaction_has_three_seconds_one_answer_and_fifteen_minutes(
    bot: Bot, control: Control, scene: Scene
) -> None:
    """10062 when late, 40060 when twice, 50027 when the token is over."""
    late, interaction = await asked_by(control, scene, bot)
    await control.advance(3.1)
    assert (await control.interaction(late)).state == "failed"
    with pytest.raises(discord.NotFound, match="10062"):
        await interaction.response.defer()
    _, interaction = await asked_by(control, scene, bot)
    await interaction.response.defer()
    twice = discord.Interaction(data=_raw(interaction), state=bot._connection)
    with pytest.raises(discord.HTTPException, match="40060"):
        await twice.response.defer()
    await control.advance(901)
    with pytest.raises(discord.HTTPException, match="50027"):
        await interaction.edit_original_response(content="too late")


def _raw(interaction: discord.Interaction) -> Any:
    """The interaction as another process would get it."""
    fixed = {"version": 1, "attachment_size_limit": 1, "application_id": interaction.application_id}
    return {"id": interaction.id, "type": 2, "token": interaction.token, **fixed}


async def test_a_guest_bot_has_five_follow_ups(bot: Bot, control: Control, scene: Scene) -> None:
    """Where only the person installed it; without the permission for such bots its answers are ephemeral."""
    elsewhere = await control.new_guild("elsewhere", bot=False)
    await control.join(elsewhere, scene.person)
    channel = await control.new_channel(elsewhere, "talk")
    _, interaction = await asked_by(control, scene, bot, channel)
    assert interaction.is_user_integration()
    await interaction.response.defer(thinking=True)
    for number in range(6):
        await interaction.followup.send(str(number))
    with pytest.raises(discord.HTTPException, match="40094"):
        await interaction.followup.send("6")
    await control.permit(channel, elsewhere, deny=["use_external_apps"])
    _, interaction = await asked_by(control, scene, bot, channel)
    await interaction.response.send_message("for everyone?")
    assert (await control.answers(channel))[-1].seen_by == scene.person


async def test_buttons_modals_and_menus_work(bot: Bot, control: Control, scene: Scene) -> None:
    """A button changes its message, another shows a form, and a form is filled in."""
    view = discord.ui.View(timeout=None)
    view.add_item(discord.ui.Button(label="Stop", custom_id="stop"))
    view.add_item(discord.ui.Button(label="Gone", custom_id="gone", disabled=True))
    answer = str((await channel_of(bot, scene.channel).send("answer", view=view)).id)
    assert (await control.message(scene.channel, answer)).buttons == {"Stop": "stop"}
    for _ in range(2):
        await control.click(scene.channel, scene.person, answer, "stop")
    await eventually(lambda: len(bot.asked) == 2)
    await bot.asked[0].response.defer()
    assert (await bot.asked[0].original_response()).content == "answer"
    await bot.asked[1].response.edit_message(content="stopped", view=None)
    assert (await control.message(scene.channel, answer)).content == "stopped"
    with pytest.raises(ControlError, match="no stop"):
        await control.click(scene.channel, scene.person, answer, "stop")
    started, interaction = await asked_by(control, scene, bot)
    modal = discord.ui.Modal(title="Why?", custom_id="why")
    modal.add_item(discord.ui.TextInput(label="Reason", custom_id="reason"))
    await interaction.response.send_modal(modal)
    assert (await control.interaction(started)).state == "modal"
    await control.submit(started, {"reason": "wrong"})
    await eventually(lambda: bot.asked[-1].type == discord.InteractionType.modal_submit)
    assert modal.children[0].value == "wrong"  # type: ignore[attr-defined]  # a TextInput is what we added


async def test_completions_and_context_menus_work(bot: Bot, control: Control, scene: Scene) -> None:
    """What is typed is offered completions; a menu brings its message."""

    async def offer(interaction: discord.Interaction, typed: str) -> list[app_commands.Choice[str]]:
        return [app_commands.Choice(name=typed * 2, value=typed)]

    async def about(interaction: discord.Interaction, message: discord.Message) -> None:
        await interaction.response.send_message(message.content, ephemeral=True)

    a_command(bot)
    command = bot.tree.get_command("ask")
    assert isinstance(command, app_commands.Command)
    command.autocomplete("question")(offer)
    bot.tree.add_command(app_commands.ContextMenu(name="Ask about this", callback=about))
    await bot.tree.sync()
    typed = await control.complete(scene.channel, scene.person, "ask", "question", {"question": "wh"})
    seen = await eventually(lambda: answered(control, typed))
    assert seen.choices == ({"name": "whwh", "value": "wh"},)
    message = await control.say(scene.channel, scene.person, "this")
    menu = await control.message_menu(scene.channel, scene.person, "Ask about this", message)
    await eventually(lambda: answered(control, menu))
    assert (await control.answers(scene.channel))[-1].content == "this"


async def answered(control: Control, interaction: str) -> Any:
    """What became of an interaction, once it is answered."""
    seen = await control.interaction(interaction)
    return seen if seen.state == "answered" else None


async def test_a_command_takes_a_file(bot: Bot, control: Control, scene: Scene) -> None:
    """It is on the CDN like any other."""
    a_command(bot)
    await bot.tree.sync()
    question, file = {"question": "what is in it?"}, Upload("q.txt", b"q")
    await control.command(scene.channel, scene.person, "ask", question, files={"file": file})
    await eventually(lambda: bot.asked)
    data: Any = bot.asked[0].data
    [attachment] = data["resolved"]["attachments"].values()
    async with aiohttp.ClientSession() as http, http.get(attachment["url"]) as response:
        assert await response.read() == b"q"


@pytest.mark.parametrize(
    "command",
    [
        {"name": "Upper", "description": "d"},
        {"name": "no-description"},
        {"name": "x", "description": "d" * 101},
        {
            "name": "x",
            "description": "d",
            "options": [{"type": 3, "name": str(n), "description": "d"} for n in range(26)],
        },
        {
            "name": "x",
            "description": "d",
            "options": [
                {"type": 3, "name": "o", "description": "d", "choices": [{"name": "c", "value": "v"}] * 26}
            ],
        },
    ],
)
async def test_commands_that_discord_does_not_take_are_refused(
    command: dict[str, Any], rest: Rest, control: Control, scene: Scene
) -> None:
    """And the old ones stay."""
    path = f"/applications/{scene.application}/commands"
    assert (await rest("PUT", path, [{"name": "old", "description": "d"}]))[0] == 200
    status, body = await rest("PUT", path, [command])
    assert (status, body["code"]) == (400, 50035)
    assert [each["name"] for each in await control.commands()] == ["old"]


# ---- faults -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        faults.limited(SEND),
        faults.limited(SEND, scope="shared", times=2),
        faults.limited(SEND, scope="global"),
        faults.broken(SEND, 502),
        faults.broken(SEND, 500, after=True),
        faults.slow(SEND, 0.01),
    ],
    ids=["429", "shared", "global", "502", "500 after the effect", "slow"],
)
async def test_what_discord_py_survives_ends_in_one_message(
    fault: Fault, bot: Bot, control: Control, scene: Scene
) -> None:
    """It tries again, with its nonce: the message stands once."""
    await control.fault(fault)
    await channel_of(bot, scene.channel).send("once")
    assert [each.content for each in await control.answers(scene.channel)] == ["once"]


@pytest.mark.parametrize(
    ("fault", "error", "stands"),
    [
        (faults.limited(SEND, via=False), discord.HTTPException, 0),
        (faults.denied(SEND, 50013), discord.Forbidden, 0),
        (faults.reset(SEND), aiohttp.ClientOSError, 0),
        (faults.lost(SEND), aiohttp.ClientOSError, 1),
    ],
    ids=["429 of Cloudflare", "denied", "reset", "lost"],
)
async def test_what_discord_py_does_not_survive_is_raised(
    fault: Fault, error: type[Exception], stands: int, bot: Bot, control: Control, scene: Scene
) -> None:
    """And the message stands, or not, as the fault says; the next one does."""
    await control.fault(fault)
    with pytest.raises(error):
        await channel_of(bot, scene.channel).send("one")
    assert len(await control.answers(scene.channel)) == stands
    await channel_of(bot, scene.channel).send("two")
    assert len(await control.answers(scene.channel)) == stands + 1


async def test_a_held_call_waits_for_the_test(bot: Bot, control: Control, scene: Scene) -> None:
    """Nothing stands before its release."""
    door = await control.fault(faults.held(SEND))
    sending = asyncio.create_task(channel_of(bot, scene.channel).send("held"))
    await eventually(lambda: control.held(door))
    assert await control.answers(scene.channel) == []
    await control.release(door)
    await sending
    assert len(await control.answers(scene.channel)) == 1


async def test_things_happen_in_mid_answer(bot: Bot, control: Control, scene: Scene) -> None:
    """A channel is deleted at the second edit."""
    await control.fault(faults.then(EDIT, "delete_channel", skip=1, channel=scene.channel))
    answer = await channel_of(bot, scene.channel).send("one")
    await answer.edit(content="two")
    with pytest.raises(discord.NotFound, match="10003"):
        await answer.edit(content="three")
    assert (await control.message(scene.channel, str(answer.id))).content == "two"


async def test_rates_are_limited_as_at_discord(rest: Rest, control: Control, scene: Scene) -> None:
    """Five messages and five edits in five seconds per channel; old messages take few edits."""
    await control.limit_rates()
    path = f"/channels/{scene.channel}/messages"
    sent = [await rest("POST", path, {"content": "x"}) for _ in range(6)]
    assert [status for status, _ in sent] == [200] * 5 + [429]
    assert 0 < sent[5][1]["retry_after"] <= 5
    message = f"{path}/{sent[0][1]['id']}"
    assert [(await rest("PATCH", message, {"content": "y"}))[0] for _ in range(6)] == [200] * 5 + [429]
    await control.advance(3700)
    assert [(await rest("PATCH", message, {"content": "z"}))[0] for _ in range(4)] == [200] * 3 + [429]
    assert (await rest("PATCH", message, {"content": "z"}))[1]["code"] == 30046
    assert (await rest("POST", path, {"content": "x"}))[0] == 200


async def test_discord_py_keeps_to_the_buckets(bot: Bot, control: Control, scene: Scene) -> None:
    """It reads the headers: no call is refused."""
    await control.limit_rates()
    for number in range(4):
        await channel_of(bot, scene.channel).send(str(number))
    assert {call.status for call in await control.calls("messages")} == {200}
    bucket = bot.http.get_ratelimit(f"{next(iter(bot.http._bucket_hashes.values()))}:{scene.channel}")
    assert (bucket.limit, bucket.remaining) == (5, 1)


async def test_no_secret_is_in_the_list_of_calls(bot: Bot, control: Control, scene: Scene) -> None:
    """Neither the bot's token nor an interaction's."""
    _, interaction = await asked_by(control, scene, bot)
    await interaction.response.send_message("answer")
    calls = await control.calls()
    assert any("callback" in call.path for call in calls)
    assert scene.token not in str(calls)
    assert interaction.token not in str(calls)


# ---- as a process -----------------------------------------------------------------------------------


async def test_it_runs_as_a_process_with_the_same_control() -> None:
    """It prints its address first, does every verb over HTTP, and ends at SIGTERM."""
    command = (sys.executable, "-m", "tests.emulators.discord")
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout
        address = (await process.stdout.readline()).decode().strip()
        async with aiohttp.ClientSession() as http:
            control = control_of(address, http)
            scene = await control.scene()
            await control.say(
                scene.channel, scene.person, "Hello", files=[Upload("a.txt", bytes(range(120)))]
            )
            [message] = await control.messages(scene.channel)
            assert (message.content, message.now.files[0].size) == ("Hello", 120)
            assert len(await control.file(message.now.files[0].id)) == 120
            await control.fault(faults.denied(SEND, 50013))
            headers = {"Authorization": f"Bot {scene.token}"}
            path = f"{scene.api}/channels/{scene.channel}/messages"
            async with http.post(path, json={"content": "x"}, headers=headers) as response:
                assert response.status == 403
            assert [call.status for call in await control.calls("POST")] == [403]
            with pytest.raises(ControlError, match="Unknown Channel"):
                await control.say("1", scene.person, "x")
    finally:
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
