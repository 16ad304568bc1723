"""The embedded model server against text-generation-inference's HTTP contract, with the real model."""

import asyncio
import json
import re
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from io import BytesIO
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import aiohttp
import pytest

from adapters import local_model
from adapters.local_model.answer import Continuation, Step, Token, commented, event
from adapters.local_model.failure import BadBody, Failure
from adapters.local_model.request import Limits, Parameters, fit, parse, validate
from tests.adapters.shared_server_parts import runs, until

SUM = "<|im_start|>user\nWhat is 1+1? Answer with a number only.<|im_end|>\n<|im_start|>assistant\n"
SUM_TOKENS = ["1", "+", "1", " =", " ", "2", "<|im_end|>"]
ENDLESS = "a b c a b c a b c a b c a b c a b c"
LLAMAS = "Llamas: " + "🦙" * 12
"""The model goes on with more of them; each is three tokens."""


class Model:
    """A server process; what it writes goes to `log`."""

    def __init__(self, log: Path, *options: str) -> None:
        self._log = log
        with log.open("wb") as stderr:
            command = [sys.executable, "-m", "adapters.local_model", *options]
            self.process = Popen(command, stdout=PIPE, stderr=stderr)
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().decode().strip()
        assert self.url.startswith("http://127.0.0.1:"), log.read_text()

    @property
    def log(self) -> str:
        return self._log.read_text()

    def stop(self) -> int:
        """Ask it to end as an operator does; its exit code."""
        self.process.terminate()
        code = self.process.wait(timeout=60)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    """A server as people run it."""
    server = Model(tmp_path_factory.mktemp("model") / "log")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    """A server that generates for one request at a time and lets one more wait."""
    server = Model(
        tmp_path_factory.mktemp("narrow") / "log", "--slots", "1", "--max-concurrent-requests", "2"
    )
    yield server
    server.stop()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """An HTTP client."""
    async with aiohttp.ClientSession() as session:
        yield session


def body(inputs: str, **parameters: Any) -> dict[str, Any]:
    """A request."""
    return {"inputs": inputs, "parameters": parameters}


def read_events(raw: bytes) -> list[dict[str, Any]]:
    """The events of a stream, whose bytes must be exactly TGI's."""
    *events, rest = raw.replace(b":\n\n", b"").split(b"\n\n")
    assert rest == b""
    assert all(chunk.startswith(b"data: {") and b"\n" not in chunk for chunk in events)
    return [json.loads(chunk[6:]) for chunk in events]


async def stream(http: aiohttp.ClientSession, url: str, request: dict[str, Any]) -> list[dict[str, Any]]:
    """All events of one stream."""
    async with http.post(f"{url}/generate_stream", json=request) as response:
        assert response.status == 200
        return read_events(await response.read())


async def generate(http: aiohttp.ClientSession, url: str, request: dict[str, Any]) -> dict[str, Any]:
    """A whole answer."""
    async with http.post(f"{url}/generate", json=request) as response:
        assert response.status == 200, await response.text()
        answer: dict[str, Any] = await response.json()
        return answer


async def gauges(http: aiohttp.ClientSession, url: str) -> tuple[int, int]:
    """Requests that wait, and requests that generate."""
    async with http.get(f"{url}/metrics") as response:
        text = await response.text()
    queued, running = (
        re.search(rf"^{name} (\d+)$", text, re.MULTILINE)
        for name in ("tgi_queue_size", "tgi_batch_current_size")
    )
    assert queued
    assert running
    return int(queued[1]), int(running[1])


async def reach(http: aiohttp.ClientSession, url: str, wanted: tuple[int, int]) -> None:
    """Return once the gauges say `wanted`."""
    async with asyncio.timeout(10):
        while await gauges(http, url) != wanted:
            await asyncio.sleep(0.01)


async def refused(url: str) -> None:
    """Return once new connections are refused."""
    with suppress(aiohttp.ClientConnectorError):
        async with asyncio.timeout(20):
            while True:
                async with aiohttp.ClientSession() as newcomer, newcomer.get(f"{url}/health"):
                    await asyncio.sleep(0.01)


@asynccontextmanager
async def endless(http: aiohttp.ClientSession, url: str) -> AsyncIterator[aiohttp.ClientResponse]:
    """A stream that goes on for long; leaving it closes the connection."""
    async with http.post(f"{url}/generate_stream", json=body(ENDLESS, max_new_tokens=2000)) as response:
        yield response
        response.close()


