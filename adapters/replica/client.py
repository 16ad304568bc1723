"""One replica as a `core.ports.Backend`: its connections, its time, and what it said before."""

import asyncio
import contextlib
import io
import json
import math
from collections import OrderedDict
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any, Self

import aiohttp
import structlog

from adapters.replica.address import address
from adapters.replica.body import Body, read
from adapters.replica.engine import Engine, Prompt, Recognise
from adapters.replica.errors import TRANSPORT, breakdown, refusal, without_key
from adapters.replica.events import EVENT_STREAM, EventParser
from core.errors import BackendError, BackendFailed, BackendRejected, BackendUnavailable, StreamBroken
from core.own_template import learn
from core.prompt import Say
from core.types import Delta, Limits, Sampling
from core.window import upper_bound

log = structlog.get_logger()

MAX_ANSWER = 16 * 1024 * 1024
"""Bytes of the answer to a small question; TGI's ``/tokenize`` writes some 60 bytes per token."""
MAX_COMPLAINT = 64 * 1024
"""Bytes read of the body that comes with an error."""
COUNTS_KEPT = 2048
"""Counts of texts, of some 200 bytes each: those of the turns of some hundred threads."""
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


class Replica:
    """A replica of one of several engines; a `core.ports.Backend` that owns one pool of connections.

    Make it inside a running event loop and close it: ``async with Replica(...) as backend`` or `aclose`.
    `url` is ``http(s)://host:port[/prefix]`` or ``unix:/path``; `replica` names it without its
    credentials. Which of `engines` it is, it is asked when it is first needed, and with `own_template` also
    for the chat template of its model. Raises SettingsError for an address or a key that cannot be used.
    """

    def __init__(
        self,
        url: str,
        engines: Sequence[Recognise],
        *,
        api_key: str = "",
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
        own_template: bool = False,
    ) -> None:
        place = address(url, api_key)
        self.replica = place.replica
        self._root = place.root
        self._secret = place.authorization.rpartition(" ")[2].encode()
        self._timeouts = timeouts
        self._session = aiohttp.ClientSession(
            connector=place.connector(),
            cookie_jar=aiohttp.DummyCookieJar(),
            # A timeout on reads would end requests that wait in the engine's queue.
            timeout=aiohttp.ClientTimeout(total=None, connect=timeouts.connect),
            headers={"Accept-Encoding": "identity", "Content-Type": "application/json"}
            | ({"Authorization": place.authorization} if place.authorization else {}),
        )
        self._engines = engines
        self._own_template = own_template
        self._engine: Engine | None = None
        self._counts: OrderedDict[bytes, int] = OrderedDict()
        self._count_again_at = -math.inf
        self._logged_no_count = False

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.replica!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection, those of running streams too."""
        await self._session.close()

    async def engine(self) -> Engine:
        """What answers here. Raises BackendError; once it is known it is not asked again."""
        if self._engine is None:
            with self._errors():
                engine = await self._recognised()
                self._engine = await self._templated(engine) if self._own_template else engine
        return self._engine

    async def limits(self) -> Limits:
        """See `core.ports.Backend`."""
        return (await self.engine()).limits

    async def stream(self, prompt: str, params: Sampling) -> AsyncGenerator[Delta, None]:
        """See `core.ports.Backend`. After the first text every failure is a StreamBroken."""
        now = asyncio.get_running_loop().time
        limit = now() + self._timeouts.whole
        deadline = min(limit, now() + self._timeouts.first_token)
        events, said, body = EventParser(), None, None
        try:
            with self._errors():
                async with asyncio.timeout_at(deadline):
                    engine = await self.engine()
                    sent = await self._tokens(engine, prompt) if engine.by_ids else prompt
                    body = Body(await self._open(engine, sent, params))
                said = engine.continuation(self.replica)
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
            if said and (last := said.last()):
                yield last
            elif said and said.told:
                raise StreamBroken(error.detail, replica=self.replica) from error
            else:
                raise
        finally:
            if body is not None:
                body.close()

    async def count(self, text: str) -> int:
        """See `core.ports.Backend`; an upper bound where the replica cannot say. Raises nothing."""
        key = blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()
        tokens = self._counts.pop(key, None)
        if tokens is None and (tokens := await self._ask_count(text)) is None:
            return upper_bound(text)
        self._counts[key] = tokens  # at the end: the least recently asked is the first to go
        if len(self._counts) > COUNTS_KEPT:
            self._counts.popitem(last=False)
        return tokens

    async def health(self) -> bool:
        """Does the replica say that it can generate?"""
        try:
            with self._errors():
                await self._call("/health")
        except BackendError:
            return False
        return True

    async def _recognised(self) -> Engine:
        *others, last = self._engines
        for recognise in others:
            with contextlib.suppress(BackendRejected):
                return await recognise(self._ask)
        return await last(self._ask)

    async def _templated(self, engine: Engine) -> Engine:
        """The engine with the template of its model."""
        if (templated := engine.templated) is None:
            raise BackendRejected(
                f"{engine.name} does not tell its chat template: set CHASQUI_BACKEND__PROFILE to another"
            )

        async def rendered(says: Sequence[Say], system: str) -> str:
            messages = [{"role": say.role, "content": say.text or ""} for say in says]
            return await templated(
                self._ask, [{"role": "system", "content": system}, *messages] if system else messages
            )

        return replace(engine, limits=replace(engine.limits, template=await learn(rendered)))

    async def _open(self, engine: Engine, prompt: Prompt, params: Sampling) -> aiohttp.ClientResponse:
        """The response whose body is the stream. Raises the BackendError of any other."""
        response = await self._request(engine.path, engine.request(prompt, params), params.trace)
        if response.status == 200 and response.content_type == EVENT_STREAM:
            return response
        try:
            raise await self._refusal(response)
        finally:
            response.close()

    async def _ask_count(self, text: str) -> int | None:
        """Tokens of `text` by ``/tokenize``, or None where it does not answer."""
        now = asyncio.get_running_loop().time()
        if now < self._count_again_at:
            return None
        try:
            with self._errors():
                return len(await self._tokens(await self.engine(), text))
        except BackendUnavailable as error:
            self._count_again_at = now + COUNT_PAUSE  # a prompt is counted in many parts
            why = error.detail
        except BackendError as error:
            why = error.detail
        if not self._logged_no_count:
            self._logged_no_count = True
            log.warning("replica.tokenize_unavailable", replica=self.replica, why=why)
        return None

    async def _tokens(self, engine: Engine, text: str) -> list[Any]:
        """The tokens of `text` as a prompt, in the shape in which the engine gives them."""
        answer = await self._ask("/tokenize", engine.tokenize(text))
        tokens = answer.get("tokens") if isinstance(answer, dict) else answer
        if not isinstance(tokens, list):
            raise BackendFailed("/tokenize gives no list of tokens")
        return tokens

    async def _ask(self, path: str, payload: object = None) -> object:
        """The JSON that answers a small question."""
        answer = await self._call(path, payload)
        try:
            parsed: object = json.loads(answer)
        except (ValueError, RecursionError) as exc:
            raise BackendUnavailable(f"{path} did not answer in JSON") from exc
        return parsed

    async def _call(self, path: str, payload: object = None) -> bytes:
        async with asyncio.timeout(self._timeouts.probe):
            response = await self._request(path, payload)
            try:
                if response.status != 200:
                    raise await self._refusal(response)
                return await read(response, MAX_ANSWER)
            finally:
                response.close()

    async def _request(self, path: str, payload: object = None, trace: str = "") -> aiohttp.ClientResponse:
        # serde_json refuses escaped lone surrogates; UTF-8 replaces them.
        body = b"" if payload is None else json.dumps(payload, ensure_ascii=False).encode("utf-8", "replace")
        pooled = self._engine is None or self._engine.pooled
        return await self._session.request(
            "POST" if body else "GET",
            self._root + path,
            data=io.BytesIO(body) if body else None,  # bytes of more than 1 MiB would hold the loop up
            # TGI and vLLM trace under what the W3C header names.
            headers=({} if pooled else {"Connection": "close"}) | ({"traceparent": trace} if trace else {}),
            allow_redirects=False,  # the key goes to this address and no other
        )

    async def _refusal(self, response: aiohttp.ClientResponse) -> BackendError:
        body = b""
        with contextlib.suppress(*TRANSPORT):  # the status says enough
            async with asyncio.timeout(self._timeouts.probe):
                body = await read(response, MAX_COMPLAINT)
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
            raise error from without_key(exc)
        except BackendError as error:
            error.replica = self.replica
            raise
