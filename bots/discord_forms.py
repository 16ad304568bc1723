"""Forms with one question. What they are for stands in their ids, so that they outlive the process."""

from collections.abc import Iterator, Mapping
from typing import Any

import discord

from adapters.discord.buttons import Press
from bots.discord_caller import Interaction

_TYPED = "typed"


def form(press: Press, title: str, label: str, *, most: int, required: bool) -> discord.ui.Modal:
    """A form that takes so many characters. discord.py does not keep it: it is known by its id alone."""
    modal = discord.ui.Modal(title=title, custom_id=press.custom_id, timeout=None)
    style = discord.TextStyle.paragraph
    modal.add_item(
        discord.ui.TextInput(custom_id=_TYPED, label=label, style=style, required=required, max_length=most)
    )
    modal.stop()
    return modal


def sent(interaction: Interaction) -> tuple[Press, str] | None:
    """What a form of ours was for, and what was typed into it; None for any other interaction."""
    if interaction.type is not discord.InteractionType.modal_submit:
        return None
    data: Mapping[str, Any] = interaction.data or {}
    press = Press.read(data.get("custom_id"))
    return (press, "".join(_typed(data)).strip()) if press else None


def _typed(component: Mapping[str, Any]) -> Iterator[str]:
    """What was typed into a component, or into those in it: rows and labels hold others."""
    if component.get("custom_id") == _TYPED:
        yield str(component.get("value") or "")
    inside = component.get("components") or ([component["component"]] if "component" in component else [])
    for each in inside:
        yield from _typed(each)
