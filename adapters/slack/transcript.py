"""An earlier thread of Slack as a text file, for "Summarize this thread"."""

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlencode, urlsplit

from adapters.slack.client import Slack
from adapters.slack.errors import Unreachable
from adapters.slack.inbound import Said, by_anybody, words
from adapters.slack.people import People
from core.errors import FileRefused
from core.types import Attachment

THREAD = "chasqui:thread"
_MOST_MESSAGES = 2000
_AT_ONCE = 200


def of_thread(channel: str, root: str) -> Attachment:
    """All that was said in a thread, as a text."""
    return Attachment("this thread", f"{THREAD}?{urlencode({'channel': channel, 'root': root})}")


async def text_of(slack: Slack, people: People, file: Attachment) -> str:
    """One paragraph for each message, oldest first: who said it, when, and what.

    Raises FileRefused, and PlatformError where it may be read later.
    """
    asked = parse_qs(urlsplit(file.url).query)
    channel, root = asked["channel"][0], asked["root"][0]
    found: dict[str, Said] = {}  # by timestamp: each page of the list begins with the first message
    try:
        async for message in slack.each(
            "conversations.replies", "messages", channel=channel, ts=root, limit=_AT_ONCE
        ):
            if (each := by_anybody(message, channel)) and each.text:
                found[each.ts] = each
            if len(found) == _MOST_MESSAGES:
                break
    except Unreachable as error:
        raise FileRefused(f"I could not read this thread. {error.sentence}") from error
    if not found:
        raise FileRefused("There is nothing to read in this thread.")
    names = await people.names(person for each in found.values() for person in each.people)
    return "\n\n".join(_line(each, slack.us.user, names) for each in found.values())


def _line(said: Said, us: str, names: dict[str, str]) -> str:
    who = said.name or names.get(said.author) or said.author
    when = datetime.fromtimestamp(float(said.ts), UTC)
    return f"{who} ({when:%Y-%m-%d %H:%M}): {words(said.text, us, names)}"
