"""Many people at once on Discord: everybody is answered, in their place, and nobody takes it all."""

import asyncio
import re
from pathlib import Path

from tests.emulators.tgi import TgiStandIn
from tests.parts import until
from tests.system.team import team

CHANNELS = 50
NEVER = 3600.0
"""Seconds until the next token, for a model that says nothing."""


def about_its_place(prompt: str) -> str:
    """An answer that tells which question it belongs to."""
    number = re.findall(r"place (\d+)", prompt)[-1]
    return f" Place {number} is far."


async def test_fifty_channels_at_once_are_answered_each_in_its_own(tmp_path: Path) -> None:
    """Fifty people ask in the same moment: each reads one answer, to their own question; nothing is lost."""
    async with team(tmp_path / "data", TgiStandIn(about_its_place, token_delay=0.01)) as here:
        control, guild = here.control, here.scene.guild
        channels = [await control.new_channel(guild, f"channel-{n}") for n in range(CHANNELS)]
        people = [await control.new_person(f"person-{n}", guild) for n in range(CHANNELS)]
        served = await here.serve()
        asked = await asyncio.gather(
            *(
                control.say(channel, person, f"How far is place {number}?", mention=True)
                for number, (channel, person) in enumerate(zip(channels, people, strict=True))
            )
        )
        await until(lambda: len(served.said("assistant.answered")) == CHANNELS)
        for number, (channel, question) in enumerate(zip(channels, asked, strict=True)):
            [answer] = await here.answers(channel)
            assert (answer.content, answer.reply_to) == (f"Place {number} is far.", question)
        assert len(here.model.asked) == CHANNELS
        assert {line["outcome"] for line in served.said("assistant.answered")} == {"answered"}


async def test_who_asks_too_much_is_told_so_and_others_are_answered(tmp_path: Path) -> None:
    """Two of Ana's questions may wait: the third is declined in a sentence, whichever way it comes."""
    model = TgiStandIn(" Far.", token_delay=NEVER)
    async with team(tmp_path / "data", model, WORKER__GRACE_SECONDS="0") as here:
        await here.serve(INBOX__PER_PERSON="2")
        control, scene = here.control, here.scene
        for _ in range(2):
            await here.ask("How far is it?")
        third = await here.ask("And how high?")
        [told] = await here.once(bool)
        assert told.reply_to == third
        assert told.content.startswith("2 of your questions wait for their answers")
        assert "ask it again" in told.content
        command = await control.command(scene.channel, scene.person, "ask", {"question": "And how deep?"})
        _, declined = await here.once(lambda found: len(found) == 2)
        assert (declined.interaction, declined.seen_by) == (command, scene.person)
        assert declined.content == told.content

        model.token_delay = 0.0
        ben = await control.new_person("ben", scene.guild)
        asked = await control.say(scene.channel, ben, "How far is it?", mention=True)
        [*_, answer] = await here.answered()
    assert (answer.content, answer.reply_to) == ("Far.", asked)


async def test_an_answer_that_cannot_be_made_again_stays(tmp_path: Path) -> None:
    """Where no more questions are taken, Regenerate is declined, and the turn is still there."""
    model = TgiStandIn(" Far.")
    async with team(tmp_path / "data", model, WORKER__GRACE_SECONDS="0") as here:
        await here.serve(INBOX__PER_PERSON="1")
        control, scene = here.control, here.scene
        await here.ask("How far is the llama?")
        [answer] = await here.settled()
        model.token_delay = NEVER
        other = await control.new_channel(scene.guild, "other")
        await control.say(other, scene.person, "And how high?", mention=True)
        await until(lambda: model.running == 1)
        await control.click(scene.channel, scene.person, answer.id, answer.buttons["Regenerate"])
        _, declined = await here.once(lambda found: len(found) == 2)
        assert "wait" in declined.content
        model.token_delay = 0.0
        ben = await control.new_person("ben", scene.guild)
        await control.say(scene.channel, ben, "And back?", reply_to=answer.id)
        await here.answered(2)
    assert "How far is the llama?" in model.asked[-1].prompt


async def test_who_waits_reads_their_place_where_the_answer_will_stand(tmp_path: Path) -> None:
    """With every slot of the replica taken: the place is one message, and becomes the first page."""
    model = TgiStandIn(" Far away.", token_delay=NEVER, max_concurrent=1)
    async with team(tmp_path / "data", model) as here:
        await here.serve()
        control, scene = here.control, here.scene
        other = await control.new_channel(scene.guild, "other")
        ben = await control.new_person("ben", scene.guild)
        first = await here.ask("How far is it?")
        await until(lambda: model.running == 1)
        asked = await control.say(other, ben, "And for me?", mention=True)
        [placed] = await here.once(bool, other)
        assert (placed.content, placed.reply_to) == ("Your question is next.", asked)
        model.token_delay = 0.0
        await control.delete(scene.channel, first)
        [answer] = await here.answered(channel=other)
    assert answer.id == placed.id
    assert answer.content == "Far away."
