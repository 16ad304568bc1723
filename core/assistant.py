"""The one use case: answer a message.

Read what came with it, find the passages that hold the answer, ask the model, deliver what it says
with its true source, or say that it does not know. The same way serves every platform.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

import structlog

from core import conclusion, resuming
from core.addresses import Addresses
from core.citations import citation
from core.conclusion import BROKEN, INTERRUPTED, Progress
from core.delivery import Delivery
from core.draft import Draft
from core.errors import BackendError, FileRefused, PromptTooLong, UserError
from core.evidence import bears_out
from core.grounding import Ground, Grounding, Question, choose
from core.library import Library
from core.pace import Paces
from core.ports import END, Backend, History, Lease, Platform, Recent
from core.profiles import PROFILES, ModelProfile, profile_for
from core.prompt import clean, neutralise
from core.retrying import RetryingReply
from core.types import Checkpoint, Delta, Limits, Message, Outcome, Passage, Sampling, Turn
from core.window import QUESTION_SHARE, Asking, Fitted, Room, fit, middle_cut

log = structlog.get_logger()

SUMMARISE = "Summarise this file."
"""What a message asks that is only a file."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How a team wants its answers; None leaves a value to the model's profile."""

    grounding: Grounding = Grounding.PREFER
    persona: str | None = None
    profile: str | None = None
    max_new_tokens: int | None = None

    def profile_of(self, limits: Limits) -> ModelProfile:
        """The profile of a model under this policy."""
        profile = PROFILES[self.profile] if self.profile else profile_for(limits.model)
        return replace(
            profile,
            system=self.persona or profile.system,
            checked=profile.checked or self.grounding is Grounding.REQUIRE,
        )


class Assistant:
    """Answers messages, each by itself; what must be known later is in the history and the library."""

    def __init__(self, backend: Backend, history: History, library: Library, policy: Policy) -> None:
        self.backend = backend
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
        with structlog.contextvars.bound_contextvars(message_id=message.id, thread=str(message.thread)):
            answering = _Answering(self, lease, platform)
            try:
                outcome = await answering.outcome()
                await lease.ledger.intend(END, Checkpoint(outcome=outcome, question=answering.asked))
                await answering.reply.finish(outcome)
            finally:
                answering.reply.drop_status()
            await lease.finish(_turn(message, answering.asked, outcome))
            log.info(
                "assistant.answered",
                outcome=outcome.kind,
                finish_reason=outcome.finish_reason,
                replica=outcome.replica,
                citations=len(outcome.citations),
                first_token_ms=outcome.first_token_ms,
                total_ms=outcome.total_ms,
            )
        return outcome


@dataclass(frozen=True, slots=True)
class _Model:
    """The model that is asked, and how its window is divided."""

    limits: Limits
    profile: ModelProfile
    room: Room


