"""Reading what was said in a thread of Slack: https://docs.slack.dev/reference/methods/conversations.replies."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters.slack.client import Slack

_AT_ONCE = 1000
"""Messages that are read with one call: as many as Slack gives, which counts calls."""


@dataclass(frozen=True, slots=True)
class Thread:
    """The messages of a thread, oldest first: of a long one the first and the newest.

    So many are `left_out` between these.
    """

    messages: tuple[Mapping[str, Any], ...]
    left_out: int


async def read(slack: Slack, channel: str, root: str, *, most: int, until: str = "") -> Thread:
    """A thread, or what of it was said before `until`. Raises PlatformError.

    Slack gives the oldest ones first and has no way to begin at the end, so all of them are looked at.
    """
    span = {"latest": until} if until else {}
    first: list[Mapping[str, Any]] = []
    newest: deque[Mapping[str, Any]] = deque(maxlen=most - 1)
    last, count = 0.0, 0
    replies = slack.each(
        "conversations.replies", "messages", channel=channel, ts=root, limit=_AT_ONCE, **span
    )
    async for message in replies:
        at = float(message["ts"])
        if at <= last or (until and at >= float(until)):
            continue  # the first message of a thread stands on each page
        last, count = at, count + 1
        if first:
            newest.append(message)
        else:
            first.append(message)
    return Thread((*first, *newest), count - len(first) - len(newest))


async def one(slack: Slack, channel: str, root: str, ts: str) -> Mapping[str, Any] | None:
    """A message as it stands now; None where it is gone. Raises PlatformError."""
    span = {"oldest": ts, "latest": ts, "inclusive": True, "limit": 2}
    async for message in slack.each("conversations.replies", "messages", channel=channel, ts=root, **span):
        if message.get("ts") == ts:
            return message
    return None
