"""What can be asked from the menu of a message on Slack: about it, or about its thread."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from adapters.slack import places, transcript
from adapters.slack.blocks import sentence
from adapters.slack.client import Slack
from bots.desk import Desk
from bots.slack_caller import SlackCaller
from bots.slack_commands import may_respond
from bots.slack_forms import Block, asks, choice, given, line, modal
from core.errors import UserError
from core.types import Message, ThreadId

_SEEN_BY = {"everybody": "Everybody in the thread", "me": "Only me"}
_SHOWN = 490
"""Characters of a question that stand in the thread."""
NOTHING_THERE = "There is nothing in this message that I can read."


@dataclass(frozen=True, slots=True)
class Entry:
    """What stands in the menu of a message."""

    callback_id: str
    name: str
    summary: str


@dataclass(frozen=True, slots=True)
class Shortcut(Entry):
    """An entry that asks; its form asks for a question, if it needs one."""

    question: str
    """What is asked, or empty where the form asks for it."""
    seen_by: str


ABOUT = Shortcut("ask_about", "Ask about this", "Ask about this message", "", "everybody")
SUMMARY = Shortcut(
    "summarize", "Summarize this thread", "What was said in short", "Summarise this thread.", "me"
)
SHORTCUTS = (ABOUT, SUMMARY)


def named(callback_id: str) -> Shortcut:
    """The shortcut of this id."""
    [found] = [each for each in SHORTCUTS if each.callback_id == callback_id]
    return found


@dataclass(frozen=True, slots=True)
class Picked:
    """The message whose menu was used, and the id of the question about it."""

    channel: str
    ts: str
    root: str
    message_id: str

    @classmethod
    def of(cls, caller: SlackCaller, message: Mapping[str, Any]) -> "Picked":
        """What this person picks now."""
        ts = str(message["ts"])
        return cls(caller.channel, ts, str(message.get("thread_ts") or ts), caller.message_id)

    def written(self) -> str:
        """As the metadata of a form."""
        return json.dumps(asdict(self))

    @property
    def thread(self) -> ThreadId:
        """The thread of that message."""
        return places.in_thread(self.channel, self.root)


async def open_form(desk: Desk, caller: SlackCaller, shortcut: Shortcut, message: Mapping[str, Any]) -> str:
    """Ask what the person wants to know, and who is to see it."""
    picked = Picked.of(caller, message)
    await may_respond(desk, caller, picked.message_id)
    question = [] if shortcut.question else [asks("question", "What would you like to know?", line())]
    blocks: list[Block] = [
        *question,
        asks("seen_by", "Who sees the answer", choice(_SEEN_BY, shortcut.seen_by)),
    ]
    view = modal(shortcut.callback_id, shortcut.name, blocks, submit="Ask", metadata=picked.written())
    await caller.slack.call("views.open", trigger_id=caller.trigger, view=view)
    return ""


async def ask(desk: Desk, caller: SlackCaller, shortcut: Shortcut, view: Mapping[str, Any]) -> Message | None:
    """Accept what the form asks, once however often it is sent; None where it was accepted before.

    Raises UserError and PlatformError.
    """
    picked = Picked(**json.loads(view["private_metadata"]))
    there = replace(caller, channel=picked.channel)
    await desk.must_answer(there)
    thread = there.alone if given(view, "seen_by") == "me" else picked.thread
    if shortcut is SUMMARY:
        files = [transcript.of_thread(picked.channel, picked.root)]
        return await desk.ask(there, picked.message_id, thread, shortcut.question, attachments=files)
    said = await caller.reader.read(picked.channel, picked.root, picked.ts)
    if said is None:
        raise UserError(NOTHING_THERE)
    return await desk.ask(
        there,
        picked.message_id,
        thread,
        str(given(view, "question")),
        attachments=said.attachments,
        quoted=await there.quote(said),
        about=f"{picked.channel} {picked.root} {picked.ts}",
    )


async def show(slack: Slack, asked: Message) -> None:
    """Let everybody read a question that they will see answered. Raises PlatformError."""
    place, question = places.place(asked), asked.text
    if len(question) > _SHOWN:
        question = f"{question[:_SHOWN]} …"
    text = f"<@{asked.author}> asks: {sentence(question).text}"
    await slack.call(
        "chat.postMessage", channel=place.channel, thread_ts=place.root, text=text, unfurl_links=False
    )
