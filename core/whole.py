"""What people want of whole documents, done part by part: a summary, a list of all they hold, a translation.

A summary is made of notes on the parts, which people never see; the parts of a list or a translation
are shown one behind the other. A model that is too small for that is not asked: sentences are quoted.
"""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from core import conclusion
from core.abstentions import abstains
from core.citations import citation, cite, resolve
from core.delivery import Delivery
from core.draft import Draft
from core.errors import BackendError
from core.evidence import Asked
from core.excerpts import Excerpt, mentions, outline
from core.items import NewItems
from core.reading import Each, Reading, Run, spread
from core.speech import Model, Speech, drafted
from core.types import Checkpoint, Citation, Document, Hit, Outcome, Passage
from core.window import Fitted
from core.wishes import Wish, topic

_OF_PART = {
    Wish.GIST: "The sources are one part of {title}. Write notes on this part alone, from which somebody "
    "else can do this for all of it: its facts, names and numbers, in at most {words} words.",
    Wish.EACH: "The sources are one part of {title}. Do this for this part alone, with each item on a line "
    'that begins with "- ". If this part holds none, answer: None.',
    Wish.TRANSLATION: "The sources are one part of {title}. Do this for this part alone, from its first word "
    "to its last. Add nothing.",
}
_OF_NOTES = "The sources are notes on the parts of {title}, in its order. Answer from all of them together."

NO_TRANSLATION = (
    "I only show sentences that stand in the files, so I can neither translate nor rewrite them here."
)
_EVENLY = "There was no time for more; the parts that were read are spread over all of it."
_QUOTED = "The model is too small to read whole documents: these are their own sentences."

_NOTES = 8
"""Notes that fit into one prompt, so that each time notes are noted again there are fewer."""
_GROWS = 1.5
"""How many tokens the translation of one may need, between languages that the model knows well."""
_SENT = 50
"""Passages that an outcome names at most: a book has thousands."""
_MENTIONS, _OUTLINE = 40, 20
"""Sentences that a list quotes at most: of what is wanted, and of everything."""


@dataclass(frozen=True, slots=True)
class Note:
    """What the model noted of some passages."""

    text: str
    passages: tuple[Passage, ...]

    def hit(self, number: int) -> Hit:
        """The note as a text to read, which is never a source that people see."""
        title = f"notes from {self.passages[0].place}"
        return Hit(Passage(f"note {number}", "", title, self.text, section=number), 0.0)


