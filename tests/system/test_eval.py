"""A knowledge base measured on questions, by whole programs."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.emulators.tgi import TgiStandIn
from tests.system.program import World

LEAVE = """<section id="leave"><h1>Leave</h1><p>New crew get 24 days of paid leave.</p>
<section id="sick"><h2>Illness</h2><p>Who is ill tells the harbour office before eight.</p></section>
</section>"""
BOATS = "<section id='tug'><h1>The tug</h1><p>Paloma is refuelled on Mondays.</p></section>"


def question(ident: str, text: str, *gold: tuple[str, str | None], **more: Any) -> dict[str, Any]:
    """A question as its file has it."""
    places = [{"file": file, "anchor": anchor, "evidence": "not read"} for file, anchor in gold]
    return {"id": ident, "question": text, "answerable": bool(gold), "gold": places, **more}


QUESTIONS = [
    question("a1", "how many days of paid leave do new crew get?", ("leave.html", "leave")),
    question("a2", "when is the paloma refuelled", ("boats.html", None)),
    question("a3", "when is the paloma refuelled", ("leave.html", "nowhere")),
    question("a4", "and who is told?", ("leave.html", "sick"), before=["what does one do when ill?"]),
    question("u1", "who won the regatta in Genoa?", tags=["out-of-scope"]),
]


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """Two pages of a manual."""
    folder = tmp_path / "manual"
    folder.mkdir()
    (folder / "leave.html").write_text(f"<!doctype html><html><body>{LEAVE}</body></html>")
    (folder / "boats.html").write_text(f"<!doctype html><html><body>{BOATS}</body></html>")
    return folder


@pytest.fixture
def asked(tmp_path: Path) -> Path:
    """A file of questions to them."""
    path = tmp_path / "questions.json"
    path.write_text(json.dumps({"how_to_obtain": "Ask the harbour.", "questions": QUESTIONS}))
    return path


async def test_retrieval_is_measured_at_the_section_and_the_page(
    world: World, docs: Path, asked: Path, tmp_path: Path
) -> None:
    """Three of four answers are found first; a page counts for any of its sections, and a follow-up leans
    on what was asked before it.
    """
    await world.run("kb", "add", str(docs))
    done = await world.run("eval", "kb", str(asked), "--json", "--plot", str(tmp_path / "curve.svg"))

    assert (done.code, done.err) == (0, "")
    report = done.json
    assert report["questions"] == {"answerable": 4, "out-of-scope": 1}
    assert [(each["id"], each["rank"]) for each in report["each"]] == [
        ("a1", 1), ("a2", 1), ("a3", 0), ("a4", 1), ("u1", 0),
    ]  # fmt: skip
    section = report["retrieval"]["section strict"]
    assert (section["recall@1"]["value"], section["mrr@10"]["value"]) == (0.75, 0.75)
    assert section["recall@1"]["low"] < 0.75 < section["recall@1"]["high"]
    assert report["curves"]["out-of-scope"][0] == {"threshold": 0.0, "covered": 1.0, "false": 1.0}
    assert report["separation"]["out-of-scope"] == 1.0
    assert ET.parse(tmp_path / "curve.svg").getroot().tag.endswith("svg")

    shown = (await world.run("eval", "kb", str(asked))).out.decode()
    assert "4 answerable, 1 out-of-scope; 2 public documents." in shown
    assert "section strict" in shown
    assert "24 passages read again included" in shown
    assert "EVIDENCE  REFUSED  OUT-OF-SCOPE" in shown


async def test_each_way_of_finding_is_measured_beside_the_one_that_people_get(
    world: World, docs: Path, asked: Path
) -> None:
    """As a table that documentation can hold; it needs vectors, and says so: by words none are read again."""
    without = world.with_(EMBEDDINGS__MODEL="none")
    await without.run("kb", "add", str(docs))
    assert (await without.run("eval", "kb", str(asked), "--json")).json["compared"] == 0
    lacking = await without.run("eval", "kb", str(asked), "--ablation")
    assert (lacking.code, "Not all documents have vectors." in lacking.sentence) == (1, True), lacking.err
    alone = await world.run("eval", "kb", str(asked), "--ablation", "--json")
    assert (alone.code, alone.out) == (2, b"")
    await world.run("kb", "sync")

    done = await world.run("eval", "kb", str(asked), "--ablation")

    assert (done.code, done.err) == (0, "")
    header, _, words, *ways, people_get = done.out.decode().splitlines()
    assert header == (
        "| found by (4 questions) | recall@5 | MRR@10 | page recall@5 | better than the last | worse |"
    )
    assert words.startswith("| words | 0.750 | ")
    assert [way.partition(",")[0] for way in ways] == ["| meaning"] * 2 + ["| both"] * 3
    assert people_get == "| both, and the first read again: what people get | 0.750 | 0.750 | 1.000 | 0 | 0 |"


async def test_answers_are_counted_with_where_their_sources_lead(
    world: World, docs: Path, asked: Path
) -> None:
    """A source is right in a section that answers; what nothing answers should be refused."""
    await world.run("kb", "add", str(docs))
    async with TgiStandIn(" New crew get 24 days of paid leave.") as tgi:
        ready = world.with_(BACKEND__URLS=tgi.url, ANSWERS__GROUNDING="require")
        done = await ready.run("eval", "kb", str(asked), "--answers", "--sample", "1", "--json")
        assert (done.code, done.err) == (0, "")
        answers = done.json["answers"]
        strict = ready.with_(ANSWERS__EVIDENCE="1.9")
        none = (await strict.run("eval", "kb", str(asked), "--answers", "--sample", "1", "--json")).json

    assert none["answers"]["kinds"]["answerable"]["refused"] == 1
    curve = [point["answerable"] for point in answers["by_evidence"]]
    asked_with = next(each["evidence"] for each in answers["each"] if each["id"] == "a1")
    assert curve == [float(0.02 * place <= asked_with) for place in range(len(curve))]
    assert answers["kinds"] == {
        "answerable": {"asked": 1, "answered": 1, "partial": 0, "refused": 0, "failed": 0, "cited": 1},
        "out-of-scope": {"asked": 1, "answered": 0, "partial": 0, "refused": 1, "failed": 0, "cited": 0},
    }
    assert (answers["citations"], answers["citation_precision"]) == (1, 1.0)
    assert answers["grounding"] == "require"


async def test_documents_that_were_not_added_are_named(world: World, docs: Path, asked: Path) -> None:
    """Without any there is nothing to measure; without some these count as not found."""
    nothing = await world.run("eval", "kb", str(asked))
    assert nothing.code == 1
    assert nothing.sentence == (
        "None of the 2 files that answer these questions is among the public documents. "
        "Add them with `chasqui kb add`. To obtain them: Ask the harbour."
    )

    await world.run("kb", "add", str(docs / "leave.html"))
    some = (await world.run("eval", "kb", str(asked))).out.decode()
    assert "Not in the knowledge base, so counted as not found: boats.html.\n" in some


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[", "is no JSON"),
        ('{"questions": [{"id": "a"}]}', "is no file of questions: questions.0.question: Field required."),
        (
            json.dumps({"questions": [question("a", "Why?") | {"answerable": True}]}),
            "which section answers a",
        ),
        (None, "cannot be read (No such file or directory)"),
    ],
)
async def test_what_is_no_file_of_questions_is_told_in_one_sentence(
    text: str | None, says: str, world: World, tmp_path: Path
) -> None:
    """Before anything is measured."""
    path = tmp_path / "questions.json"
    if text is not None:
        path.write_text(text)

    done = await world.run("eval", "kb", str(path))

    assert (done.code, says in done.sentence) == (1, True), done.err
