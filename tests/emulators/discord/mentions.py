"""Whom a message notifies: the mentions that `allowed_mentions` and the author's permissions let through.

https://discord.com/developers/docs/resources/message#allowed-mentions-object
"""

import re

from tests.emulators.discord import permissions
from tests.emulators.discord.errors import invalid
from tests.emulators.discord.model import Channel, Json, Pinged
from tests.emulators.discord.world import World

ALL: Json = {"parse": ["users", "roles", "everyone"], "replied_user": True}
"""What holds where nothing is said."""

_USER, _ROLE, _EVERYONE = (
    re.compile(r"<@!?(\d+)>"),
    re.compile(r"<@&(\d+)>"),
    re.compile(r"@(?:everyone|here)\b"),
)


def pinged(
    world: World,
    author: str,
    channel: Channel,
    content: str,
    allowed: Json | None,
    replied: str | None = None,
) -> Pinged:
    """Whom this text notifies; `replied` is the author of the message that it replies to."""
    allowed = ALL if allowed is None else allowed
    _check(allowed)
    mass = permissions.may(world, author, channel, "mention_everyone")
    users = [key for key in _USER.findall(content) if key in world.users and _lets(allowed, "users", key)]
    if replied and allowed.get("replied_user"):
        users.append(replied)
    known = world.guild(channel.guild).roles if channel.guild else {}
    roles = [
        key
        for key in _ROLE.findall(content)
        if key in known and (mass or known[key].mentionable) and _lets(allowed, "roles", key)
    ]
    everyone = mass and "everyone" in allowed.get("parse", ()) and bool(_EVERYONE.search(content))
    return Pinged(tuple(dict.fromkeys(users)), tuple(dict.fromkeys(roles)), everyone)


def _lets(allowed: Json, kind: str, key: str) -> bool:
    return kind in allowed.get("parse", ()) or key in map(str, allowed.get(kind) or ())


def _check(allowed: Json) -> None:
    for kind in ("users", "roles"):
        if kind in allowed.get("parse", ()) and allowed.get(kind):
            code = "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE"
            raise invalid(
                "allowed_mentions", code, f'parse:["{kind}"] and {kind}: [ids...] are mutually exclusive.'
            )
