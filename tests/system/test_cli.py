"""The command contract, by whole processes: what is typed, what is printed, how it ends."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.emulators.tgi import TgiStandIn
from tests.system.program import World, ended, left_behind, stand_in, until

VECTORS = json.loads((Path(__file__).parents[1] / "core" / "vicuna.json").read_text("utf-8"))["vectors"]
ROLES = {"USER": "user", "[INST]": "user", "ASSISTANT": "assistant", "[/INST]": "assistant"}

HANDBOOK = """# Handbook

## Leave

New staff get 24 days of paid leave.

## Desks

Desks are booked in the calendar.
"""
ANSWER = " New staff get 24 days of paid leave.\nSource: S1"


@pytest.fixture
def handbook(tmp_path: Path) -> str:
    """A file to ask about."""
    path = tmp_path / "handbook.md"
    path.write_text(HANDBOOK)
    return str(path)


def conversation(vector: dict[str, Any]) -> bytes:
    """A vector as `prompt render` reads it."""
    messages = [{"role": ROLES[role], "content": text} for role, text in vector["messages"]]
    return json.dumps({"system": vector["system_override"], "messages": messages}).encode()


@pytest.mark.parametrize("vector", [v for v in VECTORS if v["kind"] == "conformance"], ids=lambda v: v["id"])
async def test_prompts_are_those_of_fastchat_byte_by_byte(vector: dict[str, Any], world: World) -> None:
    """With --raw the prompt is exactly what the model was trained on, and no line end follows."""
    done = await world.run(
        "prompt", "render", "--template", vector["template"], "--raw", stdin=conversation(vector)
    )

    assert (done.code, done.out.decode()) == (0, vector["expected_prompt"])


@pytest.mark.parametrize("vector", [v for v in VECTORS if v["kind"] == "hazard-raw"], ids=lambda v: v["id"])
async def test_hostile_text_cannot_forge_a_turn(vector: dict[str, Any], world: World) -> None:
    """Without --raw the markers of people's text are broken: those left are the template's own."""
    done = await world.run("prompt", "render", stdin=conversation(vector))
    prompt = done.out.decode()

    assert done.code == 0
    assert (prompt.count("USER:"), prompt.count("ASSISTANT:"), prompt.count("</s>")) == (1, 1, 0)
    assert "ENDINPUT" not in prompt


@pytest.mark.parametrize(
    ("words", "stdin"),
    [
        (("prompt", "render"), b"not json"),
        (("prompt", "render"), b'{"messages": [{"role": "robot", "content": "x"}]}'),
        (("prompt", "render"), b'{"messages": [{"role": "user", "content": 7}]}'),
        (("prompt", "render"), b'{"messages": []}'),
        (("prompt", "render"), b'{"messages": [{"role": "user", "content": ""}]}'),
        (("prompt", "render", "--template", "nope"), b"{}"),
        (("split", "--for", "myspace"), b"text"),
        (("ask", "What?", "--file", "/nowhere/at/all.pdf"), b""),
        (("ask", "What?", "--file", "/"), b""),
    ],
)
async def test_wrong_use_is_told_in_one_sentence(words: tuple[str, ...], stdin: bytes, world: World) -> None:
    """Exit code 2, nothing on stdout, and a sentence that says what to do."""
    done = await world.run(*words, stdin=stdin)

    assert (done.code, done.out) == (2, b"")
    assert done.sentence.endswith((".", ". Give JSON like")) or "JSON" in done.sentence


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("REDSI__URL", "redis://x", "CHASQUI_REDSI__URL"),
        ("REDIS__URI", "redis://x", "CHASQUI_REDIS__URI"),
        ("BACKEND__PROFILE", "gpt", "vicuna_v1.1"),
        ("BACKEND__URLS", "[broken", "commas"),
        ("ANSWERS__GROUNDING", "maybe", "prefer"),
        ("REDIS__URL", "http://x", "redis://"),
        ("SLACK__BOT_TOKEN_FILE", "/nowhere", "/nowhere"),
    ],
)
async def test_a_wrong_setting_is_named(name: str, value: str, says: str, world: World) -> None:
    """The first thing that a team gets wrong; the sentence names the setting and the mend."""
    done = await world.with_(**{name: value}).run("ask", "hello")

    assert done.code == 2
    assert says in done.sentence


async def test_config_shows_the_settings_and_no_secret(world: World) -> None:
    """What is shown can be pasted into an issue."""
    there = world.with_(
        DISCORD__TOKEN="planted-1", REDIS__URL="redis://me:planted-2@r", BACKEND__URLS="http://me:planted-3@h"
    )
    plain, machine = await there.run("config"), await there.run("config", "--json")

    assert plain.code == machine.code == 0
    assert machine.json["answers"]["grounding"] == "prefer"
    assert b"planted" not in plain.out + machine.out


async def test_split_prints_the_pages_as_json(world: World) -> None:
    """A long code block becomes two pages, each a whole one."""
    text = "```python\n" + "x = 1\n" * 500 + "```\n"
    pages = (await world.run("split", "--for", "discord", stdin=text.encode())).json

    assert len(pages) == 2
    assert all(page.startswith("```python\n") and page.rstrip().endswith("```") for page in pages)


async def test_an_answer_as_json_has_every_field_of_the_contract(world: World, handbook: str) -> None:
    """Programs rely on the names, and the source is the file's own section."""
    async with stand_in("--answer", ANSWER) as url:
        done = await world.with_(BACKEND__URLS=url).run(
            "ask", "How many days of paid leave do new staff get?", "--file", handbook, "--json"
        )
    found = done.json

    assert (done.code, done.err) == (0, "")
    assert found.keys() >= set(
        "answer outcome citations passages left_out usage finish_reason timings replica".split()
    )
    assert (found["answer"], found["outcome"]) == ("New staff get 24 days of paid leave.", "answered")
    assert [(c["title"], c["heading"]) for c in found["citations"]] == [("handbook.md", "Handbook › Leave")]
    assert found["citations"][0]["url"] == Path(handbook).as_uri()
    assert found["usage"]["prompt_tokens"] > 0
    assert found["replica"] == url.removeprefix("http://")


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("unauthorized", "CHASQUI_BACKEND__API_KEY"),
        ("too_long", "too long"),
        ("bad_parameter", "refused"),
        ("overloaded", "busy"),
        ("incomplete", "failed"),
        ("bad_gateway", "reached"),
        ("hang", "reached"),
    ],
)
async def test_a_model_that_fails_is_told_in_one_sentence(fault: str, says: str, world: World) -> None:
    """Outcome `failed`, exit code 1, and nothing of the failure's insides."""
    async with stand_in("--always", f"/generate_stream={fault}") as url:
        there = world.with_(BACKEND__URLS=url, BACKEND__FIRST_TOKEN_SECONDS="1")
        done = await there.run("ask", "hello", "--json")

    assert (done.code, done.json["outcome"], done.json["answer"]) == (1, "failed", "")
    assert says in done.sentence


