"""A stand-in for text-generation-inference (TGI): its HTTP contract, its slots and its faults, on loopback.

In a test::

    async with TgiStandIn(" Hello there.", faults=["stall"]) as tgi:
        ...  # a client of tgi.url; then look at tgi.asked, tgi.running, tgi.connections

As a process, which prints its URL as the first line of stdout::

    python -m tests.emulators.tgi --port 0 --fault stall --fault rst@0

Each next generation request takes one fault off `faults`; ``NAME@K`` lets K tokens through before a fault
in mid-stream (3 unless told). `always` maps a path to the fault of all its requests. Shapes and sentences
are those of router/src/{server,lib,validation}.rs in TGI 3.3, bytes those of axum 0.7.
"""

import argparse
import asyncio
import contextlib
import json
import re
import signal
import socket
import struct
import zlib
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

from aiohttp import web

from tests.emulators.prefix_cache import PrefixCache

EVENT_STREAM = "text/event-stream"
ANSWER = " The llama carries the message over the mountain, day and night."

# ---- what a model says ------------------------------------------------------------------------------


class Token(NamedTuple):
    """One token; of a character that takes several, all but the last have the text "", as in TGI."""

    id: int
    text: str
    special: bool = False


EOS = Token(2, "</s>", special=True)
_SPECIAL = {"<unk>": Token(0, "<unk>", special=True), "<s>": Token(1, "<s>", special=True), "</s>": EOS}
_PIECE = re.compile(r"</?s>|<unk>| ?[A-Za-z]{1,5}|\d| ?[!-~]|.", re.DOTALL)


def tokenize(text: str) -> list[tuple[str, Sequence[Token]]]:
    """A toy tokenizer: each piece of `text` with its tokens.

    Short pieces of words, single digits and signs are one token each, what is beyond ASCII its bytes.
    """
    return [(piece, _tokens(piece)) for piece in _PIECE.findall(text)]


@lru_cache(maxsize=1 << 16)
def _tokens(piece: str) -> tuple[Token, ...]:
    if piece in _SPECIAL:
        return (_SPECIAL[piece],)
    if piece.isascii():
        return (Token(259 + zlib.crc32(piece.encode()) % 31_741, piece),)
    *first, last = piece.encode("utf-8", "replace")
    return (*(Token(3 + byte, "") for byte in first), Token(3 + last, piece))


def tokens_of(text: str) -> list[Token]:
    """The tokens of `text`, without BOS."""
    return [token for _, tokens in tokenize(text) for token in tokens]


def count(prompt: str) -> int:
    """Tokens of a prompt as validation counts them: BOS included."""
    return 1 + len(tokens_of(prompt))


def templated(messages: Iterable[Mapping[str, str]]) -> str:
    """The prompt of a conversation by the model's chat template: Llama 3's, which says how a text begins."""
    said = "".join(
        f"<|start_header_id|>{m['role']}<|end_header_id|>\n\n{m['content']}<|eot_id|>" for m in messages
    )
    return f"<|begin_of_text|>{said}<|start_header_id|>assistant<|end_header_id|>\n\n"


@dataclass(frozen=True)
class Script:
    """What one stream says: its tokens, then `generated` and `finish` in the last event.

    `visible` is the text that a right client makes of it.
    """

    tokens: Sequence[Token]
    generated: str
    finish: str
    visible: str


def continuation(text: str, max_new_tokens: int, stop: Sequence[str] = ()) -> Script:
    """The model says `text` to its end, to a stop sequence at the end of a token, or to the limit."""
    said: list[Token] = []
    shown, finish = "", "length"
    for token in [*tokens_of(text), EOS][:max_new_tokens]:
        said.append(token)
        shown += "" if token.special else token.text
        if token is EOS or any(shown.endswith(end) for end in stop):
            finish = "eos_token" if token is EOS else "stop_sequence"
            break
    cut_in_a_character = said[-1:] != [] and not said[-1].text
    return Script(said, "" if cut_in_a_character else shown, finish, shown)


