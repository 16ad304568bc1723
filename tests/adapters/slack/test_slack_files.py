"""Files of Slack: downloaded in pieces, from Slack alone, by whoever may."""

from contextlib import aclosing
from typing import Any

import aiohttp
import pytest

from adapters.slack import files, threads, transcript
from adapters.slack.platform import SlackPlatform
from core.errors import FileRefused, RateLimited, WriteFailed
from core.types import Attachment
from tests.adapters.platform_parts import FakeRates, content, elsewhere, peak_of_endless
from tests.emulators.slack import faults
from tests.emulators.slack.application import MANIFEST
from tests.emulators.slack.people import Upload
from tests.emulators.slack.server import SlackServer


async def sent(slack: SlackServer, *uploads: Upload, partner: bool = False) -> list[Attachment]:
    """Files that somebody sends, as the gateway takes them from the event."""
    scene = slack.scene
    person = await slack.control.new_person("paco", channel=scene.channel, partner=partner)
    ts = await slack.control.say(scene.channel, person, "See", mention=True, files=uploads)
    [delivery] = await slack.control.deliveries("app_mention")
    assert delivery.payload["event"]["ts"] == ts
    return list(files.of_message(delivery.payload["event"]))


async def test_a_file_is_cited_and_fetched_by_the_address_that_people_have(
    slack: SlackServer, platform: SlackPlatform
) -> None:
    """The address of its bytes is asked for when they are."""
    first, second = await sent(slack, Upload("a.txt", b"one"), Upload("b.html", b"<p>other</p>"))
    assert (first.name, first.size) == ("a.txt", 3)
    assert first.url.startswith(f"{slack.scene.address}/files/")
    assert await content(platform, first) == b"one"
    assert await content(platform, second) == b"<p>other</p>"


async def test_a_file_of_which_only_the_id_was_told_is_fetched_too(
    slack: SlackServer, platform: SlackPlatform
) -> None:
    """People of another workspace: its name and size are asked for."""
    [file] = await sent(slack, Upload("a.txt", b"one"), partner=True)
    assert file.url.startswith("chasqui:file")
    assert await content(platform, file) == b"one"
    described = await files.described(platform._shared.slack, file)
    assert (described.name, described.size) == ("a.txt", 3)
    assert await files.described(platform._shared.slack, described) == described
    await slack.control.delete_file(file.url.rpartition("=")[2])
    assert await files.described(platform._shared.slack, file) == file


async def test_the_token_goes_to_slack_alone(slack: SlackServer, platform: SlackPlatform) -> None:
    """Neither a made-up address nor one that Slack sends us on to gets it."""
    [file] = await sent(slack, Upload("a.txt", b"one"))
    async with elsewhere() as (address, asked):
        url = f"{address}/files/U1/F1/a.txt"
        with pytest.raises(FileRefused, match="does not lie on Slack"):
            await content(platform, Attachment("a.txt", url))
        moved = faults.Answer(302, "", {"Location": url})
        await slack.control.fault(faults.Fault(on="GET /files-pri/**", answer=moved))
        with pytest.raises(FileRefused, match="does not lie on Slack"):
            await content(platform, file)
        assert asked == []


async def test_slack_may_send_us_on_to_another_of_its_addresses(
    slack: SlackServer, platform: SlackPlatform
) -> None:
    """Also to one that is given without its host; not for ever."""
    [file] = await sent(slack, Upload("a.txt", b"one"))
    told: Any = await platform._shared.slack.call("files.info", file=file.url.split("/")[-2])
    there = told["file"]["url_private"].removeprefix(slack.scene.address)
    moved = faults.Answer(302, "", {"Location": there})
    await slack.control.fault(faults.Fault(on="GET /files-pri/**", answer=moved))
    assert await content(platform, file) == b"one"
    await slack.control.fault(faults.Fault(on="GET /files-pri/**", answer=moved, times=None))
    with pytest.raises(FileRefused):
        await content(platform, file)


async def test_a_login_page_is_not_taken_for_a_file(slack: SlackServer, platform: SlackPlatform) -> None:
    """Slack answers 200 with it; the sentence says what to do. Nor for a file that is a page itself."""
    for file in await sent(slack, Upload("a.txt", b"one"), Upload("b.html", b"<p>other</p>")):
        await slack.control.fault(faults.login_page())
        with pytest.raises(FileRefused, match=f"does not let me read {file.name}.*files:read"):
            await content(platform, file)


async def test_a_missing_scope_is_named(slack: SlackServer, platform: SlackPlatform) -> None:
    """For whoever runs the bot."""
    [file] = await sent(slack, Upload("a.txt", b"one"))
    await slack.control.install({**MANIFEST, "oauth_config": {"scopes": {"bot": ["chat:write"]}}})
    with pytest.raises(FileRefused, match="files:read"):
        await content(platform, file)


@pytest.mark.parametrize("trouble", ["deleted", "gone", "broken off"])
async def test_a_file_that_cannot_be_had_is_refused_in_a_sentence(
    trouble: str, slack: SlackServer, platform: SlackPlatform
) -> None:
    """It may be gone before it is read, or while it is, or the line may break."""
    [file] = await sent(slack, Upload("a.txt", b"one" * 100_000))
    if trouble == "deleted":
        await slack.control.delete_file(file.url.split("/")[-2])
    elif trouble == "gone":
        await slack.control.fault(faults.broken("GET /files-pri/**", 404))
    else:
        await slack.control.fault(faults.cut(1000))
    with pytest.raises(FileRefused, match="Send it again"):
        await content(platform, file)


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ({"is_external": True, "url_private": "https://drive.example.com/x"}, "Attach the file itself"),
        ({"mode": "hidden_by_limit"}, "plan"),
        ({"mode": "tombstone"}, "Send it again"),
    ],
)
async def test_what_slack_only_knows_of_is_refused_in_a_sentence(
    about: dict[str, Any], said: str, slack: SlackServer, platform: SlackPlatform
) -> None:
    """A link to another service, a file behind the limits of a plan, one that was deleted."""
    [file] = await sent(slack, Upload("a.txt", b"one"))
    answer = faults.Answer(200, {"ok": True, "file": {"id": "F1", "name": "a.txt", **about}})
    await slack.control.fault(faults.Fault(on="GET files.info", answer=answer))
    with pytest.raises(FileRefused, match=said):
        await content(platform, file)


