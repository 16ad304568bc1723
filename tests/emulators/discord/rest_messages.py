"""REST: channels, threads and messages. https://discord.com/developers/docs/resources/message"""

from typing import Any
from urllib.parse import unquote

from tests.emulators.discord import links, payloads, permissions
from tests.emulators.discord.errors import invalid, refused
from tests.emulators.discord.http import Route
from tests.emulators.discord.model import FORUM, THREADS, Channel, Json, Message
from tests.emulators.discord.platform import Asked, Platform


def _seen(platform: Platform, asked: Asked) -> Channel:
    """The channel of the call, if the bot sees it."""
    channel = platform.world.channel(asked.path["channel"])
    permissions.require(platform.world, platform.world.application.bot, channel)
    return channel


def _message(platform: Platform, asked: Asked) -> Message:
    channel = _seen(platform, asked)
    message = platform.world.message(channel.id, asked.path["message"])
    if message.seen_by:
        raise refused(10008)
    return message


def _shown(platform: Platform, message: Message) -> Json:
    return payloads.message(platform.world, message, content=payloads.readable(platform.world, message))


def _get_channel(platform: Platform, asked: Asked) -> Any:
    return payloads.channel(platform.world, _seen(platform, asked))


def _edit_channel(platform: Platform, asked: Asked) -> Any:
    channel = _seen(platform, asked)
    platform.channels.update(platform.world.application.bot, channel, asked.body)
    return payloads.channel(platform.world, channel)


def _delete_channel(platform: Platform, asked: Asked) -> Any:
    channel, world = _seen(platform, asked), platform.world
    needed = "manage_threads" if channel.thread else "manage_channels"
    permissions.require(world, world.application.bot, channel, needed)
    shown = payloads.channel(world, channel)
    platform.channels.delete(channel)
    return shown


