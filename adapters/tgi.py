"""text-generation-inference (TGI) as the engine of a replica.

Contract: github.com/huggingface/text-generation-inference 3.3, router/src/{server,lib,validation}.rs.
Its docs/openapi.json says that a stream fails with status 422, 424 or 429; the code always answers 200
and puts the error into the first event. Here such an event is the HTTP error that it stands for.

The leading space of a continuation and stop sequences stay in the text: they are delivery's to cut.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from adapters.replica.client import DEFAULT_TIMEOUTS, Replica, Timeouts
from adapters.replica.engine import Ask, Engine, Prompt, natural, unicode
from adapters.replica.errors import event
from core.errors import BackendFailed, BackendRejected
from core.types import Delta, Finish, Limits, Sampling, Usage

__all__ = ["Continuation", "Tgi", "Timeouts", "recognise"]


class Tgi(Replica):
    """A replica that is known to be TGI."""

    def __init__(self, url: str, *, api_key: str = "", timeouts: Timeouts = DEFAULT_TIMEOUTS) -> None:
        super().__init__(url, [recognise], api_key=api_key, timeouts=timeouts)


async def recognise(ask: Ask, served: str = "") -> Engine:
    """TGI is what names its model at ``/info``; `served` is a LoRA adapter that it has loaded beside it."""
    info = await ask("/info")
    if not isinstance(info, dict) or "model_id" not in info:
        raise BackendRejected("/info names no model")
    return Engine(
        name="TGI",
        limits=_limits(info),
        path="/generate_stream",
        request=partial(_request, natural(info.get("max_stop_sequences")) or 4, served),
        tokenize=lambda text: {"inputs": text},
        continuation=Continuation,
        version=str(info.get("version") or ""),
        templated=_templated,
    )


async def _templated(ask: Ask, messages: Sequence[Mapping[str, str]]) -> str:
    match await ask("/chat_tokenize", {"messages": messages}):
        case {"templated_text": str(prompt)}:
            return prompt
    raise BackendRejected("/chat_tokenize renders no prompt")


def _limits(info: dict[str, Any]) -> Limits:
    """Limits from the answer of ``/info``; where it does not say, those of the smallest usual model."""
    window = natural(info.get("max_total_tokens")) or 2048
    # `max_input_length` is the name before TGI 2.
    max_input = natural(info.get("max_input_tokens")) or natural(info.get("max_input_length"))
    return Limits(
        model=str(info.get("model_id") or "unknown"),
        window=window,
        max_input=min(max_input or window, max(window - 1, 1)),
        max_concurrent=natural(info.get("max_concurrent_requests")) or 128,
    )


def _request(max_stop: int, adapter: str, prompt: Prompt, params: Sampling) -> dict[str, Any]:
    """`prompt` and `params` as TGI accepts them.

    In TGI temperature, top_p or top_k alone switch sampling on, and their neutral values (0 or 1.0)
    are refused, so that greedy means to send none of them.
    """
    chosen: dict[str, object] = {
        "max_new_tokens": params.max_new_tokens,
        "do_sample": params.temperature > 0,
        "details": True,
        "stop": [stop for stop in params.stop if stop][:max_stop],
    }
    if adapter:
        chosen["adapter_id"] = adapter
    if params.temperature > 0:
        chosen["temperature"] = params.temperature
        if params.top_p is not None and 0 < params.top_p < 1:
            chosen["top_p"] = params.top_p
        if params.top_k is not None and params.top_k > 0:
            chosen["top_k"] = params.top_k
        if params.seed is not None and params.seed >= 0:
            chosen["seed"] = params.seed
    if params.repetition_penalty is not None and params.repetition_penalty > 0:
        chosen["repetition_penalty"] = params.repetition_penalty
    return {"inputs": prompt, "parameters": chosen}


class Continuation:
    """The events of ``/generate_stream``; see `adapters.replica.engine.Continuation`."""

    def __init__(self, replica: str) -> None:
        self._replica = replica
        self._silent = Delta("", None, replica)
        self._pieces: list[str] = []
        self._held = ""
        self._tokens = 0

    @property
    def told(self) -> bool:
        return bool(self._pieces)

    def take(self, data: bytes) -> Delta | None:
        said = event(data)
        token, generated = said.get("token"), said.get("generated_text")
        if not isinstance(token, dict):
            if generated is None:
                return None
            token = {}
        self._tokens += 1
        text = token.get("text")
        if not isinstance(text, str) or token.get("special"):
            text = ""
        if self._held or not text.isascii():
            text = self._settled(text)
        if text:
            self._pieces.append(text)
        if generated is not None:
            return self._ended(text, generated, said.get("details"))
        return Delta(text, None, self._replica) if text else self._silent

    def last(self) -> None:
        """Nothing: the event that says how a stream ended is its last."""

    def _settled(self, text: str) -> str:
        """`text` without unfinished characters.

        A character whose bytes span several tokens may come as lone U+FFFD pieces and then whole.
        Such pieces wait for what follows, and go when that is the character itself.
        """
        text = unicode(text)
        if not text.strip("\ufffd"):
            self._held += text
            return ""
        held, self._held = self._held, ""
        return held + text if text[0].isascii() else text

    def _ended(self, text: str, generated: object, details: object) -> Delta:
        rest = _undelivered("".join(self._pieces), generated) if isinstance(generated, str) else ""
        if rest:
            self._pieces.append(rest)
        known = details if isinstance(details, dict) else {}
        reason = known.get("finish_reason", "eos_token")
        if reason not in ("eos_token", "stop_sequence", "length"):
            raise BackendFailed(f"the engine ended with {str(reason)[:40]!r}")
        usage = Usage(
            natural(known.get("input_length")), natural(known.get("generated_tokens")) or self._tokens
        )
        return Delta(text + rest, Finish(reason, usage), self._replica)


def _undelivered(shown: str, generated: str) -> str:
    """What of `generated` the stream did not bring.

    Nothing, where `generated` is not longer than what was shown or tells another story: TGI gives
    "" for a text that was cut inside a character. It may lack the leading space of the stream.
    """
    if not shown:
        return unicode(generated)
    told, whole = shown.lstrip(" "), unicode(generated).lstrip(" ")
    return whole[len(told) :] if whole.startswith(told) else ""
