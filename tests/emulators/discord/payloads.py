"""What stands, as the JSON of Discord's API v10: the fields that discord.py reads, and those that people use.

https://discord.com/developers/docs/resources/message and its neighbours.
"""

from typing import Any

from tests.emulators.discord import links, permissions
from tests.emulators.discord.clock import iso
from tests.emulators.discord.model import DM, FORUM, Channel, File, Guild, Json, Message, Role, User
from tests.emulators.discord.world import World


def user(someone: User) -> Json:
    """A user object."""
    shown = None if someone.bot else someone.name.capitalize()
    plain = {"id": someone.id, "username": someone.name, "discriminator": "0", "global_name": shown}
    return {**plain, "avatar": None, "bot": someone.bot, "public_flags": 0}


def member(guild: Guild, key: str) -> Json:
    """A member object without its user."""
    roles = guild.members.get(key, [])
    joined = {"joined_at": "2024-01-01T00:00:00+00:00", "premium_since": None, "deaf": False, "mute": False}
    return {"roles": list(roles), "nick": None, "avatar": None, "flags": 0, "pending": False, **joined}


def full_member(world: World, guild: Guild, key: str) -> Json:
    """A member object with its user."""
    return {**member(guild, key), "user": user(world.user(key))}


def role(each: Role, position: int) -> Json:
    """A role object."""
    look = {"color": 0, "colors": {"primary_color": 0}, "hoist": False, "managed": False, "flags": 0}
    known = {"id": each.id, "name": each.name, "permissions": str(each.permissions), "position": position}
    of_a_bot = {"managed": True, "tags": {"bot_id": each.bot}} if each.bot else {}
    return {**known, "mentionable": each.mentionable, **look, **of_a_bot}


def guild(world: World, each: Guild) -> Json:
    """A guild object as GET /guilds/{id} gives it."""
    return {
        "id": each.id,
        "name": each.name,
        "owner_id": each.owner,
        "icon": None,
        "roles": [role(one, place) for place, one in enumerate(each.roles.values())],
        "emojis": [],
        "features": [],
        "verification_level": 0,
        "default_message_notifications": 1,
        "explicit_content_filter": 0,
        "mfa_level": 0,
        "nsfw_level": 0,
        "preferred_locale": "en-US",
        "premium_tier": 0,
        "system_channel_id": None,
        "system_channel_flags": 0,
        "afk_timeout": 300,
    }


def guild_created(world: World, each: Guild) -> Json:
    """What GUILD_CREATE tells the bot: with what it can see, and of the members only itself."""
    bot = world.application.bot
    seen = [one for one in world.channels_of(each) if permissions.may(world, bot, one, "view_channel")]
    return {
        **guild(world, each),
        "joined_at": "2024-01-01T00:00:00+00:00",
        "large": False,
        "unavailable": False,
        "member_count": len(each.members),
        "members": [full_member(world, each, bot)],
        "channels": [channel(world, one) for one in seen if not one.thread],
        "threads": [channel(world, one) for one in seen if one.thread and not one.thread.archived],
        "voice_states": [],
        "presences": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "soundboard_sounds": [],
    }


def channel(world: World, each: Channel) -> Json:
    """A channel object: of a guild, a thread or a DM."""
    standing = each.standing()
    shown: Json = {
        "id": each.id,
        "type": each.type,
        "flags": 0,
        "last_message_id": standing[-1].id if standing else None,
    }
    if each.type == DM:
        others = [person for person in each.people if person != world.application.bot]
        return shown | {"recipients": [user(world.user(person)) for person in others]}
    shown |= {"guild_id": each.guild, "name": each.name, "rate_limit_per_user": 0, "nsfw": False}
    return shown | (_thread(world, each, len(standing)) if each.thread else _guild_channel(each))


def _guild_channel(each: Channel) -> Json:
    overwrites = [
        {"id": one.id, "type": int(one.for_member), "allow": str(one.allow), "deny": str(one.deny)}
        for one in each.overwrites.values()
    ]
    shown: Json = {"topic": each.topic, "position": 0, "parent_id": None, "permission_overwrites": overwrites}
    if each.type == FORUM:
        shown["available_tags"] = [
            {"id": key, "name": name, "moderated": False, "emoji_id": None, "emoji_name": None}
            for key, name in each.tags.items()
        ]
    return shown


