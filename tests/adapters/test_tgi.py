"""The TGI client against a stand-in that can do whatever TGI and the network between can do."""

import asyncio
import itertools
import json
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, suppress
from email.utils import formatdate
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from adapters.tgi import Continuation, EventParser, Tgi, Timeouts, breakdown, refusal
from core.errors import (
    BackendError,
    BackendFailed,
    BackendOverloaded,
    BackendRejected,
    BackendUnauthorized,
    BackendUnavailable,
    PromptTooLong,
    SettingsError,
    StreamBroken,
)
from core.ports import Backend
from core.types import Delta, Finish, Limits, Sampling, Usage
from tests.emulators.tgi import ANSWER, FAULTS, SCRIPTS, TgiStandIn, count

PATIENT = Timeouts()
IMPATIENT = Timeouts(first_token=0.3, next_token=0.3, probe=0.3)
SILENT = ("hang", "stall", "stall_comments")
"""Faults that only a deadline ends; all others are met with patience."""
KEY = "hf_verysecret"

# What each fault of the stand-in must become.
HARMLESS = {
    *("queued", "byte_by_byte", "coalesced", "no_space", "crlf", "null_logprob", "huge_final"),
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
IN_MID_STREAM: dict[str, type[BackendError]] = {
    "generation_midway": BackendFailed,
    "incomplete_midway": BackendFailed,
    "eof": BackendFailed,
    "fin": BackendFailed,
    "rst": BackendFailed,
    "cut_json": BackendFailed,
    "not_json": BackendFailed,
    "stall": BackendUnavailable,
    "stall_comments": BackendUnavailable,
}
"""What they are before the first text; after it each is a StreamBroken, caused by this."""


class Heard:
    """Everything that one stream gave."""

    def __init__(self) -> None:
        self.text = ""
        self.finishes: list[Finish] = []
        self.replicas: set[str] = set()

    async def listen(self, backend: Backend, prompt: str = "USER: hi ASSISTANT:", **sampling: Any) -> "Heard":
        params = Sampling(**({"max_new_tokens": 200} | sampling))
        async with aclosing(backend.stream(prompt, params)) as stream:
            async for delta in stream:
                assert not self.finishes, "nothing follows the last Delta"
                self.text += delta.text
                self.replicas.add(delta.replica)
                self.finishes += [delta.finish] if delta.finish else []
        return self


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait until `condition` holds; fail when it does not within a generous time."""
    async with asyncio.timeout(5):
        while not condition():  # what is polled happens on the other side of a socket
            await asyncio.sleep(0.005)


@asynccontextmanager
async def raw_server(*answers: bytes) -> AsyncIterator[str]:
    """The address of a server that answers its requests with these bytes, in turn, and hangs up."""
    left = itertools.cycle(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(next(left))
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


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


async def test_a_replica_that_comes_back_is_used_again() -> None:
    """Refused connections, as while TGI warms up, leave the client as it was."""
    async with TgiStandIn() as tgi, Tgi(tgi.url) as backend:
        await Heard().listen(backend)
        await tgi.refuse()
        with pytest.raises(BackendUnavailable):
            await Heard().listen(backend)
        await tgi.listen()

        assert (await Heard().listen(backend)).text == ANSWER


@pytest.mark.parametrize("fault", ["gateway_busy", "no_upstream"])
async def test_the_wait_that_a_gateway_asks_for_is_passed_on(fault: str) -> None:
    """Retry-After in seconds becomes `retry_after`."""
    async with TgiStandIn(faults=[fault]) as tgi, Tgi(tgi.url) as backend:
        with pytest.raises(BackendError) as caught:
            await Heard().listen(backend)

    assert caught.value.retry_after == 2.0


async def test_no_bytes_whatever_raise_anything_but_a_backend_error() -> None:
    """Broken HTTP, broken chunks, broken events: 300 mutations of a good response."""
    event = b'data: {"token":{"text":" a"},"generated_text":null}\n\n'
    last = b'data: {"token":{"text":" b"},"generated_text":" a b"}\n\n'
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    good = head + b"%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(event), event, len(last), last)
    dice = random.Random(7)

    def broken() -> bytes:
        answer = bytearray(good)
        for _ in range(dice.choice([1, 2, 9])):
            at = dice.randrange(len(answer))
            answer[at : at + dice.choice([0, 1, 40])] = dice.randbytes(dice.choice([0, 1, 3]))
        return bytes(answer)

    async with (
        raw_server(*(broken() for _ in range(300))) as url,
        Tgi(url, timeouts=Timeouts(first_token=0.1, next_token=0.1)) as backend,
    ):
        for _ in range(300):
            with suppress(BackendError):
                await Heard().listen(backend)


# ---- the maps of errors -----------------------------------------------------------------------------


def _aiohttp_errors(
    kind: type[aiohttp.ClientError] = aiohttp.ClientError,
) -> Iterator[type[aiohttp.ClientError]]:
    yield kind
    for narrower in kind.__subclasses__():
        yield from _aiohttp_errors(narrower)


@pytest.mark.parametrize("kind", sorted({*_aiohttp_errors()}, key=str))
def test_every_error_of_aiohttp_is_mapped(kind: type[aiohttp.ClientError]) -> None:
    """A new aiohttp that grows an error cannot make one that passes through."""
    error = breakdown(kind.__new__(kind))

    assert isinstance(error, BackendError)
    assert error.retryable
    assert kind.__name__ in error.detail


JSON, TEXT, HTML, EVENTS = "application/json", "text/plain", "text/html", "text/event-stream"


@pytest.mark.parametrize(
    ("status", "content_type", "body", "expected"),
    [
        (429, JSON, {"error": "Model is overloaded", "error_type": "overloaded"}, BackendOverloaded),
        (503, JSON, {"error": "Model is overloaded", "error_type": "overloaded"}, BackendOverloaded),
        (200, EVENTS, {"error": "Model is overloaded", "error_type": "overloaded"}, BackendOverloaded),
        (422, JSON, {"error": "`inputs` must have less than 2047 tokens. Given: 3000"}, PromptTooLong),
        (
            200,
            EVENTS,
            {"error": "`inputs` must have less than 9 tokens. Given: 10", "error_type": "validation"},
            PromptTooLong,
        ),
        (422, JSON, {"error": "`inputs` cannot be empty", "error_type": "validation"}, BackendRejected),
        (422, JSON, {"error": "no template", "error_type": "template_error"}, BackendRejected),
        (200, EVENTS, {"error": "no template", "error_type": "template_error"}, BackendRejected),
        (422, JSON, {"error": "x", "error_type": "missing_template_variable"}, BackendRejected),
        (422, JSON, {"error": "x", "error_type": "tool_error"}, BackendRejected),
        (424, JSON, {"error": "x", "error_type": "generation"}, BackendFailed),
        (500, JSON, {"error": "x", "error_type": "incomplete_generation"}, BackendFailed),
        (500, JSON, {"error": "x", "error_type": "stream_serialization_error"}, BackendFailed),
        (200, EVENTS, {"error": "x", "error_type": "incomplete_generation_stream"}, BackendFailed),
        (200, EVENTS, {"error": "x", "error_type": "a_new_type"}, BackendFailed),
        (503, JSON, {"error": "unhealthy", "error_type": "healthcheck"}, BackendUnavailable),
        (400, TEXT, "Failed to parse the request body as JSON", BackendRejected),
        (415, TEXT, "Expected request with `Content-Type: application/json`", BackendRejected),
        (413, TEXT, "Failed to buffer the request body", BackendRejected),
        (404, HTML, "<html>", BackendRejected),
        (405, "", "", BackendRejected),
        (308, "", "", BackendRejected),
        (401, "", "", BackendUnauthorized),
        (403, HTML, "<html>", BackendUnauthorized),
        (408, "", "", BackendUnavailable),
        (500, HTML, "<html>", BackendUnavailable),
        (502, HTML, "<html>", BackendUnavailable),
        (503, TEXT, "no healthy upstream", BackendUnavailable),
        (504, TEXT, "upstream request timeout", BackendUnavailable),
        (200, HTML, "<html>", BackendUnavailable),
        (204, "", "", BackendUnavailable),
        (529, "", "", BackendUnavailable),
    ],
)
def test_every_row_of_the_error_table_has_its_kind(
    status: int, content_type: str, body: object, expected: type[BackendError]
) -> None:
    """TGI's errors, a gateway's errors and errors inside a 200 stream."""
    said = body if isinstance(body, str) else json.dumps(body)

    assert type(refusal(status, content_type, said.encode())) is expected


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("soon", None),
        ("-3", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    """A date in the past means now; what cannot be read means nothing."""
    assert refusal(429, JSON, b"{}", header).retry_after == seconds


def test_a_date_to_come_is_turned_into_seconds() -> None:
    """An HTTP date ten minutes ahead is a wait of about ten minutes."""
    wait = refusal(503, TEXT, b"", formatdate(time.time() + 600, usegmt=True)).retry_after

    assert wait is not None
    assert 500 < wait <= 601


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (JSON, b'{"detail":[{"msg":"bad","input":"my secret question"}]}'),
        (HTML, b"<html>my secret question</html>"),
        (JSON, b'{"error": "bad input\\nmy secret question"}'),
        (TEXT, b"bad input\nmy secret question"),
    ],
)
def test_what_may_repeat_the_prompt_stays_out_of_the_detail(content_type: str, body: bytes) -> None:
    """Only the first line of an error text goes to the log; not pages, not unknown JSON."""
    assert "secret question" not in refusal(400, content_type, body).detail


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


async def test_no_compression_is_asked_for() -> None:
    """A compressed stream would arrive in lumps."""
    async with TgiStandIn() as tgi, Tgi(tgi.url) as backend:
        await Heard().listen(backend)

    assert tgi.asked[0].headers["Accept-Encoding"] == "identity"


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


async def test_twenty_answers_use_one_connection() -> None:
    """The connection of an answer that was read to its end serves the next one."""
    async with TgiStandIn(" Hi.", token_delay=0.001) as tgi, Tgi(tgi.url) as backend:
        for _ in range(20):
            await Heard().listen(backend)

    assert len(tgi.peers) == 1


async def test_leaving_a_stream_early_frees_the_slot_at_once() -> None:
    """The connection is closed and not pooled, since only that stops the engine."""
    async with TgiStandIn(" word" * 190, token_delay=0.01) as tgi, Tgi(tgi.url) as backend:
        async with aclosing(backend.stream("hi", Sampling(200))) as stream:
            await anext(stream)
        steps = tgi.steps
        await eventually(lambda: tgi.running == 0 and tgi.connections == 0)

        assert tgi.dropped == 1
        assert tgi.steps <= steps + 1


@pytest.mark.parametrize("fault", ["hang", "queued", "stall"])
async def test_a_cancelled_task_frees_the_slot_at_once(fault: str) -> None:
    """Whether the request waits for its head, its first token or its next one."""
    async with TgiStandIn(faults=[fault]) as tgi, Tgi(tgi.url) as backend:
        task = asyncio.create_task(Heard().listen(backend))
        await eventually(lambda: tgi.running == 1 and (fault == "hang" or tgi.steps > 2))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await eventually(lambda: tgi.running == 0 and tgi.connections == 0)


async def test_a_full_replica_is_overloaded_until_a_slot_is_free() -> None:
    """The error that TGI hides in a good status is raised before anything is yielded."""
    async with TgiStandIn(faults=["stall"], max_concurrent=1) as tgi, Tgi(tgi.url) as backend:
        async with aclosing(backend.stream("hi", Sampling(200))) as first:
            await anext(first)
            with pytest.raises(BackendOverloaded):
                await Heard().listen(backend)
        await eventually(lambda: tgi.running == 0)

        assert (await Heard().listen(backend)).text == ANSWER


async def test_a_stream_that_drips_on_ends_at_the_limit_for_the_whole() -> None:
    """Tokens that keep coming do not prolong the whole."""
    limits = Timeouts(next_token=0.3, whole=0.4)
    async with TgiStandIn(" word" * 190, token_delay=0.02) as tgi, Tgi(tgi.url, timeouts=limits) as backend:
        with pytest.raises(StreamBroken):
            await Heard().listen(backend)


async def test_a_slow_reader_is_not_a_silent_engine() -> None:
    """The time in which nobody reads does not count against the engine."""
    limits = Timeouts(next_token=0.4)
    async with TgiStandIn(token_delay=0.001) as tgi, Tgi(tgi.url, timeouts=limits) as backend:
        pieces: list[str] = []
        async with aclosing(backend.stream("hi", Sampling(200))) as stream:
            async for delta in stream:
                pieces.append(delta.text)
                if len(pieces) == 3:
                    await asyncio.sleep(0.9)  # a page that takes its time

    assert "".join(pieces) == ANSWER


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


async def test_counting_asks_the_replica_once_per_text() -> None:
    """The engine's own count, BOS included, is remembered."""
    async with TgiStandIn() as tgi, Tgi(tgi.url) as backend:
        counts = [await backend.count("Hello there, 🦙!") for _ in range(3)]

        assert counts == [count("Hello there, 🦙!")] * 3
        assert tgi.calls["/tokenize"] == 1


async def test_the_memory_of_counts_is_bounded() -> None:
    """The count that was asked for least recently is forgotten first."""
    async with TgiStandIn() as tgi, Tgi(tgi.url) as backend:
        for number in range(1024):
            await backend.count(f"text {number}")
        await backend.count("text 0")
        await backend.count("one more")
        assert tgi.calls["/tokenize"] == 1025

        await backend.count("text 0")
        assert tgi.calls["/tokenize"] == 1025
        await backend.count("text 1")
        assert tgi.calls["/tokenize"] == 1026


@pytest.mark.parametrize("fault", ["not_found", "hang", "generation", "login_page", "unauthorized", "rst@0"])
async def test_counting_without_the_replica_counts_bytes(fault: str) -> None:
    """It never fails, and says once in the log that it is only a bound."""
    with capture_logs() as logs:
        async with (
            TgiStandIn(always={"/tokenize": fault}) as tgi,
            Tgi(tgi.url, timeouts=IMPATIENT) as backend,
        ):
            counts = [await backend.count("Grüße") for _ in range(3)]

    assert counts == [9, 9, 9]  # seven bytes, and two tokens at the beginning
    assert [entry["event"] for entry in logs] == ["tgi.tokenize_unavailable"]
    assert "Grüße" not in str(logs)


async def test_a_replica_that_hangs_is_not_asked_for_every_count() -> None:
    """A prompt is counted in many parts; only the first waits."""
    async with TgiStandIn(always={"/tokenize": "hang"}) as tgi, Tgi(tgi.url, timeouts=IMPATIENT) as backend:
        for number in range(50):
            await backend.count(f"part {number}")

        assert tgi.calls["/tokenize"] == 1


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
        ({}, Limits("unknown", 2048, 2047, 128)),
        (
            {
                "model_id": None,
                "max_total_tokens": "4096",
                "max_input_tokens": -1,
                "max_concurrent_requests": True,
            },
            Limits("unknown", 2048, 2047, 128),
        ),
        ({"max_total_tokens": 1000, "max_input_tokens": 5000}, Limits("unknown", 1000, 999, 128)),
    ],
)
async def test_limits_are_read_from_info(info: dict[str, Any] | None, expected: Limits) -> None:
    """New names, old names, and careful values where a server does not say."""
    async with TgiStandIn(info=info) as tgi, Tgi(tgi.url) as backend:
        assert await backend.limits() == expected
        assert await backend.limits() == expected
        assert tgi.calls["/info"] == 1


