"""`chasqui serve all` between Discord and a model, as whole processes."""

import json
import re
from functools import partial
from pathlib import Path

import pytest

from tests import files
from tests.emulators.discord import faults
from tests.emulators.discord.people import Upload
from tests.emulators.discord.views import SeenMessage
from tests.emulators.tgi import TgiStandIn
from tests.fakes import said_before
from tests.parts import until
from tests.system.memory import Memory
from tests.system.program import ended
from tests.system.team import team

LEAVE = " Staff earn two and a half days of leave each month."
LONG = " ".join(f"Step {number} leads above those rocky hills again." for number in range(1, 96))


def goes_on(prompt: str) -> str:
    """What is left of the long answer: a model goes on from where its prompt ends."""
    return f" {LONG}"[said_before(prompt, f" {LONG}") :]


def words(text: str) -> list[str]:
    """The words of what people see, without what frames it."""
    return re.findall(r"\w+", text)


def said(found: list[str]) -> str:
    """An answer as one text: its pages without the lines below."""
    return " ".join(line for page in found for line in page.splitlines() if not line.startswith("-#"))


async def test_a_mention_with_a_file_is_answered_with_its_source(tmp_path: Path) -> None:
    """The answer grows in one message and ends with the very page, as a link to the message with the file."""
    path = files.pdf(tmp_path)
    model = TgiStandIn(LEAVE, token_delay=0.1)
    async with team(tmp_path / "data", model) as here:
        await here.serve()
        asked = await here.ask(
            "How much leave do staff earn each month?", files=[Upload(path.name, path.read_bytes())]
        )
        [answer] = await here.answered()
        where = f"https://discord.com/channels/{here.scene.guild}/{here.scene.channel}/{asked}"

    text, source, *_ = answer.content.splitlines()
    assert text == LEAVE.strip()
    assert source.startswith("-# Source: [handbook.pdf")
    assert f"(<{where}#page=" in source
    assert answer.reply_to == asked
    assert len(answer.versions) > 2, "it grew"
    shown = [words(version.content) for version in answer.versions]
    assert shown[0] == words(LEAVE)[: len(shown[0])]
    assert list(answer.buttons) == ["Regenerate", "Sources", "👍", "👎"]


async def test_a_long_answer_stands_on_pages(tmp_path: Path) -> None:
    """Each is a message that Discord takes, nothing is lost between them, and only the last has buttons."""
    async with team(tmp_path / "data", TgiStandIn(" " + LONG, max_total_tokens=8000)) as here:
        await here.serve(BACKEND__MAX_NEW_TOKENS="4000")
        await here.ask("How do I get there?")
        found = await here.answered()
    assert len(found) == 3
    assert all(len(version.content) <= 2000 for page in found for version in page.versions)
    assert words(said([page.content for page in found])) == words(LONG)
    assert [bool(page.buttons) for page in found] == [False, False, True]


async def test_a_slash_command_is_deferred_and_answered_where_it_was_thinking(tmp_path: Path) -> None:
    """Acknowledged at once, with a file if there is one; a private one is seen by its asker alone."""
    async with team(tmp_path / "data", TgiStandIn(LEAVE)) as here:
        await here.serve()
        scene, control = here.scene, here.control
        for private in (False, True):
            number = await control.command(
                scene.channel,
                scene.person,
                "ask",
                {"question": "How much leave do staff earn each month?", "private": private},
                files={"file": Upload("leave.txt", LEAVE.encode())},
            )
            found = await here.answered(1 + private)
            assert found[-1].content.startswith(LEAVE.strip())
            assert "-# Source: leave.txt" in found[-1].content, "no link that is good for a day only"
            assert found[-1].seen_by == (scene.person if private else None)
            seen = await control.interaction(number)
            assert seen.state == "answered"
            assert seen.answered_after is not None
            assert seen.answered_after < 3
            assert seen.original == found[-1].id


