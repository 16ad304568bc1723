"""The chat template of a model, asked of each engine that tells it."""

from collections.abc import Iterator

import aiohttp
import pytest

from adapters import completions, tgi
from adapters.replica.client import Replica
from core.errors import BackendRejected
from core.prompt import Say, render
from tests import llama
from tests.emulators.completions import CompletionsStandIn
from tests.emulators.tgi import TgiStandIn, templated

TALK = [Say("user", "What is tin?"), Say("assistant", "A metal."), Say("user", "And fog?")]
MESSAGES = [{"role": say.role, "content": say.text or ""} for say in TALK]


def replica(url: str) -> Replica:
    """One that is asked for its template."""
    return Replica(url, [tgi.recognise, completions.recognise], own_template=True)


@pytest.mark.parametrize("server", [TgiStandIn(), CompletionsStandIn("vllm")], ids=["TGI", "vLLM"])
async def test_prompts_are_those_of_the_models_own_template(server: TgiStandIn) -> None:
    """But for the token that begins a text, which the engine adds to every prompt."""
    async with server, replica(server.url) as backend:
        template = (await backend.limits()).template
    assert template
    assert "<|begin_of_text|>" + render(template, TALK) == templated(MESSAGES)


async def test_an_engine_that_tells_no_template_says_what_to_do() -> None:
    """A profile has to be chosen there."""
    async with CompletionsStandIn("sglang") as server, replica(server.url) as backend:
        with pytest.raises(BackendRejected, match="set CHASQUI_BACKEND__PROFILE"):
            await backend.limits()


async def test_nobody_is_asked_for_a_template_that_is_not_wanted() -> None:
    """The profile knows it."""
    async with TgiStandIn() as server, tgi.Tgi(server.url) as backend:
        assert (await backend.limits()).template is None
        assert server.calls["/chat_tokenize"] == 0


@pytest.fixture(scope="module")
def llama_server() -> Iterator[str]:
    """llama.cpp's own server with the embedded model."""
    with llama.llama_server() as url:
        yield url


async def test_a_real_template_of_a_real_server_is_learnt(llama_server: str) -> None:
    """SmolLM2's Jinja template, as llama.cpp applies it, to the letter."""
    async with replica(llama_server) as backend, aiohttp.ClientSession() as session:
        template = (await backend.limits()).template
        asked = session.post(f"{llama_server}/apply-template", json={"messages": MESSAGES})
        async with asked as response:
            theirs = (await response.json())["prompt"]
    assert template
    assert render(template, TALK) == theirs
