"""What people can type on Slack: slash commands. No thread has any, so they are about one's last question."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from adapters.slack import inbound, places
from adapters.slack.blocks import quotes
from bots import slack_settings
from bots.slack_desk import NOTHING_YET, Caller, Desk
from core.commands import COMMANDS, Command, find
from core.errors import UserError

_NO_QUESTION = "Write your question behind the command: `/ask How many days of leave do I have?`"


@dataclass(frozen=True, slots=True)
class Slash:
    """A slash command: `run` takes what is typed behind it and returns what the person reads, if anything."""

    name: str
    summary: str
    run: Callable[[Desk, Caller, str], Awaitable[str]]
    hint: str = ""


async def answer(desk: Desk, body: Mapping[str, Any]) -> str:
    """Do what was typed; what the person reads."""
    name, text = str(body["command"]).lstrip("/"), str(body.get("text") or "").strip()
    command = next((each for each in SLASH if each.name == name), _HELP)
    return await command.run(desk, Caller.of(body), text)


async def _ask(desk: Desk, caller: Caller, text: str) -> str:
    question = inbound.words(text, desk.slack.us.user, {})
    if not question:
        raise UserError(_NO_QUESTION)
    message_id = places.by_callback(caller.trigger)
    await desk.may_respond(caller, message_id)
    await desk.ask(caller, message_id, places.private(caller.channel, caller.person), question)
    return f"You asked: {text}"


async def _new(desk: Desk, caller: Caller, text: str) -> str:
    return await _run(desk, caller, "new")


async def _forget(desk: Desk, caller: Caller, text: str) -> str:
    if text:
        anywhere = places.private(caller.channel, caller.person)
        return await _command("forget").run(desk.conversation(caller, anywhere), text)
    return await _run(desk, caller, "forget")


async def _sources(desk: Desk, caller: Caller, text: str) -> str:
    turns = await desk.history.turns((await desk.last(caller))[0])
    if not turns:
        raise UserError(NOTHING_YET)
    return quotes(turns[-1].citations) or "The last answer has no source."


async def _stop(desk: Desk, caller: Caller, text: str) -> str:
    await desk.inbox.stop(*await desk.last(caller))
    return "Stopping."


async def _help(desk: Desk, caller: Caller, text: str) -> str:
    return "\n".join(
        (
            f"Mention <@{desk.slack.us.user}> in a channel, write to me directly, or use `/ask`.",
            "Attach files to ask about them, and go on in the thread of an answer.",
            *(f"`/{each.name}` {each.summary}" for each in SLASH),
            "In the menu of any message: *Ask about this* and *Summarize this thread*.",
        )
    )


async def _run(desk: Desk, caller: Caller, name: str) -> str:
    """Do what the table says with one's last thread, where nobody else asked anything."""
    thread, _ = await desk.last(caller)
    await desk.must_own(caller, thread)
    return await _command(name).run(desk.conversation(caller, thread), "")


def _command(name: str) -> Command:
    command = find(name)
    assert command, "the table has it"
    return command


def _summary(name: str) -> str:
    summary = _command(name).summary
    return summary[:1].upper() + summary[1:]


_HELP = Slash("help", _summary("help"), _help)
SLASH = (
    Slash("ask", "Ask a question whose answer only you see", _ask, "[question]"),
    Slash("new", _summary("new"), _new),
    Slash(
        "forget", "Delete what is kept of your last conversation here, or of you everywhere", _forget, "[me]"
    ),
    Slash("sources", _summary("sources"), _sources),
    Slash("stop", _summary("stop"), _stop),
    Slash("settings", "Show or change how I answer here (moderators)", slack_settings.show, "[everywhere]"),
    _HELP,
)
assert {command.name for command in COMMANDS} <= {command.name for command in SLASH}, "the table is whole"
