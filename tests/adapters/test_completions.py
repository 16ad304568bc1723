"""The engines with ``/v1/completions`` against stand-ins that can do whatever they and the network can do."""

import asyncio
import json
import traceback
from contextlib import aclosing
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from adapters import completions, tgi
from adapters.completions import Completions, Continuation
from adapters.replica.client import Replica, Timeouts
from core.errors import (
    BackendError,
    BackendFailed,
    BackendOverloaded,
    BackendRejected,
    BackendUnauthorized,
    BackendUnavailable,
    PromptTooLong,
    StreamBroken,
)
from core.types import Finish, Limits, Sampling, Usage
from tests.adapters.backend_parts import OF_THE_CONNECTION, SILENT, Heard, eventually
from tests.emulators.completions import ENGINES, KNOWN, MODEL, CompletionsStandIn, EngineName
from tests.emulators.tgi import ANSWER, SCRIPTS

PATIENT = Timeouts()
IMPATIENT = Timeouts(first_token=0.3, next_token=0.3, probe=0.3)
KEY = "sk-verysecret"

# What each fault of the stand-in must become.
HARMLESS = {
    *("queued", "byte_by_byte", "coalesced", "no_space", "crlf", "commented", "gzip", "unknown_fields"),
    *("no_usage", "no_done", "eof_after_end", "rst_after_end", "error_after_end", "more_after_end"),
    *("stall_after_end", "more_after_done", "counted", "end_with_text"),
    *("cut_in_emoji", "empty_answer", "leading_space", "separators", "lone_surrogate"),
}
BEFORE_TEXT: dict[str, type[BackendError]] = {
    "hang": BackendUnavailable,
    "overloaded": BackendOverloaded,
    "gateway_busy": BackendOverloaded,
    "no_upstream": BackendUnavailable,
    "loading": BackendUnavailable,
    "too_long": PromptTooLong,
    "bad_parameter": BackendRejected,
    "repeats_the_prompt": BackendRejected,
    "wrong_model": BackendRejected,
    "unauthorized": BackendUnauthorized,
    "echo_key": BackendUnauthorized,
    "too_large": BackendRejected,
    "generation": BackendFailed,
    "bad_gateway": BackendUnavailable,
    "gateway_timeout": BackendUnavailable,
    "not_found": BackendRejected,
    "moved": BackendRejected,
    "login_page": BackendUnavailable,
    "overloaded_event": BackendOverloaded,
    "too_long_event": PromptTooLong,
    "generation_event": BackendFailed,
    "nameless_event": BackendFailed,
    "tgi_event": BackendFailed,
}
IN_MID_STREAM = OF_THE_CONNECTION | {
    "generation_midway": BackendFailed,
    "done_midway": BackendFailed,
    "aborted_midway": BackendFailed,
}
"""What they are before the first text; after it each is a StreamBroken, caused by this."""


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> EngineName:
    """Each engine in turn."""
    name: EngineName = request.param
    return name


# ---- every fault ------------------------------------------------------------------------------------


def test_every_fault_of_the_stand_in_has_its_expectation() -> None:
    """A fault that is added to the stand-in is added to one of the tables here."""
    assert {*HARMLESS, *BEFORE_TEXT, *IN_MID_STREAM} == {*KNOWN}


@pytest.mark.parametrize("fault", sorted(HARMLESS))
async def test_a_harmless_oddity_gives_the_whole_right_text(engine: EngineName, fault: str) -> None:
    """However the bytes and events come and go, the text is whole, once, and has its end."""
    async with CompletionsStandIn(engine, faults=[fault]) as server:
        timeouts = Timeouts(next_token=0.5) if fault in ("queued", "stall_after_end") else PATIENT
        async with Completions(server.url, timeouts=timeouts) as backend:
            heard = await Heard().listen(backend)
            await eventually(lambda: server.running == 0)
        await eventually(lambda: server.connections == 0)

    script = SCRIPTS.get(fault)
    [finish] = heard.finishes
    assert heard.text == (script.visible if script else ANSWER)
    assert finish.reason == ("length" if fault == "cut_in_emoji" else "eos_token")
    assert finish.usage.completion_tokens > 0


