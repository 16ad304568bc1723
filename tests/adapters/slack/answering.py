"""Answers as the tests of the Slack adapter play them, and what people see of them."""

from adapters.slack import places
from core.ports import END, FILE
from core.types import Message, Outcome
from tests.adapters.platform_parts import Step
from tests.emulators.slack import faults
from tests.emulators.slack.seen import SeenMessage
from tests.emulators.slack.server import SlackServer

START, APPEND, STOP = "POST chat.startStream", "POST chat.appendStream", "POST chat.stopStream"
POST, UPDATE = "POST chat.postMessage", "POST chat.update"
ANSWERED = Outcome("answered", "An answer", left_out=("Read all of it.",))
LONG_END = Outcome("answered", "An answer", left_out=("Read all of it, " * 19,))

PLAIN: list[Step] = [
    (0, lambda reply: reply.write(0, "It is", final=False)),
    (0, lambda reply: reply.write(0, "It is very", final=False)),
    (0, lambda reply: reply.write(0, "It is very far.", final=True)),
    (1, lambda reply: reply.write(1, "Take a llama.", final=True)),
    (FILE, lambda reply: reply.attach("answer.md", "It is very far.")),
    (END, lambda reply: reply.finish(ANSWERED)),
]
SILENT: list[Step] = [(END, lambda reply: reply.finish(Outcome("failed", why="The model is away.")))]
SHORT: list[Step] = [
    (0, lambda reply: reply.write(0, "It is far.", final=True)),
    (END, lambda reply: reply.finish(ANSWERED)),
]
SCRIPTS = {"pages and a file": PLAIN, "no page": SILENT, "one page": SHORT}
SAID = "It is very far."
UNDER = "Read all of it."


async def answers(slack: SlackServer, message: Message) -> list[SeenMessage]:
    """What the bot says to a message, as people see it."""
    place = places.place(message)
    return await slack.control.answers(place.channel, place.root)


def shown(answer: SeenMessage) -> tuple[str, str, tuple[str, ...]]:
    """What people read of a message, its text where that is ours to choose, and what can be pressed."""
    return answer.shown, "" if answer.stream else answer.text, tuple(answer.actions)


def page(answer: SeenMessage) -> str:
    """The page of an answer, without what stands under it."""
    [block] = [each for each in answer.now.blocks if each["type"] == "markdown"]
    return str(block["text"])


async def without_streams(slack: SlackServer) -> None:
    """Let Slack have none."""
    await slack.control.fault(faults.denied("POST chat.startStream", "unknown_method", times=None))
