"""A stand-in for the engines with OpenAI's ``/v1/completions`` (vLLM, SGLang, llama.cpp), on loopback.

In a test::

    async with CompletionsStandIn("sglang", " Hello there.", faults=["rst@2"]) as server:
        ...  # as with tests.emulators.tgi.TgiStandIn

Shapes and sentences are those of vllm/entrypoints/openai (0.10 and later), of sglang/srt/entrypoints/openai
and of llama.cpp's tools/server; those of llama.cpp were seen on the wire. Faults of the connection and of
its bytes are those of the stand-in for TGI.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from aiohttp import web

from tests.emulators.tgi import (
    ANSWER,
    EOS,
    FAULTS,
    Asked,
    Exchange,
    Fault,
    Refused,
    Script,
    TgiStandIn,
    templated,
    tokens_of,
)

EngineName = Literal["vllm", "sglang", "llamacpp"]
MODEL = "jondurbin/airoboros-13b-gpt4"


@dataclass(frozen=True)
class _Engine:
    """What differs: how tokens are asked for, what a prompt may have, and how an error is written."""

    tokenize: str
    bos: tuple[str, bool]  # the key that adds BOS to what is tokenized, and its default
    found: str  # the key with the stop string that was found
    too_long: str
    flat: bool = False


ENGINES: Mapping[EngineName, _Engine] = {
    "vllm": _Engine(
        "prompt",
        ("add_special_tokens", True),
        "stop_reason",
        "This model's maximum context length is {window} tokens. However, you requested {new} output tokens "
        "and your prompt contains {tokens} input tokens, for a total of {total} tokens. Please reduce the "
        "length of the input prompt or the number of requested output tokens.",
    ),
    "sglang": _Engine(
        "prompt",
        ("add_special_tokens", True),
        "matched_stop",
        "Requested token count exceeds the model's maximum context length of {window} tokens. You requested "
        "a total of {total} tokens: {tokens} tokens from the input messages and {new} tokens for the "
        "completion.",
        flat=True,
    ),
    "llamacpp": _Engine(
        "content",
        ("add_special", False),
        "",
        "request ({tokens} tokens) exceeds the available context size ({window} tokens), try increasing it",
    ),
}


def _event(payload: object) -> bytes:
    return b"data: %s\n\n" % json.dumps(payload, separators=(",", ":")).encode()


DONE = b"data: [DONE]\n\n"
_TGI_OVERLOADED = {"message": "Model is overloaded", "http_status_code": 422}
"""TGI's own ``/v1/completions`` says 422 of every error in a stream, whatever it is."""


class Completion(Exchange):
    """One request for a completion; faults play on it."""

    tgi: "CompletionsStandIn"

    @property
    def engine(self) -> EngineName:
        return self.tgi.engine

    def chunk(self, text: str, reason: str | None = None, found: str | None = None) -> dict[str, Any]:
        choice: dict[str, Any] = {"index": 0, "text": text, "logprobs": None, "finish_reason": reason}
        if key := ENGINES[self.engine].found:
            choice[key] = found
        return {"id": "cmpl-1", "object": "text_completion", "model": MODEL, "choices": [choice]}

    def usage(self) -> dict[str, Any]:
        tokens = {"prompt_tokens": self.prompt_tokens, "completion_tokens": len(self.script.tokens)}
        return {"usage": tokens | {"total_tokens": sum(tokens.values())}}

    def told(self) -> list[dict[str, Any]]:
        """The chunks with text. llama.cpp sends none for a part of a character."""
        texts = [token.text for token in self.script.tokens if not token.special]
        return [self.chunk(text) for text in texts if text or self.engine != "llamacpp"]

    def end(self) -> dict[str, Any]:
        """How it ended, without the counts."""
        reason, _, found = self.script.finish.partition("=")
        return self.chunk("", "length" if reason == "length" else "stop", found or None)

    def events(self) -> list[bytes]:
        """llama.cpp counts in the chunk that says how it ended, the others in one of their own."""
        if self.engine == "llamacpp":
            ends = [self.end() | self.usage() | {"timings": {"predicted_n": len(self.script.tokens)}}]
        else:
            ends = [self.end(), self.chunk("") | {"choices": []} | self.usage()]
        return [*map(_event, [*self.told(), *ends]), DONE]

    def wrong(self, code: int, message: str, **more: object) -> dict[str, Any]:
        """An error as the body of a response."""
        error = {"message": message, "type": "SomeError", "param": None, "code": code, **more}
        return {"object": "error", **error} if ENGINES[self.engine].flat else {"error": error}

    def wrong_event(self, code: int | None, message: str) -> bytes:
        """An error once the stream has begun."""
        return _event({"error": {"message": message, "type": "SomeError", "param": None, "code": code}})

    def too_long(self, tokens: int = 2000, new: int = 512) -> str:
        """The sentence for a prompt over the window."""
        window = self.tgi.max_total_tokens
        return ENGINES[self.engine].too_long.format(window=window, tokens=tokens, new=new, total=tokens + new)


Chunks = Callable[[Any], Iterable[bytes]]


