"""The parts of forms and views on Slack: https://docs.slack.dev/reference/views and .../block-kit."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Block = dict[str, Any]


def plain(text: str) -> Block:
    """Text without any form."""
    return {"type": "plain_text", "text": text}


def section(mrkdwn: str) -> Block:
    """A paragraph in Slack's own form."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": mrkdwn[:3000]}}


def modal(name: str, title: str, blocks: Sequence[Block], *, submit: str = "", metadata: str = "") -> Block:
    """A form; its title has at most 24 characters."""
    view = {
        "type": "modal",
        "callback_id": name,
        "title": plain(title),
        "close": plain("Close"),
        "private_metadata": metadata,
        "blocks": list(blocks),
    }
    return {**view, "submit": plain(submit)} if submit else view


def notice(title: str, text: str) -> Block:
    """A form that only says something."""
    return modal("chasqui:notice", title, [section(text)])


def asks(name: str, label: str, element: Block, *, optional: bool = False) -> Block:
    """A question of a form; `given` finds the answer by its name."""
    block = {
        "type": "input",
        "block_id": name,
        "label": plain(label),
        "element": {**element, "action_id": name},
    }
    return {**block, "optional": True} if optional else block


def line(*, initial: str = "", most: int = 3000, multiline: bool = True) -> Block:
    """A field to type into."""
    element = {"type": "plain_text_input", "multiline": multiline, "max_length": most}
    return {**element, "initial_value": initial} if initial else element


def choice(options: Mapping[str, str], chosen: str) -> Block:
    """A choice among these, by their values."""
    offered = {value: {"text": plain(text), "value": value} for value, text in options.items()}
    return {"type": "static_select", "options": list(offered.values()), "initial_option": offered[chosen]}


def people(chosen: Iterable[str]) -> Block:
    """A choice of people."""
    element: Block = {"type": "multi_users_select"}
    return {**element, "initial_users": list(chosen)} if chosen else element


def given(view: Mapping[str, Any], name: str) -> Any:
    """What was typed or chosen; empty where nothing was."""
    values = view["state"]["values"]
    state = (values.get(name) or {}).get(name) or {}
    if "selected_users" in state:
        return state["selected_users"] or []
    return (state.get("selected_option") or {}).get("value") or state.get("value") or ""
