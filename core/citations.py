"""The source of an answer: match what the model named, keep only what was really sent.

A model names a source in pairs, one to a line or in a row, in bullets, in JSON, by a bare title, an
address or a number. What people are shown comes from our own record, never from the model's text.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from core.claims import bearing
from core.evidence import best_sentence
from core.prompt import clean
from core.terms import sentences
from core.types import Citation, Passage


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
    said = list(marks)
    for group in _groups(_without_cut_address(trailer[:_LONGEST_TRAILER], passages)):
        said += _match(group, passages) or [0]
    known = [number for number in said if 1 <= number <= len(passages)]
    return Named(tuple(dict.fromkeys(known)), len(said) - len(known))


def cite(
    answer: str, question: str, passages: Sequence[Passage], named: Sequence[int] = ()
) -> tuple[Citation, ...]:
    """The sources to show under an answer: passages that bear it out, those the model named first.

    A passage is cited only for a sentence, or a clause of one, that it supports; each counts for the
    first passage that does. An answer that no passage bears out has no source.
    """
    named_first = [passages[n - 1] for n in named]
    order = [*named_first, *(p for p in passages if p not in named_first)]
    cited: dict[tuple[object, ...], Citation] = {}
    for sentence in sentences(answer):
        for found in bearing(order, sentence, question):
            place = (found.document, found.title, found.heading, found.page)
            if place not in cited:
                cited[place] = citation(found, f"{sentence} {question}")
    return tuple(cited.values())


def citation(passage: Passage, wanted: str) -> Citation:
    """Our record of a passage as a source, with its sentence nearest to `wanted` as the quote.

    None of it holds characters that nobody sees: a title could turn round what is shown beside it.
    """
    quote = clean(best_sentence(passage.text, wanted))
    heading = tuple(map(clean, passage.heading))
    return Citation(clean(passage.title), passage.link, heading, passage.page, quote, passage.at)


def numbered(citations: Sequence[Citation], most: int | None = None) -> list[tuple[str, Citation]]:
    """The first `most` sources, each with what it is called: ``Source``, or of several ``Source 1``, ..."""
    called = ("Source",) if len(citations) == 1 else (f"Source {n}" for n in count(1))
    return list(zip(called, citations[:most], strict=False))


# --- Reading a trailer ------------------------------------------------------------------------------

_LONGEST_TRAILER = 100_000
"""Characters; what stands behind them names nothing any more."""
_PAIR = re.compile(r"^[\s\-*•>#\d.)\"']*([A-Za-z][\w /-]{0,30}?)\**[\"']?\s*[:=]\**\s*(.+)$")
_NEXT_PAIR = re.compile(r"[,;]\s+(?=[A-Za-z][\w -]{0,24}:\s)")
_ADDRESS = re.compile(r"https?://[^\s<>\"'\]}]+", re.IGNORECASE)
_CUT_ADDRESS = re.compile(r"https?:[^\s<>\"'\]}]*\Z", re.IGNORECASE)
_IDENTIFIERS = re.compile(
    r"^\W*(?:(?:source|identifier|and)\W*)*(?:S?\d{1,2}\b\W*(?:and\W*)?)+$", re.IGNORECASE
)
_IDENTIFIER_KEYS = ("", "source identifier", "source identifiers", "source", "identifier", "id")
_BULLET = re.compile(r"^\s*(?:[-*•]|\d+[.)]|\[\d+\])\s+")
_NONE = re.compile(r"\b(?:no|not|none|unavailable|n/a)\b", re.IGNORECASE)
_PAGE = re.compile(r"\bp(?:ages?)?\.?\s*(\d{1,5})\b", re.IGNORECASE)
_FENCE = re.compile(r"^\s*```\w*\s*$", re.MULTILINE)
_Group = list[tuple[str, str]]


def _without_cut_address(trailer: str, passages: Sequence[Passage]) -> str:
    """The trailer without an address at its very end that the limit of the answer cut off."""
    trailer = trailer.rstrip()
    cut = _CUT_ADDRESS.search(trailer)
    begun = _plain_address(cut[0]) if cut else ""
    own = {address for passage in passages for address in _own_addresses(passage)}
    cut_off = begun not in own and any(address.startswith(begun) for address in own)
    return trailer[: cut.start()] if cut and cut_off else trailer


def _groups(trailer: str) -> Iterator[_Group]:
    """The trailer as groups of pairs, one group per source; a bare line has the key ""."""
    text = _FENCE.sub("", trailer).strip()
    while text[:1] in ("{", "["):
        try:
            value, end = _JSON.raw_decode(text)
        except (ValueError, RecursionError):
            break
        if not any(isinstance(item, str | dict | list) for item in value):
            break  # "[1] handbook.pdf"
        yield from _json_groups(value)
        text = text[end:].lstrip(", \n")
    yield from _line_groups(text)


_JSON = json.JSONDecoder()


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
            return [int(number) for number in re.findall(r"\d+", value)]
    text = " ".join(f"{key} {value}" for key, value in group)
    addresses = {_plain_address(address) for address in _ADDRESS.findall(text)}
    if addresses:
        return [n for n, p in enumerate(passages, 1) if p.url and addresses & _own_addresses(p)]
    said = {_plain(value) for _, value in group}
    pages = {int(number) for number in _PAGE.findall(text)}
    return [n for title in _titles(said, passages) for n in _of_title(title, said, pages, passages)]


def _titles(said: set[str], passages: Sequence[Passage]) -> list[str]:
    """The titles that a group names; one that is a part of another only counts by itself."""
    titles = dict.fromkeys(_plain(passage.title) for passage in passages)
    found = [title for title in titles if any(_within(title, value) for value in said)]
    return [
        title
        for title in found
        if title in said or not any(title != other and _within(title, other) for other in found)
    ]


def _within(title: str, text: str) -> bool:
    return title == text != "" or (len(title) > 3 and f" {title} " in f" {text} ")


def _of_title(title: str, said: set[str], pages: set[int], passages: Sequence[Passage]) -> list[int]:
    """The passages with this title that stand at the place which is named, or the first of them."""
    titled = [(n, p) for n, p in enumerate(passages, 1) if _plain(p.title) == title]
    headed = [n for n, p in titled if said & {_plain(heading) for heading in _headings(p)}]
    on_page = [n for n, p in titled if p.page in pages]
    return headed or on_page or [titled[0][0]]


def _headings(passage: Passage) -> tuple[str, ...]:
    return (*passage.heading, " > ".join(passage.heading), " › ".join(passage.heading))


def _own_addresses(passage: Passage) -> set[str]:
    return {_plain_address(passage.url), _plain_address(passage.link)} - {""}


def _plain_address(address: str) -> str:
    return address.rstrip(".,;:!?)*_/").casefold()


def _plain(text: str) -> str:
    text = clean(text)  # as it was sent
    return " ".join(re.sub(r"[^\w.>›]+", " ", text).casefold().split()).strip(".")
