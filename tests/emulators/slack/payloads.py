"""How Slack writes what stands: https://docs.slack.dev/reference/objects."""

import re
from typing import Any

from tests.emulators.slack.model import Channel, File, Json, Message, User, View
from tests.emulators.slack.world import World

_MENTION = re.compile(r"<@(\w+)>")


def user(world: World, found: User) -> Json:
    """A person, as `users.info` tells."""
    profile = {"real_name": found.name.title(), "display_name": found.name, "team": found.team}
    return {
        "id": found.id,
        "team_id": found.team,
        "name": found.name,
        "deleted": False,
        "real_name": found.name.title(),
        "tz": "America/Lima",
        "tz_offset": -18_000,
        "profile": profile,
        "is_bot": found.bot,
        "is_admin": found.admin,
        "is_owner": False,
        "is_restricted": found.guest,
        "is_ultra_restricted": False,
        "is_app_user": False,
        "is_stranger": found.team != world.team.id,
    }


def channel(world: World, found: Channel) -> Json:
    """A channel, as `conversations.info` tells."""
    shared: Json = {
        "is_shared": found.shared,
        "is_ext_shared": found.shared,
        "is_org_shared": False,
        "is_archived": found.archived,
        "context_team_id": world.team.id,
    }
    if found.kind == "im":
        other = next((each for each in found.members if each != world.application.bot), "")
        return {"id": found.id, "is_im": True, "user": other, **shared}
    kinds = {
        "is_channel": found.kind == "channel",
        "is_group": found.kind == "group",
        "is_im": False,
        "is_mpim": found.kind == "mpim",
        "is_private": found.kind != "channel",
        "is_general": False,
    }
    member = {"is_member": world.application.bot in found.members, "num_members": len(found.members)}
    return {"id": found.id, "name": found.name, **kinds, **shared, **member}


def file(world: World, found: File, *, whole: bool = True) -> Json:
    """A file; unless it is asked for by itself, one that is withheld has only its id."""
    if found.deleted:
        return {"id": found.id, "mode": "tombstone"}
    if found.withheld and not whole:
        return {
            "id": found.id,
            "created": 0,
            "timestamp": 0,
            "mode": "file_access",
            "file_access": "check_file_info",
        }
    at = f"{world.address}/files-pri/{world.team.id}-{found.id}"
    return {
        "id": found.id,
        "created": int(found.created),
        "timestamp": int(found.created),
        "name": found.name,
        "title": found.title,
        "mimetype": found.mimetype,
        "filetype": found.name.rpartition(".")[2],
        "user": found.user,
        "user_team": world.users[found.user].team,
        "size": found.claims,
        "mode": "hosted",
        "is_external": False,
        "is_public": False,
        "url_private": f"{at}/{found.name}",
        "url_private_download": f"{at}/download/{found.name}",
        "permalink": f"{world.address}/files/{found.user}/{found.id}/{found.name}",
        "channels": list(found.channels),
        "file_access": "visible",
    }


def rich_text(text: str) -> Json:
    """What the client makes of what somebody types."""
    elements: list[Json] = []
    for place, part in enumerate(_MENTION.split(text)):
        if place % 2:
            elements.append({"type": "user", "user_id": part})
        elif part:
            elements.append({"type": "text", "text": part})
    return {
        "type": "rich_text",
        "block_id": "rt",
        "elements": [{"type": "rich_text_section", "elements": elements}],
    }


def message(world: World, found: Message, *, metadata: bool = False) -> Json:
    """A message; with `metadata` only if it is asked for."""
    now, application = found.now, world.application
    seen: Json = {"type": "message", "user": found.author, "text": now.text, "ts": found.ts}
    if found.author == application.bot:
        profile = {
            "id": application.bot_id,
            "app_id": application.id,
            "name": "chasqui",
            "team_id": world.team.id,
        }
        seen |= {"bot_id": application.bot_id, "app_id": application.id, "bot_profile": profile}
    else:
        seen["client_msg_id"] = f"{found.ts.replace('.', '-')}-{found.author}"
    optional: Json = {
        "subtype": found.subtype,
        "thread_ts": found.thread_ts,
        "parent_user_id": _parent(world, found),
        "blocks": list(now.blocks),
        "attachments": list(now.attachments),
        "files": [file(world, world.files[key], whole=False) for key in found.files],
        "metadata": now.metadata if metadata else None,
        "reactions": [
            {"name": name, "users": people, "count": len(people)} for name, people in found.reactions.items()
        ],
        "streaming_state": found.stream
        and ("in_progress" if found.stream.state == "in_progress" else "completed"),
    }
    seen |= {name: value for name, value in optional.items() if value}
    if found.edited_at is not None:
        seen["edited"] = {"user": found.author, "ts": f"{found.edited_at:.6f}"}
    return {**seen, "team": world.users[found.author].team}


def thread(world: World, root: Message, replies: list[Message]) -> Json:
    """What a message has besides when it has replies."""
    if not replies:
        return {}
    return {
        "thread_ts": root.ts,
        "reply_count": len(replies),
        "reply_users": sorted({each.author for each in replies}),
        "latest_reply": replies[-1].ts,
        "subscribed": False,
    }


def view(world: World, found: View, *, state: Json | None = None) -> Json:
    """A modal or a home tab."""
    empty: dict[str, Any] = {"private_metadata": "", "callback_id": "", "external_id": "", "blocks": []}
    return {
        **empty,
        **found.content,
        "id": found.id,
        "team_id": world.team.id,
        "app_id": world.application.id,
        "app_installed_team_id": world.team.id,
        "bot_id": world.application.bot_id,
        "hash": found.hash,
        "state": {"values": state or {}},
        "root_view_id": found.id,
        "previous_view_id": None,
    }


def _parent(world: World, found: Message) -> str | None:
    """Who began the thread of a reply."""
    if found.thread_ts is None or found.thread_ts == found.ts:
        return None
    root = world.channels[found.channel].messages.get(found.thread_ts)
    return root.author if root else None