# --- Shapes ---


async def test_a_stream_ends_with_the_special_token_the_whole_text_and_the_details(
    http: aiohttp.ClientSession, model: Model
) -> None:
    """Each token is an event, counted from 1; only the last has text and details."""
    events = await stream(http, model.url, body(SUM, max_new_tokens=20, details=True))

    assert [event["index"] for event in events] == [1, 2, 3, 4, 5, 6, 7]
    assert [event["token"]["text"] for event in events] == SUM_TOKENS
    assert [event["token"]["special"] for event in events] == [False] * 6 + [True]
    assert all(set(event) == {"index", "token", "generated_text", "details"} for event in events)
    assert all(set(event["token"]) == {"id", "text", "logprob", "special"} for event in events)
    assert {(event["generated_text"], event["details"]) for event in events[:-1]} == {(None, None)}
    assert events[-1]["generated_text"] == "1+1 = 2"
    assert events[-1]["details"] == {
        "finish_reason": "eos_token",
        "generated_tokens": 7,
        "seed": None,
        "input_length": 22,
    }


async def test_a_stream_has_the_headers_that_proxies_need(http: aiohttp.ClientSession, model: Model) -> None:
    """No proxy may hold an event back."""
    async with http.post(f"{model.url}/generate_stream", json=body(SUM, max_new_tokens=1)) as response:
        assert response.content_type == "text/event-stream"
        assert response.headers["Cache-Control"] == "no-cache"
        assert response.headers["X-Accel-Buffering"] == "no"
        assert response.headers["x-compute-characters"] == str(len(SUM))


async def test_an_answer_at_once_is_the_same_as_the_stream(http: aiohttp.ClientSession, model: Model) -> None:
    """With details it lists the same tokens, and the headers count them."""
    request = body(SUM, max_new_tokens=20, details=True, decoder_input_details=True)
    async with http.post(f"{model.url}/generate", json=request) as response:
        answer = await response.json()
        assert response.headers["x-prompt-tokens"] == "22"
        assert response.headers["x-generated-tokens"] == "7"
        assert int(response.headers["x-total-time"]) >= int(response.headers["x-inference-time"])

    assert answer["generated_text"] == "1+1 = 2"
    details = answer["details"]
    assert [token["text"] for token in details["tokens"]] == SUM_TOKENS
    assert "".join(token["text"] for token in details["prefill"]) == SUM
    assert (details["finish_reason"], details["generated_tokens"], details["seed"]) == ("eos_token", 7, None)


async def test_the_root_answers_with_a_list_and_the_prompt_before_the_text(
    http: aiohttp.ClientSession, model: Model
) -> None:
    """That is what the official clients post to; ``stream`` and ``return_full_text`` are in the body."""
    async with http.post(model.url, json=body(SUM, max_new_tokens=20)) as response:
        assert await response.json() == [{"generated_text": f"{SUM}1+1 = 2"}]
    async with http.post(model.url, json=body(SUM, max_new_tokens=20, return_full_text=False)) as response:
        assert await response.json() == [{"generated_text": "1+1 = 2"}]
    async with http.post(model.url, json={**body(SUM, max_new_tokens=20), "stream": True}) as response:
        assert read_events(await response.read())[-1]["generated_text"] == f"{SUM}1+1 = 2"


async def test_tokens_of_a_text_come_with_their_places_in_bytes(
    http: aiohttp.ClientSession, model: Model
) -> None:
    """Together they cover the text; a part of a character has no text; special tokens are known."""
    text = "a🦙b<|im_end|>"
    async with http.post(f"{model.url}/tokenize", json={"inputs": text}) as response:
        tokens = await response.json()

    assert [token["text"] for token in tokens] == ["a", "", "", "", "b", "<|im_end|>"]
    assert [token["start"] for token in tokens[1:]] == [token["stop"] for token in tokens[:-1]]
    assert (tokens[0]["start"], tokens[-1]["stop"]) == (0, len(text.encode()))


async def test_the_server_tells_its_limits(http: aiohttp.ClientSession, model: Model) -> None:
    """Under the names of TGI 3."""
    async with http.get(f"{model.url}/info") as response:
        info = await response.json()

    assert info["max_total_tokens"] == 2048
    assert info["max_input_tokens"] == 2047
    assert info["max_concurrent_requests"] == 32
    assert info["max_stop_sequences"] == 4
    assert info["model_id"] == "HuggingFaceTB/SmolLM2-135M-Instruct"