class Whole:
    """One wish for whole documents, whose passages are `hits`."""

    def __init__(
        self,
        speech: Speech,
        model: Model,
        question: str,
        wish: Wish,
        hits: Sequence[Hit],
        documents: Sequence[Document],
    ) -> None:
        context = replace(model.profile.context, ask_source=False)  # sources come from our own records
        self._speech, self._progress = speech, speech.progress
        self._model = replace(model, profile=replace(model.profile, context=context))
        self._question, self._wish, self._hits, self._documents = question, wish, hits, documents
        self._title = conclusion.titles(documents)
        self._note_length = max(1, min(model.room.answer, model.room.prompt // _NOTES))  # tokens
        self._of_part = self._asked(_OF_PART[wish])
        self._reading = Reading(self._model.profile, model.room, speech.backend.count, speech.status)
        self._nothing: list[Passage] = []  # passages of which there was nothing to note
        self._cited: list[Citation] = []
        self._said: set[tuple[str, ...]] = set()
        self._repeated = 0  # items that were said before
        self._missing: list[str] = []

    async def parts(self) -> list[Run]:
        """The parts in which the documents can be read."""
        most = self._model.room.answer / _GROWS if self._wish is Wish.TRANSLATION else math.inf
        return await self._reading.runs(self._hits, self._of_part, most)

    def _asked(self, more: str) -> str:
        return f"{self._question}\n\n{more.format(title=self._title, words=self._note_length // 2)}"

    async def _through(self, parts: Sequence[Run], each: Each) -> None:
        seconds = self._model.profile.reading_seconds
        await self._reading.through(parts, self._of_part, each, of=self._title, seconds=seconds)

    # -- from notes

    async def noted(self, parts: Sequence[Run]) -> tuple[Model, Fitted, list[Passage]] | None:
        """The prompt that answers from notes on the parts, and the passages that these are made of.

        None where there was nothing to note. Notes that do not fit into one prompt are noted again.
        """
        place = {hit.passage.id: number for number, hit in enumerate(self._hits)}
        notes: list[Note] = []

        async def take(fitted: Fitted) -> None:
            await self._note(fitted, fitted.passages, notes)
            self._say_extent(notes, self._reading.parts + 1)

        await self._through(spread(parts), take)
        notes.sort(key=lambda note: place[note.passages[0].id])
        number_of_parts = self._reading.parts
        if self._reading.stopped_at:
            self._progress.left_out.append(_EVENLY)
        while True:
            hits = [note.hit(number) for number, note in enumerate(notes)]
            last = await self._reading.fit(self._asked(_OF_NOTES), hits)
            groups = [] if len(last.passages) == len(notes) else await self._reading.runs(hits, self._of_part)
            if not groups or len(groups) >= len(notes):  # all fit, or the window holds but one
                break
            notes = await self._note_again(notes, groups)
        self._progress.left_out += self._reading.failures
        read = self._say_extent(notes[: len(last.passages)], number_of_parts)
        return (replace(self._model, room=self._reading.room), last, read) if last.passages else None

    async def _note_again(self, notes: Sequence[Note], groups: Sequence[Run]) -> list[Note]:
        """Fewer notes, each made of several."""
        fewer: list[Note] = []

        async def take(fitted: Fitted) -> None:
            made_of = [notes[passage.section] for passage in fitted.passages]
            await self._note(fitted, [passage for note in made_of for passage in note.passages], fewer)

        await self._reading.through(groups, self._of_part, take, of=f"the notes on {self._title}")
        return fewer

    async def _note(self, fitted: Fitted, passages: Sequence[Passage], notes: list[Note]) -> None:
        """Have a part noted, which tells of `passages`."""
        self._progress.asks(fitted.tokens)
        draft = Draft(self._model.profile.stop, cited=True)
        text = await self._speech.note(self._model, fitted, draft, self._note_length)
        if text and not abstains(text):
            notes.append(Note(text, tuple(passages)))
        else:
            self._nothing += passages

    def _say_extent(self, notes: Sequence[Note], parts: int) -> list[Passage]:
        read = [*self._nothing, *(passage for note in notes for passage in note.passages)]
        self._progress.read = conclusion.extent(read, self._documents, parts)
        return read

    # -- part by part

    async def joined(self, parts: Sequence[Run]) -> Outcome:
        """Answer part by part, one behind the other, from the start on."""
        progress, reading = self._progress, self._reading
        if self._speech.left.shown:  # which parts these words are from is not known any more
            return conclusion.interrupted(progress)
        read: list[Passage] = []
        async with self._speech.deliver(Checkpoint) as delivery:

            async def say(fitted: Fitted) -> None:
                await self._say(fitted, delivery)
                read.extend(fitted.passages)
                progress.read = conclusion.extent(read, self._documents, reading.parts + 1)

            try:
                await self._through(parts, say)
            except BackendError as error:
                if not progress.shown.strip():
                    raise
                self._missing.append(error.sentence)
        if self._repeated:
            items = "1 item that reads" if self._repeated == 1 else f"{self._repeated:,} items that read"
            progress.left_out.append(f"Left out {items} like one before.")
        progress.left_out += reading.failures
        if reading.failures:
            self._missing.append("Some of it could not be read.")
        if reading.stopped_at:
            where = reading.stopped_at.place
            self._missing.append(f"The answer stops before {where}. Send what is left as a file of its own.")
        return conclusion.joined(progress, self._cited, self._missing, self._documents)

    async def _say(self, fitted: Fitted, delivery: Delivery) -> None:
        """Show the answer to one part."""
        progress, profile, passages = self._progress, self._model.profile, fitted.passages
        items = NewItems(self._said) if self._wish is Wish.EACH else None
        draft = drafted(self._question, passages, profile, checked=profile.checked, items=items)
        begin = len(progress.shown)
        self._speech.gap = "\n\n" if begin else ""
        progress.asks(fitted.tokens)
        await self._speech.go_on(self._model, fitted, draft, delivery)
        self._repeated += items.repeated if items else 0
        shown = progress.shown[begin:]
        named = resolve(draft.trailer, draft.marks, passages).numbers
        self._cited += cite(shown, self._question, passages, named)
        if self._wish is Wish.EACH:
            progress.left_out += conclusion.misquotations(shown, passages)
        progress.sent = (*progress.sent, *(Hit(passage, 0.0) for passage in passages))[:_SENT]
        if progress.ended and progress.ended.reason == "length":
            self._missing.append(f"What it says of {passages[0].place} ends at its longest length.")

    # -- in the document's own words

    async def quoted(self) -> Outcome:
        """Answer with sentences of the documents: the model is not asked."""
        progress, passages = self._progress, [hit.passage for hit in self._hits]
        if self._wish is Wish.TRANSLATION:
            return progress.outcome("refused", NO_TRANSLATION)
        found = await asyncio.to_thread(self._excerpts, passages)
        progress.read = conclusion.extent(passages, self._documents)
        if not found:
            return progress.outcome("refused", f"I don't know: I found nothing about this in {self._title}.")
        left, text = self._speech.left.shown, "\n".join(excerpt.line for excerpt in found[:_MENTIONS])
        if not text.startswith(left):
            return conclusion.interrupted(progress)
        async with self._speech.deliver(Checkpoint) as delivery:
            self._speech.show(text[len(left) :], delivery)
        if len(found) > _MENTIONS:
            progress.left_out.append(f"{len(found) - _MENTIONS:,} more sentences are about this.")
        progress.left_out.append(_QUOTED)
        progress.sent = tuple(Hit(excerpt.passage, 0.0) for excerpt in found[:_MENTIONS])
        cited = [citation(excerpt.passage, excerpt.sentence) for excerpt in found[:_MENTIONS]]
        return progress.outcome("answered", citations=conclusion.once(cited))

    def _excerpts(self, passages: Sequence[Passage]) -> list[Excerpt]:
        if self._wish is Wish.GIST:
            return outline(passages)
        wanted = topic(self._question)
        return mentions(passages, wanted) if Asked.of(wanted).weights else outline(passages, _OUTLINE)
