"""One table of commands, read by every platform: what people can type, and what it does."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from core.curating import Curating
from core.ports import History, Inbox, People
from core.profiles import FIRST_MODEL
from core.types import Citation, ThreadId

NOTHING_YET = "You have asked nothing here yet, or it is not kept any more."


@dataclass(frozen=True, slots=True)
class Conversation:
    """What a command may touch: the thread in which it was given, and by whom (as `Message.author`).

    `message_id` is the question that is meant, where it is not whichever is being answered; `help` is what
    a platform says instead of the bare table, where it offers more. `team` are the team's documents as this
    person may see and change them, where they can be reached; `models` the names of the models that can be
    chosen instead of the first one.
    """

    thread: ThreadId
    author: str
    history: History
    people: People
    inbox: Inbox
    message_id: str | None = None
    help: str = ""
    team: Curating | None = None
    models: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """What a command says to the person who typed it: `text`, sources, and `lines` of what others wrote.

    Each platform has its own way to show sources, and to let every sign of such a line stand for itself.
    """

    text: str = ""
    citations: tuple[Citation, ...] = ()
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Command:
    """`name` as it is typed behind the slash; `run` takes what is typed behind the name.

    Where several people ask in one thread it matters what it `touches`: a word about ``nothing`` of it,
    one ``answer``, or the ``thread`` as a whole (see `Desk.do`).
    """

    name: str
    summary: str
    touches: Literal["nothing", "answer", "thread"]
    run: Callable[[Conversation, str], Awaitable[Told]]


async def _help(conversation: Conversation, argument: str) -> Told:
    table = "\n".join(f"/{command.name:<9} {command.summary}" for command in COMMANDS)
    return Told(conversation.help or table)


async def _new(conversation: Conversation, argument: str) -> Told:
    await conversation.history.fresh(conversation.thread)
    return Told("A fresh start: earlier questions and files no longer count here.")


async def _forget(conversation: Conversation, argument: str) -> Told:
    if argument == ME:
        await conversation.people.forget(conversation.thread.platform, conversation.author)
        return Told(
            "Everything that was kept of you is deleted, in every thread: questions, answers and files."
        )
    if argument:
        return Told("Type /forget to delete this thread, or /forget me to delete all that is kept of you.")
    await conversation.history.forget(conversation.thread)
    return Told("Everything that was kept of this thread is deleted.")


async def _sources(conversation: Conversation, argument: str) -> Told:
    """Of the answer to the question with the id `argument`, or of the last one."""
    turns = await conversation.history.turns(conversation.thread)
    named = [turn for turn in turns if turn.message_id == argument] if argument else turns
    if not named:
        return Told(NOTHING_YET)
    if not named[-1].citations:
        return Told("This answer has no source." if argument else "The last answer has no source.")
    return Told(citations=named[-1].citations)


async def _stop(conversation: Conversation, argument: str) -> Told:
    await conversation.inbox.stop(conversation.thread, conversation.message_id)
    return Told("Stopping.")


async def _kb(conversation: Conversation, argument: str) -> Told:
    if conversation.team is None:
        return Told("The team's documents are looked after with chasqui kb, outside of this conversation.")
    shown = await conversation.team.run(argument)
    return Told("", shown.sections, shown.lines)


ME = "me"
"""Typed behind ``/forget``: it is about a person then, and touches nothing of others."""


async def _model(conversation: Conversation, argument: str) -> Told:
    names = (FIRST_MODEL, *conversation.models)
    if len(names) == 1:
        return Told("There is one model here, so there is none to choose.")
    if argument in names:
        chosen = "" if argument == FIRST_MODEL else argument
        await conversation.history.choose(conversation.thread, chosen)
        return Told(f"{argument} answers here from the next question on.")
    chosen = await conversation.history.chosen(conversation.thread)
    now = f"{chosen} was chosen here. " if chosen else ""
    wrong = f"There is no model {argument[:40]!r}. " if argument else now
    return Told(f"{wrong}Choose with /model and one of these: {', '.join(names)}.")


COMMANDS = (
    Command("help", "show these commands", "nothing", _help),
    Command("new", "start afresh; what was said and attached before no longer counts", "thread", _new),
    Command(
        "forget", "delete what is kept of this thread; /forget me: of you, in every thread", "thread", _forget
    ),
    Command("sources", "show the sources of the last answer with their words", "answer", _sources),
    Command("model", "say which model answers here; /model NAME: choose another one", "thread", _model),
    Command("stop", "stop the answer that is being written", "answer", _stop),
    Command(
        "kb",
        "search, list, count, add or remove the team's documents, and see what they lack",
        "nothing",
        _kb,
    ),
)


def find(name: str) -> Command | None:
    """The command of that name, if there is one."""
    return next((command for command in COMMANDS if command.name == name.lower()), None)


def named(name: str) -> Command:
    """The command of that name, which is in the table."""
    command = find(name)
    assert command, "the table has it"
    return command
