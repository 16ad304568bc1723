"""The one use case: answer a message.

Read what came with it, find the passages that hold the answer, ask the model, deliver what it says
with its true source, or say that it does not know. The same way serves every platform.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

import structlog

from core.citations import citation, cite, resolve
from core.delivery import Delivery
from core.draft import Draft
from core.errors import BackendError, FileRefused, PromptTooLong, UserError
from core.evidence import abstains, bears_out
from core.grounding import Ground, Grounding, Question, choose
from core.library import Library
from core.ports import Backend, History, Lease, Ledger, Platform, Reply
from core.profiles import PROFILES, ModelProfile, profile_for
from core.prompt import neutralise
from core.types import (
    Citation,
    Document,
    Finish,
    Hit,
    Limits,
    Message,
    Outcome,
    OutcomeKind,
    Turn,
    Usage,
)
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


@dataclass(frozen=True, slots=True)
class _Model:
    """The model of one answer: what it can take, what it needs, how its window is divided."""

    limits: Limits
    profile: ModelProfile
    room: Room


class Assistant:
    """Answers one leased message at a time; holds no state between messages."""

    def __init__(self, backend: Backend, history: History, library: Library, policy: Policy) -> None:
        self.backend = backend
        self.history = history
        self.library = library
        self.policy = policy

    async def answer(self, lease: Lease, platform: Platform) -> Outcome:
        """Answer `lease.message` on its platform and end the lease.

        Errors of people and of the model become outcomes that people see; LeaseLost, StoreError and
        PlatformError are raised, and leave the message in the inbox.
        """
        message = lease.message
        with structlog.contextvars.bound_contextvars(message_id=message.id, thread=str(message.thread)):
            progress = _Progress(platform.reply(message, lease.ledger), lease.ledger)
            outcome = await self._outcome(lease, platform, progress)
            await progress.reply.finish(outcome)
            await lease.finish(_turn(message, outcome))
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

    async def _outcome(self, lease: Lease, platform: Platform, progress: "_Progress") -> Outcome:
        """How the answer ends, also when somebody stops it half-way."""
        work = asyncio.create_task(self._respond(lease, platform, progress))
        stop = asyncio.create_task(lease.stopped())
        try:
            await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                return work.result()
            stop.result()  # raises LeaseLost
            work.cancel()
            await asyncio.wait({work})
            return progress.outcome("partial", "Stopped." if progress.shown else "Stopped before an answer.")
        except UserError as error:
            return progress.outcome("failed", error.sentence)
        except BackendError as error:
            log.warning("assistant.backend_failed", error=type(error).__name__, detail=error.detail)
            return progress.outcome("partial" if progress.shown else "failed", error.sentence)
        finally:
            work.cancel()
            stop.cancel()
            await asyncio.gather(work, stop, return_exceptions=True)

    async def _respond(self, lease: Lease, platform: Platform, progress: "_Progress") -> Outcome:
        message = lease.message
        limits = await self.backend.limits()
        profile = self.policy.profile_of(limits)
        model = _Model(limits, profile, Room.of(limits, profile, self.policy.max_new_tokens))
        question = await self._read(message, platform, model.room, progress)
        ground = await choose(question, self.library, self.policy.grounding, profile.evidence)
        if ground.refusal:
            return progress.outcome("refused", ground.refusal, hits=tuple(ground.hits[:3]))
        cut = await self.history.cut(message.thread, limits.model)
        asking = Asking(
            message.id, question.text, message.author_name, question.turns, cut, ground.hits, ground.whole
        )
        try:
            fitted = await self._fit(asking, message, model)
            return await self._ask(fitted, question, ground, model, progress)
        except PromptTooLong:
            if progress.shown:
                raise
            # The engine counts otherwise than we do, or allows less than it says: once more with less.
            model = replace(model, room=replace(model.room, prompt=max(1, model.room.prompt * 3 // 4)))
            log.warning("assistant.prompt_too_long", prompt_tokens=model.room.prompt)
            fitted = await self._fit(asking, message, model)
            return await self._ask(fitted, question, ground, model, progress)

    async def _read(
        self, message: Message, platform: Platform, room: Room, progress: "_Progress"
    ) -> Question:
        """The question with its documents: files, and a text too long to be asked as it is."""
        text = message.text.strip()
        if not text and not message.attachments:
            raise UserError("There is no question in this message. Ask something, or attach a file.")
        reading = await self.library.read(message, platform, progress.reply.status)
        if reading.refused and not reading.documents:
            raise FileRefused(" ".join(reading.refused))
        attached = list(reading.documents)
        progress.left_out += reading.refused
        progress.left_out += [note for found in attached for note in found.notes]
        if await self._is_document(text, room):
            attached.append(await self.library.keep_text(message, "your message"))
            text = middle_cut(text, 400)
        documents = await self.library.of(message.thread)
        turns = await self.history.turns(message.thread)
        return Question(text or SUMMARISE, attached, documents, turns)

    async def _is_document(self, text: str, room: Room) -> bool:
        """Whether a question is larger than its share; only long ones are worth the counting."""
        share = int(room.prompt * QUESTION_SHARE)
        return (
            len(text.encode("utf-8", "replace")) >= share
            and await self.backend.count(neutralise(text)) > share
        )

    async def _fit(self, asking: Asking, message: Message, model: _Model) -> Fitted:
        fitted = await fit(asking, model.profile, model.room, self.backend.count)
        if fitted.turns_left_out and fitted.cut != asking.cut:
            await self.history.set_cut(message.thread, model.limits.model, fitted.cut)
        return fitted

    async def _ask(
        self, fitted: Fitted, question: Question, ground: Ground, model: _Model, progress: "_Progress"
    ) -> Outcome:
        """Stream the answer, and conclude what it is worth."""
        passages = fitted.passages
        checked = model.profile.checked and bool(passages)

        def borne_out(sentence: str) -> bool:
            literal = model.profile.literal
            return any(bears_out(p, sentence, question.text, literal=literal) for p in passages)

        draft = Draft(model.profile.stop, cited=bool(passages), check=borne_out if checked else None)
        progress.hits = tuple(hit for hit in ground.hits if hit.passage in passages)
        await progress.reply.status("Thinking …")
        quoted: tuple[Citation, ...] = ()
        async with Delivery(progress.reply, progress.ledger) as progress.delivery:
            await self._stream(
                fitted, model, draft, progress, enough=checked and model.profile.literal and not ground.whole
            )
            if checked and ground.strong and not draft.shown.strip():
                quoted = (citation(passages[0], question.text),)
                progress.delivery.add(f"{quoted[0].title} says: “{quoted[0].quote}”")
        progress.left_out += _left_out(fitted, question)
        if not passages:
            return _conclude_alone(progress)
        named = resolve(draft.trailer, draft.marks, passages)
        if named.unresolved:
            log.info("citations.unresolved", count=named.unresolved)
        cited = quoted or cite(progress.shown, question.text, passages, named.numbers)
        return _conclude_grounded(progress, cited, question, checked=checked)

    async def _stream(
        self, fitted: Fitted, model: _Model, draft: Draft, progress: "_Progress", *, enough: bool
    ) -> None:
        """Show the model's text as it comes. With `enough` the first sentence that may be shown ends it.

        A stream that breaks after visible text leaves its error in `progress`.
        """
        assert progress.delivery
        sampling = model.profile.sampling(model.room.answer, grounded=bool(fitted.passages))
        try:
            async with aclosing(self.backend.stream(fitted.prompt, sampling)) as deltas:
                async for delta in deltas:
                    progress.received(delta.text, delta.finish)
                    if visible := draft.feed(delta.text):
                        progress.delivery.add(visible)
                        progress.delivery.check()
                    if draft.stopped or (enough and draft.shown.strip()):
                        break
        except BackendError as error:
            if not progress.shown:
                raise
            log.warning("assistant.stream_broken", error=type(error).__name__, detail=error.detail)
            progress.broken = error
        finally:
            if rest := draft.close():
                progress.delivery.add(rest)
        if progress.ended is None and not progress.broken:  # we ended it, not the engine
            progress.ended = Finish("stop_sequence", Usage(fitted.tokens, progress.tokens))


@dataclass(slots=True)
class _Progress:
    """What is known of an answer in the making, so that it can end well at any moment."""

    reply: Reply
    ledger: Ledger
    started: float = field(default_factory=time.monotonic)
    first_token: float | None = None
    tokens: int = 0
    delivery: Delivery | None = None
    hits: tuple[Hit, ...] = ()
    left_out: list[str] = field(default_factory=list)
    ended: Finish | None = None
    broken: BackendError | None = None

    @property
    def shown(self) -> str:
        """The answer as people see it up to now."""
        return self.delivery.text.strip() if self.delivery else ""

    def received(self, text: str, finish: Finish | None) -> None:
        if text:
            self.tokens += 1
            if self.first_token is None:
                self.first_token = self._elapsed()
        self.ended = finish or self.ended

    def outcome(self, kind: OutcomeKind, why: str = "", *, hits: tuple[Hit, ...] = ()) -> Outcome:
        ended = self.ended or Finish("", Usage(0, self.tokens))
        return Outcome(
            kind=kind,
            answer=self.shown,
            why=why,
            hits=hits or self.hits,
            left_out=tuple(self.left_out),
            usage=ended.usage,
            finish_reason=ended.reason or None,
            first_token_ms=self.first_token,
            total_ms=self._elapsed(),
            replica=ended.replica,
        )

    def _elapsed(self) -> float:
        return round((time.monotonic() - self.started) * 1000, 1)


def _conclude_alone(progress: _Progress) -> Outcome:
    """The outcome of an answer without documents."""
    if not progress.shown:
        return progress.outcome("failed", "The model gave no answer. Please ask again in other words.")
    if progress.broken:
        return progress.outcome("partial", progress.broken.sentence)
    if progress.ended and progress.ended.reason == "length":
        return progress.outcome("partial", "The answer ends here because it reached its longest length.")
    return progress.outcome("answered")


def _conclude_grounded(
    progress: _Progress, cited: tuple[Citation, ...], question: Question, *, checked: bool
) -> Outcome:
    """The outcome of an answer that was asked from passages."""
    where = _titles(question.documents)
    if not progress.shown and checked:
        return progress.outcome("refused", f"I don't know: nothing in {where} bears out an answer to this.")
    if progress.shown and abstains(progress.shown):
        return progress.outcome("refused", f"The model found no answer in {where}.")
    if progress.shown and not cited:
        progress.left_out.append(
            "No source is named, because no passage that was read bears this answer out."
        )
    if checked and progress.shown and not progress.broken:
        return replace(progress.outcome("answered"), citations=cited)  # whole sentences, whatever was cut
    return replace(_conclude_alone(progress), citations=cited)


def _left_out(fitted: Fitted, question: Question) -> list[str]:
    """What did not go into the window, in sentences for people."""
    notes = []
    if fitted.passages:
        read = len({(passage.document, passage.section) for passage in fitted.passages})
        there = sum(found.sections for found in question.documents)
        if read < there:
            notes.append(f"Read {read} of {there} sections of {_titles(question.documents)}.")
    if fitted.turns_left_out:
        notes.append(f"Left out the {fitted.turns_left_out} oldest turns of this thread.")
    if fitted.question_cut:
        notes.append("Read only the beginning and the end of the question.")
    return notes


def _titles(documents: Sequence[Document]) -> str:
    names = list(dict.fromkeys(found.title for found in documents))
    return " and ".join(names) if len(names) < 3 else f"{len(names)} files"


def _turn(message: Message, outcome: Outcome) -> Turn | None:
    """What history keeps; a failure without a word leaves it unchanged."""
    answer = outcome.answer or (outcome.why if outcome.kind == "refused" else "")
    if not answer or outcome.kind == "failed":
        return None
    question = message.text.strip() or SUMMARISE
    return Turn(
        message.id, question, answer, outcome.kind, message.at, message.author_name, outcome.citations
    )
