"""The routes of text-generation-inference on the embedded model, and what they answer.

Source of routes, headers and shapes: router/src/server.rs of huggingface/text-generation-inference 3.3.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from typing import Any

from aiohttp import web

from adapters.local_model.answer import Token, commented, dump, event
from adapters.local_model.engine import MODEL_ID
from adapters.local_model.failure import BadBody, Failure, unhealthy
from adapters.local_model.request import MAX_BODY, Request, parse
from adapters.local_model.service import Job, Service


def application(service: Service) -> web.Application:
    """The routes, on `service`."""
    api = _Api(service)
    app = web.Application(client_max_size=MAX_BODY, middlewares=[_failures_answered])
    app.add_routes(
        [
            web.get("/", api.health),
            web.get("/health", api.health),
            web.get("/info", api.info),
            web.get("/metrics", api.metrics),
            web.post("/", api.compat),
            web.post("/generate", api.generate),
            web.post("/generate_stream", api.generate_stream),
            web.post("/tokenize", api.tokenize),
        ]
    )
    return app


class _Api:
    def __init__(self, service: Service) -> None:
        self._service = service

    async def health(self, _: web.Request) -> web.Response:
        if not await self._service.engine.healthy():
            raise unhealthy()
        return web.Response()

    async def info(self, _: web.Request) -> web.Response:
        limits = self._service.limits
        return _json(
            {
                "model_id": MODEL_ID,
                "model_sha": None,
                "model_pipeline_tag": "text-generation",
                "max_concurrent_requests": limits.max_concurrent_requests,
                "max_best_of": 1,
                "max_stop_sequences": limits.max_stop_sequences,
                "max_input_tokens": limits.max_input_tokens,
                "max_total_tokens": limits.max_total_tokens,
                "validation_workers": 1,
                "max_client_batch_size": 1,
                "router": "chasqui",
                "version": "3.3.7",  # of the contract
                "sha": None,
                "docker_label": None,
            }
        )

    async def metrics(self, _: web.Request) -> web.Response:
        return web.Response(text=self._service.metrics.render())

    async def tokenize(self, http: web.Request) -> web.Response:
        request = await _read(http, stream=False)
        tokens, stop = [], 0
        for token, piece in await self._service.engine.pieces(request.inputs):
            start, stop = stop, stop + len(piece)  # in bytes
            tokens.append({"id": token, "text": _text(piece), "start": start, "stop": stop})
        return _json(tokens)

    async def generate(self, http: web.Request) -> web.Response:
        answer, headers = await self._answer(await _read(http, stream=False))
        return _json(answer, headers=headers)

    async def generate_stream(self, http: web.Request) -> web.StreamResponse:
        return await self._stream(http, await _read(http, stream=True))

    async def compat(self, http: web.Request) -> web.StreamResponse:
        request = await _read(http, stream=None, full_text=True)
        if request.stream:
            return await self._stream(http, request)
        answer, headers = await self._answer(request)
        return _json([answer], headers=headers)

    async def _answer(self, request: Request) -> tuple[dict[str, Any], dict[str, str]]:
        job = Job(request)
        async with aclosing(self._service.generate(job)) as tokens:
            async for _ in tokens:
                pass
        answer: dict[str, Any] = {"generated_text": job.text}
        if request.parameters.details or request.parameters.decoder_input_details:
            prefill = await self._prefill(job) if request.parameters.decoder_input_details else []
            generated = [token.payload() for token in job.continuation.tokens]
            answer["details"] = {**_details(job), "prefill": prefill, "tokens": generated}
        return answer, _headers(job)

    async def _prefill(self, job: Job) -> list[dict[str, Any]]:
        pieces = await self._service.engine.pieces(job.request.inputs)
        kept = pieces[len(pieces) - len(job.prompt) :]
        return [{"id": token, "text": _text(piece), "logprob": None} for token, piece in kept]

    async def _stream(self, http: web.Request, request: Request) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream",
                "Cache-Control": "no-cache",
                "X-Accel-Buffering": "no",
                "x-compute-type": "cpu",
                "x-compute-characters": str(len(request.inputs)),
            }
        )
        await response.prepare(http)
        with suppress(ConnectionResetError):  # the client has left
            async with (
                aclosing(self._events(Job(request))) as events,
                aclosing(commented(events)) as chunks,
            ):
                async for chunk in chunks:
                    await response.write(chunk)
            await response.write_eof()
        return response

    async def _events(self, job: Job) -> AsyncGenerator[bytes, None]:
        index = 0
        try:
            async with aclosing(self._service.generate(job)) as tokens:
                async for token in tokens:
                    index += 1
                    yield event(_token_payload(job, index, token))
        except Failure as failure:
            yield event(failure.payload())


@web.middleware
async def _failures_answered(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except BadBody as error:
        return web.Response(status=error.status, text=str(error))
    except Failure as failure:
        return _json(failure.payload(), status=failure.status)
    except (web.HTTPNotFound, web.HTTPMethodNotAllowed) as error:
        return web.Response(status=error.status)


async def _read(http: web.Request, *, stream: bool | None, full_text: bool = False) -> Request:
    if http.content_type != "application/json" and not http.content_type.endswith("+json"):
        raise BadBody(415, "Expected request with `Content-Type: application/json`")
    try:
        body = await http.read()
    except web.HTTPRequestEntityTooLarge:
        raise BadBody(413, "Failed to buffer the request body: length limit exceeded") from None
    return parse(body, stream=stream, full_text=full_text)


def _token_payload(job: Job, index: int, token: Token) -> dict[str, Any]:
    """What a stream says of the token number `index`, counted from 1; the last one says all."""
    last = job.continuation.finish is not None and index == len(job.continuation.tokens)
    details = {**_details(job), "input_length": len(job.prompt)}
    return {
        "index": index,
        "token": token.payload(),
        "generated_text": job.text if last else None,
        "details": details if last and job.request.parameters.details else None,
    }


def _details(job: Job) -> dict[str, Any]:
    done = job.continuation
    return {"finish_reason": done.finish, "generated_tokens": len(done.tokens), "seed": job.seed}


def _headers(job: Job) -> dict[str, str]:
    generated = len(job.continuation.tokens)
    seconds = {
        "x-total-time": job.ended - job.arrived,
        "x-validation-time": job.queued - job.arrived,
        "x-queue-time": job.begun - job.queued,
        "x-inference-time": job.ended - job.begun,
        "x-time-per-token": (job.ended - job.begun) / generated,
    }
    return {
        "x-compute-type": "cpu",
        "x-compute-time": str(job.ended - job.arrived),
        "x-compute-characters": str(len(job.request.inputs)),
        **{name: str(round(value * 1000)) for name, value in seconds.items()},
        "x-prompt-tokens": str(len(job.prompt)),
        "x-generated-tokens": str(generated),
    }


def _text(piece: bytes) -> str:
    """The text of a token; nothing where it is only a part of a character."""
    return piece.decode(errors="ignore")


def _json(payload: object, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(body=dump(payload), status=status, headers=headers, content_type="application/json")
