"""TGI against a stand-in that can do whatever TGI and the network between can do."""

import asyncio
import json
import os
import signal
import sys
import traceback
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from adapters.replica.client import Timeouts
from adapters.tgi import Continuation, Tgi
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
from core.types import Delta, Finish, Limits, Sampling, Usage
from tests.adapters.backend_parts import OF_THE_CONNECTION, SILENT, Heard, eventually, raw_server
from tests.emulators.tgi import ANSWER, FAULTS, SCRIPTS, TgiStandIn, count

PATIENT = Timeouts()
IMPATIENT = Timeouts(first_token=0.3, next_token=0.3, probe=0.3)
KEY = "hf_verysecret"

# What each fault of the stand-in must become.
HARMLESS = {
    *("queued", "drip", "byte_by_byte", "coalesced", "no_space", "crlf", "null_logprob", "huge_final"),
    *("unknown_fields", "no_details", "done", "more_after_final", "commented", "gzip"),
    *SCRIPTS,
}
BEFORE_TEXT: dict[str, type[BackendError]] = {
    "hang": BackendUnavailable,
    "overloaded": BackendOverloaded,
    "gateway_busy": BackendOverloaded,
    "no_upstream": BackendUnavailable,
    "too_long": PromptTooLong,
    "bad_parameter": BackendRejected,
    "bad_type": BackendRejected,
    "bad_json": BackendRejected,
    "unauthorized": BackendUnauthorized,
    "echo_key": BackendUnauthorized,
    "too_large": BackendRejected,
    "no_content_type": BackendRejected,
    "generation": BackendFailed,
    "incomplete": BackendFailed,
    "bad_gateway": BackendUnavailable,
    "gateway_timeout": BackendUnavailable,
    "unhealthy": BackendUnavailable,
    "not_found": BackendRejected,
    "moved": BackendRejected,
    "login_page": BackendUnavailable,
    "overloaded_event": BackendOverloaded,
    "too_long_event": PromptTooLong,
    "generation_event": BackendFailed,
    "refused": BackendUnavailable,
}
IN_MID_STREAM = OF_THE_CONNECTION | {
    "generation_midway": BackendFailed,
    "incomplete_midway": BackendFailed,
    "batch": BackendFailed,
}
"""What they are before the first text; after it each is a StreamBroken, caused by this."""


# ---- every fault ------------------------------------------------------------------------------------


def test_every_fault_of_the_stand_in_has_its_expectation() -> None:
    """A fault that is added to the stand-in is added to one of the tables here."""
    assert {*HARMLESS, *BEFORE_TEXT, *IN_MID_STREAM, "aborted", "refused"} == {*FAULTS, "refused"}


@pytest.mark.parametrize("fault", sorted(HARMLESS))
async def test_a_harmless_oddity_gives_the_whole_right_text(fault: str) -> None:
    """However the bytes and events come, the text is whole, once, and has its end."""
    async with TgiStandIn(faults=[fault]) as tgi:
        timeouts = Timeouts(next_token=0.5) if fault == "queued" else PATIENT
        async with Tgi(tgi.url, timeouts=timeouts) as backend:
            heard = await Heard().listen(backend)
            await eventually(lambda: tgi.running == 0)
        await eventually(lambda: tgi.connections == 0)

    script = SCRIPTS.get(fault)
    [finish] = heard.finishes
    assert heard.text == (script.visible if script else ANSWER)
    assert finish.reason == (script.finish if script else "eos_token")
    assert heard.replicas == {tgi.url.removeprefix("http://")}
    assert finish.usage.completion_tokens > 0


@pytest.mark.parametrize("fault", BEFORE_TEXT)
async def test_a_failure_before_the_first_text_has_its_own_kind(fault: str) -> None:
    """The caller can tell what to do from the class alone, and no slot or connection is left behind."""
    async with TgiStandIn(faults=[fault]) as tgi:
        heard = Heard()
        async with Tgi(tgi.url, timeouts=IMPATIENT if fault in SILENT else PATIENT) as backend:
            with pytest.raises(BackendError) as caught:
                await heard.listen(backend)
            await eventually(lambda: tgi.running == 0)
        await eventually(lambda: tgi.connections == 0)

    assert (type(caught.value), heard.text) == (BEFORE_TEXT[fault], "")
    assert caught.value.replica == tgi.url.removeprefix("http://")
    assert len(caught.value.detail) < 300


