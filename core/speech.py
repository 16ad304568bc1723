"""What the model says for one message, on its way into the reply."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

import structlog

from core.addresses import Addresses
from core.claims import bearing, bears_out
from core.conclusion import BROKEN, INTERRUPTED, Progress
from core.delivery import Delivery
from core.draft import Draft
from core.errors import BackendError
from core.evidence import nearest
from core.file_names import FileNames
from core.items import NewItems
from core.pace import Paces
from core.ports import Backend, Lease
from core.profiles import ModelProfile
from core.retrying import RetryingReply
from core.types import Checkpoint, Delta, Limits, Passage, Sampling
from core.window import Fitted, Room

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Model:
    """The model that is asked, and how its window is divided."""

    limits: Limits
    profile: ModelProfile
    room: Room


async def _at_once() -> None:
    """Nothing keeps a text from being shown."""


@dataclass
class Speech:
    """Streams of the model, noted in the `progress`; what may be seen of them goes to the `reply`.

    `left` is what another worker left, and `gap` comes before the next text. `before_first` is awaited before
    any of the model's text is shown, and may raise what keeps it from that. `delivering` says that pages are
    written, `stopping` that people ended the answer: else whoever cancels it leaves it to another worker.
    """

    backend: Backend
    lease: Lease
    reply: RetryingReply
    paces: Paces
    progress: Progress
    left: Checkpoint = field(default_factory=Checkpoint)
    gap: str = ""
    before_first: Callable[[], Awaitable[None]] = _at_once
    delivering: bool = False
    stopping: bool = False

    async def status(self, text: str | None) -> None:
        """Show what is being done, until text stands."""
        if not self.progress.shown:
            await self.reply.status(text)

    def deliver(self, said: Callable[[], Checkpoint]) -> Delivery:
        """The delivery of the answer, from where another worker left it."""
        self.delivering = True
        return Delivery(self.reply, self.lease.ledger, paces=self.paces, said=said, left=self.left)

    def show(self, text: str, delivery: Delivery) -> None:
        """Show `text` behind what is shown."""
        if self.gap and (text := text.lstrip()):
            self.gap, text = "", self.gap + text
        if text:
            self.progress.shown += text
            delivery.add(text)

    async def go_on(
        self, model: Model, fitted: Fitted, draft: Draft, delivery: Delivery, *, enough: bool = False
    ) -> None:
        """Let the model say what it did not say yet. With `enough`, the first text that is shown ends it.

        What is held back at its end is shown, unless another worker goes on. Raises BackendError, after
        which the progress has the stream as `BROKEN`.
        """
        try:
            if sampling := await self._sampling(model, fitted, draft.raw):
                # A prompt ends without a space and its answer begins with one: both together go on.
                stream = self.backend.stream(fitted.prompt + draft.raw, sampling)
                await self._stream(stream, draft, delivery, enough=enough)
        except BackendError as error:
            log.warning("assistant.stream_failed", error=type(error).__name__, detail=error.detail)
            self.progress.ends_here(BROKEN)
            self.show(draft.close(), delivery)
            raise
        except asyncio.CancelledError:
            if self.stopping:
                self.show(draft.close(), delivery)
            else:
                delivery.hand_over()
            raise
        await self._say(draft.close(), delivery)

    async def _say(self, text: str, delivery: Delivery) -> None:
        """Show what the model said, if the first of it may be shown."""
        if text and not self.progress.shown:
            await self.before_first()
        self.show(text, delivery)

    async def note(self, model: Model, fitted: Fitted, draft: Draft, tokens: int) -> str:
        """What the model says in at most `tokens`, for ourselves: people see nothing of it."""
        sampling = replace(model.profile.sampling(tokens, grounded=True), replica=self.lease.replica)
        async with aclosing(self.backend.stream(fitted.prompt, sampling)) as deltas:
            async for delta in deltas:
                await self._moved(delta.replica)
                self.progress.pieces += bool(delta.text)
                draft.feed(delta.text)
                if delta.finish:
                    self.progress.ends(delta.finish)
                elif draft.stopped:
                    break
        draft.close()
        return draft.shown.strip()

    async def _sampling(self, model: Model, fitted: Fitted, said: str) -> Sampling | None:
        """How the model goes on behind what it `said`; None where it cannot, which ends the answer."""
        progress, room = self.progress, model.room.answer
        if said:
            tokens = await self.backend.count(fitted.prompt + said)
            progress.tokens_before = tokens - fitted.tokens
            room -= progress.tokens_before
            if not model.limits.raw_text or tokens > model.limits.max_input:
                progress.ends_here(INTERRUPTED)
                return None
            if room <= 0:
                progress.ends_here("length")
                return None
        sampling = model.profile.sampling(room, grounded=bool(fitted.passages))
        return replace(sampling, replica=self.lease.replica)

    async def _stream(
        self, stream: AsyncGenerator[Delta, None], draft: Draft, delivery: Delivery, *, enough: bool
    ) -> None:
        """Show the model's text as it comes."""
        progress = self.progress
        async with aclosing(stream) as deltas:
            async for delta in deltas:
                progress.received(delta.text)
                await self._moved(delta.replica)
                progress.replica = delta.replica or progress.replica
                await self._say(draft.feed(delta.text), delivery)
                if delta.finish:
                    progress.ends(delta.finish)
                elif draft.stopped or (enough and progress.shown.strip()):
                    progress.ends_here("stop_sequence")
                delivery.check()
                if progress.ended and not delta.finish:
                    break

    async def _moved(self, replica: str) -> None:
        """The slot goes along where another replica answers than the one that keeps it."""
        if replica and self.lease.replica not in ("", replica):
            await self.lease.move(replica)


_BEARING = 8
"""Passages in which the support of a sentence is looked for: those that share most words with it."""


def drafted(
    question: str,
    passages: Sequence[Passage],
    profile: ModelProfile,
    *,
    checked: bool,
    items: NewItems | None = None,
) -> Draft:
    """What of the model's text may be seen in an answer from these passages."""
    said: set[str] = set()

    def borne_out(sentence: str) -> bool:
        # Small models go round in circles; `items` counts what it takes out.
        if sentence in said and not items:
            return False
        said.add(sentence)
        near = nearest(passages, sentence, _BEARING)
        if profile.literal:
            return any(bears_out(passage, sentence, question, literal=True) for passage in near)
        return bool(bearing(near, sentence, question))

    check = borne_out if checked else None
    if not passages:
        return Draft(profile.stop, cited=False, check=check, items=items)
    files, known = FileNames(passages, question), Addresses(passages)
    return Draft(profile.stop, cited=True, check=check, items=items, files=files, known=known)