@pytest.mark.parametrize("path", ["/", "/health"])
async def test_a_healthy_server_says_so_with_an_empty_answer(
    http: aiohttp.ClientSession, model: Model, path: str
) -> None:
    """Both paths that TGI has for it."""
    async with http.get(model.url + path) as response:
        assert (response.status, await response.read()) == (200, b"")


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nope", 404), ("GET", "/generate", 405)])
async def test_what_there_is_not_is_answered_with_nothing(
    http: aiohttp.ClientSession, model: Model, method: str, path: str, status: int
) -> None:
    """Empty bodies, as axum's."""
    async with http.request(method, model.url + path) as response:
        assert (response.status, await response.read()) == (status, b"")


def test_an_event_is_written_byte_for_byte_as_tgi_writes_it() -> None:
    """Compact JSON on one line, with other line separators left as they are."""
    written = event({"token": Token(5, "é\u2028\n", None).payload()})

    expected = 'data: {"token":{"id":5,"text":"é\u2028\\n","logprob":null,"special":false}}\n\n'
    assert written == expected.encode()


# --- Errors ---


REFUSALS = {
    "`temperature` must be strictly positive": {"temperature": 0},
    "`repetition_penalty` must be strictly positive": {"repetition_penalty": 0.0},
    "`frequency_penalty` must be >= -2.0 and <= 2.0": {"frequency_penalty": 2.5},
    "`top_p` must be > 0.0 and < 1.0": {"top_p": 1.0},
    "`typical_p` must be > 0.0 and < 1.0": {"typical_p": 1},
    "`top_k` must be strictly positive": {"top_k": 0},
    "`max_new_tokens` must be strictly positive": {"max_new_tokens": 0},
    "`stop` supports up to 4 stop sequences. Given: 5": {"stop": ["a", "b", "c", "d", "e"]},
    "`truncate` must be strictly positive and less than 2047. Given: 2048": {"truncate": 2048},
    "`best_of` != 1 is not allowed for this endpoint": {"best_of": 2},
    "`top_n_tokens` != 0 is not allowed for this endpoint": {"top_n_tokens": 3},
    "grammar is not supported": {"grammar": {"type": "regex", "value": "a"}},
    "`adapter_id` is not supported by this server": {"adapter_id": "mine"},
    "`watermark` is not supported by this server": {"watermark": True},
}


@pytest.mark.parametrize(("text", "parameters"), REFUSALS.items())
def test_a_parameter_out_of_its_range_is_refused_in_tgis_words(text: str, parameters: dict[str, Any]) -> None:
    """What this server cannot do is refused too, never passed over."""
    request = parse(json.dumps(body("Hi", **parameters)).encode(), stream=False, full_text=False)

    with pytest.raises(Failure) as refused:
        validate(request, Limits())

    assert refused.value.payload() == {"error": f"Input validation error: {text}", "error_type": "validation"}
    assert refused.value.status == 422


@pytest.mark.parametrize(
    ("text", "parameters"),
    {
        "`best_of` != 1 is not supported when streaming tokens": {"best_of": 2},
        "`decoder_input_details` == true is not supported when streaming tokens": {
            "decoder_input_details": True
        },
    }.items(),
)
def test_what_a_stream_cannot_have_is_refused_there(text: str, parameters: dict[str, Any]) -> None:
    """The same parameters have other words, or are allowed, without a stream."""
    request = parse(json.dumps(body("Hi", **parameters)).encode(), stream=True, full_text=False)

    with pytest.raises(Failure, match=re.escape(text)):
        validate(request, Limits())


def test_an_empty_prompt_is_refused() -> None:
    """There is nothing to continue."""
    with pytest.raises(Failure, match="`inputs` cannot be empty"):
        validate(parse(b'{"inputs":""}', stream=False, full_text=False), Limits())


