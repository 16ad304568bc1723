"""What a channel wants and what was said there, as the model reads it, with `chasqui serve all` between."""

import json
from pathlib import Path

from tests.emulators.tgi import TgiStandIn
from tests.system.team import team


async def test_the_persona_of_a_channel_is_what_the_model_is_told(tmp_path: Path) -> None:
    """From the settings, of the guild and of the channel, and changed by a moderator where it counts."""
    async with team(tmp_path / "data") as here:
        control, scene, model = here.control, here.scene, here.model
        other = await control.new_channel(scene.guild, "other")
        wanted = {
            scene.guild: {"persona": "You are a llama."},
            scene.channel: {"persona": "You are a runner."},
        }
        await here.serve(DISCORD__CHANNELS=json.dumps(wanted))
        await here.ask("Who are you?")
        await here.settled()
        assert "You are a runner." in model.asked[-1].prompt
        await control.say(other, scene.person, "Who are you?", mention=True)
        await here.answered(channel=other)
        assert "You are a llama." in model.asked[-1].prompt

        owner = here.discord.platform.world.guild(scene.guild).owner
        changed = await control.command(other, owner, "settings", {"persona": "You are a bridge."})
        await here.once(lambda found: any(each.interaction == changed for each in found), other)
        await control.command(other, scene.person, "ask", {"question": "And now?"})
        await here.answered(2, channel=other)
    assert "You are a bridge." in model.asked[-1].prompt
    assert "llama" not in model.asked[-1].prompt


async def test_what_is_nearer_wins(tmp_path: Path) -> None:
    """What moderators say of the whole server does not open a channel that the settings close."""
    async with team(tmp_path / "data") as here:
        control, scene = here.control, here.scene
        await here.serve(DISCORD__CHANNELS=json.dumps({scene.channel: {"allowed": False}}))
        owner = here.discord.platform.world.guild(scene.guild).owner
        given = {"where": "this server", "answers": True, "persona": "You are a llama."}
        changed = await control.command(scene.channel, owner, "settings", given)
        [shown] = await here.once(lambda found: any(each.interaction == changed for each in found))
    assert "I do not answer here." in shown.content
    assert "You are a llama." in shown.content


async def test_what_a_question_points_at_stands_before_it(tmp_path: Path) -> None:
    """The chain of replies, oldest first and with names; not what stands in the thread already."""
    async with team(tmp_path / "data", TgiStandIn(" On Friday.")) as here:
        await here.serve()
        control, scene, model = here.control, here.scene, here.model
        ben = await control.new_person("ben", scene.guild)
        first = await control.say(scene.channel, ben, "We go to Lima on Friday.")
        second = await control.say(scene.channel, scene.person, "Or on Monday?", reply_to=first)
        await here.ask("Which day is it?", reply_to=second)
        [answer] = await here.settled()
        prompt = model.asked[-1].prompt
        said = ["Ben: We go to Lima on Friday.", "Ana: Or on Monday?", "Which day is it?"]
        assert [prompt.count(each) for each in said] == [1, 1, 1]
        assert sorted(said, key=prompt.index) == said

        await control.say(scene.channel, ben, "Are you sure?", reply_to=answer.id)
        await here.settled(2)
    prompt = model.asked[-1].prompt
    assert prompt.count("On Friday.") == 1, "as the turn before, and not quoted besides"
    assert prompt.index("Which day is it?") < prompt.index("On Friday.") < prompt.index("Are you sure?")


async def test_a_channel_s_grounding_and_threads_come_from_the_settings(tmp_path: Path) -> None:
    """Where nothing is answered without a document, the model is not asked, and the thread says why."""
    async with team(tmp_path / "data") as here:
        wanted = {here.scene.channel: {"grounding": "require", "threads": True}}
        await here.serve(DISCORD__CHANNELS=json.dumps(wanted))
        asked = await here.ask("How far is it?")
        await here.once(lambda _: asked in here.discord.platform.world.channels)
        answer = (await here.answered(channel=asked))[-1]
    assert "document" in answer.content
    assert not here.model.asked


async def test_a_bot_that_a_person_installed_answers_where_it_is_no_member(tmp_path: Path) -> None:
    """By commands, and with pages, file and sources in no more messages than Discord allows there."""
    long = " ".join(f"Step {number} leads above those rocky hills again." for number in range(1, 400))
    async with team(tmp_path / "data", TgiStandIn(f" {long}", max_total_tokens=20_000)) as here:
        await here.serve(BACKEND__MAX_NEW_TOKENS="9000", BACKEND__PROFILE="chatml")  # of a large window
        control, scene = here.control, here.scene
        guild = await control.new_guild("Elsewhere", bot=False)
        await control.join(guild, scene.person)
        world = here.discord.platform.world
        [channel] = world.channels_of(world.guild(guild))
        await control.command(channel.id, scene.person, "ask", {"question": "How do I get there?"})
        found = await here.answered(channel=channel.id)
        for command in await control.commands():
            assert command["integration_types"] == ([0] if command["name"] == "settings" else [0, 1])
    assert found[0].content.startswith("Step 1 leads")
    [file] = [file for page in found for file in page.now.files]
    assert file.name == "answer.md"
    assert len(found) <= 6, "the response and five that follow it up"


async def test_a_channel_is_answered_without_mentions_once_discord_allows_it(tmp_path: Path) -> None:
    """A moderator wants it, for a role; until the portal allows it the log names the switch."""
    async with team(tmp_path / "data") as here:
        control, scene = here.control, here.scene
        await control.portal(message_content=False)
        owner = here.discord.platform.world.guild(scene.guild).owner
        staff = await control.new_role(scene.guild, "staff")
        ben = await control.new_person("ben", scene.guild)
        await control.join(scene.guild, ben, [staff])

        served = await here.serve()
        wanted = await control.command(
            scene.channel, owner, "settings", {"every_message": True, "role": staff}
        )
        found = await here.once(lambda found: any(each.interaction == wanted for each in found))
        assert "Message Content Intent" in found[-1].content
        await served.end()

        served = await here.serve()
        [warned] = served.said("discord.no_content")
        assert "Message Content Intent" in warned["mend"]
        await served.end()

        await control.portal(message_content=True)
        await here.serve()
        await control.say(scene.channel, scene.person, "Who may ask?")
        asked = await control.say(scene.channel, ben, "How far is it?")
        found = await here.answered()
    assert [each.reply_to for each in found if each.reply_to] == [asked]
    assert len(here.model.asked) == 1
