"""Where a message stands on Discord: threads, messages and interactions, and the ids that name them.

A thread is a channel that holds one conversation (a DM, a thread, a forum post), a question of an ordinary
channel with what follows it, or one person's private answers in a channel. A message is a message of
Discord, or an interaction, whose id has an ``i`` before it. One that is asked again, by an interaction too,
has a ``+1`` (``+2``, ...) behind it.
"""

import re
from dataclasses import dataclass

from core.types import Message, ThreadId

NAME = "discord"

_KEY = re.compile(r"(\d+)(?:/([~^]?)(\d+))?", re.ASCII)
_ID = re.compile(r"(i?)(\d+)(\+\d+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an answer goes.

    `parent` is the channel under which a thread stands; `question` the message that asks, if one does, and
    `after` the id before all of the answer. What came `by_interaction` is answered by it; a `private`
    answer is seen by its asker alone.
    """

    channel: int
    parent: int | None
    question: int | None
    after: int
    by_interaction: bool
    private: bool

    @property
    def begins(self) -> bool:
        """Whether the question begins its thread, whose id it has: as its message, or as a forum's post."""
        return self.question == self.channel


def conversation(channel: int, parent: int | None = None) -> ThreadId:
    """The thread that is a channel: a DM, a forum post, or a thread under its `parent`."""
    return ThreadId(NAME, f"{channel}/^{parent}" if parent else str(channel))


def in_channel(channel: int, root: int) -> ThreadId:
    """The thread that begins with a message of an ordinary channel."""
    return ThreadId(NAME, f"{channel}/{root}")


def private(channel: int, person: int) -> ThreadId:
    """What one person is answered in a channel so that nobody else sees it."""
    return ThreadId(NAME, f"{channel}/~{person}")


def by_interaction(interaction: int) -> str:
    """The id of a message that came by an interaction."""
    return f"i{interaction}"


def channels_of(thread: ThreadId) -> tuple[int, int | None]:
    """The channel in which a thread stands, and the one under which that stands, if it does."""
    key = _KEY.fullmatch(thread.key)
    assert key, "threads are named here"
    return int(key[1]), int(key[3]) if key[2] == "^" else None


def place(message: Message) -> Place:
    """Where the answer to a message goes."""
    key, named = _KEY.fullmatch(message.thread.key), _ID.fullmatch(message.id)
    assert key, "threads are named here"
    assert named, "ids are made here"
    channel, parent = channels_of(message.thread)
    number = int(named[2])
    return Place(
        channel=channel,
        parent=parent,
        question=None if named[1] else number,
        after=number,
        by_interaction=bool(named[1] or named[3]),
        private=key[2] == "~",
    )


def seen_by(guild: int | None, channel: int | None, person: int, *, alone: bool) -> tuple[str, ...]:
    """As `Message.seen_by`, for an answer in a channel of a guild, or one that only this person sees."""
    here = (f"workspace:{NAME}:{guild}", f"channel:{NAME}:{channel}") if guild and channel else ()
    return (*here, f"person:{NAME}:{person}") if alone else here


def page_note(message: int) -> str:
    """The note that tells to which thread a page of ours belongs."""
    return f"{NAME}:page:{message}"


def token_note(message_id: str) -> str:
    """The note that holds the token of the interaction by which a message came."""
    return f"{NAME}:token:{message_id}"


def late_note(message_id: str) -> str:
    """The note that Discord did not take the acknowledgement of that interaction: it came too late."""
    return f"{NAME}:late:{message_id}"


def refused_note(message: int) -> str:
    """The note that a message was declined, so that nobody is told that twice."""
    return f"{NAME}:refused:{message}"


def waiting_note(message_id: str) -> str:
    """The note that names the message in which an asker reads their place."""
    return f"{NAME}:waiting:{message_id}"
