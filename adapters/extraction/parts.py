"""What a reader makes of a file: parts, notes, or the reason why not."""

import re
from collections.abc import Iterable
from typing import NamedTuple


class Part(NamedTuple):
    """As `core.ports.Block`, without the cost of importing the core into the worker."""

    markdown: str
    page: int | None = None
    label: str = ""
    anchor: str = ""


class Note(str):
    """A sentence for people about what was cut or lost; a reader may yield it among its parts."""

    __slots__ = ()


MORE = Note("There was more.")
"""Yielded last by a reader that left the rest of a file out; `clip` says how much was read."""


class Reading(NamedTuple):
    """The text of a file, in order, and sentences for people about what was cut or lost."""

    parts: list[Part]
    notes: list[str]


class Refused(Exception):
    """This file cannot be read; the text completes the sentence "I cannot read NAME: it ...".

    It says what is wrong and then what to do.
    """


PROTECTED = "is protected by a password, so please send a copy without one"
DAMAGED = "is damaged or incomplete, so please save it again and send the new copy"

PART_CHARS = 900
"""Rows and lines of code are cut at about the size of one passage, so that a passage that a model
sees alone still has its header row, its fence and its own line numbers."""

_STRUCTURE = re.compile(r"^( {0,3})(#{1,6}(?=\s|$)|```|~~~|(?:=+|-+)[ \t]*$)", re.MULTILINE)
_UNWANTED = {
    **dict.fromkeys([*range(32), *range(0x7F, 0xA0)]),
    **dict.fromkeys([*range(0xD800, 0xE000), *range(0xFDD0, 0xFDF0), 0xFEFF]),
    **dict.fromkeys([plane << 16 | low for plane in range(17) for low in (0xFFFE, 0xFFFF)]),
}
for _kept in "\n\t":
    del _UNWANTED[ord(_kept)]
for _line_end in "\v\f\x1c\x1d\x1e\x85":  # what `str.splitlines` takes for one
    _UNWANTED[ord(_line_end)] = ord("\n")


def clean(text: str) -> str:
    """`text` with all line ends as ``\\n`` and without characters that are no text: controls, halves of
    surrogate pairs, non-characters."""
    return text.replace("\r\n", "\n").replace("\r", "\n").translate(_UNWANTED)


def literal(text: str) -> str:
    """Plain text as Markdown: what would read as a heading, a fence or an underline is escaped.

    Nothing else is, because the model and the person who checks a quote should see the words as they stand.
    """
    return _STRUCTURE.sub(r"\1\\\2", text)


def fenced(text: str, language: str) -> str:
    """`text` as a code block whose fence is longer than any run of backticks in it."""
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def clip(parts: Iterable[Part | Note], most_chars: int, most_parts: int) -> Reading:
    """The first `most_chars` characters in at most `most_parts` parts, cleaned, without those that are empty.

    Notes say where there was more, and which pages hold no text.
    """
    kept: list[Part] = []
    notes: list[str] = []
    blank: list[int] = []
    left = most_chars
    more = False
    for part in parts:
        if isinstance(part, Note):
            more |= part is MORE
            notes += [part] if part is not MORE else []
            continue
        text = clean(part.markdown).strip("\n")
        if not text.strip():
            blank += [part.page] if part.page is not None else []
            continue
        if left and len(kept) < most_parts:
            kept.append(part._replace(markdown=text[:left]))
            left -= len(kept[-1].markdown)
            more = len(text) > len(kept[-1].markdown)
        else:
            more = True
        if more:
            break
    if more:
        notes.append(f"Only the first {most_chars - left:,} characters were read.")
    if blank:
        which = ", ".join(map(str, blank[:10])) + (" and others" if len(blank) > 10 else "")
        notes.append(f"Page {which} holds no text." if len(blank) == 1 else f"Pages {which} hold no text.")
    return Reading(kept, notes)
