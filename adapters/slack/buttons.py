"""The buttons under an answer. What they do is not kept anywhere: it stands in them."""

import re
from dataclasses import dataclass
from typing import Any, Literal

from adapters.slack import places
from core.types import Message, ThreadId

Verb = Literal["stop", "again", "sources", "good", "bad"]

ACTION = re.compile(r"chasqui:(stop|again|sources|feedback)")
"""The action ids of our buttons, for whoever listens to them."""

_VALUE = re.compile(r"(?P<verb>[a-z]+) (?P<thread>[\w/~.]+) (?P<message>[\w:.+]+)", re.ASCII)
_LABELS = {"stop": "Stop", "again": "Regenerate", "sources": "Sources"}


@dataclass(frozen=True, slots=True)
class Press:
    """What a button says: its verb, and the answer that it belongs to."""

    verb: str
    thread: ThreadId
    message_id: str

    @classmethod
    def read(cls, action: dict[str, Any]) -> "Press | None":
        """What a button of ours says, by the action that Slack sends for it; None for any other."""
        found = _VALUE.fullmatch(str(action.get("value") or ""))
        if not found or not ACTION.fullmatch(str(action.get("action_id") or "")):
            return None
        return cls(found["verb"], ThreadId(places.NAME, found["thread"]), found["message"])

    def written(self) -> str:
        """The value of the button that says this."""
        return f"{self.verb} {self.thread.key} {self.message_id}"


def row(message: Message, *verbs: Verb, block_id: str) -> dict[str, Any]:
    """A row of buttons for the answer to a message; good and bad stand in a row of their own."""
    return {
        "type": "actions",
        "block_id": block_id,
        "elements": [
            {
                "type": "button",
                "action_id": f"chasqui:{verb}",
                "text": _plain(_LABELS[verb]),
                "value": _value(message, verb),
            }
            for verb in verbs
        ],
    }


def feedback(message: Message, *, block_id: str) -> dict[str, Any]:
    """The two thumbs of Slack: https://docs.slack.dev/reference/block-kit/block-elements/feedback-buttons-element."""
    sides = {
        "positive_button": ("👍", "good", "This helped"),
        "negative_button": ("👎", "bad", "This did not help"),
    }
    thumbs = {
        name: {
            "text": _plain(sign),
            "value": _value(message, verb),
            "accessibility_label": label,
        }
        for name, (sign, verb, label) in sides.items()
    }
    element = {"type": "feedback_buttons", "action_id": "chasqui:feedback", **thumbs}
    return {"type": "context_actions", "block_id": block_id, "elements": [element]}


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": True}


def _value(message: Message, verb: str) -> str:
    return Press(verb, message.thread, message.id).written()
