"""What `chasqui doctor` and `chasqui healthcheck` look at: each part, whether it is well, and the mend."""

import platform
import shutil
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec

from adapters.replica.client import Replica
from bots import wiring
from bots.settings import Settings
from core.errors import BackendError, ChasquiError


@dataclass(frozen=True, slots=True)
class Check:
    """One part: what was found, or what is wrong and how to mend it."""

    part: str
    well: bool
    found: str
    mend: str = ""


async def everything(settings: Settings) -> AsyncIterator[Check]:
    """All checks, one after the other; starts the embedded servers where nothing else is configured."""
    version = platform.python_version()
    yield Check("python", sys.version_info >= (3, 11), version, "Install Python 3.11 or newer.")
    yield _disk(settings)
    yield _module("kreuzberg", "reading of PDF, Office and HTML files", "files")
    async for check in serving(settings):
        yield check
    if settings.discord.token:
        yield await _discord(settings)
    if settings.slack.bot_token:
        yield await _slack(settings)


async def serving(settings: Settings) -> AsyncIterator[Check]:
    """The parts that a question needs: history and model."""
    try:
        async with wiring.redis(settings) as store:
            pulse = await store.ping()
            kind = "configured" if settings.redis.url else "embedded"
            yield Check("redis", True, f"{pulse.version}, {kind}, {pulse.latency_ms:.1f} ms")
    except ChasquiError as error:
        yield Check("redis", False, error.sentence, "Check CHASQUI_REDIS__URL, or leave it empty.")
    try:
        for name, model in wiring.models(settings).items():
            async with wiring.replicas(settings, model) as replicas:
                for replica in replicas:
                    yield await _replica(settings, name, replica)
                async for check in _models(replicas):
                    yield check
    except ChasquiError as error:
        yield Check("model", False, error.sentence, "Check CHASQUI_BACKEND__URLS, or leave it empty.")


async def _discord(settings: Settings) -> Check:
    from bots import discord_invite  # noqa: PLC0415 - half a second for who needs it

    try:
        bot = await discord_invite.asked(settings)
    except ChasquiError as error:
        return Check("discord", False, error.sentence, "Correct CHASQUI_DISCORD__TOKEN or __API_URL.")
    reads = "may" if bot.reads_messages else "may not"
    return Check("discord", True, f"{bot.name}, which {reads} read messages that do not mention it")


async def _slack(settings: Settings) -> Check:
    from bots import slack_manifest  # noqa: PLC0415 - as above

    mend = "Correct CHASQUI_SLACK__BOT_TOKEN or __API_URL."
    try:
        bot = await slack_manifest.asked(settings.slack)
    except ChasquiError as error:
        return Check("slack", False, error.sentence, mend)
    lacking = sorted(set(slack_manifest.SCOPES) - bot.scopes) if bot.scopes else []
    if lacking:
        found = f"{bot.name} in {bot.team}, without the scopes {', '.join(lacking)}"
        return Check(
            "slack", False, found, "Install the app again with what `chasqui manifest slack` prints."
        )
    return Check("slack", True, f"{bot.name} in {bot.team}, {settings.slack.mode} mode")


async def _replica(settings: Settings, name: str, replica: Replica) -> Check:
    part = f"model {name} at {replica.replica}" if name else f"model at {replica.replica}"
    try:
        engine = await replica.engine()
    except ChasquiError as error:
        return Check(part, False, str(error), "Start the model server, or correct CHASQUI_BACKEND__URLS.")
    start = time.perf_counter()
    is_well = await replica.health()
    elapsed = (time.perf_counter() - start) * 1000
    limits, profile = engine.limits, wiring.policy(settings, name).profile_of(engine.limits)
    found = (
        f"{limits.model} on {f'{engine.name} {engine.version}'.strip()}, window {limits.window}, "
        f"{limits.max_concurrent} at once, profile {profile.name}, {elapsed:.0f} ms"
    )
    if not is_well:
        return Check(part, False, f"{found}, but unwell", "It may still be loading; else look at its log.")
    return Check(part, True, found)


async def _models(replicas: Sequence[Replica]) -> AsyncIterator[Check]:
    """What is wrong with replicas of which each is well, but any of which may answer a question."""
    models: set[str] = set()
    for replica in replicas:
        with suppress(BackendError):
            models.add((await replica.limits()).model)
    if len(models) > 1:
        found = f"the replicas serve {len(models)} models: {', '.join(sorted(models))}"
        yield Check("models", False, found, "Let CHASQUI_BACKEND__URLS name the replicas of one model.")


def _disk(settings: Settings) -> Check:
    mend = "Free some space, or name another folder in CHASQUI_DATA_DIR."
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        free = shutil.disk_usage(settings.data_dir).free
    except OSError as error:
        return Check("data", False, f"{settings.data_dir}: {error.strerror}", mend)
    return Check("data", free > 100_000_000, f"{settings.data_dir}, {free / 1e9:.1f} GB free", mend)


def _module(name: str, what: str, extra: str) -> Check:
    there = find_spec(name) is not None
    return Check(
        what, there, f"{name} is {'' if there else 'not '}installed", f"pip install 'chasqui[{extra}]'"
    )
