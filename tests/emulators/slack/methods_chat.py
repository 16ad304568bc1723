"""Web API: messages, streams, reactions and who we are."""

from tests.emulators.slack import payloads
from tests.emulators.slack.errors import ApiError, invalid
from tests.emulators.slack.messages import content
from tests.emulators.slack.model import Json, Message
from tests.emulators.slack.platform import Asked, Platform


def _test(platform: Platform, asked: Asked) -> Json:
    world = platform.world
    return {
        "url": f"https://{world.team.domain}.slack.com/",
        "team": world.team.name,
        "user": world.users[world.application.bot].name,
        "team_id": world.team.id,
        "user_id": world.application.bot,
        "bot_id": world.application.bot_id,
        "is_enterprise_install": False,
    }


def _connections_open(platform: Platform, asked: Asked) -> Json:
    return {"url": platform.sockets.ticket()}


def _told(platform: Platform, message: Message) -> Json:
    seen = payloads.message(platform.world, message, metadata=True)
    return {"channel": message.channel, "ts": message.ts, "message": seen}


def _post(platform: Platform, asked: Asked) -> Json:
    channel = platform.world.writable(asked.need("channel").removeprefix("#"))
    said = platform.messages.post(channel, content(asked.args, platform.world.clock.now()), asked.args)
    platform.sessions.answered(channel.id, said.root)
    cut = len(str(asked.args.get("text") or "")) > len(said.now.text) and "markdown_text" not in asked.args
    warning: Json = {"warning": "message_truncated", "response_metadata": {"warnings": ["message_truncated"]}}
    return _told(platform, said) | (warning if cut else {})


def _post_ephemeral(platform: Platform, asked: Asked) -> Json:
    channel, user = platform.world.writable(asked.need("channel")), asked.need("user")
    if user not in channel.members:
        raise ApiError("user_not_in_channel")
    version = content(asked.args, platform.world.clock.now())
    said = platform.messages.post(channel, version, asked.args, seen_by=user)
    return {"message_ts": said.ts}


def _found(platform: Platform, asked: Asked, name: str = "ts") -> Message:
    channel = platform.world.writable(asked.need("channel"))
    return platform.world.message(channel, asked.need(name))


def _update(platform: Platform, asked: Asked) -> Json:
    message = _found(platform, asked)
    platform.messages.update(message, asked.args)
    return {**_told(platform, message), "text": message.now.text}


def _delete(platform: Platform, asked: Asked) -> Json:
    message = _found(platform, asked)
    platform.messages.owned(message, "cant_delete_message")
    if message.stream and message.stream.state == "in_progress":
        raise ApiError("cant_delete_message")
    platform.messages.delete(message)
    return {"channel": message.channel, "ts": message.ts}


def _permalink(platform: Platform, asked: Asked) -> Json:
    channel = platform.world.readable(asked.need("channel"))
    message = platform.world.message(channel, asked.need("message_ts"))
    address = f"https://{platform.world.team.domain}.slack.com/archives/{channel.id}"
    return {"channel": channel.id, "permalink": f"{address}/p{message.ts.replace('.', '')}"}


def _start_stream(platform: Platform, asked: Asked) -> Json:
    channel = platform.world.writable(asked.need("channel"))
    message = platform.streams.start(channel, asked.args)
    platform.sessions.move(platform.sessions.of(channel.id, message.root), "processing")
    return {"channel": channel.id, "ts": message.ts}


def _append_stream(platform: Platform, asked: Asked) -> Json:
    message = _found(platform, asked)
    platform.streams.append(message, asked.args)
    return {"channel": message.channel, "ts": message.ts}


def _stop_stream(platform: Platform, asked: Asked) -> Json:
    message = _found(platform, asked)
    platform.streams.stop(message, asked.args)
    session = platform.sessions.of(message.channel, message.root)
    platform.sessions.move(session, str(asked.args.get("session_status") or "active"))
    return _told(platform, message)