@pytest.mark.parametrize("fault", ["login_page", "no_upstream"])
async def test_limits_that_could_not_be_read_are_asked_again(fault: str) -> None:
    """A replica that was not ready is not remembered as one without limits."""
    async with TgiStandIn(always={"/info": fault}) as tgi, Tgi(tgi.url) as backend:
        with pytest.raises(BackendUnavailable) as caught:
            await backend.limits()
        assert caught.value.replica == backend.replica
        tgi.always.clear()

        assert (await backend.limits()).window == 2048


async def test_health_is_what_the_replica_says() -> None:
    """Well, ill, broken off and gone."""
    async with TgiStandIn() as tgi, Tgi(tgi.url) as backend:
        assert await backend.health()
        for fault in ("unhealthy", "fin@0"):
            tgi.always["/health"] = fault
            assert not await backend.health()
        await tgi.refuse()
        assert not await backend.health()


async def test_a_replica_that_hangs_is_not_healthy() -> None:
    """A hung shard makes TGI's own probe hang."""
    async with TgiStandIn(always={"/health": "hang"}) as tgi, Tgi(tgi.url, timeouts=IMPATIENT) as backend:
        assert not await backend.health()


# ---- addresses and secrets --------------------------------------------------------------------------


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


async def test_a_wrong_key_is_unauthorized() -> None:
    """And the sentence for people names the setting."""
    async with TgiStandIn(api_key=KEY) as tgi, Tgi(tgi.url, api_key="other") as backend:
        with pytest.raises(BackendUnauthorized) as caught:
            await Heard().listen(backend)

    assert "CHASQUI_BACKEND__API_KEY" in caught.value.sentence


