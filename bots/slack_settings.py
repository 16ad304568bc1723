"""The form in which moderators say how the bot answers in a channel, or in the whole workspace."""

from collections.abc import Mapping
from typing import Any

from bots.desk import Desk
from bots.slack_caller import SlackCaller
from bots.slack_forms import asks, choice, given, line, modal, people
from core.channels import ChannelSettings
from core.types import Grounding

NAME = "chasqui:settings"
_EVERYWHERE = "everywhere"
_SAME = "same"
_LIKE_ABOVE = {_SAME: "As everywhere else"}
_SWITCHES = {
    "allowed": ("Whether I answer at all", "I answer", "I do not answer"),
    "every_message": (
        "What I answer",
        "Every message, without being mentioned",
        "Only messages that mention me",
    ),
}


async def show(desk: Desk, caller: SlackCaller, text: str) -> str:
    """Open the form for this channel; for the workspace where the text says so. Raises UserError."""
    await desk.must_moderate(caller)
    everywhere = text == _EVERYWHERE
    place = caller.slack.us.team if everywhere else caller.channel
    now = await desk.channels.said(place)
    chosen = {name: _switch(getattr(now, name)) for name in _SWITCHES}
    switches = [
        asks(name, label, choice({**_LIKE_ABOVE, "yes": yes, "no": no}, chosen[name]))
        for name, (label, yes, no) in _SWITCHES.items()
    ]
    grounds = {**_LIKE_ABOVE, **{each.value: each.value for each in Grounding}}
    blocks = [
        *switches,
        asks("grounding", "How firmly answers stand on documents", choice(grounds, now.grounding or _SAME)),
        asks("persona", "Who I am here", line(initial=now.persona or "", most=1000), optional=True),
        asks("roles", "Who may ask me; nobody else", people(now.roles or ()), optional=True),
    ]
    title = "Answers everywhere" if everywhere else "Answers in this channel"
    view = modal(NAME, title, blocks, submit="Save", metadata=place)
    await caller.slack.call("views.open", trigger_id=caller.trigger, view=view)
    return ""


async def save(desk: Desk, caller: SlackCaller, view: Mapping[str, Any]) -> str:
    """Let a place have what the form says. Raises UserError."""
    await desk.must_moderate(caller)
    grounding = given(view, "grounding")
    await desk.channels.say(
        view["private_metadata"],
        ChannelSettings(
            allowed=_chosen(given(view, "allowed")),
            roles=tuple(given(view, "roles")) or None,
            every_message=_chosen(given(view, "every_message")),
            persona=given(view, "persona") or None,
            grounding=None if grounding == _SAME else Grounding(grounding),
        ),
    )
    return ""


def _switch(value: bool | None) -> str:
    return _SAME if value is None else "yes" if value else "no"


def _chosen(value: str) -> bool | None:
    return None if value == _SAME else value == "yes"
