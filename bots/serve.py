"""The long-running roles of `chasqui serve`, in one process, until SIGTERM or Ctrl-C."""

import asyncio
from collections.abc import Collection, Coroutine
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import Any

import structlog

from adapters.metrics import Metrics
from bots import figures, wiring
from bots.settings import Settings
from bots.signals import first_press
from bots.traces import traces
from bots.web import Web
from bots.wiring import App, Stores
from core.draining import Drained, unless
from core.errors import SettingsError, StoreError
from core.ports import Inbox, Platform
from core.together import together
from core.worker import Worker

log = structlog.get_logger()

GATEWAYS = ("discord", "slack")
ROLES = ("worker", *GATEWAYS, "all")
_NOBODY = (
    "No platform has a token, so there is nobody to talk to. Set CHASQUI_DISCORD__TOKEN or "
    "CHASQUI_SLACK__BOT_TOKEN, or ask in the terminal with `chasqui chat`."
)
_UNCONNECTED = (
    "Slack's Socket Mode needs the app-level token. Set CHASQUI_SLACK__APP_TOKEN to it, or let Slack call "
    "you, with CHASQUI_SLACK__MODE=http."
)
_UNSIGNED = (
    "Slack's HTTP mode needs the secret with which Slack signs. Set CHASQUI_SLACK__SIGNING_SECRET to the one "
    "under Basic Information."
)


async def serve(settings: Settings, roles: Collection[str], metrics: Metrics) -> int:
    """Serve these roles; returns the exit code once they have drained. `metrics` observes the log."""
    served = _checked(settings, roles)
    draining = asyncio.Event()
    web = Web(metrics, draining)
    web.look(figures.of_build)
    web.expect("redis", *served)
    with first_press(draining.set), suppress(Drained):
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(traces(served))
            await stack.enter_async_context(web.listening(settings.http))
            async with unless(draining):
                running = await _begun(settings, served, stack, web, draining)
            log.info("serve.started", roles=sorted(served))
            await together(*running)
    return 0


async def _begun(
    settings: Settings, served: Collection[str], stack: AsyncExitStack, web: Web, draining: asyncio.Event
) -> list[Coroutine[Any, Any, None]]:
    """What is to run, once everything stands that it needs."""
    running: list[Coroutine[Any, Any, None]] = []
    kept: Stores
    if "worker" in served:
        kept = ready = await stack.enter_async_context(wiring.app(settings))
        platforms = await stack.enter_async_context(wiring.platforms(settings, kept))
        worker = _worker(settings, ready, platforms)
        running.append(worker.run(draining))
        web.watch("worker", worker.wrong)
        web.look(partial(figures.of_replicas, ready.replicas))
    else:
        kept = await stack.enter_async_context(wiring.stores(settings))
    web.watch("redis", partial(_unreachable, kept.inbox))
    web.look(partial(figures.of_inbox, kept.inbox))
    if "discord" in served:
        running.append(_discord(settings, kept, web, draining))
    if "slack" in served:
        running.append(_slack(settings, kept, web, draining))
    return running


def _checked(settings: Settings, roles: Collection[str]) -> set[str]:
    """The roles that are served; those that cannot be raise SettingsError."""
    for role in roles:
        if role not in ROLES:
            raise SettingsError(f"There is no role {role!r}. Choose among {', '.join(ROLES)}.")
    tokens = {"discord": settings.discord.token, "slack": settings.slack.bot_token}
    needed = {"discord": "CHASQUI_DISCORD__TOKEN", "slack": "CHASQUI_SLACK__BOT_TOKEN"}
    for name in GATEWAYS:
        if name in roles and not tokens[name]:
            raise SettingsError(f"The role {name!r} needs a token. Set {needed[name]} to the bot's.")
    talking = {name for name, token in tokens.items() if token}
    if not talking:
        raise SettingsError(_NOBODY)
    served = {"worker", *talking} if "all" in roles else set(roles)
    if "slack" in served and settings.slack.mode == "socket" and not settings.slack.app_token:
        raise SettingsError(_UNCONNECTED)
    if "slack" in served and settings.slack.mode == "http" and not settings.slack.signing_secret:
        raise SettingsError(_UNSIGNED)
    return served


async def _unreachable(inbox: Inbox) -> str:
    """Why nothing can be put into the inbox, or nothing."""
    try:
        await inbox.load()
    except StoreError as error:
        return error.sentence
    return ""


def _worker(settings: Settings, ready: App, platforms: dict[str, Platform]) -> Worker:
    return Worker(
        ready.inbox.work,
        ready.serve,
        platforms,
        at_once=settings.worker.answers,
        grace=settings.worker.grace_seconds,
    )


async def _discord(settings: Settings, kept: Stores, web: Web, draining: asyncio.Event) -> None:
    """The gateway of Discord."""
    from adapters.discord.address import aim  # noqa: PLC0415 - half a second for who needs it
    from bots import discord_bot  # noqa: PLC0415

    ours = settings.discord
    assert ours.token, "it was checked"
    aim(ours.api_url, ours.gateway_url)
    desk = wiring.desk("discord", kept, ours)
    # With its own address there is one gateway; else Discord says how many, and where they are.
    shards = 1 if ours.gateway_url else None
    with suppress(Drained):
        await discord_bot.run(ours.token.get_secret_value(), desk, web, draining, shards=shards)


async def _slack(settings: Settings, kept: Stores, web: Web, draining: asyncio.Event) -> None:
    """The gateway of Slack."""
    from bots import slack_bot  # noqa: PLC0415 - half a second for who needs it

    with suppress(Drained):
        await slack_bot.run(settings.slack, web, kept, draining)