@pytest.mark.parametrize("fault", IN_MID_STREAM)
async def test_a_failure_in_mid_stream_keeps_its_kind_while_no_text_was_told(fault: str) -> None:
    """The same failure can be retried as long as nobody has seen a word."""
    async with TgiStandIn(faults=[f"{fault}@0"]) as tgi:
        async with Tgi(tgi.url, timeouts=IMPATIENT if fault in SILENT else PATIENT) as backend:
            with pytest.raises(BackendError) as caught:
                await Heard().listen(backend)
            await eventually(lambda: tgi.running == 0)
        await eventually(lambda: tgi.connections == 0)

    assert type(caught.value) is IN_MID_STREAM[fault]


@pytest.mark.parametrize("fault", IN_MID_STREAM)
async def test_a_failure_after_text_is_a_broken_stream(fault: str) -> None:
    """What came stands, the error says that it is a part, and its cause is the failure itself."""
    async with TgiStandIn(faults=[fault]) as tgi:
        heard = Heard()
        async with Tgi(tgi.url, timeouts=Timeouts(next_token=0.3) if fault in SILENT else PATIENT) as backend:
            with pytest.raises(StreamBroken) as caught:
                await heard.listen(backend)
            await eventually(lambda: tgi.running == 0)
        await eventually(lambda: tgi.connections == 0)

    assert heard.text == " The llama carri"
    assert type(caught.value.__cause__) is IN_MID_STREAM[fault]
    assert ("nothing came in time" in caught.value.detail) == (fault in SILENT)
    assert caught.value.replica == tgi.url.removeprefix("http://")


async def test_an_engine_that_aborts_is_no_end_of_an_answer() -> None:
    """Only the three reasons of the contract end an answer well."""
    async with TgiStandIn(faults=["aborted"]) as tgi, Tgi(tgi.url) as backend:
        with pytest.raises(StreamBroken, match="abort"):
            await Heard().listen(backend)


# ---- what is sent -----------------------------------------------------------------------------------


async def test_greedy_is_sent_as_tgi_understands_it() -> None:
    """Temperature 0 switches sampling off, and nothing is sent that would switch it on again."""
    async with TgiStandIn() as tgi, Tgi(tgi.url) as backend:
        await Heard().listen(backend, temperature=0.0, top_p=0.9, top_k=40, seed=1, repetition_penalty=1.1)

    [asked] = tgi.asked
    assert not asked.sampled
    assert asked.parameters == {
        "max_new_tokens": 200,
        "do_sample": False,
        "details": True,
        "stop": [],
        "repetition_penalty": 1.1,
    }


async def test_only_sampling_values_that_tgi_accepts_are_sent() -> None:
    """top_p 1.0 and top_k 0 mean "all" elsewhere and are an error here, so they are left out."""
    async with TgiStandIn() as tgi, Tgi(tgi.url) as backend:
        await Heard().listen(backend, temperature=0.7, top_p=1.0, top_k=0, repetition_penalty=0.0)
        await Heard().listen(backend, temperature=0.7, top_p=0.9, top_k=40, seed=7)

    neutral, chosen = tgi.asked
    assert {"top_p", "top_k", "repetition_penalty"}.isdisjoint(neutral.parameters)
    assert chosen.sampled
    assert {"temperature": 0.7, "top_p": 0.9, "top_k": 40, "seed": 7}.items() <= chosen.parameters.items()


async def test_no_more_stop_sequences_are_sent_than_the_server_takes() -> None:
    """A fifth stop would refuse the request, an empty one would end it at once; the prompt is never cut."""
    async with TgiStandIn() as tgi, Tgi(tgi.url) as backend:
        heard = await Heard().listen(backend, stop=("", "A:", "B:", "C:", "D:", "E:"))

    assert heard.text == ANSWER
    assert tgi.asked[0].parameters["stop"] == ["A:", "B:", "C:", "D:"]
    assert "truncate" not in tgi.asked[0].parameters


async def test_a_stop_sequence_stays_in_the_text() -> None:
    """TGI leaves it there; to cut it is delivery's task, also where TGI missed it."""
    async with TgiStandIn(" Fine. USER: more") as tgi, Tgi(tgi.url) as backend:
        heard = await Heard().listen(backend, stop=("USER:",))

    assert heard.text == " Fine. USER:"
    assert heard.finishes[0].reason == "stop_sequence"


