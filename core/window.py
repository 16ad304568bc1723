"""What goes into the model's window, so that any input fits and the prefix stays stable.

Order of claims: the answer's room first, then system, question, passages by rank, and a fixed share
for history, in whole turns. Only an overflow of that share moves the cut, and then back to half of
it, so that between two moves each prompt extends the one before and the replica's prefix cache
serves it (one move a turn would give 31 % reuse, blocks give 72 %). A question that needs some of
history's share takes it for its own prompt only.

Everything is counted by the backend where it can count; `upper_bound` holds without it: a byte-level
vocabulary never needs more tokens than UTF-8 bytes, plus two at the beginning.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from core.errors import PromptTooLong
from core.profiles import ModelProfile
from core.prompt import Say, Source, clean, neutralise, render, spoken
from core.stretches import Stretch
from core.types import Document, Hit, Limits, Passage, Turn

Count = Callable[[str], Awaitable[int]]
"""Tokens of a text as the backend counts a prompt; may overestimate, never the other way."""

FRAME = 24
"""Tokens of the words around a passage: BEGININPUT, the keys of its metadata and the like."""

_JOINT = 4
"""Tokens, at most, of what stands between two passages that are joined."""

QUESTION_SHARE = 0.25
"""Of the room for the prompt; a longer question is treated as a document."""
HISTORY_SHARE = 0.9
HISTORY_SHARE_WITH_PASSAGES = 0.25
"""Of the room that the system text leaves, whatever the question's length: only history moves the cut."""


def upper_bound(text: str) -> int:
    """No tokenizer with a byte for every byte gives more tokens than this.

    One token begins the text, and SentencePiece puts a space before it, which can be a token too.
    """
    return len(text.encode("utf-8", "replace")) + 2