def _react(platform: Platform, asked: Asked) -> Json:
    message = _found(platform, asked, "timestamp")
    platform.messages.react(message, platform.world.application.bot, asked.need("name"))
    return {}


def _take_back(platform: Platform, asked: Asked) -> Json:
    message = _found(platform, asked, "timestamp")
    platform.messages.take_back(message, platform.world.application.bot, asked.need("name"))
    return {}


def _set_status(platform: Platform, asked: Asked) -> Json:
    channel = platform.world.readable(asked.need("channel_id"))
    thread = platform.messages.thread(channel, asked.need("thread_ts"))
    session = platform.sessions.of(channel.id, thread or "")
    loading = asked.args.get("loading_messages") or []
    if "status" not in asked.args:
        raise invalid("missing required field: status")
    platform.sessions.set_status(session, str(asked.args["status"]), list(loading))
    return {}


def _set_title(platform: Platform, asked: Asked) -> Json:
    platform.sessions.require_agent()
    channel = platform.world.readable(asked.need("channel_id"))
    session = platform.sessions.of(
        channel.id, platform.messages.thread(channel, asked.need("thread_ts")) or ""
    )
    platform.sessions.rename(session, asked.need("title"))
    return {}


def _suggest(platform: Platform, asked: Asked) -> Json:
    platform.sessions.require_agent()
    channel = platform.world.readable(asked.need("channel_id"))
    thread = platform.messages.thread(channel, asked.args.get("thread_ts"))
    session = platform.sessions.of(channel.id, thread or "")
    platform.sessions.suggest(session, str(asked.args.get("title") or ""), asked.args.get("prompts") or [])
    return {}


def _set_session(platform: Platform, asked: Asked) -> Json:
    platform.sessions.require_agent()
    channel = platform.world.readable(asked.need("channel_id"))
    session = platform.sessions.of(
        channel.id, platform.messages.thread(channel, asked.need("thread_ts")) or ""
    )
    new, status = session.state is None, asked.need("status")
    platform.sessions.move(session, status)
    if new and asked.args.get("title"):
        platform.sessions.rename(session, str(asked.args["title"]))
    told: Json = {"status": status, "agent_status": status, "title": session.title}
    if "agent_session_stopped" not in platform.world.application.events:
        told["warning"] = "missing_agent_session_stopped_event_subscription"
    return told


def _rename_session(platform: Platform, asked: Asked) -> Json:
    platform.sessions.require_agent()
    channel = platform.world.readable(asked.need("channel_id"))
    session = platform.sessions.of(
        channel.id, platform.messages.thread(channel, asked.need("thread_ts")) or ""
    )
    if session.state is None:
        raise ApiError("session_not_found")
    platform.sessions.rename(session, asked.need("title"))
    return {"title": session.title}


METHODS = {
    "agents.sessions.rename": (_rename_session, ("chat:write",)),
    "agents.sessions.setStatus": (_set_session, ("chat:write",)),
    "apps.connections.open": (_connections_open, ()),
    "assistant.threads.setStatus": (_set_status, ("chat:write", "assistant:write")),
    "assistant.threads.setSuggestedPrompts": (_suggest, ("assistant:write",)),
    "assistant.threads.setTitle": (_set_title, ("assistant:write",)),
    "auth.test": (_test, ()),
    "chat.appendStream": (_append_stream, ("chat:write",)),
    "chat.delete": (_delete, ("chat:write",)),
    "chat.getPermalink": (_permalink, ()),
    "chat.postEphemeral": (_post_ephemeral, ("chat:write",)),
    "chat.postMessage": (_post, ("chat:write",)),
    "chat.startStream": (_start_stream, ("chat:write",)),
    "chat.stopStream": (_stop_stream, ("chat:write",)),
    "chat.update": (_update, ("chat:write",)),
    "reactions.add": (_react, ("reactions:write",)),
    "reactions.remove": (_take_back, ("reactions:write",)),
}
"""What answers each method, and the scopes of which it needs one."""