async def test_stop_frees_the_models_slot(tmp_path: Path) -> None:
    """Whoever asked stops it, nobody else; what was said stays, and says that it was stopped."""
    model = TgiStandIn(" " + LONG, token_delay=0.05)
    async with team(tmp_path / "data", model) as here:
        await here.serve()
        scene, control = here.scene, here.control
        await here.ask("How do I get there?")
        [page] = await here.once(lambda found: bool(found) and "Step 2" in found[0].content)
        assert model.running == 1

        ben = await control.new_person("ben", scene.guild)
        wrong = await control.click(scene.channel, ben, page.id, page.buttons["Stop"])
        await here.once(lambda found: found[-1].seen_by == ben)
        [refused] = [each for each in await here.answers() if each.interaction == wrong]
        assert "Only whoever asked" in refused.content
        assert model.running == 1

        await control.click(scene.channel, scene.person, page.id, page.buttons["Stop"])
        await until(lambda: model.running == 0)
        answer = (await here.answered())[0]
    assert answer.content.splitlines()[-1] == "Stopped."
    assert "Step 95" not in answer.content
    assert "Stop" not in answer.buttons


@pytest.mark.parametrize("kills", [1, 3])
async def test_an_answer_goes_on_after_its_process_was_killed(kills: int, tmp_path: Path) -> None:
    """kill -9 in mid-answer, and once more: the next process ends it, and no page stands twice."""
    model = TgiStandIn(goes_on, token_delay=0.01, max_total_tokens=8000)
    async with team(tmp_path / "data", model, BACKEND__MAX_NEW_TOKENS="4000") as here:
        served = await here.serve()
        await here.ask("How do I get there?")
        for kill in range(kills):
            seen = f"Step {5 + 30 * kill} "
            await here.once(partial(_holds, seen))
            await served.kill()
            served = await here.serve()
        found = await here.answered()
        assert words(said([page.content for page in found])) == words(LONG)
        assert [bool(page.buttons) for page in found] == [False, False, True]
        await until(lambda: len(served.said("assistant.answered")) == 1)


def _holds(text: str, found: list[SeenMessage]) -> bool:
    return any(text in page.content for page in found)


async def test_replayed_events_are_answered_once(tmp_path: Path) -> None:
    """The gateway resumes and tells things twice, and what was said while nobody listened is answered too."""
    async with team(tmp_path / "data") as here:
        served = await here.serve()
        await here.ask("How far is it?")
        await here.answered()
        await here.control.replay(5)
        await here.control.ask_to_reconnect()
        await here.ask("And how high?")
        await here.answered(2)
        assert await served.end() == 0
        await here.ask("And how deep?")
        again = await here.serve()
        assert len(await here.answered(3)) == 3
        assert not again.said("discord.commands_synced"), "Discord knows them already"
    assert len(here.model.asked) == 3


async def test_who_cannot_be_answered_is_told_directly(tmp_path: Path) -> None:
    """Missing permissions are not swallowed, and the model is not asked again and again."""
    async with team(tmp_path / "data") as here:
        served = await here.serve()
        await here.control.forbid_bot(here.scene.channel, ["send_messages"])
        await here.ask("How far is it?")
        direct = await here.control.dm(here.scene.person)
        [told] = await here.once(bool, direct)
        await until(lambda: bool(served.said("assistant.answered")))
        assert served.said("assistant.answered")[0]["outcome"] == "failed"
        assert "Ask a moderator" in told.content
        assert not await here.answers()
        assert len(await here.answers(direct)) == 1
    assert len(here.model.asked) <= 1


async def test_a_forum_s_post_is_answered(tmp_path: Path) -> None:
    """The first message of a post, and what follows in it."""
    async with team(tmp_path / "data", TgiStandIn(" Far.")) as here:
        await here.serve()
        control, scene = here.control, here.scene
        forum = await control.new_channel(scene.guild, "help", kind="forum")
        post = await control.post(forum, scene.person, "How far is it?", f"<@{scene.bot}> To Lima.")
        await here.answered(channel=post)
        await control.say(post, scene.person, "And back?", mention=True)
        await here.answered(2, channel=post)
    assert "To Lima." in here.model.asked[-1].prompt


async def test_a_channel_that_goes_in_mid_answer_ends_it(tmp_path: Path) -> None:
    """The asker hears why, the slot is free, and the next question is answered."""
    model = TgiStandIn(" " + LONG, token_delay=0.02)
    async with team(tmp_path / "data", model) as here:
        served = await here.serve()
        other = await here.control.new_channel(here.scene.guild, "other")
        await here.control.say(other, here.scene.person, "How far?", mention=True)
        await here.once(bool, other)
        await here.control.delete_channel(other)
        [told] = await here.once(bool, await here.control.dm(here.scene.person))
        assert "gone" in told.content
        await until(lambda: model.running == 0)
        await until(lambda: bool(served.said("assistant.answered")))
        model.answer, model.token_delay = " Far.", 0.0
        await here.ask("How far is it?")
        assert (await here.answered())[0].content == "Far."


