"""What stands in a message of an answer: its page, and under the last one sources, notes and buttons.

https://docs.slack.dev/reference/block-kit/blocks. Every message has a text too: for notifications, for
search and for who does not see blocks.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from adapters.slack import buttons
from adapters.slack.markdown import MRKDWN, neutral, render
from core.citations import numbered
from core.markdown import split
from core.types import Citation, Message, Outcome

Block = dict[str, Any]

_OURS = "chasqui:"
"""Begins the ids of blocks that are not the page."""
_PART = "chasqui_part"
_TEXT = 4000
"""Characters of a text that `chat.update` takes."""
_SOURCES = 5
_LINE = 300
"""Characters of one line; a longer title is cut."""
_SENTENCE, _UNDER = 500, 2900
"""Characters of a sentence, and of all lines under an answer: Slack takes 3,000 once they are escaped."""
_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")


@dataclass(frozen=True, slots=True)
class Content:
    """What a message says: its blocks, and in one text what they say, in Slack's own form."""

    text: str
    blocks: tuple[Block, ...]
    whole: bool = True
    """Whether the text says all that the blocks say."""

    def over(self, below: "Content") -> "Content":
        """The same, over something else; its text too, where both have room."""
        text = "\n".join(filter(None, (self.text.removesuffix(below.text).rstrip(), below.text)))
        has_room = len(text) <= _TEXT
        blocks = (*self.blocks, *below.blocks)
        return Content(text if has_room else self.text, blocks, whole=self.whole and has_room)

    @classmethod
    def of(cls, posted: Mapping[str, Any]) -> "Content":
        """The page that a message shows, as Slack gives it back."""
        shown = [block for block in posted.get("blocks") or () if not _is_ours(block)]
        return cls(str(posted.get("text") or "")[:_TEXT], tuple(shown), whole=not shown)

    def is_page_of(self, posted: Mapping[str, Any]) -> bool:
        """Whether this is the page that a message shows; block ids are Slack's to choose."""
        return [each.get("text") for each in self.blocks] == [
            each.get("text") for each in Content.of(posted).blocks
        ]


def page(markdown: str) -> Content:
    """A page. Its text is whole for any page of `MRKDWN`, else the beginning."""
    beginning, *rest = split(markdown, MRKDWN) or [""]
    block = {"type": "markdown", "text": neutral(markdown)}
    return Content(render(beginning), (block,), whole=not rest)


def sentence(text: str) -> Content:
    """Something that is said without Markdown."""
    return said(_literal(text))


def said(mrkdwn: str) -> Content:
    """Something in Slack's own form."""
    return Content(mrkdwn, ({"type": "section", "text": {"type": "mrkdwn", "text": mrkdwn}},))


def stop(message: Message) -> Content:
    """The button under a page that grows, where Slack has none of its own."""
    return Content("", (buttons.row(message, "stop", block_id=f"{_OURS}stop"),))


def end(outcome: Outcome, message: Message) -> Content:
    """What stands under an answer that ended so, or alone where there is no page."""
    why, notes = _literal(outcome.why), _notes(outcome)
    sources: tuple[buttons.Verb, ...] = ("sources",) if outcome.citations else ()
    blocks: list[Block] = []
    if why:
        text = {"type": "mrkdwn", "text": why}
        blocks.append({"type": "section", "block_id": f"{_OURS}why", "text": text})
    if notes:
        element = {"type": "mrkdwn", "text": notes}
        blocks.append({"type": "context", "block_id": f"{_OURS}notes", "elements": [element]})
    if not message.addition:  # what asks nothing is not answered again
        blocks.append(buttons.row(message, "again", *sources, block_id=f"{_OURS}end"))
    if not message.addition and outcome.kind != "failed":
        blocks.append(buttons.feedback(message, block_id=f"{_OURS}feedback"))
    return Content("\n".join(filter(None, (why, notes))) or "That is all.", tuple(blocks))


def quotes(citations: Sequence[Citation]) -> str:
    """The sources of an answer with their words, in Slack's own form."""
    named = numbered(citations, _SOURCES)
    lines = [f"{called}: {_source(cited)}\n> {_escaped(cited.quote[:_LINE])}" for called, cited in named]
    return "\n\n".join(render(line) for line in lines)


def marked(message: Message, part: int) -> dict[str, Any]:
    """The metadata by which a part of an answer is found again."""
    return {"event_type": _PART, "event_payload": {"message": message.id, "part": part}}


def part_of(posted: Mapping[str, Any], message: Message) -> int | None:
    """Which part of the answer to `message` this is, if it is one."""
    metadata = posted.get("metadata") or {}
    payload = metadata.get("event_payload") or {}
    is_ours = metadata.get("event_type") == _PART and payload.get("message") == message.id
    return int(payload["part"]) if is_ours else None


def is_loose_stream(posted: Mapping[str, Any]) -> bool:
    """Whether this began as a stream, and nobody came to say what it is."""
    return bool(posted.get("streaming_state")) and not posted.get("metadata")


def _is_ours(block: Mapping[str, Any]) -> bool:
    return str(block.get("block_id", "")).startswith(_OURS)


def _notes(outcome: Outcome) -> str:
    """Sources, nearest misses and what was not read, as lines of mrkdwn that fit."""
    lines = [f"{called}: {_source(cited)}" for called, cited in numbered(outcome.citations, _SOURCES)]
    for place, cited in enumerate(outcome.nearest):
        lines.append(f"Nearest: {_source(cited)}")
        lines += [f"> {_escaped(cited.quote[:_LINE])}"] * (place == 0)
    lines += [_escaped(note[:_LINE]) for note in outcome.left_out]
    kept, room = list[str](), _UNDER
    for line in map(render, lines):
        room -= len(line) + 1
        if room < 0:
            break
        kept.append(line)
    return "\n".join(kept)


def _source(cited: Citation) -> str:
    place, address = _escaped(cited.label[:_LINE]), urlsplit(cited.url)
    if address.scheme not in ("http", "https"):
        return place
    return f"[{place}](<{quote(cited.url, safe=':/?#[]@!$&()*+,;=%~')}>)"


def _literal(text: str) -> str:
    """A sentence in Slack's own form, in which every sign stands for itself; what is very long is cut."""
    return render(_escaped(text[:_SENTENCE]))


def _escaped(text: str) -> str:
    """A text as Markdown of one line in which every sign stands for itself."""
    return _PUNCTUATION.sub(r"\\\g<0>", " ".join(text.split()))
