"""Pages of the web as files on disk, of which no more is taken than may be read.

Whoever writes a page decides where it leads: a machine inside the team's network is asked only where the
settings name its host. That is decided where the socket to an address is made, so a name that means another
address a moment later leads nowhere else (OWASP, Server-Side Request Forgery Prevention Cheat Sheet).
"""

import asyncio
import socket
import ssl
from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import urljoin

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from core.errors import FileRefused, HostRefused

_SECONDS = 30
"""For a page as a whole."""
_MOVES = 5
"""Times that a server may pass a request on to another address."""

_GONE = (404, 410)
_MOVED = (301, 302, 303, 307, 308)
_NAT64 = IPv6Network("64:ff9b::/96")
"""Addresses that hold one of IPv4 (RFC 6052)."""
_OF_CLOUDS = frozenset(map(ip_address, ("168.63.129.16", "192.0.0.192")))
"""Where clouds tell a machine about itself at addresses like any other (Azure, Oracle)."""


class Fetched(NamedTuple):
    """What became of a page.

    `version` is what the server calls what it sent, empty where it does not say.
    """

    kind: Literal["new", "same", "gone"]
    version: str = ""


async def fetch(
    address: str,
    to: Path,
    *,
    known: str = "",
    max_bytes: int,
    hosts: Collection[str] = (),
    seconds: float = _SECONDS,
) -> Fetched:
    """Write the page at `address` to a file, unless it is still the `known` version.

    Of the hosts inside the network only those of `hosts` are asked. Raises FileRefused with a sentence for
    whatever keeps it from being read, as HostRefused where it leads to another one of them.
    """
    try:
        async with asyncio.timeout(seconds):
            url, jar = address, aiohttp.CookieJar()
            for _ in range(_MOVES + 1):
                guard = _Guard(address, hosts)
                connector = aiohttp.TCPConnector(
                    resolver=guard, socket_factory=guard.socket, happy_eyeballs_delay=None
                )
                async with aiohttp.ClientSession(connector=connector, cookie_jar=jar) as session:
                    ended = await _asked(session, url, to, known, max_bytes)
                if isinstance(ended, Fetched):
                    return ended
                url = ended
    except TimeoutError:
        raise FileRefused(f"{address} takes longer than {seconds:g} seconds. Try again later.") from None
    except (aiohttp.ClientError, ssl.SSLError, ValueError) as error:
        raise FileRefused(f"{address} cannot be fetched ({_why(error)}). Check the address.") from None
    raise FileRefused(f"{address} is passed on more than {_MOVES} times. Check the address.")


def _why(error: Exception) -> str:
    """What kept a page from being fetched, in words that tell no address of the network."""
    if isinstance(error, aiohttp.ClientConnectorError) and not isinstance(error, aiohttp.ClientSSLError):
        return "its host is not there, or takes no connection"
    return str(error) or type(error).__name__


async def _asked(
    session: aiohttp.ClientSession, url: str, to: Path, known: str, max_bytes: int
) -> Fetched | str:
    """What became of the page at `url`, or where it is to be had instead."""
    headers = {"If-None-Match": known} if known else {}
    async with session.get(url, headers=headers, allow_redirects=False) as response:
        if response.status == 304:
            return Fetched("same", known)
        if response.status in _GONE:
            return Fetched("gone")
        if response.status in _MOVED and "Location" in response.headers:
            return urljoin(str(response.url), response.headers["Location"])
        if response.status != 200:
            raise FileRefused(f"{url} answers with status {response.status}. Check the address.")
        with to.open("wb") as out:
            async for piece in response.content.iter_chunked(1 << 16):
                if out.tell() + len(piece) > max_bytes:
                    size = f"{max_bytes // 1_000_000} MB"
                    raise FileRefused(f"{url} is larger than {size}. Add the part that matters.")
                out.write(piece)
        return Fetched("new", response.headers.get("ETag", ""))


class _Guard(AbstractResolver):
    """Lets one request to no machine inside the network, but for the `hosts` that may be asked there.

    It finds the addresses of a name, and looks at each once more when the socket to it is made: that one
    is connected to, whether it was found or stands in the address of the page itself.
    """

    def __init__(self, page: str, hosts: Collection[str]) -> None:
        self._page = page
        self._hosts = hosts
        self._found = aiohttp.ThreadedResolver()
        self._host = ""
        self._allowed: set[str] = set()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of `host`."""
        found = await self._found.resolve(host, port, family)
        self._host = host.rstrip(".").lower()
        self._allowed = {each["host"] for each in found} if self._host in self._hosts else set()
        return found

    async def close(self) -> None:
        """Nothing is held."""

    def socket(self, info: aiohttp.AddrInfoType) -> socket.socket:
        """One to connect with. Raises HostRefused for an address inside the network."""
        family, kind, proto, _, (to, *_) = info
        address = str(to)
        allowed = self._allowed if self._host else self._hosts  # without a name the address is the host
        if address not in allowed and is_inside(address):
            host = self._host or address
            raise HostRefused(
                f"{self._page} leads to {host} ({address}), which is inside your network: name {host} in "
                f"CHASQUI_KB__HOSTS if its pages may be documents.",
                host,
            )
        return socket.socket(family, kind, proto)


def is_inside(written: str) -> bool:
    """Whether an IP address belongs to no single machine of the internet: private, loopback, link-local
    (where clouds tell a machine its secrets), multicast, reserved; also where IPv6 wraps such a one.
    """
    address = ip_address(written.partition("%")[0])
    if isinstance(address, IPv6Address):
        wrapped = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            wrapped = IPv4Address(int(address) & 0xFFFFFFFF)
        address = wrapped or address
    elsewhere = isinstance(address, IPv6Address) and address.is_site_local
    special = address.is_multicast or address.is_reserved or elsewhere or address in _OF_CLOUDS
    return special or not address.is_global
