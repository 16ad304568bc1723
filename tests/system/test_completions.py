"""`chasqui` with llama.cpp's own server as its model, whole processes and the real model."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import files, llama
from tests.system.program import World


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Nothing is set but the server's address."""
    with llama.llama_server() as url:
        yield World.at(tmp_path_factory.mktemp("llama") / "data", BACKEND__URLS=url)


async def test_a_question_about_a_file_is_answered_with_its_source(world: World, tmp_path: Path) -> None:
    """As with TGI: the answer is the file's, and the engine counted it."""
    path = files.markdown(tmp_path)
    done = await world.run("ask", "For how long are receipts kept?", "--file", str(path), "--json")
    found = done.json
    (cited,) = found["citations"]

    assert (done.code, done.err, found["outcome"]) == (0, "", "answered")
    assert "two years" in found["answer"].replace("2", "two")
    assert cited["title"] == path.name
    assert found["usage"]["prompt_tokens"] > 0
    assert f"http://{found['replica']}" == world.environment["CHASQUI_BACKEND__URLS"]


async def test_a_thread_goes_on_in_another_process(world: World) -> None:
    """The prompt of the second question has the first one in it, and fits the smaller window."""
    for question in ("My name is Ana.", "What is my name?"):
        done = await world.run("ask", question, "--thread", "ana", "--json")
        assert (done.code, json.loads(done.out)["outcome"]) == (0, "answered"), done.err


async def test_doctor_names_the_engine(world: World) -> None:
    """Whoever set the address can see what was found there."""
    done = await world.run("doctor")

    assert done.code == 0, done.out
    found = done.out.decode()
    assert re.search(
        rf"on llama\.cpp \S+, window {llama.WINDOW}, {llama.SLOTS} at once, profile smollm2", found
    )
