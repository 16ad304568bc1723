"""Where a replica listens, and with what it opens."""

from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

import aiohttp

from core.errors import SettingsError

_IDLE = 4.0
"""Seconds that a connection may wait for its next request: llama.cpp and uvicorn close it after five."""


@dataclass(frozen=True, slots=True)
class Address:
    """The URL of a replica's root, its name, its socket file and its credentials."""

    root: str
    replica: str
    socket: str = ""
    authorization: str = field(default="", repr=False)

    def connector(self) -> aiohttp.BaseConnector:
        """A pool without a limit of its own: the slots of a replica bound its connections."""
        if self.socket:
            return aiohttp.UnixConnector(self.socket, limit=0, keepalive_timeout=_IDLE)
        return aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE)


def address(url: str, api_key: str = "") -> Address:
    """Read ``[http(s)://]host:port[/prefix][/v1]`` or ``unix:/path``, and the key that is sent there.

    OpenAI's clients are given the address with ``/v1``, and people copy it: the root is what is before that.
    Raises SettingsError with a sentence that shows no credentials.
    """
    url, key = url.strip(), api_key.strip()
    if url.startswith("unix:/"):
        path = "/" + url.removeprefix("unix:").lstrip("/")
        return Address("http://localhost", f"unix:{path}", path, _authorization(key))
    try:
        parts = urlsplit(url if "://" in url or url.startswith("unix:") else f"http://{url}")
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
    prefix = parts.path.rstrip("/").removesuffix("/v1").rstrip("/")
    place = f"{host}:{port or (443 if parts.scheme == 'https' else 80)}{prefix}"
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return Address(f"{parts.scheme}://{place}", place, "", _authorization(key, user, password))


def _authorization(key: str, user: str = "", password: str = "") -> str:
    if not (key.isascii() and key.isprintable()) or (key and (user or password)):
        raise SettingsError(
            "The model's API key cannot be used: it must be one line of ASCII, "
            "and its address may not have a user and password beside it."
        )
    if user or password:
        return aiohttp.encode_basic_auth(user, password)
    return f"Bearer {key}" if key else ""