async def test_a_model_that_is_not_there_is_told_in_one_sentence(world: World) -> None:
    """Nothing listens at the address."""
    done = await world.with_(BACKEND__URLS="http://127.0.0.1:9").run("ask", "hello")

    assert (done.code, done.out) == (1, b"")
    assert "cannot be reached" in done.sentence


@pytest.mark.parametrize("fault", ["eof", "rst", "stall", "generation_midway"])
async def test_a_stream_that_breaks_leaves_a_marked_partial_answer(fault: str, world: World) -> None:
    """What came is kept and shown, and why it ends is said."""
    async with stand_in("--always", f"/generate_stream={fault}@3", "--answer", " one two three four") as url:
        there = world.with_(BACKEND__URLS=url, BACKEND__NEXT_TOKEN_SECONDS="1")
        done = await there.run("ask", "hello", "--json")

    assert (done.code, done.json["outcome"]) == (1, "partial")
    assert done.json["answer"].startswith("one two")
    assert "stops here" in done.json["why"]


@asynccontextmanager
async def slow_model() -> AsyncIterator[TgiStandIn]:
    """A model in this process, so that what it was asked can be seen; it takes its time."""
    answer = " " + " ".join(f"word{n}" for n in range(200))
    async with TgiStandIn(answer, token_delay=0.05) as tgi:
        yield tgi