def _refuses(status: int, message: str) -> Fault:
    async def fault(x: Any) -> None:
        raise Refused(status, x.wrong(status, message))

    return fault


def _sends(chunks: Chunks) -> Fault:
    async def fault(x: Exchange) -> None:
        await x.send(chunks(x))

    return fault


def _midway(ending: Chunks) -> Fault:
    return _sends(lambda x: [*x.events()[: x.after], *ending(x)])


def _broken_after_end(breaking: Fault) -> Fault:
    async def fault(x: Any) -> None:
        await x.send([*map(_event, [*x.told(), x.end()])])
        await breaking(x)

    return fault


def _whole(*ends: Callable[[Any], object]) -> Fault:
    """All the text, then these payloads and ``[DONE]``."""
    return _sends(lambda x: [*map(_event, [*x.told(), *(end(x) for end in ends)]), DONE])


async def _too_long(x: Any) -> None:
    raise Refused(400, x.wrong(400, x.too_long()))


async def _repeats_the_prompt(x: Any) -> None:
    """vLLM's sentence for a request that its model of requests does not fit."""
    asked = {"type": "missing", "loc": ("body", "prompt"), "input": x.tgi.asked[-1].parameters}
    raise Refused(400, x.wrong(400, f"[{asked}]"))


def _counted(x: Completion) -> list[bytes]:
    """Counts with each chunk, as with ``continuous_usage_stats``."""
    return [*(_event(payload | x.usage()) for payload in [*x.told(), x.end()]), DONE]


def _end_with_text(x: Completion) -> list[bytes]:
    """vLLM may tell the last text and how it ended at once."""
    *told, last = x.told()
    last["choices"][0] |= {"finish_reason": "stop"}
    return [*map(_event, [*told, last, x.chunk("") | {"choices": []} | x.usage()]), DONE]


def _unknown_fields(x: Completion) -> list[bytes]:
    told = [_event(payload | {"metrics": {"a": [1]}, "sglext": None}) for payload in x.told()]
    return [*told, *(b"event: completion\nid: 7\n" + event for event in x.events()[len(told) :])]


_OF_THE_CONNECTION = (
    *("hang", "gateway_busy", "no_upstream", "unauthorized", "echo_key", "too_large", "bad_gateway"),
    *("gateway_timeout", "not_found", "moved", "login_page", "queued", "eof", "fin", "rst", "not_json"),
    *("stall", "stall_comments", "byte_by_byte", "coalesced", "no_space", "crlf", "commented", "gzip"),
)
_OF_THE_TEXT = ("cut_in_emoji", "empty_answer", "leading_space", "separators", "lone_surrogate")
KNOWN: Mapping[str, Fault] = {
    **{name: FAULTS[name] for name in (*_OF_THE_CONNECTION, *_OF_THE_TEXT)},
    # before the stream
    "overloaded": _refuses(503, "The request queue is full."),
    "loading": _refuses(503, "Loading model"),
    "too_long": _too_long,
    "bad_parameter": _refuses(400, "top_p must be in (0, 1], got 2.0."),
    "repeats_the_prompt": _repeats_the_prompt,
    "wrong_model": _refuses(404, "The model `other` does not exist."),
    "generation": _refuses(500, "Internal server error"),
    # a good status, then the error as the first event
    "overloaded_event": _sends(lambda x: [x.wrong_event(503, "The request queue is full."), DONE]),
    "too_long_event": _sends(lambda x: [x.wrong_event(400, x.too_long()), DONE]),
    "generation_event": _sends(lambda x: [x.wrong_event(500, "EngineCore died"), DONE]),
    "tgi_event": _sends(lambda x: [_event({"error": _TGI_OVERLOADED}), DONE]),
    "nameless_event": _sends(lambda x: [x.wrong_event(None, "it went wrong"), DONE]),
    # in mid-stream
    "generation_midway": _midway(lambda x: [x.wrong_event(500, "EngineCore died"), DONE]),
    "done_midway": _midway(lambda x: [DONE]),
    "aborted_midway": _midway(lambda x: [_event(x.chunk("", "abort")), DONE]),
    "cut_json": _midway(lambda x: [x.events()[0][:40]]),
    # how it ends
    "no_usage": _whole(Completion.end),
    "no_done": _sends(lambda x: x.events()[:-1]),
    "eof_after_end": _broken_after_end(_sends(lambda x: [])),
    "rst_after_end": _broken_after_end(FAULTS["rst"]),
    "stall_after_end": _broken_after_end(FAULTS["hang"]),
    "error_after_end": _broken_after_end(_sends(lambda x: [x.wrong_event(500, "EngineCore died"), DONE])),
    "more_after_end": _whole(Completion.end, lambda x: x.chunk(" more", "stop") | x.usage()),
    "more_after_done": _sends(lambda x: [b"".join([*x.events(), *x.events()])]),
    "counted": _sends(_counted),
    "end_with_text": _sends(_end_with_text),
    "unknown_fields": _sends(_unknown_fields),
}
"""All faults but "refused"; the names are those of the stand-in for TGI where the fault is the same."""


