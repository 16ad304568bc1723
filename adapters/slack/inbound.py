"""What people write on Slack as messages of ours."""

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.slack import places
from adapters.slack.files import of_message
from adapters.slack.written import of_blocks
from core.channels import ChannelSettings
from core.types import Attachment, Message, ThreadId

_MARKUP = re.compile(r"<([^<>\s][^<>]*)>")
_PERSON = re.compile(r"<@(\w+)(?:\|[^<>]*)?>", re.ASCII)
_PEOPLES = frozenset({None, "file_share", "me_message", "thread_broadcast"})
_READ = _PEOPLES | {"bot_message"}
_QUOTED = 12_000
"""Characters of an earlier conversation that go with a question, and below, files of it."""
_FILES = 10
NOTHING_ASKED = "What would you like to know? Write it here, or attach a file to ask about."


@dataclass(frozen=True, slots=True)
class Said:
    """A message of Slack; `text` is in Slack's own form, `thread` the timestamp of the thread it is in.

    `author` is a person or a bot, which says its `name` itself.
    """

    channel: str
    ts: str
    author: str
    text: str
    thread: str | None = None
    name: str = ""
    attachments: tuple[Attachment, ...] = ()
    forwarded: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Its id as a message of ours."""
        return places.by_message(self.channel, self.ts)

    @property
    def root(self) -> str:
        """The first message of the thread that it is in, or begins."""
        return self.thread or self.ts

    @property
    def direct(self) -> bool:
        """Whether it is said to the bot alone."""
        return self.channel.startswith("D")

    @property
    def people(self) -> set[str]:
        """The people whose names are needed to read it."""
        return {person for person in (self.author, *_PERSON.findall(self.text)) if person[:1] in "UW"}


def by_person(message: Mapping[str, Any], channel: str) -> Said | None:
    """What a person says; None for what bots and Slack itself say."""
    if message.get("bot_id") or message.get("subtype") not in _PEOPLES:
        return None
    return by_anybody(message, channel)


def by_anybody(message: Mapping[str, Any], channel: str) -> Said | None:
    """What a person or a bot says; None for what Slack itself says."""
    author = message.get("user") or message.get("bot_id")
    if not author or author == "USLACKBOT" or message.get("subtype") not in _READ:
        return None
    shared = [each for each in message.get("attachments") or () if isinstance(each, Mapping)]
    return Said(
        channel,
        str(message["ts"]),
        str(author),
        str(message.get("text") or "") or of_blocks(message.get("blocks")) or _of_attachments(shared),
        message.get("thread_ts"),
        str(message.get("username") or (message.get("bot_profile") or {}).get("name") or ""),
        (*of_message(message), *(file for each in shared for file in of_message(each))),
        tuple(
            f"{each.get('author_name') or 'forwarded'}: {each['text']}"
            for each in shared
            if (each.get("is_share") or each.get("is_msg_unfurl")) and each.get("text")
        ),
    )


def _of_attachments(attachments: Iterable[Mapping[str, Any]]) -> str:
    """What bots say that write no text of their own, such as alerts."""
    found = (
        each.get("text") or of_blocks(each.get("blocks")) or each.get("fallback")
        for each in attachments
        if not each.get("is_share")
    )
    return "\n".join(str(text) for text in found if text)


def mentions(said: Said, person: str) -> bool:
    """Whether a message names this person."""
    return person in _PERSON.findall(said.text)


def names_others(said: Said) -> bool:
    """Whether a message is addressed to somebody."""
    return _PERSON.match(said.text.strip()) is not None


def may_ask(settings: ChannelSettings, person: str) -> bool:
    """Whether the bot answers this person in a channel with these settings."""
    return settings.allowed is not False and (not settings.roles or person in settings.roles)


def thread_of(said: Said, *, pane: bool) -> ThreadId:
    """The thread that a message begins or goes on with.

    With an agent's `pane` each direct message begins a thread, without it they are one conversation.
    """
    if said.direct and not said.thread and not pane:
        return places.conversation(said.channel)
    return places.in_thread(said.channel, said.root)


def question(
    said: Said,
    thread: ThreadId,
    us: str,
    settings: ChannelSettings,
    names: Mapping[str, str],
    earlier: Sequence[Said] = (),
) -> Message:
    """The question that a message asks, with what stands before it in its thread.

    One without words asks what it forwards, or what was said last before it.
    """
    text, attachments = words(said.text, us, names), said.attachments
    quoted = [*(_line(each, us, names) for each in earlier if each.text), *map(_plain, said.forwarded)]
    if not text and not attachments and quoted:
        _, _, text = quoted.pop().partition(": ")
    files = [file for each in earlier for file in each.attachments][-_FILES:]
    return Message(
        said.id,
        thread,
        said.author,
        text,
        float(said.ts),
        author_name="" if said.direct else names.get(said.author, ""),
        attachments=(*files, *attachments),
        quoted=_bounded(quoted),
        persona=settings.persona or "",
        grounding=settings.grounding or "",
        model=settings.model or "",
    )


def words(text: str, us: str, names: Mapping[str, str]) -> str:
    """A text of Slack for a model: without the bot's own name, people by their names, links as Markdown.

    https://docs.slack.dev/messaging/formatting-message-text#retrieving-messages
    """

    def plain(markup: re.Match[str]) -> str:
        target, _, label = markup[1].partition("|")
        kind, named = target[0], target[1:]
        if kind == "@":
            return "" if named == us else f"@{names.get(named) or label or named}"
        if kind == "#":
            return f"#{label or named}"
        if kind == "!":
            return label or f"@{named.partition('^')[0]}"
        address = target.removeprefix("mailto:")
        return address if label in ("", target, address) else f"[{label}]({address})"

    return html.unescape(_MARKUP.sub(plain, text)).strip()


def address(text: str) -> str:
    """The address that is typed alone: Slack may write it as a link, with what is shown of it behind."""
    whole = _MARKUP.fullmatch(text.strip())
    return html.unescape(whole[1].partition("|")[0] if whole else text).strip()


def _line(said: Said, us: str, names: Mapping[str, str]) -> str:
    return f"{said.name or names.get(said.author) or said.author}: {words(said.text, us, names)}"


def _plain(text: str) -> str:
    return words(text, "", {})


def _bounded(lines: Sequence[str]) -> str:
    """The first of these lines, which says what all is about, and the last ones, as many as go in."""
    kept: list[str] = []
    room = _QUOTED - len(lines[0][:_QUOTED]) if lines else 0
    for line in reversed(lines[1:]):
        room -= len(line) + 1
        if room < 0:
            break
        kept.insert(0, line)
    return "\n".join([*(line[:_QUOTED] for line in lines[:1]), *kept])