@pytest.mark.parametrize(
    ("raw", "status", "text"),
    [
        (b'{"inputs":"Hi', 400, "as JSON: Unterminated string"),
        (b'{"inputs":"\xff"}', 400, "as JSON: invalid value"),
        (b'{"inputs":"\\ud800"}', 400, "as JSON: invalid value"),
        (b'{"inputs":"Hi","parameters":{"temperature":NaN}}', 400, "as JSON: invalid value"),
        (b"[" * 100_000, 400, "as JSON: recursion limit exceeded"),
        (b"[]", 422, "into the target type: invalid type, expected a map"),
        (b"{}", 422, "into the target type: missing field `inputs`"),
        (b'{"inputs":[1]}', 422, "into the target type: inputs: invalid value, expected a string"),
        (b'{"inputs":"Hi","parameters":null}', 422, "parameters: invalid type"),
        (b'{"inputs":"Hi","parameters":{"stop":"a"}}', 422, "parameters.stop: invalid value"),
        (b'{"inputs":"Hi","parameters":{"do_sample":null}}', 422, "parameters.do_sample: invalid value"),
        (
            b'{"inputs":"Hi","parameters":{"top_k":true}}',
            422,
            "parameters.top_k: invalid value, expected i32",
        ),
        (b'{"inputs":"Hi","parameters":{"max_new_tokens":-1}}', 422, "expected u32"),
        (b'{"inputs":"Hi","parameters":{"temperature":1e999}}', 422, "expected f32"),
    ],
)
def test_a_body_that_is_no_request_is_answered_in_plain_text(raw: bytes, status: int, text: str) -> None:
    """The words tell what is wrong, and where, without repeating what people wrote."""
    with pytest.raises(BadBody, match=re.escape(text)) as refused:
        parse(raw, stream=False, full_text=False)

    assert refused.value.status == status


async def test_an_error_has_a_status_alone_and_is_an_event_in_a_stream(
    http: aiohttp.ClientSession, model: Model
) -> None:
    """A stream has said 200 before it looks at the request."""
    request = body(SUM, max_new_tokens=2027)
    error = {
        "error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 2048. "
        "Given: 22 `inputs` tokens and 2027 `max_new_tokens`",
        "error_type": "validation",
    }

    async with http.post(f"{model.url}/generate", json=request) as response:
        assert (response.status, await response.json()) == (422, error)
    assert await stream(http, model.url, request) == [error]


async def test_plain_text_errors_come_for_streams_too(http: aiohttp.ClientSession, model: Model) -> None:
    """They are found before the stream begins."""
    url, json_type = f"{model.url}/generate_stream", {"Content-Type": "application/json"}
    for data, headers, status in (
        (b"{", json_type, 400),
        (b"{}", json_type, 422),
        (b"{}", {"Content-Type": "text/plain"}, 415),
        (b'{"inputs":"%s"}' % (b"a" * 2_000_000), json_type, 413),
    ):
        async with http.post(url, data=BytesIO(data), headers=headers) as response:
            assert (response.status, response.content_type) == (status, "text/plain")
            assert await response.text()


# --- What is generated ---


def test_without_any_parameters_tokens_are_drawn_and_with_empty_ones_they_are_not() -> None:
    """TGI's own quirk; temperature 1 alone does not draw either, but every other warper does."""
    bare = parse(b'{"inputs":"Hi"}', stream=False, full_text=False)
    empty = parse(b'{"inputs":"Hi","parameters":{}}', stream=False, full_text=False)

    assert (bare.parameters.samples, empty.parameters.samples) == (True, False)
    assert not Parameters(temperature=1.0).samples
    assert all(p.samples for p in (Parameters(temperature=0.5), Parameters(top_k=3), Parameters(top_p=0.5)))


def test_the_prompt_and_the_answer_fill_the_window_and_no_more() -> None:
    """Without a wish the answer may take what is left; ``truncate`` keeps the end of the prompt."""
    ids = list(range(100))
    assert fit(ids, Parameters(), Limits()) == (ids, 1948)
    assert fit(ids, Parameters(max_new_tokens=1948), Limits()) == (ids, 1948)
    assert fit(ids, Parameters(truncate=3), Limits()) == ([97, 98, 99], 2045)
    with pytest.raises(Failure, match="Given: 100 `inputs` tokens and 1949 `max_new_tokens`"):
        fit(ids, Parameters(max_new_tokens=1949), Limits())
    with pytest.raises(Failure, match=r"must have less than 2047 tokens\. Given: 2048"):
        fit([0] * 2048, Parameters(), Limits())


