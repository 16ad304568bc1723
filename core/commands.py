"""One table of commands, read by every platform: what people can type, and what it does."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from core.ports import History, Inbox, People
from core.types import ThreadId


@dataclass(frozen=True, slots=True)
class Conversation:
    """What a command may touch: the thread in which it was given, and by whom (as `Message.author`)."""

    thread: ThreadId
    author: str
    history: History
    people: People
    inbox: Inbox


@dataclass(frozen=True, slots=True)
class Command:
    """`name` as it is typed behind the slash.

    `run` takes what is typed behind the name, and returns a sentence for the person who typed it.
    """

    name: str
    summary: str
    run: Callable[[Conversation, str], Awaitable[str]]


async def _help(conversation: Conversation, argument: str) -> str:
    return "\n".join(f"/{command.name:<9} {command.summary}" for command in COMMANDS)


async def _new(conversation: Conversation, argument: str) -> str:
    await conversation.history.fresh(conversation.thread)
    return "A fresh start: earlier questions and files no longer count here."


async def _forget(conversation: Conversation, argument: str) -> str:
    if argument == "me":
        await conversation.people.forget(conversation.thread.platform, conversation.author)
        return "Everything that was kept of you is deleted, in every thread: questions, answers and files."
    if argument:
        return "Type /forget to delete this thread, or /forget me to delete all that is kept of you."
    await conversation.history.forget(conversation.thread)
    return "Everything that was kept of this thread is deleted."


async def _sources(conversation: Conversation, argument: str) -> str:
    turns = await conversation.history.turns(conversation.thread)
    cited = turns[-1].citations if turns else ()
    if not cited:
        return "The last answer has no source."
    return "\n".join(f"{source.place}\n  “{source.quote}”" for source in cited)


async def _stop(conversation: Conversation, argument: str) -> str:
    await conversation.inbox.stop(conversation.thread)
    return "Stopping."


COMMANDS = (
    Command("help", "show these commands", _help),
    Command("new", "start afresh; what was said and attached before no longer counts", _new),
    Command("forget", "delete what is kept of this thread; /forget me: of you, in every thread", _forget),
    Command("sources", "show the sources of the last answer with their words", _sources),
    Command("stop", "stop the answer that is being written", _stop),
)


def find(name: str) -> Command | None:
    """The command of that name, if there is one."""
    return next((command for command in COMMANDS if command.name == name.lower()), None)