async def test_a_user_and_password_in_the_address_are_sent_but_not_shown() -> None:
    """As a gateway with basic authentication wants it."""
    async with TgiStandIn() as tgi, Tgi(tgi.url.replace("://", "://anna:p%40ss@")) as backend:
        await Heard().listen(backend)

    assert tgi.asked[0].headers["Authorization"] == aiohttp.encode_basic_auth("anna", "p@ss")
    assert "anna" not in backend.replica + repr(backend)


async def test_a_prefix_in_the_address_is_kept() -> None:
    """Several replicas may stand behind one gateway."""
    async with TgiStandIn() as tgi, Tgi(f"{tgi.url}/gpu-1/") as backend:
        with pytest.raises(BackendRejected, match="no TGI at this address"):
            await Heard().listen(backend)

    assert tgi.calls["/gpu-1/generate_stream"] == 1
    assert backend.replica.endswith("/gpu-1")


async def test_a_replica_on_a_unix_socket_is_reached() -> None:
    """As an embedded model server may offer it."""
    with TemporaryDirectory(dir="/tmp") as folder:  # pytest's own may be too long for a socket's path
        async with TgiStandIn(socket_path=f"{folder}/tgi.sock") as tgi, Tgi(tgi.url) as backend:
            heard = await Heard().listen(backend)

    assert heard.text == ANSWER
    assert heard.replicas == {f"unix:{folder}/tgi.sock"}


