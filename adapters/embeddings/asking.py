"""Asking a text-embeddings-inference server, whatever it serves.

API: https://huggingface.github.io/text-embeddings-inference
"""

import json
from typing import Any

import aiohttp


class Unusable(Exception):
    """Why the server cannot be used: neither its own words, nor its address, which may hold a password."""


class TryAgain(Unusable):
    """It is busy, starting or gone for a moment."""


async def asked(http: aiohttp.ClientSession, method: str, url: str, body: object = None) -> Any:
    """The JSON of an answer. Raises Unusable."""
    try:
        async with http.request(method, url, json=body) as answer:
            if answer.status in (429, 502, 503, 504):
                raise TryAgain(f"it answered {answer.status}")
            if answer.status != 200:
                raise Unusable(f"it answered {answer.status} to {answer.url.path}")
            return json.loads(await answer.read())
    except (aiohttp.ClientConnectionError, TimeoutError) as error:
        raise TryAgain(type(error).__name__) from None
    except (aiohttp.ClientError, ValueError) as error:
        raise Unusable(type(error).__name__) from None
