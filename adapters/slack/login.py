"""Showing Slack the token, and where Slack is."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import aiohttp
import structlog
from slack_sdk.web.async_client import AsyncWebClient
from tenacity import AsyncRetrying, retry_if_exception_type
from tenacity.stop import stop_after_delay
from tenacity.wait import wait_random_exponential

from adapters.slack.client import API, Bot, Slack
from adapters.slack.errors import TokenRefused, mapped
from core.errors import ChasquiError, PlatformError, RateLimited, SettingsError, WriteFailed
from core.ports import Rates

log = structlog.get_logger()

PATIENCE = 60.0
"""Seconds for which Slack may be away when chasqui starts."""
NOT_ACCEPTED = (
    "Slack does not accept the bot's token. Set CHASQUI_SLACK__BOT_TOKEN to the one that begins with xoxb- "
    "and that the app's pages show under OAuth & Permissions."
)


def address(api_url: str | None) -> str:
    """The address of the Web API: Slack's, or the one of the settings. Raises SettingsError for none."""
    if not api_url:
        return API
    found = urlsplit(api_url)
    if found.scheme not in ("http", "https") or not found.hostname:
        raise SettingsError("CHASQUI_SLACK__API_URL must begin with http:// or https://.")
    return api_url.rstrip("/") + ("/" if found.path.strip("/") else "/api/")


@asynccontextmanager
async def logged_in(
    bot_token: str, api_url: str | None, rates: Rates, *, patience: aiohttp.ClientTimeout
) -> AsyncIterator[Slack]:
    """The Web API for whoever has this token. Raises as `address` and `login`."""
    async with aiohttp.ClientSession(timeout=patience) as http:
        web = AsyncWebClient(bot_token, address(api_url), session=http, retry_handlers=[])
        yield Slack(web, http, await login(web), rates)


async def login(web: AsyncWebClient, *, patience: float = PATIENCE) -> Bot:
    """Ask Slack whose token this is, as soon as Slack is there.

    Raises SettingsError where it is not accepted, and ChasquiError where Slack cannot be reached.
    """
    if not str(web.token).startswith("xoxb-"):
        raise SettingsError(NOT_ACCEPTED)
    retrying = AsyncRetrying(
        retry=retry_if_exception_type((WriteFailed, RateLimited)),
        wait=wait_random_exponential(max=10),
        stop=stop_after_delay(patience),
        reraise=True,
        before_sleep=lambda state: log.warning("slack.login_failed", attempt=state.attempt_number),
    )
    try:
        return await retrying(_whoami, web)
    except TokenRefused:
        raise SettingsError(NOT_ACCEPTED) from None
    except PlatformError as error:
        raise ChasquiError(
            f"Slack cannot be asked ({error}). Look at the network and at CHASQUI_SLACK__API_URL."
        ) from error


async def _whoami(web: AsyncWebClient) -> Bot:
    with mapped():
        told = await web.auth_test()
    return Bot(
        name=str(told["user"]),
        user=str(told["user_id"]),
        bot=str(told.get("bot_id") or ""),
        team=str(told["team_id"]),
        scopes=frozenset(str(told.headers.get("x-oauth-scopes", "")).split(",")) - {""},
    )