async def test_a_port_without_tls_is_unavailable_to_https() -> None:
    """A wrong scheme is told as a failure of the connection."""
    async with TgiStandIn() as tgi, Tgi(tgi.url.replace("http:", "https:")) as backend:
        with pytest.raises(BackendUnavailable):
            await Heard().listen(backend)


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "localhost:8080",
            "ftp://host",
            "http://",
            "http://host:port",
            "http://host:99999",
            "http://a..b",
        ),
        *("http://[::1", "http://host?key=1", "unix:tgi.sock", "http://anna:hf_verysecret@host:bad"),
    ],
)
async def test_an_address_that_cannot_be_one_is_refused_with_advice(url: str) -> None:
    """One sentence that shows the forms that work, and never the credentials."""
    with pytest.raises(SettingsError) as caught:
        Tgi(url)

    assert "Write http://HOST:PORT" in str(caught.value)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "key"), [("http://host", "a\nb"), ("http://host", "é"), ("http://u:p@host", "k")]
)
async def test_a_key_that_cannot_be_sent_is_refused_at_once(url: str, key: str) -> None:
    """And not with the first question."""
    with pytest.raises(SettingsError, match="API key"):
        Tgi(url, api_key=key)


# ---- bytes to events, events to text ----------------------------------------------------------------

