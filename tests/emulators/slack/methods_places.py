"""Web API: conversations, people, files and views."""

from typing import Any

from tests.emulators.slack import payloads
from tests.emulators.slack.errors import ApiError
from tests.emulators.slack.messages import content, page
from tests.emulators.slack.model import Channel, File, Json, Version
from tests.emulators.slack.platform import Asked, Platform

_PREFIX = {"channel": "channels", "group": "groups", "im": "im", "mpim": "mpim"}


def _history(platform: Platform, asked: Asked) -> Json:
    channel = _read(platform, asked, "history")
    roots = [
        each
        for each in channel.standing()
        if each.thread_ts in (None, each.ts) or each.subtype == "thread_broadcast"
    ]
    found, told = page(asked.args, roots[::-1], 100)
    return {"messages": [_told(platform, asked, channel, each.ts) for each in found], **told}


def _replies(platform: Platform, asked: Asked) -> Json:
    channel = _read(platform, asked, "history")
    root = channel.messages.get(asked.need("ts"))
    if root is None or root.seen_by is not None:
        raise ApiError("thread_not_found")
    replies = platform.messages.replies(channel, root)
    if root.deleted_at is not None and not replies:
        raise ApiError("thread_not_found")
    found, told = page(asked.args, replies, 1000)
    messages = [_told(platform, asked, channel, each.ts) for each in found]
    return {"messages": [_told(platform, asked, channel, root.ts), *messages], **told}


def _told(platform: Platform, asked: Asked, channel: Channel, ts: str) -> Json:
    """A message as it is read back; the first of a thread says so, and stands for itself when deleted."""
    message = channel.messages[ts]
    if message.deleted_at is not None:
        tombstone = {"type": "message", "subtype": "tombstone", "text": "This message was deleted."}
        return {**tombstone, "user": "USLACKBOT", "ts": ts, "thread_ts": ts}
    wanted = asked.args.get("include_all_metadata") in (True, "1", "true")
    seen = payloads.message(platform.world, message, metadata=wanted)
    return seen | payloads.thread(platform.world, message, platform.messages.replies(channel, message))


def _read(platform: Platform, asked: Asked, what: str) -> Channel:
    """The channel of a call, with the scope that its kind needs."""
    channel = platform.world.visible(asked.need("channel"))
    platform.world.application.permit(f"{_PREFIX[channel.kind]}:{what}")
    return platform.world.readable(channel.id) if what == "history" else channel


def _info(platform: Platform, asked: Asked) -> Json:
    return {"channel": payloads.channel(platform.world, _read(platform, asked, "read"))}


def _open(platform: Platform, asked: Asked) -> Json:
    people = asked.need("users").split(",")
    for each in people:
        platform.world.user(each)
    return {"channel": {"id": platform.world.dm(platform.world.application.bot, *people).id}}


def _user(platform: Platform, asked: Asked) -> Json:
    return {"user": payloads.user(platform.world, platform.world.user(asked.need("user")))}


def _file_of(platform: Platform, key: str) -> File:
    file = platform.world.files.get(key)
    if file is None or not file.uploaded:
        raise ApiError("file_not_found")
    if file.deleted:
        raise ApiError("file_deleted")
    bot = platform.world.application.bot
    if file.user != bot and not any(bot in platform.world.channels[each].members for each in file.channels):
        raise ApiError("file_not_found")
    return file


def _file(platform: Platform, asked: Asked) -> Json:
    return {"file": payloads.file(platform.world, _file_of(platform, asked.need("file")))}


def _upload_url(platform: Platform, asked: Asked) -> Json:
    name, length = asked.need("filename"), int(asked.need("length"))
    if length < 1:
        raise ApiError("invalid_arguments")
    file = platform.world.new_file(name, platform.world.application.bot, b"", claims=length)
    file.uploaded = False
    return {"upload_url": f"{platform.world.address}/upload/v1/{file.id}", "file_id": file.id}


def _complete(platform: Platform, asked: Asked) -> Json:
    world, files = platform.world, []
    for each in asked.args.get("files") or ():
        file = world.files.get(str(each.get("id")))
        if file is None or not file.uploaded:
            raise ApiError("file_not_found")
        file.title = str(each.get("title") or file.name)
        files.append(file)
    if not files:
        raise ApiError("invalid_arguments")
    if asked.args.get("channel_id"):
        _share(platform, asked, files)
    return {"files": [payloads.file(world, each) for each in files]}


def _share(platform: Platform, asked: Asked, files: list[File]) -> None:
    world, comment = platform.world, asked.args.get("initial_comment")
    channel = world.channels.get(str(asked.args["channel_id"]))
    if channel is None:
        raise ApiError("channel_not_found")  # a name or a person is no channel here
    channel, now = world.writable(channel.id), world.clock.now()
    version = content({"text": comment}, now) if comment else Version(now)
    for each in files:
        each.channels.append(channel.id)
    keys = [each.id for each in files]
    platform.messages.post(channel, version, asked.args, files=keys, subtype="file_share")


def _views_open(platform: Platform, asked: Asked) -> Json:
    trigger = platform.interactions.trade(asked.need("trigger_id"))
    view = platform.surfaces.open(trigger.user, asked.args.get("view"))
    trigger.opened.append(view.id)
    return {"view": payloads.view(platform.world, view)}


def _views_update(platform: Platform, asked: Asked) -> Json:
    args: dict[str, Any] = asked.args
    view = platform.surfaces.update(
        args.get("view"),
        key=str(args.get("view_id") or ""),
        external=str(args.get("external_id") or ""),
        given_hash=str(args.get("hash") or ""),
    )
    return {"view": payloads.view(platform.world, view)}


def _views_publish(platform: Platform, asked: Asked) -> Json:
    user = platform.world.user(asked.need("user_id"))
    view = platform.surfaces.publish(user.id, asked.args.get("view"), str(asked.args.get("hash") or ""))
    return {"view": payloads.view(platform.world, view)}


METHODS = {
    "conversations.history": (_history, ()),
    "conversations.info": (_info, ()),
    "conversations.open": (_open, ("im:write", "mpim:write")),
    "conversations.replies": (_replies, ()),
    "files.completeUploadExternal": (_complete, ("files:write",)),
    "files.getUploadURLExternal": (_upload_url, ("files:write",)),
    "files.info": (_file, ("files:read",)),
    "users.info": (_user, ("users:read",)),
    "views.open": (_views_open, ()),
    "views.publish": (_views_publish, ()),
    "views.update": (_views_update, ()),
}
"""What answers each method, and the scopes of which it needs one; of conversations the kind decides."""