def test_a_file_whose_address_does_not_name_it_is_known_by_its_id() -> None:
    """So it can be asked for; what is no file is none."""
    shared = [None, {"mode": "tombstone"}, {"id": "F1", "name": "a.txt", "permalink": "https://slack.com/f1"}]
    [file] = files.of_message({"files": shared})
    assert (file.name, file.url) == ("a.txt", "chasqui:file?id=F1")


async def test_reading_is_tried_again_where_writing_would_not_be(
    slack: SlackServer, platform: SlackPlatform, rates: FakeRates
) -> None:
    """A limit, a server that failed, a connection that broke."""
    [file] = await sent(slack, Upload("a.txt", b"one"))
    on = "GET files.info"
    for fault in (faults.limited(on, retry_after=7, times=2), faults.broken(on, 503), faults.reset(on)):
        await slack.control.fault(fault)
        assert await content(platform, file) == b"one"
    assert rates.rests == [(f"slack:{slack.scene.team}:files.info", 7)] * 2, "other workers hear of it"


@pytest.mark.parametrize("on", ["GET files.info", "GET /files-pri/**"])
async def test_a_file_that_slack_does_not_give_now_is_not_gone(
    on: str, slack: SlackServer, platform: SlackPlatform
) -> None:
    """Nobody is told to send it again: the question is tried again, and it is there."""
    [file] = await sent(slack, Upload("a.txt", b"one"))
    troubles = {RateLimited: faults.limited(on, times=3), WriteFailed: faults.broken(on, 503, times=3)}
    for error, fault in troubles.items():
        await slack.control.fault(fault)
        with pytest.raises(error):
            await content(platform, file)
        await slack.control.clear_faults()
    assert await content(platform, file) == b"one"


async def test_an_endless_file_takes_no_more_than_whoever_reads_it(
    slack: SlackServer, platform: SlackPlatform
) -> None:
    """150 MB that say they are 25: memory stays flat, and leaving ends the download."""
    [file] = await sent(slack, Upload("a.bin", b"x" * 1000, claims=25_000_000, serves=-1))
    assert await peak_of_endless(platform, file) < 5_000_000


async def test_of_a_thread_that_is_very_long_the_newest_part_is_read(
    slack: SlackServer, platform: SlackPlatform
) -> None:
    """And its first message, which says what all is about; it says that something is missing."""
    control, scene = slack.control, slack.scene
    root = await control.say(scene.channel, scene.person, "Shall we go?")
    for number in range(1, 2101):
        ts = await control.say(scene.channel, scene.person, f"Reason {number}", thread=root)
    text = (await content(platform, transcript.of_thread(scene.channel, root))).decode()
    first, gap, *rest = text.split("\n\n")
    assert first.endswith("Shall we go?")
    assert gap == "[101 messages of this thread are left out here.]"
    assert len(rest) == 1999
    assert (rest[0].endswith("Reason 102"), rest[-1].endswith("Reason 2100")) == (True, True)
    before = await threads.read(platform._shared.slack, scene.channel, root, most=10, until=ts)
    assert [each["text"] for each in before.messages[-2:]] == ["Reason 2098", "Reason 2099"]


async def test_a_thread_is_a_file_too(slack: SlackServer, platform: SlackPlatform) -> None:
    """What was said in it, with names and times, oldest first, however long it is."""
    control, scene = slack.control, slack.scene
    ben = await control.new_person("ben", channel=scene.channel)
    root = await control.say(scene.channel, scene.person, "Shall we go?")
    await control.say(scene.channel, ben, f"Yes, <@{scene.person}> &amp; all.", thread=root, markup=True)
    for number in range(250):
        await control.say(scene.channel, ben, f"Reason {number}", thread=root)
    await control.say(scene.channel, ben, "elsewhere")
    text = (await content(platform, transcript.of_thread(scene.channel, root))).decode()
    first, second, *reasons = text.split("\n\n")
    assert first.startswith("ana (20")
    assert first.endswith("): Shall we go?")
    assert second.endswith("): Yes, @ana & all.")
    assert len(reasons) == 250
    assert reasons[-1].endswith("Reason 249")


async def test_a_thread_that_may_not_be_read_says_why(slack: SlackServer, platform: SlackPlatform) -> None:
    """The bot is not there."""
    control, scene = slack.control, slack.scene
    root = await control.say(scene.channel, scene.person, "Shall we go?")
    await control.leave(scene.channel, scene.bot)
    with pytest.raises(FileRefused, match="/invite"):
        await content(platform, transcript.of_thread(scene.channel, root))


async def test_a_download_leaves_no_connection_open(slack: SlackServer, platform: SlackPlatform) -> None:
    """Whoever stops reading half-way lets go of it."""
    [file] = await sent(slack, Upload("a.bin", b"x" * 1000, serves=-1))
    async with aclosing(platform.download(file)) as pieces:
        async for _ in pieces:
            break
    connector = platform._shared.slack.http.connector
    assert isinstance(connector, aiohttp.TCPConnector)
    assert not connector._acquired
