"""/kb on Discord and Slack: what people see of the team's documents, and what curators change."""

from pathlib import Path

from tests.emulators.tgi import TgiStandIn
from tests.system.team import team
from tests.system.test_discord_people import told as told_on_discord
from tests.system.test_kb import run
from tests.system.test_slack_people import told as told_on_slack
from tests.system.workspace import workspace

LEAVE = "# Handbook\n\n## Leave\n\nNew crew get 24 days of paid leave.\n"
ZEBRA = "# Zebra\n\nThe zebra deal closes on Friday.\n"


def written(folder: Path) -> tuple[str, str]:
    """A document for everybody, and one for a channel."""
    (folder / "handbook.md").write_text(LEAVE)
    (folder / "zebra.md").write_text(ZEBRA)
    return str(folder / "handbook.md"), str(folder / "zebra.md")


async def test_people_on_discord_find_what_they_may_see_and_curators_remove_it(tmp_path: Path) -> None:
    """Nobody else removes anything; of another channel's document nothing is told, even to a curator."""
    handbook, zebra = written(tmp_path)
    async with team(tmp_path / "data", TgiStandIn(" Yes.")) as here:
        control, scene = here.control, here.scene
        owner = here.discord.platform.world.guild(scene.guild).owner
        other = await control.new_channel(scene.guild, "deals")
        await run(here.world, "add", handbook)
        await run(here.world, "add", zebra, "--audience", f"channel:discord:{other}")
        await here.serve(DISCORD__CURATORS=owner)

        async def kb(channel: str, person: str, verb: str, **given: str) -> str:
            shown = await told_on_discord(
                here, await control.command(channel, person, f"kb {verb}", given), channel
            )
            assert shown.seen_by == person
            return shown.content

        assert "24 days of paid leave" in await kb(scene.channel, scene.person, "search", words="paid leave")
        assert "Friday" not in await kb(scene.channel, scene.person, "search", words="zebra deal")
        assert "zebra deal" in await kb(other, scene.person, "search", words="zebra deal")
        assert "You may see 1 document" in await kb(scene.channel, scene.person, "stats")
        assert "You may see 2 documents" in await kb(other, scene.person, "stats")
        entries = {entry["path"]: entry["id"] for entry in await run(here.world, "list")}
        listed = await kb(scene.channel, scene.person, "list")
        assert entries["handbook.md"] in listed
        assert entries["zebra.md"] not in listed

        refused = await kb(scene.channel, scene.person, "remove", document=entries["handbook.md"])
        assert "Only curators" in refused
        unseen = await kb(scene.channel, owner, "remove", document=entries["zebra.md"])
        assert "You may see no document" in unseen
        done = await kb(scene.channel, owner, "remove", document=entries["handbook.md"])
        assert "not in the knowledge base any more" in done
        assert await kb(scene.channel, scene.person, "search", words="paid leave") == "Nothing was found."
        assert [entry["path"] for entry in await run(here.world, "list")] == ["zebra.md"]


async def test_people_on_slack_find_what_they_may_see_and_curators_remove_it(tmp_path: Path) -> None:
    """As on Discord, typed behind the command; what is no verb says which there are."""
    handbook, zebra = written(tmp_path)
    async with workspace(tmp_path / "data", TgiStandIn(" Yes.")) as here:
        control, scene = here.control, here.scene
        ben = await control.new_person("ben", channel=scene.channel)
        await run(here.world, "add", handbook, "--audience", f"channel:slack:{scene.channel}")
        await run(here.world, "add", zebra, "--audience", "channel:slack:C0DEALS")
        await here.serve(SLACK__CURATORS=ben)

        async def kb(person: str, text: str) -> str:
            return await told_on_slack(here, await control.command(scene.channel, person, "/kb", text))

        assert "Type /kb search WORDS" in await kb(scene.person, "")
        assert "24 days of paid leave" in await kb(scene.person, "search paid leave")
        assert "Friday" not in await kb(scene.person, "search zebra deal")
        [entry] = [each for each in await run(here.world, "list") if each["path"] == "handbook.md"]
        assert entry["id"] in await kb(scene.person, "list hand")
        assert "Only curators" in await kb(scene.person, f"remove {entry['id']}")
        assert "any more" in await kb(ben, f"remove {entry['id']}")
        assert "no such document" in await kb(scene.person, "list")


PARKING = "Where do visitors park?"


async def test_curators_see_what_their_channel_asked_in_vain(tmp_path: Path) -> None:
    """Nobody else does, nor is it told elsewhere; what somebody asked privately is told to nobody."""
    handbook, _ = written(tmp_path)
    async with team(tmp_path / "data", TgiStandIn(" Yes."), ANSWERS__GROUNDING="require") as here:
        control, scene = here.control, here.scene
        owner = here.discord.platform.world.guild(scene.guild).owner
        other = await control.new_channel(scene.guild, "deals")
        await run(here.world, "add", handbook)
        await here.serve(DISCORD__CURATORS=owner)

        async def gaps(channel: str, person: str) -> str:
            return (
                await told_on_discord(here, await control.command(channel, person, "kb gaps"), channel)
            ).content

        await here.ask(PARKING)
        await here.settled()
        secret = {"question": "Who gets the zebra?", "private": True}
        await control.command(scene.channel, scene.person, "ask", secret)
        await here.settled(2)
        assert (await gaps(scene.channel, owner)).startswith(f"{PARKING} (asked once, last on 2")
        assert "zebra" not in await gaps(scene.channel, owner)
        assert "Only curators" in await gaps(scene.channel, scene.person)
        assert await gaps(other, owner) == "No question of this channel was left unanswered."


async def test_curators_on_slack_see_what_their_channel_asked_in_vain(tmp_path: Path) -> None:
    """As on Discord."""
    handbook, _ = written(tmp_path)
    async with workspace(tmp_path / "data", TgiStandIn(" Yes."), ANSWERS__GROUNDING="require") as here:
        control, scene = here.control, here.scene
        await run(here.world, "add", handbook)
        await here.serve(SLACK__CURATORS=scene.person)
        await here.ask(PARKING)
        await here.settled()
        shown = await told_on_slack(here, await control.command(scene.channel, scene.person, "/kb", "gaps"))
        assert shown.startswith(f"{PARKING} (asked once, last on 2")
        stranger = await control.new_person("ben", channel=scene.channel)
        refused = await told_on_slack(here, await control.command(scene.channel, stranger, "/kb", "gaps"))
        assert "Only curators" in refused