@dataclass(frozen=True, slots=True)
class Room:
    """The window as divided for one model: tokens for the answer and for the prompt."""

    answer: int
    prompt: int

    @classmethod
    def of(cls, limits: Limits, profile: ModelProfile, max_new_tokens: int | None = None) -> "Room":
        """The answer keeps what it was promised, but never more than half of the window."""
        window = min(limits.window, profile.window or limits.window)
        answer = max(1, min(max_new_tokens or profile.max_new_tokens, window // 2))
        return cls(answer, min(window - answer, limits.max_input))


@dataclass(frozen=True, slots=True)
class Asking:
    """All that could go into one prompt, raw and in order of importance within each kind.

    `turns` are oldest first, from the cut on, and `left_out` come before them; `hits` are best first, or
    with `whole` in the order of the document, as many as fit from its start. `quoted` stands before the
    question; of too much of it the end goes in. Where there is room, hits are read with their neighbours in
    `documents`.
    """

    message_id: str
    question: str
    author_name: str = ""
    turns: Sequence[Turn] = ()
    hits: Sequence[Hit] = ()
    whole: bool = False
    left_out: int = 0
    quoted: str = ""
    documents: Sequence[Document] = ()


@dataclass(frozen=True, slots=True)
class Fitted:
    """A prompt that fits, and what is in it: `passages` in the order of their numbers, from 1.

    Some of them are several of a document's, joined: `read` is how many of those went in.
    `cut` is the first turn that goes in from now on, and `before_cut` how many do not; `turns_left_out`
    are those that did not go in this time; `question_cut` says that only head and tail of the question
    went in.
    """

    prompt: str
    tokens: int
    passages: tuple[Passage, ...]
    cut: str
    before_cut: int = 0
    turns_left_out: int = 0
    question_cut: bool = False
    read: int = 0


async def fit(asking: Asking, profile: ModelProfile, room: Room, count: Count) -> Fitted:
    """Fill the window for one question.

    Raises PromptTooLong when not even a letter of the question fits, and ValueError when it shows
    nothing.
    """
    plan = _Plan(asking, profile, room, count)
    await plan.choose()
    while True:
        prompt = plan.render()
        tokens = await count(prompt)
        if tokens <= room.prompt:
            return Fitted(
                prompt,
                tokens,
                tuple(stretch.hit.passage for stretch in plan.stretches),
                plan.cut,
                plan.before_cut,
                plan.known - len(plan.turns),
                plan.question != _shown(asking.question),
                sum(len(stretch.passages) for stretch in plan.stretches),
            )
        if not plan.shrink():
            raise PromptTooLong(f"one letter of the question needs {tokens} of {room.prompt} tokens")


class _Plan:
    """A choice of parts, made by counting them one by one, and shrunk while the whole does not fit."""

    def __init__(self, asking: Asking, profile: ModelProfile, room: Room, count: Count) -> None:
        self._profile, self._room, self._count = profile, room, count
        self._author = asking.author_name
        self._whole = asking.whole
        self._all_hits = list(asking.hits if asking.whole else asking.hits[: profile.passages])
        self._all_turns = [turn for turn in asking.turns if _tells(turn)]
        self.question = _shown(asking.question)
        if not self.question:
            raise ValueError("the question shows nothing")
        self.quoted = _shown(asking.quoted)
        self.stretches: list[Stretch] = []
        self._documents = asking.documents
        self.turns: list[Turn] = []
        self.cut = asking.message_id
        self.known = asking.left_out + len(self._all_turns)
        self.before_cut = 0
        self._system = profile.template.system if profile.system is None else profile.system

    async def choose(self) -> None:
        share = HISTORY_SHARE_WITH_PASSAGES if self._all_hits else HISTORY_SHARE
        room = self._room.prompt - await self._count(self._system)
        self.turns = await self._history(int(room * share))
        self.cut = self.turns[0].message_id if self.turns else self.cut
        self.before_cut = self.known - len(self.turns)
        self.question = await self._shorten(self.question, int(self._room.prompt * QUESTION_SHARE))
        share = int(self._room.prompt * QUESTION_SHARE)
        while self.quoted and await self._count(neutralise(self.quoted)) > share:
            self._shorten_quoted()
        await self._join_neighbours(await self._take_hits())

    async def _take_hits(self) -> int:
        """Take the best hits that fit, each counted by itself: the whole is counted once, at the end.

        Returns how many tokens are left.
        """
        left = self._room.prompt - await self._count(self.render())
        for hit in self._all_hits:
            cost = await self._count(neutralise(f"{hit.passage.place}\n{hit.passage.text}")) + FRAME
            if cost <= left:
                left -= cost
                beside = (each for each in self.stretches if hit.passage in each.beside())
                if near := next(beside, None):
                    near.join(hit.passage)
                else:
                    self.stretches.append(Stretch(hit, self._documents))
            elif self._whole:
                break
        return left

    async def _join_neighbours(self, left: int) -> None:
        """Take what stands on either side of the hits, the best one's first, in the tokens that are left."""
        for stretch in self.stretches:
            for passage in stretch.beside():
                if any(each.holds(passage) for each in self.stretches):
                    continue
                cost = await self._count(neutralise(passage.text)) + _JOINT
                if cost <= left:
                    left -= cost
                    stretch.join(passage)

    def render(self) -> str:
        """The prompt of the present choice; the best passage stands last, next to the question."""
        said = [say for turn in self.turns for say in rendered(turn)]
        if self.stretches:
            sources = [source(stretch.hit.passage, n) for n, stretch in enumerate(self.stretches, 1)]
            in_order = sources if self._whole else sources[::-1]
            asked = self._profile.style(in_order, _behind(self.quoted, self.question), self._profile.context)
        else:
            asked = spoken(self.question, self._author)
            if self.quoted:  # as one text: two that are harmless could make a marker together
                asked = neutralise(_behind(self.quoted, asked))
        return render(self._profile.template, [*said, Say("user", asked)], self._system)

    def shrink(self) -> bool:
        """Give up the least important part; False when nothing is left to give up."""
        if self.quoted:
            self._shorten_quoted()
        elif any(stretch.narrow() for stretch in reversed(self.stretches)):
            pass
        elif len(self.stretches) > 1:
            self.stretches.pop()
        elif self.turns:
            self.turns = self.turns[(len(self.turns) + 1) // 2 :]
        elif self.stretches:
            self.stretches.pop()
        elif len(self.question) > 8:
            self.question = middle_cut(self.question, len(self.question) // 2)
        elif self._system:
            self._system = ""
        elif len(self.question) > 1:
            self.question = self.question[:1]
        else:
            return False
        return True

    def _shorten_quoted(self) -> None:
        """Keep the half that was said last."""
        self.quoted = self.quoted[len(self.quoted) // 2 + 1 :].lstrip()

    async def _history(self, share: int) -> list[Turn]:
        """The turns after the cut; when they overflow their share, the newest that fill half of it."""
        template = self._profile.template
        costs = [await self._count(render(template, rendered(turn), "")) for turn in self._all_turns]
        if sum(costs) <= share:
            return self._all_turns
        kept, used = 0, 0
        for cost in reversed(costs):
            used += cost
            if used > share // 2 and (kept or used > share):  # the newest turn may fill all of it
                break
            kept += 1
        return self._all_turns[len(self._all_turns) - kept :]

    async def _shorten(self, text: str, share: int) -> str:
        """`text`, or its head and tail where it is larger than its share."""
        while len(text) > 8 and (tokens := await self._count(neutralise(text))) > share:
            text = middle_cut(text, max(8, min(len(text) - 1, len(text) * share // tokens)))
        return text


def rendered(turn: Turn) -> tuple[Say, Say]:
    """A turn of the history as a template takes it: without its passages, always the same bytes."""
    return Say("user", spoken(turn.question, turn.author_name)), Say("assistant", neutralise(turn.answer))


def source(passage: Passage, number: int) -> Source:
    """A passage as the model reads it. Short labels are copied more surely than long addresses."""
    metadata = [("title", passage.title)]
    if passage.heading:
        metadata.append(("section", " > ".join(passage.heading)))
    if passage.page is not None:
        metadata.append(("page", str(passage.page)))
    if passage.url.startswith(("http://", "https://")):
        metadata.append(("url", passage.link))
    return Source(number, passage.text, tuple(metadata))


def _behind(quoted: str, question: str) -> str:
    return f"{quoted}\n\n{question}" if quoted else question


def middle_cut(text: str, length: int) -> str:
    """At most `length` characters of `text`: its head and its tail, where questions stand."""
    if len(text) <= length:
        return text
    if length < 16:
        return text[:length]
    head = (length - 3) // 3
    return f"{text[:head]} … {text[len(text) - (length - 3 - head) :]}"


def _tells(turn: Turn) -> bool:
    """Whether a turn tells the model anything: a refusal does not, nor half a turn."""
    return turn.kind in ("answered", "partial") and bool(_shown(turn.question) and _shown(turn.answer))


def _shown(text: str) -> str:
    """`text` as people see it: without invisible characters, and without white space around it."""
    return clean(text).strip()
