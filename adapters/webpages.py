"""Pages of the web as files on disk, of which no more is taken than may be read."""

import ssl
from pathlib import Path
from typing import Literal, NamedTuple

import aiohttp

from core.errors import FileRefused

_SECONDS = 30
"""For a page as a whole."""

_GONE = (404, 410)


class Fetched(NamedTuple):
    """What became of a page.

    `version` is what the server calls what it sent, empty where it does not say.
    """

    kind: Literal["new", "same", "gone"]
    version: str = ""


async def fetch(address: str, to: Path, *, known: str = "", max_bytes: int) -> Fetched:
    """Write the page at `address` to a file, unless it is still the `known` version.

    Raises FileRefused with a sentence for whatever keeps it from being read.
    """
    headers = {"If-None-Match": known} if known else {}
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_SECONDS)) as session,
            session.get(address, headers=headers) as response,
        ):
            if response.status == 304:
                return Fetched("same", known)
            if response.status in _GONE:
                return Fetched("gone")
            if response.status != 200:
                raise FileRefused(f"{address} answers with status {response.status}. Check the address.")
            with to.open("wb") as out:
                async for piece in response.content.iter_chunked(1 << 16):
                    if out.tell() + len(piece) > max_bytes:
                        size = f"{max_bytes // 1_000_000} MB"
                        raise FileRefused(f"{address} is larger than {size}. Add the part that matters.")
                    out.write(piece)
            return Fetched("new", response.headers.get("ETag", ""))
    except (aiohttp.ClientError, ssl.SSLError, TimeoutError, ValueError) as error:
        why = type(error).__name__ if isinstance(error, TimeoutError) or not str(error) else error
        raise FileRefused(f"{address} cannot be fetched ({why}). Check the address.") from None