async def test_the_prompt_arrives_as_utf_8_and_lone_surrogates_do_no_harm() -> None:
    """Any text that Python can hold can be asked and counted."""
    async with TgiStandIn() as tgi, Tgi(tgi.url) as backend:
        await Heard().listen(backend, "Grüße 🦙 \u2028 \ud83d \x00")

        assert tgi.asked[0].prompt == "Grüße 🦙 \u2028 ? \x00"
        assert await backend.count("\ud83d") == count("?")


async def test_usage_is_what_the_engine_counted() -> None:
    """Prompt tokens include BOS, as the engine's own validation does."""
    async with TgiStandIn(" one two three") as tgi, Tgi(tgi.url) as backend:
        whole = await Heard().listen(backend, "USER: hi ASSISTANT:")
        cut = await Heard().listen(backend, "USER: hi ASSISTANT:", max_new_tokens=2)

    prompt = count("USER: hi ASSISTANT:")
    assert whole.finishes[0] == Finish("eos_token", Usage(prompt, 4))
    assert cut.finishes[0] == Finish("length", Usage(prompt, 2))
    assert cut.text == " one two"


# ---- slots, connections, time -----------------------------------------------------------------------


async def test_a_full_replica_is_overloaded_until_a_slot_is_free() -> None:
    """The error that TGI hides in a good status is raised before anything is yielded."""
    async with TgiStandIn(faults=["stall"], max_concurrent=1) as tgi, Tgi(tgi.url) as backend:
        async with aclosing(backend.stream("hi", Sampling(200))) as first:
            await anext(first)
            with pytest.raises(BackendOverloaded):
                await Heard().listen(backend)
        await eventually(lambda: tgi.running == 0)

        assert (await Heard().listen(backend)).text == ANSWER


async def test_a_prompt_over_the_window_is_too_long() -> None:
    """By the engine's own validation: prompt and answer together."""
    async with TgiStandIn(max_total_tokens=100) as tgi, Tgi(tgi.url) as backend:
        with pytest.raises(PromptTooLong):
            await Heard().listen(backend, "word " * 50, max_new_tokens=60)
        with pytest.raises(PromptTooLong):
            await Heard().listen(backend, "word " * 150, max_new_tokens=1)


async def test_a_body_over_two_megabytes_is_rejected() -> None:
    """TGI does not read it at all."""
    async with TgiStandIn() as tgi, Tgi(tgi.url) as backend:
        with pytest.raises(BackendRejected, match="413"):
            await Heard().listen(backend, "x" * 2_100_000)


# ---- counting, limits, health -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        (None, Limits("jondurbin/airoboros-13b-gpt4", 2048, 2047, 128)),
        (
            {
                "model_id": "m",
                "max_total_tokens": 4096,
                "max_input_length": 3000,
                "max_concurrent_requests": 8,
            },
            Limits("m", 4096, 3000, 8),
        ),
        ({"model_id": "m"}, Limits("m", 2048, 2047, 128)),
        (
            {
                "model_id": None,
                "max_total_tokens": "4096",
                "max_input_tokens": -1,
                "max_concurrent_requests": True,
            },
            Limits("unknown", 2048, 2047, 128),
        ),
        (
            {"model_id": "m", "max_total_tokens": 1000, "max_input_tokens": 5000},
            Limits("m", 1000, 999, 128),
        ),
    ],
)
async def test_limits_are_read_from_info(info: dict[str, Any] | None, expected: Limits) -> None:
    """New names, old names, and careful values where a server does not say."""
    async with TgiStandIn(info=info) as tgi, Tgi(tgi.url) as backend:
        assert await backend.limits() == expected
        assert await backend.limits() == expected
        assert tgi.calls["/info"] == 1


async def test_another_server_is_not_taken_for_tgi() -> None:
    """What answers ``/info`` without a model is something else."""
    async with TgiStandIn(info={"version": "1"}) as tgi, Tgi(tgi.url) as backend:
        with pytest.raises(BackendRejected, match="names no model"):
            await backend.limits()


# ---- secrets ------------------------------------------------------------------------------------


async def test_the_key_goes_to_the_replica_and_nowhere_else() -> None:
    """It opens the door there; no repr, error, cause, traceback or log line shows it."""
    shown: list[str] = []
    bad_http = b"HTTP/1.1 200 OK\r\nBad Header\x00: y\r\n\r\n"
    with capture_logs() as logs:
        async with TgiStandIn(api_key=KEY) as tgi, Tgi(tgi.url, api_key=f"{KEY}\n") as backend:
            assert (await Heard().listen(backend)).text == ANSWER
            assert await backend.count("hi") == 2
            for fault in (*BEFORE_TEXT, *IN_MID_STREAM):
                if fault in ("refused", "hang", "stall", "stall_comments"):
                    continue
                tgi.faults.append(fault)
                shown += await _everything_shown(backend)
        async with raw_server(bad_http) as url, Tgi(url, api_key=KEY) as backend:
            await backend.count("hi")
            shown += await _everything_shown(backend)

    assert len(shown) > 100
    assert KEY not in "\n".join([*shown, str(logs)])


