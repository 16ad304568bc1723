"""`chasqui serve all` between Slack and a model, as whole processes, in Socket Mode and in HTTP mode."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from bots.slack_manifest import manifest
from tests import files
from tests.emulators.slack import faults
from tests.emulators.slack.people import Upload
from tests.emulators.slack.seen import SeenMessage
from tests.emulators.tgi import TgiStandIn
from tests.fakes import said_before
from tests.parts import until
from tests.system.program import ended
from tests.system.workspace import Mode, Workspace, workspace

LEAVE = " Staff earn two and a half days of leave each month."
LONG = " ".join(f"Step {number} leads above those rocky hills again." for number in range(1, 96))


def goes_on(prompt: str) -> str:
    """What is left of the long answer: a model goes on from where its prompt ends."""
    return f" {LONG}"[said_before(prompt, f" {LONG}") :]


def words(text: str) -> list[str]:
    """The words of what people see, without what frames it."""
    return re.findall(r"\w+", text)


def said(found: list[SeenMessage]) -> list[str]:
    """The words of an answer over its pages, without what stands below."""
    pages = (block["text"] for page in found for block in page.now.blocks if block["type"] == "markdown")
    return words(" ".join(pages))


def _holds(text: str, found: list[SeenMessage]) -> bool:
    return any(text in page.shown for page in found)


@pytest.mark.parametrize("mode", ["socket", "http"])
async def test_a_mention_in_a_thread_with_a_file_is_answered_there(mode: Mode, tmp_path: Path) -> None:
    """The file stands in the thread already; the answer names it, and the very page."""
    path = files.pdf(tmp_path)
    async with workspace(tmp_path / "data", TgiStandIn(LEAVE, token_delay=0.1), mode=mode) as here:
        await here.serve()
        scene, control = here.scene, here.control
        handbook = Upload(path.name, path.read_bytes())
        root = await control.say(scene.channel, scene.person, "The new handbook", files=[handbook])
        await here.ask("How much leave do staff earn each month?", thread=root)
        [answer] = await here.answered()
        await until(here.acknowledged)
    assert answer.thread == root
    assert said([answer]) == words(LEAVE)
    assert "Source: <" in answer.shown
    assert "handbook.pdf" in answer.shown
    assert "#page=" in answer.shown
    assert len(answer.versions) > 2, "it grew"


@pytest.mark.parametrize("mode", ["socket", "http"])
async def test_what_is_told_several_times_is_answered_once(mode: Mode, tmp_path: Path) -> None:
    """A mention comes as two events, and each of them twice more, before and after it was answered."""
    async with workspace(tmp_path / "data", TgiStandIn(LEAVE, token_delay=0.05), mode=mode) as here:
        await here.serve()
        await here.control.fault(faults.unacknowledged("app_mention"))
        await here.control.fault(faults.unacknowledged("message"))
        await here.ask("How far is it?")
        await here.settled()
        for delivery in await here.control.deliveries():
            if delivery.name in ("app_mention", "message"):
                await here.control.redeliver(delivery.number)
        await here.ask("And how high?")
        found = await here.settled(2)
        await until(here.acknowledged)
        told = [len(each.attempts) for each in await here.control.deliveries("app_mention")]
    assert told == [3, 1]
    assert len(found) == len(here.model.asked) == 2


@pytest.mark.parametrize("mode", ["socket", "http"])
async def test_two_replicas_give_one_answer(mode: Mode, tmp_path: Path) -> None:
    """Each event reaches one of them, its twin perhaps the other: over its socket, or behind one address."""
    async with workspace(tmp_path / "data", TgiStandIn(LEAVE, token_delay=0.02), mode=mode) as here:
        replicas = [await here.serve(), await here.serve()]
        async with in_turn(here.urls) as (address, taken):
            if mode == "http":
                await here.control.use_http(address)
            roots = [await here.ask(f"How far is it to place {number}?") for number in range(6)]
            found = await here.settled(6)
            told = taken if mode == "http" else (await here.control.sockets()).envelopes.values()
            await until(here.acknowledged)
    assert sorted(str(each.thread) for each in found) == sorted(roots)
    assert min(told) > 0
    assert len(here.model.asked) == 6
    assert not any(replica.said("slack.event_failed") for replica in replicas)


@asynccontextmanager
async def in_turn(urls: Sequence[str]) -> AsyncIterator[tuple[str, list[int]]]:
    """One address behind which each request goes to the next of these, and how many each has taken."""
    taken = [0] * len(urls)

    async def forward(request: web.Request) -> web.Response:
        number = sum(taken) % len(urls)
        taken[number] += 1
        async with http.post(urls[number], data=await request.read(), headers=request.headers) as answer:
            kind = answer.content_type
            return web.Response(body=await answer.read(), status=answer.status, content_type=kind)

    app = web.Application()
    app.router.add_post("/{path:.*}", forward)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession() as http:
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events", taken
        finally:
            await runner.cleanup()


async def test_slacks_own_stop_needs_no_gateway(tmp_path: Path) -> None:
    """Its process is gone when somebody presses: the model is stopped, and what was said stays."""
    async with workspace(tmp_path / "data", TgiStandIn(goes_on, token_delay=0.05)) as here:
        listening = await here.serve("slack")
        await here.serve("worker")
        root = await here.ask("How do I get there?")
        await here.once(lambda found: _holds("Step 3 leads", found))
        await listening.kill()
        await here.control.stop(here.scene.channel, root, here.scene.person)
        await until(lambda: here.model.running == 0)
        [answer] = await here.settled()
    assert "Stopped." in answer.shown
    assert words(LONG)[: len(said([answer]))] == said([answer])


async def test_a_gateway_and_a_worker_are_processes_of_their_own(tmp_path: Path) -> None:
    """What one takes the other answers; they share nothing but the store."""
    async with workspace(tmp_path / "data", TgiStandIn(LEAVE)) as here:
        await here.serve("slack")
        await here.ask("How far is it?")
        await until(here.acknowledged)
        await here.serve("worker")
        [answer] = await here.answered()
    assert said([answer]) == words(LEAVE)


@pytest.mark.parametrize(
    ("mode", "after"), [("socket", "five minutes"), ("http", "five minutes"), ("socket", "a moment")]
)
async def test_a_stream_that_dies_leaves_the_whole_text(mode: Mode, after: str, tmp_path: Path) -> None:
    """Slack ends it when its time is over, or before: nothing is lost or doubled."""
    model = TgiStandIn(" " + LONG, token_delay=0.01, max_total_tokens=8000)
    settings = {"BACKEND__MAX_NEW_TOKENS": "4000"}
    async with workspace(tmp_path / "data", model, mode=mode, **settings) as here:
        await here.serve()
        await here.control.say(here.scene.dm, here.scene.person, "How do I get there?")
        [page] = await here.once(lambda found: _holds("Step 9 ", found), here.scene.dm)
        assert page.stream
        if after == "a moment":
            await here.control.kill_stream(here.scene.dm, page.ts)
        else:
            await here.control.advance(300)
        found = await here.answered(channel=here.scene.dm)
    assert said(found) == words(LONG)


@pytest.mark.parametrize("mode", ["socket", "http"])
async def test_an_answer_goes_on_after_its_process_was_killed(mode: Mode, tmp_path: Path) -> None:
    """kill -9 in mid-answer: the next process ends it, and no page stands twice."""
    model = TgiStandIn(goes_on, token_delay=0.01, max_total_tokens=8000)
    settings = {"BACKEND__MAX_NEW_TOKENS": "4000"}
    async with workspace(tmp_path / "data", model, mode=mode, **settings) as here:
        served = await here.serve()
        await here.ask("How do I get there?")
        await here.once(partial(_holds, "Step 5 "))
        await served.kill()
        served = await here.serve()
        found = await here.answered()
        await until(lambda: len(served.said("assistant.answered")) == 1)
    assert said(found) == words(LONG)


@pytest.mark.parametrize("mode", ["socket", "http"])
async def test_a_kill_between_taking_and_acknowledging_loses_nothing(mode: Mode, tmp_path: Path) -> None:
    """Slack never hears that the question was taken and tells it again, to the next process: one answer."""
    async with workspace(tmp_path / "data", TgiStandIn(LEAVE, token_delay=0.5), mode=mode) as here:
        gateway = await here.serve("slack")
        for name in ("app_mention", "message"):
            await here.control.fault(faults.unacknowledged(name, times=2))
        await here.ask("How far is it?")
        await until(lambda: _missed(here, 2))
        await gateway.kill()
        await here.serve()
        await here.control.advance(60)
        await until(lambda: here.acknowledged("app_mention"))
        [answer] = await here.settled()
    assert said([answer]) == words(LEAVE)
    assert len(here.model.asked) == 1


async def _missed(here: Workspace, times: int) -> bool:
    """Whether Slack has missed the acknowledgement of each event so often."""
    missed = [
        sum(attempt.failure is not None for attempt in each.attempts)
        for name in ("app_mention", "message")
        for each in await here.control.deliveries(name)
    ]
    return bool(missed) and min(missed) >= times


@pytest.mark.parametrize("mode", ["socket", "http"])
async def test_sigterm_ends_what_was_begun(mode: Mode, tmp_path: Path) -> None:
    """The answer is whole, everything that was taken is acknowledged, and the process ends with 0."""
    model = TgiStandIn(LEAVE, token_delay=0.1)
    async with workspace(tmp_path / "data", model, mode=mode) as here:
        served = await here.serve()
        await here.ask("How much leave?")
        await here.once(bool)
        assert await served.end() == 0
        [answer] = await here.answers()
        assert await here.acknowledged("app_mention")
        assert not (await here.control.sockets()).envelopes
    assert said([answer]) == words(LEAVE)


async def test_connections_are_renewed(tmp_path: Path) -> None:
    """Slack asks for other connections, or drops them: what is said meanwhile is answered."""
    async with workspace(tmp_path / "data", TgiStandIn(LEAVE)) as here:
        served = await here.serve()
        await here.control.refresh_sockets()
        await until(lambda: len(served.said("slack.connected")) >= 4)
        await here.ask("How far is it?")
        await here.answered()
        await here.control.drop_sockets()
        await here.ask("And how high?")
        await until(lambda: len(served.said("slack.connected")) >= 6)
        await here.control.advance(60)
        assert len(await here.answered(2)) == 2


HOSTILE = {
    "mentions": " <!channel> and <@U1> and <!here|here>, @everyone.",
    "links": " [a|b](https://example.org/(x)?a=b|c) and <https://example.org|x>.",
    "a wide table": "\n\n"
    + "| a " * 30
    + "|\n"
    + "|---" * 30
    + "|\n"
    + ("| long words here " * 30 + "|\n") * 5,
    "a fence that is never closed": " Try this:\n\n```python\nprint(1)",
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_whatever_a_model_writes_calls_nobody(name: str, tmp_path: Path) -> None:
    """It is shown, and Slack finds no mention in it."""
    async with workspace(tmp_path / "data", TgiStandIn(HOSTILE[name])) as here:
        await here.serve()
        await here.ask("Write something.")
        [answer] = await here.answered()
    everything = f"{answer.text}{answer.now.blocks}"
    assert not re.search(r"<(![a-z]|@[UW]\w)", everything)
    assert answer.shown


async def test_pastes_and_many_files_are_taken(tmp_path: Path) -> None:
    """40 kB at once; twenty files, and one that is gone before it is read."""
    async with workspace(tmp_path / "data", TgiStandIn(LEAVE)) as here:
        await here.serve()
        await here.ask("x" * 40_000)
        await here.settled()
        many = [Upload(f"leave-{number}.txt", LEAVE.encode() + b" %d" % number) for number in range(20)]
        fault = await here.control.fault(faults.held("* files.info"))
        asked = await here.ask("How much leave do staff earn each month?", files=many)
        await until(lambda: _held(here, fault))
        message = await here.control.message(here.scene.channel, asked)
        await here.control.delete_file(message.files[0].id)
        await here.control.release(fault)
        answer = (await here.answered(2))[-1]
    assert said([answer]) == words(LEAVE)
    assert "leave-0.txt is not there any more" in answer.shown


async def _held(here: Workspace, fault: int) -> bool:
    return await here.control.held(fault) > 0


@pytest.mark.parametrize("trouble", ["archive", "leave"])
async def test_who_cannot_be_answered_there_is_told_directly(trouble: str, tmp_path: Path) -> None:
    """In an archived channel, and in one that the bot is not in any more: the question ends."""
    model = TgiStandIn(LEAVE, token_delay=0.3)
    async with workspace(tmp_path / "data", model) as here:
        served = await here.serve()
        scene, control = here.scene, here.control
        fault = await control.fault(faults.held("* chat.*"))
        await here.ask("How far is it?")
        await until(lambda: _held(here, fault))
        if trouble == "archive":
            await control.archive(scene.channel)
        else:
            await control.leave(scene.channel, scene.bot)
        await control.release(fault)
        [told] = await here.once(bool, scene.dm)
        assert ("archived" if trouble == "archive" else "/invite") in told.shown
        await until(lambda: bool(served.said("assistant.answered")))


async def test_a_token_that_is_taken_back_loses_no_question(tmp_path: Path) -> None:
    """The log says what to do; once the token is good again what was asked is answered."""
    model = TgiStandIn(LEAVE)
    async with workspace(tmp_path / "data", model) as here:
        served = await here.serve()
        await here.control.revoke()
        await here.ask("How far is it?")
        await until(lambda: any("token_revoked" in line for line in served.lines))
        await here.control.revoke(None)
        [answer] = await here.answered()
    assert said([answer]) == words(LEAVE)


async def test_requests_that_slack_did_not_sign_are_refused(tmp_path: Path) -> None:
    """Another secret, an old time, a time that is none; and one that Slack did sign is taken once."""
    async with workspace(tmp_path / "data", TgiStandIn(LEAVE), mode="http") as here:
        served = await here.serve()
        control = here.control
        await here.ask("How far is it?")
        await here.settled()
        assert await control.forge(secret="another") == 401
        for time in ("1000000000", "soon", "9" * 400, "-1", "1e9"):
            assert await control.forge(timestamp=time) == 401
        assert await control.forge() == 200
        assert len(served.said("slack.request_not_signed")) == 6
        assert not served.said("slack.event_failed")
        await here.ask("And how high?")
        await here.settled(2)
    assert len(here.model.asked) == 2


async def test_no_secret_is_in_the_log(tmp_path: Path) -> None:
    """Neither tokens nor the URL of a private answer nor people's words, also where calls fail."""
    async with workspace(tmp_path / "data", TgiStandIn(LEAVE), LOG__LEVEL="debug") as here:
        served = await here.serve()
        await here.control.fault(faults.limited("* chat.*"))
        await here.control.fault(faults.broken("POST /response/**", 502))
        await here.control.fault(faults.denied("* users.info", "fatal_error"))
        await here.ask("A secret word")
        await here.control.command(here.scene.channel, here.scene.person, "/ask", "A secret word")
        await here.answered()
        await until(lambda: len(served.said("assistant.answered")) == 2)
        await served.end()
        text, scene = "".join(served.lines), here.scene
    for secret in (scene.token, scene.app_token, scene.signing_secret, "/response/", "secret word"):
        assert secret not in text
    assert all(line.startswith("{") for line in served.lines), "all of it is JSON"