@pytest.mark.parametrize("fault", BEFORE_TEXT)
async def test_a_failure_before_the_first_text_has_its_own_kind(engine: EngineName, fault: str) -> None:
    """In whichever shape the engine writes it; no slot or connection is left behind."""
    async with CompletionsStandIn(engine, faults=[fault]) as server:
        heard = Heard()
        async with Completions(server.url, timeouts=IMPATIENT if fault in SILENT else PATIENT) as backend:
            await backend.limits()
            with pytest.raises(BackendError) as caught:
                await heard.listen(backend, "USER: my secret question ASSISTANT:")
            await eventually(lambda: server.running == 0)
        await eventually(lambda: server.connections == 0)

    assert (type(caught.value), heard.text) == (BEFORE_TEXT[fault], "")
    assert caught.value.replica == server.url.removeprefix("http://")
    assert "secret question" not in caught.value.detail


@pytest.mark.parametrize("fault", IN_MID_STREAM)
async def test_a_failure_in_mid_stream_breaks_it_only_after_text(engine: EngineName, fault: str) -> None:
    """It can be retried as long as nobody has seen a word; after that what came is kept."""
    timeouts = IMPATIENT if fault in SILENT else PATIENT
    async with CompletionsStandIn(engine, faults=[f"{fault}@0", fault]) as server:
        async with Completions(server.url, timeouts=timeouts) as backend:
            with pytest.raises(BackendError) as early:
                await Heard().listen(backend)
            heard = Heard()
            with pytest.raises(StreamBroken) as late:
                await heard.listen(backend)
            await eventually(lambda: server.running == 0)
        await eventually(lambda: server.connections == 0)

    assert type(early.value) is IN_MID_STREAM[fault]
    assert heard.text == " The llama carri"
    assert type(late.value.__cause__) is IN_MID_STREAM[fault]


# ---- what is sent, and what it becomes --------------------------------------------------------------


