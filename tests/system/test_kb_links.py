"""Curators add pages of the web where people talk; a worker reads them, as `chasqui kb add` would."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from bots.kb_links import added
from core.errors import UserError
from tests.emulators.tgi import TgiStandIn
from tests.parts import until
from tests.system.program import World
from tests.system.team import Team, team
from tests.system.test_discord_people import told as told_on_discord
from tests.system.test_kb import PAGE, run
from tests.system.test_slack_people import told as told_on_slack
from tests.system.workspace import Workspace, workspace

TUG = "The tug Paloma is refuelled on Mondays."
ASKED = "When is the tug Paloma refuelled?"
OURS = "127.0.0.1"
SETTINGS = {"KB__HOSTS": OURS, "EMBEDDINGS__MODEL": "none", "ANSWERS__MAX_FILE_BYTES": "1000000"}
INSIDE = (
    "which is inside your network: whoever runs me has to name {0} in CHASQUI_KB__HOSTS, if its pages may be "
    "documents."
)


class Site:
    """A web server on this machine. `pages` may change while it runs; `held` pages wait to be let go."""

    def __init__(self) -> None:
        self.pages: dict[str, bytes] = {"/boats": PAGE.encode()}
        self.moves: dict[str, str] = {}
        self.asked: list[str] = []
        self.url = ""
        self.go = asyncio.Event()
        self.go.set()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """A page, or where it went."""
        self.asked.append(request.path)
        await self.go.wait()
        if request.path in self.moves:
            return web.Response(status=302, headers={"Location": self.moves[request.path]})
        if request.path not in self.pages:
            return web.Response(status=404)
        return web.Response(body=self.pages[request.path], content_type="text/html")


@asynccontextmanager
async def site() -> AsyncIterator[Site]:
    """It listens on a port of its own."""
    made, app = Site(), web.Application()
    app.router.add_get("/{path:.*}", made.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, OURS, 0).start()
    made.url = f"http://{OURS}:{runner.addresses[0][1]}"
    try:
        yield made
    finally:
        made.go.set()
        await runner.cleanup()


async def adds_on_discord(here: Team, person: str, **given: str) -> str:
    """What one person reads in the end who types /kb add, and nobody else; without escapes of Markdown."""
    typed = await here.control.command(here.scene.channel, person, "kb add", given)
    shown = await told_on_discord(here, typed)
    assert (shown.seen_by, dict(shown.buttons)) == (person, {})
    return shown.content.replace("\\", "")


async def adds_on_slack(here: Workspace, person: str, text: str) -> str:
    """The same; a worker tells it behind the word that the page is looked at."""
    typed = await here.control.command(here.scene.channel, person, "/kb", f"add {text}")

    async def replies() -> list[str]:
        return list((await here.control.interaction(typed)).replies)

    async def come() -> bool:
        return len(await replies()) == 2

    await until(come, 60.0)  # another worker may have to come first
    messages = [await here.control.message(here.scene.channel, each) for each in await replies()]
    assert {each.seen_by for each in messages} == {person}
    shown = [each.shown or each.text for each in messages]
    shown.remove("I am reading that page, and will tell you here what became of it.")
    return shown[0]


async def sources(world: World) -> list[tuple[str, str]]:
    """What `kb sync` looks at, and for whom."""
    return [(each["address"], each["audience"]) for each in (await run(world, "stats"))["sources"]]


async def test_a_page_is_added_on_discord_asked_for_and_kept_up_to_date(tmp_path: Path) -> None:
    """Only by curators, for the channel or the server; an answer links into it; a sync reads it again."""
    async with team(tmp_path / "data", TgiStandIn(f" {TUG}"), **SETTINGS) as here, site() as pages:
        scene, link = here.scene, f"{pages.url}/boats"
        owner = here.discord.platform.world.guild(scene.guild).owner
        await here.serve(DISCORD__CURATORS=owner)

        assert "Only curators" in await adds_on_discord(here, scene.person, link=link)
        assert pages.asked == []
        assert "either a link or a file" in await adds_on_discord(here, owner)

        said = await adds_on_discord(here, owner, link=f"<{link}#tug>")
        assert said.startswith("Added to the knowledge base, for everybody who reads this channel: Boats.")
        assert await sources(here.world) == [(link, f"channel:discord:{scene.channel}")]
        said = await adds_on_discord(here, owner, link=link)
        assert said.startswith("Unchanged: Boats is in the knowledge base already")
        await here.ask(ASKED)
        [answer] = [each for each in await here.settled() if here.ends(each)]
        assert TUG in here.model.asked[-1].prompt
        assert f"{link}#tug" in answer.content

        pages.pages["/boats"] = PAGE.replace("Mondays", "Fridays").encode()
        assert (await run(here.world, "sync"))["updated"] == 1
        pages.pages["/boats"] = PAGE.replace("Mondays", "Sundays").encode()
        said = await adds_on_discord(here, owner, link=link, where="this server")
        assert "for everybody of this workspace or server: Boats." in said
        [entry] = await run(here.world, "list")
        assert entry["audience"] == f"workspace:discord:{scene.guild}"
        assert await sources(here.world) == [(link, entry["audience"])]
        await here.ask(ASKED)
        await here.settled(2)
        assert "Sundays" in here.model.asked[-1].prompt


async def test_a_page_that_is_refused_is_told_in_a_sentence_and_is_no_source(tmp_path: Path) -> None:
    """Whatever keeps it from being read; what was read before stays as it is."""
    async with team(tmp_path / "data", TgiStandIn(" Yes."), **SETTINGS) as here, site() as pages:
        owner = here.discord.platform.world.guild(here.scene.guild).owner
        pages.pages |= {"/large": b"x" * 1_000_001, "/noise": b"\xff\xfe\x00\x00" * 50, "/empty": b""}
        pages.moves = {"/away": "http://169.254.169.254/latest", "/moved": f"{pages.url}/moved"}
        metadata, localhost = "169.254.169.254", pages.url.replace(OURS, "localhost")
        refused = {
            f"{localhost}/boats": f"leads to localhost, {INSIDE.format('localhost')}",
            f"{pages.url}/away": f"leads to {metadata}, {INSIDE.format(metadata)}",
            "https://10.0.0.5/": f"leads to 10.0.0.5, {INSIDE.format('10.0.0.5')}",
            f"{pages.url}/large": "is larger than 1 MB.",
            f"{pages.url}/noise": "I cannot read `noise`",
            f"{pages.url}/empty": "Nothing was added. ",
            f"{pages.url}/gone": f"There is no page at {pages.url}/gone. Check the address.",
            f"{pages.url}/moved": "is passed on more than 5 times.",
            f"http://{OURS}:1/": "cannot be fetched (its host is not there, or takes no connection).",
            "ftp://files.example.com/a": "This is no address of a page on the web.",
            "https://me:secret@wiki.example.com/": "Leave the name and the password out of the address",
        }
        await here.serve(DISCORD__CURATORS=owner)
        for link, why in refused.items():
            said = await adds_on_discord(here, owner, link=link)
            assert why in said
            assert len(said.splitlines()) == 1
            assert "secret" not in said
        assert await sources(here.world) == []
        assert await run(here.world, "list") == []

        link = f"{pages.url}/boats"
        await run(here.world, "add", link)
        pages.moves["/boats"] = f"http://{metadata}/"
        assert INSIDE.format(metadata) in await adds_on_discord(here, owner, link=link)
        assert await sources(here.world) == [(link, "public")]
        assert [entry["audience"] for entry in await run(here.world, "list")] == ["public"]


async def test_a_page_is_added_on_slack_for_the_channel_or_everywhere(tmp_path: Path) -> None:
    """As on Discord, as Slack writes links; what others keep of it is not taken from them."""
    model = TgiStandIn(f" {TUG}")
    async with workspace(tmp_path / "data", model, mode="socket", **SETTINGS) as here, site() as pages:
        control, scene, link = here.control, here.scene, f"{pages.url}/boats"
        ben = await control.new_person("ben", channel=scene.channel)
        await here.serve(SLACK__CURATORS=scene.person)

        refused = await control.command(scene.channel, ben, "/kb", f"add {link}")
        assert "Only curators" in await told_on_slack(here, refused)
        assert pages.asked == []

        said = await adds_on_slack(here, scene.person, f"<{link}>")
        assert said.startswith("Added to the knowledge base, for everybody who reads this channel: Boats.")
        assert await sources(here.world) == [(link, f"channel:slack:{scene.channel}")]
        assert (await adds_on_slack(here, scene.person, link)).startswith("Unchanged: Boats")
        said = await adds_on_slack(here, scene.person, f"{pages.url.replace(OURS, 'localhost')}/boats")
        assert "which is inside your network: whoever runs me has to name localhost" in said
        await here.ask(ASKED)
        [answer] = [each for each in await here.settled() if here.ends(each)]
        assert f"{link}#tug" in answer.shown

        said = await adds_on_slack(here, scene.person, f"<{link}|{link}> everywhere")
        assert "for everybody of this workspace or server: Boats." in said
        [entry] = await run(here.world, "list")
        assert entry["audience"] == f"workspace:slack:{scene.team}"

        theirs = [(link, "channel:slack:C0DEALS")]
        await run(here.world, "add", link, "--audience", theirs[0][1])
        said = await adds_on_slack(here, scene.person, link)
        assert said.startswith("Nothing was added. This page cannot be added from here.")
        assert await sources(here.world) == theirs


async def test_a_page_is_added_once_though_the_worker_that_reads_it_dies(tmp_path: Path) -> None:
    """The gateway goes on meanwhile; another worker reads it, and the curator is told once."""
    async with workspace(tmp_path / "data", None, mode="socket", **SETTINGS) as here, site() as pages:
        curator, link = here.scene.person, f"{pages.url}/boats"
        pages.go.clear()
        await here.serve("slack", SLACK__CURATORS=curator)
        worker = await here.serve("worker")
        adding = asyncio.create_task(adds_on_slack(here, curator, link))
        await until(lambda: pages.asked == ["/boats"])
        helped = await here.control.command(here.scene.channel, curator, "/help")
        assert "knowledge base" in await told_on_slack(here, helped)
        await worker.kill()
        await here.serve("worker")
        await until(lambda: len(pages.asked) == 2)
        pages.go.set()

        said = await adding
        assert said.startswith("Added to the knowledge base, for everybody who reads this channel: Boats.")
        assert [entry["url"] for entry in await run(here.world, "list")] == [link]


async def test_a_page_is_added_in_a_conversation_at_a_terminal(world: World) -> None:
    """For who asks at terminals; /kb shows it there, and what is refused is told."""
    async with site() as pages, TgiStandIn(" Yes.") as tgi:
        link = f"{pages.url}/boats"
        lines = f"/kb add {link}\n/kb add {link}\n/kb add {pages.url}/gone\n/kb add\n/kb list boats\n"
        done = await world.with_(BACKEND__URLS=tgi.url, **SETTINGS).run("chat", stdin=lines.encode())
        said, wrong = done.out.decode(), done.err.splitlines()

        assert done.code == 0
        assert "Added to the knowledge base, for you alone: Boats." in said
        assert "Unchanged: Boats is in the knowledge base already, for you alone" in said
        assert " · Boats · person:terminal:terminal" in said
        assert [line[:40] for line in wrong] == [
            f"Nothing was added. There is no page at {pages.url}"[:40],
            "This is no address of a page on the web. Write"[:40],
        ]
        assert await sources(world) == [(link, "person:terminal:terminal")]


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("https://wiki.example.com", "https://wiki.example.com"),
        (" <HTTPS://wiki.example.com/A?b=c#d> ", "https://wiki.example.com/A?b=c"),
        ("http://[::1]:8080/", "http://[::1]:8080/"),
        ("https://wiki.example.com/@ana", "https://wiki.example.com/@ana"),
    ],
)
def test_a_link_is_read_as_people_type_it(typed: str, address: str) -> None:
    """What points into the page is no part of its address."""
    found = added(typed)
    assert (found.source, found.url, found.is_link) == (address, address, True)


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("", "no address of a page"),
        ("wiki.example.com", "no address of a page"),
        ("https://", "no address of a page"),
        ("https:///path", "no address of a page"),
        ("https://[::1", "no address of a page"),
        ("https://wiki.example.com:port/", "no address of a page"),
        ("https://wiki.example.com/ https://b.example.com/", "no address of a page"),
        ("https://wiki.example.com\\@b.example.com/", "no address of a page"),
        ("https://wiki.exam\u200bple.com/", "no address of a page"),
        ("file:///etc/passwd", "no address of a page"),
        ("javascript:alert(1)", "no address of a page"),
        ("https://me@wiki.example.com/", "Leave the name and the password out"),
        ("https://:secret@wiki.example.com/", "Leave the name and the password out"),
        (f"https://wiki.example.com/{'x' * 2000}", "longer than 2,000 characters"),
    ],
)
def test_what_is_no_link_is_told_before_anything_is_asked(typed: str, why: str) -> None:
    """In a sentence that says what to write instead."""
    with pytest.raises(UserError) as refused:
        added(typed)
    assert why in refused.value.sentence