def _says(*texts: str, generated: str | None = None, finish: str = "eos_token", visible: str = "") -> Script:
    tokens = [Token(300 + index, text) for index, text in enumerate(texts)]
    shown = "".join(texts)
    return Script(
        [*tokens, EOS] if finish == "eos_token" else tokens,
        shown if generated is None else generated,
        finish,
        visible or shown,
    )


SCRIPTS = {
    "eos_special": _says(" Hello", " there", "."),
    "stop_left": _says(" Yes", ".", " USER", ":", finish="stop_sequence"),
    "stop_missed": _says(" ok", " USER", ":\n\n", "What", " else", "?"),
    "cut_in_emoji": _says(" Hello", " llama", " ", "", "", "", generated="", finish="length"),
    "empty_answer": _says(),
    "leading_space": _says(" Hello"),
    "separators": _says(" one\u2028two", "\u2029three\x85", "four\x0bfive"),
    "replacement_pieces": _says(
        " Look", ": ", "\ufffd", "", "", "🦙", "!", generated=" Look: 🦙!", visible=" Look: 🦙!"
    ),
    "replacement_at_end": _says(" Look: ", "\ufffd", "\ufffd", generated="Look: 🦙", visible=" Look: 🦙"),
    "generated_longer": _says(" Hello", generated=" Hello there.", visible=" Hello there."),
    "generated_unspaced": _says(" Hello", generated="Hello there.", visible=" Hello there."),
    "generated_only": _says(generated=" Hello there.", visible=" Hello there."),
    "plain_signs": _says(" Ask", " @everyone", ", <!channel>", " or", " </s>", " USER: and <|im_end|>"),
    "generated_differs": _says(" Hello", " there", ".", generated=" A quite different and longer story."),
    "lone_surrogate": _says(" a\ud83d", "b", visible=" a?b"),
    "over_1024": _says(*[" word"] * 1100),  # TGI makes it in two parts, which nobody sees
}
"""Faults of content by name: what the tokens and the text that the last event repeats can be."""


# ---- TGI's errors -----------------------------------------------------------------------------------


class Refused(Exception):
    """A request that TGI, or a gateway before it, answers with an error."""

    def __init__(self, status: int, body: Mapping[str, Any] | str, **headers: str) -> None:
        super().__init__(status)
        self.status = status
        self.body = body
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def response(self) -> web.Response:
        """The whole response; an empty body has no content type."""
        if not isinstance(self.body, str):
            return web.json_response(self.body, status=self.status, headers=self.headers)
        kind = {"": None, "<": "text/html"}.get(self.body[:1], "text/plain")
        return web.Response(
            status=self.status, body=self.body.encode(), content_type=kind, headers=self.headers
        )


def _error(error_type: str, message: str) -> dict[str, str]:
    return {"error": message, "error_type": error_type}


OVERLOADED = _error("overloaded", "Model is overloaded")
GENERATION = _error("generation", "Request failed during generation: Server error: CUDA out of memory.")
TOO_LONG = _error(
    "validation",
    "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 2048. "
    "Given: 2000 `inputs` tokens and 512 `max_new_tokens`",
)


def _event(payload: Mapping[str, Any]) -> bytes:
    """One event as axum writes it: a space after the colon, LF, nothing beyond ASCII escaped."""
    text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    return b"data: %s\n\n" % re.sub("[\ud800-\udfff]", lambda lone: f"\\u{ord(lone[0]):04x}", text).encode()


# ---- one stream and what can happen to it -----------------------------------------------------------


