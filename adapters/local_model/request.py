"""What text-generation-inference takes: reading and validating the body of a request.

Source: router/src/{lib,validation}.rs of huggingface/text-generation-inference 3.3. What this server
cannot do is refused with a validation error, where TGI would pass over some of it in silence.
"""

import json
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from adapters.local_model.failure import BadBody, invalid

MAX_BODY = 2_000_000
"""Bytes of a request."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the server takes: tokens of prompt and answer together, requests at once, stop sequences."""

    max_total_tokens: int = 2048
    max_concurrent_requests: int = 32
    max_stop_sequences: int = 4

    @property
    def max_input_tokens(self) -> int:
        return self.max_total_tokens - 1


@dataclass(frozen=True, slots=True)
class Parameters:
    """The ``parameters`` of a request; None is what was not given."""

    best_of: int | None = None
    temperature: float | None = None
    repetition_penalty: float | None = None
    frequency_penalty: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    typical_p: float | None = None
    do_sample: bool = False
    max_new_tokens: int | None = None
    return_full_text: bool | None = None
    stop: tuple[str, ...] = ()
    truncate: int | None = None
    watermark: bool = False
    details: bool = False
    decoder_input_details: bool = False
    seed: int | None = None
    top_n_tokens: int | None = None
    grammar: object = None
    adapter_id: str | None = None

    @property
    def samples(self) -> bool:
        """Whether tokens are drawn; else the likeliest is taken (tokens.py, ``has_warpers``)."""
        warped = (self.top_k, self.top_p, self.typical_p) != (None, None, None)
        return self.do_sample or warped or self.temperature not in (None, 1.0)


@dataclass(frozen=True, slots=True)
class Request:
    """A well-formed request. `full_text`: the prompt comes back before the answer; `seed`: to draw with."""

    inputs: str
    parameters: Parameters
    stream: bool
    full_text: bool
    seed: int


def parse(body: bytes, *, stream: bool | None, full_text: bool) -> Request:
    """Read the body of a request. Raises BadBody.

    `stream` None leaves the choice to the body, as ``POST /`` does; `full_text` is the route's default
    of ``return_full_text``.
    """
    raw = _object(body)
    if "inputs" not in raw:
        raise _misfit("missing field `inputs`")
    inputs = _TEXT.read("inputs", raw["inputs"])
    if stream is None:
        stream = _BOOL.read("stream", raw.get("stream", False))
    # TGI's own quirk: no `parameters` at all means sampling, empty ones mean greedy.
    parameters = _parameters(raw["parameters"]) if "parameters" in raw else Parameters(do_sample=True)
    if parameters.return_full_text is not None:
        full_text = parameters.return_full_text
    seed = random.getrandbits(32) if parameters.seed is None else parameters.seed
    return Request(inputs, parameters, stream, full_text, seed)


def validate(request: Request, limits: Limits) -> None:
    """Apply every rule but those of length. Raises Failure."""
    for broken, text in (*_missing(request), *_broken(request, limits)):
        if broken:
            raise invalid(text)


def fit(ids: list[int], parameters: Parameters, limits: Limits) -> tuple[list[int], int]:
    """The ids to continue (under ``truncate`` the last ones) and how many tokens to add at most.

    Raises Failure when both together exceed the window.
    """
    kept = ids if parameters.truncate is None else ids[-parameters.truncate :]
    room = limits.max_total_tokens - len(kept)
    wanted = parameters.max_new_tokens
    if wanted is not None and wanted > room:
        raise invalid(
            f"`inputs` tokens + `max_new_tokens` must be <= {limits.max_total_tokens}. "
            f"Given: {len(kept)} `inputs` tokens and {wanted} `max_new_tokens`"
        )
    if room < 1:
        raise invalid(f"`inputs` must have less than {limits.max_input_tokens} tokens. Given: {len(kept)}")
    return kept, room if wanted is None else wanted


def _missing(request: Request) -> Iterator[tuple[bool, str]]:
    p = request.parameters
    if request.stream:
        yield p.best_of not in (None, 1), "`best_of` != 1 is not supported when streaming tokens"
        yield (
            p.decoder_input_details,
            "`decoder_input_details` == true is not supported when streaming tokens",
        )
    yield p.best_of not in (None, 1), "`best_of` != 1 is not allowed for this endpoint"
    yield p.top_n_tokens not in (None, 0), "`top_n_tokens` != 0 is not allowed for this endpoint"
    yield p.grammar is not None, "grammar is not supported"
    yield p.adapter_id is not None, "`adapter_id` is not supported by this server"
    yield p.watermark, "`watermark` is not supported by this server"


