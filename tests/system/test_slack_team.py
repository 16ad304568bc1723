"""The team's documents on Slack, where people of other workspaces and guests are."""

from pathlib import Path

from tests.emulators.tgi import TgiStandIn
from tests.system.test_slack_people import press, told
from tests.system.workspace import Workspace, workspace

SECRET = "The launch code of the tug Paloma is tangerine."
ASKED = "What is the launch code of the tug Paloma?"


async def test_documents_of_the_workspace_reach_nobody_of_elsewhere(tmp_path: Path) -> None:
    """Members read them in their own channels, again and privately too; nobody does in Slack Connect."""
    async with workspace(tmp_path / "data", TgiStandIn(f" {SECRET}", token_delay=0.001)) as here:
        scene, control = here.scene, here.control
        (tmp_path / "codes.txt").write_text(SECRET)
        audience = f"workspace:slack:{scene.team}"
        added = await here.world.run("kb", "add", str(tmp_path / "codes.txt"), "--audience", audience)
        assert added.code == 0, added.err
        shared = await control.new_channel("shared", shared=True)
        await control.join(shared, scene.person)
        partner = await control.new_person("paco", channel=shared, partner=True, admin=True)
        guest = await control.new_person("gus", channel=scene.channel, guest=True)
        await here.serve()

        await here.ask(ASKED)
        [answer] = await here.settled()
        assert _read(here)
        await press(here, answer, "again")
        await here.settled(2)
        assert _read(here)
        await control.command(scene.channel, scene.person, "/ask", ASKED)
        await here.settled(3)
        assert _read(here)

        await control.say(scene.channel, guest, ASKED, mention=True)
        await here.settled(4)
        assert not _read(here), "guests do not"
        for number, person in enumerate((scene.person, partner), start=1):
            await control.say(shared, person, ASKED, mention=True)
            await here.settled(number, shared)
            assert not _read(here), "nor does anybody where strangers read"
        [of_member, _] = await here.settled(2, shared)
        refused = await control.press(shared, partner, of_member.ts, "chasqui:again")
        assert "Only whoever asked" in await told(here, refused), "an admin of elsewhere is none of ours"


def _read(here: Workspace) -> bool:
    """Whether the last prompt has the document."""
    return SECRET in here.model.asked[-1].prompt
