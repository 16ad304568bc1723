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