class CompletionsStandIn(TgiStandIn):
    """A replica with ``/v1/completions``; see `TgiStandIn` for what can be set and looked at."""

    known_faults: ClassVar[Mapping[str, Fault]] = KNOWN
    exchange = Completion
    generating = ("/v1/completions",)

    def __init__(
        self, engine: EngineName = "vllm", answer: str | Callable[[str], str] = ANSWER, **options: Any
    ) -> None:
        super().__init__(answer, **options)
        self.engine = engine
        self._detokenized = ""
        self._marks: dict[int, str] = {}  # the special tokens of its model
        self._spelt: dict[tuple[int, ...], str] = {}  # the text of tokens that llama.cpp was asked for

    def routes(self) -> list[web.RouteDef]:
        routes = [
            web.post("/v1/completions", self._complete),
            web.post("/tokenize", self._tokenize),
            web.get("/v1/models", self._models),
            web.get("/health", self._health),
        ]
        own = {
            "llamacpp": [web.get("/props", self._props)],
            "vllm": [web.get("/version", self._version), web.post("/detokenize", self._detokenize)],
        }
        return [*routes, *own.get(self.engine, ())]

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        prompt, new, stop = body["prompt"], body.get("max_tokens", 16), body.get("stop", [])
        if isinstance(prompt, list):
            prompt = self._spelt[tuple(prompt)]
        x = Completion(self, request, self._says(prompt, new, stop), len(self._prompt(prompt)))
        sampled = body.get("temperature", 1.0) > 0
        self.asked.append(
            Asked(request.path, dict(request.headers), prompt, body, sampled, x.prompt_tokens, new)
        )
        with self._slot():
            if fault := self._next_fault(request.path):
                await self._play(fault, x)
            else:
                self._check_length(x, new)
                await x.send(x.events())
        return x.response

    def _says(self, prompt: str, max_tokens: int, stop: list[str]) -> Script:
        """The model says its answer to its end, up to the first stop string, or to the limit."""
        text = self.answer if isinstance(self.answer, str) else self.answer(prompt)
        at, found = min(((text.find(end), end) for end in stop if end in text), default=(len(text), ""))
        tokens = tokens_of(text[:at])
        if len(tokens) >= max_tokens:
            return Script(tokens[:max_tokens], "", "length", "")
        return Script([*tokens, EOS], "", f"stop={found}", "")

    @staticmethod
    def _prompt(text: str) -> list[int]:
        return [1, *(token.id for token in tokens_of(text))]

    def _check_length(self, x: Completion, new: int) -> None:
        window = self.max_total_tokens
        longest = {"vllm": window - new, "sglang": window - new - 1, "llamacpp": window - 1}[self.engine]
        if x.prompt_tokens > longest:
            raise Refused(400, x.wrong(400, x.too_long(x.prompt_tokens, new)))

    async def _tokenize(self, request: web.Request) -> web.Response:
        body, engine = await request.json(), ENGINES[self.engine]
        if "messages" in body and self.engine == "vllm":
            body["prompt"] = self._detokenized = templated(body["messages"])
        content = body[engine.tokenize]
        if body.get("with_pieces"):
            pieces = [{"id": 90_000 + n, "piece": piece} for n, piece in enumerate(content.split("\n"))]
            self._marks = {each["id"]: each["piece"] for each in pieces}
            return web.json_response({"tokens": pieces})
        if isinstance(content, list):
            content = "".join(self._marks[part] if isinstance(part, int) else part for part in content)
        ids = self._prompt(content)
        key, default = engine.bos
        ids = ids if body.get(key, default) else ids[1:]
        if self.engine == "llamacpp":
            self._spelt[tuple(ids)] = content
            return web.json_response({"tokens": ids})
        return web.json_response({"count": len(ids), "max_model_len": self.max_total_tokens, "tokens": ids})

    async def _detokenize(self, request: web.Request) -> web.Response:
        """The text of the tokens that were told last: the toy tokenizer knows no way back."""
        assert (await request.json())["tokens"] == self._prompt(self._detokenized)
        return web.json_response({"prompt": self._detokenized})

    async def _models(self, request: web.Request) -> web.Response:
        card: dict[str, Any] = {"id": MODEL, "object": "model", "owned_by": self.engine}
        if self.engine != "llamacpp":
            card |= {"root": MODEL, "max_model_len": self.max_total_tokens}
        adapter = {"id": "some-adapter", "object": "model", "owned_by": self.engine, "parent": MODEL}
        return web.json_response(
            {"object": "list", "data": [card, adapter]} if self.info is None else self.info
        )

    async def _props(self, request: web.Request) -> web.Response:
        settings = {"n_ctx": self.max_total_tokens, "params": {"temperature": 0.8, "n_predict": -1}}
        return web.json_response(
            {
                "default_generation_settings": settings,
                "total_slots": self.max_concurrent,
                "build_info": "b6789-abc",
            }
        )

    async def _version(self, request: web.Request) -> web.Response:
        return web.json_response({"version": "0.11.2"})
