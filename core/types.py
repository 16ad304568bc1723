"""The values of the domain: frozen, plain data that can cross a process.

Everything that is stored goes through ``encode`` and ``decode``, which carry a schema version.
"""

import dataclasses
import functools
import json
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Literal, Self

from core.template import Template

SCHEMA = 2
"""Version of every stored value; readers accept this one and the one before."""

T = typing.TypeVar("T")

OutcomeKind = Literal["answered", "partial", "refused", "failed"]
AudienceKind = Literal["public", "workspace", "channel", "person", "thread"]


class Grounding(StrEnum):
    """How firmly answers stand on documents.

    `OFF`: documents help, nothing is refused. `PREFER`: where documents are in reach, what they do
    not hold is refused. `REQUIRE`: without documents nothing is answered, and each sentence is shown
    only when a passage bears it out.
    """

    OFF = "off"
    PREFER = "prefer"
    REQUIRE = "require"


@dataclass(frozen=True, slots=True)
class ThreadId:
    """One conversation: the platform's name and the platform's own key for it."""

    platform: str
    key: str

    def __str__(self) -> str:
        return f"{self.platform}:{self.key}"


@dataclass(frozen=True, slots=True)
class Audience:
    """Who will see an answer, or who may see a document.

    Written ``public``, ``workspace:discord:GUILD``, ``channel:slack:C1``, ``person:slack:U1`` or
    ``thread:terminal:NAME``; `ref` is all that follows the kind.
    """

    kind: AudienceKind
    ref: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.ref}" if self.ref else self.kind

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the written form. Raises ValueError for anything else."""
        kind, colon, ref = text.partition(":")
        if (
            kind not in typing.get_args(AudienceKind)
            or bool(colon) != bool(ref)
            or (kind == "public") == bool(ref)
        ):
            raise ValueError(f"not an audience: {text!r}")
        return cls(typing.cast(AudienceKind, kind), ref)

    @classmethod
    def of_thread(cls, thread: ThreadId) -> Self:
        """The people of one thread: the audience of its attachments."""
        return cls("thread", str(thread))


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that came with a message. `url` is where its platform can download it from."""

    name: str
    url: str
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Addition:
    """What tells that a message is kept in the team's knowledge base, and not answered.

    `audience`, as written, may read it from then on. `source` is where it comes from, the same whenever it
    is added again; `url` leads there, `title` is that of the words, and `at` the Unix time they are from.
    Of one that `is_link` the `source` is the address of a page of the web, which is kept instead of words.
    """

    source: str
    title: str
    url: str = ""
    at: float = 0.0
    audience: str = ""
    is_link: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """A question as its platform accepted it. `id` is unique within the platform; `at` is Unix time.

    `quoted` is what the question points at and no turn holds: earlier messages, each as ``name: text``,
    oldest first. `persona`, `grounding` and `model` are those of the channel; empty takes the team's.
    `seen_by` are audiences, as written, whose documents everyone who will see the answer may see (see
    `core.audience`). One with an `addition` asks nothing. `trace` is the place in its trace where it was
    accepted (see `core.trace`).
    """

    id: str
    thread: ThreadId
    author: str
    text: str
    at: float
    author_name: str = ""
    attachments: tuple[Attachment, ...] = ()
    quoted: str = ""
    persona: str = ""
    grounding: str = ""
    seen_by: tuple[str, ...] = ()
    model: str = ""
    addition: Addition | None = None
    trace: str = ""


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document with what is needed to cite it.

    `id` is unique within the document; `section` is the index of the section that holds it;
    `anchor` is the place inside the document as a link wants it (``page=3``, an element id). `at` is the
    Unix time of a document of the team, as its file has it; a file of a thread has none.
    """

    id: str
    document: str
    title: str
    text: str
    section: int = 0
    heading: tuple[str, ...] = ()
    url: str = ""
    anchor: str = ""
    page: int | None = None
    at: float = 0.0

    @property
    def link(self) -> str:
        """Address of the very place, or of the document, or nothing."""
        return f"{self.url}#{self.anchor}" if self.url and self.anchor else self.url

    @property
    def place(self) -> str:
        """Where this stands, for people: ``handbook.pdf › Leave › New staff (page 3)``."""
        return _place(self.title, self.heading, self.page)


@dataclass(frozen=True, slots=True)
class Document:
    """A text that was read: an attachment of a thread or a document of the team.

    `id` is derived from the content of an attachment, and from the place of a document of the team;
    `sections` is how many sections it has; `notes` are sentences for people about what could not be read
    or was cut.
    """

    id: str
    title: str
    audience: Audience
    passages: tuple[Passage, ...]
    sections: int
    url: str = ""
    at: float = 0.0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """What was added to the team's knowledge base: a file, a folder or a page, by its address.

    All that it holds has its `audience`, and is not looked for at the paths `without`.
    """

    address: str
    audience: Audience
    at: float
    without: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of a document of the team without its text.

    `source` is the address of what it came from and `path` its place in that. `digest` is a hash of its
    bytes, and `stamp` tells without reading them that they are the same, where it is not empty.
    """

    id: str
    title: str
    audience: Audience
    path: str
    source: str
    digest: str
    stamp: str = ""
    url: str = ""
    at: float = 0.0
    passages: int = 0


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that a search found; a higher `score` is better, comparable within one search only.

    `nearness` is that of its meaning to the question's, at most 1, where both have vectors. What a reranker
    read is `reranked`: among such hits its order counts.
    """

    passage: Passage
    score: float
    nearness: float | None = None
    reranked: bool = False


@dataclass(frozen=True, slots=True)
class Spread:
    """Of how many `passages` how many hold each word; what is not in `holding` stands in none."""

    passages: int = 0
    holding: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Citation:
    """A source shown under an answer: always our own record of a passage that was sent."""

    title: str
    url: str = ""
    heading: tuple[str, ...] = ()
    page: int | None = None
    quote: str = ""
    at: float = 0.0

    @property
    def place(self) -> str:
        """As `Passage.place`."""
        return _place(self.title, self.heading, self.page)

    @property
    def label(self) -> str:
        """The place with the day (in UTC) of what stands there, where that is known."""
        return f"{self.place}, {datetime.fromtimestamp(self.at, UTC).date()}" if self.at else self.place


def _place(title: str, heading: tuple[str, ...], page: int | None) -> str:
    return " › ".join((title, *heading)) + (f" (page {page})" if page is not None else "")


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the backend counted them; our own count where we ended the stream; 0 where none is known."""

    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an accepted question ended.

    `answer` is the text as people saw it, without sources and notes. `why` is a sentence for people
    for every kind but ``answered``, where it tells what was kept of a message that asks nothing. `hits` are
    the passages that were sent, or for a refusal the nearest misses, of which `nearest` has our records,
    best first. `left_out` says in sentences what was not read. Times are in milliseconds from the moment the
    message was taken.
    """

    kind: OutcomeKind
    answer: str = ""
    why: str = ""
    citations: tuple[Citation, ...] = ()
    hits: tuple[Hit, ...] = ()
    nearest: tuple[Citation, ...] = ()
    left_out: tuple[str, ...] = ()
    usage: Usage = field(default_factory=Usage)
    finish_reason: str | None = None
    first_token_ms: float | None = None
    total_ms: float = 0.0
    replica: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """A question and its answer, as history keeps them.

    `answer` is the text exactly as the person saw it, without source trailer and notes; `attachments` came
    with the question, which may be asked again. `seen_by` is that of the message: what its answer was looked
    for in, and who may know that it was asked.
    """

    message_id: str
    question: str
    answer: str
    kind: OutcomeKind
    at: float
    author: str = ""
    author_name: str = ""
    citations: tuple[Citation, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    seen_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a person thinks of the answer to a message: whether it helped, and why, in their words."""

    message_id: str
    author: str
    helped: bool
    at: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to continue a prompt. ``temperature`` 0 means greedy; None leaves a value to the engine.

    `replica` names the one that keeps a slot for this, if any: another is asked only when it fails. `trace`
    is the place in the message's trace under which engines may trace what they do.
    """

    max_new_tokens: int
    temperature: float = 0.0
    top_p: float | None = None
    top_k: int | None = None
    repetition_penalty: float | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    replica: str = ""
    trace: str = ""


@dataclass(frozen=True, slots=True)
class Finish:
    """How a stream ended: `reason` is ``eos_token``, ``stop_sequence`` or ``length``."""

    reason: str
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of a stream: text (may be empty), who says it, and on the last one only how it ended."""

    text: str
    finish: Finish | None = None
    replica: str = ""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far an answer has come: noted before each write, so that another worker can go on from there.

    `text` is all that the model said to the prompt with the digest `prompt`, `shown` what may be seen of
    it, and `ended` how its stream ended once it did. `starts` are the offsets in `shown` where the pages
    begin; the last one is open. It shows the text up to `stands` for certain, and is about to show
    `page`, which ends at `end`; `final` says that this is the last word on it. `before` and `after` are
    what Markdown leaves open where that page begins and ends, as `core.markdown.noted` writes it.

    When all pages stand there is the `outcome` instead, with the question as history keeps it.
    """

    text: str = ""
    prompt: str = ""
    shown: str = ""
    ended: Finish | None = None
    starts: tuple[int, ...] = (0,)
    before: str = ""
    stands: int = 0
    page: str = ""
    end: int = 0
    after: str = ""
    final: bool = False
    outcome: Outcome | None = None
    question: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a backend can take, in tokens: prompt + answer <= window, prompt <= max_input.

    `template` is the model's own, where the backend was asked for it.
    """

    model: str
    window: int
    max_input: int
    max_concurrent: int = 128
    raw_text: bool = True
    template: Template | None = None


