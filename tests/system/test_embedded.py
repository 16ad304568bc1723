"""The main job on real parts: real files, the embedded model and the embedded server, whole processes."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import files
from tests.system.program import PATIENCE, ROOT, World, left_behind

RECEIPTS = "For how long are receipts kept?"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world whose embedded servers are kept by a conversation in which nobody says anything."""
    world = World.at(tmp_path_factory.mktemp("embedded") / "data")
    command = [sys.executable, "-m", "bots.cli", "chat"]
    with subprocess.Popen(
        command, cwd=ROOT, env=world.environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as conversation:
        yield world
        conversation.communicate()
    assert conversation.returncode == 0
    deadline = time.monotonic() + PATIENCE
    while left_behind(world.data):
        assert time.monotonic() < deadline, "the embedded servers end with their last user"
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("write", "page"), [(files.markdown, None), (files.word, None), (files.pdf, 2)], ids=["md", "docx", "pdf"]
)
async def test_an_answer_names_the_right_section_of_the_file(
    world: World, tmp_path: Path, write: Callable[[Path], Path], page: int | None
) -> None:
    """Whatever the format: the answer is the file's, and so is its source, to the page."""
    path = write(tmp_path)
    done = await world.run("ask", RECEIPTS, "--file", str(path), "--json")
    found = done.json
    (cited,) = found["citations"]

    assert (done.code, done.err, found["outcome"]) == (0, "", "answered")
    assert "two years" in found["answer"].replace("2", "two")
    assert (cited["title"], cited["page"]) == (path.name, page)
    assert cited["heading"].endswith("Travel \u203a Expenses and Receipts")
    assert "two years" in cited["quote"]
    assert found["usage"]["prompt_tokens"] > 0


async def test_a_new_process_remembers_the_file_and_what_was_asked(world: World, tmp_path: Path) -> None:
    """The follow-up points back to the question before, and the file itself is gone."""
    path = files.markdown(tmp_path)
    await world.run("ask", RECEIPTS, "--file", str(path), "--thread", "receipts", "--json")
    path.unlink()
    found = (
        await world.run("ask", "And until when are they sent in?", "--thread", "receipts", "--json")
    ).json

    assert found["outcome"] == "answered"
    assert found["citations"][0]["heading"].endswith("Expenses and Receipts")
    assert "tenth day" in found["answer"] or "tenth day" in found["citations"][0]["quote"]


@pytest.mark.parametrize(
    "question", ["Who is the mayor of Arequipa?", "What is the password of the printer?"]
)
async def test_what_the_file_does_not_hold_is_refused(world: World, tmp_path: Path, question: str) -> None:
    """No guess, no source; the nearest misses stand among the passages."""
    done = await world.run("ask", question, "--file", str(files.markdown(tmp_path)), "--json")

    assert (done.code, done.json["outcome"], done.json["citations"]) == (0, "refused", [])
    assert done.json["answer"] == "I don't know: I found nothing about this in handbook.md."