without_haste = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
_texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufffd"), max_size=12)


@without_haste
@given(st.data(), st.lists(_texts, min_size=1, max_size=8))
def test_events_do_not_depend_on_how_the_bytes_are_cut(data: st.DataObject, texts: list[str]) -> None:
    """Any line ends, comments and other fields between, cut anywhere."""
    payloads = [json.dumps({"text": text}, ensure_ascii=False).encode() for text in texts]
    payloads = [
        data.draw(st.sampled_from([payload, payload[:9] + b"\n" + payload[9:]])) for payload in payloads
    ]
    stream = b""
    for payload in payloads:
        stream += data.draw(
            st.sampled_from([b"", b":\n\n", b": still there\n", b"event: x\nid: 7\n", b"\n\n"])
        )
        field = data.draw(st.sampled_from([b"data:", b"data: "]))
        stream += field + payload.replace(b"\n", b"\n" + field) + b"\n\n"
    stream = stream.replace(b"\n", data.draw(st.sampled_from([b"\n", b"\r\n", b"\r"])))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=20)))

    parser, events = EventParser(), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        events += parser.feed(stream[start:end])

    assert events == payloads


def test_an_event_of_several_data_lines_is_one_event() -> None:
    """As the standard has it; a field without data is none."""
    assert EventParser().feed(b"data: a\ndata:b\nretry: 5\n\nid: 1\n\n") == [b"a\nb"]


def test_an_event_without_end_is_not_gathered_for_ever() -> None:
    """A server that never ends its event cannot fill the memory."""
    parser = EventParser(max_event=1000)
    for _ in range(10):
        assert parser.feed(b"x" * 100) == []

    with pytest.raises(BackendFailed, match="1000 bytes"):
        parser.feed(b"x")


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