async def test_ctrl_c_keeps_what_was_said_and_frees_the_slot(world: World) -> None:
    """Exit code 130; the partial answer is in the history of the next question."""
    async with slow_model() as tgi:
        there = world.with_(BACKEND__URLS=tgi.url)
        asking = await there.start("ask", "Tell me words.", "--thread", "t")
        assert asking.stdout
        seen = b""
        while b"word1" not in seen:
            seen += await asyncio.wait_for(asking.stdout.read(64), 60)
        asking.send_signal(signal.SIGINT)
        done = await ended(asking)
        await until(lambda: tgi.running == 0, "the slot is free")
        assert done.code == 130
        assert b"Stopped." in done.out

        after = await there.start("ask", "And now?", "--thread", "t")
        await until(lambda: len(tgi.asked) == 2, "the next question is asked")
        after.send_signal(signal.SIGINT)
        await ended(after)

    assert "USER: Tell me words. ASSISTANT: word0 word1" in tgi.asked[1].prompt


async def test_a_killed_program_leaves_its_question_to_the_next_one(world: World) -> None:
    """kill -9 in mid-answer: the question is asked again, before the new one, and answered once."""
    async with TgiStandIn(" Yes, certainly.", faults=["stall@1"]) as tgi:
        there = world.with_(BACKEND__URLS=tgi.url)
        first = await there.start("ask", "Is anybody there?", "--thread", "t")
        await until(lambda: tgi.running == 1, "the first question is being answered")
        first.kill()
        await ended(first)
        done = await there.run("ask", "And are you sure?", "--thread", "t")

    assert (done.code, done.out.count(b"Yes, certainly.")) == (0, 2)
    prompts = [asked.prompt for asked in tgi.asked]
    assert [prompt.count("Is anybody there?") for prompt in prompts] == [1, 1, 1]
    assert "And are you sure?" in prompts[2]


async def test_programs_that_ask_in_one_thread_at_once_all_get_their_answer(world: World) -> None:
    """Whichever of them answers, each prints the answer to its own question, and each was asked once."""
    async with TgiStandIn(" Yes, certainly.", token_delay=0.05) as tgi:
        there = world.with_(BACKEND__URLS=tgi.url)
        asked = [there.run("ask", f"Is it number {n}?", "--thread", "t", "--json") for n in range(3)]
        done = await asyncio.gather(*asked)

    assert [(one.code, one.json["answer"]) for one in done] == [(0, "Yes, certainly.")] * 3
    assert len(tgi.asked) == 3


async def test_a_later_program_remembers_the_turn_and_the_file(world: World, handbook: str) -> None:
    """The thread is the memory, not the process."""
    async with TgiStandIn(ANSWER) as tgi:
        there = world.with_(BACKEND__URLS=tgi.url)
        words = ("ask", "How many days of paid leave do new staff get?", "--file", handbook, "--thread", "t")
        assert (await there.run(*words)).code == 0
        Path(handbook).unlink()
        done = await there.run("ask", "And how are desks booked?", "--thread", "t", "--json")

    assert done.code == 0
    prompt = tgi.asked[1].prompt
    assert "USER: How many days of paid leave do new staff get? ASSISTANT: New staff get 24 days" in prompt
    assert "Desks are booked in the calendar." in prompt


async def test_what_the_file_does_not_hold_is_refused_without_asking_the_model(
    world: World, handbook: str
) -> None:
    """The refusal comes from code; the nearest passages are named, and there is no source."""
    async with TgiStandIn(ANSWER) as tgi:
        there = world.with_(BACKEND__URLS=tgi.url)
        done = await there.run("ask", "Who won the chess tournament?", "--file", handbook, "--json")

    assert (done.code, done.json["outcome"], done.json["citations"]) == (0, "refused", [])
    assert done.json["answer"].startswith("I don't know")
    assert tgi.asked == []


async def test_the_demo_answers_from_its_file_on_the_embedded_model(world: World) -> None:
    """The main job on real parts: an answer with its source, a refusal, and nothing left running."""
    done = await world.run("demo", "--once")
    said = done.out.decode()

    assert (done.code, done.err) == (0, "")
    assert said.count("Source: handbook.md › Staff handbook › Leave › Paid leave") == 2
    assert "24" in said
    assert "I don't know: I found nothing about this in handbook.md." in said
    await until(lambda: not left_behind(world.data), "the embedded servers end with their last user")
