"""Tasks over a whole long file, by whole processes."""

import re
from pathlib import Path

import pytest

from tests.emulators.tgi import TgiStandIn
from tests.system.program import World

SECTIONS = 41
FACT = re.compile(r"Server (\d+) has key number (\d+)")


@pytest.fixture
def manual(tmp_path: Path) -> str:
    """A file of 41 sections that is many times longer than the window."""
    filler = "Whoever restarts it tells the watch first, because the cranes of the harbour depend on it. " * 9
    sections = (
        f"## Server {n}\n\nServer {n} has key number {n * 13 + 7}.\n\n{filler}\n" for n in range(SECTIONS)
    )
    path = tmp_path / "ops.md"
    path.write_text("# Operations\n\n" + "\n".join(sections))
    return str(path)


def model(prompt: str) -> str:
    """Tells each fact of its sources, one in a line."""
    facts = dict.fromkeys(FACT.findall(prompt))
    return "".join(f"\n- Server {server} has key number {key}." for server, key in facts) or " None."


@pytest.mark.parametrize("question", ["Summarise this file.", "List all servers and their keys."])
async def test_a_task_goes_over_all_of_a_long_file(world: World, manual: str, question: str) -> None:
    """Every section is read, the answer holds all of them, and how much was read is said."""
    async with TgiStandIn(model) as tgi:
        done = await world.with_(BACKEND__URLS=tgi.url, BACKEND__MAX_NEW_TOKENS="700").run(
            "ask", question, "--file", manual, "--json"
        )
    found = done.json

    assert (done.code, done.err, found["outcome"]) == (0, "", "answered")
    assert [int(server) for server, _ in FACT.findall(found["answer"])] == list(range(SECTIONS))
    parts = len(
        {tuple(FACT.findall(asked.prompt)) for asked in tgi.asked if "one part of ops.md" in asked.prompt}
    )
    assert parts > 5
    assert re.fullmatch(r"Read all 41 sections of ops.md, in \d+ parts.", found["left_out"][0])
    assert all(asked.prompt_tokens + asked.max_new_tokens <= 2048 for asked in tgi.asked)
    assert found["usage"]["prompt_tokens"] == sum(asked.prompt_tokens for asked in tgi.asked)
    assert {cited["title"] for cited in found["citations"]} == {"ops.md"}
    assert len(found["citations"]) == SECTIONS
    assert all(FACT.search(passage["text"]) for passage in found["passages"])


async def test_a_question_goes_to_the_best_passages_of_a_long_file(world: World, manual: str) -> None:
    """And says how many of how many."""
    async with TgiStandIn(" Server 17 has key number 228.\nSource: S1") as tgi:
        done = await world.with_(BACKEND__URLS=tgi.url).run(
            "ask", "Which key number has server 17?", "--file", manual
        )

    assert len(tgi.asked) == 1
    assert re.search(r"Source: ops.md › Operations › Server 17\n", done.out.decode())
    assert re.search(r"\n  Read the best \d of 41 passages of ops.md.\n", done.out.decode())
