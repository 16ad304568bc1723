"""What all replicas share, with a stand-in for TGI as the example: connections, time, errors, addresses."""

import asyncio
import json
import random
import time
from collections.abc import Iterator
from contextlib import aclosing, suppress
from email.utils import formatdate
from tempfile import TemporaryDirectory

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from adapters.replica import client
from adapters.replica.client import Timeouts
from adapters.replica.errors import breakdown, refusal
from adapters.replica.events import EventParser
from adapters.tgi import Tgi
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
from core.types import Sampling
from tests.adapters.backend_parts import Heard, eventually, raw_server
from tests.emulators.tgi import ANSWER, TgiStandIn, count

IMPATIENT = Timeouts(first_token=0.3, next_token=0.3, probe=0.3)
KEY = "hf_verysecret"


# ---- failures of the connection ----------------------------------------------------------------------


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
    info = b'HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n{"model_id": "m"}'
    dice = random.Random(7)

    def broken() -> bytes:
        answer = bytearray(good)
        for _ in range(dice.choice([1, 2, 9])):
            at = dice.randrange(len(answer))
            answer[at : at + dice.choice([0, 1, 40])] = dice.randbytes(dice.choice([0, 1, 3]))
        return bytes(answer)

    async with (
        raw_server(*(broken() for _ in range(300)), info=info) as url,
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
TOO_LONG = "request (901 tokens) exceeds the available context size (512 tokens), try increasing it"


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
        (400, JSON, {"error": {"message": TOO_LONG, "code": 400}}, PromptTooLong),
        (400, JSON, {"object": "error", "message": TOO_LONG, "code": 400}, PromptTooLong),
        (200, EVENTS, {"error": {"message": TOO_LONG, "code": 400}}, PromptTooLong),
        (400, JSON, {"error": {"message": "bad top_p", "code": 400}}, BackendRejected),
        (200, EVENTS, {"error": {"message": "bad top_p", "code": 400}}, BackendRejected),
        (401, JSON, {"error": "Unauthorized"}, BackendUnauthorized),
        (404, JSON, {"detail": "Not Found"}, BackendRejected),
        (500, JSON, {"error": {"message": "EngineCore died", "code": 500}}, BackendFailed),
        (200, EVENTS, {"error": {"message": "EngineCore died", "code": 500}}, BackendFailed),
        (200, EVENTS, {"error": {"message": "it went wrong", "code": "oh"}}, BackendFailed),
        (200, EVENTS, {"error": {"message": "it went wrong", "code": 7}}, BackendFailed),
        (503, JSON, {"object": "error", "message": "The request queue is full."}, BackendOverloaded),
        (200, EVENTS, {"error": {"message": "The request queue is full.", "code": 503}}, BackendOverloaded),
        (503, JSON, {"error": {"message": "Loading model", "code": 503}}, BackendUnavailable),
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
    """The engines' errors in all their shapes, a gateway's errors and errors inside a 200 stream."""
    said = body if isinstance(body, str) else json.dumps(body)

    assert type(refusal(status, content_type, said.encode())) is expected


@pytest.mark.parametrize(
    "sentence",
    [
        "Input validation error: `inputs` must have less than 2047 tokens. Given: 3000",
        "This model's maximum context length is 2048 tokens. However, you requested 2100 tokens.",
        "You passed 3000 input tokens. However, the model's context length is only 2048 tokens.",
        "The decoder prompt (length 3000) is longer than the maximum model length of 2048.",
        "The input (3000 tokens) is longer than the model's context length (2048 tokens).",
        "Input length (3000 tokens) exceeds the maximum allowed length (2042 tokens).",
        "the request exceeds the available context size. try increasing the context size",
    ],
)
def test_every_sentence_for_a_prompt_over_the_window_is_known(sentence: str) -> None:
    """Of TGI, vLLM, SGLang and llama.cpp, of this year and of the years before."""
    for body in (
        {"error": sentence},
        {"error": {"message": sentence}},
        {"object": "error", "message": sentence},
    ):
        assert type(refusal(400, JSON, json.dumps(body).encode())) is PromptTooLong


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
        (JSON, b"{\"error\":{\"message\":\"[{'type': 'missing', 'input': 'my secret question'}]\"}}"),
        (JSON, b'{"error":{"message":"syntax error, last read: \'my secret question\'"}}'),
    ],
)
def test_what_may_repeat_the_prompt_stays_out_of_the_detail(content_type: str, body: bytes) -> None:
    """Only the first line of an error text goes to the log; not pages, not unknown JSON."""
    assert "secret question" not in refusal(400, content_type, body).detail


# ---- connections, time -------------------------------------------------------------------------------


async def test_no_compression_is_asked_for() -> None:
    """A compressed stream would arrive in lumps."""
    async with TgiStandIn() as tgi, Tgi(tgi.url) as backend:
        await Heard().listen(backend)

    assert tgi.asked[0].headers["Accept-Encoding"] == "identity"


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


# ---- counting, limits, health ------------------------------------------------------------------------


async def test_counting_asks_the_replica_once_per_text() -> None:
    """The engine's own count, BOS included, is remembered."""
    async with TgiStandIn() as tgi, Tgi(tgi.url) as backend:
        counts = [await backend.count("Hello there, 🦙!") for _ in range(3)]

        assert counts == [count("Hello there, 🦙!")] * 3
        assert tgi.calls["/tokenize"] == 1


async def test_the_memory_of_counts_is_bounded() -> None:
    """The count that was asked for least recently is forgotten first."""
    async with TgiStandIn() as tgi, Tgi(tgi.url) as backend:
        for number in range(client.COUNTS_KEPT):
            await backend.count(f"text {number}")
        await backend.count("text 0")
        await backend.count("one more")
        assert tgi.calls["/tokenize"] == client.COUNTS_KEPT + 1

        await backend.count("text 0")
        assert tgi.calls["/tokenize"] == client.COUNTS_KEPT + 1
        await backend.count("text 1")
        assert tgi.calls["/tokenize"] == client.COUNTS_KEPT + 2


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
    assert [entry["event"] for entry in logs] == ["replica.tokenize_unavailable"]
    assert "Grüße" not in str(logs)


async def test_a_replica_that_hangs_is_not_asked_for_every_count() -> None:
    """A prompt is counted in many parts; only the first waits."""
    async with TgiStandIn(always={"/tokenize": "hang"}) as tgi, Tgi(tgi.url, timeouts=IMPATIENT) as backend:
        for number in range(50):
            await backend.count(f"part {number}")

        assert tgi.calls["/tokenize"] == 1


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


# ---- addresses ---------------------------------------------------------------------------------------


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
        with pytest.raises(BackendRejected, match="no model server at this address"):
            await Heard().listen(backend)

    assert list(tgi.calls) == ["/gpu-1/info"]
    assert backend.replica.endswith("/gpu-1")


@pytest.mark.parametrize("form", ["http://{}/v1", "http://{}/v1/", "http://{}//", "{}", "{}/v1", " {} "])
async def test_an_address_as_people_copy_it_works(form: str) -> None:
    """With the path of OpenAI's clients, with a slash at its end, or without its scheme."""
    async with TgiStandIn() as tgi, Tgi(form.format(tgi.url.removeprefix("http://"))) as backend:
        await Heard().listen(backend)

    assert f"http://{backend.replica}" == tgi.url


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
            "localhost:port",
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
