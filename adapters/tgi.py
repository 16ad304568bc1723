"""One replica of text-generation-inference (TGI) as a `core.ports.Backend`.

Contract: github.com/huggingface/text-generation-inference 3.3, router/src/{server,lib,validation}.rs.
Its docs/openapi.json says that a stream fails with status 422, 424 or 429; the code always answers 200
and puts the error into the first event. Here such an event is the HTTP error that it stands for.

The leading space of a continuation and stop sequences stay in the text: they are delivery's to cut.
"""

import asyncio
import contextlib
import io
import json
import math
import re
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from hashlib import blake2b
from typing import Self
from urllib.parse import SplitResult, unquote, urlsplit

import aiohttp
import structlog

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
from core.types import Delta, Finish, Limits, Sampling, Usage
from core.window import upper_bound

log = structlog.get_logger()

EVENT_STREAM = "text/event-stream"
MAX_EVENT = 4 * 1024 * 1024
"""Bytes of one event; the last one repeats the whole answer."""
MAX_ANSWER = 16 * 1024 * 1024
"""Bytes of the answer to a small question; ``/tokenize`` writes some 60 bytes per token."""
MAX_COMPLAINT = 64 * 1024
"""Bytes read of the body that comes with an error."""
TRANSPORT = (aiohttp.ClientError, OSError)
"""All that aiohttp raises for a connection; TimeoutError is an OSError."""
COUNTS_KEPT = 1024
COUNT_PAUSE = 10.0
"""Seconds without counting after the replica could not be reached for it."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait, in seconds.

    `first_token` runs from the request and covers the engine's queue; `next_token` is the time
    since the last token, which the keep-alive comments of a hung GPU do not prolong; `whole` is for
    one stream; `probe` is for the small questions (count, limits, health).
    """

    connect: float = 5.0
    first_token: float = 60.0
    next_token: float = 30.0
    whole: float = 600.0
    probe: float = 5.0


DEFAULT_TIMEOUTS = Timeouts()


