"""What a test builds: people, servers, channels, roles and what they may do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tests.emulators.discord import payloads, permissions
from tests.emulators.discord.model import FORUM, PRIVATE_THREAD, TEXT, Overwrite, Role
from tests.emulators.discord.platform import Platform
from tests.emulators.discord.world import GUILDS, Event
from tests.emulators.shared.errors import ControlError

MEMBERS_MAY = (
    "view_channel send_messages send_messages_in_threads create_public_threads create_private_threads "
    "read_message_history embed_links attach_files add_reactions use_external_apps"
).split()
BOT_MAY = (
    "view_channel send_messages send_messages_in_threads create_public_threads read_message_history "
    "embed_links attach_files add_reactions"
).split()
"""What a new guild lets everyone do, and its bot: 309237763136, what `chasqui invite discord` asks for."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What stands at the start, and where the platform is. Ids are strings everywhere."""

    token: str
    bot: str
    application: str
    guild: str
    channel: str
    person: str
    api: str
    gateway: str
    address: str


class Scenery:
    """Verbs that build."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._world = platform.world

    async def new_person(self, name: str, guild: str | None = None, *, accepts_dms: bool = True) -> str:
        """Someone new, who is in this guild; the id."""
        user = self._world.new_user(name)
        user.accepts_dms = accepts_dms
        if guild:
            await self.join(guild, user.id)
        return user.id

    async def new_bot(self, name: str, guild: str) -> str:
        """Another bot, in this guild."""
        user = self._world.new_user(name, bot=True)
        await self.join(guild, user.id)
        return user.id

    async def new_guild(self, name: str, *, owner: str | None = None, bot: bool = True) -> str:
        """A server with a channel "general", whose owner may do everything; with `bot` our bot is in it."""
        world, application = self._world, self._world.application
        guild = world.new_guild(name, owner or application.owner, permissions.bits(*MEMBERS_MAY))
        if bot:
            may = permissions.bits(*BOT_MAY)
            guild.roles[application.id] = Role(application.id, "chasqui", may, bot=application.bot)
            await self.join(guild.id, application.bot, [application.id])
        await self.new_channel(guild.id, "general")
        return guild.id

    async def new_channel(
        self, guild: str, name: str, *, kind: Literal["text", "forum"] = "text", tags: Sequence[str] = ()
    ) -> str:
        """A channel; a forum's posts may have tags."""
        return self._platform.channels.new(guild, name, FORUM if kind == "forum" else TEXT, tags).id

    async def new_role(
        self, guild: str, name: str, may: Sequence[str] = (), *, mentionable: bool = False
    ) -> str:
        """A role whose members may do this, by names of permissions.BITS."""
        role = Role(self._world.clock.snowflake(), name, permissions.bits(*may), mentionable)
        roles = self._world.guild(guild).roles
        roles[role.id] = role
        told = {"guild_id": guild, "role": payloads.role(role, len(roles) - 1)}
        self._world.emit(Event("GUILD_ROLE_CREATE", told, guild, GUILDS))
        return role.id

    async def join(self, guild: str, user: str, roles: Sequence[str] = ()) -> None:
        """Let someone be in a guild, with these roles; joining again changes them."""
        self._world.guild(guild).members[user] = list(roles)

    async def permit(
        self, channel: str, who: str, *, allow: Sequence[str] = (), deny: Sequence[str] = ()
    ) -> None:
        """Say what a role or a member may do in a channel; the guild's id stands for everyone."""
        where = self._world.channel(channel)
        member = who in self._world.guild(where.guild or "").members
        where.overwrites[who] = Overwrite(who, member, permissions.bits(*allow), permissions.bits(*deny))
        self._platform.channels.overwritten(where)

    async def forbid_bot(self, channel: str, names: Sequence[str]) -> None:
        """Take these permissions from our bot in a channel."""
        await self.permit(channel, self._world.application.bot, deny=names)

    async def kick_bot(self, guild: str) -> None:
        """Our bot is in this guild no more."""
        del self._world.guild(guild).members[self._world.application.bot]
        self._world.emit(Event("GUILD_DELETE", {"id": guild}, guild, GUILDS))

    async def dm(self, user: str) -> str:
        """The DM channel of someone and our bot."""
        return self._platform.channels.dm(self._world.application.bot, user).id

    async def new_thread(
        self, channel: str, user: str, name: str, *, message: str | None = None, private: bool = False
    ) -> str:
        """A thread that someone starts, from a message or without; the id."""
        where, body = self._world.channel(channel), {"name": name}
        if message:
            found = self._world.message(channel, message)
            return self._platform.channels.thread_from(user, where, found, body).id
        kind = {"type": PRIVATE_THREAD} if private else {}
        return self._platform.channels.thread(user, where, {**body, **kind}).id

    async def set_thread(
        self, thread: str, *, archived: bool | None = None, locked: bool | None = None
    ) -> None:
        """Archive, lock, or the opposite, as a moderator does."""
        channel = self._world.channel(thread)
        if channel.thread is None:
            raise ControlError(f"{thread} is no thread")
        wanted = {"archived": archived, "locked": locked}
        given = {name: value for name, value in wanted.items() if value is not None}
        if channel.thread.archived and archived is None:
            given["archived"] = False
        owner = self._world.guild(channel.guild or "").owner
        self._platform.channels.update(owner, channel, given)

    async def delete_channel(self, channel: str) -> None:
        """Take a channel or a thread away."""
        self._platform.channels.delete(self._world.channel(channel))

    async def portal(
        self, *, message_content: bool = True, members: bool = True, presences: bool = False
    ) -> None:
        """Set the privileged intents of the developer portal."""
        application = self._world.application
        application.message_content = message_content
        application.members_intent = members
        application.presence_intent = presences
