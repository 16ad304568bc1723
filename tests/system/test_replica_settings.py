"""What can be set of replicas, met by whole programs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import llama
from tests.emulators.completions import CompletionsStandIn
from tests.emulators.tgi import TgiStandIn
from tests.system.program import World


async def test_each_replica_may_have_a_key_of_its_own(world: World) -> None:
    """The others have the common one; `config` shows none of them."""
    async with (
        TgiStandIn(" Aye.", api_key="hf_own") as one,
        TgiStandIn(" Aye.", api_key="hf_common") as other,
    ):
        there = world.with_(
            BACKEND__URLS=f"{one.url},{other.url}",
            BACKEND__API_KEY="hf_common",
            BACKEND__API_KEYS=f'{{"{one.url}": "hf_own"}}',
            ANSWERS__GROUNDING="off",
        )
        asked = await there.run("ask", "Who are you?", "--json")
        shown = await there.run("config", "--json")
        assert (asked.json["outcome"], one.calls["/info"], other.calls["/info"]) == ("answered", 1, 1)
    assert shown.json["backend"]["api_keys"] == {one.url: "**********"}
    assert b"hf_" not in shown.out


async def test_the_keys_of_replicas_may_come_from_a_file(world: World, tmp_path: Path) -> None:
    """The file holds the same JSON object as the variable would; what is none is said in a sentence."""
    keys = tmp_path / "keys"
    there = world.with_(BACKEND__URLS="http://gpu:1", BACKEND__API_KEYS_FILE=str(keys))

    keys.write_text('{"http://gpu:1": "hf_own"}\n')
    shown = await there.run("config", "--json")
    assert shown.json["backend"]["api_keys"] == {"http://gpu:1": "**********"}

    keys.write_text("hf_own")
    refused = await there.run("config")
    assert refused.code == 2
    assert "write a JSON object" in refused.sentence


async def test_one_file_may_hold_the_keys_of_every_models_replicas(world: World, tmp_path: Path) -> None:
    """An address has its key whichever model is asked there, unless the model's own section has another."""
    keys = tmp_path / "keys"
    async with (
        TgiStandIn(" First.", api_key="hf_first") as first,
        TgiStandIn(" Coder.", api_key="hf_code") as coder,
    ):
        keys.write_text(f'{{"{first.url}": "hf_first", "{coder.url}": "hf_code"}}')
        others = f'{{"code": {{"urls": ["{coder.url}"]}}}}'
        there = world.with_(
            BACKEND__URLS=first.url,
            BACKEND__OTHERS=others,
            BACKEND__API_KEYS_FILE=str(keys),
            ANSWERS__GROUNDING="off",
        )
        said = (await there.run("chat", stdin=b"Who?\n/model code\nWho now?\n")).out.decode()
    assert said.index("First.") < said.index("Coder.")


async def test_a_key_of_nobody_is_refused(world: World) -> None:
    """Its address may be misspelt, and the replica would be asked without it."""
    done = await world.with_(BACKEND__URLS="http://gpu:1", BACKEND__API_KEYS='{"http://gpu:2": "k"}').run(
        "ask", "Hi"
    )
    assert done.code == 2
    assert "api_keys holds the key of an address that is not in urls" in done.sentence


async def test_a_lora_adapter_answers_on_both_kinds_of_engines(world: World) -> None:
    """TGI is told with each prompt; of the others it must be one of the models that they list."""
    there = world.with_(ANSWERS__GROUNDING="off", BACKEND__MODEL="some-adapter")
    async with TgiStandIn(" Aye.") as tgi, CompletionsStandIn("vllm", " Aye.") as vllm:
        for server in (tgi, vllm):
            done = await there.with_(BACKEND__URLS=server.url).run("ask", "Who are you?", "--json")
            assert done.json["outcome"] == "answered"
        assert tgi.asked[-1].parameters["adapter_id"] == "some-adapter"
        assert vllm.asked[-1].parameters["model"] == "some-adapter"
        done = await there.with_(BACKEND__URLS=vllm.url, BACKEND__MODEL="other").run("doctor")
        assert (
            "set CHASQUI_BACKEND__MODEL to one of jondurbin/airoboros-13b-gpt4, some-adapter"
            in done.out.decode()
        )


async def test_models_stand_side_by_side_and_threads_choose(world: World) -> None:
    """Each with its own servers and profile; `/model` chooses for a thread, also for another process."""
    async with TgiStandIn(" I am the first.") as first, TgiStandIn(" I am the coder.") as coder:
        others = f'{{"code": {{"urls": ["{coder.url}"], "profile": "chatml"}}}}'
        there = world.with_(BACKEND__URLS=first.url, BACKEND__OTHERS=others, ANSWERS__GROUNDING="off")
        typed = "Who?\n/model\n/model nosuch\n/model code\nWho now?\n/model\n"
        said = (await there.run("chat", "--thread", "t", stdin=typed.encode())).out.decode()
        again = await there.run("ask", "And now?", "--thread", "t", "--json")
        other = await there.run("ask", "And who are you?", "--json")
        doctor = (await there.run("doctor")).out.decode()
    assert said.index("I am the first.") < said.index("Choose with /model") < said.index("I am the coder.")
    assert "There is no model 'nosuch'. Choose with /model and one of these: default, code." in said
    assert "code answers here from the next question on." in said
    assert "code was chosen here." in said
    assert (again.json["answer"], other.json["answer"]) == ("I am the coder.", "I am the first.")
    assert "<|im_start|>" in coder.asked[0].prompt
    assert "I am the first." in coder.asked[0].prompt, "the history is the thread's, whoever spoke"
    assert "model code at" in doctor


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"BACKEND__OTHERS": '{"code": {"profile": "chatml"}}'}, "needs the addresses of its servers"),
        ({"BACKEND__OTHERS": '{"a:b": {"urls": ["http://gpu"]}}'}, "cannot name a model"),
        ({"DISCORD__CHANNELS": '{"1": {"model": "code"}}'}, "add [backend.others.code]"),
    ],
)
async def test_a_model_that_cannot_be_chosen_is_refused(
    world: World, settings: dict[str, str], told: str
) -> None:
    """At the start, with what to write instead."""
    done = await world.with_(**settings).run("ask", "Hi")
    assert done.code == 2
    assert told in done.sentence


@pytest.fixture(scope="module")
def llama_server() -> Iterator[str]:
    """llama.cpp's own server with the embedded model."""
    with llama.llama_server() as url:
        yield url


async def test_any_chat_model_answers_by_the_template_of_its_server(
    llama_server: str, tmp_path: Path
) -> None:
    """Nobody has to know it: the real model answers from its real template, and ends by its own sign."""
    there = World.at(tmp_path / "data", BACKEND__URLS=llama_server, BACKEND__PROFILE="server")
    done = await there.run("ask", "Is ice cold? Say yes or no.", "--json")
    assert (done.code, done.json["outcome"], done.json["finish_reason"]) == (0, "answered", "eos_token")
    doctor = await there.run("doctor")
    assert "profile server" in doctor.out.decode()
