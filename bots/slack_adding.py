"""Adding a message with its files to the team's knowledge base, from its menu on Slack."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from adapters.slack import places
from bots.desk import Desk
from bots.slack_caller import SlackCaller
from bots.slack_commands import may_respond
from bots.slack_forms import asks, choice, given, modal
from bots.slack_shortcuts import NOTHING_THERE, Entry, Picked
from core.errors import UserError
from core.types import Addition

ADD = Entry("add_to_kb", "Add to knowledge base", "Let answers use this message and its files (curators)")
_CHANNEL, _WORKSPACE = "channel", "workspace"
_MAY_READ = {_CHANNEL: "Who reads this channel", _WORKSPACE: "Everybody of the workspace"}


async def open_form(desk: Desk, caller: SlackCaller, message: Mapping[str, Any]) -> str:
    """Ask a curator who may read it. Raises UserError."""
    await desk.must_curate(caller)
    picked = Picked.of(caller, message)
    await may_respond(desk, caller, picked.message_id)
    blocks = [asks("audience", "Who may read it", choice(_MAY_READ, _CHANNEL))]
    view = modal(ADD.callback_id, ADD.name, blocks, submit="Add", metadata=picked.written())
    await caller.slack.call("views.open", trigger_id=caller.trigger, view=view)
    return ""


async def add(desk: Desk, caller: SlackCaller, view: Mapping[str, Any]) -> str:
    """Accept it, once however often the form is sent. Raises UserError and PlatformError."""
    picked = Picked(**json.loads(view["private_metadata"]))
    there = replace(caller, channel=picked.channel)
    await desk.must_curate(there)
    said = await caller.reader.read(picked.channel, picked.root, picked.ts)
    if said is None:
        raise UserError(NOTHING_THERE)
    link = await caller.slack.call("chat.getPermalink", channel=picked.channel, message_ts=picked.ts)
    name, text = await there.reads(said)
    addition = Addition(
        f"{places.NAME}:{said.id}", f"Message of {name}", str(link["permalink"]), float(picked.ts)
    )
    words = "\n".join(filter(None, (text, *said.forwarded)))
    everywhere = given(view, "audience") == _WORKSPACE
    await desk.add(there, picked.message_id, addition, words, said.attachments, everywhere=everywhere)
    return ""
