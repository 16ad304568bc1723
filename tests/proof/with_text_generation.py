"""The checks with `text-generation`: its client on requests, and its client on aiohttp."""

import asyncio
import sys
import warnings
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import aiohttp
import requests
from text_generation import AsyncClient, Client
from text_generation.errors import OverloadedError, ValidationError

from tests.proof.checks import NO_CALL, PATIENCE, report


def _words(parameters: dict[str, Any]) -> dict[str, Any]:
    """The parameters under this package's names."""
    words = {"stop": "stop_sequences"}
    return {words.get(name, name): value for name, value in parameters.items()}


class Sync:
    """`text_generation.Client`."""

    way, invalid, overloaded = "sync", ValidationError, OverloadedError

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = Client(url, timeout=int(PATIENCE))

    async def generate(self, prompt: str, **parameters: Any) -> Any:
        return await asyncio.to_thread(self._client.generate, prompt, **_words(parameters))

    async def stream(self, prompt: str, **parameters: Any) -> AsyncGenerator[Any, None]:
        events = self._client.generate_stream(prompt, **_words(parameters))
        try:
            while (event := await asyncio.to_thread(next, events, None)) is not None:
                yield event
        finally:
            events.close()

    async def chat(self, question: str) -> None:
        await asyncio.to_thread(self._client.chat, [{"role": "user", "content": question}])

    async def info(self) -> tuple[dict[str, Any], str]:
        response = await asyncio.to_thread(requests.get, f"{self.url}/info", timeout=PATIENCE)
        return response.json(), NO_CALL

    async def healthy(self) -> tuple[bool, str]:
        return await self.get("/health") == (200, ""), NO_CALL

    async def get(self, path: str) -> tuple[int, str]:
        response = await asyncio.to_thread(requests.get, self.url + path, timeout=PATIENCE)
        return response.status_code, response.text

    async def post(self, path: str, body: object) -> tuple[int, str]:
        response = await asyncio.to_thread(requests.post, self.url + path, json=body, timeout=PATIENCE)
        return response.status_code, response.text


class Async:
    """`text_generation.AsyncClient`."""

    way, invalid, overloaded = "async", ValidationError, OverloadedError

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = AsyncClient(url, timeout=int(PATIENCE))

    async def generate(self, prompt: str, **parameters: Any) -> Any:
        return await self._client.generate(prompt, **_words(parameters))

    async def stream(self, prompt: str, **parameters: Any) -> AsyncGenerator[Any, None]:
        async with aclosing(self._client.generate_stream(prompt, **_words(parameters))) as events:
            async for event in events:
                yield event

    async def chat(self, question: str) -> None:
        await self._client.chat([{"role": "user", "content": question}])

    async def info(self) -> tuple[dict[str, Any], str]:
        async with aiohttp.ClientSession() as http, http.get(f"{self.url}/info") as response:
            return await response.json(), NO_CALL

    async def healthy(self) -> tuple[bool, str]:
        return await self.get("/health") == (200, ""), NO_CALL

    async def get(self, path: str) -> tuple[int, str]:
        async with aiohttp.ClientSession() as http, http.get(self.url + path) as response:
            return response.status, await response.text()

    async def post(self, path: str, body: object) -> tuple[int, str]:
        async with aiohttp.ClientSession() as http, http.post(self.url + path, json=body) as response:
            return response.status, await response.text()


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # it calls pydantic as of version 1
    asyncio.run(report(Sync(sys.argv[1]), Async(sys.argv[1])))
