"""Where a message stands on Slack: threads, messages and callbacks, and the ids that name them.

A thread is a thread of Slack, named by its channel and the timestamp of its first message; a conversation
of direct messages without threads; or one person's private answers in a channel. A message is a message of
Slack, ``CHANNEL:TS``, or what came by a callback (a slash command, a shortcut, a modal), with a ``c:``
before it. A question that is asked again has a ``+1`` (``+2``, ...) behind it.
"""

import hashlib
import re
from dataclasses import dataclass

from core.types import Message, ThreadId

NAME = "slack"
RESPOND_SECONDS = 1740.0
"""How long a response URL is kept: Slack takes it for half an hour."""
TOLD_AGAIN = 600.0
"""Seconds in which Slack tells again what was not acknowledged, and some more."""
MAY_WAIT = 86_400.0
"""Seconds for which what a reply needs is noted: as long as a message may wait."""

_KEY = re.compile(r"(\w+)(?:/(?:~(\w+)|(\d+\.\d+)))?", re.ASCII)
_ID = re.compile(r"(?:c:\w+|(\w+):(\d+\.\d+))(?:\+(\d+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an answer goes.

    `root` is the timestamp of the thread in which it stands, if in one; `question` that of the message
    that asks, if it stands on Slack; `person` who alone may see the answer.
    """

    channel: str
    root: str | None
    question: str | None
    person: str | None

    @property
    def is_direct(self) -> bool:
        """Whether these are direct messages, where the agent's pane is."""
        return self.channel.startswith("D")


def in_thread(channel: str, root: str) -> ThreadId:
    """The thread that begins with this message, in a channel or in the agent's pane."""
    return ThreadId(NAME, f"{channel}/{root}")


def conversation(channel: str) -> ThreadId:
    """The thread that is a whole conversation: direct messages where nothing is threaded."""
    return ThreadId(NAME, channel)


def private(channel: str, person: str) -> ThreadId:
    """What one person is answered in a channel so that nobody else sees it."""
    return ThreadId(NAME, f"{channel}/~{person}")


def by_message(channel: str, ts: str) -> str:
    """The id of a message of Slack, the same for all events that tell of it."""
    return f"{channel}:{ts}"


def by_callback(trigger: str) -> str:
    """The id of a message that came by a callback; its trigger is a secret for some seconds."""
    return f"c:{hashlib.blake2b(trigger.encode(), digest_size=12).hexdigest()}"


def place(message: Message) -> Place:
    """Where the answer to a message goes."""
    return place_of(message.thread, message.id)


def place_of(thread: ThreadId, message_id: str) -> Place:
    """Where the answer to the message of this id goes."""
    key, named = _KEY.fullmatch(thread.key), _ID.fullmatch(message_id)
    assert key, "threads are named here"
    assert named, "ids are made here"
    return Place(channel=key[1], root=key[3], question=named[2], person=key[2])


def respond_note(message_id: str) -> str:
    """The note that holds the response URL of a callback."""
    return f"{NAME}:respond:{message_id}"


def gone_note(message_id: str) -> str:
    """The note that a message was deleted: whoever is just about to take it finds it."""
    return f"{NAME}:gone:{message_id}"


def edited_note(message_id: str) -> str:
    """The note of when a message was edited last: whoever read it before reads it again."""
    return f"{NAME}:edited:{message_id}"


def waiting_note(message_id: str) -> str:
    """The note that names the message in which an asker reads their place."""
    return f"{NAME}:waiting:{message_id}"


def stream_note(thread: ThreadId) -> str:
    """The note of what grows in a thread: the timestamp of the last stream of an answer, and its question."""
    return f"{NAME}:stream:{thread.key}"


def file_note(message_id: str) -> str:
    """The note that names the file in which an answer stands whole."""
    return f"{NAME}:file:{message_id}"


def team_note(person: str) -> str:
    """The note that names the workspace of a person who is of another one than we are."""
    return f"{NAME}:team:{person}"


def whose_note(channel: str) -> str:
    """The note that says whether a channel is ours alone, or shared with another workspace."""
    return f"{NAME}:whose:{channel}"


def lacking_note(team: str, ability: str) -> str:
    """The note that says that a workspace does not offer something."""
    return f"{NAME}:lacking:{team}:{ability}"
