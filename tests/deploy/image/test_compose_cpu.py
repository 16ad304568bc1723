"""compose.cpu.yaml: the demo in real containers, on a network that leads nowhere."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import files
from tests.deploy.image.conftest import CPU, VALKEY, output, project
from tests.deploy.image.engine import Engine


@dataclass(frozen=True, slots=True)
class Demo:
    """The project, with the folder whose files may be asked about."""

    engine: Engine
    arguments: list[str]

    def chasqui(self, *words: str) -> str:
        """What a command of the terminal prints in a container of its own."""
        done = self.engine.compose_run(*self.arguments, "run", "--rm", "-T", "chasqui", *words, check=False)
        assert done.returncode == 0, output(done) + self.logs()
        return done.stdout

    def ask(self, *words: str) -> dict[str, Any]:
        """What `chasqui ask --json` answers."""
        return dict(json.loads(self.chasqui("ask", "--json", *words)))

    def logs(self) -> str:
        """What all containers said."""
        return output(self.engine.compose_run(*self.arguments, "logs", "--no-color", check=False))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files that everyone may read."""
    folder = tmp_path_factory.mktemp("files")
    folder.chmod(0o755)
    for parent in folder.parents[:3]:
        parent.chmod(0o755)
    files.pdf(folder).chmod(0o644)
    return folder


@pytest.fixture(scope="module")
def demo(engine: Engine, folder: Path) -> Iterator[Demo]:
    """compose.cpu.yaml with our images."""
    engine.environment.update(CHASQUI_CPU_IMAGE=CPU, CHASQUI_VALKEY_IMAGE=VALKEY, CHASQUI_FILES=str(folder))
    with project(engine, "docker/compose.cpu.yaml") as arguments:
        yield Demo(engine, arguments)


@pytest.mark.timeout(600)
def test_the_demo_answers_in_containers(demo: Demo) -> None:
    """The scripted conversation runs on the embedded servers of one container, and names its source."""
    said = demo.chasqui("demo", "--once")

    assert "24" in said
    assert "Source: handbook.md" in said
    assert "I don't know" in said


@pytest.mark.timeout(300)
def test_a_question_with_a_pdf_is_answered_with_its_source(demo: Demo) -> None:
    """The file is read in the sandbox of a container without rights, and the citation names its page."""
    answer = demo.ask("How much leave do staff earn each month?", "--file", "handbook.pdf")

    assert answer["outcome"] == "answered"
    assert "two and a half days" in answer["answer"]
    assert answer["citations"][0]["title"].startswith("handbook.pdf")


@pytest.mark.timeout(300)
def test_a_thread_outlives_its_container(demo: Demo) -> None:
    """Turns and files are in Valkey: another container goes on with them."""
    demo.ask("How much leave do staff earn each month?", "--file", "handbook.pdf", "--thread", "leave")
    again = demo.ask("How much leave do staff earn each month?", "--thread", "leave")

    assert again["outcome"] == "answered"
    assert again["citations"][0]["title"].startswith("handbook.pdf")


@pytest.mark.timeout(300)
def test_doctor_finds_nothing_wrong_in_the_container(demo: Demo) -> None:
    """All parts are well: the store, the model, the folder for data and the reader of files."""
    checks = json.loads(demo.chasqui("doctor", "--json"))

    assert [check for check in checks if not check["well"]] == []


@pytest.mark.timeout(300)
def test_the_teams_documents_are_found_by_what_they_mean(demo: Demo) -> None:
    """The model for it runs on a read-only root without a network; question and page share no word."""
    demo.chasqui("kb", "add", "handbook.pdf")
    [hit] = json.loads(demo.chasqui("kb", "search", "Is there money for lodging?", "-k", "1", "--json"))

    assert "a night in Lima costs" in hit["text"]
    assert not {"is", "there", "money", "for", "lodging"} & set(hit["text"].lower().split())
