"""The team's documents on Discord: /kb, and the menu of a message that curators add."""

from typing import Literal

import discord
from discord import app_commands

from adapters.discord import files, places
from bots.discord_caller import DiscordCaller, Interaction, answering, desk_of, tell
from core.commands import named
from core.errors import UserError
from core.types import Addition, Message

_ONE_OF_THEM = "Name either a link or a file to add."
_PRIVATE_THREAD = (
    "This thread is private, and what is added is read by its whole channel: post it there first."
)


async def _kb(interaction: Interaction, argument: str) -> None:
    """Do what is typed, once it is acknowledged: the documents may have to be read first."""
    async with answering(interaction) as caller:
        await caller.waits(private=True)
        await tell(interaction, await desk_of(interaction).do(caller, "kb", argument))


kb = app_commands.Group(name="kb", description=named("kb").summary.capitalize())


@kb.command(name="search", description="Find what the team's documents say")
@app_commands.describe(words="What you look for")
async def _kb_search(interaction: Interaction, words: app_commands.Range[str, 1, 500]) -> None:
    """Show the best sections."""
    await _kb(interaction, f"search {words}")


@kb.command(name="list", description="List the team's documents that you may see")
@app_commands.describe(words="Words of their titles")
async def _kb_list(interaction: Interaction, words: app_commands.Range[str, 1, 100] = "") -> None:
    """Show documents with their ids."""
    await _kb(interaction, f"list {words}")


@kb.command(name="stats", description="Count the team's documents that you may see")
async def _kb_stats(interaction: Interaction) -> None:
    """Show how much there is."""
    await _kb(interaction, "stats")


@kb.command(name="gaps", description="Show what was asked here and not answered (curators)")
async def _kb_gaps(interaction: Interaction) -> None:
    """Show what the documents lack."""
    await _kb(interaction, "gaps")


@kb.command(name="add", description="Add a page of the web or a file to the knowledge base (curators)")
@app_commands.describe(
    link="The address of a page of the web",
    file="A file; one of the same name that was added here before is replaced",
    where="Who may read it; who reads this channel, if you name nothing",
)
async def _kb_add(
    interaction: Interaction,
    link: app_commands.Range[str, 1, 4000] | None = None,
    file: discord.Attachment | None = None,
    where: Literal["this channel", "this server"] = "this channel",
) -> None:
    """Keep a page, or a file that stands in no message."""
    async with answering(interaction) as caller:
        _must_be_open(caller)
        desk, everywhere = desk_of(interaction), where == "this server"
        if link and not file:
            given = await desk.add_link(caller, link, everywhere=everywhere)
        elif file and not link:
            attached = files.of_interaction(file)
            source = f"{places.NAME}:{caller.places[-1]}/{attached.name}"
            addition = Addition(source, attached.name, at=interaction.created_at.timestamp())
            given = await desk.add(caller, caller.message_id, addition, "", [attached], everywhere=everywhere)
        else:
            raise UserError(_ONE_OF_THEM)
        await _acknowledge(caller, given)


@kb.command(name="remove", description="Take a document out of the knowledge base (curators)")
@app_commands.describe(document="Its id, as /kb list shows it")
async def _kb_remove(interaction: Interaction, document: app_commands.Range[str, 1, 100]) -> None:
    """Remove a document."""
    await _kb(interaction, f"remove {document}")


@app_commands.context_menu(name="Add to knowledge base")
async def add_to_kb(interaction: Interaction, message: discord.Message) -> None:
    """Keep what a message says, and its files, for those who read its channel."""
    async with answering(interaction) as caller:
        _must_be_open(caller)
        forwarded = [file for each in message.message_snapshots for file in each.attachments]
        attached = [files.of_interaction(file) for file in (*message.attachments, *forwarded)]
        addition = Addition(
            f"{places.NAME}:{message.id}",
            f"Message of {message.author.display_name}",
            message.jump_url,
            message.created_at.timestamp(),
        )
        desk, text = desk_of(interaction), files.text_of(message)
        await _acknowledge(caller, await desk.add(caller, caller.message_id, addition, text, attached))


def _must_be_open(caller: DiscordCaller) -> None:
    """Raise UserError in a thread that others than its people would read: its channel has more."""
    channel = caller.interaction.channel
    if isinstance(channel, discord.Thread) and channel.is_private():
        raise UserError(_PRIVATE_THREAD)


async def _acknowledge(caller: DiscordCaller, given: Message | None) -> None:
    """Let this interaction be where its author is told what became of what was accepted."""
    if given:
        await caller.answers(desk_of(caller.interaction), given)