class Tgi:
    """A TGI replica; a `core.ports.Backend` that owns one pool of connections.

    Make it inside a running event loop and close it: ``async with Tgi(url) as backend`` or `aclose`.
    `url` is ``http(s)://host:port[/prefix]`` or ``unix:/path``; `replica` names it without its
    credentials. Raises SettingsError for an address or a key that cannot be used.
    """

    def __init__(self, url: str, *, api_key: str = "", timeouts: Timeouts = DEFAULT_TIMEOUTS) -> None:
        address = _address(url)
        key = api_key.strip()
        if not (key.isascii() and key.isprintable()) or (key and address.authorization):
            raise SettingsError(
                "The model's API key cannot be used: it must be one line of ASCII, "
                "and its address may not have a user and password beside it."
            )
        self.replica = address.replica
        self._root = address.root
        authorization = f"Bearer {key}" if key else address.authorization
        self._secret = authorization.rpartition(" ")[2].encode()
        self._timeouts = timeouts
        self._session = aiohttp.ClientSession(
            connector=address.connector(),
            cookie_jar=aiohttp.DummyCookieJar(),
            # A timeout on reads would end requests that wait in the engine's queue.
            timeout=aiohttp.ClientTimeout(total=None, connect=timeouts.connect),
            headers={"Accept-Encoding": "identity"}
            | ({"Authorization": authorization} if authorization else {}),
        )
        self._max_stop = 4
        self._known_limits: Limits | None = None
        self._counts: OrderedDict[bytes, int] = OrderedDict()
        self._count_again_at = -math.inf
        self._logged_no_count = False

    def __repr__(self) -> str:
        return f"Tgi({self.replica!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection, those of running streams too."""
        await self._session.close()

    async def stream(self, prompt: str, params: Sampling) -> AsyncGenerator[Delta, None]:
        """See `core.ports.Backend`. After the first text every failure is a StreamBroken."""
        now = asyncio.get_running_loop().time
        limit = now() + self._timeouts.whole
        deadline = min(limit, now() + self._timeouts.first_token)
        said, events, body = Continuation(self.replica), EventParser(), None
        try:
            with self._errors():
                async with asyncio.timeout_at(deadline):
                    response = await self._open(prompt, params)
                body = _Body(response)
                said.prompt_tokens = _prompt_tokens(response)
                while chunk := await body.read(deadline):
                    for data in events.feed(chunk):
                        delta = said.take(data)
                        if delta is None:
                            continue
                        if delta.text or delta.finish:
                            yield delta
                        if delta.finish:
                            await body.drain()
                            return
                        deadline = min(limit, now() + self._timeouts.next_token)
                raise BackendFailed("the stream ended without its last event")
        except BackendError as error:
            if said.told:
                raise StreamBroken(error.detail, replica=self.replica) from error
            raise
        finally:
            if body is not None:
                body.close()

    async def count(self, text: str) -> int:
        """See `core.ports.Backend`; an upper bound where the replica cannot say. Raises nothing."""
        data = text.encode("utf-8", "replace")
        key = blake2b(data, digest_size=16).digest()
        tokens = self._counts.pop(key, 0) or await self._ask_count(text)
        if not tokens:
            return upper_bound(text)
        self._counts[key] = tokens  # at the end: the least recently asked is the first to go
        if len(self._counts) > COUNTS_KEPT:
            self._counts.popitem(last=False)
        return tokens

    async def limits(self) -> Limits:
        """See `core.ports.Backend`. What the replica does not say is taken as for a window of 2048."""
        if self._known_limits is None:
            info = await self._ask("GET", "/info")
            known = info if isinstance(info, dict) else {}
            self._max_stop = _natural(known.get("max_stop_sequences")) or self._max_stop
            self._known_limits = _limits(known)
        return self._known_limits

    async def health(self) -> bool:
        """Does the replica say that it can generate?"""
        try:
            with self._errors():
                await self._call("GET", "/health")
        except BackendError:
            return False
        return True

    async def _open(self, prompt: str, params: Sampling) -> aiohttp.ClientResponse:
        """The response whose body is the stream. Raises the BackendError of any other."""
        payload = {"inputs": prompt, "parameters": _parameters(params, self._max_stop)}
        response = await self._request("POST", "/generate_stream", payload)
        if response.status == 200 and response.content_type == EVENT_STREAM:
            return response
        try:
            raise await self._refusal(response)
        finally:
            response.close()

    async def _ask_count(self, text: str) -> int:
        """Tokens of `text` by ``/tokenize``, or 0 where it does not answer."""
        now = asyncio.get_running_loop().time()
        if now < self._count_again_at:
            return 0
        try:
            tokens = await self._ask("POST", "/tokenize", {"inputs": text})
            why = "not a list of tokens"
        except BackendUnavailable as error:
            self._count_again_at = now + COUNT_PAUSE  # a prompt is counted in many parts
            tokens, why = None, error.detail
        except BackendError as error:
            tokens, why = None, error.detail
        if isinstance(tokens, list) and tokens:
            return len(tokens)
        if not self._logged_no_count:
            self._logged_no_count = True
            log.warning("tgi.tokenize_unavailable", replica=self.replica, why=why)
        return 0

    async def _ask(self, method: str, path: str, payload: object = None) -> object:
        """The JSON that answers a small question. Raises BackendError."""
        with self._errors():
            answer = await self._call(method, path, payload)
            try:
                parsed: object = json.loads(answer)
            except (ValueError, RecursionError) as exc:
                raise BackendUnavailable(f"{path} did not answer in JSON") from exc
            return parsed

    async def _call(self, method: str, path: str, payload: object = None) -> bytes:
        async with asyncio.timeout(self._timeouts.probe):
            response = await self._request(method, path, payload)
            try:
                if response.status != 200:
                    raise await self._refusal(response)
                return await _read(response, MAX_ANSWER)
            finally:
                response.close()

    async def _request(self, method: str, path: str, payload: object = None) -> aiohttp.ClientResponse:
        # serde_json refuses escaped lone surrogates; UTF-8 replaces them.
        body = b"" if payload is None else json.dumps(payload, ensure_ascii=False).encode("utf-8", "replace")
        return await self._session.request(
            method,
            self._root + path,
            data=io.BytesIO(body) if body else None,  # bytes of more than 1 MiB would hold the loop up
            headers={"Content-Type": "application/json"},
            allow_redirects=False,  # the key goes to this address and no other
        )

    async def _refusal(self, response: aiohttp.ClientResponse) -> BackendError:
        body = b""
        with contextlib.suppress(*TRANSPORT):  # the status says enough
            async with asyncio.timeout(self._timeouts.probe):
                body = await _read(response, MAX_COMPLAINT)
        if self._secret:
            body = body.replace(self._secret, b"***")
        return refusal(response.status, response.content_type, body, response.headers.get("Retry-After"))

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        """Whatever fails inside becomes a BackendError that names this replica."""
        try:
            yield
        except TRANSPORT as exc:
            error = breakdown(exc)
            error.replica = self.replica
            raise error from _without_key(exc)
        except BackendError as error:
            error.replica = self.replica
            raise