async def test_a_thread_that_is_archived_in_mid_answer_is_answered_to_the_end(tmp_path: Path) -> None:
    """No page can be edited there any more: the rest stands on a new one, and no word is lost."""
    model = TgiStandIn(goes_on, token_delay=0.02, max_total_tokens=8000)
    async with team(tmp_path / "data", model) as here:
        await here.serve(BACKEND__MAX_NEW_TOKENS="4000")
        control, scene = here.control, here.scene
        thread = await control.new_thread(scene.channel, scene.person, "A thread")
        await control.say(thread, scene.person, "How do I get there?", mention=True)
        await here.once(partial(_holds, "Step 5 "), thread)
        await control.set_thread(thread, archived=True)
        model.token_delay = 0.0
        found = await here.answered(channel=thread)
    assert words(said([page.content for page in found])) == words(LONG)


async def test_an_answer_is_ended_before_the_process_ends(tmp_path: Path) -> None:
    """SIGTERM in mid-answer: nothing more is taken, what was begun is said to its end, and all is well."""
    model = TgiStandIn(" " + LONG[:400], token_delay=0.02)
    async with team(tmp_path / "data", model) as here:
        served = await here.serve()
        await here.ask("How do I get there?")
        await here.once(partial(_holds, "Step 2 "))
        assert await served.end() == 0
        [answer] = await here.answers()
        assert answer.content == LONG[:400].strip()
        assert "Regenerate" in answer.buttons
        assert len(served.said("assistant.answered")) == 1


WAYS = {
    "mention": ("POST /channels/*/messages", "PATCH /channels/*/messages/*"),
    "command": ("POST /webhooks/*/*", "PATCH /webhooks/*/*/messages/*"),
}


@pytest.mark.parametrize("way", WAYS)
async def test_an_answer_survives_what_discord_and_the_line_do_to_it(way: str, tmp_path: Path) -> None:
    """Resets before and after the effect, 5xx, refusals and true rate limits: it stands whole, and once."""
    post, patch = WAYS[way]
    async with team(tmp_path / "data", TgiStandIn(" " + LONG, max_total_tokens=8000)) as here:
        await here.serve(BACKEND__MAX_NEW_TOKENS="4000")
        control, scene = here.control, here.scene
        await control.limit_rates()
        for fault in (
            faults.reset(post),
            faults.lost(post),
            faults.broken(patch, 503),
            faults.limited(post, scope="global"),
            faults.limited(patch, via=False, retry_after=1),
            faults.lost(patch),
        ):
            await control.fault(fault)
        if way == "mention":
            await here.ask("How do I get there?")
        else:
            await control.command(scene.channel, scene.person, "ask", {"question": "How do I get there?"})
        found = await here.answered()
    assert words(said([page.content for page in found])) == words(LONG)
    assert [bool(page.buttons) for page in found] == [False, False, True]