async def test_nothing_is_left_to_the_defaults_of_an_engine(engine: EngineName) -> None:
    """vLLM would stop after 16 tokens and llama.cpp never; SGLang would draw. llama.cpp is sent ids."""
    async with CompletionsStandIn(engine) as server, Completions(server.url) as backend:
        await Heard().listen(backend, stop=("", "\nUSER:"), top_p=0.9, top_k=40, seed=1)

    [asked] = server.asked
    prompt = asked.parameters["prompt"]
    assert asked.prompt == "USER: hi ASSISTANT:"
    assert all(isinstance(token, int) for token in prompt) if engine == "llamacpp" else prompt == asked.prompt
    assert asked.parameters == {
        "model": MODEL,
        "prompt": prompt,
        "max_tokens": 200,
        "temperature": 0.0,
        "stop": ["\nUSER:"],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert asked.headers["Accept-Encoding"] == "identity"


async def test_only_sampling_values_that_every_engine_accepts_are_sent(engine: EngineName) -> None:
    """SGLang refuses top_k 0, and the penalty has two names."""
    async with CompletionsStandIn(engine) as server, Completions(server.url) as backend:
        await Heard().listen(backend, temperature=0.7, top_p=0.0, top_k=0, repetition_penalty=0.0, seed=-1)
        await Heard().listen(backend, temperature=0.7, top_p=1.0, top_k=40, repetition_penalty=1.1, seed=7)

    penalty: dict[str, Any] = {"repetition_penalty": 1.1}
    if engine == "llamacpp":
        penalty = {"repeat_penalty": 1.1, "repeat_last_n": 2048}
    neutral, chosen = server.asked
    known = {"model", "prompt", "max_tokens", "temperature", "stop", "stream", "stream_options"}
    assert neutral.parameters.keys() == known
    more = {name: value for name, value in chosen.parameters.items() if name not in known}
    assert more == {"top_p": 1.0, "top_k": 40, "seed": 7} | penalty


async def test_how_a_stream_ended_is_told_as_far_as_the_engine_tells_it(engine: EngineName) -> None:
    """llama.cpp does not tell a stop string from the end of the text."""
    async with CompletionsStandIn(engine, " Fine. USER: more") as server, Completions(server.url) as backend:
        stopped = await Heard().listen(backend, stop=("USER:",))
        cut = await Heard().listen(backend, max_new_tokens=2)
        ended = await Heard().listen(backend)

    found = "eos_token" if engine == "llamacpp" else "stop_sequence"
    assert (stopped.text, stopped.finishes[0].reason) == (" Fine. ", found)
    assert (cut.text, cut.finishes[0].reason) == (" Fine.", "length")
    assert (ended.text, ended.finishes[0].reason) == (" Fine. USER: more", "eos_token")


async def test_usage_is_what_the_engine_counted(engine: EngineName) -> None:
    """Wherever it stands: in the last chunk, in one without choices, or in every one."""
    async with CompletionsStandIn(engine, " one two three") as server, Completions(server.url) as backend:
        prompt = await backend.count("USER: hi ASSISTANT:")
        once = await Heard().listen(backend)
        server.faults.append("counted")
        always = await Heard().listen(backend)

    assert once.finishes[0].usage == always.finishes[0].usage == Usage(prompt, 4)


@settings(deadline=None)
@given(st.lists(st.text(max_size=5), max_size=6), st.integers(0, 7), st.booleans(), st.booleans())
def test_the_text_is_that_of_the_chunks_up_to_the_end(
    texts: list[str], end: int, counted: bool, more: bool
) -> None:
    """Wherever the end is told, with or without counts: what follows is not the answer's."""
    chunks: list[dict[str, Any]] = [{"choices": [{"text": text, "finish_reason": None}]} for text in texts]
    chunks.insert(end, {"choices": [{"text": "last", "finish_reason": "length"}]})
    end = min(end, len(texts))
    chunks = chunks if more else chunks[: end + 1]
    usage = [{"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 7}}] if counted else []
    said, text, finish = Continuation("r"), "", None
    for data in [*(json.dumps(chunk).encode() for chunk in [*chunks, *usage]), b"[DONE]"]:
        delta = said.take(data)
        text += delta.text if delta else ""
        finish = delta and delta.finish
        if finish:
            break

    assert text == "".join(texts[:end]) + "last"
    assert finish == Finish("length", Usage(5, 7) if counted else Usage(0, end + 1))


# ---- which engine, and what it can take -------------------------------------------------------------


@pytest.mark.parametrize(
    ("models", "expected"),
    [
        ({"data": [{"id": "m", "max_model_len": 4096}]}, Limits("m", 4096, 4095)),
        ({"data": [{"id": "m", "max_model_len": "many", "owned_by": None}]}, Limits("m", 2048, 2047)),
        ({"data": [{"id": "m", "owned_by": "sglang", "max_model_len": 4096}]}, Limits("m", 4095, 4094)),
        ({"data": [{"id": "m", "owned_by": "somebody"}, {"id": "n"}]}, Limits("m", 2048, 2047)),
    ],
)
async def test_limits_are_read_from_the_models(models: dict[str, Any], expected: Limits) -> None:
    """The first is the model, others are its adapters; careful values where a server does not say."""
    async with CompletionsStandIn("vllm", info=models) as server, Completions(server.url) as backend:
        assert await backend.limits() == expected
        assert await backend.limits() == expected
        assert server.calls["/v1/models"] == 1


async def test_llama_cpp_tells_its_slots_and_the_window_of_each() -> None:
    """More at once would only wait in its queue."""
    async with (
        CompletionsStandIn("llamacpp", max_total_tokens=512, max_concurrent=3) as server,
        Completions(server.url) as backend,
    ):
        assert await backend.limits() == Limits(MODEL, 512, 511, 3)


@pytest.mark.parametrize("models", [{}, [], {"data": []}, {"data": [{"name": "m"}]}])
async def test_a_server_without_a_model_is_refused(models: Any) -> None:
    """It is no engine that could answer."""
    async with CompletionsStandIn("vllm", info=models) as server, Completions(server.url) as backend:
        with pytest.raises(BackendRejected, match="names no model"):
            await backend.limits()


async def test_a_replica_that_is_not_up_yet_is_recognised_once_it_is(engine: EngineName) -> None:
    """Neither refused connections nor a model that is being loaded decide what stands there."""
    loading = dict.fromkeys(("/info", "/v1/models", "/props"), "loading")
    async with (
        CompletionsStandIn(engine, faults=["refused"], always=loading) as server,
        Replica(server.url, [tgi.recognise, completions.recognise]) as backend,
    ):
        with pytest.raises(BackendUnavailable):
            await Heard().listen(backend)
        await server.listen()
        with pytest.raises(BackendUnavailable, match="Loading model"):
            await backend.limits()
        server.always.clear()

        assert (await Heard().listen(backend)).text == ANSWER


async def test_an_engine_is_not_ruled_out_while_it_does_not_answer() -> None:
    """A TGI whose gateway is busy has ``/v1/models`` too, and is nevertheless not to be taken for vLLM."""
    async with (
        CompletionsStandIn(always={"/info": "no_upstream"}) as server,
        Replica(server.url, [tgi.recognise, completions.recognise]) as backend,
    ):
        with pytest.raises(BackendUnavailable):
            await backend.limits()


async def test_a_server_of_another_kind_is_told_as_such() -> None:
    """The last place looked at says why."""
    async with (
        CompletionsStandIn(always={"/v1/models": "not_found"}) as server,
        Replica(server.url, [tgi.recognise, completions.recognise]) as backend,
    ):
        with pytest.raises(BackendRejected, match="no model server at this address"):
            await backend.limits()


# ---- connections, counts, secrets -------------------------------------------------------------------


async def test_connections_are_kept_but_for_llama_cpp(engine: EngineName) -> None:
    """Each that is kept would occupy one of its few threads, and hold the next request up for seconds."""
    async with CompletionsStandIn(engine) as server, Completions(server.url) as backend:
        for number in range(5):
            await Heard().listen(backend)
            await backend.count(f"text {number}")

        await eventually(lambda: server.connections == (0 if engine == "llamacpp" else 1))


async def test_leaving_a_stream_early_frees_the_slot_at_once(engine: EngineName) -> None:
    """The connection is closed and not pooled, since only that stops the engine."""
    async with (
        CompletionsStandIn(engine, " word" * 190, token_delay=0.01) as server,
        Completions(server.url) as backend,
    ):
        async with aclosing(backend.stream("hi", Sampling(200))) as stream:
            await anext(stream)
        steps = server.steps
        await eventually(lambda: server.running == 0)

        assert server.dropped == 1
        assert server.steps <= steps + 1


async def test_a_cancelled_task_frees_the_slot_while_it_waits_for_the_end(engine: EngineName) -> None:
    """Also where all the text came and only the counts are missing."""
    async with (
        CompletionsStandIn(engine, faults=["stall_after_end"]) as server,
        Completions(server.url) as backend,
    ):
        heard = Heard()
        task = asyncio.create_task(heard.listen(backend))
        await eventually(lambda: heard.text == ANSWER)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await eventually(lambda: server.running == 0)


async def test_the_key_goes_to_the_replica_and_is_not_shown(engine: EngineName) -> None:
    """It opens the door there; no error, cause or log line shows it."""
    with capture_logs() as logs:
        async with (
            CompletionsStandIn(engine, api_key=KEY) as server,
            Completions(server.url, api_key=KEY) as backend,
        ):
            assert (await Heard().listen(backend)).text == ANSWER
            server.faults.append("echo_key")
            with pytest.raises(BackendUnauthorized) as caught:
                await Heard().listen(backend)

    assert KEY not in "".join(traceback.format_exception(caught.value)) + str(logs)
