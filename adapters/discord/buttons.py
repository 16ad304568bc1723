"""The buttons under an answer. What they do is not kept anywhere: it stands in their ids."""

import re
from dataclasses import dataclass
from typing import Literal

import discord

from core.types import ThreadId

Verb = Literal["stop", "again", "sources", "good", "bad"]

TEMPLATE = r"chasqui:(?P<verb>[a-z]+):(?P<thread>[\d/~^]+):(?P<message>i?\d+(?:\+\d+)?):(?P<part>-?\d+)"
"""At most 88 characters, where Discord takes 100: the longest ids have 20 digits."""

_LABELS: dict[Verb, tuple[str, str]] = {
    "stop": ("Stop", "⏹️"),
    "again": ("Regenerate", "🔄"),
    "sources": ("Sources", "📖"),
    "good": ("", "👍"),
    "bad": ("", "👎"),
}


@dataclass(frozen=True, slots=True)
class Press:
    """What a button says: its verb, the answer that it belongs to, and the part under which it stands."""

    verb: str
    thread: ThreadId
    message_id: str
    part: int

    @property
    def custom_id(self) -> str:
        """As Discord keeps it."""
        return f"chasqui:{self.verb}:{self.thread.key}:{self.message_id}:{self.part}"

    @classmethod
    def read(cls, custom_id: str | None) -> "Press | None":
        """What a button of ours says; None for any other."""
        found = re.fullmatch(TEMPLATE, custom_id or "", re.ASCII)
        if not found:
            return None
        return cls(found["verb"], ThreadId("discord", found["thread"]), found["message"], int(found["part"]))


def row(thread: ThreadId, message_id: str, part: int, *verbs: Verb) -> discord.ui.View:
    """Buttons for one answer. discord.py does not keep them: presses are known by their ids alone."""
    view = discord.ui.View(timeout=None)
    for verb in verbs:
        label, emoji = _LABELS[verb]
        press = Press(verb, thread, message_id, part)
        view.add_item(discord.ui.Button(label=label or None, emoji=emoji, custom_id=press.custom_id))
    view.stop()
    return view


def presses(message: discord.Message) -> list[Press]:
    """What the buttons under a message say."""
    rows = (row for row in message.components if isinstance(row, discord.ActionRow))
    items = (item for row in rows for item in row.children if isinstance(item, discord.Button))
    return [press for item in items if (press := Press.read(item.custom_id))]
