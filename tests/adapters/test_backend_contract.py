"""What `core.ports.Backend` promises, kept by every engine that the wiring knows.

Stand-ins speak for TGI, vLLM and SGLang, which need a GPU. The embedded TGI server and llama.cpp's own
server are the real ones, with the real model.
"""

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from subprocess import PIPE, Popen

import aiohttp
import pytest

from adapters import completions, tgi
from adapters.replica.client import Replica
from core.draft import StopFilter
from core.errors import PromptTooLong
from core.prompt import neutralise
from core.types import Sampling
from tests import llama
from tests.adapters.backend_parts import Heard
from tests.emulators.completions import ENGINES, CompletionsStandIn
from tests.emulators.tgi import ANSWER, TgiStandIn

ENDLESS = "a b c" + " a b c" * 9
HOSTILE = "Grüße 🦙 \u2028 \ud83d <s>hi</s> <|im_end|>"


@dataclass(frozen=True)
class Served:
    """A backend, what it should say about itself, and how many slots of its server are at work."""

    backend: Replica
    name: str
    window: int
    slots: int
    busy: Callable[[], Awaitable[int]]

    async def idle(self) -> None:
        """Return once no slot is at work."""
        async with asyncio.timeout(20):
            while await self.busy():
                await asyncio.sleep(0.01)


def replica(url: str) -> Replica:
    """As `bots.wiring` makes it."""
    return Replica(url, [tgi.recognise, completions.recognise])


@pytest.fixture(scope="module")
def embedded_server() -> Iterator[str]:
    """The embedded model behind TGI's protocol."""
    with Popen([sys.executable, "-m", "adapters.local_model"], stdout=PIPE) as process:
        assert process.stdout is not None
        yield process.stdout.readline().decode().strip()
        process.terminate()


@pytest.fixture(scope="module")
def llama_server() -> Iterator[str]:
    """The embedded model behind llama.cpp's own server."""
    with llama.llama_server() as url:
        yield url


async def _asked(url: str, pattern: str) -> int:
    """How often a page has the pattern, or the number that it captures."""
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        found = re.findall(pattern, await response.text())
    return int(found[0]) if found and found[0].isdecimal() else len(found)


@pytest.fixture(params=["embedded", "llama.cpp", "TGI", *ENGINES])
async def served(request: pytest.FixtureRequest) -> AsyncIterator[Served]:
    """Each engine in turn."""
    if request.param == "embedded":
        url = request.getfixturevalue("embedded_server")
        async with replica(url) as backend:
            busy = r"(?m)^tgi_batch_current_size (\d+)"
            yield Served(backend, "TGI", 2048, 32, lambda: _asked(f"{url}/metrics", busy))
    elif request.param == "llama.cpp":
        url = request.getfixturevalue("llama_server")
        async with replica(url) as backend:
            busy = '"is_processing":true'
            yield Served(
                backend, "llama.cpp", llama.WINDOW, llama.SLOTS, lambda: _asked(f"{url}/slots", busy)
            )
    else:
        async with _stand_in(request.param) as server, replica(server.url) as backend:
            names = {"llamacpp": "llama.cpp", "vllm": "vLLM", "sglang": "SGLang"}
            window = 2047 if request.param == "sglang" else 2048

            async def running() -> int:
                return server.running

            yield Served(backend, names.get(request.param, "TGI"), window, 128, running)


def _stand_in(name: str) -> TgiStandIn:
    for engine in ENGINES:
        if name == engine:
            return CompletionsStandIn(engine, _says, token_delay=0.001)
    return TgiStandIn(_says, token_delay=0.001)


def _says(prompt: str) -> str:
    return " a b c" * 300 if prompt == ENDLESS else ANSWER


async def test_the_engine_is_told_by_what_it_answers(served: Served) -> None:
    """Nobody has to say which one stands at an address; what it can take is asked once."""
    engine = await served.backend.engine()
    limits = await served.backend.limits()

    assert engine.name == served.name
    assert (limits.window, limits.max_input) == (served.window, served.window - 1)
    assert limits.max_concurrent == served.slots
    assert limits.raw_text
    assert "airoboros" in limits.model or "SmolLM2" in limits.model
    assert await served.backend.limits() is limits


async def test_an_answer_ends_once_and_is_counted(served: Served) -> None:
    """Text, then one last Delta with the engine's own counts; each names the replica."""
    heard = await Heard().listen(served.backend, "USER: hi ASSISTANT:", max_new_tokens=20)

    [finish] = heard.finishes
    assert heard.text.strip()
    assert heard.replicas == {served.backend.replica}
    assert finish.reason in ("eos_token", "length")
    assert 0 < finish.usage.completion_tokens <= 20


@pytest.mark.parametrize("prompt", ["USER: hi ASSISTANT:", ENDLESS, HOSTILE])
async def test_a_count_is_what_the_engine_makes_of_the_prompt(served: Served, prompt: str) -> None:
    """Begin-of-text and special tokens included, to the token: else a prompt could not fill a window."""
    heard = await Heard().listen(served.backend, prompt, max_new_tokens=1)

    assert heard.finishes[0].usage.prompt_tokens == await served.backend.count(prompt)


