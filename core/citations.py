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
_TRAILER = re.compile(
    rf"""(?:^|\n) [ \t]* [-*\#>_\[(]* [ \t]* (?i:{_KEYWORD}) [\])*_]* [ \t]* (?: : [*_]* | (?=\n|\Z) )
       | (?<=[.!?:;)”"’\]]) [ \t]+ [*_\[(]* (?=[A-Z]) (?i:{_KEYWORD}) [\])*_]* [ \t]* : [*_]*""",
    re.VERBOSE,
)
_TRAILER_BEGINS = re.compile(
    r"(?:^|\n|(?<=[.!?:;)”\"’\]])[ \t])[ \t]*[-*#>_\[(]*[ \t]*([A-Za-z]*(?:\(s?\)?)?)[\])*_]*[ \t]*\Z"
)
_MARK = re.compile(r"[ \t]?\[(S?\d{1,2}(?:\s*,\s*S?\d{1,2})*)\]|[ \t]?\((S\d{1,2})\)")
_MARK_BEGINS = re.compile(r"[ \t]*(?:[\[(](?:S?[\dS, ]{0,12})?)?\Z")
_LONGEST_BEGINNING = 32


class SourceFilter:
    """Takes the source trailer and the marks like [1] out of a stream of text.

    `feed` returns what may be shown; what could still become a trailer or a mark is held back.
    After `close`, `trailer` is the text of the trailer and `marks` the numbers that were marked.
    """

    def __init__(self) -> None:
        self.trailer = ""
        self.marks: list[int] = []
        self._text = ""
        self._shown = 0
        self._in_trailer = False

    def feed(self, piece: str) -> str:
        if self._in_trailer:
            self.trailer += piece
            return ""
        self._text += piece
        found = _TRAILER.search(self._text, max(0, self._shown - 1))
        if found and found.end() == len(self._text):  # may still grow: "Source" is not yet "Sourcery"
            return self._show(found.start())
        if found:
            self._in_trailer = True
            self.trailer = self._text[found.end() :]
            return self._show(found.start())
        return self._show(self._safe())

    def close(self) -> str:
        """The rest that may be shown, now that nothing follows."""
        if self._in_trailer:
            return ""
        found = _TRAILER.search(self._text, max(0, self._shown - 1))
        return self._show(found.start() if found else len(self._text))

    def _safe(self) -> int:
        """Up to where the text cannot become part of a trailer or a mark any more."""
        start = max(self._shown, len(self._text) - _LONGEST_BEGINNING)
        safe = len(self._text)
        begins = _TRAILER_BEGINS.search(self._text, start)
        if begins and any(word.startswith(begins[1].lower()) for word in _KEYWORDS):
            safe = begins.start()
        mark = _MARK_BEGINS.search(self._text, start)
        return min(safe, mark.start()) if mark else safe

    def _show(self, end: int) -> str:
        text, self._shown = self._text[self._shown : max(end, self._shown)], max(end, self._shown)
        return _MARK.sub(self._note, text) if "[" in text or "(" in text else text

    def _note(self, mark: re.Match[str]) -> str:
        self.marks += (int(number.strip(" S")) for number in (mark[1] or mark[2]).split(","))
        return ""


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

_PAIR = re.compile(r"^[\s\-*•>#\d.)\"']*\**([A-Za-z][\w /-]{0,30}?)\**[\"']?\s*[:=]\**\s*(.+?)\s*,?\s*$")
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
    except ValueError:
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
    found = _PAIR.match(piece)
    if found and not found[1].lower().startswith("http"):
        return found[1].strip().lower(), found[2]
    return "", _BULLET.sub("", piece).strip(" \t*`_")


def _json_groups(value: Any) -> Iterator[_Group]:
    if isinstance(value, list):
        for item in value:
            yield from _json_groups(item)
    elif isinstance(value, dict):
        nested = [v for v in value.values() if isinstance(v, list | dict)]
        yield from (group for item in nested for group in _json_groups(item))
        pairs = [(str(k).lower(), str(v)) for k, v in value.items() if not isinstance(v, list | dict)]
        if pairs:
            yield pairs
    elif isinstance(value, str | int):
        yield [("", str(value))]


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
