"""Where a message stands on Discord: threads, messages and interactions, and the ids that name them.

A thread is a channel that holds one conversation (a DM, a thread, a forum post), a question of an ordinary
channel with what follows it, or one person's private answers in a channel. A message is a message of
Discord, or an interaction, whose id has an ``i`` before it.
"""

import re
from dataclasses import dataclass

from core.types import Message, ThreadId

NAME = "discord"

_KEY = re.compile(r"(\d+)(?:/(~?)(\d+))?", re.ASCII)
_ID = re.compile(r"(i?)(\d+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an answer goes: a channel, the question's message or interaction, and who alone may see it."""

    channel: int
    question: int | None
    interaction: int | None
    private: bool


def conversation(channel: int) -> ThreadId:
    """The thread that is a channel: a DM, a thread, a forum post."""
    return ThreadId(NAME, str(channel))


def in_channel(channel: int, root: int) -> ThreadId:
    """The thread that begins with a message of an ordinary channel."""
    return ThreadId(NAME, f"{channel}/{root}")


def private(channel: int, person: int) -> ThreadId:
    """What one person is answered in a channel so that nobody else sees it."""
    return ThreadId(NAME, f"{channel}/~{person}")


def by_interaction(interaction: int) -> str:
    """The id of a message that came by an interaction."""
    return f"i{interaction}"


def place(message: Message) -> Place:
    """Where the answer to a message goes."""
    key, named = _KEY.fullmatch(message.thread.key), _ID.fullmatch(message.id)
    assert key, "threads are named here"
    assert named, "ids are made here"
    by_interaction, number = bool(named[1]), int(named[2])
    return Place(
        channel=int(key[1]),
        question=None if by_interaction else number,
        interaction=number if by_interaction else None,
        private=bool(key[2]),
    )


def page_note(message: int) -> str:
    """The note that tells to which thread a page of ours belongs."""
    return f"{NAME}:page:{message}"


def token_note(interaction: int) -> str:
    """The note that holds the token of an interaction."""
    return f"{NAME}:token:{interaction}"


def waiting_note(message_id: str) -> str:
    """The note that names the message in which an asker reads their place."""
    return f"{NAME}:waiting:{message_id}"


def opens_note(thread: int) -> str:
    """The note that names the channel of a question for which a thread is to be opened."""
    return f"{NAME}:opens:{thread}"
