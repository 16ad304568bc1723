"""What people can type and pick on Discord: slash commands and the menus of messages."""

from typing import Any, Literal

import discord
from discord import app_commands

from adapters.discord import files, inbound, places
from adapters.discord.buttons import Press
from adapters.discord.errors import mapped
from adapters.discord.files import text_of
from adapters.discord.footer import quotes
from adapters.discord.markdown import literal
from bots.discord_desk import NOTHING_YET, Desk, Interaction, answering, places_of, tell
from bots.discord_forms import form
from core.channels import ChannelSettings, merged
from core.commands import COMMANDS, Command, find
from core.errors import PlatformError, UserError
from core.grounding import Grounding
from core.ports import Notes
from core.types import ThreadId, Turn

CONTENT_NOTE = f"{places.NAME}:content"
"""The note of the channels that want every message, for which Discord has to be asked when chasqui starts."""
_PICKED = 100
"""Messages that are remembered while somebody fills in what they want to know of them."""
_ONCE_RESTARTED = (
    "I can read messages that do not mention me only after whoever runs me has switched on Message Content "
    "Intent in the Developer Portal and started me again."
)
_TITLE = 90
"""Characters of a question in a list of them."""

EVERYWHERE = app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=True)
BY_ANYBODY = app_commands.AppInstallationType(guild=True, user=True)


def _command(name: str) -> Command:
    command = find(name)
    assert command, "the table has it"
    return command


def summary(name: str) -> str:
    """What the table of commands says of one."""
    said = _command(name).summary
    return said[:1].upper() + said[1:]


def desk_of(interaction: Interaction) -> Desk:
    """The desk of the bot to which somebody speaks."""
    desk: Desk = interaction.client.desk
    return desk


async def _run(interaction: Interaction, name: str, thread: ThreadId, argument: str = "") -> None:
    """Do what the table says, and tell how it went."""
    said = await _command(name).run(desk_of(interaction).conversation(interaction, thread), argument)
    await tell(interaction, "\n".join(map(literal, said.splitlines())))


def _asked_in(interaction: Interaction, *, private: bool) -> ThreadId:
    """The thread of a question that an interaction asks."""
    channel = interaction.channel_id or 0
    if private:
        return places.private(channel, interaction.user.id)
    return desk_of(interaction).here(interaction) or places.in_channel(channel, interaction.id)


@app_commands.command(description="Ask a question, with a file if you like")
@app_commands.describe(
    question="What you would like to know",
    file="A file that the answer stands in",
    private="Show the answer only to you",
)
async def ask(
    interaction: Interaction,
    question: app_commands.Range[str, 1, 6000],
    file: discord.Attachment | None = None,
    private: bool = False,
) -> None:
    """Ask, in a thread of its own in an ordinary channel."""
    async with answering(interaction):
        attached = [files.of_interaction(file)] if file else []
        thread = _asked_in(interaction, private=private)
        await desk_of(interaction).ask(interaction, thread, question, attachments=attached)


@app_commands.command(description="Answer your last question here once more")
async def regenerate(interaction: Interaction) -> None:
    """Ask the last question again."""
    async with answering(interaction):
        desk = desk_of(interaction)
        await desk.ask_again(interaction, *await desk.last(interaction))


@app_commands.command(description=summary("new"))
async def new(interaction: Interaction) -> None:
    """Start afresh."""
    async with answering(interaction):
        desk = desk_of(interaction)
        thread = await desk.thread(interaction)
        await desk.must_own(interaction, thread)
        await _run(interaction, "new", thread)


@app_commands.command(description="Delete what is kept of this conversation, or of you everywhere")
@app_commands.describe(what="What is to be deleted")
async def forget(
    interaction: Interaction,
    what: Literal["this conversation", "all that is kept of me"] = "this conversation",
) -> None:
    """Delete a thread, or everything of a person."""
    async with answering(interaction):
        desk = desk_of(interaction)
        if what != "this conversation":
            await _run(interaction, "forget", places.conversation(interaction.channel_id or 0), "me")
            return
        thread = await desk.thread(interaction)
        await desk.must_own(interaction, thread)
        await _run(interaction, "forget", thread)


