"""What people do with the bot on any platform beside asking in a message, and who may do what."""

import asyncio
import hashlib
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from bots.channels import Channels
from bots.kb_links import added
from core.audience import in_reach
from core.channels import ChannelSettings
from core.commands import ME, NOTHING_YET, Command, Conversation, Told, named
from core.curating import NOT_A_CURATOR, Curating
from core.errors import UserError
from core.intake import Intake
from core.ports import Feedbacks, History, Inbox, Notes, People, Shelf, Survey
from core.questions import Questions, again
from core.team import TeamDocuments
from core.types import Addition, Attachment, Feedback, Message, ThreadId, Turn

_LOOKS, _BETWEEN_LOOKS = 10, 0.1
"""How often a turn is looked for, and seconds between: whoever pressed something waits for three."""
_OFFERED = 86_400.0
"""Seconds for which it is known what was offered."""
_NOT_HERE = "I do not answer in this channel, or not you. Ask a moderator."
_NOT_KEPT = "That question is not kept any more. Ask it again."
_NOT_READ = "I cannot read the message that you asked about any more. Ask again, about another one."
_ASKED_AGAIN = "I was asked for that already: look for the newest answer below."
_NOT_YOURS = "Only whoever asked, or a moderator, can do this."
_NO_AUDIENCE = (
    "Documents for everybody cannot be added here: add it in a channel of your own workspace or server."
)
_NOT_ALONE = (
    "Others asked in this conversation too, so only a moderator can do this. You can delete what is kept of "
    "you alone, or begin another conversation."
)
EDITED = "You changed your question. Shall I answer it again?"
THANKS = "Thank you. This helps whoever looks after the answers here."


class Caller(Protocol):
    """Whoever typed, picked or pressed something, as their platform tells of them. Raises PlatformError."""

    @property
    def person(self) -> str:
        """As `Message.author`."""
        ...

    @property
    def message_id(self) -> str:
        """As `Message.id`, of the question that this asks, if it does."""
        ...

    @property
    def names(self) -> Collection[str]:
        """By what settings may mean this person: their own id, and what they are."""
        ...

    @property
    def channel(self) -> str:
        """Where they did it, with which the keys of its threads begin."""
        ...

    @property
    def places(self) -> tuple[str, ...]:
        """The same as `Channels.of` takes it."""
        ...

    @property
    def here(self) -> ThreadId | None:
        """The thread that this channel is; None where it holds many."""
        ...

    @property
    def alone(self) -> ThreadId:
        """Their own thread here, which nobody else sees."""
        ...

    def may_ask(self, settings: ChannelSettings) -> bool:
        """Whether they are answered in a channel with these settings."""
        ...

    async def moderates(self) -> bool:
        """Whether they may act for others by their rights on the platform."""
        ...

    async def name(self) -> str:
        """What others call them; nothing where nobody else asks."""
        ...

    async def seen_by(self, asked: Message) -> tuple[str, ...]:
        """As `Message.seen_by`, of the answer to a question that is asked here."""
        ...

    async def as_it_stands(self, thread: ThreadId, message_id: str) -> Message | None:
        """A question as its message asks it now; None where it stands in none, or that is gone."""
        ...

    async def quoted(self, about: str) -> str | None:
        """What a message says that somebody asks about, with its author's name; None where it is gone."""
        ...