class _Body:
    """The body of a stream, read piece by piece, each up to a deadline.

    One timer serves the whole stream and is moved only when it goes off: `asyncio.timeout` around
    each read would cost as much as all else that is done with a token.
    """

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self._loop = asyncio.get_running_loop()
        self._deadline = math.inf  # of the read under way
        self._late = False
        self._timer: asyncio.TimerHandle | None = None

    async def read(self, deadline: float) -> bytes:
        """The next bytes, or b"" at the end. Raises TimeoutError at `deadline`, in the loop's time."""
        self._deadline = deadline
        if self._timer is None or self._timer.when() > deadline:
            self._set_timer()
        try:
            return await self._response.content.readany()
        except aiohttp.ClientError as exc:
            if self._late:
                raise TimeoutError from exc
            raise
        finally:
            self._deadline = math.inf

    async def drain(self) -> None:
        """Read the end that follows the last event, so that the connection can serve the next request."""
        with contextlib.suppress(*TRANSPORT):
            async with asyncio.timeout(0.05):
                while await self._response.content.readany():
                    pass

    def close(self) -> None:
        """Let go; a body that was not read to its end takes its connection along."""
        self._response.close()
        if self._timer is not None:
            self._timer.cancel()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._deadline, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        if self._deadline <= self._loop.time():
            self._late = True
            self._response.close()
        elif self._deadline < math.inf:
            self._set_timer()


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """The body, or its first `limit` bytes (about)."""
    body = bytearray()
    while len(body) < limit and (chunk := await response.content.readany()):
        body += chunk
    return bytes(body)


def _prompt_tokens(response: aiohttp.ClientResponse) -> int:
    said = response.headers.get("x-prompt-tokens", "")
    return int(said) if said.isdecimal() else 0


class Continuation:
    """The events of one stream to its Deltas: which text is the answer, and how it ended.

    Sans-IO. `prompt_tokens` is what is known before the last event says it; `replica` is passed on.
    """

    def __init__(self, replica: str) -> None:
        self.prompt_tokens = 0
        self._replica = replica
        self._silent = Delta("", None, replica)
        self._pieces: list[str] = []
        self._held = ""
        self._tokens = 0

    @property
    def told(self) -> bool:
        """Has any text been handed out?"""
        return bool(self._pieces)

    def take(self, data: bytes) -> Delta | None:
        """The Delta of one event (its text may be empty), or None for what is not a token.

        Raises the BackendError of an error event; BackendFailed for an event that cannot be read.
        """
        try:
            event = json.loads(data.decode())
        except (ValueError, RecursionError) as exc:
            raise BackendFailed("an event of the stream is not JSON") from exc
        if not isinstance(event, dict) or event.get("error"):
            raise refusal(200, EVENT_STREAM, data)
        token, generated = event.get("token"), event.get("generated_text")
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
            return self._last(text, generated, event.get("details"))
        return Delta(text, None, self._replica) if text else self._silent

    def _settled(self, text: str) -> str:
        """`text` without unfinished characters.

        A character whose bytes span several tokens may come as lone U+FFFD pieces and then whole.
        Such pieces wait for what follows, and go when that is the character itself.
        """
        text = _unicode(text)
        if not text.strip("\ufffd"):
            self._held += text
            return ""
        held, self._held = self._held, ""
        return held + text if text[0].isascii() else text

    def _last(self, text: str, generated: object, details: object) -> Delta:
        rest = _undelivered("".join(self._pieces), generated) if isinstance(generated, str) else ""
        if rest:
            self._pieces.append(rest)
        known = details if isinstance(details, dict) else {}
        reason = known.get("finish_reason", "eos_token")
        if reason not in ("eos_token", "stop_sequence", "length"):
            raise BackendFailed(f"the engine ended with {str(reason)[:40]!r}")
        usage = Usage(
            _natural(known.get("input_length")) or self.prompt_tokens,
            _natural(known.get("generated_tokens")) or self._tokens,
        )
        return Delta(text + rest, Finish(reason, usage), self._replica)


def _undelivered(shown: str, generated: str) -> str:
    """What of `generated` the stream did not bring.

    Nothing, where `generated` is not longer than what was shown or tells another story: TGI gives
    "" for a text that was cut inside a character. It may lack the leading space of the stream.
    """
    if not shown:
        return _unicode(generated)
    told, whole = shown.lstrip(" "), _unicode(generated).lstrip(" ")
    return whole[len(told) :] if whole.startswith(told) else ""