HOSTILE = {
    "mentions": " @everyone and @here, <@&1> says **hello** to <@2>.",
    "a fence that is never closed": " Try this:\n\n```python\nprint(1)",
    "40 kB without a space": " " + "x" * 40_000,
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_whatever_a_model_says_discord_takes_it(name: str, tmp_path: Path) -> None:
    """Nobody is pinged, fences are closed, and what is longer than pages is a file besides."""
    model = TgiStandIn(HOSTILE[name], max_total_tokens=20_000)
    async with team(tmp_path / "data", model) as here:
        await here.serve(BACKEND__MAX_NEW_TOKENS="9000", BACKEND__PROFILE="chatml")  # of a large window
        await here.ask("Say it.")
        found = await here.answered()
    assert all(not version.pinged.everyone for page in found for version in page.versions)
    assert all(page.content.count("```") % 2 == 0 for page in found)
    assert all("@everyone" not in page.content for page in found)
    if name.startswith("40"):
        [file] = [file for page in found for file in page.now.files]
        assert file.name == "answer.md"
        assert len(found) <= 7
        assert (await here.control.file(file.id)).strip() == HOSTILE[name].strip()


async def test_files_of_all_kinds_are_taken_or_declined(tmp_path: Path) -> None:
    """Many at once, one that is larger than it says, one that holds nothing: a sentence for each refusal."""
    async with team(tmp_path / "data", TgiStandIn(LEAVE)) as here:
        await here.serve()
        many = [Upload(f"leave-{number}.txt", LEAVE.encode() + b" %d" % number) for number in range(24)]
        lying = Upload("big.txt", b"x" * 1000, claims=25_000, serves=150_000_000)
        await here.ask("How much leave do staff earn each month?", files=[*many, lying])
        [answer] = await here.answered()
    assert answer.content.startswith(LEAVE.strip())
    assert "big.txt is larger than 25 MB" in answer.content


async def test_a_file_that_lies_of_its_size_takes_no_memory(tmp_path: Path) -> None:
    """150 MB that say they are 24: reading ends at the limit, and no process grows by it."""
    async with team(tmp_path / "data", TgiStandIn(LEAVE)) as here:
        await here.serve()
        with Memory(here.world.data) as before:
            await here.ask("How much leave is there?", files=[Upload("leave.txt", LEAVE.encode())])
            await here.answered()
        lying = Upload("big.bin", b"x" * 100_000, claims=24_000_000, serves=150_000_000)
        with Memory(here.world.data) as memory:
            await here.ask("What is in it?", files=[lying])
            found = await here.answered(2)
    assert "big.bin is larger than 25 MB" in found[-1].content
    assert memory.peak < before.peak + 20


async def test_no_secret_is_in_the_log(tmp_path: Path) -> None:
    """Neither the bot's token nor that of an interaction, at the finest level and with errors."""
    async with team(tmp_path / "data", LOG__LEVEL="debug") as here:
        served = await here.serve()
        await here.control.fault(faults.limited("PATCH /webhooks/**", retry_after=0.1))
        await here.control.fault(faults.broken("POST /webhooks/**", 502))
        await here.control.command(
            here.scene.channel, here.scene.person, "ask", {"question": "A secret word", "private": True}
        )
        await here.answered()
        await served.end()
        tokens = [each.token for each in here.discord.platform.interactions.known.values()]
        text = "".join(served.lines)
    assert tokens
    assert all(token not in text for token in [*tokens, here.scene.token])
    assert "secret word" not in text
    assert all(line.startswith("{") for line in served.lines), "all of it is JSON"


@pytest.mark.parametrize(
    ("settings", "roles", "names"),
    [
        ({"DISCORD__TOKEN": ""}, ["all"], "CHASQUI_DISCORD__TOKEN"),
        ({"DISCORD__TOKEN": "wrong.to.ken"}, ["all"], "CHASQUI_DISCORD__TOKEN"),
        ({}, ["slack"], "CHASQUI_SLACK__BOT_TOKEN"),
        ({"DISCORD__CHANNELS": '{"1": {"every_message": true}}'}, ["discord"], "Message Content Intent"),
        ({"DISCORD__CHANNELS": '{"1": {"evry_message": true}}'}, ["all"], "discord.channels.1.evry_message"),
        ({"DISCORD__API_URL": "discord.com"}, ["discord"], "CHASQUI_DISCORD__API_URL"),
    ],
)
async def test_what_only_settings_can_mend_ends_in_one_sentence(
    settings: dict[str, str], roles: list[str], names: str, tmp_path: Path
) -> None:
    """Exit 2, and the sentence names the setting or the switch."""
    async with team(tmp_path / "data") as here:
        await here.control.portal(message_content=False)
        end = await ended(await here.world.with_(**settings, LOG__LEVEL="error").start("serve", *roles))
    assert end.code == 2
    assert names in end.sentence


async def test_people_get_the_link_and_the_doctor_asks_discord(tmp_path: Path) -> None:
    """The link has the least permissions; a token that is wrong is named."""
    async with team(tmp_path / "data") as here:
        invited = await here.world.run("invite", "discord")
        other = await here.world.run("invite", "matrix")
        doctor = await here.world.run("doctor", "--json")
        wrong = await here.world.with_(DISCORD__TOKEN="a.b.c").run("doctor", "--json")
    scope = "bot+applications.commands"
    assert invited.out.decode().strip() == (
        f"https://discord.com/oauth2/authorize?client_id={here.scene.application}"
        f"&permissions=309237763136&scope={scope}"
    )
    assert other.code == 2
    assert "invite discord" in other.sentence
    [check] = [check for check in doctor.json if check["part"] == "discord"]
    assert check["well"]
    assert check["found"].startswith("chasqui")
    [check] = [check for check in wrong.json if check["part"] == "discord"]
    assert not check["well"]
    assert json.dumps(check).count("CHASQUI_DISCORD__TOKEN") == 2