class Exchange:
    """One request for a stream; faults play on it."""

    def __init__(
        self, tgi: "TgiStandIn", request: web.Request, script: Script, prompt_tokens: int = 0
    ) -> None:
        self.tgi = tgi
        self.request = request
        self.script = script
        self.prompt_tokens = prompt_tokens
        self.after = 3
        self.batch = tgi.batch
        self.response = web.StreamResponse(
            headers={"Content-Type": EVENT_STREAM, "Cache-Control": "no-cache"}
        )

    def payloads(self) -> list[dict[str, Any]]:
        """The events of the whole right stream."""
        tokens = self.script.tokens or [EOS]
        events: list[dict[str, Any]] = [
            {
                "index": index,
                "token": token._asdict() | {"logprob": -0.12},
                "generated_text": None,
                "details": None,
            }
            for index, token in enumerate(tokens, 1)
        ]
        events[-1] |= {
            "generated_text": self.script.generated,
            "details": {
                "finish_reason": self.script.finish,
                "generated_tokens": len(tokens),
                "seed": None,
                "input_length": self.prompt_tokens,
            },
        }
        return events

    def events(self) -> list[bytes]:
        return [_event(payload) for payload in self.payloads()]

    async def send(self, chunks: Iterable[bytes], **headers: str) -> None:
        """Write each of `chunks` at the model's pace; the first call begins the response."""
        if not self.response.prepared:
            self.response.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
            await self.response.prepare(self.request)
        for chunk in chunks:
            if self.batch != self.tgi.batch:
                await self.response.write(_event(GENERATION))
                return
            await self.response.write(chunk)
            self.tgi.steps += 1
            await asyncio.sleep(self.tgi.token_delay)

    @property
    def transport(self) -> asyncio.Transport:
        transport = self.request.transport
        assert isinstance(transport, asyncio.Transport)
        return transport


Fault = Callable[[Exchange], Awaitable[None]]


def _refuses(status: int, body: Mapping[str, Any] | str, **headers: str) -> Fault:
    async def fault(x: Exchange) -> None:
        raise Refused(status, body, **headers)

    return fault


def _sends(chunks: Callable[[Exchange], Iterable[bytes]], **headers: str) -> Fault:
    async def fault(x: Exchange) -> None:
        await x.send(chunks(x), **headers)

    return fault


def _plays(script: Script) -> Fault:
    async def fault(x: Exchange) -> None:
        x.script = script
        await x.send(x.events())

    return fault


def _midway(ending: Fault) -> Fault:
    async def fault(x: Exchange) -> None:
        await x.send(x.events()[: x.after])
        await ending(x)

    return fault


async def _hang(x: Exchange) -> None:
    await asyncio.Event().wait()


async def _nothing(x: Exchange) -> None:
    """The chunked body ends as if all were well."""


async def _fin(x: Exchange) -> None:
    x.transport.close()


async def _rst(x: Exchange) -> None:
    sock = x.transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    x.transport.abort()


async def _comments(x: Exchange) -> None:
    """The keep-alive of axum, which comes although the GPU hangs; 15 s there, faster here."""
    while True:
        await x.send([b":\n\n"])
        await asyncio.sleep(0.02)


async def _queued(x: Exchange) -> None:
    """The engine is busy with others for a while, then all goes well."""
    for _ in range(40):
        await x.send([b":\n\n"])
        await asyncio.sleep(0.02)
    await x.send(x.events())


async def _echo_key(x: Exchange) -> None:
    raise Refused(403, f"{x.request.headers.get('Authorization')} may not use this model")


async def _batch(x: Exchange) -> None:
    """The batch runs out of memory, with all streams that are in it."""
    x.tgi.fail_batch()
    await x.send(x.events()[x.after :])


async def _drip(x: Exchange) -> None:
    """Hardly a token a second; faster here."""
    for event in x.events():
        await asyncio.sleep(0.1)
        await x.send([event])


def _edited(change: Callable[[list[dict[str, Any]]], None]) -> Fault:
    """The right stream with its events edited."""

    def chunks(x: Exchange) -> list[bytes]:
        payloads = x.payloads()
        change(payloads)
        return [_event(payload) for payload in payloads]

    return _sends(chunks)


