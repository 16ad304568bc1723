"""What people mistype, and what they put into the settings, by whole processes."""

import json
import sys
from asyncio.subprocess import PIPE, create_subprocess_exec
from pathlib import Path

import pytest

from core.prompt import VICUNA_V1_1
from tests.emulators.tgi import TgiStandIn
from tests.system.program import ROOT, Ended, World, ended

START = f"{VICUNA_V1_1.system} USER: "


async def run_in(folder: Path, world: World, *words: str) -> Ended:
    """A `chasqui` whose working directory is `folder`."""
    process = await create_subprocess_exec(
        *(sys.executable, "-m", "bots.cli", *words),
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        cwd=folder,
        env=world.environment | {"PYTHONPATH": str(ROOT)},
    )
    return await ended(process)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["launch"], "No such command 'launch'. `chasqui --help` shows what there is."),
        (["ask"], "Missing argument 'question'. `chasqui ask --help` shows what there is."),
        (["split", "--to", "slack"], "No such option: --to"),
        (["model", "serve", "--port", "70000"], "Invalid value for '--port'"),
        (["ask", " \n"], "There is no question. Ask something, or name a file after --file."),
        (["ask", "Hi", "--file", "~nobody-of-this-name/x"], "~nobody-of-this-name/x cannot be found."),
        (["chat", "--file", "x" * 300], "cannot be found. Name a file after --file."),
    ],
)
async def test_what_cannot_be_meant_is_told_in_one_sentence(
    words: list[str], says: str, world: World
) -> None:
    """Exit code 2 and the way on; no usage to scroll past, no traceback, and no server was started."""
    done = await world.run(*words)

    assert (done.code, done.out) == (2, b"")
    assert says in done.sentence
    assert not world.data.exists()


DEGENERATE: dict[str, tuple[list[tuple[str, str | None]], str]] = {
    "an empty message is dropped": (
        [("user", "Hi"), ("assistant", ""), ("user", "You there?")],
        "Hi\nYou there? ASSISTANT:",
    ),
    "neighbours of one role are joined": (
        [("user", "Hi"), ("user", "there"), ("assistant", "Yes"), ("assistant", "?"), ("user", "Fine")],
        "Hi\nthere ASSISTANT: Yes\n?</s>USER: Fine ASSISTANT:",
    ),
    "an assistant who speaks first is dropped": (
        [("assistant", "Welcome"), ("user", "Hi"), ("assistant", None)],
        "Hi ASSISTANT:",
    ),
}


@pytest.mark.parametrize("raw", [["--raw"], []])
async def test_degenerate_conversations_are_mended(raw: list[str], world: World) -> None:
    """With --raw too: no prompt holds an empty message or two turns of one role."""
    for said, expected in DEGENERATE.values():
        messages = [{"role": role, "content": content} for role, content in said]
        stdin = json.dumps({"messages": messages}).encode()
        done = await world.run("prompt", "render", *raw, stdin=stdin)

        assert (done.code, done.err) == (0, "")
        assert done.out.decode() == f"{START}{expected}"


async def test_a_misspelt_setting_in_the_file_is_named_with_what_is_meant(
    world: World, tmp_path: Path
) -> None:
    """The file of the working directory is read, and every key in it must exist."""
    (tmp_path / "chasqui.toml").write_text('[answers]\ngroundin = "off"\n')
    done = await run_in(tmp_path, world, "config")

    assert done.code == 2
    assert done.sentence == "There is no setting answers.groundin. Is answers.grounding meant?"


async def test_a_misspelt_setting_in_the_environment_is_named_with_what_is_meant(world: World) -> None:
    """Wherever it stands: `config` cannot be asked while it is wrong, so the sentence itself helps."""
    done = await world.with_(BACKEND__URL="http://x").run("config")

    assert done.code == 2
    assert done.sentence == "There is no setting CHASQUI_BACKEND__URL. Is CHASQUI_BACKEND__URLS meant?"


async def test_the_environment_wins_over_the_file_and_secrets_come_from_files(
    world: World, tmp_path: Path
) -> None:
    """What is in force is shown; a secret that was read from a file is used and masked."""
    (tmp_path / "chasqui.toml").write_text('[answers]\ngrounding = "off"\npersona = "A sailor."\n')
    (tmp_path / "key").write_text("planted-key\n")
    async with TgiStandIn(" Aye.") as tgi:
        there = world.with_(
            ANSWERS__GROUNDING="require",
            BACKEND__API_KEY_FILE=str(tmp_path / "key"),
            BACKEND__URLS=tgi.url,
        )
        shown = (await run_in(tmp_path, there, "config", "--json")).json
        asked = await run_in(tmp_path, there.with_(ANSWERS__GROUNDING="off"), "ask", "Who are you?")

    assert shown["answers"]["grounding"] == "require"
    assert shown["answers"]["persona"] == "A sailor."
    assert shown["backend"]["api_key"] == "**********"
    assert (asked.code, asked.out.decode().strip()) == (0, "Aye.")
    (request,) = tgi.asked
    assert request.headers["Authorization"] == "Bearer planted-key"
    assert request.prompt.startswith("A sailor. USER: Who are you?")
    assert "planted-key" not in request.prompt


async def test_a_question_may_come_from_a_pipe(world: World) -> None:
    """Whatever its bytes: what is no UTF-8 is replaced, not a crash."""
    async with TgiStandIn(" Aye.") as tgi:
        done = await world.with_(BACKEND__URLS=tgi.url).run("ask", "-", stdin=b"What is a \xff llama?\n")

    assert (done.code, done.out.decode().strip()) == (0, "Aye.")
    assert "What is a \ufffd llama?" in tgi.asked[0].prompt


async def test_config_says_where_each_value_came_from(world: World, tmp_path: Path) -> None:
    """The file, a variable, or a file that a variable names; what is nobody's word is a default."""
    (tmp_path / "chasqui.toml").write_text('[answers]\ngrounding = "require"\npersona = "Speak Quechua."\n')
    (tmp_path / "token").write_text("planted")
    there = world.with_(ANSWERS__GROUNDING="off", DISCORD__TOKEN_FILE=str(tmp_path / "token"))
    plain, machine = (
        await run_in(tmp_path, there, "config"),
        await run_in(tmp_path, there, "config", "--json"),
    )

    lines = plain.out.decode().splitlines()
    assert "CHASQUI_ANSWERS__GROUNDING = off    # CHASQUI_ANSWERS__GROUNDING" in lines
    assert "CHASQUI_ANSWERS__PERSONA = Speak Quechua.    # chasqui.toml" in lines
    assert "CHASQUI_BACKEND__MODEL = " in lines
    assert machine.json["origins"]["discord.token"] == f"CHASQUI_DISCORD__TOKEN_FILE: {tmp_path / 'token'}"
    assert "backend.model" not in machine.json["origins"]
    assert "planted" not in plain.out.decode()


async def test_config_shows_no_secret_wherever_it_stands(world: World) -> None:
    """In an address, in the name of a key, and behind signs that belong into no address as they are."""
    hidden = "http://u:planted@gpu:1"
    there = world.with_(
        BACKEND__URLS=hidden,
        BACKEND__API_KEYS=json.dumps({hidden: "planted"}),
        BACKEND__OTHERS=json.dumps({"big": {"urls": ["http://u:plan/planted@big:1"], "api_key": "planted"}}),
        EMBEDDINGS__URL="https://u:planted@tei/x?key=planted",
    )
    for words in (["config"], ["config", "--json"]):
        done = await there.run(*words)

        assert done.code == 0
        assert b"**********@gpu:1" in done.out
        assert b"planted" not in done.out
