"""Curators add messages and files to the knowledge base where people talk."""

from pathlib import Path

from tests.emulators.discord.people import Upload
from tests.emulators.slack.people import Upload as SlackUpload
from tests.emulators.tgi import TgiStandIn
from tests.system.team import Team, team
from tests.system.test_discord_people import told as told_on_discord
from tests.system.test_kb import run
from tests.system.test_slack_people import form
from tests.system.test_slack_people import told as told_on_slack
from tests.system.workspace import Workspace, workspace

ADD = "Add to knowledge base"
CODE = "The launch code of the tug Paloma is tangerine."
BERTH = "The tug Paloma lies at berth seven, behind the old crane."
ASKED = "What is the launch code of the tug Paloma?"
NOISE = b"\xff\xfe\x00\x00" * 50
PLACES = "Where does the tug Paloma lie?"


async def test_a_message_on_discord_is_added_asked_for_and_removed(tmp_path: Path) -> None:
    """Only by curators, once however often, with its files, for its channel alone; an answer links to it."""
    async with team(tmp_path / "data", TgiStandIn(f" {CODE}")) as here:
        control, scene = here.control, here.scene
        owner = here.discord.platform.world.guild(scene.guild).owner
        other = await control.new_channel(scene.guild, "elsewhere")
        ben = await control.new_person("ben", scene.guild)
        await here.serve(DISCORD__CURATORS=owner)
        files = [Upload("berth.txt", BERTH.encode()), Upload("noise.txt", NOISE)]
        posted = await control.say(scene.channel, ben, CODE, files=files)

        async def add(person: str) -> str:
            shown = await told_on_discord(
                here, await control.message_menu(scene.channel, person, ADD, posted)
            )
            assert (shown.seen_by, dict(shown.buttons)) == (person, {})
            return shown.content

        assert "Only curators" in await add(scene.person)
        assert await run(here.world, "list") == []
        for _ in range(2):
            said = await add(owner)
            assert "for everybody who reads this channel: Message of Ben, berth.txt." in said
            assert "noise.txt" in said.splitlines()[-1], "and why it could not be read"
        entries = {entry["path"]: entry for entry in await run(here.world, "list")}
        assert sorted(entries) == ["berth.txt", "message"]
        assert {entry["audience"] for entry in entries.values()} == {f"channel:discord:{scene.channel}"}

        await here.ask(ASKED)
        [answer] = [each for each in await here.settled() if here.ends(each)]
        assert CODE in here.model.asked[-1].prompt
        assert f"channels/{scene.guild}/{scene.channel}/{posted}" in answer.content, "cited, with its link"
        await control.say(other, scene.person, ASKED, mention=True)
        await here.settled(channel=other)
        assert not _read(here, CODE), "it is for the other channel"

        for entry in entries.values():
            removed = await control.command(scene.channel, owner, "kb remove", {"document": entry["id"]})
            assert "any more" in (await told_on_discord(here, removed)).content
        await here.ask(ASKED)
        await here.settled(2)
        assert not _read(here, CODE), "it was removed"


async def test_a_file_is_added_with_a_command_on_discord(tmp_path: Path) -> None:
    """For the channel, or the server where that is chosen: then for that alone; the same name replaces."""
    async with team(tmp_path / "data", TgiStandIn(f" {BERTH}")) as here:
        control, scene = here.control, here.scene
        owner = here.discord.platform.world.guild(scene.guild).owner
        other = await control.new_channel(scene.guild, "elsewhere")
        await here.serve(DISCORD__CURATORS=owner)

        async def add(text: str, **given: str) -> str:
            files = {"file": Upload("berth.txt", text.encode())}
            added = await control.command(scene.channel, owner, "kb add", given, files=files)
            return (await told_on_discord(here, added)).content

        assert "who reads this channel: berth.txt" in await add(CODE)
        assert "workspace or server: berth.txt" in await add(BERTH, where="this server")
        [entry] = await run(here.world, "list")
        assert entry["audience"] == f"workspace:discord:{scene.guild}"
        await control.say(other, scene.person, PLACES, mention=True)
        await here.settled(channel=other)
        assert _read(here, BERTH)


async def test_a_message_on_slack_is_added_and_asked_for(tmp_path: Path) -> None:
    """As on Discord; a form asks who may read it, the channel or the whole workspace."""
    async with workspace(tmp_path / "data", TgiStandIn(f" {CODE}")) as here:
        control, scene = here.control, here.scene
        ben = await control.new_person("ben", channel=scene.channel)
        other = await control.new_channel("elsewhere")
        await control.join(other, scene.person)
        await here.serve(SLACK__CURATORS=scene.person)
        files = [SlackUpload("berth.txt", BERTH.encode()), SlackUpload("noise.txt", NOISE)]
        posted = await control.say(scene.channel, ben, CODE, files=files)

        async def add(audience: str) -> str:
            picked = await control.shortcut(scene.channel, scene.person, posted, "add_to_kb")
            view = await form(here, picked)
            await control.submit(view.id, scene.person, {"audience": audience})
            return await told_on_slack(here, picked)

        refused = await control.shortcut(scene.channel, ben, posted, "add_to_kb")
        assert "Only curators" in await told_on_slack(here, refused)
        for _ in range(2):
            said = await add("channel")
            assert "for everybody who reads this channel: Message of ben, berth.txt." in said
            assert "noise.txt" in said, "and why it could not be read"
        entries = await run(here.world, "list")
        assert [entry["path"] for entry in entries] == ["berth.txt", "message"]

        await here.ask(ASKED)
        [answer] = [each for each in await here.settled() if here.ends(each)]
        assert CODE in here.model.asked[-1].prompt
        assert f"/archives/{scene.channel}/p{posted.replace('.', '')}" in answer.shown
        await control.say(other, scene.person, ASKED, mention=True)
        await here.settled(channel=other)
        assert not _read(here, CODE), "it is for the other channel"

        assert "everybody of this workspace" in await add("workspace")
        await control.say(other, scene.person, ASKED, mention=True)
        await here.settled(2, other)
        assert _read(here, CODE)


def _read(here: Team | Workspace, text: str) -> bool:
    """Whether the last prompt has this text."""
    return text in here.model.asked[-1].prompt
