"""The engines that speak OpenAI's ``/v1/completions``: vLLM, SGLang and llama.cpp's server.

Sources: vllm/entrypoints/{openai/completion,serve/tokenize}, sglang/srt/entrypoints/openai/
serving_{completions,tokenize}.py and llama.cpp's tools/server. They agree on the route and on the shape
of its events; where they differ, they differ as `_SERVERS` says.

Of them only llama.cpp can be told over HTTP that special tokens which a text spells out are text. There a
prompt is sent as the ids of its tokens, of which only those of the template are special: no word of anybody
can be one, not even of those that `core.prompt.neutralise` does not know.

Stop strings and special tokens do not come with the text. An event may bring text and how the stream
ended at once, the counts of tokens come with it or in an event of their own, and ``[DONE]`` is last.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from adapters.replica.client import DEFAULT_TIMEOUTS, Replica, Timeouts
from adapters.replica.engine import Ask, Engine, Prompt, Templated, natural, unicode
from adapters.replica.errors import event
from core.errors import BackendError, BackendFailed, BackendRejected
from core.prompt import marks
from core.types import Delta, Finish, Limits, Sampling, Usage


@dataclass(frozen=True, slots=True)
class _Server:
    """How one of the engines differs from the others.

    `text` is the name of the text for ``/tokenize``, and `as_prompt` what makes it count as the prompt
    does: with the token that begins a text where the model has one, and with special tokens where they are
    spelt out, or `by_ids` where they are ours. `penalty` is the name of the repetition penalty, and `reach`
    that of the tokens that it looks back on, where those are not all. Prompt and answer must leave `spare`
    tokens of the window. `pooled` says that a connection may be kept: each occupies a thread of llama.cpp's,
    which has few.
    """

    name: str
    text: str
    as_prompt: Mapping[str, bool]
    penalty: str
    reach: str
    spare: int
    by_ids: bool
    pooled: bool


_SPECIAL = {"add_special_tokens": True}
_SERVERS = {
    "vllm": _Server("vLLM", "prompt", _SPECIAL, "repetition_penalty", "", 0, by_ids=False, pooled=True),
    "sglang": _Server("SGLang", "prompt", _SPECIAL, "repetition_penalty", "", 1, by_ids=False, pooled=True),
    "llamacpp": _Server(
        "llama.cpp",
        "content",
        {"add_special": True, "parse_special": False},
        "repeat_penalty",
        "repeat_last_n",
        0,
        by_ids=True,
        pooled=False,
    ),
}
"""By what ``/v1/models`` calls the owner of a model; whoever is not known is taken for vLLM."""


class Completions(Replica):
    """A replica that is known to speak ``/v1/completions``."""

    def __init__(self, url: str, *, api_key: str = "", timeouts: Timeouts = DEFAULT_TIMEOUTS) -> None:
        super().__init__(url, [recognise], api_key=api_key, timeouts=timeouts)


async def recognise(ask: Ask, served: str = "") -> Engine:
    """The engine that serves the model `served`, or else the first of ``/v1/models``.

    vLLM lists its LoRA adapters behind the model; all that is listed has the first one's window and owner.
    """
    match await ask("/v1/models"):
        case {"data": [{"id": str(first), **card}, *others]}:
            models = [
                first,
                *(str(other["id"]) for other in others if isinstance(other, dict) and "id" in other),
            ]
        case _:
            raise BackendRejected("/v1/models names no model")
    if served and served not in models:
        raise BackendRejected(
            f"it serves no {served!r}: set CHASQUI_BACKEND__MODEL to one of {', '.join(models)}"
        )
    model, server = served or first, _SERVERS.get(str(card.get("owned_by")), _SERVERS["vllm"])
    window, slots, version, ids = card.get("max_model_len"), None, "", dict[str, int]()
    if server.name == "llama.cpp":
        props = await ask("/props")
        window, slots, version = _properties(props)
        ids = await _ids_of_marks(ask, props)
    elif server.name == "vLLM":
        version = await _version(ask)
    window = (natural(window) or 2048) - server.spare
    return Engine(
        name=server.name,
        limits=Limits(model, window, max_input=max(window - 1, 1), max_concurrent=natural(slots) or 128),
        path="/v1/completions",
        request=partial(_request, server, model, window),
        tokenize=lambda text: {"model": model, server.text: _parts(text, ids), **server.as_prompt},
        continuation=Continuation,
        by_ids=server.by_ids,
        pooled=server.pooled,
        version=version,
        templated=_templated(server, model),
    )


def _templated(server: _Server, model: str) -> Templated | None:
    """How a prompt is made of messages; SGLang tells nobody."""
    if server.name == "llama.cpp":
        return _applied
    return partial(_detokenized, model) if server.name == "vLLM" else None


async def _applied(ask: Ask, messages: Sequence[Mapping[str, str]]) -> str:
    """The prompt that llama.cpp makes of messages."""
    match await ask("/apply-template", {"messages": messages}):
        case {"prompt": str(prompt)}:
            return prompt
    raise BackendRejected("/apply-template renders no prompt")


async def _detokenized(model: str, ask: Ask, messages: Sequence[Mapping[str, str]]) -> str:
    """The prompt that vLLM makes of messages: it tells its tokens, and the text of tokens."""
    asked = {"model": model, "messages": messages, "add_generation_prompt": True}
    match await ask("/tokenize", asked):
        case {"tokens": list(tokens)}:
            match await ask("/detokenize", {"model": model, "tokens": tokens}):
                case {"prompt": str(prompt)}:
                    return prompt
    raise BackendRejected("/tokenize renders no prompt")


def _properties(props: object) -> tuple[object, object, str]:
    """The window of each of llama.cpp's slots, how many there are, and its build."""
    match props:
        case {"default_generation_settings": {"n_ctx": window}, "total_slots": slots, **more}:
            return window, slots, str(more.get("build_info") or "")
    return None, None, ""