def _null_logprobs(payloads: list[dict[str, Any]]) -> None:
    for payload in payloads:
        payload["token"]["logprob"] = None


def _huge_final(payloads: list[dict[str, Any]]) -> None:
    payloads[-1]["top_tokens"] = [{"id": 1, "text": "x" * 1000, "logprob": -1.0, "special": False}] * 300


def _unknown_fields(payloads: list[dict[str, Any]]) -> None:
    for payload in payloads:
        payload["new_in_4"] = {"a": [1]}
        payload["token"]["rank"] = 7
    payloads[-1]["details"]["matched_stop"] = None


def _no_details(payloads: list[dict[str, Any]]) -> None:
    payloads[-1]["details"] = None


def _aborted(payloads: list[dict[str, Any]]) -> None:
    payloads[-1]["details"]["finish_reason"] = "abort"


def _gzip(x: Exchange) -> Iterator[bytes]:
    packer = zlib.compressobj(wbits=31)
    for event in x.events():
        yield packer.compress(event) + packer.flush(zlib.Z_SYNC_FLUSH)
    yield packer.flush()


FAULTS: dict[str, Fault] = {
    # A. before the stream
    "hang": _hang,
    "overloaded": _refuses(429, OVERLOADED),
    "gateway_busy": _refuses(429, "no healthy upstream", Retry_After="2"),
    "no_upstream": _refuses(503, "no healthy upstream", Retry_After="2"),
    "too_long": _refuses(422, TOO_LONG),
    "bad_parameter": _refuses(
        422, _error("validation", "Input validation error: `top_p` must be > 0.0 and < 1.0")
    ),
    "bad_type": _refuses(
        422,
        "Failed to deserialize the JSON body into the target type: missing field `inputs` at line 1 column 2",
    ),
    "bad_json": _refuses(400, "Failed to parse the request body as JSON: expected value at line 1 column 1"),
    "unauthorized": _refuses(401, ""),
    "echo_key": _echo_key,
    "too_large": _refuses(413, "Failed to buffer the request body: length limit exceeded"),
    "no_content_type": _refuses(415, "Expected request with `Content-Type: application/json`"),
    "generation": _refuses(424, GENERATION),
    "incomplete": _refuses(500, _error("incomplete_generation", "Incomplete generation")),
    "bad_gateway": _refuses(502, "<html><head><title>502 Bad Gateway</title></head></html>"),
    "gateway_timeout": _refuses(504, "upstream request timeout"),
    "unhealthy": _refuses(503, _error("healthcheck", "unhealthy")),
    "not_found": _refuses(404, ""),
    "moved": _refuses(307, "", Location="https://elsewhere.invalid/generate_stream"),
    "login_page": _refuses(200, "<html><body>Please log in</body></html>"),
    # B. a good status, then the error as the first event
    "overloaded_event": _sends(lambda x: [_event(OVERLOADED)]),
    "too_long_event": _sends(lambda x: [_event(TOO_LONG)]),
    "generation_event": _sends(lambda x: [_event(GENERATION)]),
    "queued": _queued,
    # C. in mid-stream
    "generation_midway": _midway(_sends(lambda x: [_event(GENERATION)])),
    "incomplete_midway": _midway(
        _sends(lambda x: [_event(_error("incomplete_generation_stream", "Incomplete generation stream"))])
    ),
    "eof": _midway(_nothing),
    "fin": _midway(_fin),
    "rst": _midway(_rst),
    "cut_json": _midway(_sends(lambda x: [x.events()[-1][:40]])),
    "not_json": _midway(_sends(lambda x: [b"data: {'index': 4}\n\n"])),
    "stall": _midway(_hang),
    "stall_comments": _midway(_comments),
    "batch": _midway(_batch),
    "drip": _drip,
    # D. bytes
    "byte_by_byte": _sends(lambda x: [bytes([byte]) for byte in b"".join(x.events())]),
    "coalesced": _sends(lambda x: [b"".join(x.events())]),
    "no_space": _sends(lambda x: [b"data:" + event.removeprefix(b"data: ") for event in x.events()]),
    "crlf": _sends(lambda x: [event.replace(b"\n", b"\r\n") for event in x.events()]),
    "null_logprob": _edited(_null_logprobs),
    "huge_final": _edited(_huge_final),
    "unknown_fields": _edited(_unknown_fields),
    "no_details": _edited(_no_details),
    "aborted": _edited(_aborted),
    "done": _sends(lambda x: [*x.events(), b"data: [DONE]\n\n"]),
    "more_after_final": _sends(lambda x: [b"".join([*x.events(), *x.events(), _event(GENERATION)])]),
    "commented": _sends(lambda x: [b":\n\n" + event for event in x.events()]),
    "gzip": _sends(_gzip, Content_Encoding="gzip"),
    # D and E. content
    **{name: _plays(script) for name, script in SCRIPTS.items()},
}
"""All faults but "refused", which is the server's: see `TgiStandIn.refuse`."""


