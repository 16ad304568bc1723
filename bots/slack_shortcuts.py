"""What can be picked in the menu of a message on Slack: ask about it, summarise its thread."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.slack import inbound, places, transcript
from adapters.slack.blocks import sentence
from adapters.slack.inbound import Said
from bots.slack_desk import Caller, Desk
from bots.slack_forms import Block, asks, choice, given, line, modal
from core.errors import UserError
from core.types import Attachment, ThreadId

_SEEN_BY = {"everybody": "Everybody in the thread", "me": "Only me"}
_NOTHING_THERE = "There is nothing in this message that I can read."


@dataclass(frozen=True, slots=True)
class Shortcut:
    """An entry of the menu; its form asks for a question, if it needs one."""

    callback_id: str
    name: str
    summary: str
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
    """The message whose menu was used, and the id under which the question about it would be private."""

    channel: str
    ts: str
    root: str
    message_id: str

    @property
    def thread(self) -> ThreadId:
        """The thread of that message."""
        return places.in_thread(self.channel, self.root)


async def open_form(desk: Desk, caller: Caller, shortcut: Shortcut, message: Mapping[str, Any]) -> str:
    """Ask what the person wants to know, and who is to see it."""
    ts, message_id = str(message["ts"]), places.by_callback(caller.trigger)
    await desk.may_respond(caller, message_id)
    picked = {"channel": caller.channel, "ts": ts, "root": str(message.get("thread_ts") or ts)}
    question = [] if shortcut.question else [asks("question", "What would you like to know?", line())]
    blocks: list[Block] = [
        *question,
        asks("seen_by", "Who sees the answer", choice(_SEEN_BY, shortcut.seen_by)),
    ]
    metadata = json.dumps({**picked, "message_id": message_id})
    view = modal(shortcut.callback_id, shortcut.name, blocks, submit="Ask", metadata=metadata)
    await desk.slack.call("views.open", trigger_id=caller.trigger, view=view)
    return ""


async def ask(
    desk: Desk,
    caller: Caller,
    shortcut: Shortcut,
    view: Mapping[str, Any],
    read: Callable[[str, str, str], Awaitable[Said | None]],
) -> str:
    """Accept what the form asks; `read` gives a message as it stands. Raises UserError and PlatformError."""
    picked = Picked(**json.loads(view["private_metadata"]))
    there = Caller(caller.person, picked.channel, caller.trigger)
    await desk.must_answer(there)
    files: Sequence[Attachment]
    if shortcut is SUMMARY:
        question, quoted, files = shortcut.question, "", (transcript.of_thread(picked.channel, picked.root),)
    else:
        said = await read(picked.channel, picked.root, picked.ts)
        if said is None:
            raise UserError(_NOTHING_THERE)
        question, quoted, files = str(given(view, "question")), await _quoted(desk, said), said.attachments
    message_id, thread = await _place(desk, there, picked, question, private=given(view, "seen_by") == "me")
    await desk.ask(there, message_id, thread, question, attachments=files, quoted=quoted)
    return ""


async def _place(
    desk: Desk, caller: Caller, picked: Picked, question: str, *, private: bool
) -> tuple[str, ThreadId]:
    """The id and the thread of a question; one that everybody is to see stands in the thread first."""
    if private:
        return picked.message_id, places.private(picked.channel, caller.person)
    text = f"<@{caller.person}> asks: {sentence(question).text}"
    said = await desk.slack.call(
        "chat.postMessage", channel=picked.channel, thread_ts=picked.root, text=text, unfurl_links=False
    )
    return places.by_message(picked.channel, str(said["ts"])), picked.thread


async def _quoted(desk: Desk, said: Said) -> str:
    names = await desk.members.names(said.people)
    text = inbound.words(said.text, desk.slack.us.user, names)
    return f"{said.name or names.get(said.author) or said.author}: {text}" if text else ""