async def _everything_shown(backend: Tgi) -> list[str]:
    with pytest.raises(BackendError) as caught:
        await Heard().listen(backend)
    shown = [repr(backend), "".join(traceback.format_exception(caught.value)), caught.value.sentence]
    error: BaseException | None = caught.value
    while error is not None:
        shown += [repr(error), str(error), repr(error.args), repr(vars(error))]
        error = error.__cause__ or error.__context__
    return shown


# ---- bytes to events, events to text ----------------------------------------------------------------

without_haste = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
_texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufffd"), max_size=12)


def _events(texts: list[str], generated: str) -> list[bytes]:
    events: list[dict[str, Any]] = [{"token": {"text": text}, "generated_text": None} for text in texts]
    events[-1]["generated_text"] = generated
    return [json.dumps(event).encode() for event in events]


def _joined(events: list[bytes]) -> tuple[str, list[Delta]]:
    said = Continuation("r")
    deltas = [delta for event in events if (delta := said.take(event))]
    return "".join(delta.text for delta in deltas), deltas


@without_haste
@given(st.lists(_texts, min_size=1, max_size=8), st.integers(0, 30))
def test_the_text_is_that_of_the_tokens_when_the_whole_is_no_longer(texts: list[str], kept: int) -> None:
    """The text that the last event repeats may be shorter or lack its leading space, and is not doubled."""
    whole = "".join(texts)

    for generated in (whole, whole[:kept], whole.lstrip(" "), ""):
        text, deltas = _joined(_events(texts, generated))
        assert text == whole
        assert [delta.finish is not None for delta in deltas] == [False] * (len(texts) - 1) + [True]


@without_haste
@given(st.lists(_texts, min_size=1, max_size=8), _texts)
def test_text_that_only_the_last_event_has_is_recovered(texts: list[str], more: str) -> None:
    """Nothing is lost between the engine and the page."""
    whole = "".join(texts) + more

    assert _joined(_events(texts, whole))[0] == whole


# ---- the stand-in itself ----------------------------------------------------------------------------


async def test_the_stand_in_runs_as_a_process() -> None:
    """It prints its address first, plays its faults in order and ends at SIGTERM."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.emulators.tgi", "--fault", "eof@0", "--answer", " Hi."),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        env=os.environ | {"PYTHONWARNINGS": "error"},
    )
    try:
        assert process.stdout is not None
        url = (await process.stdout.readline()).decode().strip()
        async with Tgi(url) as backend:
            with pytest.raises(BackendFailed):
                await Heard().listen(backend)
            assert (await Heard().listen(backend)).text == " Hi."
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    finally:
        with suppress(ProcessLookupError):
            process.kill()


async def test_the_stand_in_answers_whole_as_tgi_does() -> None:
    """``/generate`` an object, ``/`` a list of it; without parameters it samples, with empty ones not."""
    async with TgiStandIn(" Hi.") as tgi, aiohttp.ClientSession() as http:
        async with http.post(
            f"{tgi.url}/generate", json={"inputs": "a", "parameters": {"details": True}}
        ) as one:
            body = await one.json()
        async with http.post(f"{tgi.url}/", json={"inputs": "a"}) as listed:
            bodies = await listed.json()
        async with http.post(
            f"{tgi.url}/generate", json={"inputs": "a", "parameters": {"top_p": 1.0}}
        ) as bad:
            assert bad.status == 422
        async with http.post(f"{tgi.url}/generate", data=b"{") as bare:
            assert bare.status == 415

    assert (body["generated_text"], body["details"]["finish_reason"]) == (" Hi.", "eos_token")
    assert bodies == [{"generated_text": " Hi."}]
    assert [asked.sampled for asked in tgi.asked] == [False, True, True]


def test_the_stand_in_names_its_faults() -> None:
    """A misspelt fault would be a test that tests nothing."""
    with pytest.raises(ValueError, match="There is no fault 'stal'"):
        TgiStandIn(faults=["stal"])
