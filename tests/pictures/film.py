"""A reply as a film: what stood on the platform, and why, each time that something happened to it."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.transcript import Call, TranscriptReply


@dataclass(frozen=True, slots=True)
class Frame:
    """What people see from the moment `at` on, in seconds, and what happened then.

    `pages` are what the platform was sent, in order; `status` is empty where none is shown.
    """

    at: float
    event: str
    status: str
    pages: tuple[str, ...]


def film(reply: TranscriptReply) -> list[Frame]:
    """Every moment at which `reply` was called, until its end; a call that failed changes nothing."""
    frames: list[Frame] = []
    pages: dict[int, str] = {}
    status = ""
    for call in reply.calls:
        event = _event(call, reply, begun=call.page in pages)
        if call.verb == "status":
            status = call.text
        elif call in reply.writes:
            status, pages[call.page] = "", reply.profile.render(call.text)
        if not event:
            continue
        if frames and frames[-1].at == call.at:
            event = f"{frames.pop().event}, {event}"
        frames.append(Frame(call.at, event, status, tuple(pages.values())))
    return frames


def shots(frames: Sequence[Frame], number: int) -> list[Frame]:
    """As many of these frames: those with more than growth, and others at even distances between them."""
    grows = [place for place, frame in enumerate(frames) if frame.event.endswith("grows")]
    more = max(0, number - len(frames) + len(grows))
    kept = {grows[(2 * place + 1) * len(grows) // (2 * more)] for place in range(more)}
    return [frame for place, frame in enumerate(frames) if place in kept or place not in grows]


def _event(call: Call, reply: TranscriptReply, *, begun: bool) -> str:
    if call.verb == "status":
        return "a status" if call.text else "no status"
    if call.verb == "attach":
        return "a file follows"
    if call.verb == "finish":
        return ""
    if call not in reply.writes:
        return "a write is refused"
    if call.final:
        return f"page {call.page + 1} is final"
    return f"page {call.page + 1} {'grows' if begun else 'begins'}"