@dataclass(frozen=True, slots=True)
class PageProfile:
    """What one page of a platform may hold, and how its pages are written.

    `limit` counts what `render` makes of a page's Markdown, in the unit of `measure`. `growth` is what
    rendering usually adds for such a character, in the same unit, and `tables` whether it keeps their
    rows or draws them as aligned code: with these it is known without rendering where a page may end.
    `editable` pages may be replaced, others only appended to. `pace` is the least time between two
    writes and `max_age` the longest that a page may grow, in seconds; `bucket` names what counts the
    writes of several replies together. A reply has at most `max_pages`; beyond, its text is attached.
    """

    limit: int | None
    measure: Literal["code_points", "utf8_bytes"] = "code_points"
    render: Callable[[str], str] = str
    growth: Mapping[str, int] = field(default_factory=dict)
    tables: Literal["rows", "code"] = "rows"
    editable: bool = True
    pace: float = 1.0
    max_age: float | None = None
    max_pages: int | None = None
    bucket: str = ""


def encode(value: Any) -> str:
    """One line of JSON for a value of this module, with its schema version."""
    return _ENCODER.encode({"v": SCHEMA, "value": value})


def decode(kind: type[T], text: str | bytes) -> T:
    """The value that `encode` wrote.

    Unknown fields are passed over, so that one can be taken away without a new version, and fields
    that are missing take their defaults: version 1 knew no `Turn.author`. Raises ValueError for JSON
    that is not such a value, and for a version that this release does not know.
    """
    stored = json.loads(text)
    if not isinstance(stored, dict) or stored.get("v") not in (SCHEMA - 1, SCHEMA):
        raise ValueError(f"not a stored {kind.__name__} of this release or the one before")
    try:
        return typing.cast(T, _build(kind, stored["value"]))
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a stored {kind.__name__}") from error


