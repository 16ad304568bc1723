"""An earlier thread of Slack as a text file, for "Summarize this thread"."""

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlencode, urlsplit

from adapters.slack import threads
from adapters.slack.client import Slack
from adapters.slack.errors import Unreachable
from adapters.slack.inbound import Said, by_anybody, words
from adapters.slack.people import People
from core.errors import FileRefused
from core.types import Attachment

THREAD = "chasqui:thread"
_MOST_MESSAGES = 2000


def of_thread(channel: str, root: str) -> Attachment:
    """All that was said in a thread, as a text."""
    return Attachment("this thread", f"{THREAD}?{urlencode({'channel': channel, 'root': root})}")


async def text_of(slack: Slack, people: People, file: Attachment) -> str:
    """One paragraph for each message, oldest first: who said it, when, and what.

    Raises FileRefused, and PlatformError where it may be read later.
    """
    asked = parse_qs(urlsplit(file.url).query)
    channel, root = asked["channel"][0], asked["root"][0]
    try:
        thread = await threads.read(slack, channel, root, most=_MOST_MESSAGES)
    except Unreachable as error:
        raise FileRefused(f"I could not read this thread. {error.sentence}") from error
    found = [said for each in thread.messages if (said := by_anybody(each, channel)) and said.text]
    if not found:
        raise FileRefused("There is nothing to read in this thread.")
    names = await people.names(person for each in found for person in each.people)
    lines = [_line(each, slack.us.user, names) for each in found]
    if thread.left_out:
        lines.insert(1, f"[{thread.left_out} messages of this thread are left out here.]")
    return "\n\n".join(lines)


def _line(said: Said, us: str, names: dict[str, str]) -> str:
    who = said.name or names.get(said.author) or said.author
    when = datetime.fromtimestamp(float(said.ts), UTC)
    return f"{who} ({when:%Y-%m-%d %H:%M}): {words(said.text, us, names)}"