def _unicode(text: str) -> str:
    """`text` with lone surrogates replaced: JSON can carry them, UTF-8 cannot."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _natural(value: object) -> int:
    """`value` if it is a positive whole number, else 0."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


class EventParser:
    """Bytes of a ``text/event-stream`` to the data of its events, wherever the bytes are cut.

    Source: WHATWG HTML, section "Server-sent events". Lines end in LF, CRLF or CR and in nothing
    else: text readers also split at U+2028, U+0085 and others, which TGI does not escape.
    """

    def __init__(self, max_event: int = MAX_EVENT) -> None:
        self._max_event = max_event
        self._rest = bytearray()
        self._after_cr = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """Data of the events that `chunk` completes. Raises BackendFailed for an event over the bound."""
        if self._after_cr or b"\r" in chunk:
            chunk = self._with_lf(chunk)
        if self._rest or not chunk.endswith(b"\n\n"):
            chunk = self._joined(chunk)
        return [data for block in chunk[:-2].split(b"\n\n") if (data := _data(block)) is not None]

    def _joined(self, chunk: bytes) -> bytes:
        """What is kept and `chunk` up to the last blank line; the rest is kept."""
        seen = max(len(self._rest) - 1, 0)  # a blank line may lie across two chunks
        self._rest += chunk
        end = self._rest.rfind(b"\n\n", seen) + 2
        if end < 2:
            if len(self._rest) > self._max_event:
                raise BackendFailed(f"an event of more than {self._max_event} bytes")
            return b""
        whole = bytes(self._rest[:end])
        del self._rest[:end]
        return whole

    def _with_lf(self, chunk: bytes) -> bytes:
        if not chunk:
            return chunk
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]  # the second half of a CRLF; its CR already ended the line
        self._after_cr = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _data(block: bytes) -> bytes | None:
    """Data of one event without its field names, or None for comments and other fields."""
    if block.startswith(b"data:") and b"\n" not in block:
        return block[5:].removeprefix(b" ")
    lines = [line[5:].removeprefix(b" ") for line in block.split(b"\n") if line.startswith(b"data:")]
    return b"\n".join(lines) if lines else None


_STATUS_OF_TYPE = {
    "overloaded": 429,
    "validation": 422,
    "template_error": 422,
    "missing_template_variable": 422,
    "tool_error": 422,
    "generation": 424,
    "incomplete_generation": 500,
    "incomplete_generation_stream": 500,
    "stream_serialization_error": 500,
    "healthcheck": 503,
}
_KIND_OF_STATUS: dict[int, type[BackendError]] = {
    401: BackendUnauthorized,
    403: BackendUnauthorized,
    408: BackendUnavailable,
    424: BackendFailed,
    429: BackendOverloaded,
    500: BackendFailed,
}
_HINT_OF_STATUS = dict.fromkeys((301, 302, 307, 308), "moved: set the new address") | {
    404: "no TGI at this address",
    405: "no TGI at this address",
}
_TOO_MANY_TOKENS = re.compile(r"`inputs`.*\btokens\b.*Given: \d")


def refusal(status: int, content_type: str, body: bytes, retry_after: str | None = None) -> BackendError:
    """The error that a response other than a good stream stands for: TGI's error table, whole.

    An error event of a stream comes here as status 200 with the event's data as `body`.
    `retry_after` is the header: seconds or an HTTP date.
    """
    error_type, said = _complaint(content_type, body)
    said = said or _HINT_OF_STATUS.get(status, "")
    in_stream = status == 200 and content_type == EVENT_STREAM
    meant = _STATUS_OF_TYPE.get(error_type, 424 if in_stream else status)
    detail = ": ".join(part for part in (f"{status} {error_type}".strip(), said) if part)
    return _kind(meant, content_type, said)(detail, retry_after=_seconds(retry_after))


def _kind(status: int, content_type: str, said: str) -> type[BackendError]:
    if status == 422 and _TOO_MANY_TOKENS.search(said):
        return PromptTooLong
    if status < 300 or (status >= 500 and content_type == "text/html"):
        return BackendUnavailable  # a gateway's page, or some other server
    return _KIND_OF_STATUS.get(status, BackendRejected if status < 500 else BackendUnavailable)