class _Answering:
    """One answer in the making."""

    def __init__(self, assistant: Assistant, lease: Lease, platform: Platform) -> None:
        self.reply = RetryingReply(platform.reply(lease.message, lease.ledger))
        self.asked = _words(lease.message)  # as history keeps it
        self._assistant = assistant
        self._lease = lease
        self._message = lease.message
        self._platform = platform
        self._progress = Progress()
        self._recent = Recent()
        self._left = Checkpoint()  # by a worker before, whose pages stand
        self._delivering = False
        self._stopping = False

    async def outcome(self) -> Outcome:
        """How the answer ends: as it ended before, if people may have seen that."""
        left = (await self._lease.ledger.standing()).checkpoint
        if left and left.outcome:
            self.asked = left.question
            return left.outcome
        if left:
            log.info("assistant.goes_on", attempts=self._lease.attempts, shown=len(left.shown))
            self._left, self._progress.shown = left, left.shown
        outcome = await self._until_stopped()
        if left and not self._delivering:  # what stands cannot be gone on with, and ends
            if outcome.kind != "partial":
                outcome = conclusion.interrupted(self._progress)
            async with self._deliver(lambda: replace(left, ended=self._progress.ended)):
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
                self._stopping = True
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
            self._progress.replica = error.replica
            return self._progress.outcome("failed", error.sentence)
        finally:
            work.cancel()
            stop.cancel()
            await asyncio.gather(work, stop, return_exceptions=True)

    async def _respond(self) -> Outcome:
        limits = await self._assistant.backend.limits()
        policy = self._assistant.policy
        profile = policy.profile_of(limits)
        model = _Model(limits, profile, Room.of(limits, profile, policy.max_new_tokens))
        question = await self._read(model)
        ground = await choose(question, self._assistant.library, policy.grounding, profile.evidence)
        if ground.refusal:
            self._progress.sent = tuple(ground.hits[:3])
            return self._progress.outcome("refused", ground.refusal)
        fitted = await self._fit(question, ground, model)
        try:
            return await self._ask(question, ground, model, fitted)
        except PromptTooLong:
            # The engine counts otherwise than we do, or allows less than it says: once more with less.
            log.warning("assistant.prompt_too_long", prompt_tokens=fitted.tokens)
            model = replace(model, room=replace(model.room, prompt=max(1, fitted.tokens * 3 // 4)))
            fitted = await self._fit(question, ground, model)
            return await self._ask(question, ground, model, fitted)

    async def _read(self, model: _Model) -> Question:
        """The question with its documents: files, and a text too long to be asked as it is."""
        message, library = self._message, self._assistant.library
        if not self.asked and not message.attachments:
            raise UserError("There is no question in this message. Ask something, or attach a file.")
        reading = await library.read(message, self._platform, self._status)
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
        self._recent = await self._assistant.history.recent(message.thread, model.limits.model)
        return Question(message.thread, self.asked, attached, documents, self._recent.turns)

    async def _is_document(self, text: str, room: Room) -> bool:
        """Whether a question is larger than its share; only long ones are worth the counting."""
        share = int(room.prompt * QUESTION_SHARE)
        if len(text.encode("utf-8", "replace")) < share:
            return False
        return await self._assistant.backend.count(neutralise(text)) > share

    async def _fit(self, question: Question, ground: Ground, model: _Model) -> Fitted:
        """The prompt; where the oldest turns do not fit any more, the thread remembers the cut."""
        message, recent = self._message, self._recent
        asking = Asking(
            message.id,
            question.text,
            message.author_name,
            recent.turns,
            recent.cut,
            ground.hits,
            ground.whole,
            recent.left_out,
        )
        fitted = await fit(asking, model.profile, model.room, self._assistant.backend.count)
        if fitted.before_cut > recent.left_out:
            history, name = self._assistant.history, model.limits.model
            await history.set_cut(message.thread, name, fitted.cut, fitted.before_cut)
        return fitted

    async def _ask(self, question: Question, ground: Ground, model: _Model, fitted: Fitted) -> Outcome:
        """Stream the answer, and conclude what it was worth."""
        progress, passages, profile = self._progress, fitted.passages, model.profile
        progress.sent = tuple(hit for hit in ground.hits if hit.passage in passages)
        progress.prompt_tokens = fitted.tokens
        progress.ended = self._left.ended
        checked = profile.checked and bool(passages)
        draft = _draft(question, passages, profile, checked=checked)
        rest = resuming.rest(self._left, fitted.prompt, draft) if self._left.shown else ""
        if rest is None:
            return conclusion.interrupted(progress)
        await self._status("Thinking …")
        said = Checkpoint(prompt=resuming.digest(fitted.prompt))
        async with self._deliver(lambda: replace(said, text=draft.raw, ended=progress.ended)) as delivery:
            self._show(rest, delivery)
            if not progress.ended:
                enough = checked and profile.literal and not ground.whole
                await self._go_on(model, fitted, draft, delivery, enough=enough)
            if checked and ground.strong and not progress.shown.strip():
                quoted = citation(passages[0], question.text)
                if progress.ended:  # where the model went on to does not matter any more
                    progress.ended = replace(progress.ended, reason="stop_sequence")
                self._show(f"{quoted.title} says: “{quoted.quote}”", delivery)
        progress.left_out += conclusion.left_out(fitted, question.documents)
        if not passages:
            return conclusion.alone(progress)
        return conclusion.grounded(progress, draft, question.text, question.documents, checked=checked)

    async def _go_on(
        self, model: _Model, fitted: Fitted, draft: Draft, delivery: Delivery, *, enough: bool
    ) -> None:
        """Let the model say what it did not say yet.

        A stream that breaks after visible text leaves that in the progress. What is held back is shown,
        unless another worker goes on.
        """
        progress, broken = self._progress, None
        try:
            if sampling := await self._sampling(model, fitted, draft.raw):
                # A prompt ends without a space and its answer begins with one: both together go on.
                stream = self._assistant.backend.stream(fitted.prompt + draft.raw, sampling)
                await self._stream(stream, draft, delivery, enough=enough)
        except BackendError as error:
            log.warning("assistant.stream_failed", error=type(error).__name__, detail=error.detail)
            progress.ends_here(BROKEN)
            broken = error
        except asyncio.CancelledError:
            if self._stopping:
                self._show(draft.close(), delivery)
            else:
                delivery.hand_over()
            raise
        self._show(draft.close(), delivery)
        if broken and not progress.shown.strip():
            progress.ended = None
            raise broken

    async def _sampling(self, model: _Model, fitted: Fitted, said: str) -> Sampling | None:
        """How the model goes on behind what it `said`; None where it cannot, which ends the answer."""
        progress, room = self._progress, model.room.answer
        if said:
            tokens = await self._assistant.backend.count(fitted.prompt + said)
            progress.tokens_before = tokens - fitted.tokens
            room -= progress.tokens_before
            if not model.limits.raw_text or tokens > model.limits.max_input:
                progress.ends_here(INTERRUPTED)
                return None
            if room <= 0:
                progress.ends_here("length")
                return None
        sampling = model.profile.sampling(room, grounded=bool(fitted.passages))
        return replace(sampling, replica=self._lease.replica)

    async def _stream(
        self, stream: AsyncGenerator[Delta, None], draft: Draft, delivery: Delivery, *, enough: bool
    ) -> None:
        """Show the model's text as it comes. With `enough`, the first sentence that may be shown ends it."""
        progress = self._progress
        async with aclosing(stream) as deltas:
            async for delta in deltas:
                progress.received(delta.text)
                progress.replica = delta.replica or progress.replica
                self._show(draft.feed(delta.text), delivery)
                if delta.finish:
                    progress.ends(delta.finish)
                elif draft.stopped or (enough and progress.shown.strip()):
                    progress.ends_here("stop_sequence")
                delivery.check()
                if progress.ended and not delta.finish:
                    break

    def _deliver(self, said: Callable[[], Checkpoint]) -> Delivery:
        """The delivery of the answer, from where another worker left it."""
        self._delivering = True
        return Delivery(
            self.reply, self._lease.ledger, paces=self._assistant.paces, said=said, left=self._left
        )

    async def _status(self, text: str | None) -> None:
        """Show what is being done, until text stands."""
        if not self._left.shown:
            await self.reply.status(text)

    def _show(self, text: str, delivery: Delivery) -> None:
        if text:
            self._progress.shown += text
            delivery.add(text)


def _draft(question: Question, passages: Sequence[Passage], profile: ModelProfile, *, checked: bool) -> Draft:
    """What of the model's text may be seen, with these passages in its prompt."""
    said: set[str] = set()

    def borne_out(sentence: str) -> bool:
        if sentence in said:  # small models go round in circles
            return False
        said.add(sentence)
        return any(bears_out(p, sentence, question.text, literal=profile.literal) for p in passages)

    known = Addresses(passages) if passages else None
    return Draft(profile.stop, cited=bool(passages), check=borne_out if checked else None, known=known)


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
    )
