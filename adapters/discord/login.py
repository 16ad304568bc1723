"""Showing Discord the token, and what is known of the bot before and after."""

import base64
import binascii
import logging
from dataclasses import dataclass
from functools import partial

import discord
import structlog

from adapters.discord.errors import mapped
from adapters.discord.insisting import insist
from core.errors import ChasquiError, PlatformError, SettingsError

log = structlog.get_logger()

PERMISSIONS = 309_237_763_136
"""View channels, send messages, also in threads, create public threads, read history, embed links, attach
files, add reactions: the least with which everything works."""
PATIENCE = 60.0
"""Seconds for which Discord may be away when chasqui starts."""
NOT_ACCEPTED = (
    "Discord does not accept the token. Set CHASQUI_DISCORD__TOKEN to the one that the Developer Portal "
    "shows under Bot."
)


@dataclass(frozen=True, slots=True)
class Bot:
    """The bot of a token, as Discord knows it; `reads_messages` also those that are not for it."""

    name: str
    application: str
    reads_messages: bool


async def login(client: discord.Client, token: str, *, patience: float = PATIENCE) -> None:
    """Show Discord the token, as soon as Discord is there.

    Raises SettingsError where it is not accepted, and ChasquiError where Discord cannot be reached.
    """
    _forward_logs()
    try:
        await insist(partial(_login, client, token), patience=patience, event="discord.login_failed")
    except PlatformError as error:
        if isinstance(error.__cause__, discord.LoginFailure):
            raise SettingsError(NOT_ACCEPTED) from None
        raise ChasquiError(
            f"Discord cannot be asked ({error}). Look at the network and at CHASQUI_DISCORD__API_URL."
        ) from error


async def _login(client: discord.Client, token: str) -> None:
    try:
        with mapped():
            await client.login(token)
    except PlatformError:
        await client.http.close()  # the next try opens another session, over a connector of its own
        client.http.connector = discord.utils.MISSING
        raise


async def whoami(token: str, *, patience: float = PATIENCE) -> Bot:
    """Ask Discord whose token this is. Raises as `login`."""
    async with discord.Client(intents=discord.Intents(guilds=True)) as client:
        await login(client, token, patience=patience)
        flags = client.application.flags if client.application else discord.ApplicationFlags()
        reads = flags.gateway_message_content or flags.gateway_message_content_limited
        return Bot(client.user.name if client.user else "", str(client.application_id), reads)


def application_of(token: str) -> str | None:
    """The application's id, which is the first part of its bot's token; None where that is no such token."""
    first = token.partition(".")[0]
    try:
        name = base64.b64decode(first + "=" * (-len(first) % 4), validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return name if name.isdecimal() else None


def invitation(application: str) -> str:
    """The link with which people let the bot into their server, or install it for themselves."""
    query = f"client_id={application}&permissions={PERMISSIONS}&scope=bot+applications.commands"
    return f"https://discord.com/oauth2/authorize?{query}"


class _Forwarding(logging.Handler):
    """discord.py's log as ours: what kind of thing it says, without names, addresses or what people wrote."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[0] if record.exc_info else None
        level = logging.getLevelName(record.levelno).lower()
        log.log(record.levelno, "discord.library", said=record.msg, of=record.name, at=level)
        if error is not None:
            log.log(record.levelno, "discord.library_error", error=error.__name__)


def _forward_logs() -> None:
    logger = logging.getLogger("discord")
    if not any(isinstance(handler, _Forwarding) for handler in logger.handlers):
        logger.addHandler(_Forwarding(logging.WARNING))
        logger.propagate = False
