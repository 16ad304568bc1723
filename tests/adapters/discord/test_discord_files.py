"""Files of Discord: downloaded in pieces, from Discord alone, by whoever may."""

import pytest

from adapters.discord import files
from adapters.discord.platform import DiscordPlatform
from core.errors import FileRefused
from core.types import Attachment
from tests.adapters.platform_parts import content, elsewhere, peak_of_endless
from tests.emulators.discord import faults, links
from tests.emulators.discord.people import Upload
from tests.emulators.discord.server import DiscordServer


async def sent(discord: DiscordServer, *uploads: Upload) -> list[Attachment]:
    """Files that somebody sends, as the gateway takes them: under the address of their message."""
    scene = discord.scene
    message = await discord.control.say(scene.channel, scene.person, "See", mention=True, files=uploads)
    url = f"https://discord.com/channels/{scene.guild}/{scene.channel}/{message}"
    return [
        Attachment(each.name, url, len(each.data) if each.claims is None else each.claims) for each in uploads
    ]


async def test_a_file_is_found_under_the_address_of_its_message(
    discord: DiscordServer, platform: DiscordPlatform
) -> None:
    """However long ago its own link ran out."""
    first, second = await sent(discord, Upload("a.txt", b"one"), Upload("b.txt", b"other"))
    await discord.control.expire_links()
    assert await content(platform, second) == b"other"
    assert await content(platform, first) == b"one"


async def test_files_of_one_name_and_size_are_read_each(
    discord: DiscordServer, platform: DiscordPlatform
) -> None:
    """They get names of their own, which people see under the answer."""
    uploads = [Upload("a.txt", b"one"), Upload("a.txt", b"two"), Upload("b", b"six"), Upload("b", b"ten")]
    first, *_ = await sent(discord, *uploads)
    channel, number = map(int, first.url.split("/")[-2:])
    message = await platform._shared.client.get_partial_messageable(channel).fetch_message(number)
    found = files.of_message(message)
    assert [file.name for file in found] == ["a.txt", "a (2).txt", "b", "b (2)"]
    assert [await content(platform, file) for file in found] == [b"one", b"two", b"six", b"ten"]


async def test_a_message_of_many_files_is_read_once(
    discord: DiscordServer, platform: DiscordPlatform
) -> None:
    """And once more for the files of another one."""
    many = await sent(discord, *(Upload(f"{number}.txt", b"%d" % number) for number in range(10)))
    assert [await content(platform, file) for file in many] == [b"%d" % number for number in range(10)]
    (other,) = await sent(discord, Upload("a.txt", b"one"))
    await content(platform, other)
    assert len(await discord.control.calls("GET /channels/{channel}/messages/{message}")) == 2


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
    async with elsewhere() as (address, asked):
        with pytest.raises(FileRefused, match="does not lie on Discord"):
            await content(platform, Attachment("a.txt", f"{address}/a.txt"))
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
    assert await peak_of_endless(platform, file) < 5_000_000


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


async def test_of_a_long_conversation_the_newest_messages_are_read(
    discord: DiscordServer, platform: DiscordPlatform
) -> None:
    """And its name says so, under which people are told how much was read."""
    control, scene = discord.control, discord.scene
    since = await control.say(scene.channel, scene.person, "The first")
    for number in range(1000):
        await control.say(scene.channel, scene.person, f"Note {number}")
    said = files.conversation(int(scene.channel), int(since))
    text = (await content(platform, said)).decode()
    assert "The first" not in text
    assert text.index("Note 0") < text.index("Note 999")
    assert "newest 1,000" in said.name


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