def _history(platform: Platform, asked: Asked) -> Any:
    channel, world = _seen(platform, asked), platform.world
    if not permissions.may(world, world.application.bot, channel, "read_message_history"):
        return []
    limit = int(asked.query.get("limit", 50))
    if not 1 <= limit <= 100:
        raise invalid("limit", "NUMBER_TYPE_MAX", "int value should be less than or equal to 100.")
    newest = list(reversed(channel.standing()))
    if before := asked.query.get("before"):
        found = [each for each in newest if int(each.id) < int(before)][:limit]
    elif after := asked.query.get("after"):
        found = [each for each in newest if int(each.id) > int(after)][-limit:]
    elif around := asked.query.get("around"):
        newer = [each for each in newest if int(each.id) > int(around)][-(limit // 2) :]
        found = (newer + [each for each in newest if int(each.id) <= int(around)])[:limit]
    else:
        found = newest[:limit]
    return [_shown(platform, each) for each in found]


def _get_message(platform: Platform, asked: Asked) -> Any:
    message, world = _message(platform, asked), platform.world
    channel = world.channel(message.channel)
    permissions.require(world, world.application.bot, channel, "read_message_history")
    return _shown(platform, message)


def _create_message(platform: Platform, asked: Asked) -> Any:
    channel = platform.world.channel(asked.path["channel"])
    files = asked.files(platform, channel.id, asked.body)
    message = platform.messages.create(platform.world.application.bot, channel, asked.body, files)
    return _shown(platform, message)


def _edit_message(platform: Platform, asked: Asked) -> Any:
    message = _message(platform, asked)
    files = asked.files(platform, message.channel, asked.body)
    platform.messages.edit(platform.world.application.bot, message, asked.body, files)
    return _shown(platform, message)


def _delete_message(platform: Platform, asked: Asked) -> Any:
    message, world = _message(platform, asked), platform.world
    if message.author != world.application.bot:
        permissions.require(world, world.application.bot, world.channel(message.channel), "manage_messages")
    platform.messages.delete(message)


def _type(platform: Platform, asked: Asked) -> Any:
    channel, world = _seen(platform, asked), platform.world
    needed = "send_messages_in_threads" if channel.thread else "send_messages"
    permissions.require(world, world.application.bot, channel, needed)
    platform.messages.type(world.application.bot, channel)


def _react(platform: Platform, asked: Asked) -> Any:
    message, world = _message(platform, asked), platform.world
    emoji = unquote(asked.path["emoji"])
    if emoji not in message.reactions:
        channel = world.channel(message.channel)
        permissions.require(world, world.application.bot, channel, "read_message_history", "add_reactions")
    platform.messages.react(world.application.bot, message, emoji, added=True)


def _unreact(platform: Platform, asked: Asked) -> Any:
    message, bot = _message(platform, asked), platform.world.application.bot
    platform.messages.react(bot, message, unquote(asked.path["emoji"]), added=False)


def _reacted(platform: Platform, asked: Asked) -> Any:
    message = _message(platform, asked)
    people = message.reactions.get(unquote(asked.path["emoji"]), [])
    return [payloads.user(platform.world.user(key)) for key in people]


def _thread_from(platform: Platform, asked: Asked) -> Any:
    message, world = _message(platform, asked), platform.world
    channel = world.channel(message.channel)
    thread = platform.channels.thread_from(world.application.bot, channel, message, asked.body)
    return payloads.channel(world, thread)


def _thread(platform: Platform, asked: Asked) -> Any:
    channel, world = _seen(platform, asked), platform.world
    if channel.type != FORUM:
        return payloads.channel(world, platform.channels.thread(world.application.bot, channel, asked.body))
    files = asked.files(platform, channel.id, asked.body.get("message") or {})
    post, first = platform.channels.post(world.application.bot, channel, asked.body, files)
    return payloads.channel(world, post) | {"message": _shown(platform, first)}


def _join(platform: Platform, asked: Asked) -> Any:
    channel = _seen(platform, asked)
    if channel.thread is None:
        raise refused(50024)
    if channel.thread.archived:
        raise refused(50083)
    channel.thread.joined.add(platform.world.application.bot)


def _leave(platform: Platform, asked: Asked) -> Any:
    channel = _seen(platform, asked)
    if channel.thread is None:
        raise refused(50024)
    channel.thread.joined.discard(platform.world.application.bot)


def _threads(platform: Platform, found: list[Channel], **more: bool) -> Json:
    bot = platform.world.application.bot
    seen = [each for each in found if permissions.may(platform.world, bot, each, "view_channel")]
    seen.sort(key=lambda each: int(each.id), reverse=True)
    return {"threads": [payloads.channel(platform.world, each) for each in seen], "members": [], **more}


def _active_threads(platform: Platform, asked: Asked) -> Any:
    guild = platform.world.guild(asked.path["guild"])
    channels = platform.world.channels_of(guild)
    return _threads(platform, [each for each in channels if each.thread and not each.thread.archived])


def _archived_threads(platform: Platform, asked: Asked) -> Any:
    channel, world = _seen(platform, asked), platform.world
    permissions.require(world, world.application.bot, channel, "read_message_history")
    kind = THREADS[asked.path["kind"] == "private"]
    channels = world.channels_of(world.guild(channel.guild or ""))
    found = [
        each
        for each in channels
        if each.thread and each.thread.parent == channel.id and each.thread.archived and each.type == kind
    ]
    return _threads(platform, found, has_more=False)


def _refresh(platform: Platform, asked: Asked) -> Any:
    given = asked.body.get("attachment_urls") or []
    if not 1 <= len(given) <= 50:
        raise invalid("attachment_urls", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 50 in length.")
    return {
        "refreshed_urls": [
            {"original": link, "refreshed": links.refreshed(platform.world, link)} for link in given
        ]
    }


_MESSAGE = "/channels/{channel}/messages/{message}"
ROUTES: list[Route] = [
    ("GET", "/channels/{channel}", _get_channel),
    ("PATCH", "/channels/{channel}", _edit_channel),
    ("DELETE", "/channels/{channel}", _delete_channel),
    ("GET", "/channels/{channel}/messages", _history),
    ("POST", "/channels/{channel}/messages", _create_message),
    ("GET", _MESSAGE, _get_message),
    ("PATCH", _MESSAGE, _edit_message),
    ("DELETE", _MESSAGE, _delete_message),
    ("POST", "/channels/{channel}/typing", _type),
    ("PUT", _MESSAGE + "/reactions/{emoji}/@me", _react),
    ("DELETE", _MESSAGE + "/reactions/{emoji}/@me", _unreact),
    ("GET", _MESSAGE + "/reactions/{emoji}", _reacted),
    ("POST", _MESSAGE + "/threads", _thread_from),
    ("POST", "/channels/{channel}/threads", _thread),
    ("PUT", "/channels/{channel}/thread-members/@me", _join),
    ("DELETE", "/channels/{channel}/thread-members/@me", _leave),
    ("GET", "/channels/{channel}/threads/archived/{kind}", _archived_threads),
    ("GET", "/guilds/{guild}/threads/active", _active_threads),
    ("POST", "/attachments/refresh-urls", _refresh),
]