@dataclass(frozen=True, slots=True)
class Desk:
    """The rules of one platform. Each verb raises UserError for what is not done, and StoreError."""

    platform: str
    inbox: Inbox
    history: History
    people: People
    feedbacks: Feedbacks
    notes: Notes
    channels: Channels
    moderators: Collection[str]
    curators: Collection[str]
    shelf: Shelf
    team: TeamDocuments
    survey: Survey
    models: Sequence[str] = ()

    @property
    def questions(self) -> Questions:
        """What is remembered of questions."""
        return Questions(self.platform, self.notes)

    @property
    def intake(self) -> Intake:
        """The same for a gateway."""
        return Intake(self.inbox, self.notes, self.channels.of)

    # --- Asking ---------------------------------------------------------------------------------

    async def ask(
        self,
        caller: Caller,
        message_id: str,
        thread: ThreadId,
        text: str,
        *,
        attachments: Sequence[Attachment] = (),
        quoted: str = "",
        about: str = "",
    ) -> Message | None:
        """Accept a question that stands in no message; None where it was accepted before.

        What it quotes is the message `about`.
        """
        settings = await self.must_answer(caller)
        asked = Message(
            message_id,
            thread,
            caller.person,
            text,
            time.time(),
            author_name=await caller.name(),
            attachments=tuple(attachments),
            quoted=quoted,
        )
        asked = await _placed(asked, caller, settings)
        return asked if await self._accepted(asked, about=about) else None

    async def ask_again(self, caller: Caller, thread: ThreadId, message_id: str) -> Message:
        """A question is asked once more, in its asker's name, as it stands now; then its turn goes.

        Whoever asks for the same answer again is told so: of several presses one counts.
        """
        settings = await self.must_answer(caller)
        await self._must_have_asked(caller, message_id)
        now = await caller.as_it_stands(thread, message_id)
        if now is None:
            now = await _placed(await self._as_it_was(caller, thread, message_id), caller, settings)
        asked = replace(now, id=again(message_id), thread=thread, at=time.time())
        if not await self._accepted(asked):  # nor does that cost anybody the answer that there is
            raise UserError(_ASKED_AGAIN)
        await self.inbox.delete(thread, message_id)
        return asked

    async def _as_it_was(self, caller: Caller, thread: ThreadId, message_id: str) -> Message:
        """A question that stands in no message. Raises UserError where it is not kept."""
        turn = await self.shown_turn(thread, message_id)
        if turn is None:
            raise UserError(_NOT_KEPT)
        about = await self.questions.about(message_id)
        quoted = await caller.quoted(about) if about else ""
        if quoted is None:
            raise UserError(_NOT_READ)
        return Message(
            message_id,
            thread,
            turn.author,
            turn.question,
            turn.at,
            author_name=turn.author_name,
            attachments=turn.attachments,
            quoted=quoted,
        )

    async def _accepted(self, message: Message, *, about: str = "") -> bool:
        receipt = await self.inbox.put(message)
        if receipt.accepted:
            await self.questions.remember(message, about=about)
        return receipt.accepted

    async def offered(self, asked: Message) -> Message | None:
        """The question under the id by which it is asked again, if another answer is to be offered.

        It is once for each change of its message.
        """
        *_, newest = await self.questions.asked(asked.id) or [asked.id]
        asked = replace(asked, id=newest)
        turn = await self.turn(asked.thread, newest)
        note = f"{self.platform}:offered:{newest}"
        text = hashlib.sha256(asked.text.encode()).hexdigest()
        is_same = turn is not None and turn.question == asked.text  # without a turn its answer is on its way
        if is_same or await self.notes.get(note) == text:
            return None
        await self.notes.put(note, text, seconds=_OFFERED)
        return asked

    async def add(
        self,
        caller: Caller,
        message_id: str,
        addition: Addition,
        text: str,
        attachments: Sequence[Attachment] = (),
        *,
        everywhere: bool = False,
    ) -> Message | None:
        """Accept what a curator adds to the knowledge base; None where it was accepted before.

        It is kept for whoever reads this channel, or `everywhere` for their whole workspace.
        """
        await self.must_curate(caller)
        files = tuple(attachments)
        given = Message(message_id, caller.alone, caller.person, text, time.time(), attachments=files)
        given = replace(given, seen_by=await caller.seen_by(given))
        reach = {each.kind: each for each in in_reach(given)}
        audience = reach.get("workspace") if everywhere else reach.get("channel") or reach.get("person")
        if audience is None:
            raise UserError(_NO_AUDIENCE)
        given = replace(given, addition=replace(addition, audience=str(audience)))
        return given if (await self.inbox.put(given)).accepted else None

    async def add_link(self, caller: Caller, link: str, *, everywhere: bool = False) -> Message | None:
        """As `add`, of the page that an address leads to: a worker fetches it."""
        await self.must_curate(caller)
        return await self.add(caller, caller.message_id, added(link), "", everywhere=everywhere)

    # --- Answers that there are -----------------------------------------------------------------

    async def stop(self, caller: Caller, thread: ThreadId, message_id: str) -> None:
        """Stop an answer."""
        await self._must_have_asked(caller, message_id)
        await self.inbox.stop(thread, message_id)

    async def judge(
        self, caller: Caller, thread: ThreadId, message_id: str, *, helped: bool, reason: str = ""
    ) -> None:
        """Keep what somebody thinks of an answer."""
        feedback = Feedback(message_id, caller.person, helped, time.time(), reason)
        await self.feedbacks.put(thread, feedback)

    async def turn(self, thread: ThreadId, message_id: str) -> Turn | None:
        """The turn of a message, while it is kept."""
        turns = await self.history.turns(thread)
        return next((turn for turn in turns if turn.message_id == message_id), None)

    async def shown_turn(self, thread: ThreadId, message_id: str) -> Turn | None:
        """As `turn`, of an answer whose end stands: it is kept a moment later."""
        for _ in range(_LOOKS):
            if turn := await self.turn(thread, message_id):
                return turn
            await asyncio.sleep(_BETWEEN_LOOKS)
        return None

    # --- Commands -------------------------------------------------------------------------------

    async def do(self, caller: Caller, name: str, argument: str = "", *, guide: str = "") -> Told:
        """Do what the table says with the conversation that is meant; `guide` is the platform's help.

        What touches a thread as a whole is for who is alone in it, and for moderators.
        """
        command = named(name)
        thread, message_id = await self._meant(caller, command, argument)
        if command.touches == "thread" and thread != caller.alone and not await self._owns(caller, thread):
            raise UserError(_NOT_ALONE)
        team = await self._curating(caller) if name == "kb" else None
        conversation = Conversation(
            thread,
            caller.person,
            self.history,
            self.people,
            self.inbox,
            message_id,
            guide,
            team,
            self.models,
        )
        return await command.run(conversation, argument)

    async def _curating(self, caller: Caller) -> Curating:
        """The team's documents for this person: what a command says is shown to them alone."""
        await self.must_answer(caller)
        asked = Message(caller.message_id, caller.alone, caller.person, "", time.time())
        seen = replace(asked, seen_by=await caller.seen_by(asked))
        return Curating(self.shelf, self.team, self.survey, in_reach(seen), self._curates(caller))

    async def _meant(self, caller: Caller, command: Command, argument: str) -> tuple[ThreadId, str | None]:
        """The thread in which a command is given, and the question: those of the channel, or one's own last.

        Nobody stops what others asked, but for moderators, who stop what is being answered.
        """
        if command.touches == "nothing" or argument == ME:
            return caller.alone, None
        if caller.here and (command.name != "stop" or await self._owns(caller, caller.here)):
            return caller.here, None
        return await self.last(caller)

    async def thread(self, caller: Caller) -> ThreadId:
        """The thread that a channel is, or this person's last one in it."""
        return caller.here or (await self.last(caller))[0]

    async def last(self, caller: Caller) -> tuple[ThreadId, str]:
        """This person's last thread in this channel, and their last question there."""
        last = await self.questions.last(caller.channel, caller.person)
        if last is None:
            raise UserError(NOTHING_YET)
        return last

    # --- Who may do what ------------------------------------------------------------------------

    async def must_answer(self, caller: Caller) -> ChannelSettings:
        """What counts in a channel. Raises UserError where this person is not answered there."""
        settings = await self.channels.of(*caller.places)
        if not caller.may_ask(settings):
            raise UserError(_NOT_HERE)
        return settings

    async def must_moderate(self, caller: Caller) -> None:
        """Raise UserError unless this person may act for others."""
        if not await self._moderates(caller):
            raise UserError(_NOT_YOURS)

    async def must_curate(self, caller: Caller) -> None:
        """Raise UserError unless this person is answered here and may change the knowledge base."""
        await self.must_answer(caller)
        if not self._curates(caller):
            raise UserError(NOT_A_CURATOR)

    def is_named(self, caller: Caller) -> bool:
        """Whether the team's settings name this person as a moderator."""
        return not set(self.moderators).isdisjoint(caller.names)

    def _curates(self, caller: Caller) -> bool:
        return not set(self.curators).isdisjoint(caller.names)

    async def _must_have_asked(self, caller: Caller, message_id: str) -> None:
        known = await self.questions.of(message_id)
        if known is None or known[1] != caller.person:
            await self.must_moderate(caller)

    async def _owns(self, caller: Caller, thread: ThreadId) -> bool:
        """Whether nobody else asked in a thread, also before a fresh start; a moderator owns them all."""
        return await self.history.askers(thread) <= {caller.person} or await self._moderates(caller)

    async def _moderates(self, caller: Caller) -> bool:
        return self.is_named(caller) or await caller.moderates()


async def _placed(asked: Message, caller: Caller, settings: ChannelSettings) -> Message:
    """A question as its channel wants it answered."""
    return replace(
        asked,
        persona=settings.persona or "",
        grounding=settings.grounding or "",
        model=settings.model or "",
        seen_by=await caller.seen_by(asked),
    )
