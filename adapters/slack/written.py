"""What a message of Slack says that has blocks and no text: https://docs.slack.dev/reference/block-kit/blocks."""

import html
from collections.abc import Iterator, Mapping
from typing import Any

_SIGNS = {"user": ("@", "user_id"), "channel": ("#", "channel_id"), "broadcast": ("!", "range")}
_HOLDS = ("title", "text", "fields", "elements", "rows", "alt_text")
"""Where a block may say something, in the order in which people read it."""


def of_blocks(blocks: Any) -> str:
    """The words of these blocks, a line for each, in Slack's own form; those of unknown shapes are none."""
    found = (_words(block) for block in blocks) if isinstance(blocks, list) else ()
    return "\n".join(line for line in found if line)


def _words(part: Any) -> str:
    """What a block, or a part of one, says."""
    if isinstance(part, list):
        return "\n".join(filter(None, map(_words, part)))
    if isinstance(part, str):
        return part
    if not isinstance(part, Mapping):
        return ""
    kind = part.get("type")
    if kind in ("actions", "context_actions", "button", "divider"):
        return ""
    if kind in ("rich_text_section", "rich_text_quote", "rich_text_preformatted"):
        return "".join(_signs(part.get("elements")))
    return "\n".join(filter(None, (_words(part.get(name)) for name in _HOLDS)))


def _signs(elements: Any) -> Iterator[str]:
    """The signs of one paragraph of rich text, whose words are literal."""
    for each in elements if isinstance(elements, list) else ():
        if not isinstance(each, Mapping):
            continue
        kind, text = str(each.get("type")), html.escape(str(each.get("text") or ""), quote=False)
        if kind in _SIGNS:
            sign, name = _SIGNS[kind]
            yield f"<{sign}{each.get(name)}>"
        elif kind == "link":
            yield f"<{each.get('url')}|{text}>" if text else f"<{each.get('url')}>"
        elif kind == "emoji":
            yield f":{each.get('name')}:"
        else:
            yield text
