"""What people can type on Slack: slash commands. No thread has any, so they are about one's last question."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from adapters.slack import inbound, places
from bots import slack_settings
from bots.desk import Desk
from bots.slack_caller import SlackCaller, shown
from core.commands import COMMANDS, named
from core.errors import UserError

_NO_QUESTION = "Write your question behind the command: `/ask How many days of leave do I have?`"
_KB_HINT = "[search words | list words | stats | gaps | add link | add link everywhere | remove id]"
_EVERYWHERE = "everywhere"
_READING = "I am reading that page, and will tell you here what became of it."


@dataclass(frozen=True, slots=True)
class Slash:
    """A slash command: `run` takes what is typed behind it and returns what the person reads, if anything."""

    name: str
    summary: str
    run: Callable[[Desk, SlackCaller, str], Awaitable[str]]
    hint: str = ""


async def answer(desk: Desk, caller: SlackCaller, body: Mapping[str, Any]) -> str:
    """Do what was typed; what the person reads."""
    name, text = str(body["command"]).lstrip("/"), str(body.get("text") or "").strip()
    command = next((each for each in SLASH if each.name == name), _HELP)
    return await command.run(desk, caller, text)


async def _ask(desk: Desk, caller: SlackCaller, text: str) -> str:
    question = inbound.words(text, caller.slack.us.user, {})
    if not question:
        raise UserError(_NO_QUESTION)
    await may_respond(desk, caller, caller.message_id)
    await desk.ask(caller, caller.message_id, caller.alone, question)
    return f"You asked: {text}"


async def may_respond(desk: Desk, caller: SlackCaller, message_id: str) -> None:
    """Note where the private answer to a message goes."""
    await desk.notes.put(places.respond_note(message_id), caller.respond, seconds=places.RESPOND_SECONDS)


async def _help(desk: Desk, caller: SlackCaller, text: str) -> str:
    lines = (
        f"Mention <@{caller.slack.us.user}> in a channel, write to me directly, or use `/ask`.",
        "Attach files to ask about them, and go on in the thread of an answer.",
        *(f"`/{each.name}` {each.summary}" for each in SLASH),
        "In the menu of any message: *Ask about this*, *Summarize this thread* and *Add to knowledge base*.",
    )
    return shown(await desk.do(caller, "help", guide="\n".join(lines)))


async def _kb(desk: Desk, caller: SlackCaller, text: str) -> str:
    """As the table does it; what is added a worker reads, who tells how that ended."""
    verb, _, rest = text.partition(" ")
    if verb != "add":
        return shown(await desk.do(caller, "kb", text))
    link, _, whose = rest.strip().rpartition(" ")
    if whose != _EVERYWHERE:
        link, whose = rest, ""
    await may_respond(desk, caller, caller.message_id)
    await desk.add_link(caller, inbound.address(link), everywhere=bool(whose))
    return _READING


def _of_table(name: str, summary: str = "", hint: str = "") -> Slash:
    """A command that does what the table says."""

    async def run(desk: Desk, caller: SlackCaller, text: str) -> str:
        return shown(await desk.do(caller, name, text))

    summary = summary or named(name).summary
    return Slash(name, summary[:1].upper() + summary[1:], run, hint)


_HELP = Slash("help", "Show these commands", _help)
SLASH = (
    Slash("ask", "Ask a question whose answer only you see", _ask, "[question]"),
    _of_table("new"),
    _of_table("forget", "Delete what is kept of your last conversation here, or of you everywhere", "[me]"),
    _of_table("sources"),
    _of_table("model", hint="[name]"),
    _of_table("stop"),
    Slash("kb", named("kb").summary.capitalize(), _kb, _KB_HINT),
    Slash("settings", "Show or change how I answer here (moderators)", slack_settings.show, "[everywhere]"),
    _HELP,
)
assert {command.name for command in COMMANDS} <= {command.name for command in SLASH}, "the table is whole"
