"""The TGI client against raw bytes: however a stream is cut or broken off, no part passes for the whole."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing, asynccontextmanager, suppress

import pytest

from adapters.tgi import Tgi, Timeouts
from core.errors import (
    BackendError,
    BackendFailed,
    BackendOverloaded,
    BackendRejected,
    PromptTooLong,
    StreamBroken,
)
from core.types import Delta, Finish, Sampling, Usage
from tests.emulators.tgi import ANSWER, TgiStandIn, count

TEXTS = [" Grüße", ",\u2028🦙", "\n", "!"]
WHOLE = "".join(TEXTS)
HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)


def event(payload: object) -> bytes:
    """An event as axum writes it."""
    return f"data: {json.dumps(payload, ensure_ascii=False, separators=(',', ':'))}\n\n".encode()


def token(index: int, text: str, *, last: bool) -> bytes:
    """The event of one token."""
    details = {"finish_reason": "length", "generated_tokens": index, "seed": None, "input_length": 7}
    said = {"id": 300 + index, "text": text, "logprob": -0.5, "special": False}
    ends = (WHOLE, details) if last else (None, None)
    return event({"index": index, "token": said, "generated_text": ends[0], "details": ends[1]})


EVENTS = [token(index, text, last=index == len(TEXTS)) for index, text in enumerate(TEXTS, 1)]


def chunked(chunks: Iterable[bytes]) -> bytes:
    """A response with a chunked body, each chunk by itself."""
    return HEAD + b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


INFO = b'HTTP/1.1 200 OK\r\nContent-Length: 17\r\nConnection: close\r\n\r\n{"model_id": "m"}'
"""What the replica says of itself before it is asked anything."""


class Wire:
    """A server that sends `segments`, one TCP segment each, to whoever asks, and then ends as it is told.

    `ends` is "fin" or "rst"; "open" keeps the connection until the client leaves.
    """

    def __init__(self) -> None:
        self.segments: list[bytes] = []
        self.ends = "fin"
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            asked = await reader.readuntil(b"\r\n\r\n")
            for segment in [INFO] if asked.startswith(b"GET /info") else self.segments:
                writer.write(segment)
                await asyncio.sleep(0)  # the client, in the same loop, gets to read between two of them
            if self.ends == "open":
                await reader.read()
            if self.ends == "rst":
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                writer.transport.abort()
        writer.close()


@asynccontextmanager
async def wired() -> AsyncIterator[Wire]:
    """A wire whose bytes are chosen as the test goes on."""
    wire = Wire()
    async with await asyncio.start_server(wire.serve, "127.0.0.1", 0) as server:
        wire.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield wire


async def heard(
    backend: Tgi, prompt: str = "hi", *, max_new_tokens: int = 200
) -> tuple[str, Finish | BackendError | None]:
    """The text of one stream, and its end or its error."""
    said: list[Delta] = []
    try:
        async with aclosing(backend.stream(prompt, Sampling(max_new_tokens))) as stream:
            async for delta in stream:
                said.append(delta)  # noqa: PERF401 - what came before an error counts
    except BackendError as error:
        return "".join(delta.text for delta in said), error
    return "".join(delta.text for delta in said), said[-1].finish


# ---- cut anywhere -----------------------------------------------------------------------------------


@pytest.mark.parametrize("one_chunk", [False, True])
async def test_two_segments_cut_at_any_byte_give_the_whole_text(*, one_chunk: bool) -> None:
    """Inside a character, an event, a chunk's size or the head; each event its own chunk, or all one."""
    answer = chunked([b"".join(EVENTS)] if one_chunk else EVENTS)
    async with wired() as wire, Tgi(wire.url) as backend:
        for at in range(1, len(answer)):
            wire.segments = [answer[:at], answer[at:]]
            assert await heard(backend) == (WHOLE, Finish("length", Usage(7, 4))), at


async def test_segments_of_one_byte_give_the_whole_text() -> None:
    """The slowest sender there can be, keep-alive comments between the events too."""
    answer = chunked(b":\n\n" + each for each in EVENTS)
    async with wired() as wire, Tgi(wire.url) as backend:
        wire.segments = [bytes([byte]) for byte in answer]

        assert await heard(backend) == (WHOLE, Finish("length", Usage(7, 4)))


@pytest.mark.parametrize("ends", ["fin", "rst"])
async def test_a_stream_that_breaks_off_at_any_byte_never_passes_for_the_whole(ends: str) -> None:
    """Up to its last event it is an error, which keeps what came; from there on the answer is whole."""
    answer = chunked(EVENTS)
    last_event = answer.index(EVENTS[-1]) + len(EVENTS[-1])
    async with wired() as wire, Tgi(wire.url) as backend:
        wire.ends = ends
        for at in range(len(answer)):
            wire.segments = [answer[:at]]
            text, end = await heard(backend)

            if isinstance(end, Finish):
                assert (text, at >= last_event) == (WHOLE, True), at
            else:
                assert isinstance(end, BackendError)
                assert WHOLE.startswith(text), at
                assert isinstance(end, StreamBroken) == bool(text), at
                assert at < last_event or ends == "rst", at  # a reset may overtake what was sent


