"""The buttons under an answer: stop it, have it again, see its sources, say what it was worth."""

import time
from collections.abc import Mapping
from typing import Any

from adapters.slack.blocks import quotes
from adapters.slack.buttons import Press
from bots.slack_desk import Caller, Desk
from bots.slack_forms import asks, given, line, modal
from core.types import Feedback, ThreadId

REASON = "chasqui:reason"
_TITLE = "What was wrong?"
_THANKS = "Thank you. This helps whoever looks after the answers here."


async def sources(desk: Desk, press: Press) -> str:
    """The sources of an answer with their words."""
    turn = await desk.turn(press.thread, press.message_id)
    return quotes(turn.citations if turn else ()) or "No source of this answer is kept."


async def stop(desk: Desk, caller: Caller, press: Press) -> str:
    """Stop an answer. Raises UserError for who did not ask."""
    await desk.must_have_asked(caller, press.message_id)
    await desk.inbox.stop(press.thread, press.message_id)
    return ""


async def feedback(desk: Desk, caller: Caller, press: Press) -> str:
    """Keep what somebody thinks of an answer, and ask why where it did not help."""
    await _keep(desk, caller, press.thread, press.message_id, helped=press.verb == "good")
    if press.verb == "good":
        return _THANKS
    why = asks("reason", "In your words", line(most=1000), optional=True)
    view = modal(REASON, _TITLE, [why], submit="Send", metadata=f"{press.thread.key} {press.message_id}")
    await desk.slack.call("views.open", trigger_id=caller.trigger, view=view)
    return ""


async def reason(desk: Desk, caller: Caller, view: Mapping[str, Any]) -> str:
    """Keep why an answer did not help; who closes the form has said so all the same."""
    key, _, message_id = view["private_metadata"].partition(" ")
    thread, why = ThreadId("slack", key), str(given(view, "reason")).strip()
    await _keep(desk, caller, thread, message_id, helped=False, reason=why)
    return _THANKS


async def _keep(
    desk: Desk, caller: Caller, thread: ThreadId, message_id: str, *, helped: bool, reason: str = ""
) -> None:
    await desk.feedbacks.put(thread, Feedback(message_id, caller.person, helped, time.time(), reason))