def _build(kind: Any, raw: Any) -> Any:
    build = _builder(kind)
    return raw if build is None else build(raw)


@functools.cache
def _builder(kind: Any) -> Callable[[Any], Any] | None:
    """What makes a value of this type of what JSON has for it; None where that is the same."""
    if dataclasses.is_dataclass(kind):
        return functools.partial(_build_value, kind)
    of, origin = [arg for arg in typing.get_args(kind) if arg is not type(None)], typing.get_origin(kind)
    inner = _builder(of[0]) if origin in (tuple, types.UnionType, typing.Union) else None
    if origin is tuple:
        return tuple if inner is None else lambda raw: tuple(map(inner, raw))
    return inner and (lambda raw: None if raw is None else inner(raw))


def _build_value(kind: Any, raw: dict[str, Any]) -> Any:
    return kind(
        **{
            name: raw[name] if build is None else build(raw[name])
            for name, build in _builders(kind)
            if name in raw
        }
    )


@functools.cache
def _builders(kind: Any) -> list[tuple[str, Callable[[Any], Any] | None]]:
    """The fields of a value of this module, and what makes each."""
    return [(name, _builder(each)) for name, each in typing.get_type_hints(kind).items()]


@functools.cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


def _plain(value: Any) -> dict[str, Any]:
    """A value of this module for the JSON encoder, which comes back for those inside."""
    return {name: getattr(value, name) for name in _names(value.__class__)}


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_plain)
