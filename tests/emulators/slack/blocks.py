"""The limits of blocks, text and metadata, and what people read of them.

https://docs.slack.dev/reference/block-kit/blocks; where Slack says nothing, what was measured at Slack:
the sum of all text in a message's blocks is at most about 13,200 characters.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from tests.emulators.slack.errors import ApiError, explained
from tests.emulators.slack.model import Json

MARKDOWN = 12_000
ALL_TEXT = 13_200
METADATA_BYTES = 16_384

_TEXTS = {"section": 3000, "header": 150, "markdown": MARKDOWN}
_ELEMENTS = {"actions": 25, "context": 10, "context_actions": 5}
_FIELDS = {"value": 2000, "action_id": 255, "url": 3000}
_OTHERS = frozenset(
    "alert card carousel container data_table divider file image input plan rich_text table task_card "
    "video".split()
)
_INTERACTIVE = ("actions", "context_actions", "section", "input")


def checked(given: Any, *, most: int = 50) -> tuple[Json, ...]:
    """Blocks as they were sent, or the error of the first rule that they break."""
    if given is None:
        return ()
    if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
        raise ApiError("invalid_blocks_format")
    if len(given) > most:
        raise _invalid(f"no more than {most} items allowed", "/blocks")
    for place, block in enumerate(given):
        _check_block(block, f"/blocks/{place}")
    if sum(each["type"] in ("table", "data_table") for each in given) > 1:
        raise explained("invalid_attachments", "only_one_table_allowed")
    _check_ids(given)
    markdown = sum(len(each["text"]) for each in given if each["type"] == "markdown")
    if markdown > MARKDOWN or sum(map(len, _strings(given))) > ALL_TEXT:
        raise ApiError("msg_blocks_too_long")
    return tuple({"block_id": f"b{place}", **each} for place, each in enumerate(given))


def _check_block(block: Json, where: str) -> None:
    kind = block.get("type")
    if kind not in _OTHERS and kind not in _TEXTS and kind not in _ELEMENTS:
        raise _invalid(f"unsupported type: {kind}", f"{where}/type")
    _check_length(block.get("block_id", ""), 255, f"{where}/block_id")
    if kind in _TEXTS:
        _check_text(kind, block, where)
    if kind in _ELEMENTS:
        elements = block.get("elements")
        if not elements:
            raise _invalid("missing required field: elements", where)
        if len(elements) > _ELEMENTS[kind]:
            raise _invalid(f"no more than {_ELEMENTS[kind]} items allowed", f"{where}/elements")
        for place, element in enumerate(elements):
            _check_element(element, f"{where}/elements/{place}")
    if kind == "table" and (len(block.get("rows", ())) > 100 or any(len(row) > 20 for row in block["rows"])):
        raise _invalid("no more than 100 rows and 20 columns allowed", f"{where}/rows")


def _check_text(kind: str, block: Json, where: str) -> None:
    text = block.get("text")
    if kind == "markdown":
        if not isinstance(text, str) or not text:
            raise _invalid("missing required field: text", where)
        _check_length(text, _TEXTS[kind], f"{where}/text")
        return
    if text is None and kind == "section" and block.get("fields"):
        return
    if not isinstance(text, dict) or not text.get("text"):
        raise _invalid("missing required field: text", where)
    if kind == "header" and text.get("type") != "plain_text":
        raise _invalid("must be plain_text", f"{where}/text/type")
    _check_length(text["text"], _TEXTS[kind], f"{where}/text/text")


def _check_element(element: Json, where: str) -> None:
    for name, most in _FIELDS.items():
        _check_length(element.get(name, ""), most, f"{where}/{name}")
    text = element.get("text")
    if element.get("type") == "button":
        if not isinstance(text, dict) or text.get("type") != "plain_text" or not text.get("text"):
            raise _invalid("missing required field: text", where)
        _check_length(text["text"], 75, f"{where}/text/text")
    elif isinstance(text, str):
        _check_length(text, 3000, f"{where}/text")
    if element.get("type") == "feedback_buttons":
        for side in ("positive_button", "negative_button"):
            if not element.get(side, {}).get("text", {}).get("text"):
                raise _invalid(f"missing required field: {side}", where)
            _check_length(element[side]["text"]["text"], 75, f"{where}/{side}/text/text")


def _check_ids(given: Sequence[Json]) -> None:
    blocks = [each["block_id"] for each in given if "block_id" in each]
    if len(blocks) != len(set(blocks)):
        raise _invalid("`block_id` must be unique", "/blocks")
    for place, block in enumerate(given):
        actions = [each["action_id"] for each in elements_of(block) if "action_id" in each]
        if len(actions) != len(set(actions)):
            raise _invalid("`action_id` must be unique", f"/blocks/{place}/elements")


def _check_length(text: str, most: int, where: str) -> None:
    if len(text) > most:
        raise _invalid(f"must be less than {most + 1} characters", where)


def _invalid(message: str, where: str) -> ApiError:
    return explained("invalid_blocks", f"{message} [json-pointer:{where}]")


def elements_of(block: Json) -> list[Json]:
    """The elements that people can use."""
    if block["type"] not in _INTERACTIVE:
        return []
    found = [*block.get("elements", ()), block.get("accessory"), block.get("element")]
    return [each for each in found if each]


def metadata(given: Any) -> Json | None:
    """A message's metadata as it was sent, or its error."""
    if given is None:
        return None
    if not isinstance(given, dict) or not given.get("event_type") or "event_payload" not in given:
        raise ApiError("invalid_metadata_format")
    if not isinstance(given["event_payload"], dict):
        raise ApiError("invalid_metadata_format")
    if len(json.dumps(given).encode()) > METADATA_BYTES:
        raise ApiError("metadata_too_large")
    return given


def shown(text: str, blocks: Sequence[Json]) -> str:
    """What people read: of the blocks, if there are any, else the text."""
    if not blocks:
        return text
    return "\n".join(part for block in blocks if (part := "".join(_strings(block))))


def _strings(thing: Any) -> Iterator[str]:
    """All text in blocks."""
    if isinstance(thing, dict):
        text = thing.get("text")
        if isinstance(text, str):
            yield text
        for value in thing.values():
            yield from _strings(value)
    elif isinstance(thing, (list, tuple)):
        for value in thing:
            yield from _strings(value)
