"""What `chasqui doctor` looks at: each part, whether it is well, and the mend."""

import asyncio
import platform
import shutil
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, suppress
from dataclasses import asdict
from importlib.util import find_spec

from adapters.replica.client import Replica
from bots import mistakes, redis_checks, wiring
from bots.check import Check
from bots.embedding_checks import of_embeddings, of_reranker
from bots.output import print_json
from bots.settings import Settings
from bots.store import redis
from core.errors import BackendError, BackendUnauthorized, BackendUnavailable, ChasquiError
from core.types import Sampling

_PATIENCE = 20.0
"""Seconds for the first token of a model."""
_OWN_STORE = "Mend that, or name a server of your own in CHASQUI_REDIS__URL."
_OWN_MODEL = "Mend that, or name a model server of your own in CHASQUI_BACKEND__URLS."


async def report(settings: Settings, *, as_json: bool) -> int:
    """Print all that is found; the exit code is 1 where something is wrong."""
    checks = [check async for check in everything(settings)]
    if as_json:
        print_json([{**asdict(check), "mend": "" if check.well else check.mend} for check in checks])
    else:
        print(*checks, sep="\n")
    return 0 if all(check.well for check in checks) else 1


async def everything(settings: Settings) -> AsyncIterator[Check]:
    """All checks, one after the other; starts the embedded servers where nothing else is configured."""
    yield Check("python", True, platform.python_version())
    yield _disk(settings)
    yield _reader()
    for part in (of_mistakes, serving, of_embeddings, of_reranker, of_discord, of_slack):
        async for check in part(settings):
            yield check


async def serving(settings: Settings) -> AsyncIterator[Check]:
    """The parts that a question needs: history and model."""
    for part in (of_redis, of_models):
        async for check in part(settings):
            yield check


async def of_redis(settings: Settings) -> AsyncIterator[Check]:
    """The server that keeps what waits and what was said."""
    try:
        async with redis(settings) as store:
            pulse = await store.ping()
            kind = "configured" if settings.redis.url else "embedded"
            yield Check("redis", True, f"{pulse.version}, {kind}, {pulse.latency_ms:.1f} ms")
            async for check in redis_checks.of_store(store, pulse.version):
                yield check
    except ChasquiError as error:
        mend = "Check CHASQUI_REDIS__URL, or leave it empty." if settings.redis.url else _OWN_STORE
        yield Check("redis", False, error.sentence, mend)


async def of_models(settings: Settings) -> AsyncIterator[Check]:
    """Each replica, and all of them together."""
    try:
        for name, model in wiring.models(settings).items():
            async with wiring.replicas(settings, model) as replicas:
                for replica in replicas:
                    yield await _replica(settings, name, replica)
                async for check in _models(replicas):
                    yield check
    except ChasquiError as error:
        named = any(model.urls for model in wiring.models(settings).values())
        mend = "Check CHASQUI_BACKEND__URLS and the keys, or leave them out." if named else _OWN_MODEL
        yield Check("model", False, error.sentence, mend)


async def of_mistakes(settings: Settings) -> AsyncIterator[Check]:
    """What is seen without asking anybody."""
    for mistake in mistakes.all_of(settings):
        yield mistake


async def of_discord(settings: Settings) -> AsyncIterator[Check]:
    """The bot, as Discord knows it."""
    if settings.discord.token:
        yield await _discord(settings)


async def of_slack(settings: Settings) -> AsyncIterator[Check]:
    """The bot, as Slack knows it."""
    if settings.slack.bot_token:
        yield await _slack(settings)
        async for check in of_slack_connections(settings):
            yield check


async def of_slack_connections(settings: Settings) -> AsyncIterator[Check]:
    """Whether Slack lets the app connect, where it is to."""
    from bots import slack_manifest  # noqa: PLC0415 - half a second for who needs it

    ours = settings.slack
    if ours.mode != "socket" or not ours.app_token:
        return
    try:
        await slack_manifest.connects(ours)
    except ChasquiError as error:
        yield Check("slack", False, error.sentence, "Correct CHASQUI_SLACK__APP_TOKEN or __API_URL.")
    else:
        yield Check("slack", True, "the app may open connections")


async def _discord(settings: Settings) -> Check:
    from adapters.discord.listening import NO_CONTENT  # noqa: PLC0415 - half a second for who needs it
    from bots import discord_invite  # noqa: PLC0415 - as above

    try:
        bot = await discord_invite.asked(settings)
    except ChasquiError as error:
        return Check("discord", False, error.sentence, "Correct CHASQUI_DISCORD__TOKEN or __API_URL.")
    reads_all = any(channel.every_message for channel in settings.discord.channels.values())
    if reads_all and not bot.reads_messages:
        return Check(
            "discord", False, f"{bot.name} may not read what a channel wants it to answer", NO_CONTENT
        )
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
        return Check(part, False, str(error), _mend(error))
    start = time.perf_counter()
    is_well = await replica.health()
    elapsed = (time.perf_counter() - start) * 1000
    limits, profile = engine.limits, wiring.policy(settings, name).profile_of(engine.limits)
    longest = wiring.models(settings)[name].max_new_tokens or 0
    found = (
        f"{limits.model} on {f'{engine.name} {engine.version}'.strip()}, window {limits.window}, "
        f"{limits.max_concurrent} at once, profile {profile.name}, {elapsed:.0f} ms"
    )
    if not is_well:
        return Check(part, False, f"{found}, but unwell", "It may still be loading; else look at its log.")
    if longest > limits.window // 2:
        room = f"{found}: an answer of {longest} tokens leaves less than half of the window for the question"
        return Check(part, False, room, "Let CHASQUI_BACKEND__MAX_NEW_TOKENS be smaller.")
    if silent := await _silent(replica):
        return Check(part, False, f"{found}: {silent}", _mend(silent))
    return Check(part, True, found)


async def _silent(replica: Replica) -> BackendError | None:
    """Why the model says nothing, of which one token is asked; an engine may tell of itself without a key."""
    try:
        async with (
            asyncio.timeout(_PATIENCE),
            aclosing(replica.stream("Hello", Sampling(max_new_tokens=1))) as said,
        ):
            async for _ in said:
                return None
    except BackendError as error:
        return error
    except TimeoutError:
        return BackendUnavailable(f"no token within {_PATIENCE:.0f} s", replica=replica.replica)
    return None


def _mend(error: ChasquiError) -> str:
    """What to do where a model server cannot be asked."""
    if isinstance(error, BackendUnauthorized):
        return "Correct CHASQUI_BACKEND__API_KEY, or CHASQUI_BACKEND__API_KEYS for this address alone."
    return "Start the model server, or correct CHASQUI_BACKEND__URLS."


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


def _reader() -> Check:
    there = find_spec("kreuzberg") is not None
    found = f"kreuzberg is {'' if there else 'not '}installed"
    mend = "pip install '.[files]' in the checkout."
    return Check("reading of PDF, Office and HTML files", there, found, mend)