async def test_a_body_that_ends_as_promised_but_too_early_is_no_answer() -> None:
    """A proxy that closes a chunked body properly, or counts its length, does not make the answer whole."""
    async with wired() as wire, Tgi(wire.url) as backend:
        for kept in range(len(EVENTS)):
            body = b"".join(EVENTS[:kept])
            counted = HEAD.replace(b"Transfer-Encoding: chunked", b"Content-Length: %d" % len(body)) + body
            for wire.segments in ([chunked(EVENTS[:kept])], [counted]):
                text, error = await heard(backend)

                assert text == "".join(TEXTS[:kept])
                assert type(error) is (StreamBroken if kept else BackendFailed)
                assert "the stream ended without its last event" in str(error)


# ---- errors in a good status ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        ({"error": "Model is overloaded", "error_type": "overloaded"}, BackendOverloaded),
        (
            {"error": "Input validation error: `stop` supports up to 4", "error_type": "validation"},
            BackendRejected,
        ),
        (
            {
                "error": "Input validation error: `inputs` must have less than 2047 tokens. Given: 3000",
                "error_type": "validation",
            },
            PromptTooLong,
        ),
        ({"error": {"message": "Model is overloaded", "http_status_code": 422}}, BackendFailed),
    ],
)
async def test_an_error_event_in_any_segments_is_the_error_it_stands_for(
    payload: object, kind: type[BackendError]
) -> None:
    """Nothing is told before it; the form of ``/v1`` is no error of this path, and can be retried."""
    for body in ([event(payload)], [event(payload), b"data: [DONE]\n\n"]):
        answer = chunked(body)
        async with wired() as wire, Tgi(wire.url) as backend:
            for size in (1, 7, len(answer)):
                wire.segments = [answer[at : at + size] for at in range(0, len(answer), size)]
                text, error = await heard(backend)

                assert (text, type(error)) == ("", kind)


async def test_all_streams_of_a_failed_batch_fail_and_the_replica_serves_on() -> None:
    """One forward pass that fails ends them all at once; none keeps its slot or its connection."""
    async with TgiStandIn(" word" * 190, token_delay=0.01) as tgi, Tgi(tgi.url) as backend:
        async with asyncio.TaskGroup() as tasks:
            streams = [tasks.create_task(heard(backend)) for _ in range(20)]
            async with asyncio.timeout(10):
                while tgi.running < 20 or tgi.steps < 60:  # they run on the other side of sockets
                    await asyncio.sleep(0.005)
            tgi.fail_batch()
        errors = [stream.result()[1] for stream in streams]

        assert {type(error) for error in errors} <= {StreamBroken, BackendFailed}
        assert all(isinstance(error, BackendError) and "out of memory" in error.detail for error in errors)
        assert tgi.running == 0
        tgi.answer, tgi.token_delay = ANSWER, 0.0
        assert (await heard(backend))[0] == ANSWER


# ---- time, length, content --------------------------------------------------------------------------


async def test_a_slow_drip_is_waited_for() -> None:
    """Tokens that come one by one may take longer all together than the first of them may."""
    patience = Timeouts(first_token=2.0, next_token=2.0)
    async with TgiStandIn(" word" * 30, token_delay=0.1) as tgi, Tgi(tgi.url, timeouts=patience) as backend:
        text, finish = await heard(backend)

    assert text == " word" * 30
    assert isinstance(finish, Finish)


async def test_an_answer_longer_than_a_request_may_ask_for_ends_with_the_window() -> None:
    """TGI validates ``max_new_tokens`` as 1024 at most, generates on, and stops where the window is full."""
    prompt = "word " * 500
    async with TgiStandIn(" word" * 3000) as tgi, Tgi(tgi.url) as backend:
        text, finish = await heard(backend, prompt, max_new_tokens=2000)

    room = 2048 - count(prompt)
    assert 1024 < room < 2000
    assert text == " word" * room
    assert finish == Finish("length", Usage(count(prompt), room))


async def test_signs_that_only_look_like_tokens_or_mentions_pass_as_they_are() -> None:
    """Only what the engine flags as special is left out; the rest is for the platform to make harmless."""
    async with TgiStandIn(faults=["plain_signs"]) as tgi, Tgi(tgi.url) as backend:
        text, _ = await heard(backend)

    assert text == " Ask @everyone, <!channel> or </s> USER: and <|im_end|>"
