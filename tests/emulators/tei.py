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
        self.query = ""
        self.nonsense: object = None

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

    async def rerank(self, request: web.Request) -> web.Response:
        """POST /rerank: the longer a text the better it answers; instead of that `nonsense`."""
        while self.slow:
            await asyncio.sleep(0.01)
        self.keys.append(request.headers.get("Authorization"))
        if self.busy:
            self.busy -= 1
            return web.json_response({"error": "Model is overloaded"}, status=self.status)
        asked = await request.json()
        self.query, self.texts = asked["query"], asked["texts"]
        if self.nonsense is not None:
            return web.json_response(self.nonsense)
        ranks = [{"index": index, "score": len(text) / 1000} for index, text in enumerate(asked["texts"])]
        return web.json_response(sorted(ranks, key=lambda rank: -rank["score"]))


@contextlib.asynccontextmanager
async def serving(server: Server) -> AsyncIterator[str]:
    """Its address."""
    app = web.Application()
    posts = web.post("/embed", server.embed), web.post("/rerank", server.rerank)
    app.add_routes([web.get("/info", server.info), *posts])
    runner = TestServer(app)
    await runner.start_server()
    try:
        yield str(runner.make_url(""))
    finally:
        await runner.close()