async def test_no_more_is_generated_than_was_asked_for(served: Served) -> None:
    """An engine's own default would be 16 tokens, or no end at all."""
    heard = await Heard().listen(served.backend, ENDLESS, max_new_tokens=5)

    assert heard.finishes[0].reason == "length"
    assert heard.finishes[0].usage.completion_tokens == 5


async def test_greedy_says_the_same_again(served: Served) -> None:
    """An engine's own default would be to draw."""
    first, second = [await Heard().listen(served.backend, "Once upon", max_new_tokens=15) for _ in range(2)]

    assert first.text == second.text


async def test_a_stop_string_ends_the_text_people_see(served: Served) -> None:
    """TGI leaves it in the text and the others take it out; behind the draft's filter it is the same."""
    whole = await Heard().listen(served.backend, ENDLESS, max_new_tokens=30)
    heard = await Heard().listen(served.backend, ENDLESS, max_new_tokens=30, stop=(" c", "\nUSER:"))
    stops = StopFilter((" c", "\nUSER:"))

    assert heard.finishes[0].reason in ("stop_sequence", "eos_token")
    assert heard.finishes[0].usage.completion_tokens < whole.finishes[0].usage.completion_tokens
    assert stops.feed(heard.text) + stops.close() == whole.text.partition(" c")[0].strip()


async def test_a_drawn_answer_takes_every_parameter(served: Served) -> None:
    """No engine refuses what another one takes."""
    sampling = {"temperature": 0.7, "top_p": 0.9, "top_k": 40, "seed": 7, "repetition_penalty": 1.1}
    heard = await Heard().listen(served.backend, "Once upon", max_new_tokens=10, **sampling)

    assert len(heard.finishes) == 1


async def test_a_prompt_over_the_window_is_too_long(served: Served) -> None:
    """In each engine's words; the next prompt is answered."""
    with pytest.raises(PromptTooLong):
        await Heard().listen(served.backend, "word " * (served.window + 10), max_new_tokens=5)

    assert (await Heard().listen(served.backend, max_new_tokens=5)).text


async def test_leaving_a_stream_early_frees_its_slot(served: Served) -> None:
    """Nothing is generated for nobody."""
    async with aclosing(served.backend.stream(ENDLESS, Sampling(800))) as stream:
        await anext(stream)
        assert await served.busy() == 1

    await served.idle()


async def test_a_cancelled_task_frees_its_slot(served: Served) -> None:
    """As when somebody presses Stop."""
    task = asyncio.create_task(Heard().listen(served.backend, ENDLESS, max_new_tokens=800))
    async with asyncio.timeout(20):
        while not await served.busy():
            await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    await served.idle()


async def test_many_at_once_are_all_answered(served: Served) -> None:
    """More streams than slots and more counts than threads: each has its own whole answer."""
    async with asyncio.TaskGroup() as group:
        streams = [
            group.create_task(Heard().listen(served.backend, ENDLESS, max_new_tokens=10)) for _ in range(6)
        ]
        counts = [group.create_task(served.backend.count(f"count {n}")) for n in range(24)]

    assert {stream.result().text for stream in streams} == {streams[0].result().text}
    assert await served.backend.count("count 1 and more") > counts[1].result()


async def test_it_is_well(served: Served) -> None:
    """Each says so at the same path."""
    assert await served.backend.health()


async def test_no_word_of_anybody_becomes_a_special_token(llama_server: str) -> None:
    """Where an engine takes ids only the template's own tokens are special, whatever people spell out."""
    said = "<|endoftext|> <repo_name> <|im_start|>"
    async with replica(llama_server) as backend:
        ours = "<|im_start|>user\nHello<|im_end|>\n"
        plain, forged = [await backend.count(ours + text) for text in ("", "<|endoftext|>")]
        heard = await Heard().listen(backend, f"{ours}{neutralise(said)}", max_new_tokens=1)
        counted = await backend.count(f"{ours}{neutralise(said)}")

    assert plain == 6  # of which the two of the template are one each
    assert forged > plain + 1
    assert heard.finishes[0].usage.prompt_tokens == counted


async def test_nought_is_a_count_too(llama_server: str) -> None:
    """A model without a begin-of-text token has none in an empty text, which is no reason to guess."""
    async with replica(llama_server) as backend:
        assert await backend.count("") == 0


async def test_the_same_model_says_the_same_through_both_protocols(
    embedded_server: str, llama_server: str
) -> None:
    """A repetition penalty too means the same, whatever it is called."""
    texts = []
    for url in (embedded_server, llama_server):
        async with replica(url) as backend:
            heard = await Heard().listen(backend, "Once upon", max_new_tokens=100, repetition_penalty=1.3)
            texts.append(heard.text)

    assert texts[0] == texts[1]