@app_commands.command(description=summary("stop"))
async def stop(interaction: Interaction) -> None:
    """Stop one's own answer; in a thread, a moderator stops anybody's."""
    async with answering(interaction):
        desk, here = desk_of(interaction), desk_of(interaction).here(interaction)
        if here and (interaction.context.dm_channel or desk.moderates(interaction)):
            await desk.inbox.stop(here)
        else:
            await desk.inbox.stop(*await desk.last(interaction))
        await tell(interaction, "Stopping.")


@app_commands.command(description="Show the sources of an answer with their words")
@app_commands.describe(question="Whose answer; the last one, if you name none")
async def sources(interaction: Interaction, question: str | None = None) -> None:
    """Show what an answer stands on."""
    async with answering(interaction):
        turns = await _turns(interaction)
        named = [turn for turn in turns if question in (None, turn.message_id)]
        if not named:
            raise UserError(NOTHING_YET)
        cited = named[-1].citations
        await tell(interaction, quotes(cited) if cited else "This answer has no source.")


@sources.autocomplete("question")
async def _questions(interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
    """The questions of this thread, newest first."""
    try:
        turns = await _turns(interaction)
    except UserError:
        return []
    titles = [(" ".join(turn.question.split())[:_TITLE] or "a file", turn) for turn in reversed(turns)]
    found = [(title, turn) for title, turn in titles if typed.casefold() in title.casefold()]
    return [app_commands.Choice(name=title, value=turn.message_id) for title, turn in found[:25]]


async def _turns(interaction: Interaction) -> list[Turn]:
    desk = desk_of(interaction)
    return await desk.history.turns(await desk.thread(interaction))


@app_commands.command(name="help", description="Show what I can do")
async def help_(interaction: Interaction) -> None:
    """Tell all ways to ask."""
    async with answering(interaction):
        us = interaction.client.user
        lines = [
            f"Mention {us.mention if us else 'me'}, write to me directly, or use `/ask`.",
            "Attach files to ask about them, and reply to an answer to go on with it.",
            *(f"`/{each.name}` {literal(each.description)}" for each in SLASH if each.name != "help"),
            "In the menu of any message, under Apps: **Ask about this** and **Summarize from here**.",
        ]
        await tell(interaction, "\n".join(lines))


@app_commands.command(description="Show or change how I answer here (moderators)")
@app_commands.describe(
    where="Where this counts; in this channel, if you name nothing",
    answers="Whether I answer here at all",
    every_message="Whether I answer without being mentioned",
    threads="Whether each answer opens a thread",
    grounding="How firmly answers stand on documents",
    persona="Who I am here: what the model is told before the conversation",
    role="The role that may ask me; nobody else",
    reset="Take back what was changed here before",
)
@app_commands.allowed_installs(guilds=True, users=False)
@app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
async def settings(  # noqa: PLR0913, PLR0917 - each is an option of the command
    interaction: Interaction,
    where: Literal["this channel", "this server"] = "this channel",
    answers: bool | None = None,
    every_message: bool | None = None,
    threads: bool | None = None,
    grounding: Literal["off", "prefer", "require"] | None = None,
    persona: app_commands.Range[str, 1, 1000] | None = None,
    role: discord.Role | None = None,
    reset: bool = False,
) -> None:
    """Show or change what counts in a channel or in a whole server."""
    async with answering(interaction):
        desk = desk_of(interaction)
        here = places_of(interaction)
        if where == "this server":
            desk.must_rule(interaction)
        else:
            desk.must_moderate(interaction)
        place = here[0] if where == "this server" else here[-1]
        given = ChannelSettings(
            answers,
            (str(role.id),) if role else None,
            every_message,
            threads,
            persona,
            Grounding(grounding) if grounding else None,
        )
        before = ChannelSettings() if reset else await desk.channels.said(place)
        if reset or given != ChannelSettings():
            wanted = merged((before, given))
            await desk.channels.say(place, wanted)
            await _note_content(desk.notes, place, wants=bool(wanted.every_message))
        text = _shown(await desk.channels.of(*here))
        unread = every_message and not interaction.client.intents.message_content
        await tell(interaction, f"{text}\n{_ONCE_RESTARTED}" if unread else text)


async def _note_content(notes: Notes, place: str, *, wants: bool) -> None:
    """Note whether this place wants every message, beside those that do."""
    others = set((await notes.get(CONTENT_NOTE) or "").split()) - {place}
    if wanting := others | {place} if wants else others:
        await notes.put(CONTENT_NOTE, " ".join(sorted(wanting)))
    else:
        await notes.drop(CONTENT_NOTE)


def _shown(settings: ChannelSettings) -> str:
    """What counts in a channel, for people."""
    roles = ", ".join(f"<@&{role}>" for role in settings.roles or ())
    return "\n".join(
        (
            "What counts in this channel now:",
            f"- I {'do not answer' if settings.allowed is False else 'answer'} here.",
            f"- {roles or 'Everybody'} may ask.",
            f"- I answer {'every message' if settings.every_message else 'when I am mentioned'}.",
            f"- {'Each answer opens a thread' if settings.threads else 'Answers are replies'}.",
            f"- Grounding: {settings.grounding or 'as everywhere'}.",
            f"- Persona: {literal(settings.persona or 'as everywhere')}",
        )
    )


@app_commands.context_menu(name="Ask about this")
async def ask_about(interaction: Interaction, message: discord.Message) -> None:
    """Ask about a message."""
    async with answering(interaction):
        if not inbound.can_follow(message):
            raise UserError("There is nothing in this message that I can read.")
        picked: dict[int, discord.Message] = interaction.client.picked
        picked[message.id] = message
        if len(picked) > _PICKED:
            del picked[next(iter(picked))]
        press = Press("about", places.conversation(message.channel.id), str(message.id), 0)
        await interaction.response.send_modal(
            form(press, "Ask about this message", "What would you like to know?", most=4000, required=True)
        )


async def ask_about_picked(interaction: Interaction, press: Press, typed: str) -> None:
    """Ask what somebody typed about the message that they picked."""
    message, desk = await _picked(interaction, int(press.message_id)), desk_of(interaction)
    thread, text = await desk.questions.thread_of(message.id), text_of(message)
    await desk.ask(
        interaction,
        thread or _asked_in(interaction, private=False),
        typed,
        attachments=[files.of_interaction(file) for file in message.attachments],
        quoted=f"{message.author.display_name}: {text}" if text and not thread else "",
    )


async def _picked(interaction: Interaction, number: int) -> discord.Message:
    """The message; read again where chasqui was started anew since. Raises UserError where it cannot be."""
    picked: dict[int, discord.Message] = interaction.client.picked
    if number in picked:
        return picked[number]
    try:
        with mapped():
            there = interaction.client.get_partial_messageable(interaction.channel_id or 0)
            message: discord.Message = await there.fetch_message(number)
    except PlatformError as error:
        raise UserError("I cannot read that message any more. Pick it once more.") from error
    return message


@app_commands.context_menu(name="Summarize from here")
async def summarize(interaction: Interaction, message: discord.Message) -> None:
    """Summarise what was said from a message on, for the person who asks alone."""
    async with answering(interaction):
        said = files.conversation(interaction.channel_id or 0, message.id)
        thread = _asked_in(interaction, private=True)
        await desk_of(interaction).ask(
            interaction, thread, "Summarise this conversation.", attachments=[said]
        )


SLASH: tuple[app_commands.Command[Any, ..., Any], ...] = (
    ask,
    regenerate,
    new,
    forget,
    sources,
    stop,
    settings,
    help_,
)
MENUS = (ask_about, summarize)
assert {command.name for command in COMMANDS} <= {command.name for command in SLASH}, "the table is whole"
