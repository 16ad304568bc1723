"""Who may do what where, as Discord computes it from roles and overwrites.

https://discord.com/developers/docs/topics/permissions
"""

from tests.emulators.discord.errors import refused
from tests.emulators.discord.model import DM, Channel, Guild
from tests.emulators.discord.world import World

BITS = {
    "administrator": 1 << 3,
    "manage_channels": 1 << 4,
    "add_reactions": 1 << 6,
    "view_channel": 1 << 10,
    "send_messages": 1 << 11,
    "manage_messages": 1 << 13,
    "embed_links": 1 << 14,
    "attach_files": 1 << 15,
    "read_message_history": 1 << 16,
    "mention_everyone": 1 << 17,
    "manage_threads": 1 << 34,
    "create_public_threads": 1 << 35,
    "create_private_threads": 1 << 36,
    "send_messages_in_threads": 1 << 38,
    "use_external_apps": 1 << 50,
}
EVERYTHING = (1 << 53) - 1


def bits(*names: str) -> int:
    """The permissions of these names."""
    return sum(BITS[name] for name in names)


def of(world: World, user: str, channel: Channel) -> int:
    """What this user may do in this channel."""
    if channel.type == DM:
        return EVERYTHING if user in channel.people else 0
    guild = world.guild(channel.guild or "")
    if user not in guild.members:
        return 0
    allowed = in_guild(guild, user)
    if allowed == EVERYTHING:
        return EVERYTHING
    return _overwritten(allowed, user, guild, world.parent(channel))


def in_guild(guild: Guild, user: str) -> int:
    """What this member may do where no channel says otherwise."""
    allowed = guild.roles[guild.id].permissions
    for role in guild.members[user]:
        allowed |= guild.roles[role].permissions
    return EVERYTHING if user == guild.owner or allowed & BITS["administrator"] else allowed


def _overwritten(allowed: int, user: str, guild: Guild, channel: Channel) -> int:
    everyone, own = channel.overwrites.get(guild.id), channel.overwrites.get(user)
    roles = [channel.overwrites[role] for role in guild.members[user] if role in channel.overwrites]
    for overwrites in ([everyone] if everyone else [], roles, [own] if own else []):
        for overwrite in overwrites:
            allowed &= ~overwrite.deny
        for overwrite in overwrites:
            allowed |= overwrite.allow
    return allowed if allowed & BITS["view_channel"] else 0


def may(world: World, user: str, channel: Channel, *names: str) -> bool:
    """Whether this user has all these permissions there."""
    wanted = bits(*names)
    return of(world, user, channel) & wanted == wanted


def require(world: World, user: str, channel: Channel, *names: str) -> None:
    """Raise what the API answers to a bot without these permissions."""
    if not may(world, user, channel, "view_channel"):
        raise refused(50001)
    if not may(world, user, channel, *names):
        raise refused(50013)
