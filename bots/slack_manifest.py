"""`chasqui manifest slack`: what makes the app on Slack; and what `chasqui doctor` asks Slack.

https://docs.slack.dev/reference/app-manifest; the limits are those of the schema that Slack publishes
(github.com/slackapi/manifest-schema, version 2).
"""

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp
from pydantic import SecretStr
from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack.client import Bot
from adapters.slack.login import address, login
from adapters.slack.sockets import ticket
from adapters.slack.web import PATH
from bots.output import print_json
from bots.settings import SlackSettings
from bots.slack_adding import ADD
from bots.slack_commands import SLASH
from bots.slack_shortcuts import SHORTCUTS
from core.errors import ChasquiError, PlatformError, SettingsError

Json = dict[str, Any]

SCOPES = (
    "app_mentions:read",
    "assistant:write",
    "channels:history",
    "chat:write",
    "commands",
    "files:read",
    "files:write",
    "groups:history",
    "im:history",
    "im:write",
    "mpim:history",
    "users:read",
)
"""The least with which everything works."""
EVENTS = (
    "agent_session_stopped",
    "app_home_opened",
    "app_mention",
    "message.channels",
    "message.groups",
    "message.im",
    "message.mpim",
)
_NAME = "chasqui"
_ABOUT = "Answers from your files on your team's own open model, and says where in them the answer stands."
_LIMITS = {
    "display_information.name": (1, 35),
    "display_information.description": (1, 140),
    "features.agent_view.agent_description": (1, 300),
    "features.bot_user.display_name": (1, 80),
    "features.shortcuts": (1, 10),
    "features.shortcuts.name": (1, 24),
    "features.shortcuts.callback_id": (1, 255),
    "features.shortcuts.description": (1, 150),
    "features.slash_commands": (1, 50),
    "features.slash_commands.command": (2, 32),
    "features.slash_commands.description": (1, 2000),
    "features.slash_commands.usage_hint": (1, 1000),
    "features.slash_commands.url": (1, 3000),
    "settings.event_subscriptions.bot_events": (1, 100),
    "settings.event_subscriptions.request_url": (1, 3000),
    "settings.interactivity.request_url": (1, 3000),
}
"""The least and the most characters of a text, or items of a list."""
_TAKEN = frozenset(
    "away collapse dnd expand feed invite join leave me msg mute open remind remove rename search shortcuts"
    " shrug status topic who".split()
)
"""Slack's own commands: with one of them the whole manifest is refused."""
_THEN_SOCKET = (
    "Then install it, and set CHASQUI_SLACK__BOT_TOKEN (OAuth & Permissions) and CHASQUI_SLACK__APP_TOKEN "
    "(Basic Information, an app-level token with connections:write)."
)
_THEN_HTTP = (
    "Then install it, and set CHASQUI_SLACK__MODE=http, CHASQUI_SLACK__BOT_TOKEN (OAuth & Permissions) and "
    "CHASQUI_SLACK__SIGNING_SECRET (Basic Information)."
)
_PATIENCE = 5.0
"""Seconds that a person at a terminal waits for Slack."""


def manifest(url: str = "") -> Json:
    """What makes the app: for Socket Mode, or for requests to `url`."""
    request = {"request_url": url} if url else {}
    return {
        "_metadata": {"major_version": 2},
        "display_information": {"name": _NAME, "description": _ABOUT, "background_color": "#5b3a1e"},
        "features": _features(url),
        "oauth_config": {"scopes": {"bot": list(SCOPES)}},
        "settings": {
            "event_subscriptions": {**request, "bot_events": list(EVENTS)},
            "interactivity": {"is_enabled": True, **request},
            "org_deploy_enabled": False,
            "socket_mode_enabled": not url,
            "token_rotation_enabled": False,
        },
    }