async def _ids_of_marks(ask: Ask, props: object) -> dict[str, int]:
    """The special tokens of templates, ours and the model's, that are one token of this model's."""
    template = props.get("chat_template") if isinstance(props, dict) else None
    found = marks(template if isinstance(template, str) else "")
    content = {"content": "\n".join(sorted(found)), "parse_special": True, "with_pieces": True}
    match await ask("/tokenize", content):
        case {"tokens": list(tokens)}:
            known = (token for token in tokens if isinstance(token, dict))
            return {t["piece"]: t["id"] for t in known if t.get("piece") in found}
    raise BackendRejected("/tokenize tells no tokens")


def _parts(text: str, ids: Mapping[str, int]) -> str | list[str | int]:
    """A prompt cut at the special tokens that are ours: all else is text, whatever it spells."""
    if not ids:
        return text
    at_marks = re.split(f"({'|'.join(map(re.escape, ids))})", text)
    return [ids.get(part, part) for part in at_marks]


async def _version(ask: Ask) -> str:
    """The version of vLLM; whoever is only taken for it need not have one."""
    with suppress(BackendError):
        match await ask("/version"):
            case {"version": str(version)}:
                return version
    return ""


def _request(server: _Server, model: str, window: int, prompt: Prompt, params: Sampling) -> dict[str, Any]:
    """`prompt` and `params` as they accept them.

    The length, the temperature and the stops are always told: left to the engine, they would be 16 tokens
    or no end, and drawn.
    """
    body: dict[str, Any] = {
        "model": model,
        "prompt": prompt,
        "max_tokens": params.max_new_tokens,
        "temperature": params.temperature,
        "stop": [stop for stop in params.stop if stop],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if params.temperature > 0:
        if params.top_p is not None and 0 < params.top_p <= 1:
            body["top_p"] = params.top_p
        if params.top_k is not None and params.top_k > 0:
            body["top_k"] = params.top_k
        if params.seed is not None and params.seed >= 0:
            body["seed"] = params.seed
    if params.repetition_penalty is not None and params.repetition_penalty > 0:
        body |= {server.penalty: params.repetition_penalty} | ({server.reach: window} if server.reach else {})
    return body


class Continuation:
    """The events of ``/v1/completions``; see `adapters.replica.engine.Continuation`."""

    def __init__(self, replica: str) -> None:
        self.told = False
        self._replica = replica
        self._silent = Delta("", None, replica)
        self._reason = ""
        self._usage: Usage | None = None
        self._pieces = 0

    def take(self, data: bytes) -> Delta | None:
        if data == b"[DONE]":
            if not self._reason:
                raise BackendFailed("the stream is done without having said how it ended")
            return self.last()
        said = event(data)
        self._usage = _usage(said.get("usage")) or self._usage
        text = "" if self._reason else self._piece(said.get("choices"))
        if self._reason and self._usage:
            return Delta(text, Finish(self._reason, self._usage), self._replica)
        return Delta(text, None, self._replica) if text else self._silent

    def last(self) -> Delta | None:
        """Where the counts of tokens did not come, the events are counted."""
        if not self._reason:
            return None
        return Delta("", Finish(self._reason, self._usage or Usage(0, self._pieces)), self._replica)

    def _piece(self, choices: object) -> str:
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, dict):
            return ""
        self._reason = _reason(choice)
        self._pieces += 1
        text = choice.get("text")
        text = unicode(text) if isinstance(text, str) else ""
        self.told = self.told or bool(text)
        return text


def _reason(choice: Mapping[str, Any]) -> str:
    """How the stream ended, in TGI's words; "" while it goes on.

    vLLM and SGLang tell the stop string that they found. llama.cpp does not, so that with it every stop
    is taken for the end of the text.
    """
    reason = choice.get("finish_reason")
    if not reason:
        return ""
    if reason == "stop":
        found = choice.get("stop_reason") or choice.get("matched_stop")
        return "stop_sequence" if isinstance(found, str) else "eos_token"
    if reason != "length":
        raise BackendFailed(f"the engine ended with {str(reason)[:40]!r}")
    return "length"


def _usage(said: object) -> Usage | None:
    if not isinstance(said, dict):
        return None
    return Usage(natural(said.get("prompt_tokens")), natural(said.get("completion_tokens")))