def continued(*texts: str, stop: tuple[str, ...] = (), most: int = 10) -> Continuation:
    """What is left of `texts`, one token each, when generation ends where it should."""
    continuation = Continuation(most, stop)
    for count, text in enumerate(texts, start=1):
        if continuation.finish is None:
            continuation.take(Step(count, Token(count, text)))
    return continuation


def test_a_stop_sequence_counts_only_where_a_token_ends_with_it() -> None:
    """It stays in the text; inside a token it is not seen; one line break may follow it."""
    assert continued(" ok", "USER", ":", " more", stop=("USER:",)).text == " okUSER:"
    assert continued(" ok", "USER", ":\n", " more", stop=("USER:",)).finish == "stop_sequence"
    assert continued(" ok", "USER", ":\n\n", " more", stop=("USER:",)).text == " okUSER:\n\n more"


def test_of_several_reasons_to_end_the_length_comes_first() -> None:
    """A last allowed token that is the end-of-sequence token, or completes a stop sequence, is `length`."""
    assert continued("a", "b", stop=("b",), most=2).finish == "length"

    continuation = Continuation(2)
    continuation.take(Step(1, Token(1, "a")))
    assert continuation.take(Step(2, Token(2, "</s>", special=True)))[-1].special
    assert (continuation.finish, continuation.text) == ("length", "a")


def test_a_special_token_waits_until_it_is_known_whether_it_was_the_end() -> None:
    """A control token in the midst of a text ends nothing."""
    continuation = Continuation(10)
    control = Token(1, "<|im_start|>", special=True)
    assert continuation.take(Step(1, control)) == []
    assert continuation.take(Step(2, Token(2, "a"))) == [control, Token(2, "a")]
    assert continuation.take(Step(3, control)) == []
    assert continuation.take(Step(3, ended="eos")) == [control]
    assert (continuation.finish, continuation.text) == ("eos_token", "a")


async def test_the_last_allowed_token_may_be_the_end_of_sequence(
    http: aiohttp.ClientSession, model: Model
) -> None:
    """It is counted, flagged as special, and the reason is the length."""
    events = await stream(http, model.url, body(SUM, max_new_tokens=7, details=True))

    assert events[-1]["token"]["special"]
    assert events[-1]["details"]["finish_reason"] == "length"
    assert events[-1]["details"]["generated_tokens"] == 7


async def test_a_stop_sequence_stays_in_the_stream_and_in_the_text(
    http: aiohttp.ClientSession, model: Model
) -> None:
    """Also where it lets the model end long before a full window."""
    events = await stream(http, model.url, body(SUM, max_new_tokens=2026, stop=["nope", "="], details=True))

    assert [event["token"]["text"] for event in events] == SUM_TOKENS[:4]
    assert events[-1]["generated_text"] == "1+1 ="
    assert events[-1]["details"]["finish_reason"] == "stop_sequence"


async def test_a_character_of_several_tokens_has_its_text_on_the_last_one(
    http: aiohttp.ClientSession, model: Model
) -> None:
    """Each token is an event and counts; what was cut off inside a character has no text."""
    events = await stream(http, model.url, body(LLAMAS, max_new_tokens=5, details=True))

    assert [event["token"]["text"] for event in events] == ["", "", "🦙", "", ""]
    assert [event["index"] for event in events] == [1, 2, 3, 4, 5]
    assert [event["generated_text"] for event in events] == [None, None, None, None, "🦙"]
    assert events[-1]["details"]["generated_tokens"] == 5


async def test_the_same_seed_draws_the_same_tokens(http: aiohttp.ClientSession, model: Model) -> None:
    """The details tell the seed; without one each answer has its own."""
    drawn = {"max_new_tokens": 12, "temperature": 1.5, "details": True}
    first, again = [await generate(http, model.url, body("Once", seed=2**40 + 7, **drawn)) for _ in range(2)]
    other, another = [await generate(http, model.url, body("Once", **drawn)) for _ in range(2)]

    assert first == again
    assert first["details"]["seed"] == 2**40 + 7
    assert other["details"]["seed"] != another["details"]["seed"]


async def test_all_sampling_parameters_together_are_accepted(
    http: aiohttp.ClientSession, model: Model
) -> None:
    """Each of them has a counterpart in the engine."""
    wishes = {"temperature": 0.7, "top_k": 5, "top_p": 0.9, "typical_p": 0.9, "do_sample": True}
    penalties = {"repetition_penalty": 1.2, "frequency_penalty": 0.5, "truncate": 3}
    answer = await generate(http, model.url, body(SUM, max_new_tokens=3, details=True, **wishes, **penalties))

    assert answer["details"]["generated_tokens"] <= 3


