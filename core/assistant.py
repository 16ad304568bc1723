"""The one use case: answer a message.

Read what came with it, find the passages that hold the answer, ask the model, deliver what it says
with its true source, or say that it does not know. The same way serves every platform.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import structlog

from core import conclusion, resuming, trace
from core.citations import citation
from core.conclusion import Progress
from core.delivery import Delivery
from core.draft import Draft
from core.errors import BackendError, FileRefused, PromptTooLong, UserError
from core.grounding import Ground, Question, choose
from core.library import Library
from core.pace import Paces
from core.policy import Policy
from core.ports import END, Backend, History, Lease, Platform, Recent
from core.prompt import clean, neutralise
from core.questions import first_id
from core.retrying import RetryingReply
from core.speech import Model, Speech, drafted
from core.story import story, telling, waited
from core.types import Checkpoint, Citation, Grounding, Message, Outcome, Passage, Turn
from core.whole import Whole
from core.window import QUESTION_SHARE, Asking, Fitted, Room, fit, middle_cut
from core.wishes import Wish

log = structlog.get_logger()

_LONGEST_TOKEN = 32
"""Bytes; so much text never needs fewer tokens than one for each of these (LLaMA's longest has 16)."""

_LOOKS = 3
"""How often an answer is looked for while what it was to stand on leaves the team's documents."""
_CHANGING = "The team's documents are being changed just now. Please ask again in a minute."

SUMMARISE = "Summarise this file."
"""What a message asks that is only a file."""


class _PassagesGone(Exception):
    """What an answer was about to be made of is not among the team's documents any more."""


@dataclass(frozen=True, slots=True)
class OtherModel:
    """A model beside the first one: who serves it, and how its answers are to be."""

    backend: Backend
    policy: Policy


class Assistant:
    """Answers messages, each by itself; what must be known later is in the history and the library.

    `others` are models that threads and channels choose by these names; who chose none, or one that is no
    longer there, is answered by `backend`.
    """

    def __init__(
        self,
        backend: Backend,
        history: History,
        library: Library,
        policy: Policy,
        others: Mapping[str, OtherModel] | None = None,
    ) -> None:
        self.backend = backend
        self.others = others or {}
        self.history = history
        self.library = library
        self.policy = policy
        self.paces = Paces()

    async def answer(self, lease: Lease, platform: Platform) -> Outcome:
        """Answer `lease.message` on its platform and end the lease, from where another worker left it.

        Errors of people and of the model become outcomes that people see; LeaseLost, StoreError and
        PlatformError are raised, and leave the message in the inbox, as does a cancellation.
        """
        message = lease.message
        with telling(message):
            waited_ms = waited(message)
            answering = _Answering(self, lease, platform)
            try:
                outcome = await answering.outcome()
                await lease.ledger.intend(END, Checkpoint(outcome=outcome, question=answering.asked))
                await answering.reply.finish(outcome)
            finally:
                answering.reply.drop_status()
            tokens = outcome.usage.prompt_tokens + outcome.usage.completion_tokens
            await lease.finish(_turn(message, answering.asked, outcome), tokens)
            told = story(message, lease.attempts, outcome, answering.reply.sent)
            log.info("assistant.answered", waited_ms=waited_ms, **told)
            trace.note(waited_ms=waited_ms, **told)
        return outcome

    def chosen(self, model: str) -> tuple[Backend, Policy]:
        """Who answers where this model was chosen, and how."""
        other = self.others.get(model)
        return (other.backend, other.policy) if other else (self.backend, self.policy)


class _Answering:
    """One answer in the making."""

    def __init__(self, assistant: Assistant, lease: Lease, platform: Platform) -> None:
        self.reply = RetryingReply(platform.reply(lease.message, lease.ledger), lease.ledger)
        self.asked = _words(lease.message)  # as history keeps it
        self._assistant = assistant
        self._lease = lease
        self._message = lease.message
        self._platform = platform
        self._progress = Progress()
        self._backend, self._policy = assistant.chosen(lease.model)
        self._speech = Speech(self._backend, lease, self.reply, assistant.paces, self._progress)
        self._recent = Recent()

    async def outcome(self) -> Outcome:
        """How the answer ends: as it ended before, if people may have seen that."""
        left = (await self._lease.ledger.standing()).checkpoint
        if left and left.outcome:
            self.asked = left.question
            return left.outcome
        if left:
            log.info("assistant.goes_on", attempts=self._lease.attempts, shown=len(left.shown))
            self._speech.left, self._progress.shown = left, left.shown
        outcome = await self._until_stopped()
        if left and not self._speech.delivering:  # what stands cannot be gone on with, and ends
            if outcome.kind != "partial":
                outcome = conclusion.interrupted(self._progress)
            async with self._speech.deliver(lambda: replace(left, ended=self._progress.ended)):
                pass
        return outcome

    async def _until_stopped(self) -> Outcome:
        """How the answer ends, also when somebody stops it half-way."""
        work = asyncio.create_task(self._respond())
        stop = asyncio.create_task(self._lease.stopped())
        try:
            await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                stop.result()  # raises LeaseLost
                self._speech.stopping = True
                work.cancel()
                await asyncio.wait({work})
            if work.cancelled():
                said = self._progress.shown.strip()
                return self._progress.outcome("partial", "Stopped." if said else "Stopped before an answer.")
            return work.result()
        except UserError as error:
            return self._progress.outcome("failed", error.sentence)
        except BackendError as error:
            log.warning("assistant.backend_failed", error=type(error).__name__, detail=error.detail)
            trace.note(error=type(error).__name__)
            self._progress.replica = error.replica
            return self._progress.outcome("failed", error.sentence)
        finally:
            work.cancel()
            stop.cancel()
            await asyncio.gather(work, stop, return_exceptions=True)

    async def _respond(self) -> Outcome:
        limits = await self._backend.limits()
        policy, progress = self._policy.of(self._message), self._progress
        profile = policy.profile_of(limits)
        model = Model(limits, profile, Room.of(limits, profile, policy.max_new_tokens))
        question = await self._read(model)
        progress.question = question.text
        for _ in range(_LOOKS):
            try:
                return await self._from(question, model, policy.grounding)
            except _PassagesGone:
                log.info("assistant.passages_gone")
                team = await self._assistant.library.of_team(self._message, self._speech.status)
                question = replace(question, team=team)
        raise UserError(_CHANGING)

    async def _from(self, question: Question, model: Model, grounding: Grounding) -> Outcome:
        """Answer from what is there now. Raises _PassagesGone where it left before a word was shown."""
        progress = self._progress
        progress.read = ""
        ground = await choose(question, self._assistant.library, grounding, model.profile.evidence)
        if ground.refusal:
            progress.sent = tuple(ground.hits[:3])
            await self._must_stand(question)
            return progress.outcome("refused", ground.refusal)
        answer = self._of_whole if ground.wish.whole else self._of_best
        try:
            return await answer(question, ground, model)
        except PromptTooLong:
            if not progress.prompt_tokens:
                raise
            # The engine counts otherwise than we do, or allows less than it says: once more with less.
            log.warning("assistant.prompt_too_long", prompt_tokens=progress.prompt_tokens)
            room = replace(model.room, prompt=max(1, progress.prompt_tokens * 3 // 4))
            return await answer(question, ground, replace(model, room=room))

    async def _of_best(self, question: Question, ground: Ground, model: Model) -> Outcome:
        """Answer from the best passages, or where there are none from what the model knows."""
        fitted = await self._fit(question, ground, model, self._recent.turns)
        if fitted.passages:
            self._progress.read = conclusion.best_of(fitted.read, question.in_reach)
        return await self._ask(question, ground, model, fitted)

    async def _of_whole(self, question: Question, ground: Ground, model: Model) -> Outcome:
        """Do what is wanted of whole documents: at once where they fit into the window, else part by part."""
        read = {hit.passage.document for hit in ground.hits}
        documents = [document for document in question.documents if document.id in read]
        whole = Whole(self._speech, model, question.text, ground.wish, ground.hits, documents)
        if model.profile.literal or (model.profile.checked and ground.wish is Wish.TRANSLATION):
            return await whole.quoted()
        parts = await whole.parts()
        for turns in (self._recent.turns, ()) if len(parts) == 1 else ():
            fitted = await self._fit(question, ground, model, turns)
            if len(fitted.passages) == len(ground.hits):
                self._progress.read = conclusion.extent(fitted.passages, documents)
                return await self._ask(question, ground, model, fitted)
        if ground.wish is not Wish.GIST:
            return await whole.joined(parts)
        if (noted := await whole.noted(parts)) is None:
            return conclusion.alone(self._progress)
        return await self._ask(question, ground, *noted)

    async def _read(self, model: Model) -> Question:
        """The question with its documents: files, and a text too long to be asked as it is."""
        message, library = self._message, self._assistant.library
        if not self.asked and not message.attachments:
            raise UserError("There is no question in this message. Ask something, or attach a file.")
        reading = await library.read(message, self._platform, self._speech.status)
        if reading.refused and not reading.documents:
            raise FileRefused(" ".join(reading.refused))
        attached = list(reading.documents)
        self._progress.left_out += reading.refused
        self._progress.left_out += [note for document in attached for note in document.notes]
        if await self._is_document(self.asked, model.room):
            attached.append(await library.keep_text(message, "your message"))
            self.asked = middle_cut(self.asked, 400)
        self.asked = self.asked or SUMMARISE
        documents = await library.of(message.thread)
        team = await library.of_team(message, self._speech.status)
        recent = await self._assistant.history.recent(message.thread, model.limits.model)
        # The turn of a question that is asked again goes, and may still stand.
        kept = [turn for turn in recent.turns if first_id(turn.message_id) != first_id(message.id)]
        self._recent = replace(recent, turns=kept)
        turns, quoted = self._recent.turns, message.quoted
        return Question(message.thread, self.asked, attached, documents, turns, quoted, team)

    async def _is_document(self, text: str, room: Room) -> bool:
        """Whether a question is larger than its share; what is near it is worth the counting."""
        share = int(room.prompt * QUESTION_SHARE)
        size = len(text.encode("utf-8", "replace"))
        if not share <= size <= share * _LONGEST_TOKEN:
            return size > share
        return await self._backend.count(neutralise(text)) > share

    async def _fit(self, question: Question, ground: Ground, model: Model, turns: Sequence[Turn]) -> Fitted:
        """The prompt; where the oldest turns do not fit any more, the thread remembers the cut."""
        message, recent = self._message, self._recent
        asking = Asking(
            message.id,
            question.text,
            message.author_name,
            turns,
            ground.hits,
            ground.wish.whole,
            recent.left_out + len(recent.turns) - len(turns),
            question.quoted,
            () if ground.wish.whole or model.profile.literal else question.in_reach,
        )
        with trace.step("prompt.fit") as step:
            fitted = await fit(asking, model.profile, model.room, self._backend.count)
            step.note(tokens=fitted.tokens, passages=len(fitted.passages))
        if turns and fitted.before_cut > recent.left_out:
            history, name = self._assistant.history, model.limits.model
            await history.set_cut(message.thread, name, fitted.cut, fitted.before_cut)
        return fitted

    async def _ask(
        self,
        question: Question,
        ground: Ground,
        model: Model,
        fitted: Fitted,
        noted: Sequence[Passage] = (),
    ) -> Outcome:
        """Stream the answer, and conclude what it was worth.

        `noted` are the passages that the prompt has notes of: the answer stands on these, not on the notes.
        """
        progress, speech, profile = self._progress, self._speech, model.profile
        passages = noted or fitted.passages
        found = {hit.passage.id: hit for hit in ground.hits}
        progress.sent = tuple(replace(found[passage.id], passage=passage) for passage in passages)
        progress.asks(fitted.tokens)
        progress.ended = speech.left.ended
        speech.before_first = partial(self._must_stand, question)
        checked = profile.checked and bool(passages)
        draft = drafted(question.text, passages, profile, checked=checked)
        quotable = citation(passages[0], question.text) if checked and ground.strong else None
        if not await self._said(model, fitted, draft, quotable, enough=checked and profile.literal):
            return conclusion.interrupted(progress)
        progress.left_out += conclusion.left_out(fitted)
        if not passages:
            return conclusion.alone(progress)
        return conclusion.grounded(
            progress,
            draft,
            question.text,
            question.in_reach,
            checked=checked,
            noted=bool(noted),
            gone=await self._gone(question),
        )

    async def _said(
        self, model: Model, fitted: Fitted, draft: Draft, quotable: Citation | None, *, enough: bool
    ) -> bool:
        """Show what the model says, or where nothing of it may be shown, what is `quotable`.

        False where another worker left words with which nobody can go on.
        """
        progress, speech = self._progress, self._speech
        rest = resuming.rest(speech.left, fitted.prompt, draft) if speech.left.shown else ""
        if rest is None:
            return False
        if not progress.shown:
            await speech.before_first()
        await speech.status("Thinking …")
        said = Checkpoint(prompt=resuming.digest(fitted.prompt))
        async with speech.deliver(lambda: replace(said, text=draft.raw, ended=progress.ended)) as delivery:
            speech.show(rest, delivery)
            if not progress.ended:
                await self._go_on(model, fitted, draft, delivery, enough=enough)
            if quotable and not progress.shown.strip():
                await speech.before_first()
                self._quote(quotable, delivery)
        return True

    async def _gone(self, question: Question) -> frozenset[str]:
        """The documents from which passages were sent, and which have left the team's since."""
        return await self._assistant.library.gone(self._progress.sent, question.documents, question.team)

    async def _must_stand(self, question: Question) -> None:
        """Raise _PassagesGone where any of them did."""
        if await self._gone(question):
            raise _PassagesGone

    def _quote(self, quoted: Citation, delivery: Delivery) -> None:
        """Let a passage answer by itself; where the model went on to does not matter any more."""
        if self._progress.ended:
            self._progress.ended = replace(self._progress.ended, reason="stop_sequence")
        self._speech.show(f"{quoted.title} says: “{quoted.quote}”", delivery)

    async def _go_on(
        self, model: Model, fitted: Fitted, draft: Draft, delivery: Delivery, *, enough: bool
    ) -> None:
        """Let the model go on; a stream that breaks after visible text ends the answer there."""
        try:
            await self._speech.go_on(model, fitted, draft, delivery, enough=enough)
        except BackendError:
            if not self._progress.shown.strip():
                self._progress.ended = None
                raise


def _words(message: Message) -> str:
    """The words of a message; nothing where it only holds characters that nobody sees."""
    text = message.text.strip()
    return text if clean(text).strip() else ""


def _turn(message: Message, asked: str, outcome: Outcome) -> Turn | None:
    """What history keeps; a failure without a word leaves it unchanged."""
    answer = outcome.answer or (outcome.why if outcome.kind == "refused" else "")
    if not answer or outcome.kind == "failed":
        return None
    return Turn(
        message.id,
        asked,
        answer,
        outcome.kind,
        message.at,
        message.author,
        message.author_name,
        outcome.citations,
        message.attachments,
        message.seen_by,
    )
