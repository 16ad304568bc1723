"""REST: answers to interactions, which need no bot token but the interaction's own."""

from typing import Any

from tests.emulators.discord import payloads
from tests.emulators.discord.errors import refused
from tests.emulators.discord.http import Route
from tests.emulators.discord.model import Message
from tests.emulators.discord.platform import Asked, Platform


def _callback(platform: Platform, asked: Asked) -> Any:
    key, data = asked.path["interaction"], asked.body.get("data") or {}
    known = platform.interactions.known.get(key)
    files = asked.files(platform, known.channel, data) if known else []
    result = platform.interactions.callback(key, asked.path["token"], asked.body, files)
    return result if asked.query.get("with_response", "").lower() in ("1", "true") else None


def _channel(platform: Platform, asked: Asked) -> str:
    if asked.path["application"] != platform.world.application.id:
        raise refused(10015)
    for known in platform.interactions.known.values():
        if known.token == asked.path["token"]:
            return known.channel
    raise refused(50027)


def _follow_up(platform: Platform, asked: Asked) -> Any:
    files = asked.files(platform, _channel(platform, asked), asked.body)
    message = platform.interactions.follow_up(asked.path["token"], asked.body, files)
    return payloads.message(platform.world, message)


def _answer(platform: Platform, asked: Asked) -> Message:
    _channel(platform, asked)
    return platform.interactions.message(asked.path["token"], asked.path["message"])


def _get(platform: Platform, asked: Asked) -> Any:
    return payloads.message(platform.world, _answer(platform, asked))


def _edit(platform: Platform, asked: Asked) -> Any:
    message = _answer(platform, asked)
    files = asked.files(platform, message.channel, asked.body)
    platform.messages.edit(message.author, message, asked.body, files)
    return payloads.message(platform.world, message)


def _delete(platform: Platform, asked: Asked) -> Any:
    platform.messages.delete(_answer(platform, asked))


_HOOK = "/webhooks/{application}/{token}"
ROUTES: list[Route] = [
    ("POST", "/interactions/{interaction}/{token}/callback", _callback),
    ("POST", _HOOK, _follow_up),
    ("GET", _HOOK + "/messages/{message}", _get),
    ("PATCH", _HOOK + "/messages/{message}", _edit),
    ("DELETE", _HOOK + "/messages/{message}", _delete),
]