def _broken(request: Request, limits: Limits) -> Iterator[tuple[bool, str]]:
    p = request.parameters
    stops, longest = limits.max_stop_sequences, limits.max_input_tokens
    yield _given(p.temperature, lambda v: v <= 0), "`temperature` must be strictly positive"
    yield _given(p.repetition_penalty, lambda v: v <= 0), "`repetition_penalty` must be strictly positive"
    yield _given(p.frequency_penalty, lambda v: abs(v) > 2), "`frequency_penalty` must be >= -2.0 and <= 2.0"
    yield _given(p.top_p, lambda v: not 0 < v < 1), "`top_p` must be > 0.0 and < 1.0"
    yield _given(p.typical_p, lambda v: not 0 < v < 1), "`typical_p` must be > 0.0 and < 1.0"
    yield _given(p.top_k, lambda v: v <= 0), "`top_k` must be strictly positive"
    yield p.max_new_tokens == 0, "`max_new_tokens` must be strictly positive"
    yield len(p.stop) > stops, f"`stop` supports up to {stops} stop sequences. Given: {len(p.stop)}"
    yield request.inputs == "", "`inputs` cannot be empty"
    yield (
        _given(p.truncate, lambda v: not 0 < v <= longest),
        f"`truncate` must be strictly positive and less than {longest}. Given: {p.truncate}",
    )


def _given(value: float | None, broken: Callable[[float], bool]) -> bool:
    return value is not None and broken(value)


def _object(body: bytes) -> dict[str, Any]:
    try:
        text = body.decode()
        raw = json.loads(text, parse_constant=_no_json)
        json.dumps(raw, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError) as error:
        raise BadBody(400, f"Failed to parse the request body as JSON: {_reason(error)}") from None
    if not isinstance(raw, dict):
        raise _misfit("invalid type, expected a map")
    return raw


def _no_json(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def _reason(error: Exception) -> str:
    """What is wrong, without the text of the body."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at line {error.lineno} column {error.colno}"
    return "recursion limit exceeded" if isinstance(error, RecursionError) else "invalid value"


def _misfit(text: str) -> BadBody:
    return BadBody(422, f"Failed to deserialize the JSON body into the target type: {text}")


@dataclass(frozen=True, slots=True)
class _Kind:
    """A type of the contract: its name in Rust, and which JSON values are of it."""

    name: str
    fits: Callable[[Any], bool]
    optional: bool = False

    def read(self, path: str, value: Any) -> Any:
        if not (self.fits(value) or (self.optional and value is None)):
            raise _misfit(f"{path}: invalid value, expected {self.name}")
        return value


def _whole(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and low <= value <= high


_BOOL = _Kind("a boolean", lambda value: isinstance(value, bool))
_TEXT = _Kind("a string", lambda value: isinstance(value, str))
_F32 = _Kind("f32", lambda value: type(value) in (int, float) and math.isfinite(value), optional=True)
_U32 = _Kind("u32", _whole(0, 2**32 - 1), optional=True)
_USIZE = _Kind("usize", _whole(0, 2**64 - 1), optional=True)

_KINDS = {
    "best_of": _USIZE,
    "temperature": _F32,
    "repetition_penalty": _F32,
    "frequency_penalty": _F32,
    "top_k": _Kind("i32", _whole(-(2**31), 2**31 - 1), optional=True),
    "top_p": _F32,
    "typical_p": _F32,
    "do_sample": _BOOL,
    "max_new_tokens": _U32,
    "return_full_text": _Kind("a boolean", _BOOL.fits, optional=True),
    "stop": _Kind("a sequence", lambda value: isinstance(value, list) and all(map(_TEXT.fits, value))),
    "truncate": _USIZE,
    "watermark": _BOOL,
    "details": _BOOL,
    "decoder_input_details": _BOOL,
    "seed": _Kind("u64", _USIZE.fits, optional=True),
    "top_n_tokens": _U32,
    "grammar": _Kind("a grammar", lambda value: isinstance(value, dict), optional=True),
    "adapter_id": _Kind("a string", _TEXT.fits, optional=True),
}


def _parameters(raw: Any) -> Parameters:
    if not isinstance(raw, dict):
        raise _misfit("parameters: invalid type, expected struct GenerateParameters")
    known = {name: kind.read(f"parameters.{name}", raw[name]) for name, kind in _KINDS.items() if name in raw}
    return Parameters(**{**known, "stop": tuple(known.get("stop", ()))})
