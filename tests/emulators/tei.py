"""A text-embeddings-inference server, for tests.

API: https://huggingface.github.io/text-embeddings-inference
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from aiohttp import web
from aiohttp.test_utils import TestServer


class Server:
    """What text-embeddings-inference answers: counts of letters as vectors, after `busy` times no."""

    def __init__(self, model: str = "intfloat/e5-small-v2", *, slow: bool = False) -> None:
        self.model, self.busy, self.status, self.slow = model, 0, 503, slow
        self.texts: list[str] = []
        self.keys: list[str | None] = []

    async def info(self, request: web.Request) -> web.Response:
        """GET /info."""
        while self.slow:
            await asyncio.sleep(0.01)
        return web.json_response({"model_id": self.model, "model_dtype": "float16"})

    async def embed(self, request: web.Request) -> web.Response:
        """POST /embed."""
        self.keys.append(request.headers.get("Authorization"))
        if self.busy:
            self.busy -= 1
            return web.json_response({"error": "Model is overloaded"}, status=self.status)
        texts = (await request.json())["inputs"]
        self.texts += texts
        return web.json_response([[text.count(letter) / 10 for letter in "abcde"] for text in texts])


@contextlib.asynccontextmanager
async def serving(server: Server) -> AsyncIterator[str]:
    """Its address."""
    app = web.Application()
    app.add_routes([web.get("/info", server.info), web.post("/embed", server.embed)])
    runner = TestServer(app)
    await runner.start_server()
    try:
        yield str(runner.make_url(""))
    finally:
        await runner.close()
