"""The Discord bot: its gateway with commands, menus and buttons."""

import asyncio
import hashlib
import json

import discord
import structlog
from discord import app_commands

from adapters.discord import buttons, places
from adapters.discord.errors import mapped
from adapters.discord.gateway import Gateway
from adapters.discord.listening import NO_CONTENT, listen
from adapters.discord.login import whoami
from bots import discord_forms
from bots.desk import EDITED, Desk
from bots.discord_buttons import AnswerButton, keep_reason
from bots.discord_caller import Interaction, answering
from bots.discord_commands import BY_ANYBODY, CONTENT_NOTE, EVERYWHERE, MENUS, SLASH, ask_about_picked
from bots.web import Web
from core.draining import unless
from core.errors import PlatformError, SettingsError
from core.ports import Notes
from core.types import Message

log = structlog.get_logger()

_FORMS = {"reason": keep_reason, "about": ask_about_picked}
"""What is done with a form, by the verb in its id."""


class _Tree(app_commands.CommandTree[discord.Client]):
    """The commands, which people can use on servers and, once they installed them, everywhere."""

    def __init__(self, client: discord.Client) -> None:
        super().__init__(client, allowed_contexts=EVERYWHERE, allowed_installs=BY_ANYBODY)
        for command in SLASH:
            self.add_command(command)
        for menu in MENUS:
            self.add_command(menu)

    async def on_error(self, interaction: Interaction, error: app_commands.AppCommandError, /) -> None:
        """One command that fails stops no other."""
        log.error("discord.command_failed", error=type(error.__cause__ or error).__name__, exc_info=error)

    async def sync_changes(self, notes: Notes, application: int) -> None:
        """Tell Discord of the commands, unless it knows them as they are: there are few such calls a day."""
        payload = [command.to_dict(self) for command in self.get_commands()]
        digest = hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()
        note = f"{places.NAME}:commands:{application}"
        if await notes.get(note) == digest:
            return
        try:
            with mapped():
                await self.sync()
        except PlatformError as error:
            log.warning("discord.commands_not_synced", detail=str(error))
        else:
            await notes.put(note, digest)
            log.info("discord.commands_synced", commands=len(payload))


class DiscordBot(Gateway):
    """Listens, and turns what people press and type into what the desk can do."""

    def __init__(self, desk: Desk, *, content: bool, shards: int | None = None) -> None:
        super().__init__(desk.intake, self._offer, content=content, shards=shards)
        self.desk = desk
        self.picked: dict[int, discord.Message] = {}
        """Messages of which somebody is asked what they want to know."""
        self.tree = _Tree(self)
        self.add_dynamic_items(AnswerButton)

    async def setup_hook(self) -> None:
        """Once Discord knows who we are."""
        await self.tree.sync_changes(self.desk.notes, self.application_id or 0)

    async def on_interaction(self, interaction: Interaction) -> None:
        """Somebody sent a form; discord.py knows what to do with all else."""
        if (sent := discord_forms.sent(interaction)) and sent[0].verb in _FORMS:
            press, typed = sent
            async with answering(interaction) as caller:
                await _FORMS[press.verb](caller, self.desk, press, typed)

    async def _offer(self, asked: Message, message: discord.Message) -> None:
        """A question says something else now, and its answer was begun."""
        if offered := await self.desk.offered(asked):
            await self.say(message, EDITED, buttons.row(offered.thread, offered.id, 0, "again"))


async def run(
    token: str, desk: Desk, served: Web, draining: asyncio.Event, *, shards: int | None = None
) -> None:
    """Listen until `draining` is set. Raises SettingsError for what only settings or the portal can mend.

    Where that happens before Discord was reached, it raises Drained.
    """
    async with unless(draining):
        content = await _reads_content(token, desk)
    bot = DiscordBot(desk, content=content, shards=shards)
    served.watch(places.NAME, bot.wrong)
    await listen(bot, token, draining)


async def _reads_content(token: str, desk: Desk) -> bool:
    """Whether to ask for the content of all messages: only where a channel wants it."""
    wanted = any(settings.every_message for settings in desk.channels.configured.values())
    if not wanted and await desk.notes.get(CONTENT_NOTE) is None:
        return False
    if (await whoami(token)).reads_messages:
        return True
    if wanted:
        raise SettingsError(NO_CONTENT)
    log.warning("discord.no_content", mend=NO_CONTENT)
    return False
