"""What people see of an agent at work: its status, the session of a thread, titles and suggested prompts.

https://docs.slack.dev/ai/agent-sessions: a session and `assistant.threads.setStatus` share one place on the
screen, and who wrote last is seen.
"""

from dataclasses import dataclass, field
from typing import Literal

from tests.emulators.slack.errors import ApiError, invalid
from tests.emulators.slack.model import Json
from tests.emulators.slack.world import World

FADES = 120.0
"""Seconds after which a status is gone by itself."""

STATUSES = ("active", "processing", "suspended", "closed")

By = Literal["assistant", "session", "reply"]


@dataclass(frozen=True, slots=True)
class Status:
    """What was set at a time; `by` a reply it was taken away."""

    at: float
    text: str
    loading: tuple[str, ...]
    by: By


@dataclass(slots=True)
class Session:
    """A thread's session; `state` is None while there is none."""

    state: str | None = None
    title: str = ""
    prompts: list[Json] = field(default_factory=list)
    prompts_title: str = ""
    statuses: list[Status] = field(default_factory=list)


class Sessions:
    """The sessions of all threads; prompts without a thread stand under the channel alone."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.known: dict[tuple[str, str], Session] = {}

    def of(self, channel: str, thread: str = "") -> Session:
        """The session of a thread."""
        return self.known.setdefault((channel, thread), Session())

    def set_status(self, session: Session, text: str, loading: list[str], by: By = "assistant") -> None:
        """Show a status, or take it away with an empty one."""
        if len(loading) > 10:
            raise invalid("no more than 10 items allowed [json-pointer:/loading_messages]")
        session.statuses.append(Status(self._world.clock.now(), text, tuple(loading), by))

    def move(self, session: Session, state: str) -> None:
        """Change the session's state, which shows a status of its own while it is processing."""
        if state not in STATUSES:
            raise invalid("must be a valid enum value [json-pointer:/status]")
        session.state = state
        self.set_status(session, state if state == "processing" else "", [], "session")

    def rename(self, session: Session, title: str) -> None:
        """Give the session a title."""
        if not 1 <= len(title) <= 200:
            raise invalid("must be between 1 and 200 characters [json-pointer:/title]")
        session.title = title

    def suggest(self, session: Session, title: str, prompts: list[Json]) -> None:
        """Offer prompts."""
        if not 1 <= len(prompts) <= 4:
            raise invalid("must have between 1 and 4 items [json-pointer:/prompts]")
        if not all(each.get("title") and each.get("message") for each in prompts):
            raise invalid("missing required field: message [json-pointer:/prompts]")
        session.prompts, session.prompts_title = list(prompts), title

    def answered(self, channel: str, thread: str) -> None:
        """The app said something in the thread: its own status is over, a session's is not."""
        session = self.of(channel, thread)
        if session.statuses and session.statuses[-1].by == "assistant" and session.statuses[-1].text:
            self.set_status(session, "", [], "reply")

    def shown(self, channel: str, thread: str) -> Status | None:
        """The status that people see now."""
        statuses = self.of(channel, thread).statuses
        last = statuses[-1] if statuses else None
        if last is None or not last.text:
            return None
        faded = last.by == "assistant" and self._world.clock.now() - last.at >= FADES
        return None if faded else last

    def require_agent(self) -> None:
        """Raise unless the app's manifest declares an agent."""
        if not self._world.application.agent:
            raise ApiError("feature_not_enabled")