# ---- the server -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """One generation request as it came, and what TGI makes of it."""

    path: str
    headers: Mapping[str, str]
    prompt: str
    parameters: Mapping[str, Any]
    sampled: bool
    prompt_tokens: int
    max_new_tokens: int


INFO: dict[str, Any] = {
    "model_id": "jondurbin/airoboros-13b-gpt4",
    "model_sha": None,
    "model_pipeline_tag": "text-generation",
    "max_best_of": 2,
    "max_stop_sequences": 4,
    "validation_workers": 2,
    "max_client_batch_size": 4,
    "router": "text-generation-router",
    "version": "3.3.7",
    "sha": None,
    "docker_label": None,
}


class TgiStandIn:
    """A TGI replica on loopback, or on a Unix socket.

    `answer` is what the model says, or a function of the prompt; it is said as it stands, so begin it
    with a space as a real model does. `info` replaces the answer of ``/info``. Look at `asked`, `calls`
    (by path), `steps` (events written), `running` (slots in use), `dropped` (clients that left early),
    `prefixes` (the cache of `cached_tokens`), `connections` and `peers`.
    """

    known_faults: ClassVar[Mapping[str, Fault]] = FAULTS
    exchange: ClassVar[type[Exchange]] = Exchange
    generating: ClassVar[Sequence[str]] = ("/", "/generate", "/generate_stream")

    def __init__(
        self,
        answer: str | Callable[[str], str] = ANSWER,
        *,
        faults: Iterable[str] = (),
        always: Mapping[str, str] | None = None,
        token_delay: float = 0.0,
        max_concurrent: int = 128,
        max_total_tokens: int = 2048,
        api_key: str = "",
        info: Mapping[str, Any] | None = None,
        cached_tokens: int = 60_000,
        port: int = 0,
        socket_path: str = "",
    ) -> None:
        self.answer = answer
        self.faults = deque(faults)
        self.always = dict(always or {})
        for name in [*self.faults, *self.always.values()]:
            if name.partition("@")[0] not in self.known_faults and name != "refused":
                known = ", ".join(self.known_faults)
                raise ValueError(f"There is no fault {name!r}; there are: refused, {known}.")
        self.token_delay = token_delay
        self.max_concurrent = max_concurrent
        self.max_total_tokens = max_total_tokens
        self.api_key = api_key
        self.info = info
        self.asked: list[Asked] = []
        self.calls: Counter[str] = Counter()
        self.peers: set[object] = set()
        self.steps = self.running = self.dropped = 0
        self.batch = 0
        self.prefixes = PrefixCache(cached_tokens)
        self.unwell = False
        self._port, self._socket_path = port, socket_path
        self._site: web.SockSite | None = None

    # -- life

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/", self._root),
            web.post("/generate", self._generate),
            web.post("/generate_stream", self._generate_stream),
            web.post("/tokenize", self._tokenize),
            web.post("/chat_tokenize", self._chat_tokenize),
            web.get("/info", self._info),
            web.get("/health", self._health),
            web.get("/", self._health),
        ]

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[self._door], client_max_size=2_000_000)
        app.add_routes(self.routes())
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=0.05, keepalive_timeout=3600
        )
        await self._runner.setup()
        self._bind()
        if "refused" in self.faults:
            self.faults.remove("refused")
        else:
            await self.listen()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._runner.cleanup()
        self._socket.close()

    @property
    def url(self) -> str:
        """As a client's setting: ``http://127.0.0.1:PORT`` or ``unix:PATH``."""
        return f"unix:{self._socket_path}" if self._socket_path else f"http://127.0.0.1:{self._port}"

    def _bind(self) -> None:
        """Take the address without listening: whoever connects is refused, as before TGI's warm-up."""
        self._socket = socket.socket(socket.AF_UNIX if self._socket_path else socket.AF_INET)
        if self._socket_path:
            Path(self._socket_path).unlink(missing_ok=True)
            self._socket.bind(self._socket_path)
            return
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", self._port))
        self._port = self._socket.getsockname()[1]

    async def listen(self) -> None:
        """Be there (again)."""
        self._site = web.SockSite(self._runner, self._socket)
        await self._site.start()

    async def drain(self) -> None:
        """Refuse new connections, as after SIGTERM; what runs is answered to its end."""
        assert self._site is not None
        await self._site.stop()
        self._bind()

    async def refuse(self) -> None:
        """Be gone at once, running streams and all, and refuse new connections at the same address."""
        await self.drain()
        assert self._runner.server is not None
        for connection in list(self._runner.server.connections):
            connection.force_close()

    def fail_batch(self) -> None:
        """Fail at the next token: TGI then ends every stream that runs with the same error."""
        self.batch += 1
        self.unwell = True

    @property
    def connections(self) -> int:
        """Open connections, idle ones of a client's pool included."""
        assert self._runner.server is not None
        return len(self._runner.server.connections)

    # -- requests

    @web.middleware
    async def _door(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        self.calls[request.path] += 1
        self.peers.add(request.transport and request.transport.get_extra_info("peername"))
        try:
            if request.method == "POST":
                self._check_key(request)
            if request.path in self.always and request.path not in self.generating:
                x = self.exchange(self, request, continuation("", 0))
                await self._play(self.always[request.path], x)
                return x.response
            return await handler(request)
        except Refused as refused:
            return refused.response()
        except web.HTTPRequestEntityTooLarge:
            return Refused(413, "Failed to buffer the request body: length limit exceeded").response()
        except web.HTTPException as unknown:  # axum's 404 and 405 are empty
            return Refused(unknown.status, "").response()

    async def _generate_stream(self, request: web.Request) -> web.StreamResponse:
        asked = await self._read(request)
        fault = self._next_fault(request.path)
        x = Exchange(self, request, self._script(asked), asked.prompt_tokens)
        try:
            with self._slot():
                if fault:
                    await self._play(fault, x)
                else:
                    self._validate(asked)
                    with self._kept(asked.prompt):
                        await x.send(x.events())
        except Refused as refused:
            if fault:
                raise
            # The status 200 goes out before TGI looks at the request.
            await x.send([_event({} if isinstance(refused.body, str) else refused.body)])
        return x.response

    async def _generate(self, request: web.Request) -> web.StreamResponse:
        asked = await self._read(request)
        fault = self._next_fault(request.path)
        with self._slot():
            x = Exchange(self, request, self._script(asked), asked.prompt_tokens)
            if fault:
                await self._play(fault, x)
                return x.response
            self._validate(asked)
            await asyncio.sleep(self.token_delay * len(x.script.tokens))
        body: dict[str, Any] = {"generated_text": x.script.generated}
        if asked.parameters.get("details"):
            details = x.payloads()[-1]["details"] | {"prefill": []}
            del details["input_length"]
            body["details"] = details | {"tokens": [payload["token"] for payload in x.payloads()]}
        headers = {
            "x-prompt-tokens": str(asked.prompt_tokens),
            "x-generated-tokens": str(len(x.script.tokens)),
        }
        return web.json_response([body] if request.path == "/" else body, headers=headers)

    async def _root(self, request: web.Request) -> web.StreamResponse:
        body = await self._body(request)
        return await (self._generate_stream if body.get("stream") else self._generate)(request)

    async def _chat_tokenize(self, request: web.Request) -> web.Response:
        prompt = templated(json.loads(await request.read())["messages"])
        return web.json_response({"tokenize_response": self._tokens(prompt), "templated_text": prompt})

    async def _tokenize(self, request: web.Request) -> web.Response:
        return web.json_response(self._tokens((await self._read(request)).prompt))

    @staticmethod
    def _tokens(prompt: str) -> list[dict[str, object]]:
        tokens: list[dict[str, object]] = [{"id": 1, "text": "", "start": 0, "stop": 0}]
        start = 0
        for piece, ids in tokenize(prompt):
            tokens += [
                {"id": token.id, "text": piece, "start": start, "stop": start + len(piece)} for token in ids
            ]
            start += len(piece)
        return tokens

    async def _info(self, request: web.Request) -> web.Response:
        limits = {
            "max_concurrent_requests": self.max_concurrent,
            "max_input_tokens": self.max_total_tokens - 1,
            "max_total_tokens": self.max_total_tokens,
        }
        return web.json_response(INFO | limits if self.info is None else self.info)

    async def _health(self, request: web.Request) -> web.Response:
        """After an error TGI tries its model, and says what came of that."""
        if self.unwell:
            self.unwell = False
            raise Refused(503, _error("healthcheck", "unhealthy"))
        return web.Response()

    # -- what TGI does with a request

    def _check_key(self, request: web.Request) -> None:
        given = request.headers.get("Authorization", "")
        if self.api_key and given.lower() != f"bearer {self.api_key}".lower():
            raise Refused(401, "")

    async def _body(self, request: web.Request) -> dict[str, Any]:
        if request.content_type != "application/json":
            raise Refused(415, "Expected request with `Content-Type: application/json`")
        try:
            body = json.loads(await request.read())
        except ValueError:
            raise Refused(400, "Failed to parse the request body as JSON: expected value") from None
        wrong = "Failed to deserialize the JSON body into the target type: "
        if not isinstance(body, dict) or not isinstance(body.get("inputs"), str):
            raise Refused(422, wrong + "missing field `inputs`")
        if not isinstance(body.get("parameters", {}), dict):
            raise Refused(422, wrong + "parameters: invalid type")
        return body

    async def _read(self, request: web.Request) -> Asked:
        body = await self._body(request)
        # Without the key the defaults sample; with an empty one they do not.
        given = {
            name: value
            for name, value in body.get("parameters", {"do_sample": True}).items()
            if value is not None
        }
        prompt_tokens = count(body["inputs"])
        sampled = given.get("do_sample", False) or any(
            name in given for name in ("temperature", "top_k", "top_p", "typical_p")
        )
        limit = given.get("max_new_tokens", max(self.max_total_tokens - prompt_tokens, 0))
        asked = Asked(
            request.path, dict(request.headers), body["inputs"], given, sampled, prompt_tokens, limit
        )
        if request.path != "/tokenize":
            self.asked.append(asked)
        return asked

    def _script(self, asked: Asked) -> Script:
        """What is said: validation takes long answers as 1024 tokens, so the window may end them earlier."""
        text = self.answer if isinstance(self.answer, str) else self.answer(asked.prompt)
        room = max(self.max_total_tokens - asked.prompt_tokens, 0)
        return continuation(text, min(asked.max_new_tokens, room), asked.parameters.get("stop", ()))

    def _validate(self, asked: Asked) -> None:
        given, tokens, window = asked.parameters, asked.prompt_tokens, self.max_total_tokens
        new, stops = asked.max_new_tokens, len(given.get("stop", ()))
        too_long = (
            f"`inputs` tokens + `max_new_tokens` must be <= {window}. "
            f"Given: {tokens} `inputs` tokens and {new} `max_new_tokens`"
        )
        rules = [
            (given.get("temperature", 1.0) > 0, "`temperature` must be strictly positive"),
            (given.get("repetition_penalty", 1.0) > 0, "`repetition_penalty` must be strictly positive"),
            (0 < given.get("top_p", 0.5) < 1, "`top_p` must be > 0.0 and < 1.0"),
            (0 < given.get("typical_p", 0.5) < 1, "`typical_p` must be > 0.0 and < 1.0"),
            (given.get("top_k", 1) > 0, "`top_k` must be strictly positive"),
            (given.get("max_new_tokens") != 0, "`max_new_tokens` must be strictly positive"),
            (stops <= 4, f"`stop` supports up to 4 stop sequences. Given: {stops}"),
            (asked.prompt != "", "`inputs` cannot be empty"),
            (tokens + min(new, 1024) <= window, too_long),
            (tokens < window, f"`inputs` must have less than {window - 1} tokens. Given: {tokens}"),
        ]
        for kept, sentence in rules:
            if not kept:
                raise Refused(422, _error("validation", f"Input validation error: {sentence}"))

    @contextlib.contextmanager
    def _slot(self) -> Iterator[None]:
        if self.running >= self.max_concurrent:
            raise Refused(429, OVERLOADED)
        self.running += 1
        try:
            yield
        except (asyncio.CancelledError, ConnectionError):
            self.dropped += 1
            raise
        finally:
            self.running -= 1

    @contextlib.contextmanager
    def _kept(self, prompt: str) -> Iterator[None]:
        """Use the prefix cache, which has the prompt once its request is freed."""
        ids = [1, *(token.id for token in tokens_of(prompt))]
        self.prefixes.look_up(ids)
        try:
            yield
        finally:
            self.prefixes.keep(ids)

    def _next_fault(self, path: str) -> str:
        if path in self.always:
            return self.always[path]
        return self.faults.popleft() if self.faults else ""

    async def _play(self, name: str, x: Exchange) -> None:
        name, _, after = name.partition("@")
        x.after = int(after) if after else x.after
        self.unwell = self.unwell or name.startswith("generation")
        await self.known_faults[name](x)


async def _serve(options: argparse.Namespace) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with TgiStandIn(
        options.answer,
        faults=options.fault,
        always=dict(pair.split("=", 1) for pair in options.always),
        token_delay=options.token_delay,
        max_concurrent=options.max_concurrent,
        max_total_tokens=options.max_total_tokens,
        api_key=options.api_key,
        port=options.port,
    ) as tgi:
        print(tgi.url, flush=True)
        await stopped.wait()


def main() -> None:
    """``python -m tests.emulators.tgi``; stops at SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="tests.emulators.tgi", description="A stand-in for TGI, with faults."
    )
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--answer", default=ANSWER)
    parser.add_argument("--fault", action="append", default=[], metavar="NAME[@K]", help=", ".join(FAULTS))
    parser.add_argument(
        "--always", action="append", default=[], metavar="PATH=NAME", help="fault of every request"
    )
    parser.add_argument("--token-delay", type=float, default=0.0, help="seconds")
    parser.add_argument("--max-concurrent", type=int, default=128)
    parser.add_argument("--max-total-tokens", type=int, default=2048)
    parser.add_argument("--api-key", default="")
    try:
        asyncio.run(_serve(parser.parse_args()))
    except ValueError as wrong:
        parser.error(str(wrong))


if __name__ == "__main__":
    main()
