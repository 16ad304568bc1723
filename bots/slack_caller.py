"""Who types, picks and presses on Slack, and how they are told what became of it."""

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from adapters.slack import inbound, places
from adapters.slack.blocks import quotes, sentence
from adapters.slack.client import Slack
from adapters.slack.inbound import Said
from adapters.slack.people import People
from adapters.slack.reading import Reader
from core.channels import ChannelSettings
from core.commands import Told
from core.errors import PlatformError, StoreError, UserError, WriteFailed
from core.intake import UNREACHABLE
from core.types import Message, ThreadId

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SlackCaller:
    """As `Caller`; `trigger` opens a form, `respond` is where to reply, `root` the thread it was done in."""

    slack: Slack
    reader: Reader
    people: People
    person: str
    channel: str
    trigger: str = field(repr=False)
    respond: str = field(default="", repr=False)
    root: str = ""

    @classmethod
    def of(cls, slack: Slack, reader: Reader, people: People, body: Mapping[str, Any]) -> "SlackCaller":
        """Whoever sent this command, shortcut, press or form."""
        person = body.get("user_id") or body["user"]["id"]
        channel = body.get("channel_id") or (body.get("channel") or {}).get("id") or ""
        root = (body.get("container") or body.get("message") or {}).get("thread_ts") or ""
        respond = body.get("response_url") or ""
        trigger = body.get("trigger_id") or respond  # either names what was done, and is nobody else's
        done = (str(each) for each in (person, channel, trigger, respond, root))
        return cls(slack, reader, people, *done)

    @property
    def message_id(self) -> str:
        """As `Caller.message_id`."""
        return places.by_callback(self.trigger)

    @property
    def names(self) -> tuple[str, ...]:
        """As `Caller.names`."""
        return (self.person,)

    @property
    def places(self) -> tuple[str, ...]:
        """As `Caller.places`."""
        return (self.slack.us.team, self.channel)

    @property
    def here(self) -> ThreadId | None:
        """As `Caller.here`: no thread of Slack has commands."""
        return None

    @property
    def alone(self) -> ThreadId:
        """As `Caller.alone`."""
        return places.private(self.channel, self.person)

    def may_ask(self, settings: ChannelSettings) -> bool:
        """As `Caller.may_ask`."""
        return inbound.may_ask(settings, self.person)

    async def moderates(self) -> bool:
        """As `Caller.moderates`: admins and owners of the workspace do."""
        member = await self.people.person(self.person)
        if member is None:
            raise WriteFailed("Slack does not say who this is")
        return member.is_admin and member.team == self.slack.us.team

    async def name(self) -> str:
        """As `Caller.name`."""
        return (await self.people.names([self.person])).get(self.person, "")

    async def seen_by(self, asked: Message) -> tuple[str, ...]:
        """As `Caller.seen_by`."""
        return (await self.reader.audiences.seen_by(asked)).seen_by

    async def as_it_stands(self, thread: ThreadId, message_id: str) -> Message | None:
        """As `Caller.as_it_stands`."""
        return await self.reader.as_it_stands(thread, message_id)

    async def quoted(self, about: str) -> str | None:
        """As `Caller.quoted`; a message is named by its channel, thread and timestamp."""
        said = await self.reader.read(*about.split(" "))
        return None if said is None else await self.quote(said)

    async def quote(self, said: Said) -> str:
        """What a message says, with its author's name."""
        name, text = await self.reads(said)
        return f"{name}: {text}" if text else ""

    async def reads(self, said: Said) -> tuple[str, str]:
        """The name of a message's author, and what it says."""
        names = await self.people.names(said.people)
        text = inbound.words(said.text, self.slack.us.user, names)
        return said.name or names.get(said.author) or said.author, text


def shown(told: Told) -> str:
    """What a command says, in Slack's own form."""
    lines = (sentence(line).text for line in told.lines)
    return "\n".join(filter(None, (told.text, quotes(told.citations), *lines)))


async def told(work: Awaitable[str]) -> str:
    """What a person is told of what they did; one sentence where it was not done."""
    try:
        return await work
    except UserError as error:
        return error.sentence
    except StoreError as error:
        log.error("slack.not_accepted", error=str(error))  # noqa: TRY400 - where it arose says no more
        return UNREACHABLE
    except PlatformError as error:
        log.warning("slack.not_done", error=type(error).__name__, detail=str(error))
        return "Slack did not let me do that. Please try again in a moment."
