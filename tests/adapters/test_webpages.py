"""A page of the web is read where it lies, and leads to no machine inside the network that nobody named."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from adapters.webpages import Fetched, fetch, is_inside
from core.errors import FileRefused, HostRefused


class Site:
    """A server on this machine: `moves` are paths that lead elsewhere, `asked` those that were asked for.

    It `holds` its answers until that is set.
    """

    def __init__(self, url: str = "") -> None:
        self.url = url
        self.moves: dict[str, tuple[int, str]] = {}
        self.asked: list[str] = []
        self.known: list[str | None] = []
        self.holds: asyncio.Event | None = None

    @property
    def other(self) -> str:
        """The same server by its other name."""
        return self.url.replace("127.0.0.1", "localhost")

    async def answer(self, request: web.Request) -> web.Response:
        """A page, or where it went."""
        self.asked.append(request.path)
        self.known.append(request.headers.get("If-None-Match"))
        if self.holds:
            await self.holds.wait()
        if request.path in self.moves:
            status, to = self.moves[request.path]
            return web.Response(status=status, headers={"Location": to})
        return web.Response(text="A page.", headers={"ETag": '"1"'})


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """It listens on 127.0.0.1."""
    made, app = Site(), web.Application()
    app.router.add_get("/{path:.*}", made.answer)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    made.url = str(server.make_url("")).rstrip("/")
    yield made
    await server.close()


async def refusal(address: str, folder: Path, *hosts: str) -> str:
    """Why a page is not read."""
    with pytest.raises(FileRefused) as refused:
        await fetch(address, folder / "page", max_bytes=100, hosts=hosts)
    return refused.value.sentence


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "0x7f000001",
        "2130706433",
        "127.1",
        "127.0.0.1.",
        "LOCALHOST",
        "127。0。0。1",
    ],
)
async def test_this_machine_is_not_asked_however_it_is_written(site: Site, host: str, tmp_path: Path) -> None:
    """Before anything is sent."""
    assert await refusal(site.url.replace("127.0.0.1", host), tmp_path)
    assert site.asked == []


@pytest.mark.parametrize("host", ["169.254.169.254", "10.0.0.5", "[fd00:ec2::254]", "100.100.100.200"])
async def test_a_machine_inside_the_network_is_named_with_the_setting(host: str, tmp_path: Path) -> None:
    """Whoever adds the page of an intranet is told how."""
    bare = host.strip("[]")
    with pytest.raises(HostRefused) as refused:
        await fetch(f"http://{host}/latest", tmp_path / "page", max_bytes=100)
    assert refused.value.host == bare
    assert refused.value.sentence == (
        f"http://{host}/latest leads to {bare} ({bare}), which is inside your network: name {bare} in "
        "CHASQUI_KB__HOSTS if its pages may be documents."
    )


async def test_a_host_that_the_settings_name_is_asked(site: Site, tmp_path: Path) -> None:
    """By that name alone, not by another of the same machine."""
    page = tmp_path / "page"
    for address, host in ((site.url, "127.0.0.1"), (site.other, "localhost")):
        assert await fetch(f"{address}/a", page, max_bytes=100, hosts=[host]) == Fetched("new", '"1"')
        assert page.read_text() == "A page."
    site.asked.clear()
    assert "name localhost in CHASQUI_KB__HOSTS" in await refusal(site.other, tmp_path, "127.0.0.1")
    assert "name 127.0.0.1 in CHASQUI_KB__HOSTS" in await refusal(site.url, tmp_path, "localhost")
    assert site.asked == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_page_that_leads_inside_the_network_is_refused(
    site: Site, status: int, tmp_path: Path
) -> None:
    """At each step, whoever was asked before."""
    site.moves = {"/a": (status, "/b"), "/b": (status, f"{site.other}/secret")}
    said = await refusal(f"{site.url}/a", tmp_path, "127.0.0.1")
    assert said.startswith(f"{site.url}/a leads to localhost (")
    assert site.asked == ["/a", "/b"]
    assert not (tmp_path / "page").exists()

    site.moves["/b"] = (status, "http://169.254.169.254/latest/meta-data")
    assert "leads to 169.254.169.254" in await refusal(f"{site.url}/a", tmp_path, "127.0.0.1")


async def test_a_page_that_moved_is_read_where_it_is(site: Site, tmp_path: Path) -> None:
    """At most five steps away; what is known of it is told there too."""
    site.moves = {f"/{n}": (302, f"/{n + 1}") for n in range(1, 6)}
    page = tmp_path / "page"
    read = await fetch(f"{site.url}/1", page, known='"0"', max_bytes=100, hosts=["127.0.0.1"])
    assert (read, page.read_text()) == (Fetched("new", '"1"'), "A page.")
    assert site.asked == ["/1", "/2", "/3", "/4", "/5", "/6"]
    assert set(site.known) == {'"0"'}

    site.moves["/6"] = (302, "/1")
    assert "passed on more than 5 times" in await refusal(f"{site.url}/1", tmp_path, "127.0.0.1")


async def test_a_page_that_takes_too_long_is_told_so(site: Site, tmp_path: Path) -> None:
    """Whatever of it came."""
    site.holds = asyncio.Event()
    with pytest.raises(FileRefused) as refused:
        await fetch(f"{site.url}/a", tmp_path / "page", max_bytes=100, hosts=["127.0.0.1"], seconds=0.1)
    site.holds.set()
    assert refused.value.sentence == f"{site.url}/a takes longer than 0.1 seconds. Try again later."


async def test_a_host_that_cannot_be_reached_is_told_without_its_address(tmp_path: Path) -> None:
    """Which says nothing to who adds the page, and something of the network to who should not know it."""
    assert await refusal("http://localhost:1/", tmp_path, "localhost") == (
        "http://localhost:1/ cannot be fetched (its host is not there, or takes no connection). "
        "Check the address."
    )


@pytest.mark.parametrize("to", ["file:///etc/passwd", "http://[", "javascript:0"])
async def test_what_is_no_address_of_the_web_is_refused(site: Site, to: str, tmp_path: Path) -> None:
    """In a sentence."""
    site.moves = {"/a": (302, to)}
    assert "cannot be fetched" in await refusal(f"{site.url}/a", tmp_path, "127.0.0.1")
    assert site.asked == ["/a"]


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("93.184.215.14", False),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", False),
        ("64:ff9b::5db8:d70e", False),
        ("::ffff:93.184.215.14", False),
        ("10.1.2.3", True),
        ("172.16.0.1", True),
        ("192.168.1.1", True),
        ("100.64.0.1", True),
        ("127.8.8.8", True),
        ("0.0.0.0", True),
        ("169.254.169.254", True),
        ("168.63.129.16", True),
        ("192.0.0.192", True),
        ("198.18.0.1", True),
        ("224.0.0.251", True),
        ("255.255.255.255", True),
        ("::", True),
        ("::1", True),
        ("::7f00:1", True),
        ("::ffff:10.0.0.1", True),
        ("64:ff9b::a9fe:a9fe", True),
        ("2002:a00:1::", True),
        ("fc00::1", True),
        ("fe80::1%eth0", True),
        ("fec0::1", True),
        ("ff02::1", True),
    ],
)
def test_an_address_is_inside_or_outside(address: str, inside: bool) -> None:
    """Of every kind that stands in the registries of special addresses, and where one hides in another."""
    assert is_inside(address) is inside