# --- Many at once ---


async def test_thirty_requests_at_once_are_all_answered(http: aiohttp.ClientSession, model: Model) -> None:
    """Those that find no slot wait for one."""
    answers = await asyncio.gather(
        *(generate(http, model.url, body(SUM, max_new_tokens=3)) for _ in range(30))
    )

    assert answers == [{"generated_text": "1+1"}] * 30
    await reach(http, model.url, (0, 0))


async def test_a_full_server_refuses_at_once_and_a_client_that_leaves_frees_its_place(
    http: aiohttp.ClientSession, narrow: Model
) -> None:
    """429 alone, an event in a stream; the running request and the waiting one are both freed."""
    overloaded = {"error": "Model is overloaded", "error_type": "overloaded"}
    async with endless(http, narrow.url) as running:
        await running.content.readline()
        async with endless(http, narrow.url):
            await reach(http, narrow.url, (1, 1))
            async with http.post(f"{narrow.url}/generate", json=body(SUM)) as response:
                assert (response.status, await response.json()) == (429, overloaded)
            for request in (body(SUM), body(SUM, temperature=0)):  # nothing is looked at before
                assert await stream(http, narrow.url, request) == [overloaded]
        await reach(http, narrow.url, (0, 1))
    await reach(http, narrow.url, (0, 0))


async def test_the_engine_stops_for_a_client_that_left(http: aiohttp.ClientSession, narrow: Model) -> None:
    """The next answer is there long before the abandoned one could have been finished."""
    for _ in range(3):
        async with endless(http, narrow.url) as abandoned:
            await abandoned.content.readline()
    async with asyncio.timeout(10):
        answer = await generate(http, narrow.url, body(SUM, max_new_tokens=7))

    assert answer["generated_text"] == "1+1 = 2"


async def test_a_silent_stream_sends_comments() -> None:
    """So that nobody takes a waiting request for a dead one; events come through between them."""
    go_on = asyncio.Event()

    async def slow() -> AsyncGenerator[bytes, None]:
        yield b"first"
        await go_on.wait()
        yield b"second"

    chunks = commented(slow(), silence=0.001)
    assert await anext(chunks) == b"first"
    assert await anext(chunks) == b":\n\n"
    assert await anext(chunks) == b":\n\n"
    go_on.set()
    assert [chunk async for chunk in chunks if chunk != b":\n\n"] == [b"second"]


# --- A server's life ---


def test_a_busy_port_is_told_in_one_sentence(model: Model, tmp_path: Path) -> None:
    """Before the model is loaded, and with what to do."""
    port = model.url.rpartition(":")[2]
    second = Popen([sys.executable, "-m", "adapters.local_model", "--port", port], stderr=PIPE)
    _, said = second.communicate(timeout=30)

    assert said.decode() == f"Port {port} is already in use; choose another with --port.\n"
    assert second.returncode == 1


async def test_a_server_that_is_told_to_stop_ends_what_it_has_begun(
    http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """It takes nothing new, lets the running stream end, and exits with 0; its log has nobody's words."""
    server = Model(tmp_path / "log")
    async with http.post(f"{server.url}/generate_stream", json=body(ENDLESS, max_new_tokens=60)) as running:
        begun = await running.content.readline()
        stopping = asyncio.create_task(asyncio.to_thread(server.stop))
        await refused(server.url)
        events = read_events(begun + await running.read())

    assert events[-1]["generated_text"]
    assert await stopping == 0
    assert server.log == ""


async def test_the_model_server_of_a_data_directory_is_shared_and_ends_with_its_last_user(
    tmp_path: Path,
) -> None:
    """Its address is a unix socket; afterwards no socket and no process is left."""
    async with local_model.running(tmp_path) as url:
        pid = json.loads((tmp_path / "run" / "model.json").read_text())["pid"]
        async with local_model.running(tmp_path) as same:
            assert same == url
        socket = url.removeprefix("unix:")
        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(socket)) as http:
            answer = await generate(http, "http://model", body(SUM, max_new_tokens=20))
        assert answer == {"generated_text": "1+1 = 2"}

    await until(lambda: not runs(pid), 20)
    assert list((tmp_path / "run").glob("*.sock")) == []
