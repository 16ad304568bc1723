"""What people can type and pick on Discord: slash commands and the menus of messages."""

from typing import Any, Literal

import discord
from discord import app_commands

from adapters.discord import files, inbound, places
from adapters.discord.buttons import Press
from adapters.discord.errors import mapped
from adapters.discord.markdown import literal
from adapters.discord.questions import Asked
from bots.desk import Desk
from bots.discord_caller import DiscordCaller, Interaction, answering, desk_of, quote, tell
from bots.discord_forms import form
from bots.discord_kb import add_to_kb, kb
from core.channels import ChannelSettings, merged
from core.commands import COMMANDS, ME, named
from core.errors import PlatformError, UserError
from core.ports import Notes
from core.types import Grounding, ThreadId

CONTENT_NOTE = f"{places.NAME}:content"
"""The note of the channels that want every message, for which Discord has to be asked when chasqui starts."""
_PICKED = 100
"""Messages that are remembered while somebody fills in what they want to know of them."""
_ONCE_RESTARTED = (
    "I can read messages that do not mention me only after whoever runs me has switched on Message Content "
    "Intent in the Developer Portal and started me again."
)
_NOT_EVERYWHERE = "Only who manages this server, or a moderator of the team, sets what counts in all of it."
_IN_THREADS = "Each answer opens a thread; those of `/ask` stand where it was typed"
_TITLE = 90
"""Characters of a question in a list of them."""

EVERYWHERE = app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=True)
BY_ANYBODY = app_commands.AppInstallationType(guild=True, user=True)


def summary(name: str) -> str:
    """What the table of commands says of one."""
    said = named(name).summary
    return said[:1].upper() + said[1:]


async def _do(interaction: Interaction, name: str, argument: str = "", guide: str = "") -> None:
    """Do what the table says, and tell how it went."""
    async with answering(interaction) as caller:
        await tell(interaction, await desk_of(interaction).do(caller, name, argument, guide=guide))


def _asked_in(caller: DiscordCaller) -> ThreadId:
    """The thread of a question that an interaction asks for everybody to see."""
    return caller.here or places.in_channel(int(caller.channel), caller.interaction.id)


async def _ask(caller: DiscordCaller, thread: ThreadId, text: str, **more: Any) -> None:
    """Accept what an interaction asks, and acknowledge it behind that. Raises as `Desk.ask`."""
    desk = desk_of(caller.interaction)
    asked = await desk.ask(caller, caller.message_id, thread, text, **more)
    if asked:
        await caller.answers(desk, asked)


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
    async with answering(interaction) as caller:
        attached = [files.of_interaction(file)] if file else []
        thread = caller.alone if private else _asked_in(caller)
        await _ask(caller, thread, question, attachments=attached)


@app_commands.command(description="Answer your last question here once more")
async def regenerate(interaction: Interaction) -> None:
    """Ask the last question again."""
    async with answering(interaction) as caller:
        desk = desk_of(interaction)
        await caller.answers(desk, await desk.ask_again(caller, *await desk.last(caller)))


@app_commands.command(description=summary("new"))
async def new(interaction: Interaction) -> None:
    """Start afresh."""
    await _do(interaction, "new")


@app_commands.command(description="Delete what is kept of this conversation, or of you everywhere")
@app_commands.describe(what="What is to be deleted")
async def forget(
    interaction: Interaction,
    what: Literal["this conversation", "all that is kept of me"] = "this conversation",
) -> None:
    """Delete a thread, or everything of a person."""
    await _do(interaction, "forget", "" if what == "this conversation" else ME)


@app_commands.command(description=summary("model"))
@app_commands.describe(name="Which one; none shows them")
async def model(interaction: Interaction, name: str = "") -> None:
    """Choose the model of a thread."""
    await _do(interaction, "model", name)


@app_commands.command(description=summary("stop"))
async def stop(interaction: Interaction) -> None:
    """Stop one's own answer; in a thread, a moderator stops anybody's."""
    await _do(interaction, "stop")


@app_commands.command(description="Show the sources of an answer with their words")
@app_commands.describe(question="Whose answer; the last one, if you name none")
async def sources(interaction: Interaction, question: str | None = None) -> None:
    """Show what an answer stands on."""
    await _do(interaction, "sources", question or "")


@sources.autocomplete("question")
async def _questions(interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
    """The questions of this thread, newest first."""
    desk = desk_of(interaction)
    try:
        turns = await desk.history.turns(await desk.thread(DiscordCaller(interaction)))
    except UserError:
        return []
    titles = [(" ".join(turn.question.split())[:_TITLE] or "a file", turn) for turn in reversed(turns)]
    found = [(title, turn) for title, turn in titles if typed.casefold() in title.casefold()]
    return [app_commands.Choice(name=title, value=turn.message_id) for title, turn in found[:25]]


@app_commands.command(name="help", description="Show what I can do")
async def help_(interaction: Interaction) -> None:
    """Tell all ways to ask."""
    us = interaction.client.user
    lines = (
        f"Mention {us.mention if us else 'me'}, write to me directly, or use `/ask`.",
        "Attach files to ask about them, and reply to an answer to go on with it.",
        *(f"`/{each.name}` {literal(each.description)}" for each in SLASH if each.name != "help"),
        "In the menu of any message, under Apps: **Ask about this**, **Summarize from here**.",
        "Curators find **Add to knowledge base** there too.",
    )
    await _do(interaction, "help", guide="\n".join(lines))


@app_commands.command(description="Show or change how I answer here (moderators)")
@app_commands.describe(
    where="Where this counts; in this channel, if you name nothing",
    answers="Whether I answer here at all",
    every_message="Whether I answer without being mentioned",
    threads="Whether each answer to a message opens a thread",
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
    async with answering(interaction) as caller:
        desk, here = desk_of(interaction), caller.places
        if where == "this channel":
            await desk.must_moderate(caller)
        elif not (desk.is_named(caller) or caller.rules):
            raise UserError(_NOT_EVERYWHERE)
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
            f"- {_IN_THREADS if settings.threads else 'Answers are replies'}.",
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


async def ask_about_picked(caller: DiscordCaller, desk: Desk, press: Press, typed: str) -> None:
    """Ask what somebody typed about the message that they picked; one of ours is in its own thread."""
    message = await _picked(caller.interaction, int(press.message_id))
    thread = await Asked(desk.notes).thread_of(message.id)
    await _ask(
        caller,
        thread or _asked_in(caller),
        typed,
        attachments=[files.of_interaction(file) for file in message.attachments],
        quoted="" if thread else quote(message),
        about="" if thread else f"{caller.channel} {message.id}",
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
    async with answering(interaction) as caller:
        said = files.conversation(int(caller.channel), message.id)
        await _ask(caller, caller.alone, "Summarise this conversation.", attachments=[said])


SLASH: tuple[app_commands.Command[Any, ..., Any] | app_commands.Group, ...] = (
    ask,
    regenerate,
    new,
    forget,
    sources,
    model,
    stop,
    kb,
    settings,
    help_,
)
MENUS = (ask_about, summarize, add_to_kb)
assert {command.name for command in COMMANDS} <= {command.name for command in SLASH}, "the table is whole"