@pytest.mark.parametrize(
    ("settings", "roles", "names"),
    [
        ({"SLACK__BOT_TOKEN": ""}, ["all"], "CHASQUI_SLACK__BOT_TOKEN"),
        ({"SLACK__BOT_TOKEN": ""}, ["slack"], "CHASQUI_SLACK__BOT_TOKEN"),
        ({"SLACK__BOT_TOKEN": "xoxb-wrong"}, ["all"], "CHASQUI_SLACK__BOT_TOKEN"),
        ({"SLACK__APP_TOKEN": ""}, ["all"], "CHASQUI_SLACK__APP_TOKEN"),
        ({"SLACK__APP_TOKEN": "xapp-wrong"}, ["slack"], "CHASQUI_SLACK__APP_TOKEN"),
        ({"SLACK__MODE": "http", "SLACK__SIGNING_SECRET": ""}, ["slack"], "CHASQUI_SLACK__SIGNING_SECRET"),
        ({"SLACK__MODE": "http", "HTTP__HOST": "192.0.2.1"}, ["slack"], "CHASQUI_HTTP__HOST"),
        ({"SLACK__API_URL": "slack.com"}, ["slack"], "CHASQUI_SLACK__API_URL"),
        ({"SLACK__MODE": "sockets"}, ["slack"], "CHASQUI_SLACK__MODE"),
        ({"SLACK__CHANNELS": '{"C1": {"evry_message": true}}'}, ["slack"], "slack.channels.C1.evry_message"),
    ],
)
async def test_what_only_settings_can_mend_ends_in_one_sentence(
    settings: dict[str, str], roles: list[str], names: str, tmp_path: Path
) -> None:
    """Exit 2, and the sentence names the setting."""
    async with workspace(tmp_path / "data") as here:
        world = here.world.with_(**settings, LOG__LEVEL="error")
        end = await ended(await world.start("serve", *roles))
    assert end.code == 2
    assert names in end.sentence


async def test_the_doctor_asks_slack(tmp_path: Path) -> None:
    """Who the bot is; what it may not do that it needs; a token that is wrong."""
    async with workspace(tmp_path / "data") as here:
        doctor = await here.world.run("doctor", "--json")
        less = {**manifest(), "oauth_config": {"scopes": {"bot": ["chat:write"]}}}
        await here.control.install(less)
        lacking = await here.world.run("doctor", "--json")
        wrong = await here.world.with_(SLACK__BOT_TOKEN="xoxb-wrong").run("doctor", "--json")
    checks = [
        next(check for check in run.json if check["part"] == "slack") for run in (doctor, lacking, wrong)
    ]
    assert [check["well"] for check in checks] == [True, False, False]
    assert checks[0]["found"].startswith("chasqui")
    assert "files:read" in checks[1]["found"]
    assert "CHASQUI_SLACK__BOT_TOKEN" in checks[2]["found"]
