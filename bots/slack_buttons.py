"""The buttons under an answer: stop it, have it again, see its sources, say what it was worth."""

from collections.abc import Mapping
from typing import Any

from adapters.slack import places
from adapters.slack.blocks import quotes
from adapters.slack.buttons import Press
from bots.desk import THANKS, Desk
from bots.slack_caller import SlackCaller
from bots.slack_commands import may_respond
from bots.slack_forms import asks, given, line, modal
from core.questions import again
from core.types import ThreadId

REASON = "chasqui:reason"
_TITLE = "What was wrong?"


async def pressed(desk: Desk, caller: SlackCaller, press: Press) -> str:
    """Do what a button says; what the person reads, if anything."""
    match press.verb:
        case "stop":
            await desk.stop(caller, press.thread, press.message_id)
            return ""
        case "again":
            return await _again(desk, caller, press)
        case "sources":
            turn = await desk.shown_turn(press.thread, press.message_id)
            return quotes(turn.citations if turn else ()) or "No source of this answer is kept."
        case _:
            return await _feedback(desk, caller, press)


async def _again(desk: Desk, caller: SlackCaller, press: Press) -> str:
    if press.thread == caller.alone:
        await may_respond(desk, caller, again(press.message_id))
    await desk.ask_again(caller, press.thread, press.message_id)
    return ""


async def _feedback(desk: Desk, caller: SlackCaller, press: Press) -> str:
    """Keep what somebody thinks of an answer, and ask why where it did not help."""
    await desk.judge(caller, press.thread, press.message_id, helped=press.verb == "good")
    if press.verb == "good":
        return THANKS
    why = asks("reason", "In your words", line(most=1000), optional=True)
    view = modal(REASON, _TITLE, [why], submit="Send", metadata=f"{press.thread.key} {press.message_id}")
    await caller.slack.call("views.open", trigger_id=caller.trigger, view=view)
    return ""


async def reason(desk: Desk, caller: SlackCaller, view: Mapping[str, Any]) -> str:
    """Keep why an answer did not help; who closes the form has said so all the same."""
    key, _, message_id = view["private_metadata"].partition(" ")
    thread, why = ThreadId(places.NAME, key), str(given(view, "reason")).strip()
    await desk.judge(caller, thread, message_id, helped=False, reason=why)
    return THANKS