def _thread(world: World, each: Channel, messages: int) -> Json:
    thread = each.thread
    assert thread is not None
    shown: Json = {
        "parent_id": thread.parent,
        "owner_id": each.owner,
        "message_count": messages,
        "total_message_sent": messages,
        "member_count": len(thread.joined),
        "applied_tags": list(thread.tags),
        "thread_metadata": {
            "archived": thread.archived,
            "locked": thread.locked,
            "auto_archive_duration": thread.auto_archive,
            "archive_timestamp": iso(thread.changed_at),
            "create_timestamp": iso(thread.changed_at),
        },
    }
    if world.application.bot in thread.joined:
        shown["member"] = {"join_timestamp": iso(thread.changed_at), "flags": 0}
    return shown


def attachment(world: World, each: File) -> Json:
    """An attachment object, with links that are signed now."""
    link = links.signed(world, each)
    shown: Json = {"id": each.id, "filename": each.name, "size": each.claims, "url": link, "proxy_url": link}
    return shown | {"content_type": each.content_type, "ephemeral": each.ephemeral, "flags": 0, **each.extra}


def message(world: World, each: Message, *, content: bool = True, nested: bool = False) -> Json:
    """A message object; without `content` for a bot that may not read it; `nested` in another one's."""
    now = each.now
    author = world.users[each.author]
    shown: Json = {
        "id": each.id,
        "channel_id": each.channel,
        "author": user(author),
        "content": now.content if content else "",
        "timestamp": iso(each.versions[0].at),
        "edited_timestamp": iso(each.edited_at) if each.edited_at else None,
        "tts": False,
        "mention_everyone": now.pinged.everyone,
        "mentions": [user(world.users[key]) for key in now.pinged.users],
        "mention_roles": list(now.pinged.roles),
        "attachments": [attachment(world, file) for file in now.files] if content else [],
        "embeds": list(now.embeds) if content else [],
        "components": list(now.components) if content else [],
        "pinned": False,
        "type": each.type,
        "flags": now.flags,
    }
    return shown | _more(world, each, content=content, nested=nested)


def _more(world: World, each: Message, *, content: bool, nested: bool) -> Json:
    shown: Json = {}
    if each.nonce is not None:
        shown["nonce"] = each.nonce
    if each.webhook:
        shown["webhook_id"] = each.webhook
    if each.interaction:
        shown["application_id"] = world.application.id
    if each.poll and content:
        shown["poll"] = each.poll
    if each.reactions:
        shown["reactions"] = [_reaction(world, emoji, people) for emoji, people in each.reactions.items()]
    if each.reference:
        shown["message_reference"] = each.reference
        if content and each.snapshots:
            shown["message_snapshots"] = each.snapshots
        elif not nested and not each.snapshots:
            shown["referenced_message"] = _referenced(world, each.reference)
    if each.id in world.channels and world.channels[each.id].thread:
        shown["thread"] = channel(world, world.channels[each.id])
    return shown


def _reaction(world: World, emoji: str, people: list[str]) -> Json:
    counts = {"burst": 0, "normal": len(people)}
    shown = {"emoji": {"id": None, "name": emoji}, "count": len(people), "count_details": counts}
    return {**shown, "me": world.application.bot in people, "me_burst": False, "burst_colors": []}


def _referenced(world: World, reference: Json) -> Json | None:
    channel = world.channels.get(reference["channel_id"])
    found = channel.messages.get(reference.get("message_id", "")) if channel else None
    if found is None or found.deleted_at is not None:
        return None
    return message(world, found, content=readable(world, found), nested=True)


def snapshot(world: World, each: Message) -> Json:
    """What a forward keeps of the message that it forwards."""
    whole = message(world, each)
    kept = (
        "content",
        "embeds",
        "attachments",
        "timestamp",
        "edited_timestamp",
        "flags",
        "type",
        "components",
    )
    empty: dict[str, Any] = {"mentions": [], "mention_roles": []}
    return {"message": {name: whole[name] for name in kept} | empty}


def readable(world: World, each: Message) -> bool:
    """Whether the bot may read this message over REST: its portal's switch, or a message meant for it."""
    return world.application.message_content or meant_for_bot(world, each)


def meant_for_bot(world: World, each: Message) -> bool:
    """Whether no intent is needed for its content: a DM, the bot's own, or one that mentions it."""
    bot = world.application.bot
    return world.channels[each.channel].type == DM or each.author == bot or bot in each.now.pinged.users
