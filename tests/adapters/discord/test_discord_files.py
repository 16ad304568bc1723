"""Files of Discord: downloaded in pieces, from Discord alone, by whoever may."""

import tracemalloc
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from aiohttp import web

from adapters.discord import files
from adapters.discord.platform import DiscordPlatform
from core.errors import FileRefused
from core.types import Attachment
from tests.adapters.discord.parts import speaking
from tests.emulators.discord import faults, links
from tests.emulators.discord.people import Upload
from tests.emulators.discord.server import DiscordServer


@pytest.fixture
async def discord() -> AsyncIterator[DiscordServer]:
    """The emulator."""
    async with DiscordServer() as server:
        yield server


@pytest.fixture
async def platform(discord: DiscordServer) -> AsyncIterator[DiscordPlatform]:
    """Discord as a worker has it."""
    async with speaking(discord) as connected:
        yield connected


async def sent(discord: DiscordServer, *uploads: Upload) -> list[Attachment]:
    """Files that somebody sends, as the gateway takes them: under the address of their message."""
    scene = discord.scene
    message = await discord.control.say(scene.channel, scene.person, "See", mention=True, files=uploads)
    url = f"https://discord.com/channels/{scene.guild}/{scene.channel}/{message}"
    return [
        Attachment(each.name, url, len(each.data) if each.claims is None else each.claims) for each in uploads
    ]


async def content(platform: DiscordPlatform, file: Attachment) -> bytes:
    """All of a file."""
    async with aclosing(platform.download(file)) as pieces:
        return b"".join([piece async for piece in pieces])


async def test_a_file_is_found_under_the_address_of_its_message(
    discord: DiscordServer, platform: DiscordPlatform
) -> None:
    """However long ago its own link ran out; of files with one name the one of that size."""
    first, second = await sent(discord, Upload("a.txt", b"one"), Upload("a.txt", b"other"))
    await discord.control.expire_links()
    assert await content(platform, second) == b"other"
    assert await content(platform, first) == b"one"


async def test_the_token_never_goes_to_where_files_lie(
    discord: DiscordServer, platform: DiscordPlatform
) -> None:
    """Nor is anything asked for in a form that would have to be unpacked."""
    (file,) = await sent(discord, Upload("a.txt", b"one"))
    await content(platform, file)
    [call] = await discord.control.calls("GET /attachments")
    assert "Authorization" not in call.headers
    assert call.headers["Accept-Encoding"] == "identity"


async def test_a_file_elsewhere_is_not_fetched(platform: DiscordPlatform) -> None:
    """Whoever makes up an address does not let us look into the house."""
    asked: list[str] = []

    async def serve(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(text="secret")

    app = web.Application()
    app.router.add_get("/{path:.*}", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.2", 0).start()
    port = runner.addresses[0][1]
    try:
        with pytest.raises(FileRefused, match="does not lie on Discord"):
            await content(platform, Attachment("a.txt", f"http://127.0.0.2:{port}/a.txt"))
    finally:
        await runner.cleanup()
    assert asked == []


@pytest.mark.parametrize("trouble", ["deleted", "other name", "gone", "not refreshed", "broken off"])
async def test_a_file_that_cannot_be_had_is_refused_in_a_sentence(
    trouble: str, discord: DiscordServer, platform: DiscordPlatform
) -> None:
    """Its message may be gone, or the line may break."""
    (file,) = await sent(discord, Upload("a.txt", b"one" * 100_000))
    if trouble == "deleted":
        await discord.control.delete(discord.scene.channel, file.url.rpartition("/")[2])
    elif trouble == "other name":
        file = Attachment("b.txt", file.url, file.size)
    elif trouble == "gone":
        await discord.control.fault(faults.broken("GET /attachments/**", 404, times=2))
    elif trouble == "not refreshed":
        await discord.control.fault(faults.broken("GET /attachments/**", 403))
        await discord.control.fault(faults.denied("POST /attachments/refresh-urls", 50001))
    else:
        await discord.control.fault(faults.Fault(on="GET /attachments/**", cut=1000))
    with pytest.raises(FileRefused, match="Send it again"):
        await content(platform, file)


async def test_an_endless_file_takes_no_more_than_whoever_reads_it(
    discord: DiscordServer, platform: DiscordPlatform
) -> None:
    """150 MB that say they are 25: memory stays flat, and leaving ends the download."""
    (file,) = await sent(discord, Upload("a.bin", b"x" * 1000, claims=25_000_000, serves=-1))
    tracemalloc.start()
    taken = 0
    async with aclosing(platform.download(file)) as pieces:
        async for piece in pieces:
            taken += len(piece)
            if taken > 26_000_000:
                break
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5_000_000


async def test_a_conversation_is_a_file_too(discord: DiscordServer, platform: DiscordPlatform) -> None:
    """What was said from a message on, with names and times, oldest first."""
    control, scene = discord.control, discord.scene
    await control.say(scene.channel, scene.person, "before")
    since = await control.say(scene.channel, scene.person, "Shall we go?")
    await control.say(scene.channel, await control.new_person("ben", scene.guild), "Yes, <@1>.")
    text = (await content(platform, files.conversation(int(scene.channel), int(since)))).decode()
    first, second = text.split("\n\n")
    assert first.startswith("Ana (20")
    assert first.endswith("): Shall we go?")
    assert second.endswith("): Yes, <@1>.")


async def test_a_conversation_that_may_not_be_read_says_why(
    discord: DiscordServer, platform: DiscordPlatform
) -> None:
    """Without the intent all its messages are empty; without the right it is not there."""
    control, scene = discord.control, discord.scene
    since = await control.say(scene.channel, scene.person, "Shall we go?")
    said = files.conversation(int(scene.channel), int(since))
    await control.portal(message_content=False)
    with pytest.raises(FileRefused, match="Message Content Intent"):
        await content(platform, said)
    await control.forbid_bot(scene.channel, ["view_channel"])
    with pytest.raises(FileRefused, match="Ask a moderator"):
        await content(platform, said)


@pytest.mark.parametrize("ran_out", [False, True])
async def test_a_stored_link_is_fetched_and_refreshed_when_its_day_is_over(
    ran_out: bool, discord: DiscordServer, platform: DiscordPlatform
) -> None:
    """A file that came with a command stands in no message."""
    file = discord.platform.file(discord.scene.channel, "a.txt", b"one")
    url = links.signed(discord.platform.world, file)
    if ran_out:
        await discord.control.expire_links()
    assert await content(platform, Attachment("a.txt", url)) == b"one"
    assert len(await discord.control.calls("refresh-urls")) == ran_out
