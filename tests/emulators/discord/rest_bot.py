"""REST: the bot itself, guilds and their members, commands, and the gateway's address."""

from typing import Any

from tests.emulators.discord import commands, payloads
from tests.emulators.discord.errors import refused
from tests.emulators.discord.http import Route
from tests.emulators.discord.model import Guild, Json
from tests.emulators.discord.platform import Asked, Platform


def _me(platform: Platform, asked: Asked) -> Any:
    return payloads.user(platform.world.user(platform.world.application.bot)) | {
        "mfa_enabled": True,
        "verified": True,
    }


def _user(platform: Platform, asked: Asked) -> Any:
    return payloads.user(platform.world.user(asked.path["user"]))


def _application(platform: Platform, asked: Asked) -> Any:
    world, application = platform.world, platform.world.application
    return {
        "id": application.id,
        "name": world.user(application.bot).name,
        "description": "",
        "icon": None,
        "summary": "",
        "bot_public": True,
        "bot_require_code_grant": False,
        "verify_key": "0" * 64,
        "flags": application.flags,
        "owner": payloads.user(world.user(application.owner)),
        "team": None,
        "interactions_endpoint_url": None,
        "approximate_guild_count": len(world.guilds),
    }


def _dm(platform: Platform, asked: Asked) -> Any:
    world = platform.world
    other = world.user(str(asked.body["recipient_id"]))
    return payloads.channel(world, platform.channels.dm(world.application.bot, other.id))


def _inside(platform: Platform, asked: Asked) -> Guild:
    """The guild of the call, if the bot is in it."""
    guild = platform.world.guild(asked.path["guild"])
    if platform.world.application.bot not in guild.members:
        raise refused(10004)
    return guild


def _guild(platform: Platform, asked: Asked) -> Any:
    guild = _inside(platform, asked)
    return payloads.guild(platform.world, guild) | {"approximate_member_count": len(guild.members)}


def _guilds(platform: Platform, asked: Asked) -> Any:
    world = platform.world
    return [
        {"id": each.id, "name": each.name, "icon": None, "owner": False, "permissions": "0", "features": []}
        for each in world.guilds.values()
        if world.application.bot in each.members
    ]


def _channels(platform: Platform, asked: Asked) -> Any:
    guild = _inside(platform, asked)
    return [
        payloads.channel(platform.world, each)
        for each in platform.world.channels_of(guild)
        if not each.thread
    ]


def _roles(platform: Platform, asked: Asked) -> Any:
    return [payloads.role(each, place) for place, each in enumerate(_inside(platform, asked).roles.values())]


def _member(platform: Platform, asked: Asked) -> Any:
    guild, key = _inside(platform, asked), asked.path["user"]
    platform.world.user(key)
    if key not in guild.members:
        raise refused(10007)
    return payloads.full_member(platform.world, guild, key)


def _gateway(platform: Platform, asked: Asked) -> Any:
    gateway = platform.gateway
    started: Json = {"total": 1000, "remaining": max(0, 1000 - gateway.identifies)}
    started |= {"reset_after": 86_400_000, "max_concurrency": gateway.shards}
    return {"url": gateway.address, "shards": gateway.shards, "session_start_limit": started}


def _scope(platform: Platform, asked: Asked) -> str:
    if asked.path["application"] != platform.world.application.id:
        raise refused(50001)
    return _inside(platform, asked).id if "guild" in asked.path else ""


def _commands(platform: Platform, asked: Asked) -> Any:
    return commands.known(platform.world, _scope(platform, asked))


def _overwrite(platform: Platform, asked: Asked) -> Any:
    return commands.overwrite(platform.world, _scope(platform, asked), asked.body)


_OF_GUILD = "/applications/{application}/guilds/{guild}/commands"
ROUTES: list[Route] = [
    ("GET", "/users/@me", _me),
    ("GET", "/users/@me/guilds", _guilds),
    ("POST", "/users/@me/channels", _dm),
    ("GET", "/users/{user}", _user),
    ("GET", "/applications/@me", _application),
    ("GET", "/oauth2/applications/@me", _application),
    ("GET", "/gateway", _gateway),
    ("GET", "/gateway/bot", _gateway),
    ("GET", "/guilds/{guild}", _guild),
    ("GET", "/guilds/{guild}/channels", _channels),
    ("GET", "/guilds/{guild}/roles", _roles),
    ("GET", "/guilds/{guild}/members/{user}", _member),
    ("GET", "/applications/{application}/commands", _commands),
    ("PUT", "/applications/{application}/commands", _overwrite),
    ("GET", _OF_GUILD, _commands),
    ("PUT", _OF_GUILD, _overwrite),
]
