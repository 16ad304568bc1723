"""The checks with `huggingface_hub`: its client for threads, and its client for asyncio."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import httpx2
from huggingface_hub import AsyncInferenceClient, InferenceClient
from huggingface_hub.errors import OverloadedError, ValidationError

from tests.proof.checks import PATIENCE, report


def _words(parameters: dict[str, Any]) -> dict[str, Any]:
    """The parameters, with those that TGI would choose otherwise than the other package does."""
    return {"details": True, "max_new_tokens": 20, "return_full_text": False, **parameters}


class Sync:
    """`huggingface_hub.InferenceClient`."""

    way, invalid, overloaded = "sync", ValidationError, OverloadedError

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = InferenceClient(url, provider="hf-inference", timeout=PATIENCE)

    async def generate(self, prompt: str, **parameters: Any) -> Any:
        return await asyncio.to_thread(self._client.text_generation, prompt, **_words(parameters))

    async def stream(self, prompt: str, **parameters: Any) -> AsyncGenerator[Any, None]:
        client = InferenceClient(self.url, timeout=PATIENCE)  # its `close` alone closes a stream
        try:
            events = await asyncio.to_thread(
                client.text_generation, prompt, stream=True, **_words(parameters)
            )
            while (event := await asyncio.to_thread(next, iter(events), None)) is not None:
                yield event
        finally:
            client.close()

    async def chat(self, question: str) -> None:
        messages = [{"role": "user", "content": question}]
        await asyncio.to_thread(self._client.chat_completion, messages)

    async def info(self) -> tuple[dict[str, Any], str]:
        return await asyncio.to_thread(self._client.get_endpoint_info), ""

    async def healthy(self) -> tuple[bool, str]:
        return await asyncio.to_thread(self._client.health_check), ""

    async def get(self, path: str) -> tuple[int, str]:
        response = await asyncio.to_thread(httpx2.get, self.url + path)
        return response.status_code, response.text

    async def post(self, path: str, body: object) -> tuple[int, str]:
        response = await asyncio.to_thread(httpx2.post, self.url + path, json=body)
        return response.status_code, response.text


class Async:
    """`huggingface_hub.AsyncInferenceClient`."""

    way, invalid, overloaded = "async", ValidationError, OverloadedError

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = AsyncInferenceClient(url, provider="hf-inference", timeout=PATIENCE)

    async def generate(self, prompt: str, **parameters: Any) -> Any:
        return await self._client.text_generation(prompt, **_words(parameters))

    async def stream(self, prompt: str, **parameters: Any) -> AsyncGenerator[Any, None]:
        async with AsyncInferenceClient(self.url, timeout=PATIENCE) as client:
            stream = await client.text_generation(prompt, stream=True, **_words(parameters))
            async with aclosing(stream) as events:
                async for event in events:
                    yield event

    async def chat(self, question: str) -> None:
        await self._client.chat_completion([{"role": "user", "content": question}])

    async def info(self) -> tuple[dict[str, Any], str]:
        return await self._client.get_endpoint_info(), ""

    async def healthy(self) -> tuple[bool, str]:
        return await self._client.health_check(), ""

    async def get(self, path: str) -> tuple[int, str]:
        async with httpx2.AsyncClient() as http:
            response = await http.get(self.url + path)
        return response.status_code, response.text

    async def post(self, path: str, body: object) -> tuple[int, str]:
        async with httpx2.AsyncClient() as http:
            response = await http.post(self.url + path, json=body)
        return response.status_code, response.text


if __name__ == "__main__":
    asyncio.run(report(Sync(sys.argv[1]), Async(sys.argv[1])))