def _features(url: str) -> Json:
    shortcuts = [
        {"name": each.name, "type": "message", "callback_id": each.callback_id, "description": each.summary}
        for each in (*SHORTCUTS, ADD)
    ]
    commands = [
        {
            "command": f"/{each.name}",
            "description": each.summary,
            **({"usage_hint": each.hint} if each.hint else {}),
            "should_escape": True,
            **({"url": url} if url else {}),
        }
        for each in SLASH
    ]
    return {
        "app_home": {
            "home_tab_enabled": True,
            "messages_tab_enabled": True,
            "messages_tab_read_only_enabled": False,
        },
        "agent_view": {"agent_description": _ABOUT},
        "bot_user": {"display_name": _NAME, "always_online": True},
        "shortcuts": shortcuts,
        "slash_commands": commands,
    }


def faults(given: Json) -> Iterator[str]:
    """One sentence for each limit of Slack that a manifest breaks."""
    for path, (least, most) in _LIMITS.items():
        for value in _found(given, path.split(".")):
            if not least <= len(value) <= most:
                yield f"{path} must have {least} to {most} characters or items, and has {len(value)}"
    for command in _found(given, ["features", "slash_commands", "command"]):
        if not re.fullmatch(r"/[a-z0-9_-]+", command) or command[1:] in _TAKEN:
            yield f"{command} cannot be the name of a command"


def _found(given: Any, path: list[str]) -> Iterator[Any]:
    """All values at a path, through lists."""
    if isinstance(given, list) and path:
        for each in given:
            yield from _found(each, path)
    elif not path:
        yield given
    elif path[0] in given:
        yield from _found(given[path[0]], path[1:])


def link(given: Json) -> str:
    """The address that makes the app with one click."""
    written = json.dumps(given, separators=(",", ":"))
    return f"https://api.slack.com/apps?new_app=1&manifest_json={quote(written, safe='')}"


def show(http: str | None) -> None:
    """Print the manifest on stdout, as JSON that is YAML too, and what to do with it on stderr.

    Raises SettingsError for an address that Slack does not take.
    """
    made = manifest(_request_url(http) if http else "")
    for fault in faults(made):
        raise SettingsError(f"Slack would not take this: {fault}.")
    print_json(made)
    then = _THEN_HTTP if http else _THEN_SOCKET
    print(f"Create the app with this manifest, or open\n{link(made)}\n{then}", file=sys.stderr)


def _request_url(http: str) -> str:
    """Where Slack is to send its requests."""
    try:
        found = urlsplit(http)
        is_public = found.scheme == "https" and bool(found.hostname) and not re.search(r"\s", http)
    except ValueError:  # brackets that stay open
        is_public = False
    if not is_public:
        raise SettingsError(
            f"Slack sends requests to public https addresses only: give one, as in https://bot.example.org{PATH}."
        )
    return http if found.path.strip("/") else http.rstrip("/") + PATH


async def asked(ours: SlackSettings) -> Bot:
    """The bot of the settings. Raises SettingsError for a wrong token, ChasquiError for none that answers."""
    assert ours.bot_token, "there is a token"
    async with _web(ours, ours.bot_token) as web:
        return await login(web, patience=_PATIENCE)


async def connects(ours: SlackSettings) -> None:
    """Ask Slack for a connection, and leave it unused. Raises as `asked`."""
    assert ours.app_token, "there is a token"
    try:
        async with asyncio.timeout(_PATIENCE), _web(ours, ours.app_token) as web:
            await ticket(web, ours.app_token.get_secret_value())
    except (PlatformError, TimeoutError) as error:
        why = str(error) or f"no answer within {_PATIENCE:.0f} s"
        raise ChasquiError(f"Slack cannot be asked for a connection: {why}") from error


@asynccontextmanager
async def _web(ours: SlackSettings, token: SecretStr) -> AsyncIterator[AsyncWebClient]:
    async with aiohttp.ClientSession() as session:
        url = address(ours.api_url)
        yield AsyncWebClient(token.get_secret_value(), url, session=session, retry_handlers=[])
