"""What commands, shortcuts, buttons and forms on Slack have in common: asking, and who may do what."""

import time
from collections.abc import Awaitable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import structlog

from adapters.slack import inbound, places
from adapters.slack.audiences import Audiences
from adapters.slack.client import Slack
from adapters.slack.people import People as Members
from bots.channels import Channels
from core.channels import ChannelSettings
from core.commands import Conversation
from core.errors import PlatformError, StoreError, UserError, WriteFailed
from core.intake import UNREACHABLE
from core.ports import Feedbacks, History, Inbox, Notes, People
from core.questions import Questions, again
from core.types import Attachment, Message, ThreadId, Turn

log = structlog.get_logger()

NOTHING_YET = "You have asked nothing here yet, or it is not kept any more."
_NOT_HERE = "I do not answer in this channel, or not you. Ask a moderator of this workspace."
_NOT_YOURS = "Only whoever asked, or a moderator, can do this."
_NOT_KEPT = "That question is not kept any more. Ask it again."


@dataclass(frozen=True, slots=True)
class Caller:
    """Who typed, picked or pressed something; `trigger` opens a form, and `respond` is where to reply."""

    person: str
    channel: str
    trigger: str = field(repr=False)
    respond: str = field(default="", repr=False)
    root: str = ""
    """The thread in which it was done, if in one."""

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Self:
        """Whoever sent this command, shortcut, press or form."""
        person = body.get("user_id") or body["user"]["id"]
        channel = body.get("channel_id") or (body.get("channel") or {}).get("id") or ""
        root = (body.get("container") or body.get("message") or {}).get("thread_ts") or ""
        return cls(
            str(person), str(channel), str(body["trigger_id"]), str(body.get("response_url") or ""), str(root)
        )


@dataclass(frozen=True, slots=True)
class Desk:
    """Where what people do is turned into what chasqui can do."""

    inbox: Inbox
    history: History
    people: People
    feedbacks: Feedbacks
    notes: Notes
    channels: Channels
    moderators: Collection[str]
    slack: Slack
    members: Members
    audiences: Audiences

    @property
    def questions(self) -> Questions:
        """What is remembered of questions."""
        return Questions(places.NAME, self.notes)

    async def ask(
        self,
        caller: Caller,
        message_id: str,
        thread: ThreadId,
        text: str,
        *,
        attachments: Sequence[Attachment] = (),
        quoted: str = "",
    ) -> Message:
        """Accept a question. Raises UserError where it is not accepted, and StoreError."""
        settings, names = await self.must_answer(caller), await self.members.names([caller.person])
        message = Message(
            message_id,
            thread,
            caller.person,
            text,
            time.time(),
            author_name=names.get(caller.person, ""),
            attachments=tuple(attachments),
            quoted=quoted,
            persona=settings.persona or "",
            grounding=settings.grounding or "",
        )
        await self.accept(message)
        return message

    async def ask_again(self, caller: Caller, thread: ThreadId, message_id: str, now: Message | None) -> None:
        """The turn of a question goes, and it is asked as it is `now`, or was. Raises as `ask`."""
        await self.must_answer(caller)
        turn = await self.turn(thread, message_id)
        *_, last = await self.questions.asked(message_id) or [message_id]
        if now is None:
            if turn is None:
                raise UserError(_NOT_KEPT)
            now = Message(last, thread, turn.author, turn.question, turn.at, author_name=turn.author_name)
        asked = replace(now, id=again(last), thread=thread, at=time.time())
        if places.place(asked).person:
            await self.may_respond(caller, asked.id)
        await self.accept(asked)  # what is not accepted costs nobody the answer that there is
        await self.inbox.delete(thread, last)

    async def accept(self, message: Message) -> None:
        """Put a question into the inbox, and remember whose it is."""
        await self.inbox.put(await self.audiences.seen_by(message))
        await self.questions.remember(message)

    async def may_respond(self, caller: Caller, message_id: str) -> None:
        """Note where the private answer to a message goes."""
        await self.notes.put(places.respond_note(message_id), caller.respond, seconds=places.RESPOND_SECONDS)

    async def turn(self, thread: ThreadId, message_id: str) -> Turn | None:
        """The turn of a question, however often it was asked, while it is kept."""
        asked, _, _ = message_id.partition("+")
        turns = [each for each in await self.history.turns(thread) if each.message_id.split("+")[0] == asked]
        return turns[-1] if turns else None

    async def last(self, caller: Caller) -> tuple[ThreadId, str]:
        """This person's last thread in this channel, and their last message there. Raises UserError."""
        last = await self.questions.last(caller.channel, caller.person)
        if last is None:
            raise UserError(NOTHING_YET)
        return last

    def conversation(self, caller: Caller, thread: ThreadId) -> Conversation:
        """A thread as commands take it."""
        return Conversation(thread, caller.person, self.history, self.people, self.inbox)

    async def must_answer(self, caller: Caller) -> ChannelSettings:
        """What counts in a channel. Raises UserError where this person is not answered there."""
        settings = await self.channels.of(self.slack.us.team, caller.channel)
        if not inbound.may_ask(settings, caller.person):
            raise UserError(_NOT_HERE)
        return settings

    async def must_own(self, caller: Caller, thread: ThreadId) -> None:
        """Raise UserError unless this person may change a thread: who began it, or a moderator."""
        if await self.questions.began(thread) != caller.person:
            await self.must_moderate(caller)

    async def must_have_asked(self, caller: Caller, message_id: str) -> None:
        """Raise UserError unless this person asked that message, or may act for whoever did."""
        known = await self.questions.of(message_id)
        if known is None or known[1] != caller.person:
            await self.must_moderate(caller)

    async def must_moderate(self, caller: Caller) -> None:
        """Raise UserError unless this person may act for others, by the settings or as an admin."""
        if caller.person in self.moderators:
            return
        member = await self.members.person(caller.person)
        if member is None:
            raise WriteFailed("Slack does not say who this is")
        if not member.is_admin or member.team != self.slack.us.team:
            raise UserError(_NOT_YOURS)


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