def _complaint(content_type: str, body: bytes) -> tuple[str, str]:
    """TGI's error type and the first line of its error text.

    Only what is known to be an error text goes on: another body might repeat the prompt.
    """
    if content_type == "text/plain":
        return "", _first_line(body.decode("utf-8", "replace"))
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return "", f"a body of type {content_type}" if body else ""
    error = answer.get("error") if isinstance(answer, dict) else None
    if not isinstance(error, str):
        return "", "JSON without an error text"
    error_type = answer.get("error_type")
    return error_type if error_type in _STATUS_OF_TYPE else "", _first_line(error)


def _first_line(text: str) -> str:
    line = text.strip().partition("\n")[0]
    return "".join(char for char in line if char.isprintable())[:200]


def _seconds(retry_after: str | None) -> float | None:
    if not retry_after:
        return None
    try:
        if retry_after.isdigit():
            return float(retry_after)
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def breakdown(exc: Exception) -> BackendError:
    """The error that a failure of the connection stands for.

    The detail names the failure and not the bytes it met: those may be an answer's.
    """
    if isinstance(exc, TimeoutError):
        return BackendUnavailable(f"{type(exc).__name__}: nothing came in time")
    reason = exc.strerror if isinstance(exc, OSError) else ""
    detail = f"{type(exc).__name__}: {reason}" if reason else type(exc).__name__
    if isinstance(exc, aiohttp.ClientPayloadError):
        return BackendFailed(detail)  # it was working on the request
    return BackendUnavailable(detail)


def _without_key(exc: Exception) -> Exception:
    """The same `exc`; the repr of a response error shows our request's headers, and so the API key."""
    if isinstance(exc, aiohttp.ClientResponseError):
        sent = exc.request_info.headers
        kept = sent.copy()
        kept.popall("Authorization", None)
        exc.request_info = exc.request_info._replace(headers=type(sent)(kept))
        exc.args = (exc.request_info, exc.history)
    return exc


def _parameters(params: Sampling, max_stop: int) -> dict[str, object]:
    """`params` as TGI accepts them.

    In TGI temperature, top_p or top_k alone switch sampling on, and their neutral values (0 or 1.0)
    are refused, so that greedy means to send none of them.
    """
    chosen: dict[str, object] = {
        "max_new_tokens": params.max_new_tokens,
        "do_sample": params.temperature > 0,
        "details": True,
        "stop": [stop for stop in params.stop if stop][:max_stop],
    }
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
    return chosen


def _limits(info: object) -> Limits:
    """Limits from the answer of ``/info``; where it does not say, those of the smallest usual model."""
    known = info if isinstance(info, dict) else {}
    window = _natural(known.get("max_total_tokens")) or 2048
    # `max_input_length` is the name before TGI 2.
    max_input = _natural(known.get("max_input_tokens")) or _natural(known.get("max_input_length"))
    return Limits(
        model=str(known.get("model_id") or "unknown"),
        window=window,
        max_input=min(max_input or window, max(window - 1, 1)),
        max_concurrent=_natural(known.get("max_concurrent_requests")) or 128,
    )


@dataclass(frozen=True, slots=True)
class _Address:
    """Where a replica listens: the URL of its root, its name, its socket file and its credentials."""

    root: str
    replica: str
    socket: str = ""
    authorization: str = field(default="", repr=False)

    def connector(self) -> aiohttp.BaseConnector:
        """A pool without a limit of its own: the slots of a replica bound its connections."""
        if self.socket:
            return aiohttp.UnixConnector(self.socket, limit=0)
        return aiohttp.TCPConnector(limit=0)


def _address(url: str) -> _Address:
    """Read a replica's address. Raises SettingsError with a sentence that shows no credentials."""
    url = url.strip()
    if url.startswith("unix:/"):
        path = "/" + url.removeprefix("unix:").lstrip("/")
        return _Address("http://localhost", f"unix:{path}", socket=path)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        (host or "").encode("idna")
    except ValueError:  # a port that is no number, half an IPv6 address, a name that cannot be one
        parts, host, port = SplitResult("", "", "", "", ""), None, None
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
        raise SettingsError(
            f"The model's address {url.rpartition('@')[2][:80]!r} is not understood. "
            "Write http://HOST:PORT, https://HOST:PORT/PREFIX or unix:/PATH/TO.sock."
        )
    host = f"[{host}]" if ":" in host else host
    place = f"{host}:{port or (443 if parts.scheme == 'https' else 80)}{parts.path.rstrip('/')}"
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    authorization = aiohttp.encode_basic_auth(user, password) if user or password else ""
    return _Address(f"{parts.scheme}://{place}", place, authorization=authorization)
