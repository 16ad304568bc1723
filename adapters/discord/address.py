"""Where Discord is: its own servers, or those that the settings name."""

from urllib.parse import urlsplit

import discord
from discord.gateway import DiscordWebSocket

from core.errors import SettingsError

_VERSION = "/api/v10"


def aim(api_url: str | None, gateway_url: str | None = None) -> str | None:
    """Let discord.py talk to these addresses; returns the host of the API where it is not Discord's own.

    discord.py keeps both as attributes of classes and has no argument for them, so they count for the
    whole process, once. Raises SettingsError for what is no address.
    """
    if gateway_url:
        if urlsplit(gateway_url).scheme not in ("ws", "wss"):
            raise SettingsError("CHASQUI_DISCORD__GATEWAY_URL must begin with ws:// or wss://.")
        DiscordWebSocket.DEFAULT_GATEWAY = type(DiscordWebSocket.DEFAULT_GATEWAY)(gateway_url)
    if not api_url:
        return None
    address = urlsplit(api_url)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise SettingsError("CHASQUI_DISCORD__API_URL must begin with http:// or https://.")
    discord.http.Route.BASE = api_url.rstrip("/") + ("" if address.path.strip("/") else _VERSION)
    return address.hostname
