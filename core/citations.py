"""The source of an answer: read what the model names, keep only what was really sent.

The forms of trailer are those of models trained on the airoboros closed-context data: ``Source:``,
``Sources:``, ``Reference(s):``, ``Citation(s):``, ``[references]``, bold or not, on a line of their own or
behind the last sentence, with pairs one to a line or in a row, bullets, JSON, a bare title or
address. What people are shown comes from our own record, never from the model's text.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from core.evidence import bears_out, best_sentence
from core.terms import sentences
from core.types import Citation, Passage

_KEYWORDS = ("sources", "references", "reference(s)", "citations", "citation(s)", "source(s)")
_KEYWORD = r"(?:sources?|source\(s\)|references?|reference\(s\)|citations?|citation\(s\))"
# Every part has a greatest length, so that what must be held back of a stream has one too.
_TRAILER = re.compile(
    rf"""(?:^|\n) [ \t]{{0,8}} [-*\#>_\[(]{{0,6}} [ \t]{{0,4}} (?i:{_KEYWORD}) [\])*_]{{0,6}} [ \t]{{0,4}}
         (?: : [*_]{{0,4}} | (?=\n|\Z) )
       | (?<=[.!?:;)”"’\]]) [ \t]{{1,8}} [*_\[(]{{0,6}} (?=[A-Z]) (?i:{_KEYWORD}) [\])*_]{{0,6}} [ \t]{{0,4}}
         : [*_]{{0,4}}""",
    re.VERBOSE,
)
_TRAILER_BEGINS = re.compile(
    r"""(?: (?:^|\n) [ \t]{0,8} | (?<=[.!?:;)”"’\]]) [ \t]{1,8} )
        [-*\#>_\[(]{0,6} [ \t]{0,4} ([A-Za-z]*(?:\(s?\)?)?) [\])*_]{0,6} [ \t]{0,4} \Z""",
    re.VERBOSE,
)
_NUMBER = r"S?[1-9]\d?"
_MARK = re.compile(
    rf"[ \t]?\[({_NUMBER}(?:[ \t]?,[ \t]?{_NUMBER}){{0,8}})\]|[ \t]?\((S\d{{1,2}})\)", re.ASCII
)
_MARK_BEGINS = re.compile(r"[ \t]?(?:\[[S\d, \t]{0,60}|\((?:S\d{0,2})?)?\Z", re.ASCII)
_LONGEST_BEGINNING = 64


class SourceFilter:
    """Takes the source trailer and the marks like [1] out of a stream of text; in code, marks stay.

    `feed` returns what may be shown; what could still become a trailer or a mark is held back.
    After `close`, `trailer` is the text of the trailer and `marks` the numbers that were marked.
    """

    def __init__(self) -> None:
        self.trailer = ""
        self.marks: list[int] = []
        self._said: list[str] = []  # what was let through, before its marks were taken out
        self._before = ""  # the last character of it: what comes next depends on it
        self._held = ""
        self._backticks = 0
        self._in_trailer = False

    def feed(self, piece: str) -> str:
        if self._in_trailer:
            self.trailer += piece
            return ""
        self._held += piece
        text = self._before + self._held
        found = self._begins(text)
        if not found:
            return self._show(text, self._safe(text))
        if found.end() < len(text):  # at the end it may still grow: "Source" is not yet "Sourcery"
            self._in_trailer = True
            self.trailer = text[found.end() :]
        return self._show(text, found.start())

    def close(self) -> str:
        """The rest that may be shown, now that nothing follows."""
        if self._in_trailer:
            return "" if "".join(self._said).strip() else self._behind_trailer()
        text = self._before + self._held
        found = self._begins(text)
        return self._show(text, found.start() if found else len(text))

    def _begins(self, text: str) -> re.Match[str] | None:
        """Where the trailer begins, if it does: in a code block ``source:`` is a key like others."""
        start = len(self._before)
        for found in _TRAILER.finditer(text, start):
            if "".join((*self._said, text[start : found.start()])).count("```") % 2 == 0:
                return found
        return None

    def _behind_trailer(self) -> str:
        """The answer of a model that names its source first: all from the next line that names none."""
        lines = self.trailer.splitlines(keepends=True)
        named = next((i + 1 for i, line in enumerate(lines) if line.strip()), len(lines))
        while named < len(lines) and (not lines[named].strip() or _names_source(lines[named])):
            named += 1
        self.trailer, answer = "".join(lines[:named]), "".join(lines[named:])
        return _MARK.sub(self._note, answer)

    def _safe(self, text: str) -> int:
        """Up to where the text cannot become part of a trailer or a mark any more."""
        start = max(len(self._before), len(text) - _LONGEST_BEGINNING)
        mark = _MARK_BEGINS.search(text, start)
        safe = mark.start() if mark else len(text)
        begins = _TRAILER_BEGINS.search(text, start)
        if begins and any(word.startswith(begins[1].lower()) for word in _KEYWORDS):
            return min(safe, begins.start())
        return safe

    def _show(self, text: str, end: int) -> str:
        shown = text[len(self._before) : end]
        self._said.append(shown)
        self._before, self._held = text[:end][-1:], text[end:]
        stretches = shown.split("`")  # every other one is code
        for i, stretch in enumerate(stretches):
            if (self._backticks + i) % 2 == 0:
                stretches[i] = _MARK.sub(self._note, stretch)
        self._backticks += len(stretches) - 1
        return "`".join(stretches)

    def _note(self, mark: re.Match[str]) -> str:
        self.marks += (int(number.strip(" \tS")) for number in (mark[1] or mark[2]).split(","))
        return ""


def _names_source(line: str) -> bool:
    return bool(_PAIR.match(line) or _IDENTIFIERS.match(line) or _ADDRESS.match(line.strip()))


@dataclass(frozen=True, slots=True)
class Named:
    """What a model named as its sources: numbers of passages sent, and how many it made up."""

    numbers: tuple[int, ...]
    unresolved: int


def resolve(trailer: str, marks: Sequence[int], passages: Sequence[Passage]) -> Named:
    """Match a trailer and marks with the passages that were sent, numbered from 1.

    A group of pairs counts for a passage when its identifier, its address or its title is that
    passage's own; anything else is unresolved.
    """
    numbers: list[int] = []
    unresolved = 0
    for mark in marks:
        if 1 <= mark <= len(passages):
            numbers.append(mark)
        else:
            unresolved += 1
    for group in _groups(trailer):
        matched = _match(group, passages)
        numbers += matched
        unresolved += not matched
    return Named(tuple(dict.fromkeys(numbers)), unresolved)


def cite(
    answer: str, question: str, passages: Sequence[Passage], named: Sequence[int] = ()
) -> tuple[Citation, ...]:
    """The sources to show under an answer: passages that bear it out, those the model named first.

    A passage is cited only for a sentence that it supports; each sentence counts for the first
    passage that does. An answer that no passage bears out has no source.
    """
    named_first = [passages[n - 1] for n in named]
    order = [*named_first, *(p for p in passages if p not in named_first)]
    cited: dict[str, Citation] = {}
    for sentence in sentences(answer):
        bearing = next((p for p in order if bears_out(p, sentence, question)), None)
        if bearing is not None and bearing.id not in cited:
            cited[bearing.id] = citation(bearing, f"{sentence} {question}")
    return tuple({(c.title, c.heading, c.page): c for c in reversed(cited.values())}.values())[::-1]


def citation(passage: Passage, wanted: str) -> Citation:
    """Our record of a passage as a source, with its sentence nearest to `wanted` as the quote."""
    quote = best_sentence(passage.text, wanted)
    return Citation(passage.title, passage.link, passage.heading, passage.page, quote)


# --- Reading a trailer ------------------------------------------------------------------------------

_PAIR = re.compile(r"^[\s\-*•>#\d.)\"']*([A-Za-z][\w /-]{0,30}?)\**[\"']?\s*[:=]\**\s*(.+)$")
_NEXT_PAIR = re.compile(r"[,;]\s+(?=[A-Za-z][\w -]{0,24}:\s)")
_ADDRESS = re.compile(r"https?://[^\s<>\"'\]}]+", re.IGNORECASE)
_IDENTIFIERS = re.compile(
    r"^\W*(?:(?:source|identifier|and)\W*)*(?:S?\d{1,2}\b\W*(?:and\W*)?)+$", re.IGNORECASE
)
_IDENTIFIER_KEYS = ("", "source identifier", "source identifiers", "source", "identifier", "id")
_BULLET = re.compile(r"^\s*(?:[-*•]|\d+[.)]|\[\d+\])\s+")
_NONE = re.compile(r"\b(?:no|not|none|unavailable|n/a)\b", re.IGNORECASE)
_Group = list[tuple[str, str]]


def _groups(trailer: str) -> Iterator[_Group]:
    """The trailer as groups of pairs, one group per source; a bare line has the key ""."""
    try:
        value = json.loads(re.sub(r"^```\w*|```$", "", trailer.strip()).strip())
    except (ValueError, RecursionError):
        yield from _line_groups(trailer)
    else:
        yield from _json_groups(value)


def _line_groups(trailer: str) -> Iterator[_Group]:
    group: _Group = []
    for line in trailer.splitlines():
        if not line.strip() or (_BULLET.match(line) and not _PAIR.match(line)):
            if group:
                yield group
            group = []
        for piece in _NEXT_PAIR.split(line.strip()):
            key, value = _pair(piece)
            if not value or (not key and _NONE.search(value)):
                continue
            if any(key == known for known, _ in group):
                yield group
                group = []
            group.append((key, value))
    if group:
        yield group


def _pair(piece: str) -> tuple[str, str]:
    piece = piece.strip().removesuffix(",").rstrip()
    found = _PAIR.match(piece)
    if found and not found[1].lower().startswith("http"):
        return found[1].strip().lower(), found[2]
    return "", _BULLET.sub("", piece).strip(" \t*`_")


def _json_groups(value: Any) -> Iterator[_Group]:
    waiting = [value]
    while waiting:  # no recursion: a model can nest deeper than Python
        item = waiting.pop()
        if isinstance(item, list):
            waiting += reversed(item)
        elif isinstance(item, dict):
            waiting += (v for v in reversed(item.values()) if isinstance(v, list | dict))
            pairs = [(str(k).lower(), str(v)) for k, v in item.items() if not isinstance(v, list | dict)]
            if pairs:
                yield pairs
        elif isinstance(item, str | int):
            yield [("", str(item))]


def _match(group: _Group, passages: Sequence[Passage]) -> list[int]:
    """Numbers of the passages that a group means; none when it contradicts our records."""
    for key, value in group:
        if key in _IDENTIFIER_KEYS and _IDENTIFIERS.match(value):
            numbers = (int(number) for number in re.findall(r"\d+", value))
            return [number for number in numbers if 1 <= number <= len(passages)]
    text = " ".join(value for _, value in group)
    addresses = {_plain_address(address) for address in _ADDRESS.findall(text)}
    if addresses:
        return [n for n, p in enumerate(passages, 1) if p.url and addresses & _own_addresses(p)]
    said = {_plain(value) for _, value in group}
    titled = [n for n, p in enumerate(passages, 1) if _titled(p, said)]
    narrowed = [n for n in titled if said & {_plain(h) for h in _headings(passages[n - 1])}]
    return narrowed or titled[:1]


def _titled(passage: Passage, said: set[str]) -> bool:
    title = _plain(passage.title)
    return any(value == title or (len(title) > 3 and title in value) for value in said)


def _headings(passage: Passage) -> tuple[str, ...]:
    return (*passage.heading, " > ".join(passage.heading), " › ".join(passage.heading))


def _own_addresses(passage: Passage) -> set[str]:
    return {_plain_address(passage.url), _plain_address(passage.link)}


def _plain_address(address: str) -> str:
    return address.rstrip(".,;:!?)*_/").casefold()


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[^\w.>›]+", " ", text).casefold().split()).strip(".")
