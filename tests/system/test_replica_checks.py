"""What `chasqui doctor` finds out about replicas."""

from pathlib import Path

from pydantic import SecretStr

from bots import checks
from bots.check import Check
from bots.settings import BackendSettings, RedisSettings, Settings
from tests.adapters.redis_parts import RedisServer
from tests.emulators.completions import CompletionsStandIn
from tests.emulators.tgi import INFO, TgiStandIn


async def found(redis: RedisServer, folder: Path, *urls: str) -> list[Check]:
    """The checks of the replicas at these addresses."""
    kept = RedisSettings(url=SecretStr(redis.url))
    settings = Settings(data_dir=folder, redis=kept, backend=BackendSettings(urls=urls))
    return [check async for check in checks.serving(settings) if check.part.startswith("model")]


async def test_each_replica_is_shown_with_all_that_matters(redis: RedisServer, tmp_path: Path) -> None:
    """Engine, version, model, window, how many it takes at once, and how long it takes to say a word."""
    async with TgiStandIn() as one, CompletionsStandIn("vllm") as other:
        first, second = await found(redis, tmp_path, one.url, other.url)
    assert first.part == f"model at {one.url.removeprefix('http://')}"
    expected = "jondurbin/airoboros-13b-gpt4 on {}, window 2048, 128 at once, profile airoboros, "
    assert first.found.startswith(expected.format("TGI 3.3.7"))
    assert second.found.startswith(expected.format("vLLM 0.11.2"))
    assert first.found.endswith(" ms")
    assert first.well
    assert second.well


async def test_what_is_wrong_with_a_replica_is_said(redis: RedisServer, tmp_path: Path) -> None:
    """One that is away, one that is there and says that it is unwell, and what to do about it."""
    async with TgiStandIn(faults=["refused"]) as away, TgiStandIn() as unwell:
        unwell.fail_batch()
        first, second = await found(redis, tmp_path, away.url, unwell.url)
    assert (first.well, second.well) == (False, False)
    assert first.mend.startswith("Start the model server")
    assert second.found.endswith(" ms, but unwell")
    assert "log" in second.mend


async def test_replicas_of_different_models_are_found(redis: RedisServer, tmp_path: Path) -> None:
    """Each is well, but who asks twice would be answered by two."""
    async with TgiStandIn() as one, TgiStandIn(info=INFO | {"model_id": "other-7b"}) as other:
        *each, both = await found(redis, tmp_path, one.url, other.url)
    assert all(check.well for check in each)
    assert (both.part, both.well) == ("models", False)
    assert both.found == "the replicas serve 2 models: jondurbin/airoboros-13b-gpt4, other-7b"
